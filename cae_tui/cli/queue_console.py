"""The queue without a screen: what waits, its order, and working it off.

Progress goes to stderr, as of any run; a line for each run that ends to stdout.
"""

import argparse
import json
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.bridge import detached
from cae_tui.bridge.run_titles import cut, shared_by_kind, shorten, spec_words
from cae_tui.cli import notify
from cae_tui.cli.console import EXIT_CODES, interruptible
from cae_tui.cli.next_steps import tell_after_queue_detach, tell_after_stop
from cae_tui.cli.output_console import OutputConsole, table_console, tell
from cae_tui.cli.parser import INTERRUPTED
from cae_tui.cli.queue_cli import ACTIONS
from cae_tui.cli.run_console import ASK_SECONDS, POLL_SECONDS, find_all
from cae_tui.cli.teller import RunTeller, Teller
from cae_tui.printing import as_typed, complain, put
from cae_tui.settings import MOST_WORKERS, read_settings
from engine.errors import EngineError, RunError, SpecError
from engine.protocol.control import Asked
from engine.protocol.events import Event
from engine.protocol.states import COMPLETE, QUEUED, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.storage.files import FORMAT
from engine.studies.queue import MOVES, RunQueue
from engine.text import counted, either, excerpt, plain

_WIDEST = 1000
_MOST_DATA = 16
_LEFT = ("run", "kind", "spec", "data")
_NUMBER = re.compile(r"[0-9]{1,9}")
NONE_QUEUED = "No runs are queued. `cae-tui autoencoder --queue` queues one, and `cae-tui resume RUN --queue` another."


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    action, *words = options.queue_words or ["list"]
    if action not in ACTIONS:
        hint = ""
        if action in MOVES:
            hint = f" To move a run: `cae-tui queue move RUN {action}`."
        elif action in ("add", "put"):
            hint = " To add a run: `cae-tui autoencoder --queue`, or `cae-tui resume RUN --queue`."
        elif action in ("rm", "delete", "drop"):
            hint = " To take a run out: `cae-tui queue remove RUN`."
        raise RunError(f"`queue` does not know “{excerpt(action)}”: choose {either(ACTIONS)}.{hint}")
    if action != "start":
        for flag, given in (("--workers", options.workers is not None), ("--detach", options.detach)):
            if given:
                raise RunError(f"{flag} is for `queue start`; `queue {action}` trains nothing.")
    if action in ("list", "start", "stop") and words:
        hint = " To stop one run: `cae-tui stop RUN`." if action == "stop" else ""
        raise RunError(f"“{excerpt(words[0])}” is not expected here: `queue {action}` takes only flags.{hint}")
    match action:
        case "list":
            return print_queue(home, as_json=options.json)
        case "start":
            return start(home, _workers(options, home), as_json=options.json, detach=options.detach)
        case "stop":
            return stop(home, as_json=options.json)
        case "move":
            if len(words) != 2:
                raise RunError(f"`queue move` takes a run and where to: `cae-tui queue move RUN {'|'.join(MOVES)}`.")
            if words[1] not in MOVES:
                raise RunError(f"“{excerpt(words[1])}” is not where a run can be moved: choose {either(MOVES)}.")
            return move(home, home.find(words[0]), words[1], as_json=options.json)
        case _:
            if not words:
                raise RunError("`queue remove` takes the ids of runs: `cae-tui queue` lists those that wait.")
            return remove(home, find_all(home, words), as_json=options.json)


def _workers(options: argparse.Namespace, home: Home) -> int:
    if options.workers is None:
        return read_settings(home.path)[0].workers
    if not _NUMBER.fullmatch(options.workers) or not 1 <= int(options.workers) <= MOST_WORKERS:
        told = f"{excerpt(options.workers)} is not a number of runs to train at once: use 1 to {MOST_WORKERS}."
        raise SpecError({"workers": told})
    return int(options.workers)


# -- list -----------------------------------------------------------------------------------------


def print_queue(home: Home, *, as_json: bool) -> int:
    """Print what trains and what waits, in its order; gives back the exit code."""
    queue = RunQueue(home)
    waiting = queue.runs()
    for sentence in home.unreadable:
        complain(sentence)
    training = queue.training()
    if as_json:
        told = {"training": [run.to_json() for run in training], "queued": [run.to_json() for run in waiting]}
        put(json.dumps({"format": FORMAT, "worked_off": queue.is_worked_off, **told}))
        return 0
    console = table_console(_WIDEST)
    if waiting or training:
        console.print(_table(training, waiting, console.width))
    if not waiting:
        console.say(as_typed(NONE_QUEUED))
    elif not queue.is_worked_off:
        console.say(
            as_typed("`cae-tui queue start` trains what waits. An app in which a run trains does so by itself.")
        )
    return 0


def _table(training: Sequence[RunStatus], waiting: Sequence[RunStatus], width: int) -> Table:
    runs = [*training, *waiting]
    prefixes = {run.id: run.prefix for run in runs}
    shared = shared_by_kind(runs, prefixes)
    now = time.time()
    rows = []
    for place, run in enumerate(runs, start=1 - len(training)):
        symbol, _ = formats.state_symbol(run.state)
        since = run.updated if run.state == QUEUED else run.started
        rows.append(
            {
                "": symbol if place < 1 else str(place),
                "run": run.prefix,
                "kind": run.kind,
                "spec": spec_words(run, prefixes),
                "data": cut(run.data or formats.NOTHING, _MOST_DATA),
                "epochs": f"{run.epoch}/{run.epochs}",
                "state": run.state,
                "since": formats.ago(since, now),
            }
        )
    sizes = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    room = width - sum(sizes.values()) + sizes["spec"] - 2 * (len(sizes) - 1)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in rows[0]:
        table.add_column(name, justify="left" if name in (*_LEFT, "state") else "right", no_wrap=True)
    for run, row in zip(runs, rows, strict=True):
        row["spec"] = shorten(row["spec"], max(room, 12), shared[run.kind])
        table.add_row(*map(Text, row.values()))
    return table


# -- move, remove ---------------------------------------------------------------------------------


def move(home: Home, run: RunDirectory, where: str, *, as_json: bool) -> int:
    """Have the turn of a run come sooner or later, and say which it is now; gives back the exit code.

    Raises:
        EngineError: it is not queued.
    """
    queue = RunQueue(home)
    queue.move(run.id, where)
    order = [other.id for other in queue.waiting()]
    if as_json:
        put(json.dumps({"format": FORMAT, "order": order}))
    else:
        place = f"is number {order.index(run.id) + 1} of {len(order)} in the queue" if run.id in order else "begins now"
        put(f"Run {run.id} {place}.")
    return 0


def remove(home: Home, runs: Sequence[RunDirectory], *, as_json: bool) -> int:
    """Take runs out of the queue; gives back the exit code.

    Raises:
        EngineError: one of them is not queued; then none is taken out.
    """
    queue = RunQueue(home)
    waiting = {run.id for run in queue.runs()}
    for run in runs:
        if run.id not in waiting:
            raise RunError(f"Run {run.id} is {run.read_status().state}, not queued: nothing was taken out.")
    for run in runs:
        queue.remove(run)
        if not as_json:
            put(as_typed(f"Run {run.id} was taken out of the queue: `cae-tui resume {run.id}` trains it."))
    if as_json:
        put(json.dumps({"format": FORMAT, "removed": [run.id for run in runs]}))
    return 0


# -- start ----------------------------------------------------------------------------------------


def start(home: Home, workers: int, *, as_json: bool, detach: bool) -> int:
    """Train what is queued until nothing is; gives back the exit code.

    Raises:
        EngineError: another process does so already.
    """
    queue = RunQueue(home)
    if queue.is_worked_off:
        raise RunError("Another process trains what is queued already: `cae-tui queue` lists it.")
    if not queue.runs():
        if as_json:
            put(json.dumps({"format": FORMAT, "runs": []}))
        else:
            tell(as_typed(NONE_QUEUED))
        return 0
    if detach:
        process = detached.detach_queue(home, words=["--workers", str(workers), *notify.flags()])
        if as_json:
            put(json.dumps({"process": process}))
        tell_after_queue_detach(home, process)
        return 0
    teller = QueueTeller(home, together=workers > 1, as_json=as_json)
    with interruptible() as flag:
        from engine.studies.executors import executor_of
        from engine.studies.executors.executor import Wanted
        from engine.studies.working_off import work_off

        executor = executor_of(Wanted(workers=workers))
        try:
            work_off(home, executor, teller, flag)
        finally:
            teller.close()
            executor.close()
    if as_json:
        put(json.dumps({"format": FORMAT, "runs": [run.to_json() for run in teller.done]}))
    interrupted = flag.asked() is Asked.STOP
    _tell_rest(home, teller.done, interrupted=interrupted)
    codes = [EXIT_CODES.get(run.state, 1) for run in teller.done if run.state != STOPPED]
    return INTERRUPTED if interrupted else max(codes, default=0)


def stop(home: Home, *, as_json: bool) -> int:
    """Have the process that works the queue off stop its runs and end, and wait for it; gives back the exit code.

    Raises:
        EngineError: nobody works it off.
    """
    queue = RunQueue(home)
    training = {run.id for run in queue.training()}
    queue.stop()
    try:
        with Teller(OutputConsole(stderr=True), "waiting for what trains to stop", "Ctrl+C: do not wait"):
            again = time.monotonic() + ASK_SECONDS
            while queue.is_worked_off:
                if time.monotonic() >= again:  # who has just begun takes away what was asked before
                    again = time.monotonic() + ASK_SECONDS
                    with suppress(EngineError):  # it has just ended
                        queue.stop()
                training |= {run.id for run in queue.training()}
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        complain("Not waiting any longer. What trains was asked to stop, and will at its next step.")
        return INTERRUPTED
    stopped = [run for run in home.list_runs() if run.id in training and run.state == STOPPED]
    waiting = [run.id for run in queue.waiting()]
    if as_json:
        put(json.dumps({"format": FORMAT, "stopped": [run.id for run in stopped], "queued": waiting}))
        return 0
    for run in stopped:
        put(as_typed(f"Run {run.id} is stopped: `cae-tui resume {run.id}` continues it."))
    put("The queue is no longer worked off.")
    _tell_waiting(len(waiting))
    return 0


def _tell_waiting(count: int) -> None:
    if count:
        stay = "stays" if count == 1 else "stay"
        tell(as_typed(f"{counted(count, 'run')} {stay} queued: `cae-tui queue start` trains what waits."))


def _tell_rest(home: Home, done: Sequence[RunStatus], *, interrupted: bool) -> None:
    if interrupted:
        _tell_waiting(len(RunQueue(home).runs()))
    for run in done:
        if interrupted and run.state == STOPPED:
            tell_after_stop(home, run.id, finish=bool(run.best_epoch))


class _Together(RunTeller):
    """Tells of one run among several that are trained at once: each line begins with the run."""

    name_of_run = ""

    def say(self, line: str) -> None:
        """See `Teller`."""
        super().say(line if line.startswith("run ") else f"{self.name_of_run}  {line}")


class QueueTeller:
    """Tells how each run goes, and of each that has ended in a line; `done` is what they came to.

    Args:
        together: whether several are trained at once.
    """

    def __init__(self, home: Home, *, together: bool, as_json: bool) -> None:
        self._home, self._together, self._as_json = home, together, as_json
        self._tellers: dict[str, RunTeller] = {}
        self._open = ExitStack()
        self.done: list[RunStatus] = []

    def begun(self, run: RunDirectory) -> None:
        """See `Observer`."""
        console = OutputConsole(stderr=True)
        if not self._together:
            self._tellers[run.id] = self._open.enter_context(RunTeller(console, run))
            return
        teller = self._tellers[run.id] = _Together(console, run)
        teller.name_of_run = run.id[:4]

    def emit(self, run: RunDirectory, event: Event) -> None:
        """See `Observer`."""
        self._tellers[run.id].emit(event)

    def ended(self, run: RunDirectory, problem: str) -> None:
        """See `Observer`."""
        self.close()
        self._tellers.pop(run.id, None)
        try:
            status = run.read_status()
        except EngineError as error:  # it was deleted, say
            complain(str(error))
            return
        self.done.append(status)
        message = problem or status.message
        if not self._as_json:
            put(plain(as_typed(_line(status, message))))
        notify.ended(f"run {run.id}", status.state, message)

    def passed_over(self, run: RunDirectory) -> None:
        """See `Observer`."""
        self.close()
        self._tellers.pop(run.id, None)
        tell(f"Run {run.id} is no longer queued: it is passed over.")

    def close(self) -> None:
        """Take the bar away."""
        self._open.close()


def _line(run: RunStatus, message: str) -> str:
    """What a run came to, in a line."""
    line = f"Run {run.id} is {run.state}"
    if run.best_loss is not None:
        line += f", val_loss {formats.loss(run.best_loss)}"
    line += f" after {formats.duration(run.seconds)}." if run.seconds else "."
    return line if run.state in COMPLETE or not message else f"{line} {message}"
