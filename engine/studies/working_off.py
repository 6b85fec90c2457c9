"""Working the queue off: its runs one after the other, or as many at once as an executor has room for.

It is what a study does with its trials, without a plan and without picks: each run is opened again as a resume opens
it, handed to the executor, and waited for. What is asked of one run, by its `control` file, reaches that run alone.
What is asked of the whole work ends the runs under way with a checkpoint, and the others stay queued.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from engine import preparation
from engine.errors import EngineError
from engine.protocol.control import POLL_SECONDS, Asked, Flag, RunControl
from engine.protocol.events import Event
from engine.protocol.states import FAILED, QUEUED
from engine.runs.directory import Home, RunDirectory
from engine.runs.prepared import Prepared
from engine.runs.status import touch
from engine.studies.controls import Controls
from engine.studies.executors.executor import Assignment, Executor
from engine.studies.queue import RunQueue
from engine.studies.resources import threads_of
from engine.text import excerpt

log = logging.getLogger("cae_tui.engine")

LOOK_SECONDS = 1.0
"""How often it is looked for runs that were queued meanwhile, where there is room for another."""


class Observer(Protocol):
    """Who hears how it goes; called from the thread that works the queue off."""

    def begun(self, run: RunDirectory) -> None:
        """The turn of a run has come."""

    def emit(self, run: RunDirectory, event: Event) -> None:
        """An event of a run under way."""

    def ended(self, run: RunDirectory, problem: str) -> None:
        """A run is no longer under way, or could not begin, where a `problem` says why."""

    def passed_over(self, run: RunDirectory) -> None:
        """A run whose turn had come is not trained here: it is gone, taken out, or in other hands."""


def work_off(home: Home, executor: Executor, observer: Observer, flag: Flag) -> None:
    """Train the queued runs of a home in their order, until none is left or `flag` asks to stop.

    Those that are queued meanwhile are among them. One that cannot begin has failed, and the others go on.

    Args:
        flag: what is asked of all of them.

    Raises:
        QueueHeldError: another process works it off.
        StorageError: its lock cannot be written.
    """
    queue = RunQueue(home)
    with queue.held(), _listening(queue, flag):
        _Work(queue, executor, observer, flag).go()


@contextmanager
def _listening(queue: RunQueue, flag: Flag) -> Iterator[None]:
    """Meanwhile hear what other processes ask, in a thread: this one may read images, or wait for a run that waits."""
    control, over = RunControl(flag, queue.control), threading.Event()

    def listen() -> None:
        while not over.wait(POLL_SECONDS):
            control.asked()

    thread = threading.Thread(target=listen, name="queue control", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            queue.control.unlink(missing_ok=True)


@dataclass
class _Work:
    queue: RunQueue
    executor: Executor
    observer: Observer
    flag: Flag

    def __post_init__(self) -> None:
        self._controls = Controls(self.flag)
        self._under_way: dict[int, RunDirectory] = {}  # by the number of its assignment
        self._passed_over: set[str] = set()  # of what cannot be trained that even this could not be written down
        self._count = 0

    def go(self) -> None:
        """All of it."""
        self._controls.listen()
        while True:
            while len(self._under_way) < self.executor.room and (run := self._next()) is not None:
                self._begin(run)
            if not self._under_way:
                return
            self._wait()

    def _next(self) -> RunDirectory | None:
        """The run whose turn it is; one that somebody trains meanwhile is theirs."""
        if self._controls.word is Asked.STOP:
            return None
        taken = {run.id for run in self._under_way.values()} | self._passed_over
        waiting = (RunDirectory(self.queue.home.runs / run.id) for run in self.queue.runs() if run.id not in taken)
        return next((run for run in waiting if not run.is_held()), None)

    def _begin(self, run: RunDirectory) -> None:
        self._count += 1
        self.observer.begun(run)
        try:
            prepared = preparation.reopen(run)
            if run.is_held() or run.read_status().state != QUEUED:  # meanwhile it was taken out, or begun
                self.observer.passed_over(run)
                return
            prepared = self._with_its_cores(prepared)
        except Exception as error:  # whatever it is, the others go on
            self._give_up(run, error)
            return
        self.executor.submit(Assignment(self._count, prepared, self._controls.add(self._count)))
        self._under_way[self._count] = run

    def _with_its_cores(self, prepared: Prepared) -> Prepared:
        """With its share of the cores, where several are trained at once and its spec leaves that to the program.

        It is written down before it begins: a worker reads it from there.
        """
        threads = threads_of(prepared.device, self.executor.room)
        begun = any(prepared.run.checkpoints.glob("*.safetensors"))
        if prepared.spec.threads != "auto" or not threads or begun:
            return prepared
        prepared = preparation.with_threads(prepared, threads)
        with prepared.run.locked():
            preparation.write_threads(prepared)
        return prepared

    def _wait(self) -> None:
        ended = self.executor.wait(self._hear, LOOK_SECONDS)
        if ended is None:
            return
        run = self._under_way.pop(ended.number)
        self._controls.remove(ended.number)
        if ended.error is not None:
            self._give_up(run, ended.error)
        else:
            self.observer.ended(run, "")

    def _hear(self, number: int, event: Event) -> None:
        self.observer.emit(self._under_way[number], event)

    def _give_up(self, run: RunDirectory, error: Exception) -> None:
        """Write down that a run failed which could not be trained; of one that is gone or taken there is nothing."""
        problem = str(error)
        if not isinstance(error, EngineError):
            log.exception("run %s could not begin", run.id, exc_info=error)
            problem = (
                f"Unexpected error: {type(error).__name__}: {excerpt(error)}. {self.queue.home.log} has the details."
            )
        if not run.path.exists() or run.is_held():
            self.observer.passed_over(run)
            return
        log.warning("run %s could not begin: %s", run.id, problem)
        try:
            status = run.read_status()
            if status.state == QUEUED:
                with run.locked():
                    run.write_status(touch(status, state=FAILED, message=problem))
        except EngineError as again:
            self._passed_over.add(run.id)
            log.warning("run %s: %s", run.id, again)
        self.observer.ended(run, problem)
