"""The page of doubtful labels: ranked, decided about and taken back by keys, written, trained with."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Label, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.doubts import KEEP, OUT
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cae_tui.screens.doubts import ClassScreen, DoubtsScreen
from cae_tui.widgets.doubt_images import DoubtImages
from cae_tui.widgets.doubt_table import DoubtTable
from cae_tui.widgets.spec_form import SpecForm
from engine.data.cache import load
from engine.data.label_file import Decision, Row, read_labels, write_labels
from engine.evaluation import folds
from engine.specs.data_files import DataFiles
from tests.cae_tui.conftest import until
from tests.pictures import a_set, write_folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", a_set(8, 3, ("bird", "cat", "dog")))


@pytest.fixture
def app(reading_app: CaeApp, pets: Path, monkeypatch: pytest.MonkeyPatch) -> CaeApp:
    monkeypatch.setattr(folds, "LEAST_STEPS", 10)
    reading_app.keep_draft("data", {"data": str(pets)})
    return reading_app


async def opened(app: CaeApp, pilot: Pilot[Any]) -> DoubtsScreen:
    app.action_data()
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.crumbs == ("Data", "pets"))
    await pilot.press("d")
    await until(pilot, lambda: isinstance(app.screen, DoubtsScreen) and app.screen.view is not None)
    page = app.screen
    assert isinstance(page, DoubtsScreen)
    await until(pilot, lambda: page.query_one(DoubtImages).found is not None)
    return page


def decided(page: DoubtsScreen) -> str:
    return str(page.query_one("#decided", Label).render())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_labels_are_ranked_beside_the_image_under_the_cursor(size: tuple[int, int], app: CaeApp) -> None:
    async with app.run_test(size=size) as pilot:
        page = await opened(app, pilot)
        assert page.crumbs == ("Data", "pets", "Doubtful labels")
        table = page.query_one(DoubtTable)
        assert table.row_count == 24
        scores = [line.score for line in table.lines]
        assert scores == sorted(scores)
        titles = [head.title for head in table.heads()]
        assert [title for title in titles if title not in ("", "image", "decision")] == ["given", "suggested", "sure"]
        assert ("decision" in titles) == (size[0] > 80)  # there a sign in the margin tells
        assert sum(head.width + table.PADDING for head in table.heads()) <= table.room
        first = table.line
        assert first is not None
        about = str(page.query_one("#about", Static).render())
        assert first.called.rpartition("/")[2] in about
        assert "not decided" in about
        before = page.query_one(DoubtImages).found
        await pilot.press("down")
        await until(pilot, lambda: page.query_one(DoubtImages).found is not before)
        assert "Nothing is decided" in decided(page)


async def test_each_decision_is_taken_back_by_the_same_key(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        line = page.query_one(DoubtTable).line
        assert line is not None
        for key, decision, words in (
            ("k", KEEP, "✓ 1 kept"), ("r", line.suggested, "→ 1 relabelled"), ("x", OUT, "✗ 1 left out"),
        ):  # fmt: skip
            await pilot.press(key)
            assert page.decisions == {line.row: decision}
            assert words in decided(page)
            assert page.query_one(DoubtTable).text_of(0)[-1] in ("keep", "leave out", "bird", "cat", "dog")
            await pilot.press(key)
            assert page.decisions == {}
        await pilot.press("k", "x")
        assert page.decisions == {line.row: OUT}  # one decision takes the place of another
        await pilot.press("x", "o")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen))
        labels = [label for label in range(3) if label != line.given]
        other = next(label for label in labels if label != line.suggested)
        await pilot.press("down" if labels.index(other) else "up", "enter")
        await until(pilot, lambda: page.decisions == {line.row: other})
        await pilot.press("o")
        await until(pilot, lambda: page.decisions == {})
        await pilot.press("k", "n")
        assert page.query_one(DoubtTable).cursor_row == 1


async def test_decisions_are_written_read_again_and_trained_with(app: CaeApp, pets: Path, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(app, pilot)
        lines = page.query_one(DoubtTable).lines
        await pilot.press("r", "down", "x", "down", "k", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        assert app.screen.query_one(Input).value == "./pets-labels.csv"
        (tmp_path / "taken.csv").write_text("mine")
        app.screen.query_one(Input).value = str(tmp_path / "taken.csv")
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(".problem")))
        assert "already exists and is not overwritten" in str(app.screen.query_one(".problem", Label).render())
        target = tmp_path / "labels.csv"
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page and not page.unwritten)
        assert (tmp_path / "taken.csv").read_text() == "mine"
        assert "written in labels.csv" in decided(page)
        whole = load(DataFiles(str(pets)))
        found = read_labels(target, whole)
        assert found.corrections.training == tuple(sorted([(lines[0].row, lines[0].suggested), (lines[1].row, -1)]))
        assert len(found.decisions) == 3
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, SpecPage))
        values = app.screen.query_one(SpecForm).values
        assert (values["data"], values["labels_from"]) == (str(pets), str(target))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        assert app.data_set.files == DataFiles(str(pets), labels_from=target).absolute()  # other forms begin so too
        await pilot.press("x", "w")  # in place of keep; the page's own file may be replaced
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page and not page.unwritten)
        assert len(read_labels(target, whole).corrections.training) == 3
    app.keep_draft("data", {"data": str(pets), "labels_from": str(target)})


async def test_a_file_that_is_in_use_is_gone_on_with(app: CaeApp, pets: Path, tmp_path: Path) -> None:
    target = tmp_path / "labels.csv"
    async with app.run_test(size=(100, 30)) as pilot:
        page = await opened(app, pilot)
        row = page.query_one(DoubtTable).lines[3].row
        await pilot.press("down", "down", "down", "x", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page and not page.unwritten)
        again = DoubtsScreen(DataFiles(str(pets), labels_from=target), "pets")
        app.push_screen(again)
        await until(pilot, lambda: again.view is not None)
        assert again.decisions == {row: OUT}
        assert not again.unwritten
        assert again.path == target


async def test_lines_that_are_not_decided_stay_in_a_file_and_one_that_was_changed_is_not_replaced(
    app: CaeApp, pets: Path, tmp_path: Path
) -> None:
    target, whole = tmp_path / "labels.csv", load(DataFiles(str(pets)))
    rows = [Row("training", place, place // 8, (place // 8 + 1) % 3, 0.5) for place in range(24)]
    write_labels(target, whole, [rows[5]._replace(decision=Decision(keep=False)), *rows[:5], *rows[6:]])
    async with app.run_test(size=(120, 40)) as pilot:
        page = DoubtsScreen(DataFiles(str(pets), labels_from=target), "pets")
        app.push_screen(page)
        await until(pilot, lambda: page.view is not None)
        assert page.decisions == {5: OUT}
        first = next(line.row for line in page.query_one(DoubtTable).lines if line.row != 5)
        await pilot.press("n" if page.query_one(DoubtTable).lines[0].row == 5 else "home", "k", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, lambda: not page.unwritten)
        lines = target.read_text().splitlines()
        assert len(lines) == 1 + 24
        assert read_labels(target, whole).decisions.keys() == {("training", 5), ("training", first)}
        target.write_text("\n".join(lines[:3]) + "\n")  # by another program, meanwhile
        await pilot.press("n", "x", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(".problem")))
        assert "has changed since it was read here" in str(app.screen.query_one(".problem", Label).render())
        await pilot.press("escape")
        assert len(target.read_text().splitlines()) == 3


async def test_the_question_for_a_class_stands_in_the_middle(app: CaeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ClassScreen))
        dialog = app.screen.query_one(".dialog")
        await until(pilot, lambda: dialog.region.width > 0)
        assert abs(dialog.region.x - (120 - dialog.region.right)) <= 1
        await pilot.press("escape")


async def test_leaving_with_decisions_that_no_file_has_asks(app: CaeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(app, pilot)
        await pilot.press("k", "escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        assert page.decisions
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
    assert not page.is_attached


async def test_it_is_given_up_by_escape_and_begun_again(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "LEAST_STEPS", 100_000)
    async with app.run_test(size=(80, 24)) as pilot:
        app.action_data()
        await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.crumbs == ("Data", "pets"))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DoubtsScreen))
        page = app.screen
        assert isinstance(page, DoubtsScreen)
        await until(pilot, lambda: "steps" in str(page.query_one("#waiting", Static).render()))
        await pilot.press("question_mark")  # help lies over it, and the look goes on
        await until(pilot, lambda: app.screen is not page)
        done = page._looks.progress[0] if page._looks else 0
        await pilot.press("escape")
        await until(pilot, lambda: page._looks is not None and page._looks.progress[0] > done)
        await pilot.press("Q")  # another page on top: nothing is trained for one that is not
        await until(pilot, lambda: app.screen is not page)
        await pilot.press("escape")
        await until(pilot, lambda: "Press R to look again" in str(page.query_one("#waiting", Static).render()))
        monkeypatch.setattr(folds, "LEAST_STEPS", 10)
        await pilot.press("R")
        await until(pilot, lambda: page.view is not None)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        for _ in range(200):
            if not app.runner.reading:
                break
            await asyncio.sleep(0.05)


async def test_nothing_is_trained_while_a_run_is(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(type(app.runner), "busy", property(lambda _: True))
        page = DoubtsScreen(app.data_set.files, "pets")
        app.push_screen(page)
        await until(pilot, lambda: bool(page.query("#waiting")))
        await until(pilot, lambda: "A run is training" in str(page.query_one("#waiting", Static).render()))
        monkeypatch.undo()
