"""The queue in the app: a second run waits, the page of the queue, and leaving the app while it trains."""

import asyncio
import json
import os
import queue
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import safetensors.numpy
from textual.pilot import Pilot
from textual.widgets import DataTable, Label, Static

from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import ConfigureAgain, OpenRun, ResumeRun, Start
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.dialogs import ConfirmScreen, LeaveScreen
from cae_tui.screens.queue import QueueScreen
from cae_tui.screens.training import TrainingScreen
from engine import jobs, preparation
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Event
from engine.protocol.states import FINISHED, QUEUED, RUNNING, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.studies.executors import EXECUTORS
from engine.studies.executors.executor import Assignment, Ended, Hear, Wanted
from engine.studies.queue import RunQueue
from tests.cae_tui.conftest import on_top, told, until
from tests.engine.tiny import tiny, write_files


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return write_files(tmp_path)


@pytest.fixture
def app(reading_app: CaeApp) -> CaeApp:
    """One that really trains."""
    return reading_app


def add(home: Home, files: dict[str, Path], count: int = 1, **values: object) -> list[RunDirectory]:
    """New runs in the queue."""
    specs = [tiny(files, **{"epochs": 1, "seed": seed, **values}) for seed in range(count)]
    runs = [preparation.create(home, spec, state=QUEUED).run for spec in specs]
    for run in runs:
        RunQueue(home).add(run)
    return runs


async def train(app: CaeApp, pilot: Pilot[None], files: dict[str, Path], epochs: int = 99_999) -> str:
    """A run that is past its first epoch; gives back its id."""
    app.screen.post_message(Start(tiny(files, epochs=epochs, patience=0)))
    await until(pilot, lambda: app.runner.current is not None and bool(app.runner.current.epochs))
    assert app.runner.current is not None
    return app.runner.current.id


def queued(home: Home) -> list[str]:
    return [run.id for run in RunQueue(home).runs()]


def state(home: Home, run: str) -> str:
    return home.find(run).read_status().state


def rows(app: CaeApp) -> list[list[str]]:
    table = app.screen.query_one("#queue", DataTable)
    return [[str(cell) for cell in table.get_row_at(row)][:2] for row in range(table.row_count)]


async def test_a_second_run_is_queued_and_trained_once_the_first_has_ended(app: CaeApp, files: dict[str, Path]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        first = await train(app, pilot, files)
        app.screen.post_message(Start(tiny(files, epochs=1)))
        await until(pilot, lambda: len(queued(app.home)) == 1)
        (second,) = queued(app.home)
        await until(pilot, lambda: any(f"Run {second[:4]} is queued" in sentence for sentence in told(app)))
        assert f"it begins when run {first[:4]} has ended. Q shows the queue." in told(app)[-1]
        app.screen.post_message(Start(tiny(files, batch_size=999)))
        await until(pilot, lambda: any("999 is more than" in sentence for sentence in told(app)))
        assert len(app.home.ids()) == 2
        app.post_message(OpenRun(second))
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.run_id == second)
        assert isinstance(app.screen, TrainingScreen)
        page = app.screen
        await until(pilot, lambda: page.state is not None and page.state.state == QUEUED)
        assert "as number 1 of 1" in str(page.query_one("#advice", Static).render())
        app.runner.ask(first, Asked.STOP)
        await until(pilot, lambda: state(app.home, second) == FINISHED)
        await until(pilot, lambda: page.state is not None and page.state.state == FINISHED)
        assert state(app.home, first) == STOPPED
        await app.runner.wait_for_end()
        assert not RunQueue(app.home).is_worked_off


async def test_a_form_whose_run_is_queued_leads_to_the_queue(app: CaeApp, files: dict[str, Path]) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        first = await train(app, pilot, files)
        app.post_message(ConfigureAgain(first))
        await until(pilot, on_top(app, SpecPage))
        form = app.screen
        await pilot.press("ctrl+r")
        await until(pilot, on_top(app, QueueScreen))
        await pilot.press("ctrl+r")  # which queues no copy
        assert len(queued(app.home)) == 1
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is form)
        app.runner.stop_at_once()
        await app.runner.wait_for_end()


async def test_a_run_that_is_resumed_meanwhile_is_queued_with_its_checkpoint(
    app: CaeApp, files: dict[str, Path]
) -> None:
    flag = Flag()
    result = jobs.start(app.home, tiny(files, epochs=3), lambda event: flag.ask(Asked.STOP), flag)
    assert result.state == STOPPED
    async with app.run_test(size=(120, 40)) as pilot:
        first = await train(app, pilot, files)
        app.post_message(ResumeRun(result.id))
        await until(pilot, lambda: queued(app.home) == [result.id])
        assert list(app.home.find(result.id).checkpoints.iterdir())
        app.runner.ask(first, Asked.STOP)
        await until(pilot, lambda: state(app.home, result.id) == FINISHED)


async def test_the_page_lists_moves_opens_and_takes_out(app: CaeApp, files: dict[str, Path]) -> None:
    a, b, c = (run.id for run in add(app.home, files, 3))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: any("3 queued runs wait to be trained." in sentence for sentence in told(app)))
        await pilot.press("Q")
        await until(pilot, on_top(app, QueueScreen))
        await until(pilot, lambda: rows(app) == [["1", a[:4]], ["2", b[:4]], ["3", c[:4]]])
        assert "Nobody trains what waits. Ctrl+R starts it." in str(app.screen.query_one("#about", Static).render())
        await pilot.press("J")
        await until(pilot, lambda: queued(app.home) == [b, a, c])
        await until(pilot, lambda: rows(app)[1] == ["2", a[:4]])
        await pilot.press("down", "1")  # the cursor went with its run
        await until(pilot, lambda: queued(app.home) == [c, b, a])
        await pilot.press("down", "K")
        await until(pilot, lambda: queued(app.home) == [b, c, a])
        await pilot.press("x")
        await until(pilot, on_top(app, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: queued(app.home) == [c, a])
        assert state(app.home, b) == STOPPED
        await until(pilot, lambda: on_top(app, QueueScreen)() and len(rows(app)) == 2)
        await pilot.press("enter")
        await until(pilot, on_top(app, TrainingScreen))
        await pilot.press("escape", "ctrl+r")
        await until(pilot, lambda: [state(app.home, run) for run in (a, c)] == [FINISHED, FINISHED])
        await until(pilot, lambda: app.screen.query_one("#none").display)


async def test_another_process_that_works_it_off_is_left_alone(app: CaeApp, files: dict[str, Path]) -> None:
    (run,) = add(app.home, files)
    with RunQueue(app.home).held():
        async with app.run_test() as pilot:
            await pilot.press("Q")
            await until(pilot, on_top(app, QueueScreen))
            await until(pilot, lambda: "Another process" in str(app.screen.query_one("#about", Static).render()))
            assert not app.screen.check_action("start", ())
            first = await train(app, pilot, files)
            app.runner.ask(first, Asked.STOP)
            await app.runner.wait_for_end()
    assert state(app.home, run.id) == QUEUED


async def test_one_that_cannot_begin_is_told_and_the_next_is_trained(app: CaeApp, files: dict[str, Path]) -> None:
    a, b = add(app.home, files, 2)
    a.spec.write_text("{")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("Q")
        await until(pilot, on_top(app, QueueScreen))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: state(app.home, b.id) == FINISHED)
        assert any(f"Run {a.id[:4]}: failed." in sentence for sentence in told(app))


# -- leaving it training --------------------------------------------------------------------------


async def leave(app: CaeApp, pilot: Pilot[None], key: str = "l") -> None:
    await pilot.press("ctrl+q")
    await until(pilot, on_top(app, LeaveScreen))
    await pilot.press(key)
    await until(pilot, lambda: app._exit)


async def test_a_run_that_is_left_training_comes_to_the_same_weights_and_the_queue_follows(
    app: CaeApp, files: dict[str, Path], tmp_path: Path
) -> None:
    (other,) = add(app.home, files)
    async with app.run_test(size=(120, 40)) as pilot:
        run = await train(app, pilot, files, epochs=150)
        await leave(app, pilot)
    left = app.hand_over
    assert left is not None
    assert (left.runs, left.problem, bool(left.process)) == ([run], "", True)
    await until(pilot, lambda: state(app.home, other.id) == FINISHED)
    assert state(app.home, run) == FINISHED
    whole = Home(tmp_path / "whole")
    alone = jobs.start(whole, tiny(files, epochs=150, patience=0), lambda event: None, Flag())
    expected = safetensors.numpy.load_file(whole.find(alone.id).model)
    found = safetensors.numpy.load_file(app.home.find(run).model)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


async def test_to_stop_and_quit_keeps_what_waits_queued(app: CaeApp, files: dict[str, Path]) -> None:
    (other,) = add(app.home, files)
    async with app.run_test(size=(120, 40)) as pilot:
        run = await train(app, pilot, files)
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        words = " ".join(str(each.render()) for each in app.screen.query(Static))
        assert "1 queued run stays queued." in words
        assert "1 queued run follows it." in words
        await pilot.press("y")
        await until(pilot, lambda: app._exit)
    assert app.hand_over is None
    assert [state(app.home, run), state(app.home, other.id)] == [STOPPED, QUEUED]


async def test_where_another_process_works_the_queue_off_a_run_that_is_left_gets_one_of_its_own(
    app: CaeApp, files: dict[str, Path]
) -> None:
    with RunQueue(app.home).held():
        async with app.run_test(size=(120, 40)) as pilot:
            run = await train(app, pilot, files)
            await leave(app, pilot)
        left = app.hand_over
        assert left is not None
        assert (left.runs, left.problem, bool(left.process)) == ([run], "", True)
        directory = app.home.find(run)
        assert directory.is_held()
        directory.ask(Asked.STOP)
        await until(pilot, lambda: not directory.is_held())


async def test_where_no_process_can_be_started_the_run_waits_in_the_queue(
    app: CaeApp, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    async with app.run_test(size=(120, 40)) as pilot:
        run = await train(app, pilot, files)
        monkeypatch.setattr("cae_tui.bridge.detached.subprocess.Popen", refuse)
        await leave(app, pilot)
    assert app.hand_over is not None
    assert app.hand_over.problem == "No process could be started in the background (Cannot allocate memory)."
    assert queued(app.home) == [run]


async def test_a_terminal_that_dies_while_it_is_left_training_changes_nothing(
    app: CaeApp, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    ended: list[int] = []
    gate = threading.Event()

    def detach(home: Home, run: RunDirectory) -> int:
        gate.wait()
        begun.append(run.id)
        return 4321

    monkeypatch.setattr("cae_tui.app.hand_over.detach_queue", detach)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    async with app.run_test(size=(120, 40)) as pilot:
        run = await train(app, pilot, files)
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        await pilot.press("l")
        await until(pilot, lambda: queued(app.home) == [run])
        gone = asyncio.create_task(asyncio.to_thread(app.terminal_gone))
        gate.set()
        await gone
        await until(pilot, lambda: app._exit)
    assert (begun, ended) == ([run], [129])


# -- several at once ------------------------------------------------------------------------------


class InThreads:
    """Trains each run in a thread, as many at once as are wanted."""

    def __init__(self, wanted: Wanted) -> None:
        self.room = wanted.workers
        self._on: set[int] = set()
        self._told: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()

    def submit(self, trial: Assignment) -> int:
        def work() -> None:
            jobs.begin(trial.prepared, lambda event: self._told.put((trial.number, event)), trial.flag)
            self._told.put((trial.number, None))

        self._on.add(trial.number)
        threading.Thread(target=work, daemon=True).start()
        return len(self._on)

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended | None:
        while True:
            try:
                number, event = self._told.get(timeout=0.01 if len(self._on) < self.room else None)
            except queue.Empty:
                return None
            if event is None:
                self._on.remove(number)
                return Ended(number)
            hear(number, event)

    def close(self) -> None:
        assert not self._on


EXECUTOR = InThreads


@pytest.fixture
def two_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.path.mkdir()
    (home.path / "settings.json").write_text(json.dumps({"workers": 2}))
    monkeypatch.setitem(cast("dict[str, str]", EXECUTORS), "workers", __name__)


@pytest.mark.usefixtures("two_at_once")
async def test_as_many_are_trained_at_once_as_the_settings_say(
    app: CaeApp, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[str] = []

    def live() -> list[str]:
        return [run.id for run in app.runner.runs.values() if run.live and run.epochs]

    def detach(home: Home, run: RunDirectory) -> int:
        handed.extend(queued(home))
        return 4321

    monkeypatch.setattr("cae_tui.app.hand_over.detach_queue", detach)
    start: Callable[[], object] = partial(app.post_message, Start(tiny(files, epochs=99_999, patience=0)))
    async with app.run_test(size=(120, 40)) as pilot:
        start()
        await until(pilot, lambda: len(live()) == 1)
        start()
        await until(pilot, lambda: len(live()) == 2)
        assert any("begins now" in sentence for sentence in told(app))
        assert app.runner.room == 0
        start()
        await until(pilot, lambda: len(queued(app.home)) == 1)
        one, two = live()
        (three,) = queued(app.home)
        app.runner.ask(one, Asked.STOP)
        await until(pilot, lambda: state(app.home, one) == STOPPED and three in live())
        assert state(app.home, two) == RUNNING
        await pilot.press("ctrl+q")
        await until(pilot, on_top(app, LeaveScreen))
        words = " ".join(str(each.render()) for each in app.screen.query(Static))
        assert "each keeps its checkpoint" in words
        assert "2 runs are running." in str(app.screen.query_one(".question", Label).render())
        await pilot.press("l")
        await until(pilot, lambda: app._exit)
    assert app.hand_over is not None
    assert (sorted(app.hand_over.runs), app.hand_over.waiting) == (sorted([two, three]), 0)
    assert sorted(handed) == sorted([two, three])
    assert state(app.home, one) == STOPPED


@pytest.mark.usefixtures("two_at_once")
async def test_a_run_that_another_process_is_to_train_is_queued_and_its_page_is_shown(
    app: CaeApp, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "is queued: another process trains what waits."
    with RunQueue(app.home).held():
        async with app.run_test(size=(120, 40)) as pilot:
            app.post_message(Start(tiny(files)))
            await until(pilot, on_top(app, TrainingScreen))
            (run,) = queued(app.home)
            assert isinstance(app.screen, TrainingScreen)
            assert app.screen.run_id == run
            await until(pilot, lambda: any(f"Run {run[:4]} {words}" in sentence for sentence in told(app)))
            await pilot.press("escape")
            # The other process began after it was looked for.
            monkeypatch.setattr("cae_tui.bridge.runner.Runner.elsewhere", False)
            app.post_message(ResumeRun(run))
            await until(pilot, lambda: sum(words in sentence for sentence in told(app)) == 2)
            page = app.screen
            assert isinstance(page, TrainingScreen)
            await until(pilot, lambda: page.state is not None and page.state.state == QUEUED)
