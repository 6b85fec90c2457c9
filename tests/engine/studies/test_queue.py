"""The queue of single runs: its order, what is taken out of it, and working it off."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from engine import jobs, preparation
from engine.errors import RunError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.protocol.states import FAILED, FINISHED, QUEUED, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.runs.prepared import Prepared
from engine.studies.executors import executor_of
from engine.studies.executors.executor import Assignment, Ended, Executor, Hear, Wanted
from engine.studies.queue import DOWN, FIRST, LAST, UP, QueueHeldError, RunQueue
from engine.studies.working_off import work_off
from tests.engine.tiny import tiny, write_files
from tests.faults.killing import Aim, finish, fork


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return write_files(tmp_path)


class Heard:
    """Keeps what it hears, and calls `then` with each event."""

    def __init__(self, then: Callable[[RunDirectory, Event], None] = lambda run, event: None) -> None:
        self.order: list[str] = []
        self.problems: dict[str, str] = {}
        self.passed: list[str] = []
        self.then = then

    def begun(self, run: RunDirectory) -> None:
        self.order.append(run.id)

    def emit(self, run: RunDirectory, event: Event) -> None:
        self.then(run, event)

    def ended(self, run: RunDirectory, problem: str) -> None:
        self.problems[run.id] = problem

    def passed_over(self, run: RunDirectory) -> None:
        self.passed.append(run.id)


def add(home: Home, files: dict[str, Path], count: int = 1, **values: object) -> list[RunDirectory]:
    """New runs in the queue, one after the other."""
    runs = []
    for seed in range(count):
        run = preparation.create(home, tiny(files, **{"epochs": 1, "seed": seed, **values}), state=QUEUED).run
        RunQueue(home).add(run)
        runs.append(run)
    return runs


def queued(home: Home) -> list[str]:
    return [run.id for run in RunQueue(home).runs()]


def states(runs: list[RunDirectory]) -> list[str]:
    return [run.read_status().state for run in runs]


def work(home: Home, heard: Heard | None = None, flag: Flag | None = None, executor: Executor | None = None) -> Heard:
    heard = heard or Heard()
    work_off(home, executor or executor_of(Wanted(workers=1)), heard, flag or Flag())
    return heard


# -- what is queued -------------------------------------------------------------------------------


def test_queued_runs_come_in_the_order_in_which_they_were_added_and_then_moved(
    home: Home, files: dict[str, Path]
) -> None:
    a, b, c = (run.id for run in add(home, files, 3))
    queue = RunQueue(home)
    assert queued(home) == [a, b, c]
    for run, where, then in (
        (c, UP, [a, c, b]),
        (a, DOWN, [c, a, b]),
        (b, FIRST, [b, c, a]),
        (b, UP, [b, c, a]),
        (b, LAST, [c, a, b]),
        (b, DOWN, [c, a, b]),
    ):
        queue.move(run, where)
        assert queued(home) == then
    assert json.loads((home.path / "queue.json").read_text()) == {"format": 1, "kind": "queue", "order": [c, a, b]}


@pytest.mark.parametrize("content", [None, "", "{", '{"format": 1, "order": 3}', '{"order": [1, null, "x"]}', "[]"])
def test_without_the_file_of_the_order_the_queue_is_in_the_order_of_beginning(
    home: Home, files: dict[str, Path], content: str | None
) -> None:
    runs = [run.id for run in add(home, files, 2)]
    RunQueue(home).move(runs[1], FIRST)
    file = home.path / "queue.json"
    file.unlink() if content is None else file.write_text(content)
    assert queued(home) == runs
    RunQueue(home).move(runs[1], FIRST)
    assert queued(home) == runs[::-1]


def test_runs_that_are_made_at_the_same_time_come_in_the_order_of_beginning(home: Home, files: dict[str, Path]) -> None:
    a, b = (preparation.create(home, tiny(files, seed=seed), state=QUEUED).run for seed in range(2))
    for run in (a, b):  # both were there before the first was added
        RunQueue(home).add(run)
    assert queued(home) == [a.id, b.id]
    RunQueue(home).add(a)  # it keeps its place
    assert queued(home) == [a.id, b.id]


def test_a_run_that_is_taken_out_is_stopped_and_can_be_resumed(home: Home, files: dict[str, Path]) -> None:
    run, other = add(home, files, 2)
    RunQueue(home).remove(run)
    status = run.read_status()
    assert (status.state, status.message) == (
        STOPPED,
        "Taken out of the queue before it began. Resume it to train it.",
    )
    assert queued(home) == [other.id]
    with pytest.raises(RunError, match=f"Run {run.id} is stopped, not queued"):
        RunQueue(home).remove(run)
    with pytest.raises(RunError, match=f"Run {run.id} is stopped, not queued"):
        RunQueue(home).move(run.id, UP)
    assert jobs.resume(run, lambda event: None, Flag()).state == FINISHED
    with pytest.raises(RunError, match="there is nothing left to train"):
        RunQueue(home).add(run)


def test_a_run_that_is_trained_cannot_be_queued_or_taken_out(home: Home, files: dict[str, Path]) -> None:
    (run,) = add(home, files)
    with run.locked():
        with pytest.raises(RunError, match="is being trained"):
            RunQueue(home).add(run)
        with pytest.raises(RunError, match="is being trained"):
            RunQueue(home).remove(run)
    assert run.read_status().state == QUEUED


def test_a_trial_of_an_unfinished_study_cannot_be_queued(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = preparation.create(home, tiny(files), study="a7f3", trial=1).run
    monkeypatch.setattr("engine.studies.records.study_of", lambda run, status: status.study)
    with pytest.raises(RunError, match=f"Run {run.id} is a trial of study a7f3: `cae-tui study resume a7f3` trains it"):
        RunQueue(home).add(run)


# -- working it off -------------------------------------------------------------------------------


def test_the_queue_is_worked_off_in_its_order_with_what_is_queued_meanwhile(home: Home, files: dict[str, Path]) -> None:
    runs = add(home, files, 2)
    RunQueue(home).move(runs[1].id, FIRST)

    def then(run: RunDirectory, event: Event) -> None:
        if isinstance(event, EpochEnded) and run.id == runs[1].id and len(runs) == 2:
            assert RunQueue(home).is_worked_off
            runs.extend(add(home, files, seed=7))

    heard = work(home, Heard(then))
    assert heard.order == [runs[1].id, runs[0].id, runs[2].id]
    assert states(runs) == [FINISHED] * 3
    assert not any(heard.problems.values())
    assert not RunQueue(home).is_worked_off


def test_a_run_that_cannot_begin_fails_with_the_reason_and_the_others_are_trained(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "others").mkdir()
    others = write_files(tmp_path / "others")
    first, (broken,), last = add(home, files), add(home, others), add(home, files)
    Path(others["images"]).unlink()
    heard = work(home)
    assert states([*first, broken, *last]) == [FINISHED, FAILED, FINISHED]
    assert str(others["images"]) in heard.problems[broken.id]
    assert broken.read_status().message == heard.problems[broken.id]


def test_a_run_that_is_deleted_is_passed_over(home: Home, files: dict[str, Path]) -> None:
    runs = add(home, files, 3)
    home.delete(runs[0])

    def then(run: RunDirectory, event: Event) -> None:
        if runs[2].path.exists():
            home.delete(runs[2])

    assert work(home, Heard(then)).order == [runs[1].id]


def test_a_run_that_is_taken_out_while_its_images_are_read_is_passed_over(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = add(home, files, 2)
    reopen = preparation.reopen

    def read(run: RunDirectory) -> Prepared:
        if run.id == runs[0].id:
            RunQueue(home).remove(run)
        return reopen(run)

    monkeypatch.setattr(preparation, "reopen", read)
    heard = work(home)
    assert (heard.passed, list(heard.problems)) == ([runs[0].id], [runs[1].id])
    assert states(runs) == [STOPPED, FINISHED]


def test_two_do_not_work_it_off_at_once(home: Home, files: dict[str, Path]) -> None:
    runs = add(home, files, 2)
    refused: list[str] = []

    def then(run: RunDirectory, event: Event) -> None:
        if not refused:
            with pytest.raises(QueueHeldError) as error:
                work(home)
            refused.append(str(error.value))

    work(home, Heard(then))
    assert refused == ["The queue is being worked off in another process already."]
    assert states(runs) == [FINISHED, FINISHED]


def test_to_stop_one_run_stops_that_one_alone(home: Home, files: dict[str, Path]) -> None:
    runs = add(home, files, 2, epochs=3)

    def then(run: RunDirectory, event: Event) -> None:
        if isinstance(event, EpochEnded) and run.id == runs[0].id:
            run.ask(Asked.STOP)

    heard = work(home, Heard(then))
    assert heard.order == [run.id for run in runs]
    assert states(runs) in ([STOPPED, FINISHED], [FINISHED, FINISHED])  # it may be over before it looks at the file


def test_to_stop_the_work_keeps_the_others_queued_and_the_next_goes_on_bit_for_bit(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    runs, flag = add(home, files, 2, epochs=2), Flag()

    def then(run: RunDirectory, event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    work(home, Heard(then), flag)
    assert states(runs) == [STOPPED, QUEUED]
    RunQueue(home).add(runs[0], first=True)
    assert queued(home) == [run.id for run in runs]
    assert work(home).order == [run.id for run in runs]
    assert states(runs) == [FINISHED, FINISHED]
    whole = Home(tmp_path / "whole")
    jobs.start(whole, tiny(files, epochs=2, seed=0), lambda event: None, Flag())
    alone = safetensors.numpy.load_file(whole.find(whole.ids()[0]).model)
    queued_again = safetensors.numpy.load_file(runs[0].model)
    assert alone.keys() == queued_again.keys()
    assert all(np.array_equal(alone[name], queued_again[name]) for name in alone)


def test_another_process_has_the_work_stopped(home: Home, files: dict[str, Path]) -> None:
    runs, queue = add(home, files, 2, epochs=99_999, patience=0), RunQueue(home)
    with pytest.raises(RunError, match="Nobody works the queue off"):
        queue.stop()
    asked: list[str] = []

    def then(run: RunDirectory, event: Event) -> None:
        if isinstance(event, EpochEnded) and not asked:
            asked.append(run.id)
            queue.stop()

    work(home, Heard(then))
    assert states(runs) == [STOPPED, QUEUED]
    assert list(runs[0].checkpoints.iterdir())
    assert not queue.control.exists()


def test_where_the_work_is_killed_the_rest_is_queued_still(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    runs = add(home, files, 2)

    def be_killed() -> None:
        Aim("checkpoint", "after it was renamed", 2).take()
        work(home)

    assert finish(fork(be_killed), tmp_path, killed=True)
    assert states(runs) == ["cut off", QUEUED]
    assert work(home).order == [runs[1].id]
    RunQueue(home).add(runs[0])
    assert work(home).order == [runs[0].id]
    assert states(runs) == [FINISHED, FINISHED]


class Threads:
    """Trains two at once, each in a thread; tells nothing of what they emit."""

    room = 2

    def __init__(self) -> None:
        self._ended: list[int] = []
        self._on: dict[int, threading.Thread] = {}
        self.together = 0

    def submit(self, trial: Assignment) -> int:
        def train() -> None:
            jobs.begin(trial.prepared, lambda event: None, trial.flag)

        self._on[trial.number] = threading.Thread(target=train)
        self.together = max(self.together, len(self._on))
        return len(self._on)

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended | None:
        assert seconds is not None
        if len(self._on) < self.room and not self._ended:
            self._ended.append(0)
            return None  # there is room: it is asked to look again
        number, thread = self._on.popitem()
        thread.start()
        thread.join()
        return Ended(number)

    def close(self) -> None:
        assert not self._on


def test_as_many_are_under_way_as_there_is_room_for_and_they_divide_the_cores(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.studies.resources.cores", lambda: 6)
    runs, executor = add(home, files, 3, threads="auto", device="cpu"), Threads()
    heard = work(home, executor=executor)
    assert executor.together == 2
    assert sorted(heard.order) == sorted(run.id for run in runs)
    assert states(runs) == [FINISHED] * 3
    assert [run.read_spec()["spec"]["threads"] for run in runs] == [3, 3, 3]


def test_a_queued_run_can_be_trained_at_once(home: Home, files: dict[str, Path]) -> None:
    runs = add(home, files, 2)
    assert jobs.resume(runs[1], lambda event: None, Flag()).state == FINISHED
    assert queued(home) == [runs[0].id]
    assert work(home).order == [runs[0].id]
