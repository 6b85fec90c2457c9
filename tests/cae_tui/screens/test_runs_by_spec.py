"""The list of runs with those of one spec as one line, and beside a baseline."""

import json
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.cli.main import main
from cae_tui.screens.compare import CompareScreen
from cae_tui.screens.dialogs import ConfirmScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.settings import change_settings, read_settings
from cae_tui.widgets.run_table import RunTable
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from tests.cae_tui.conftest import MakeApp, on_top, scripted_events, until, write_run
from tests.cae_tui.script import scripted_status

IDS = ("a000000000", "a111000000", "a222000000")
OTHER = "b333000000"


@pytest.fixture
def seeds(home: Home) -> Home:
    """Three runs of one spec, begun in the order of their seeds, and an older one of another."""
    for place, run in enumerate((OTHER, *IDS)):
        spec = AutoencoderSpec(seed=max(place - 1, 0), epochs=3, layers=8 if run == OTHER else 10)
        events = scripted_events(run=run)
        status = replace(
            scripted_status(events), started=1e9 + place, best_loss=0.002 + 0.001 * place, data="MNIST",
            data_digest="0" * 16, title=spec.title,
        )  # fmt: skip
        write_run(home, events, status=status, spec=spec)
    return home


def table(app: CaeApp) -> RunTable:
    return app.screen.query_one(RunTable)


def cells(app: CaeApp, row: int = 0) -> dict[str, str]:
    return dict(zip((head.name for head in table(app).heads()), table(app).text_of(row), strict=True))


def about(app: CaeApp) -> str:
    return str(app.screen.query_one("#about", Static).render())


def asked(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the screen asks the app for, kept from it."""
    found: list[Any] = []
    original = RunsScreen.post_message

    def keep(screen: RunsScreen, message: Any) -> bool:
        if type(message).__module__ == messages.__name__:
            found.append(message)
            return True
        return original(screen, message)

    monkeypatch.setattr(RunsScreen, "post_message", keep)
    return found


async def folded(app: CaeApp, pilot: Pilot[None]) -> None:
    """The list, by spec."""
    await pilot.press("r")
    await until(pilot, on_top(app, RunsScreen))
    await pilot.press("g")
    await until(pilot, lambda: len(table(app).rows) == 2)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_g_makes_runs_of_one_spec_a_line_and_enter_lists_them(
    make_app: MakeApp, seeds: Home, size: tuple[int, int]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        assert len(table(app).rows) == 4  # off at first
        await pilot.press("g")
        await until(pilot, lambda: len(table(app).rows) == 2)
        line = cells(app)
        assert line["run"] == "×3"
        assert line["val loss"].split() == ["0.0040", "±", "0.001"]
        assert line["state"] == "✓ finished"
        assert "seed" not in line["spec"]
        assert about(app).startswith("seeds 0, 1, 2: 3 finished")
        await pilot.press("enter")
        await until(pilot, lambda: len(table(app).rows) == 3)
        assert {run.id for run in table(app).rows} == set(IDS)
        assert app.screen.crumbs[-1] == "3 runs of one spec"  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).rows) == 2)
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("g")
        await until(pilot, lambda: len(table(app).rows) == 4)


async def test_what_is_done_to_a_line_names_its_runs(
    make_app: MakeApp, seeds: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await folded(app, pilot)
        found = asked(app, monkeypatch)
        page = app.screen
        assert isinstance(page, RunsScreen)
        for what in ("curves", "again", "resume", "finish", "classify", "study", "try", "latent"):
            assert not page.can(what), what
        await pilot.press("c", "x", "t", "o", "f")
        assert [type(each) for each in found] == [
            messages.CompareRuns, messages.DeleteRuns, messages.TagRuns, messages.NoteRuns, messages.MarkRuns,
        ]  # fmt: skip
        assert all(each.runs == IDS for each in found)
        found.clear()
        await pilot.press("space")
        assert table(app).marked == set(IDS)
        assert table(app).margin(0).plain.startswith("✓")
        await pilot.press("x")  # the cursor has gone on; what is marked counts
        assert found[-1].runs == IDS
        table(app).marked.discard(IDS[0])
        assert table(app).margin(0).plain.startswith("-")


async def test_the_question_before_a_deletion_names_every_run(make_app: MakeApp, seeds: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await folded(app, pilot)
        await pilot.press("x")
        await until(pilot, on_top(app, ConfirmScreen))
        words = " ".join(str(part.render()) for part in app.screen.query(Static))
        assert "Delete 3 runs?" in words
        assert "They are a000, a111, a222." in words
        await pilot.press("escape")


async def test_means_sort_and_a_run_that_is_gone_leaves_the_line(make_app: MakeApp, seeds: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await folded(app, pilot)
        table(app).sort_by("val loss")
        assert [run.id for run in table(app).rows] == [OTHER, IDS[0]]
        app.runner.delete(IDS[1])
        app.screen.post_message(messages.RunsChanged())
        await until(pilot, lambda: cells(app, 1)["run"] == "×2")
        assert cells(app, 1)["val loss"].split()[0] == "0.0040"


async def test_b_pins_a_baseline_that_is_kept_and_told_beside(make_app: MakeApp, seeds: Home) -> None:
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        table(app).sort_by("run")
        await until(pilot, lambda: table(app).run is not None)
        table(app).cursor_row = 0
        await pilot.press("b")
        await until(pilot, lambda: "◆" in table(app).margin(0).plain)
        assert read_settings(seeds.path)[0].baseline == IDS[0]
        await until(pilot, lambda: "Δ val loss" in cells(app))
        assert cells(app, 0)["Δ val loss"] == "–"
        assert cells(app, 1)["Δ val loss"] == "–"  # another seed, another validation part
        assert cells(app, 3)["Δ val loss"] == "−33.3 %"  # seed 0 too
        assert "◆ the baseline" in about(app)
        app.screen.post_message(messages.CompareRuns((IDS[0], OTHER)))
        await until(pilot, on_top(app, CompareScreen))
        compared = app.screen.query_one("#differences", DataTable)
        await until(pilot, lambda: compared.row_count > 3)
        rows = {str(compared.get_row_at(row)[0]): list(map(str, compared.get_row_at(row))) for row in range(4)}
        assert rows["best val_loss"] == ["best val_loss", "0.0030", "0.0020 (−33.3 %)"]
        await pilot.press("escape")
        await until(pilot, on_top(app, RunsScreen))
        await pilot.press("b")
        await until(pilot, lambda: "◆" not in table(app).margin(0).plain)
        assert read_settings(seeds.path)[0].baseline == ""


async def test_where_there_is_no_room_for_columns_the_line_beneath_tells(make_app: MakeApp, seeds: Home) -> None:
    change_settings(seeds.path, baseline=IDS[0])
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        table(app).sort_by("run")
        await pilot.press("end")
        await until(pilot, lambda: "to ◆ a000: val loss −33.3 %" in about(app))


async def test_a_baseline_that_is_gone_is_none(make_app: MakeApp, seeds: Home) -> None:
    change_settings(seeds.path, baseline="gone000000")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(table(app).rows) == 4)
        assert not any(head.name.startswith("Δ") for head in table(app).heads())
        app.screen.post_message(messages.CompareRuns(IDS[:2]))
        await until(pilot, on_top(app, CompareScreen))
        compared = app.screen.query_one("#differences", DataTable)
        await until(pilot, lambda: compared.row_count > 3)


def test_the_command_line_lists_by_spec_and_beside_the_baseline(
    seeds: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(seeds.path, baseline=OTHER)
    assert main(["--home", str(seeds.path), "runs", "--by-spec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "×3" in lines[1]
    assert "0.0040 ± 0.001" in lines[1]
    assert "◆" in lines[2]
    assert main(["--home", str(seeds.path), "runs"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "Δ val loss" in out[0]
    assert "+50.0 %" in next(line for line in out if line.startswith("a000"))
    assert main(["--home", str(seeds.path), "runs", "--by-spec", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["baseline"] == OTHER
    assert [len(line["runs"]) for line in told["specs"]] == [3, 1]
    assert told["specs"][0]["mean"]["best_loss"] == pytest.approx(0.004)
    assert told["specs"][0]["std"]["best_loss"] == pytest.approx(0.001)
    assert main(["--home", str(seeds.path), "runs", "--by-spec", "--csv", "-"]) == 2
    assert "leave --by-spec out" in capsys.readouterr().err
