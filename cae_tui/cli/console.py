"""The work of the command line: training with a progress bar, reports and lists, no screen.

Progress goes to stderr (a bar where that is a terminal, else one line an epoch), the result to stdout.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from cae_tui.bridge import detached
from cae_tui.bridge.run_state import GONE_WORDS, is_gone
from cae_tui.cli import notify
from cae_tui.cli.data_console import read_images
from cae_tui.cli.next_steps import tell_after_detach, tell_after_queueing, tell_after_stop
from cae_tui.cli.output_console import OutputConsole, printing, tell
from cae_tui.cli.report_console import draw_result
from cae_tui.cli.teller import RunTeller
from cae_tui.printing import put
from engine.errors import EngineError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Event
from engine.protocol.states import (
    COMPLETE,
    DIVERGED,
    EARLY_STOPPED,
    ENDED_FOR_GOOD,
    FAILED,
    FINISHED,
    QUEUED,
    RUNNING,
    STOPPED,
)
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import FORMAT
from engine.studies.queue import RunQueue

if TYPE_CHECKING:
    from engine.runs.facts import RunFacts
    from engine.specs.base import Spec

SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"
EXIT_CODES = {FINISHED: 0, EARLY_STOPPED: 0, DIVERGED: 1, FAILED: 1, STOPPED: 130}
_WHY: dict[int, str] = {
    signal.SIGHUP: "It was stopped because the terminal was closed.",
    signal.SIGTERM: "It was stopped because cae-tui was asked to end.",
}


def train(home: Home, spec: "Spec", *, as_json: bool, detach: bool = False, queue: bool = False) -> int:
    """Train `spec` and print its result, or have it trained elsewhere or later; gives back the exit code."""
    if detach or queue:
        from engine import preparation

        read_images(spec.files)
        prepared = preparation.create(home, spec, state=QUEUED if queue else RUNNING)
        for remark in prepared.remarks:
            tell(f"! {remark}")
        return _queue(home, prepared.run, as_json) if queue else _detach(home, prepared.run, as_json)
    with interruptible() as flag:
        from engine import jobs

        read_images(spec.files, flag)
        return _follow(home, lambda emit: jobs.start(home, spec, emit, flag), None, as_json)


def resume(home: Home, run: RunDirectory, *, as_json: bool, detach: bool = False, queue: bool = False) -> int:
    """Take a run up and print its result, or have that done elsewhere or later; gives back the exit code."""
    if queue:
        return _queue(home, run, as_json)
    if detach:
        from engine import jobs, preparation

        jobs.check_resumable(run)
        preparation.reopen(run)  # where its images were moved, say, it is told now: nobody hears the other process
        return _detach(home, run, as_json)
    with interruptible() as flag:
        from engine import jobs

        return _follow(home, lambda emit: jobs.resume(run, emit, flag), run, as_json)


@contextmanager
def interruptible() -> Iterator[Flag]:
    """One Ctrl+C, hang-up or request to end stops the run with a checkpoint; a second Ctrl+C ends at once."""
    flag = Flag()
    asked = 0

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        nonlocal asked
        asked += 1
        if asked > 1 and number == signal.SIGINT:
            if sys.stderr.isatty():
                os.write(2, SHOW_CURSOR + b"\n")
            os._exit(130)
        flag.why = _WHY.get(number, "")
        flag.ask(Asked.STOP)
        with suppress(OSError):  # the terminal may be gone, which is why we are here
            os.write(2, b"\nStopping after this step; Ctrl+C again ends at once.\n")

    handlers = {signal.SIGINT: ask, signal.SIGTERM: ask, signal.SIGHUP: ask}
    if sys.stderr.isatty():
        handlers[signal.SIGTSTP] = _stand_still
    # A process started by nohup ignores hang-ups, and goes on doing so.
    handlers = {number: do for number, do in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}
    before = {number: signal.signal(number, do) for number, do in handlers.items()}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stand_still(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
    """Ctrl+Z: the shell gets its cursor, which the progress bar hides, until the run is told to go on."""
    os.write(2, SHOW_CURSOR)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # here it stands still
    signal.signal(number, _stand_still)
    os.write(2, HIDE_CURSOR)


Training = Callable[[Callable[[Event], None]], Result]
"""What trains, tells events, and gives back the result."""


def train_on(train: Training, run: RunDirectory | None, *, finishing: bool = False) -> Result:
    """Have `train` train, show how it goes, and give back what it came to."""
    with RunTeller(OutputConsole(stderr=True), run, finishing) as teller:
        return train(teller.emit)


def _follow(home: Home, train: Training, run: RunDirectory | None, as_json: bool) -> int:
    result = train_on(train, run)
    print_result(home, result, as_json=as_json)
    return EXIT_CODES.get(result.state, 1)


def print_result(home: Home, result: Result, *, as_json: bool = False) -> None:
    """Print what a run came to, and say on stderr why, and what can be done where it was stopped.

    Raises:
        OutputError: the output takes nothing more.
    """
    hint = f": `cae-tui report {result.id}` prints its result." if result.state in ENDED_FOR_GOOD else "."
    with printing(f"Run {result.id} is {result.state}{hint}"):
        if as_json:
            put(json.dumps({"format": FORMAT, **result.to_json()}))
        else:
            draw_result(OutputConsole(), result, _facts(home, result.id))
    gone = result.state == FAILED and is_gone(home, result.id)
    message = GONE_WORDS if gone else result.message
    if message and (as_json or result.state not in COMPLETE):  # else it is part of what was printed
        tell(message)
    if result.state in (STOPPED, FAILED) and not gone:
        finish = bool(result.best_epoch)
        tell_after_stop(home, result.id, finish=finish, failed=result.state == FAILED)
    notify.ended(f"run {result.id}", result.state, message)


def _facts(home: Home, run: str) -> "RunFacts | None":
    """What the result of a run is to be held against, where it can be told: a result is never lost for it."""
    from engine.runs.facts import facts_of

    try:
        return facts_of(home, home.find(run))
    except EngineError:
        return None


def _queue(home: Home, run: RunDirectory, as_json: bool) -> int:
    """Have a run wait for its turn."""
    queue = RunQueue(home)
    queue.add(run)
    order = [other.id for other in queue.waiting()]
    place = order.index(run.id) + 1 if run.id in order else 0  # its turn may have come already
    if as_json:
        put(json.dumps({"id": run.id, "place": place}))
    else:
        put(run.id)
    tell_after_queueing(home, run.id, place, worked_off=queue.is_worked_off)
    return 0


def _detach(home: Home, run: RunDirectory, as_json: bool) -> int:
    """Train a prepared run in a process of its own."""
    process = detached.detach_run(home, run, notify.flags())
    if as_json:
        put(json.dumps({"id": run.id, "process": process}))
    else:
        put(run.id)
    tell_after_detach(home, [run.id], process)
    return 0
