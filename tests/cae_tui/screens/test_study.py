"""The screens of studies: what they show, what their keys ask for, and what they look like."""

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.dialogs import AskTextScreen
from cae_tui.screens.study import StudyScreen
from cae_tui.widgets.study_chart import StudyChart, colour_of, marker_of
from cae_tui.widgets.study_table import StudyTable
from engine.protocol.control import Asked
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.studies.records import Studies, StudyRecord
from engine.studies.spec import make_study
from tests.cae_tui.conftest import AUTOENCODER, MakeApp, scripted_events, told, until, write_run
from tests.cae_tui.study_script import (
    STUDY,
    ScriptedStudy,
    grid,
    guided,
    long_run,
    repeated,
    worth_study,
    write_study,
)

SIZES = [(120, 40), (80, 24)]


def text(app: CaeApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def chart(app: CaeApp) -> str:
    return app.screen.query_one(StudyChart).text


def all_text(app: CaeApp) -> str:
    return " ".join(str(static.content) for static in app.screen.query(Static))


async def opened(app: CaeApp, pilot: Pilot[Any]) -> StudyScreen:
    app.post_message(messages.OpenStudy(STUDY))
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, StudyScreen)
    return app.screen


async def test_a_study_shows_its_table_the_pick_and_why(make_app: MakeApp, home: Home) -> None:
    write_study(home, guided())
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await opened(app, pilot)
        assert "8 of 8" not in text(app, "#progress")
        assert "6 of 6 trials" in text(app, "#progress")
        assert text(app, "#reason").startswith("★ batch 128: val_loss 0.0011")
        await pilot.press("left")
        assert text(app, "#reason").endswith("not worth it at 0.64.")
        table = screen.query_one(StudyTable)
        cells = [[cell.strip() for cell in table.text_of(row)] for row in range(table.row_count)]
        assert table.margin(1).plain == " ▲★ "
        assert cells[1][0] == "32"
        assert "0.0027" in cells[1]
        assert [row[0] for row in cells] == ["16", "32", "50", "64"]
        await pilot.press("s", "s", "S")
        assert table.order == "loss"
        assert [table.text_of(row)[0] for row in range(4)] == ["16", "32", "50", "64"]


async def test_each_key_draws_its_chart(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)

        async def importances(study: StudyRecord) -> dict[str, float]:
            return {"learning_rate": 0.75, "kernels": 0.25}

        app.studies.importances = importances  # type: ignore[method-assign]  # a stand-in
        found = {}
        for key in "123456":
            await pilot.press(key)
            await pilot.pause()
            await pilot.pause()
            found[key] = chart(app)
        assert "8 · 0.001" in found["1"]
        assert "the first" in found["2"]
        assert "kernels   3 again: the next one" in found["3"]
        assert "Pareto front" in found["4"]
        assert "learning rate" in found["5"]
        assert "75 %" in found["5"]
        assert "low on the right is good" in found["6"]
        await pilot.press("3", "3")
        await pilot.pause()
        assert "learning rate   3 again" in chart(app)


def failing() -> StudyRecord:
    """A grid of which one point ran out of memory, and one could not begin."""
    record = grid()
    points = record.stages[0].points
    for place, run, message in (
        (3, "0004000000", "No memory was left: try fewer kernels."),
        (5, "", "64 is too many."),
    ):
        trial = points[place].trials[0]
        trial.run, trial.state, trial.message, trial.best_loss = run, "failed", message, None
    points[11].trials[0].message = "The loss was no longer a finite number in epoch 2, step 7."
    return record


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_why_a_trial_failed_is_told_in_the_table_and_under_enter(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    write_study(home, failing())
    write_run(home, scripted_events(state="failed", message="No memory was left: try fewer kernels.", run="0004000000"))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(StudyTable)
        cells = [table.text_of(row)[-1] for row in range(table.row_count)]
        assert cells[3].startswith(("✗ failed: No mem", "✗ No memory"))
        assert cells[5].startswith(("✗ failed: 64 is", "✗ 64 is too"))
        assert cells[11].startswith(("✗ diverged: The", "✗ The loss"))
        assert cells[0] == "✓ finished"
        assert "No memory" not in text(app, "#row")
        await pilot.press(*["down"] * 5)
        assert text(app, "#row").startswith("✗ failed: 64 is too many.")
        await pilot.press("enter")
        await until(pilot, lambda: "64 is too many." in " ".join(told.message for told in app._notifications))
        await pilot.press("up", "up")
        assert text(app, "#row").startswith("✗ failed: No memory was left: try fewer kernels.")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not screen)
        await until(pilot, lambda: "No memory was left: try fewer kernels." in all_text(app))


async def test_the_reason_of_a_trial_that_fails_while_one_looks_on_is_told(make_app: MakeApp, home: Home) -> None:
    record = grid()
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        table = (await opened(app, pilot)).query_one(StudyTable)
        assert table.text_of(1)[-1] == "✓ finished"
        stage = record.stages[0]
        trial = stage.points[1].trials[0]
        trial.state, trial.message = "failed", "No memory was left."
        table.show(stage, "autoencoder")
        assert table.text_of(1)[-1].startswith("✗ No memory")


async def test_a_search_says_that_it_tried_all(make_app: MakeApp, home: Home) -> None:
    record = grid()
    record.message = "All 12 combinations were tried, so the search ended early."
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        assert text(app, "#reason").endswith(record.message)


async def test_a_sampled_number_is_short_in_the_table_and_its_column_stays(make_app: MakeApp, home: Home) -> None:
    record = grid()
    for point in record.stages[0].points:
        point.values = {**point.values, "learning_rate": repr(float(point.values["learning_rate"]) * 1.0123456789)}
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(StudyTable)
        place = [head.name for head in table.heads()].index("learning_rate")
        assert [table.text_of(row)[place] for row in range(4)] == ["0.001012", "0.003037", "0.01012", "0.03037"]
        for key in "123456":
            await pilot.press(key)
            await pilot.pause()
            assert "0123456" not in chart(app)


async def test_what_has_no_column_is_told_of_the_row_under_the_cursor(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        shown = {head.name for head in screen.query_one(StudyTable).heads()}
        assert {"best", "state"} <= shown
        assert "ms_per_step" not in shown
        assert "ms/step 16" in text(app, "#row")
        assert "params 9,376" in text(app, "#row")
        await pilot.press("end")
        assert "params 28,128" in text(app, "#row")


def test_no_two_of_forty_curves_have_the_same_mark_and_colour(make_app: MakeApp) -> None:
    app = make_app()
    assert len({(marker_of(place), colour_of(app, place)) for place in range(40)}) == 40


async def test_a_damaged_study_is_named_and_the_others_are_listed(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    bad = Studies(home).create()
    bad.study.write_text("{")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert "study.json cannot be read" in text(app, "#problems")
        assert app.screen.query_one(DataTable).row_count == 1


async def test_a_diverged_point_is_shown_as_infinitely_bad(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(StudyTable)
        last = [cell.strip() for cell in table.text_of(table.row_count - 1)]
        assert "∞" in last
        assert "✗ diverged" in last


async def test_marked_points_alone_are_drawn_and_compared(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(home, guided())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("left", "c")  # nothing is marked
        await pilot.press("space", "down", "down", "space")
        await until(pilot, lambda: "32 kernels" not in chart(app))
        assert "16 kernels" in chart(app)
        assert "50 kernels" in chart(app)
        asked: list[object] = []
        with monkeypatch.context() as patched:
            patched.setattr(screen, "post_message", asked.append)
            screen.action_compare()
        assert asked == [messages.CompareRuns(("0001000000", "0003000000"))]


async def test_a_run_that_two_marked_points_share_is_compared_once(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = grid()
    first, second = (point.trials[0] for point in record.stages[0].points[:2])
    second.run, second.shared = first.run, True
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("space", "down", "space")
        asked: list[Any] = []
        with monkeypatch.context() as patched:
            patched.setattr(screen, "post_message", asked.append)
            screen.action_compare()
        await pilot.pause()
        assert told(app) == ["The marked points share one run: there is nothing to compare."]
        assert not [one for one in asked if isinstance(one, messages.CompareRuns)]
        await pilot.press("down", "space")
        with monkeypatch.context() as patched:
            patched.setattr(screen, "post_message", asked.append)
            screen.action_compare()
    (compared,) = (one for one in asked if isinstance(one, messages.CompareRuns))
    assert len(compared.runs) == len(set(compared.runs)) == 2


async def test_unfolded_seeds_are_all_compared(make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(home, repeated())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("space", "down", "space")
        asked: list[Any] = []
        with monkeypatch.context() as patched:
            patched.setattr(screen, "post_message", asked.append)
            screen.action_compare()
            screen.action_seeds()
            screen.action_compare()
    assert [len(one.runs) for one in asked if isinstance(one, messages.CompareRuns)] == [2, 4]


async def test_back_from_a_chart_the_table_has_the_keyboard(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(StudyTable)
        for keys in (("4", "4"), ("1", "escape")):
            table.cursor_row = 0
            await pilot.press(*keys)
            await pilot.pause()
            await pilot.press("down")
            assert table.cursor_row == 1


async def test_what_depends_on_the_width_is_written_again_without_news(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        left = screen.query_one("#left")
        await until(pilot, lambda: text(app, "#progress").count("━") == 20)
        assert "1–6" not in str(left.border_subtitle)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: text(app, "#progress").count("━") == 10)
        assert "1–6 charts" in str(left.border_subtitle)


async def test_why_a_study_failed_is_told_in_full(make_app: MakeApp, home: Home) -> None:
    record = guided()
    record.state, record.message = "failed", "The disk is full: " + "make room, then resume it. " * 4
    write_study(home, record)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        assert text(app, "#reason") == f"✗ {record.message}"


async def test_each_seed_has_its_own_row_one_key_away(make_app: MakeApp, home: Home) -> None:
    write_study(home, repeated())
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        table = screen.query_one(StudyTable)
        assert table.row_count == 2
        await pilot.press("d")
        rows = [[cell.strip() for cell in table.text_of(row)] for row in range(table.row_count)]
        assert [row[0] for row in rows] == ["64", "seed 0", "seed 1", "128", "seed 0", "seed 1"]
        assert any("±" in cell for cell in rows[0])
        await pilot.press("d")
        assert table.row_count == 2


async def test_in_a_narrow_terminal_a_chart_takes_the_place_of_the_table(make_app: MakeApp, home: Home) -> None:
    write_study(home, guided())
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        shown = screen.query_one(StudyChart)
        assert shown.region.width == 0
        await pilot.press("4")
        await pilot.pause()
        assert shown.region.width > 70
        assert screen.query_one("#left").region.width == 0
        await pilot.press("4")
        assert screen.query_one("#left").region.width > 70
        await pilot.press("1", "escape")
        assert app.screen is screen
        assert screen.query_one("#left").region.width > 70


async def test_a_study_that_is_on_is_told_and_controlled(make_app: MakeApp, home: Home) -> None:
    script = ScriptedStudy(guided(state="running"))
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.StartStudy(make_study("one", AutoencoderSpec(), {"kernels": "16,32"})))
        await pilot.pause(0.1)
        await pilot.pause()
        assert app.studies.busy
        assert isinstance(app.screen, StudyScreen)
        assert app.screen.crumbs == ("Studies", "4s6y")
        assert "trial 6 of 6" in text(app, "#progress")
        assert "epoch 4/6" in text(app, "#progress")
        assert "for all" in text(app, "#progress")
        await pilot.press("k")
        await pilot.pause(0.1)
        assert script.asked == [Asked.SKIP]
        # Nothing else begins meanwhile.
        app.post_message(messages.ResumeStudy(STUDY))
        await pilot.pause()
        assert any("A run is already training" in note.message for note in app._notifications)
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause(0.2)
        await pilot.pause()
        assert "■ stopped" in text(app, "#progress")
    assert Studies(home).find(STUDY).read().state == "stopped"


async def test_a_waiting_study_takes_what_the_person_takes(make_app: MakeApp) -> None:
    script = ScriptedStudy(guided(state="waiting"))
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.StartStudy(make_study("one", AutoencoderSpec(), {"kernels": "16,32"})))
        await pilot.pause(0.1)
        await pilot.pause()
        assert "The rule would pick: batch 128" in text(app, "#reason")
        await pilot.press("down", "t")
        await pilot.pause(0.3)
        assert script.chosen == {"batch_size": "256"}
        script.finish.set()
        await pilot.pause(0.2)


async def test_a_waiting_study_begins_with_what_the_rule_would_take(make_app: MakeApp) -> None:
    record = guided(state="waiting")
    record.stages[1].proposed = 1
    script = ScriptedStudy(record)
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.StartStudy(make_study("one", AutoencoderSpec(), {"kernels": "16,32"})))
        await until(pilot, lambda: [table.place for table in app.screen.query(StudyTable)] == [1])
        await pilot.press("t")
        await until(pilot, lambda: script.chosen == {"batch_size": "256"})
        script.finish.set()


async def test_of_a_long_run_any_number_of_epochs_can_be_taken(make_app: MakeApp) -> None:
    script = ScriptedStudy(long_run())
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.StartStudy(make_study("one", AutoencoderSpec(), {"kernels": "16,32"})))
        await until(pilot, lambda: any("t picks" in str(line.render()) for line in app.screen.query("#reason")))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        assert app.screen.query_one(Input).value == "4"
        app.screen.query_one(Input).value = "9"
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(".problem")))
        app.screen.query_one(Input).value = "3"
        await pilot.press("enter")
        await until(pilot, lambda: script.chosen == {"epochs": "3"})
        script.finish.set()


async def test_a_row_whose_run_was_deleted_opens_no_empty_page(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())  # no run of it is there
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("v")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert app.screen is screen


async def test_quitting_stops_a_study_that_waits(make_app: MakeApp) -> None:
    script = ScriptedStudy(guided(state="waiting"))
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.StartStudy(make_study("one", AutoencoderSpec(), {"kernels": "16,32"})))
        await pilot.pause(0.1)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert text(app, ".question").startswith("A study is running.")
        await pilot.press("y")
        await pilot.pause(0.5)
    assert script.chosen is None
    assert script.record.state == "stopped"


async def test_the_list_of_studies_opens_resumes_and_deletes(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        assert text(app, "#none").startswith("No studies yet. Press a")
        await pilot.press("escape")
        write_study(home, guided())
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, StudyScreen)
        await pilot.press("escape", "x")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause(0.2)
    assert Studies(home).ids() == []


async def test_home_lists_a_study_and_goes_on_with_it(make_app: MakeApp, home: Home) -> None:
    write_study(home, guided(state="running"))  # nobody works on it: it was cut off
    script = ScriptedStudy(guided(state="running"))
    app = make_app(study_trainer=script)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("R")
        await pilot.pause(0.2)
        assert app.studies.busy
        assert isinstance(app.screen, StudyScreen)
        script.finish.set()
        await pilot.pause(0.2)


async def test_a_damaged_study_is_one_sentence(make_app: MakeApp, home: Home) -> None:
    directory = write_study(home, guided())
    directory.study.write_text("{")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.OpenStudy(STUDY))
        await pilot.pause()
        (note,) = app._notifications
        assert "cannot be read" in note.message


# -- comparing ------------------------------------------------------------------------------------


async def test_runs_are_compared_by_their_curves_and_by_what_differs(make_app: MakeApp, home: Home) -> None:
    write_run(home, scripted_events())
    write_run(home, scripted_events(run="b222000000", epochs=5))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(messages.CompareRuns((AUTOENCODER, "b222000000")))
        await pilot.pause(0.3)
        await pilot.pause()
        assert "a7f3" in chart(app)
        assert "b222" in chart(app)
        table: Any = app.screen.query_one("#differences")
        assert [str(cell) for cell in table.get_row_at(4)] == ["epochs", "3/3", "5/5"]


# -- what they look like --------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["cae-dark", "cae-light"])
@pytest.mark.parametrize("size", SIZES)
def test_a_study_looks_as_it_did(
    make_app: MakeApp, home: Home, snap_compare: Any, size: tuple[int, int], theme: str
) -> None:
    write_study(home, guided())

    async def open_it(pilot: Pilot[Any]) -> None:
        pilot.app.theme = theme
        await opened(pilot.app, pilot)  # type: ignore[arg-type]  # it is a CaeApp
        await pilot.press("left")
        await pilot.pause(0.7)

    assert snap_compare(make_app(), run_before=open_it, terminal_size=size)


@pytest.mark.parametrize("key", list("123456"))
@pytest.mark.parametrize("size", SIZES)
def test_every_chart_looks_as_it_did(
    make_app: MakeApp, home: Home, snap_compare: Any, size: tuple[int, int], key: str
) -> None:
    write_study(home, grid(points=8))
    app = make_app()

    async def importances(study: StudyRecord) -> dict[str, float]:
        return {"learning_rate": 0.75, "kernels": 0.25}

    app.studies.importances = importances  # type: ignore[method-assign]  # a stand-in

    async def open_it(pilot: Pilot[Any]) -> None:
        await opened(app, pilot)
        if key != "1" or size[0] < 100:
            await pilot.press(key)
        await pilot.pause(0.7)

    assert snap_compare(app, run_before=open_it, terminal_size=size)


def two_at_once(home: Home) -> StudyRecord:
    """A study of which another process trains two trials; their runs have come as far as `scripted_events` go."""
    record = grid()
    record.state, record.workers = "running", 2
    for place, trial in enumerate(record.trials):
        if place > 1:
            trial.state, trial.run, trial.epochs = "waiting", "", 0
        else:
            trial.state, trial.worker = "running", place + 1
            begun, *rest = scripted_events()[:12]
            write_run(home, [replace(begun, run=trial.run), *rest])  # type: ignore[call-arg]  # it is a RunStarted
    write_study(home, record)
    return record


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_each_worker_has_a_line_and_a_trial_is_skipped_under_the_cursor(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    record = two_at_once(home)
    monkeypatch.setattr("engine.storage.held.is_alive", lambda folder: True)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        lines = text(app, "#lanes").splitlines()
        assert [line.split("  ")[:2] for line in lines] == [["worker 1", "trial 1"], ["worker 2", "trial 2"]]
        assert "2 at once" in text(app, "#progress")
        await pilot.press("down", "k")
        await until(pilot, lambda: home.find(record.trials[1].run).control.exists())
        assert home.find(record.trials[1].run).control.read_text() == "skip"
        assert not home.find(record.trials[0].run).control.exists()
        await pilot.press("p")
        directory = Studies(home).find(STUDY)
        await until(pilot, directory.control.exists)
        assert directory.control.read_text() == "pause"
        for trial in record.trials[:2]:
            await until(pilot, lambda trial=trial: home.find(trial.run).control.read_text() == "pause")  # type: ignore[misc]  # as it is now


async def test_four_charts_are_shown_where_there_is_room(make_app: MakeApp, home: Home) -> None:
    write_study(home, grid())
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await opened(app, pilot)

        def charts() -> list[int]:
            return [one.chart for one in screen.query(StudyChart) if one.size.width > 0]

        await until(pilot, lambda: charts() == [0, 1, 2, 3])
        await pilot.press("3")
        await until(pilot, lambda: charts() == [2, 0, 1, 3])
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: charts() == [2])


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_what_an_encoder_is_worth_is_drawn_and_said_for_the_labels_under_the_cursor(
    make_app: MakeApp, home: Home, size: tuple[int, int]
) -> None:
    write_study(home, worth_study())
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        await until(pilot, lambda: "no difference is seen" in text(app, "#reason"))
        table = app.screen.query_one(StudyTable)
        assert [head.name for head in table.heads()][:2] == ["labels_per_class", "way"]
        await pilot.press(*["down"] * 4)
        await until(pilot, lambda: "At 10 labels a class the encoder is worth 5.0 points" in text(app, "#reason"))
        if size[0] == 80:
            await pilot.press("7")
        await until(pilot, lambda: "nearest neighbours" in chart(app))
        assert "labels a class" in chart(app)
        assert " %" in chart(app)
