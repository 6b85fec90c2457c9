"""How the app ends: by the person or by a signal. What an error does is in test_recovery."""

import asyncio
import logging
import os
import signal
import threading

import pytest
from textual.widgets import Button

from cae_tui.app.base import run_to_the_end
from cae_tui.app.cae_app import CaeApp
from cae_tui.screens.dialogs import LeaveScreen, StoppingScreen
from cae_tui.screens.training import TrainingScreen
from engine.protocol.events import EpochEnded
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import held, scripted_events


async def test_quitting_without_a_run_asks_nothing(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("q")
        assert not app.is_running or app._exit


async def test_quitting_asks_stops_the_run_and_waits_for_its_end(make_app: MakeApp) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"
        await pilot.press("ctrl+q")  # asked already
        await pilot.press("enter")
        await until(pilot, on_top(app, TrainingScreen))
        assert app.runner.busy
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        await pilot.press("y")
        await until(pilot, lambda: app._exit)
    assert app.runner.current is not None
    assert app.runner.current.state == "stopped"


async def test_a_second_ctrl_q_does_not_wait(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        monkeypatch.setattr(app.runner, "stop_at_once", lambda *_: None)  # a step that takes long
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        await pilot.press("y")
        await until(pilot, on_top(app, StoppingScreen))
        assert not app._exit
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)
    assert app.runner.busy
    left: list[int] = []
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    monkeypatch.setattr(app, "run", lambda: None)

    def leave(code: int) -> None:
        left.append(code)
        gate.set()

    monkeypatch.setattr(os, "_exit", leave)
    await asyncio.to_thread(run_to_the_end, app)
    assert left == [0]


async def test_the_end_does_not_wait_for_what_is_still_read(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    gate = threading.Event()
    left: list[int] = []
    async with app.run_test() as pilot:
        app.run_worker(app.runner.in_thread(gate.wait))
        await until(pilot, lambda: app.runner.reading)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)
    assert app.runner.reading
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    monkeypatch.setattr(app, "run", lambda: None)
    monkeypatch.setattr(os, "_exit", left.append)
    await asyncio.to_thread(run_to_the_end, app)
    gate.set()
    assert left == [0]


async def test_ctrl_c_twice_asks_to_quit(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert told(app) == ["Press Ctrl+C again, or Ctrl+Q, to quit."]
        assert not app._exit
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app._exit)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_run_and_ends_without_asking(make_app: MakeApp, number: signal.Signals) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        os.kill(os.getpid(), number)
        await until(pilot, lambda: app._exit)
    assert app.return_code == 128 + number
    assert app.runner.current is not None
    assert app.runner.current.state == "stopped"


async def test_a_hang_up_stops_the_run_and_ends_without_the_terminal(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, _ = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    ended: list[tuple[int, str]] = []

    def end(code: int) -> None:
        ended.append((code, app.home.list_runs()[0].state))

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(pilot, lambda: bool(ended))
    assert ended == [(129, "stopped")]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_the_exit_status_is_the_apps(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    monkeypatch.setattr(app, "run", lambda: None)
    monkeypatch.setattr(CaeApp, "return_code", 143)
    assert run_to_the_end(app) == 143
