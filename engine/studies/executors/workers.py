"""Several trials at once on this machine, each in a worker: a process of its own that stays between trials.

This process, the driver, is the only one that writes at home. A worker trains in a folder of its own and tells each
write as a frame (`engine.worker`); the driver does the same writes in the run's directory, in the same order, and holds
the run's lock, so whatever befalls either of them, the directory is one that a single process could have left.

A worker that dies, or is silent for long, is started again, and its trial goes on from the last checkpoint that came
here, in another attempt: frames carry its number, and those of an earlier one are dropped.
"""

import logging
import os
import queue
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from engine.data.kept import share_set
from engine.errors import EngineError, RunError, StorageError
from engine.protocol.frames import Frame
from engine.storage.files import storage_errors
from engine.studies.executors.executor import Assignment, Ended, Hear, Wanted
from engine.studies.executors.mirror import FRUITLESS, Mirror
from engine.studies.executors.worker_process import Heard, WorkerProcess
from engine.studies.resources import gpus

log = logging.getLogger("cae_tui.engine")

LOOK_SECONDS = 0.1
"""Between two looks at what is asked of trials, and at who is silent."""
SILENT_SECONDS = 30.0
"""A worker that says nothing for so long does not work; it says at least that it is alive every two seconds."""
START_SECONDS = 120.0
"""So long the start of a worker, which loads torch, may take."""
END_SECONDS = 15.0
"""So long a worker may take to end once it is let go."""
WAITING_FRAMES = 64
"""So many frames are read ahead of what is written; a worker that is further ahead waits."""
_ADVICE = "Train with fewer workers, or with less memory: a smaller batch, fewer kernels or layers."
YOUNG_SECONDS = 60.0
"""A folder so young may be one whose driver is about to lock it."""
_FOLDER = "cae-tui-workers-"


@dataclass(slots=True)
class _Lane:
    """A place for a worker, and the trial that it has."""

    number: int
    process: WorkerProcess | None = None
    starts: int = 0  # that failed, one after the other
    set: str = ""  # the images that its worker has
    said: int = 0  # frames that its worker had told at the last look
    mirror: "Mirror | None" = None


class Workers:
    """See `Executor`."""

    def __init__(self, wanted: Wanted) -> None:
        self.room = wanted.workers
        self._per_gpu = wanted.per_gpu
        self._lanes = [_Lane(number) for number in range(1, wanted.workers + 1)]
        self._heard: queue.Queue[Heard] = queue.Queue(WAITING_FRAMES)
        self._sets: dict[str, int] = {}  # by digest, the folder that has the images
        self._ended: list[Ended] = []
        self._looked = time.monotonic()
        self._place: tuple[Path, BaseFileLock] | None = None  # of what all workers share, and who holds it
        _sweep_and_try()

    # -- what the scheduler asks ------------------------------------------------------------------

    def submit(self, trial: Assignment) -> int:
        """See `Executor`."""
        lane = next(lane for lane in self._lanes if lane.mirror is None)
        try:
            lane.mirror = Mirror(trial)
        except EngineError as error:  # somebody else has the run, or its events cannot be written
            self._ended.append(Ended(trial.number, error))
            return lane.number
        try:
            self._give(lane)
        except EngineError as error:
            self._end(lane, error)
        return lane.number

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended | None:
        """See `Executor`."""
        until = None if seconds is None else time.monotonic() + seconds
        self._looked = time.monotonic()
        while not self._ended:
            heard = None
            with suppress(queue.Empty):
                heard = self._heard.get(timeout=LOOK_SECONDS)
            if heard is not None:
                self._take(heard, hear)
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look(hear)
            if until is not None and time.monotonic() >= until:
                break
        return self._ended.pop(0) if self._ended else None

    def close(self) -> None:
        """See `Executor`."""
        for lane in self._lanes:
            if lane.mirror is not None:  # it is left in the middle: its run is cut off
                lane.mirror.close()
            if lane.process is not None:
                lane.process.flows.set()
                lane.process.let_go()
        until = time.monotonic() + END_SECONDS
        emptied = threading.Event()
        threading.Thread(target=self._drop, args=(emptied,), daemon=True).start()
        for lane in self._lanes:
            if lane.process is not None:
                lane.process.end(max(until - time.monotonic(), 0.1))
        emptied.set()
        if self._place is not None:
            shutil.rmtree(self._place[0], ignore_errors=True)
            self._place[1].release()

    @property
    def _folder(self) -> Path:
        """What all workers share. It is made for the first of them, which takes it away if this process is killed."""
        if self._place is None:
            there = Path(tempfile.gettempdir())
            with storage_errors(there):
                folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
                lock = FileLock(folder / "lock")
                lock.acquire()
                self._place = folder, lock
        return self._place[0]

    def _drop(self, emptied: threading.Event) -> None:
        """Read what nobody waits for, so that no worker waits to tell it."""
        while not emptied.is_set():
            with suppress(queue.Empty):
                self._heard.get(timeout=LOOK_SECONDS)

    # -- what workers tell ------------------------------------------------------------------------

    def _take(self, heard: Heard, hear: Hear) -> None:
        """Do what a frame says."""
        lane = self._lanes[heard.process.number - 1]
        if lane.process is not heard.process:  # one that was given up
            return
        frame, mirror = heard.frame, lane.mirror
        if frame is None:
            self._again(lane, hear)
        elif frame.kind == "ready":
            heard.process.ready, lane.starts = True, 0
        elif mirror is not None and mirror.is_about(frame):
            self._write(lane, partial(mirror.take, frame, hear))

    def _write(self, lane: _Lane, write: Callable[[], None]) -> None:
        """Do what writes files of a lane's run at home; where that cannot be, its trial is over."""
        mirror, process = lane.mirror, lane.process
        assert mirror is not None
        try:
            write()
        except StorageError as error:
            if process is not None:
                process.flows.set()
                process.end(0.0)
            lane.process = None
            self._end(lane, error)
            return
        if process is not None:  # a trial that waits for room tells no more: nobody could keep it
            (process.flows.clear if mirror.waits else process.flows.set)()
        if mirror.ended is not None:
            self._end(lane, RunError(mirror.ended) if mirror.ended else None)

    def _look(self, hear: Hear) -> None:
        """Hear what is asked of each trial, try again what had no room, and see who says nothing any more."""
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, 1.0), now  # a machine that slept heard nobody
        for lane in self._lanes:
            if lane.mirror is not None:
                lane.mirror.control.asked()
                if lane.mirror.waits:
                    self._write(lane, partial(lane.mirror.try_again, hear))
            if lane.process is not None and not lane.process.waits:
                process = lane.process
                process.silent = process.silent + passed if process.said == lane.said else 0.0
                lane.said = process.said
                most = SILENT_SECONDS if process.ready else START_SECONDS
                if process.silent > most:
                    process.kill(f"said nothing for {most:g} s and was killed")

    # -- lanes ------------------------------------------------------------------------------------

    def _give(self, lane: _Lane) -> None:
        """Have the trial of a lane trained by its worker, which is started where there is none."""
        mirror = lane.mirror
        assert mirror is not None
        if lane.process is None:
            with storage_errors(self._folder):
                gpu = self._gpu(lane, mirror)
                lane.process, lane.set = WorkerProcess(lane.number, self._folder, gpu, self._heard), ""
        data = mirror.trial.prepared.data
        if lane.set != data.digest:
            lane.process.send(self._shared(mirror))
            lane.set = data.digest
        lane.process.send(*mirror.begin(lane.process))
        mirror.pass_on()  # what was asked meanwhile

    def _gpu(self, lane: _Lane, mirror: "Mirror") -> str | None:
        """Which GPU the worker of a lane sees, where the trial is for one."""
        if mirror.trial.prepared.device.torch_device.type != "cuda":
            return None
        there_are = gpus()
        return there_are[(lane.number - 1) // self._per_gpu % len(there_are)] if there_are else None

    def _shared(self, mirror: "Mirror") -> Frame:
        """The images of a trial, in a folder that all workers map."""
        data = mirror.trial.prepared.data
        place = self._folder / f"set-{self._sets.setdefault(data.digest, len(self._sets) + 1)}"
        if not (place / "set.json").exists():
            with storage_errors(place):
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
            share_set(place, data)
        files = data.files.text
        return Frame(
            {
                "frame": "data",
                "set": data.digest,
                "place": str(place),
                "files": files,
                "by_hand": data.by_hand.as_json(),
                "corrections": data.corrections.as_json(),
                "corrected": data.corrected,
            }
        )

    def _again(self, lane: _Lane, hear: Hear) -> None:
        """A worker is gone: the trial that it had goes on in another, unless that came to nothing several times."""
        process, mirror = lane.process, lane.mirror
        assert process is not None
        process.end(1.0, "told what cannot be read and was killed")
        how = process.how_it_ended
        log.warning("worker %d %s", lane.number, how)
        lane.process = None
        if not process.ready:
            lane.starts += 1
        if mirror is None:
            return
        try:
            if lane.starts >= FRUITLESS:
                raise RunError(f"Worker {lane.number} cannot be started: it {how}. Train with `--workers 1`.")
            if process.ready and mirror.is_hopeless:
                mirror.give_up(f"Worker {lane.number} {how}, {FRUITLESS} times without a new epoch. {_ADVICE}", hear)
                self._end(lane, None)
                return
            mirror.note = (
                f"Worker {lane.number} {how}: the trial goes on from its last checkpoint." if process.ready else ""
            )
            self._give(lane)
        except EngineError as error:
            self._end(lane, error)

    def _end(self, lane: _Lane, error: EngineError | None) -> None:
        """The trial of a lane is no longer under way."""
        mirror, lane.mirror = lane.mirror, None
        assert mirror is not None
        mirror.close()
        self._ended.append(Ended(mirror.trial.number, error))


def _sweep_and_try() -> None:
    """Take away the folders of drivers that are gone, and see that a folder can be made.

    Raises:
        StorageError: it cannot.
    """
    there = Path(tempfile.gettempdir())
    with storage_errors(there):
        for folder in there.glob(f"{_FOLDER}*"):
            with suppress(OSError, Timeout):
                status = folder.lstat()
                own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()  # a link leads elsewhere
                if not own or time.time() - status.st_mtime < YOUNG_SECONDS:
                    continue
                lock = FileLock(folder / "lock")
                lock.acquire(timeout=0)
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
        os.rmdir(tempfile.mkdtemp(prefix=_FOLDER))


EXECUTOR = Workers
