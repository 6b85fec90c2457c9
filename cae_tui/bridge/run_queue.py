"""The queue of single runs for screens: what is in it, what a person does with it, and working it off.

The runner works it off in its thread, once what is under way has ended. Whatever loads torch is imported there, or in
the thread in which a run is made.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cae_tui.bridge.data_reader import HasThreads, works_in_thread
from cae_tui.bridge.run_state import News, RunState
from engine.errors import EngineError
from engine.protocol.control import Flag
from engine.protocol.events import Event, Resumed, RunStarted
from engine.protocol.states import FAILED, QUEUED
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.studies.queue import RunQueue

if TYPE_CHECKING:
    from engine.specs.base import Spec

Emitter = Callable[[RunDirectory | None], Callable[[Event], None]]
"""Makes what takes in the events of one run; of a directory where that is taken up."""

ELSEWHERE = "Run {run} is queued: another process trains what waits."


@dataclass(frozen=True, slots=True)
class QueueView:
    """What trains and what waits."""

    training: tuple[RunStatus, ...]  # here or in other processes, trials among them
    queued: tuple[RunStatus, ...]  # the one first whose turn comes first
    worked_off: bool  # whether a process works the queue off


class QueueBridge:
    """The queue of a home."""

    def __init__(self, home: Home, threads: HasThreads) -> None:
        self._home, self._queue = home, RunQueue(home)
        self.in_thread = threads.in_thread
        self.begun: set[str] = set()  # the ids of those whose turn has come in this process; see `work_off`

    # -- what is in it ----------------------------------------------------------------------------

    def read(self) -> QueueView:
        """As it is now; reads one small file a run."""
        queued = tuple(self._queue.runs())
        return QueueView(tuple(self._queue.training()), queued, self._queue.is_worked_off)

    def count(self) -> int:
        """How many runs wait."""
        return len(self._queue.runs())

    def waiting(self) -> list[str]:
        """The ids of those whose turn has not come, the one first whose turn comes first."""
        return [run.id for run in self._queue.waiting() if run.id not in self.begun]

    @property
    def is_worked_off(self) -> bool:
        """Whether a process works it off."""
        return self._queue.is_worked_off

    def has(self, run: RunDirectory) -> bool:
        """Whether its status says that it is queued, until it is being trained."""
        try:
            return run.read_status().state == QUEUED
        except EngineError:  # it has just gone
            return False

    def words_of(self, run: RunDirectory) -> str:
        """Since when a run waits and where in the queue it is, in a sentence; empty where it does not wait."""
        try:
            if run.is_held() or (status := run.read_status()).state != QUEUED:
                return ""
        except EngineError:  # it has just gone
            return ""
        order = self.waiting()
        place = f", as number {order.index(run.id) + 1:,} of {len(order):,}" if run.id in order else ""
        when = time.localtime(status.updated)
        today = when[:3] == time.localtime()[:3]
        return f"Queued since {time.strftime('%H:%M' if today else '%Y-%m-%d, %H:%M', when)}{place}."

    # -- what is done with it ---------------------------------------------------------------------

    @works_in_thread
    def add_new(self, spec: "Spec") -> str:
        """Make a run that waits for its turn, the last of all; gives back its id.

        Raises:
            EngineError: it could not begin, as it would be told if it did now.
        """
        return self.make(spec).id

    def make(self, spec: "Spec", *, first: bool = False) -> RunDirectory:
        """As `add_new`, in the thread of the caller."""
        from engine import preparation

        run = preparation.create(self._home, spec, state=QUEUED).run
        self._queue.add(run, first=first)
        return run

    @works_in_thread
    def add(self, run: str) -> None:
        """Have a run that ended before its time wait for its turn, the last of all.

        Raises:
            EngineError: it is being trained, or nothing is left of it to train.
        """
        self._queue.add(self._home.find(run))

    def put_first(self, run: RunDirectory) -> None:
        """Have its turn come before all others.

        Raises:
            EngineError: it is being trained, or nothing is left of it to train.
        """
        self._queue.add(run, first=True)

    @works_in_thread
    def move(self, run: str, where: str) -> None:
        """Have its turn come sooner or later.

        Raises:
            EngineError: it is not queued.
        """
        self._queue.move(run, where)

    @works_in_thread
    def remove(self, run: str) -> None:
        """Take a run out: it is stopped then.

        Raises:
            EngineError: it is not queued.
        """
        self._queue.remove(self._home.find(run))

    # -- working it off ---------------------------------------------------------------------------

    def work_off(self, workers: int, emitter: Emitter, told: Callable[[News], None], flag: Flag) -> None:
        """Train what waits, in the thread of the caller.

        Raises:
            QueueHeldError: another process does so.
        """
        if not self._queue.runs():
            return
        from engine.studies.executors import executor_of
        from engine.studies.executors.executor import Wanted
        from engine.studies.working_off import work_off

        executor = executor_of(Wanted(workers=workers))
        try:
            work_off(self._home, executor, _Watcher(emitter, told, flag, self.begun), flag)
        finally:
            self.begun.clear()
            executor.close()


class _Watcher:
    """Hands what it hears of each run to who takes that in."""

    def __init__(self, emitter: Emitter, told: Callable[[News], None], flag: Flag, begun: set[str]) -> None:
        self._emitter, self._told, self._flag, self._begun = emitter, told, flag, begun
        self._emitters: dict[str, Callable[[Event], None]] = {}

    def begun(self, run: RunDirectory) -> None:
        """See `Observer`."""
        self._emitters.pop(run.id, None)
        self._begun.add(run.id)

    def emit(self, run: RunDirectory, event: Event) -> None:
        """See `Observer`."""
        if isinstance(event, Resumed):
            self._emitters[run.id] = self._emitter(run)
        elif isinstance(event, RunStarted) or run.id not in self._emitters:
            self._emitters[run.id] = self._emitter(None)
        self._emitters[run.id](event)

    def ended(self, run: RunDirectory, problem: str) -> None:
        """See `Observer`: events tell of all but of one that could not begin."""
        self._begun.discard(run.id)
        if problem:
            self._told(News(RunState(run.id), state=FAILED, message=problem, flag=self._flag))

    def passed_over(self, run: RunDirectory) -> None:
        """See `Observer`."""
        self._begun.discard(run.id)
