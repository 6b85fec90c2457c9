"""The queue of single runs: which wait for their turn, and in which order.

That a run is queued stands in its own `status.json`, as every state does, and lists of runs need nothing else. Only the
order is in a file of the home, `queue.json`: where that is lost or damaged no run is, and those it does not name come
last. Nothing here trains, which `working_off` does, and torch is not imported: the first screen asks what is queued.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from engine.errors import RunError
from engine.protocol.control import Asked
from engine.protocol.states import PAUSED, QUEUED, RUNNING, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus, touch
from engine.storage.files import make_folder_of, read_json, write_bytes, write_json
from engine.storage.held import held, is_locked

UP, DOWN, FIRST, LAST = "up", "down", "first", "last"
MOVES = (UP, DOWN, FIRST, LAST)
"""Where a queued run can be moved."""


class RunQueue:
    """The runs of a home that wait for their turn."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.file = home.path / "queue.json"
        self.lock = home.path / "queue.lock"
        self.control = home.path / "queue.control"  # what is asked of who works it off

    # -- what is queued ---------------------------------------------------------------------------

    def runs(self) -> list[RunStatus]:
        """Every queued run, the one first whose turn comes first."""
        places = {run: place for place, run in enumerate(self._order())}
        queued = [run for run in self.home.list_runs() if run.state == QUEUED]
        return sorted(queued, key=lambda run: (places.get(run.id, len(places)), run.started))

    def waiting(self) -> list[RunStatus]:
        """Those of `runs` that nobody has begun: one that has just been begun is queued until its first step."""
        return [run for run in self.runs() if not RunDirectory(self.home.runs / run.id).is_held()]

    def training(self) -> list[RunStatus]:
        """Every run that somebody trains now, the one first that began first."""
        return [run for run in reversed(self.home.list_runs()) if run.state in (RUNNING, PAUSED)]

    def _order(self) -> list[str]:
        """The ids in the file; nothing where it is missing or damaged."""
        try:
            found = read_json(self.file).get("order")
        except (OSError, ValueError):
            return []
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def _write(self, order: Sequence[str]) -> None:
        write_json(self.file, "queue", {"order": list(order)})

    # -- what is done about it --------------------------------------------------------------------

    def add(self, run: RunDirectory, *, first: bool = False) -> None:
        """Have a run wait for its turn: a new one that is queued already, or one that ended before its time.

        Its checkpoint stays, and its turn begins there.

        Args:
            first: before all others, instead of after them.

        Raises:
            RunError: it is being trained, or nothing is left to train, or it is a trial of an unfinished study.
            StorageError: it cannot be written.
        """
        from engine.studies.records import study_of  # the first screen, which asks what is queued, does without

        status = run.read_status()
        if study := study_of(run, status):
            raise RunError(f"Run {run.id} is a trial of study {study}: `cae-tui study resume {study}` trains it.")
        if run.is_held():
            raise RunError(f"Run {run.id} is being trained: it cannot be queued.")
        if status.state != QUEUED:
            if not status.resumable:
                raise RunError(f"Run {run.id} is {status.state}: there is nothing left to train.")
            with run.locked():
                run.write_status(touch(status, state=QUEUED, message=""))
        elif not first and run.id in self._order():
            return  # it keeps its place
        named, since = self._order(), run.read_status().updated
        others = [
            other.id
            for other in self.runs()
            if other.id != run.id and (first or other.id in named or other.updated <= since)
        ]  # one that was made after it, and is about to be added too, is named then
        self._write([run.id, *others] if first else [*others, run.id])

    def move(self, run: str, where: str) -> None:
        """Have the turn of a run come sooner or later; `where` is one of `MOVES`.

        Raises:
            RunError: it is not queued.
            StorageError: it cannot be written.
        """
        order = [other.id for other in self.runs()]
        if run not in order:
            raise RunError(f"Run {run} is {self._state(run)}, not queued: it cannot be moved.")
        before = order.index(run)
        place = {UP: max(before - 1, 0), DOWN: before + 1, FIRST: 0, LAST: len(order)}[where]
        order.remove(run)
        order.insert(place, run)
        self._write(order)

    def remove(self, run: RunDirectory) -> None:
        """Take a run out: it is stopped then, and can be resumed.

        Raises:
            RunError: it is not queued any more.
            StorageError: it cannot be written.
        """
        status = run.read_status()
        if run.is_held() or status.state != QUEUED:
            raise RunError(f"Run {run.id} is {self._state(run.id)}, not queued: it cannot be taken out of the queue.")
        told = "Taken out of the queue before it began. Resume it to train it."
        if any(run.checkpoints.glob("*.safetensors")):
            told = "Taken out of the queue. Resume it to continue."
        with run.locked():
            run.write_status(touch(status, state=STOPPED, message=told))
        self._write([other.id for other in self.runs()])

    def _state(self, run: str) -> str:
        with suppress(RunError):
            directory = self.home.find(run)
            state = directory.read_status().state
            return "being trained" if state == QUEUED and directory.is_held() else state
        return "gone"

    # -- who works it off -------------------------------------------------------------------------

    @property
    def is_worked_off(self) -> bool:
        """Whether a process works it off now."""
        return is_locked(self.lock)

    def stop(self) -> None:
        """Ask the process that works it off to stop its runs with a checkpoint and to end; the others stay queued.

        Raises:
            RunError: nobody works it off.
            StorageError: it cannot be written.
        """
        if not self.is_worked_off:
            raise RunError("Nobody works the queue off: there is nothing to stop.")
        write_bytes(self.control, Asked.STOP.value.encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for this process, which works it off.

        Raises:
            QueueHeldError: another process, or another thread of this one, does.
            StorageError: its lock cannot be written.
        """
        make_folder_of(self.lock)
        with held(self.lock, lambda: QueueHeldError("The queue is being worked off in another process already.")):
            yield


class QueueHeldError(RunError):
    """Another process works the queue off."""
