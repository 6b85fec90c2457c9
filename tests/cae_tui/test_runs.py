from dataclasses import replace
from typing import Any

import pytest
from textual.message import Message

from cae_tui import messages
from cae_tui.app import CaeApp
from cae_tui.screens.runs import RunsScreen
from cae_tui.widgets.run_table import RunTable, sorted_runs
from engine.runs import Home
from tests.cae_tui.conftest import AUTOENCODER, CLASSIFIER, MakeApp, scripted_events, write_run
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
    return [str(row.key.value) for row in table.ordered_rows]


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
        (["x"], messages.DeleteRun(STOPPED)),
        (["delete"], messages.DeleteRun(STOPPED)),
        (["n"], messages.Configure("classifier", {"encoder": STOPPED})),
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
        shown = set(app.screen.query_one(RunTable).shown)
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
