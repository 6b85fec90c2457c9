import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Static

from cae_tui import messages
from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cae_tui.screens.runs import RunsScreen
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.run_preview import RunPreview
from cae_tui.widgets.run_table import RunTable, sorted_runs
from engine.runs.directory import Home
from engine.runs.notes import NO_NOTES, Notes, read_notes, write_notes
from engine.studies.records import Studies
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, scripted_events, told, until, write_run
from tests.cae_tui.script import scripted_status

STOPPED = "b222000000"


@pytest.fixture
def filled(home: Home) -> Home:
    """An autoencoder, a classifier on it, and a stopped run, begun in this order."""
    for age, (kind, run, state) in enumerate(
        [
            ("autoencoder", AUTOENCODER, "finished"),
            ("classifier", CLASSIFIER, "finished"),
            ("autoencoder", STOPPED, "stopped"),
        ]
    ):
        events = scripted_events(kind, run, state=state)
        status = scripted_status(events)
        write_run(home, events, status=replace(status, started=status.started + age, seconds=60.0 * (3 - age)))
    return home


def rows(app: CaeApp) -> list[str]:
    table = app.screen.query_one(RunTable)
    return [run.id for run in table.rows]


def heard(app: CaeApp, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What the screen asks for, kept from the app."""
    asked: list[Message] = []

    original = RunsScreen.post_message

    def keep(screen: RunsScreen, message: Message) -> bool:
        if type(message).__module__ == messages.__name__:
            asked.append(message)
            return True
        return original(screen, message)

    monkeypatch.setattr(RunsScreen, "post_message", keep)
    return asked


async def test_every_run_is_a_row_the_newest_first(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        assert isinstance(app.screen, RunsScreen)
        assert rows(app) == [STOPPED, CLASSIFIER, AUTOENCODER]


async def test_no_runs_say_what_to_do(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        assert app.screen.query_one("#none").display
        assert not app.screen.query_one(RunTable).display
        await pilot.pause()
        assert "enter" not in {key for key, active in app.screen.active_bindings.items() if active.enabled}


async def test_keys_sort_by_the_next_column_and_turn_the_order_round(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "s")
        table = app.screen.query_one(RunTable)
        assert table.order == "run"
        assert rows(app) == [AUTOENCODER, STOPPED, CLASSIFIER]
        await pilot.press("S")
        assert rows(app) == [CLASSIFIER, STOPPED, AUTOENCODER]


async def test_the_cursor_stays_on_its_run_when_the_order_changes(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "down")
        table = app.screen.query_one(RunTable)
        assert table.run is not None
        assert table.run.id == CLASSIFIER
        await pilot.press("s")
        assert table.run is not None
        assert table.run.id == CLASSIFIER


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["enter"], messages.OpenRun(STOPPED)),
        (["v"], messages.OpenTraining(STOPPED)),
        (["e"], messages.ConfigureAgain(STOPPED)),
        (["R"], messages.ResumeRun(STOPPED)),
        (["x"], messages.DeleteRuns((STOPPED,))),
        (["delete"], messages.DeleteRuns((STOPPED,))),
        (["n"], messages.Configure("classifier", {"encoder": STOPPED})),
        (["N"], messages.ConfigureStudy(STOPPED)),
        (["f"], messages.MarkRuns((STOPPED,), "star", True)),
        (["h"], messages.MarkRuns((STOPPED,), "hidden", True)),
        (["t"], messages.TagRuns((STOPPED,))),
        (["o"], messages.NoteRuns((STOPPED,))),
        (["w"], messages.Export("csv", (STOPPED, CLASSIFIER, AUTOENCODER))),
        (["space", "down", "space", "w"], messages.Export("csv", (STOPPED, AUTOENCODER))),
        (["space", "down", "space", "c"], messages.CompareRuns((STOPPED, AUTOENCODER))),
        (["A", "x"], messages.DeleteRuns((STOPPED, CLASSIFIER, AUTOENCODER))),
        (["A", "A", "x"], messages.DeleteRuns((STOPPED,))),
        (["down", "enter"], messages.OpenRun(CLASSIFIER)),
    ],
)
async def test_a_key_asks_the_app_for_what_it_says(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch, keys: list[str], asked: Message
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        seen = heard(app, monkeypatch)
        await pilot.press(*keys)
        assert asked in seen


async def test_only_what_can_be_done_with_a_run_is_offered(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "down")
        seen = heard(app, monkeypatch)
        await pilot.press("R", "n")  # a finished classifier
        assert seen == []


async def test_deleting_asks_first_and_the_safe_answer_is_the_default(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert STOPPED in filled.ids()


@pytest.mark.parametrize(
    ("size", "left_out"), [((120, 40), set()), ((80, 24), {"kind", "last", "time"}), ((20, 5), {"age"})]
)
async def test_columns_are_left_out_before_anything_is_cut(
    make_app: MakeApp, filled: Home, size: tuple[int, int], left_out: set[str]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await app.run_action("app.runs")
        await pilot.pause()
        shown = {head.name for head in app.screen.query_one(RunTable).heads()}
        assert left_out.isdisjoint(shown)
        assert {"run", "spec", "state"} <= shown


def test_runs_without_a_value_are_last_either_way(filled: Home) -> None:
    runs = filled.list_runs()
    for backwards in (False, True):
        ordered = sorted_runs(runs, "test acc", backwards=backwards)
        assert ordered[0].id == CLASSIFIER


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_list_looks_right(
    make_app: MakeApp, filled: Home, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cae_tui.widgets.run_table.time.time", lambda: 1_700_000_000.0 + 7200)
    assert snap_compare(make_app(), press=["r"], terminal_size=size)


# -- filter and marks -------------------------------------------------------------------------------


async def typed(pilot: Pilot[None], text: str) -> None:
    await pilot.press("slash", *(character if character.isalnum() else KEYS[character] for character in text))
    await until(pilot, lambda: True)


KEYS = {" ": "space", ":": "colon", "<": "less_than_sign", ">": "greater_than_sign", "=": "equals_sign",
        ".": "full_stop", "-": "minus", "_": "underscore"}  # fmt: skip


def said(app: CaeApp, name: str) -> str:
    return str(app.screen.query_one(name, Static).render())


async def test_the_list_follows_the_filter_as_it_is_typed(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await typed(pilot, "state:finished")
        assert rows(app) == [CLASSIFIER, AUTOENCODER]
        assert "2 of 3 runs" in str(app.screen.query_one("#card").border_subtitle)
        await pilot.press("enter")  # to the list
        assert app.screen.query_one(RunTable).has_focus
        await pilot.press("escape")
        assert rows(app) == [STOPPED, CLASSIFIER, AUTOENCODER]
        assert isinstance(app.screen, RunsScreen)


async def test_a_filter_about_a_spec_reads_the_specs(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await typed(pilot, "fc_units>=1")
        await until(pilot, lambda: rows(app) == [CLASSIFIER])


async def test_a_filter_that_cannot_be_read_is_told_of_beneath_it_and_everything_stays_listed(
    make_app: MakeApp, filled: Home
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        await typed(pilot, "kernls>3")
        assert "did you mean kernels?" in said(app, "#filter-problem")
        assert app.screen.query_one("#filter-problem").display
        assert len(rows(app)) == 3
        await pilot.press("escape", "escape")
        assert not app.screen.query_one("#filter-problem").display


async def test_no_match_says_how_to_go_on(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        await typed(pilot, "nothing")
        assert "Esc clears it" in said(app, "#none")
        await pilot.press("escape")
        assert len(rows(app)) == 3
        assert app.screen.query_one(RunTable).has_focus


async def test_a_star_a_hidden_run_and_back(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "f")
        await until(pilot, lambda: read_notes(filled.find(STOPPED).notes).star)
        await pilot.press("h")
        await until(pilot, lambda: STOPPED not in rows(app))
        assert "1 hidden" in str(app.screen.query_one("#card").border_subtitle)
        await typed(pilot, "is:hidden")
        await until(pilot, lambda: rows(app) == [STOPPED])
        await pilot.press("enter", "f", "h")
        await until(pilot, lambda: read_notes(filled.find(STOPPED).notes) == NO_NOTES)


async def test_tags_of_several_runs_keep_each_ones_own(make_app: MakeApp, filled: Home) -> None:
    write_notes(filled.find(STOPPED).notes, Notes(tags=("mine", "both")))
    write_notes(filled.find(CLASSIFIER).notes, Notes(tags=("both",)))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "space", "space", "t")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        box = app.screen.query_one(Input)
        assert box.value == "both"
        box.value = "a:b"
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(".problem")))
        assert "is not a tag" in str(app.screen.query_one(".problem", Static).render())
        app.screen.query_one(Input).value = "new"
        await pilot.press("enter")
        await until(pilot, lambda: read_notes(filled.find(STOPPED).notes).tags == ("mine", "new"))
        await until(pilot, lambda: read_notes(filled.find(CLASSIFIER).notes).tags == ("new",))


async def test_notes_of_several_runs_are_not_lost_by_an_empty_one(make_app: MakeApp, filled: Home) -> None:
    write_notes(filled.find(STOPPED).notes, Notes(note="mine"))
    write_notes(filled.find(CLASSIFIER).notes, Notes(note="another"))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "space", "space", "o")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        assert app.screen.query_one(Input).value == ""
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.pause()
    assert read_notes(filled.find(STOPPED).notes).note == "mine"
    assert read_notes(filled.find(CLASSIFIER).notes).note == "another"


async def test_marks_outlast_a_filter_and_only_listed_runs_are_acted_upon(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "A")
        await typed(pilot, "kind:classifier")
        await pilot.press("enter")
        table = app.screen.query_one(RunTable)
        assert [run.id for run in table.chosen] == [CLASSIFIER]
        app.screen.query_one("#filter", Input).value = ""
        await pilot.pause()
        assert table.marked_count == 3


async def test_a_note_is_shown_as_text_never_as_markup(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "o")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "[red]x[/] the one"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and "[red]x[/] the one" in said(app, "#about"))


async def test_runs_are_written_as_csv(make_app: MakeApp, filled: Home, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(tmp_path / "mine.csv")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "mine.csv").exists)
    assert (tmp_path / "mine.csv").read_text().count("\n") == 4


async def test_several_are_deleted_after_one_question(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "space", "space", "x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: filled.ids() == [AUTOENCODER])
        await until(pilot, lambda: rows(app) == [AUTOENCODER])


async def test_deleting_says_that_a_run_is_part_of_a_study(make_app: MakeApp, filled: Home) -> None:
    run = filled.create()
    (last,) = (run for run in filled.list_runs() if run.id == AUTOENCODER)
    study = Studies(filled).create()
    run.write_status(replace(last, id=run.id, study=study.id, trial=1))
    app = make_app()

    async def asked() -> str:
        await pilot.press("A", "x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        detail = str(app.screen.query_one(".detail Static", Static).content)
        await pilot.press("n")
        await pilot.press("escape")  # the marks
        return detail

    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        assert "One is part of a study" in await asked()
        shutil.rmtree(study.path)
        assert "part of a study" not in await asked()


async def test_marked_runs_are_not_opened_or_resumed_one_by_one(
    make_app: MakeApp, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "space", "up")
        seen = heard(app, monkeypatch)
        await pilot.press("R", "n", "e", "v", "c")
        assert seen == []
        await pilot.press("escape", "R")  # marks are cleared first
        assert seen == [messages.ResumeRun(STOPPED)]


async def test_thousands_of_runs_are_paged_through_with_the_cursor_on_the_screen(
    make_app: MakeApp, filled: Home
) -> None:
    (last,) = (run for run in filled.list_runs() if run.id == AUTOENCODER)
    for number in range(300):
        run = filled.create()
        run.write_status(replace(last, id=run.id, started=last.started - number - 1))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r", "end")
        table = app.screen.query_one(RunTable)
        assert table.cursor_row == 302
        assert table.run is not None
        lowest = table.render_line(table.size.height - 1)
        assert table.run.id[:4] in lowest.text
        await pilot.press("pageup", "home")
        assert table.cursor_row == 0
        assert STOPPED[:4] in table.render_line(1).text
        await pilot.click(table, offset=(6, 3))
        assert table.cursor_row == 2


async def test_a_click_on_a_head_sorts_and_again_turns_the_order(make_app: MakeApp, filled: Home) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await pilot.click(RunTable, offset=(4, 0))
        assert rows(app) == [AUTOENCODER, STOPPED, CLASSIFIER]
        await pilot.click(RunTable, offset=(4, 0))
        assert rows(app) == [CLASSIFIER, STOPPED, AUTOENCODER]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_filtered_list_with_marks_looks_right(
    make_app: MakeApp, filled: Home, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cae_tui.widgets.run_table.time.time", lambda: 1_700_000_000.0 + 7200)
    write_notes(filled.find(CLASSIFIER).notes, Notes(star=True, tags=("talk",), note="the one for the lecture"))
    keys = ["r", "slash", *"kind", "colon", *"classifier", "enter", "space"]
    assert snap_compare(make_app(), press=keys, terminal_size=size)


async def test_a_run_that_cannot_be_listed_is_told_of_once(make_app: MakeApp, filled: Home) -> None:
    run = filled.create()
    run.status.write_text("{")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: bool(told(app)))
        app.lists.tell_changed()
        await pilot.pause()
        assert len(told(app)) == 1
        assert told(app)[0].startswith(f"{run.status} cannot be read (")
        assert AUTOENCODER in rows(app)


async def test_where_there_is_room_the_run_under_the_cursor_is_shown_at_a_glance(
    make_app: MakeApp, filled: Home
) -> None:
    write_notes(filled.find(STOPPED).notes, Notes(note="the first try"))
    app = make_app()
    async with app.run_test(size=(200, 60)) as pilot:
        app.action_runs()
        preview = RunPreview()

        def told_of(name: str) -> bool:
            nonlocal preview
            found = app.screen.query(RunPreview)
            preview = found.first() if found else preview
            return bool(found) and str(preview.query_one("#preview-facts").border_title) == f"Run {name}"

        await until(pilot, lambda: told_of(STOPPED[:4]))
        words = str(preview.query_one("#preview-text", Static).content)
        assert "■ stopped" in words
        assert "the first try" in words
        assert "┤" in preview.query_one(LossChart).text
        await pilot.press("down", "down")
        await until(pilot, lambda: told_of(AUTOENCODER[:4]))
        assert "parameters" in str(preview.query_one("#preview-text", Static).content)
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: not preview.display)
