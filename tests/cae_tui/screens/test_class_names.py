"""Names of classes that are long, wide, strange or alike: every place that shows a class takes them."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.values import Prediction
from cae_tui.cli.main import main
from cae_tui.data_sets import DataSet
from cae_tui.messages import UseDataSet
from cae_tui.screens.data import DataScreen
from cae_tui.screens.gallery import NO_BREAK, GalleryScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.card_grid import CAPTION, caption
from cae_tui.widgets.class_report import ClassRows
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from engine import jobs
from engine.data.sources import SOURCES
from engine.documents.run_figures import confusion
from engine.documents.style import svg
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.runs.report_words import report_as_text
from engine.specs.data_files import DataFiles
from engine.text import class_words, plain
from tests.cae_tui.conftest import DEVICE, until
from tests.engine.tiny import tiny, tiny_classifier
from tests.pets import pets as pets
from tests.pets import write_pets

LONG = "the-quick-brown-fox-jumps-over-a-lazy-dog"
NAMES = (
    "cat", LONG, "猫" * 12, "evil\x1b[31mred\x07", "two\nlines", "[b]bold[/b]", "$x_1^2$", "accuracy", "macro avg",
    "cat", "e\u0301te\u0301", "7", "dog",
)  # fmt: skip
SIZE = (80, 24)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a classifier of these classes, and the file of its images."""
    folder = tmp_path_factory.mktemp("named")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, "pets", "tests.pets")
        files, home = {"data": write_pets(folder / "pets", NAMES, 130, 39)}, Home(folder / "home")
        encoder = jobs.start(home, tiny(files, epochs=1), lambda event: None, Flag())
        jobs.start(home, tiny_classifier(files, home.find(encoder.id).model), lambda event: None, Flag())
    return folder


@pytest.fixture
def run(shared: Path, pets: None) -> str:
    return next(run.id for run in Home(shared / "home").list_runs() if run.kind == "classifier")


@pytest.fixture
def app(shared: Path, pets: None, monkeypatch: pytest.MonkeyPatch) -> CaeApp:
    made = CaeApp(Home(shared / "home"))

    async def device() -> str:
        return DEVICE

    monkeypatch.setattr(made.runner, "device", device)
    made.device = DEVICE
    return made


def lines(app: CaeApp) -> list[str]:
    """What is on the screen: each line as wide as it is, and none with what a terminal obeys."""
    strips = app.screen._compositor.render_strips()
    shown = ["".join(segment.text for segment in strip) for strip in strips]
    assert {cell_len(line) for line in shown} == {app.size.width}
    strange = {character for line in shown for character in line if not character.isprintable()}
    assert strange <= {NO_BREAK}, strange
    return [line.replace(NO_BREAK, " ") for line in shown]


async def settled(app: CaeApp, pilot: Pilot[None], shows: str) -> str:
    """What is on the screen once that is to be seen."""
    await until(pilot, lambda: shows in "\n".join(lines(app)))
    await pilot.pause()
    return "\n".join(lines(app))


def ends(shown: str, of: str) -> set[int]:
    """The cells in which the word ends that stands there in the lines of classes."""
    found = set()
    for line in shown.splitlines():
        if any(name in line for name in ("cat", "the-quick", "猫猫", "evil�[31mred�", "two lines")):
            found |= {cell_len(line[: match.end()]) for match in re.finditer(of, line)}
    return found


async def test_the_card_of_the_first_screen_and_the_data(app: CaeApp, shared: Path) -> None:
    async with app.run_test(size=SIZE) as pilot:
        app.post_message(UseDataSet(DataSet.of(DataFiles(str(shared / "pets")), "pets", (8, 8, 1))))
        shown = await settled(app, pilot, "cat")
        for name in ("the-…dog", "猫猫…猫", "evil…ed�", "two …nes", "[b]b…/b]", "$x_1^2$", "accuracy"):
            assert name in shown, name
        await app.push_screen(DataScreen())
        shown = await settled(app, pilot, "the-quick-…-lazy-dog")
        assert len(ends(shown, "▇(?= +│)")) == 1
        assert len(ends(shown, r" 9(?= +1 )")) == 1
        await pilot.press("down", "down", "f2")
        assert "class the-quick-br…-a-lazy-dog ─" in await settled(app, pilot, "Training images · class the")


async def test_the_report(app: CaeApp, run: str) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await app.push_screen(ReportScreen(run))
        shown = await settled(app, pilot, "weakest")
        assert len(ends(shown, r"[01]\.\d{3}(?= +3 )")) == 1
        rows = app.screen.query_one(ClassRows)
        names = {rows.text_of(row)[0].strip() for row in range(rows.row_count)}
        assert {"[b]bold[/b]", "$x_1^2$", "accuracy", "macro avg", "e\u0301te\u0301", "Class 7"} <= names
        await pilot.press("t")
        shown = await settled(app, pilot, "precision    recall")
        assert len(ends(shown, r"[01]\.\d{2}(?= +3 )")) == 1
        await pilot.press("2")
        await settled(app, pilot, "predicted class")
        matrix = app.screen.query_one(ConfusionMatrix)
        for label, name in list(enumerate(names_shown()))[:6]:
            place = matrix.labels.index(label)
            matrix.cursor = (place, place)
            await settled(app, pilot, f"class {name} ")
        matrix.cursor = (matrix.names.index("7"), matrix.names.index("dog"))
        await pilot.press("enter")
        shown = await settled(app, pilot, "taken for dog")
        assert "class 7" in shown


def names_shown() -> list[str]:
    """The names as a sentence has them."""
    return [class_words([plain(name).replace("\n", " ") for name in NAMES], label) for label in range(len(NAMES))]


async def test_predictions(app: CaeApp, run: str) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await app.push_screen(GalleryScreen(run))
        shown = await settled(app, pilot, "page 1 of")
        assert "0–12" in shown
        for key, name in zip("12345", ("the-quick-…-lazy-dog", "猫猫猫猫猫…猫猫猫猫", "evil�[31mred�", "two lines",
                                       "[b]bold[/b]"), strict=True):  # fmt: skip
            await pilot.press(key)
            await settled(app, pilot, f"class {key}▏ {name} of 0–12")
            await pilot.press("enter")
            assert f"class {name}" in await settled(app, pilot, f"class {name} ")
            await pilot.press("enter")
            shown = await settled(app, pilot, "of 13 classes")
            bars = [line for line in shown.splitlines() if "━" in line]
            assert len(bars) == 10
            assert len({cell_len(line.rstrip()) for line in bars}) == 1
            await pilot.press("escape")
            await settled(app, pilot, "page 1 of")


async def test_what_was_taken_for_what_in_training(app: CaeApp, run: str) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await app.push_screen(TrainingScreen(run))
        await settled(app, pilot, "Finished")
        await pilot.press("m")
        shown = await settled(app, pilot, "predicted class")
        assert "猫猫猫猫…猫猫猫" in shown
        assert " taken for " in shown.splitlines()[-3]


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("true", range(len(NAMES)))
def test_the_line_under_a_card_has_room_for_any_two_names(true: int, right: bool) -> None:
    for predicted in (true,) if right else set(range(len(NAMES))) - {true}:
        for confidence in (0.5, 1.0):
            found = Prediction(index=0, true=true, predicted=predicted, confidence=confidence, error=None)
            words = caption(found, names_shown())
            assert cell_len(words) <= CAPTION
            assert ("✓" if right else "✗") in words


def test_the_command_line_and_the_text(shared: Path, run: str, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(shared / "home")
    assert main(["report", run, "--home", home]) == 0
    table = capsys.readouterr().out
    assert "\x1b" not in table
    assert len(ends(table, r"[01]\.\d{3}(?= +3\b)")) == 1
    result = Home(shared / "home").find(run).read_result()
    assert result is not None
    assert result.report is not None
    copied = report_as_text(result)
    assert len(ends(copied, r"[01]\.\d{2}(?= +3$)")) == 1
    matrix = copied.splitlines()[-len(result.report.rows) - 1 :]
    assert len({cell_len(line) for line in matrix}) == 1


def test_the_figure_of_a_study_s_document(shared: Path, run: str) -> None:
    result = Home(shared / "home").find(run).read_result()
    assert result is not None
    report = result.report
    assert report is not None
    drawn = svg(confusion(report.confusion, [row.name for row in report.rows]), "confusion")
    for name in ("$x_1^2$", "the-qu…y-dog", "猫猫猫…猫猫", "two lines"):
        assert f">{name}<" in drawn
