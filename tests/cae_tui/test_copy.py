"""Ctrl+C: copies what is selected; where nothing is, a second one asks to quit."""

import pytest
from textual.geometry import Offset
from textual.selection import Selection
from textual.widgets import Input, Static

from cae_tui.screens.dialogs import ConfirmScreen
from cae_tui.screens.runs import RunsScreen
from engine.events import EpochEnded
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import held, scripted_events


async def test_ctrl_c_copies_the_text_that_is_selected(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query("#none")) and app.screen.is_mounted)
        words = app.screen.query_one("#none", Static)
        app.screen.selections = {words: Selection(Offset(0, 0), Offset(14, 0))}
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.clipboard == "No studies yet")
        assert told(app) == []
        assert not app._exit


async def test_ctrl_c_copies_what_is_selected_in_a_field(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        field = app.screen.query_one("#filter", Input)
        field.focus()
        await until(pilot, lambda: app.focused is field)
        await pilot.press("k", "e", "r", "n")
        await until(pilot, lambda: field.value == "kern")
        field.select_all()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.clipboard == "kern")
        assert told(app) == []


async def test_ctrl_c_twice_asks_before_a_run_that_is_on_is_stopped(make_app: MakeApp) -> None:
    work, gate = held(scripted_events(), EpochEnded)
    app = make_app(work)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        await pilot.press("ctrl+c", "ctrl+c")
        await until(pilot, on_top(app, ConfirmScreen))
        assert app.runner.busy
        await pilot.press("escape")
        gate.set()
        await until(pilot, lambda: bool(app.runner.current and app.runner.current.state == "finished"))
        assert not app._exit


async def test_two_ctrl_c_far_apart_do_not_quit(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0])
    app = make_app()
    async with app.run_test() as pilot:
        monkeypatch.setattr("cae_tui.ending.time.monotonic", lambda: next(clock))
        app.action_help_quit()
        app.action_help_quit()
        monkeypatch.undo()
        await pilot.pause()
        assert not app._exit
        assert told(app) == ["Press Ctrl+C again, or Ctrl+Q, to quit."] * 2
