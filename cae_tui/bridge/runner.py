"""The app's only bridge to the engine.

One worker thread trains; what it emits becomes `News` for the app, at most four of steps a second and one of every
other event, which the app folds in. Runs that another process trains are followed by reading their events file.
Everything else a screen needs from the engine it reads by `reader.Reader`, which the runner is. The engine's
modules are imported inside the functions, in those threads: the first screen stands before torch, numpy or
pydantic are loaded.

Over 400 lines: what trains here and what is followed elsewhere share the state of one thread.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from cae_tui.bridge.data_reader import works_in_thread
from cae_tui.bridge.reader import Reader
from cae_tui.bridge.run_queue import ELSEWHERE, QueueBridge
from cae_tui.bridge.run_state import GONE, News, RunState, is_gone, replay
from cae_tui.bridge.values import RunView
from engine.errors import EngineError, MovedError, RunError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import BatchEnded, Event, Resumed, RunEnded
from engine.protocol.states import FAILED, QUEUED
from engine.runs.directory import Home, RunDirectory
from engine.runs.finishing import check_can_finish
from engine.studies.queue import QueueHeldError
from engine.studies.records import study_of

if TYPE_CHECKING:
    from engine.specs.base import Spec

log = logging.getLogger("cae_tui")

BATCH_SECONDS = 0.25
FOLLOW_SECONDS = 0.25

DRAWING_SECONDS = 0.02
"""How long a thread keeps Python, while this process trains, before another that waits for it takes it away. By
Python's own 5 ms a chart is drawn in pieces, and before each the screen waits for the training to let go of Python."""


class Trainer(Protocol):
    """What trains: the engine's `jobs`, or a script of events in a test."""

    def start(self, home: Home, spec: "Spec", emit: Callable[[Event], None], flag: Flag) -> Any:
        """Run `spec` from the beginning; the first event is `RunStarted`, the last is `RunEnded`."""

    def resume(self, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> Any:
        """Take up a run; the first event is `Resumed`, the last is `RunEnded`."""

    def finish(self, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> Any:
        """Evaluate a run's best weights, which ends it; the first event is `Resumed`, the last is `RunEnded`."""


@contextmanager
def _drawing_in_one() -> Iterator[None]:
    """Meanwhile what is drawn is interrupted seldom; the training lets go of Python by itself, at each operation."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(DRAWING_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Listener(Protocol):
    """What the runner tells; called from its threads, so the app's side only posts messages."""

    def run_told(self, news: News) -> None:
        """Something of a run is new; `Runner.fold` takes it in, in the thread that draws it."""

    def run_refused(self, error: str, problems: dict[str, str], *, moved: MovedError | None = None) -> None:
        """A run could not begin, or ended with an error that is nobody's spec; `problems` by field.

        `moved` where its images are gone, or other ones lie in their place.
        """


class Runner(Reader):
    """Starts, follows and controls runs; as a `Reader` it reads what screens show."""

    def __init__(self, home: Home, listener: Listener, trainer: Trainer | None = None) -> None:
        super().__init__(home)
        self.current: RunState | None = None  # the run this process trains, or trained last, as far as it is folded
        self.runs: dict[str, RunState] = {}  # by id: all that it trains; `current` is the first of those that are on
        self.queue = QueueBridge(home, self)
        self.workers = 1  # how many runs of the queue are trained at once
        self.left: list[str] = []  # the ids of those that it trained when it was asked to end, or began since
        self._listener = listener
        self._given_trainer = trainer
        self.flag = Flag()
        self._flags = [self.flag]  # of what it has trained since it was last idle
        self._queueing = False  # whether what it trains comes from the queue
        self._asked_for = ""  # the id of a run that a person waits for, which it trains by way of the queue
        self._wanted = False  # whether the queue is to be looked at again
        self._leaving = False  # whether nothing more is to begin
        self._lock = threading.Lock()  # of the last three, and of the thread's end
        self._thread: threading.Thread | None = None
        self._followed: dict[str, threading.Event] = {}

    # -- training --------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether this process is training."""
        return self._thread is not None and self._thread.is_alive()

    def mine(self, run: str) -> RunState | None:
        """The run of that id, where this process trains it."""
        found = self.runs.get(run) if self.busy else None
        return found if found is not None and (found.live or found is self.current) else None

    @property
    def room(self) -> int:
        """How many runs of the queue can begin now, beside what this process trains."""
        if self.elsewhere or (self.busy and not self._queueing):
            return 0
        live = {run.id for run in self.runs.values() if run.live}
        return max(self.workers - len(live | self.queue.begun), 0)

    @property
    def elsewhere(self) -> bool:
        """Whether another process works the queue off."""
        return not (self.busy and self._queueing) and self.queue.is_worked_off

    @property
    def queues(self) -> bool:
        """Whether a run that is asked for now is not trained at once by `start` or `resume`, but is to be queued."""
        return self.busy or (self.workers > 1 and self.elsewhere)

    @property
    def _trainer(self) -> Trainer:
        """What trains; the real engine is imported by the worker thread, when it is first asked for."""
        if self._given_trainer is not None:
            return self._given_trainer
        from engine import jobs

        return jobs

    def start(self, spec: "Spec", *, alone: bool = False) -> None:
        """Train `spec` in the worker thread; where it is to be `alone`, what waited before does not follow it.

        Raises:
            RunError: a run is on already.
        """
        if self.workers > 1 and not alone:  # others can be trained beside it, which is what the queue is for
            self.occupy(lambda: self._put(self.queue.make(spec, first=True)))
        else:
            self.occupy(lambda: self._trainer.start(self.home, spec, self.emitter(), self.flag), alone=alone)

    def resume(self, run: str) -> None:
        """Take up a run in the worker thread.

        Raises:
            RunError: a run is on already, or there is no such run.
        """
        directory = self.home.find(run)
        if self.workers > 1:
            self.occupy(lambda: self._put(directory))
        else:
            self.occupy(lambda: self._trainer.resume(directory, self.emitter(directory), self.flag))

    def _put(self, run: RunDirectory) -> None:
        """Have the turn of a run come now."""
        self.queue.put_first(run)
        self._asked_for = run.id

    def finish(self, run: str) -> None:
        """Evaluate the best weights of a run in the worker thread, which ends it.

        Raises:
            RunError: a run is on already, or there is no such run, or it has nothing to evaluate.
        """
        directory = self.home.find(run)
        check_can_finish(directory, study_of(directory, directory.read_status()))
        self.occupy(lambda: self._trainer.finish(directory, self.emitter(directory), self.flag))

    def occupy(self, train: Callable[[], Any], *, alone: bool = False) -> None:
        """Do `train` in the worker thread, and then what is queued, unless it is to be `alone`; `flag` is fresh.

        Raises:
            RunError: a run is on already.
        """
        if self.busy:
            raise RunError("A run is already training: stop it, or wait until it ends, before you start another.")
        self.flag = Flag()
        self._flags, self._queueing, self.left, self._asked_for = [self.flag], False, [], ""
        self.current, self.runs = None, {}
        self._thread = threading.Thread(target=self._train, args=(train, alone), name="training", daemon=True)
        self._thread.start()

    def emitter(self, directory: RunDirectory | None = None) -> Callable[[Event], None]:
        """What takes in the events of one run and tells of them; `directory` is that of a run which is taken up."""
        told, flag = 0.0, self.flag
        ids: list[str] = []
        run: RunState | None = None
        untold: list[Event] = []  # steps, which are told with what comes next

        def emit(event: Event) -> None:
            nonlocal told, run
            untold.append(event)
            epoch, now = not isinstance(event, BatchEnded), time.monotonic()
            if not epoch and now - told < BATCH_SECONDS:
                return
            told, events = now, tuple(untold)
            untold.clear()
            if isinstance(event, RunEnded) and not self._leaving:
                self.left = [name for name in self.left if name not in ids]
            if run is None:
                # The events of a run that is taken up were cut back to its checkpoint before this first one.
                before = directory.read_events()[0] if directory else []
                run = replay(directory.id if directory else getattr(event, "run", ""), (*before, *events))
                events = ()
                ids.append(run.id)
                self.left = [*self.left, run.id]
            gone = isinstance(event, RunEnded) and event.state == FAILED and is_gone(self.home, run.id)
            # Where it is gone, what its message says of a checkpoint is no longer so.
            self._listener.run_told(News(run, events, epoch, GONE if gone else "", flag=flag))

        return emit

    def fold(self, news: News) -> RunState:
        """Take in what is new of a run, which it gives back; in the thread that draws it."""
        # And not told late, of a run before the one that is prepared.
        if any(news.flag is flag for flag in self._flags):
            self.runs[news.run.id] = news.run
            if self.current is None or not self.current.live or self.current.id == news.run.id:
                self.current = news.run
        return news.fold()

    def work_queue(self) -> None:
        """Train what is queued: now, or once what is under way has ended."""
        with self._lock:
            if self.busy:
                self._wanted = True
                return
        self.occupy(lambda: None)

    def _train(self, train: Callable[[], Any], alone: bool) -> None:
        begun = self._do(train) and not alone
        while self._goes_on(begun):
            begun = False
            self._do(self._work_off)

    def _work_off(self) -> None:
        try:
            self.queue.work_off(self.workers, self.emitter, self._listener.run_told, self.flag)
        except QueueHeldError as error:
            log.info("%s", error)
            if self._asked_for and self.queue.has(self.home.find(self._asked_for)):
                raise RunError(ELSEWHERE.format(run=self._asked_for)) from None
        finally:
            self._asked_for = ""

    def _goes_on(self, begun: bool) -> bool:
        """Whether the queue is to be looked at; where it is not the thread is over, and nothing comes in between."""
        with self._lock:
            again = (begun or self._wanted) and not self._leaving
            self._wanted = False
            if not again:
                self._thread = None
                return False
            self.flag, self._queueing = Flag(), True
            self._flags = [*self._flags, self.flag]
            return True

    def _do(self, train: Callable[[], Any]) -> bool:
        """Do it, and tell what goes wrong; gives back whether it could begin."""
        try:
            with _drawing_in_one():
                train()
            return True
        except EngineError as error:
            moved = error if isinstance(error, MovedError) else None
            self._listener.run_refused(str(error), getattr(error, "problems", {}), moved=moved)
        except Exception as error:  # a bug: without a word the screen would wait for ever
            log.exception("a run could not begin")
            self._listener.run_refused(self._unforeseen(error), {})
        return False

    def _unforeseen(self, error: Exception) -> str:
        return f"Unexpected error: {type(error).__name__}. {self.home.log} has the details."

    def ask(self, run: str, what: Asked) -> None:
        """Ask a run to pause, go on, stop or finish, whoever trains it.

        Raises:
            RunError: nobody trains it, or it has nothing to evaluate yet.
        """
        if what is Asked.FINISH:
            found = self.home.find(run)
            check_can_finish(found, study_of(found, found.read_status()))
        # What is asked of the flag of a queue, or of several runs, is asked of all.
        if self.mine(run) is not None and not self._queueing and sum(one.live for one in self.runs.values()) == 1:
            self.flag.ask(what)
            return
        directory = self.home.find(run)
        if not directory.is_held():
            raise RunError(f"Run {run} is not training: resume it to continue.")
        directory.ask(what)

    def stop_at_once(self, why: str = "") -> None:
        """Ask what this process trains to stop; what it has is kept, and `why` is told with it. Nothing more begins."""
        with self._lock:
            self._leaving = True
            self.flag.why = self.flag.why or why
            self.flag.ask(Asked.STOP)

    async def wait_for_end(self) -> None:
        """Until this process trains no more."""
        while self.busy:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)  # what it told last is among the app's messages then

    # -- runs that are looked at -----------------------------------------------------------------

    def follow(self, run: str) -> None:
        """Tell of a run that another process trains, until it ends or `unfollow`."""
        if run in self._followed or self.mine(run) is not None:
            return
        stop = self._followed[run] = threading.Event()
        threading.Thread(target=self._follow, args=(run, stop), name=f"follow {run}", daemon=True).start()

    def unfollow(self, run: str) -> None:
        """Tell no more of it."""
        if stop := self._followed.pop(run, None):
            stop.set()

    def _follow(self, run: str, stop: threading.Event) -> None:
        try:
            self._follow_events(self.home.find(run), stop)
        except EngineError as error:
            self._listener.run_refused(str(error), {})
        except Exception as error:  # of a bug, whatever it is: the thread must not end without a word
            log.exception("run %s is no longer followed", run)
            self._listener.run_refused(f"{self._unforeseen(error)} Run {run} is no longer followed; open it again.", {})
        if self._followed.get(run) is stop:
            del self._followed[run]

    def _follow_events(self, directory: RunDirectory, stop: threading.Event) -> None:
        run, offset = RunState(directory.id), 0
        waits, idle = "", True
        while not stop.is_set():
            if not directory.path.exists():
                self._listener.run_told(News(run, state=GONE))
                break
            if directory.id in self.left:  # its turn has come in this process, which tells of it
                break
            if idle and (words := self.queue.words_of(directory)):
                if words != waits:
                    waits = words
                    self._listener.run_told(News(self._replayed(directory), state=QUEUED, message=words))
                stop.wait(FOLLOW_SECONDS)
                continue
            if waits and self.queue.has(directory):  # its turn has come, but its events are not cut back yet
                stop.wait(FOLLOW_SECONDS)
                continue
            if waits:
                waits, offset = "", 0
            try:
                size = directory.events.stat().st_size
            except OSError:
                size = 0
            if size < offset:  # cut back to a checkpoint by a resume
                offset = 0
            first = offset == 0
            events, offset = directory.read_events(offset)
            if events:
                if first:  # all that was so far, which may be much: it is folded before it is handed over
                    run = replay(directory.id, events)
                epoch = any(not isinstance(event, BatchEnded) for event in events)
                self._listener.run_told(News(run, () if first else events, epoch))
            ends = [event for event in events if isinstance(event, RunEnded | Resumed)]
            ended = bool(ends) and isinstance(ends[-1], RunEnded)
            idle = not events or ended
            if ended and not self.queue.words_of(directory):
                break
            if not events and not directory.is_held():  # it was killed: its status says so
                try:
                    status = directory.read_status()
                except EngineError:
                    if directory.path.exists():
                        raise
                    continue  # it has just gone
                self._listener.run_told(News(run, state=status.state, message=status.message))
                break
            stop.wait(FOLLOW_SECONDS)

    def _replayed(self, directory: RunDirectory) -> RunState:
        """A run as its events tell it, be there none yet; one that waits has not ended."""
        state = replay(directory.id, directory.read_events()[0])
        status = directory.read_status()
        state.kind, state.title = state.kind or status.kind, state.title or status.title
        if status.state == QUEUED:
            state.ended = state.result = None
        return state

    @works_in_thread
    def open_run(self, run: str) -> RunView:
        """A run with its events replayed.

        Raises:
            RunError: there is no such run, or it is damaged.
        """
        directory = self.home.find(run)
        mine = self.mine(directory.id)
        status = directory.read_status()
        state = mine or self._replayed(directory)
        if mine is None and status.state == QUEUED:
            state.state, state.message = QUEUED, self.queue.words_of(directory)
        elif mine is None and state.ended is None:
            state.state, state.message = status.state, status.message
        result = directory.read_result()
        facts = None
        if result is not None:
            from engine.runs.facts import facts_of

            facts = facts_of(self.home, directory)
        spec = directory.read_spec()
        return RunView(status=status, state=state, spec=spec, result=result, mine=mine is not None, facts=facts)
