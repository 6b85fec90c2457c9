"""A worker: a process that trains the runs it is given through its pipes, and writes nothing at home.

    python -m engine.worker FOLDER

A driver (`engine.studies.executors.workers`) starts it, gives it frames on standard input, and takes what it answers
from standard output. It trains on the road of every run, `jobs.begin`, in a directory of its own in FOLDER; each
write there is told as a frame, in the order of the writes, and the driver alone writes at home. When its input ends the
driver is gone: it stops at the next step, takes away what it wrote, and ends.

What it is given:
    data(set, place, files, by_hand, corrections, corrected)    images that lie in a folder beside it, which it maps
    file(name) + bytes                  a file of the run that comes next, as it is at home
    train(run, attempt, set, home, note, asked, why)
    ask(run, attempt, asked, why, heard)    how many events have been heard: see `Worker._tell`
What it answers, each of a run with its attempt:
    ready(process), alive()
    cut(length), line() + bytes         of the run's events
    put(name) + bytes, remove(name)     of its other files
    told() + bytes                      an event, once what belongs to it was told
    end(error)                          the run is no longer under way; its files say how it ended
"""

import logging
import os
import queue
import shutil
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

from engine import jobs
from engine.data.by_hand import ByHand
from engine.data.corrections import Corrections
from engine.data.datasets import ImageData
from engine.data.keeping import keep_in
from engine.data.kept import read_set
from engine.errors import EngineError, StorageError
from engine.preparation import reopen
from engine.protocol.control import Asked, Flag
from engine.protocol.events import BatchEnded, EpochEnded, Event, EventFormat, Resumed
from engine.protocol.frames import Frame, pack, read_frame
from engine.runs.directory import RunDirectory
from engine.runs.events_log import EventsLog
from engine.specs.data_files import DataFiles

ALIVE_SECONDS = 2.0
"""Between two signs of life."""
TOLD_SECONDS = 0.2
"""Between two steps that are told."""
PATIENCE_SECONDS = 10.0
"""Once the driver is gone, a step may take so long before the process ends in the middle of it."""


class Line:
    """The way to the driver; from any thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.gone = False  # nobody listens any more: what is told is nobody's business
        self.about: dict[str, Any] = {}  # the run under way, and its attempt

    def tell(self, frame: str, body: bytes = b"", **head: Any) -> None:
        """Send a frame about the run under way."""
        data = memoryview(pack(Frame({"frame": frame, **self.about, **head}, body)))
        with self._lock:
            try:
                while data and not self.gone:
                    data = data[self._file.write(data) :]
            except OSError:  # the pipe is closed
                self.gone = True


class ToldEvents(EventsLog):
    """Events that are told as they are written."""

    def __init__(self, path: Path, line: Line) -> None:
        super().__init__(path)
        self._line = line

    def append(self, line: bytes) -> None:
        """See `EventsLog`."""
        super().append(line)
        self._line.tell("line", line)

    def cut(self, length: int) -> None:
        """See `EventsLog`."""
        super().cut(length)
        self._line.tell("cut", length=length)


class ToldRun(RunDirectory):
    """A run's directory in which every write is told; `home` is where the run is for a person."""

    def __init__(self, path: Path, line: Line, home: Path) -> None:
        super().__init__(path)
        self._line, self._home = line, home

    def put(self, path: Path, data: bytes) -> None:
        """See `RunDirectory`."""
        super().put(path, data)
        self._line.tell("put", data, name=str(path.relative_to(self.path)))

    def remove(self, path: Path) -> None:
        """See `RunDirectory`."""
        super().remove(path)
        self._line.tell("remove", name=str(path.relative_to(self.path)))

    def open_events(self) -> EventsLog:
        """See `RunDirectory`."""
        return ToldEvents(self.events, self._line)

    def at_home(self, path: Path) -> Path:
        """See `RunDirectory`."""
        return self._home / path.relative_to(self.path)


class Worker:
    """One process's work, run after run."""

    def __init__(self, folder: Path, given: IO[bytes], line: Line) -> None:
        self._folder, self._given, self._line = folder, given, line
        self._tasks: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._flag, self._asked_of = Flag(), ("", 0)  # the run that came last, and its attempt
        self._sets: dict[str, ImageData] = {}
        self._files: list[Frame] = []
        self._told = 0.0
        self._answered = threading.Condition()
        self._heard, self._waited_for = 0, 0  # of the attempt under way

    def work(self) -> None:
        """Until there is nothing more to be given."""
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._live, daemon=True).start()
        self._line.tell("ready", process=os.getpid())
        while (frame := self._tasks.get()) is not None:
            match frame.kind:
                case "data":
                    self._take_data(frame)
                case "file":
                    self._files.append(frame)
                case "train":
                    self._train(frame)

    def _listen(self) -> None:
        """Take in what is given; in a thread of its own, for what is asked of a run is heard while it trains."""
        while (frame := read_frame(self._given)) is not None:
            head = frame.head
            with self._answered:
                if frame.kind == "train":
                    self._flag, self._asked_of = Flag(), (head["run"], head["attempt"])
                    self._heard = self._waited_for = 0
                if frame.kind in ("train", "ask") and self._asked_of == (head["run"], head["attempt"]):
                    self._flag.why = head["why"]
                    self._flag.ask(Asked(head["asked"]))
                    self._heard = head["heard"]
                    self._answered.notify_all()
            if frame.kind != "ask":
                self._tasks.put(frame)
        with self._answered:
            self._line.gone = True
            self._flag.ask(Asked.STOP)
            self._answered.notify_all()
        self._tasks.put(None)
        time.sleep(PATIENCE_SECONDS)
        self.end()

    def _live(self) -> None:
        while not self._line.gone:
            self._line.tell("alive")
            time.sleep(ALIVE_SECONDS)

    def end(self) -> NoReturn:
        """End the process, and leave nothing behind; the last one takes the folder of all away."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._line.gone:
            sweep(self._folder.parent)
        os._exit(0)

    def _take_data(self, frame: Frame) -> None:
        head = frame.head
        data = read_set(Path(head["place"]), DataFiles.of(head["files"]))
        if data is None:
            raise StorageError(f"{head['place']} does not hold the images that were put there.")
        by_hand, corrections = ByHand.written(head["by_hand"]), Corrections.written(head["corrections"])
        told = replace(data, by_hand=by_hand, corrections=corrections, corrected=head["corrected"])
        self._sets = {head["set"]: told}

    def _train(self, frame: Frame) -> None:
        head, files = frame.head, self._files
        self._files = []
        at_home = Path(head["home"])
        keep_in(at_home.parents[1] / "data")
        self._line.about = {"run": head["run"], "attempt": head["attempt"]}
        run = ToldRun(self._folder / "runs" / head["run"], self._line, at_home)
        error = ""
        try:
            for folder in (run.checkpoints, run.best, run.samples):
                folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                (run.path / file.head["name"]).write_bytes(file.body)
            prepared = reopen(run, data=self._sets[head["set"]])
            jobs.begin(replace(prepared, note=head["note"]), self._tell, self._flag)
        except EngineError as refused:
            error = str(refused)
        except OSError as refused:
            error = f"{run.path} could not be written: {refused.strerror or refused}."
        finally:
            shutil.rmtree(run.path, ignore_errors=True)
        self._line.tell("end", error=error)
        self._line.about = {}

    def _tell(self, event: Event) -> None:
        """Tell an event of the run under way; of steps a few each second.

        Where an epoch has ended a study may have the run end: that is waited for, so that as many epochs are trained as
        in the study's own process.
        """
        if isinstance(event, BatchEnded):
            now = time.monotonic()
            if now - self._told < TOLD_SECONDS:
                return
            self._told = now
        self._line.tell("told", EventFormat.write(event).encode())
        if isinstance(event, EpochEnded | Resumed):
            with self._answered:
                self._waited_for += 1
                self._answered.wait_for(lambda: self._line.gone or self._heard >= self._waited_for)


def sweep(folder: Path) -> None:
    """Take away the folder of workers whose driver is gone, once none of them is left."""
    from filelock import FileLock, Timeout

    with suppress(OSError):
        if any(is_on(int(place.name.partition("-")[2])) for place in folder.glob("worker-*")):
            return
        lock = FileLock(folder / "lock")
        with suppress(Timeout):
            lock.acquire(timeout=0)
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


def is_on(process: int) -> bool:
    """Whether there is a process of that number which still does something.

    One that was killed is there until its parent has heard of it, and where that is gone, until the system's first
    process has.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with suppress(OSError):  # where there is no such file it is taken to be on
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def folder_of(folder: Path, process: int) -> Path:
    """Where a worker writes, by its process."""
    return folder / f"worker-{process}"


def main() -> NoReturn:
    """Work on what comes in, and tell it by what was standard output: who prints, prints to the error output."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    given = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    folder = folder_of(Path(sys.argv[1]), os.getpid())
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:  # the driver is gone, and the last worker that heard of it took the folder of all away
        os._exit(0)
    line = Line(out)
    worker = Worker(folder, given, line)
    try:
        worker.work()
    except Exception:
        line.tell("alive")
        if not line.gone:  # the driver reads in the error output what it was, and takes away what is left
            raise
    worker.end()


if __name__ == "__main__":
    main()
