"""What a worker writes of a run, written at home: the one place where that happens."""

import time
from collections import deque
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import StorageError
from engine.jobs import ending
from engine.protocol.control import Asked, RunControl
from engine.protocol.events import Continued, EpochEnded, Event, EventFormat, Paused, Resumed
from engine.protocol.frames import Frame
from engine.runs.directory import RunDirectory
from engine.runs.recorder import ROOM_SECONDS, list_checkpoints
from engine.storage.files import storage_errors
from engine.studies.executors.executor import Assignment, Hear
from engine.studies.executors.worker_process import WorkerProcess
from engine.text import excerpt

FRUITLESS = 3
"""Attempts in a row without a new epoch after which a trial is given up."""
_FILES = ("spec.json", "status.json", "result.json", "predictions.npz", "model.safetensors")
_FOLDERS = ("checkpoints", "best", "samples")
"""What a worker may write: no frame leads out of the run's directory."""
_FULL = (
    "The disk is full: the files of run {id} no longer fit in {folder}. Free some space; the run waits, and continues "
    "by itself."
)


class Mirror:
    """What a worker writes of a run, written at home: the run's lock is held as long as this is there.

    Raises:
        EngineError: somebody else holds it, or its events cannot be opened.
    """

    def __init__(self, trial: Assignment) -> None:
        self.trial = trial
        self.run: RunDirectory = trial.prepared.run
        self.note = ""
        self.attempt = 0
        self.ended: str | None = None  # why it could not be trained, once it is over; empty where nothing is to be said
        self._epochs, self._fruitless = 0, 0  # those of this attempt; attempts without one
        self._heard = 0  # events of this attempt that the worker waits for an answer to
        self._process: WorkerProcess | None = None
        self._pending: deque[Frame] = deque()  # what had no room
        self._again_at = 0.0  # when that is tried again
        with ExitStack() as stack:
            stack.enter_context(self.run.locked())
            self.run.sweep()
            self._events = self.run.open_events()
            stack.callback(self._events.close)
            self.control = RunControl(trial.flag, self.run.control)
            self._held = stack.pop_all()
        trial.flag.heard = self.pass_on

    def close(self) -> None:
        """Let go of the run."""
        self.trial.flag.heard = None
        self._held.close()

    def pass_on(self, what: Asked | None = None) -> None:  # noqa: ARG002 - as a flag calls it
        """Have the worker told what is asked of the trial; from any thread, and from a signal's handler."""
        if self._process is not None:
            self._process.send(self._frame("ask", asked=self.trial.flag.asked().value))

    def _frame(self, frame: str, **head: Any) -> Frame:
        about = {"run": self.run.id, "attempt": self.attempt, "why": self.trial.flag.why, "heard": self._heard}
        return Frame({"frame": frame, **about, **head})

    def begin(self, process: WorkerProcess) -> list[Frame]:
        """What a worker is told to train the run, in another attempt.

        Raises:
            StorageError: one of its files cannot be read.
        """
        self.attempt += 1
        self._epochs = self._heard = 0
        self._pending.clear()  # the attempt before is void
        run, frames = self.run, []
        there = [
            run.spec,
            run.status,
            run.events,
            run.encoder,
            *list_checkpoints(run)[-2:],
            *sorted(run.best.glob("[!.]*")),
        ]
        for path in there:
            with storage_errors(path), suppress(FileNotFoundError):
                frames.append(Frame({"frame": "file", "name": str(path.relative_to(run.path))}, path.read_bytes()))
        self._process = process
        told = {"set": self.trial.prepared.data.digest, "home": str(run.path), "note": self.note}
        return [*frames, self._frame("train", asked=self.trial.flag.asked().value, **told)]

    def is_about(self, frame: Frame) -> bool:
        """Whether a frame is of this run and this attempt."""
        return (frame.head.get("run"), frame.head.get("attempt")) == (self.run.id, self.attempt)

    def take(self, frame: Frame, hear: Hear) -> None:
        """Do the write that a frame tells, or pass on its event; where there is no room for it, it waits.

        Raises:
            StorageError: it cannot be written for another reason than a full disk.
        """
        if self._pending:
            self._pending.append(frame)
            return
        try:
            self._do(frame, hear)
        except StorageError as error:
            if not error.full:
                raise
            self._pending.append(frame)
            self._again_at = time.monotonic() + ROOM_SECONDS
            hear(self.trial.number, Paused(message=_FULL.format(id=self.run.id, folder=self.run.path.parent)))

    @property
    def waits(self) -> bool:
        """Whether there was no room for what was told last."""
        return bool(self._pending)

    def try_again(self, hear: Hear) -> None:
        """Write what waits, if it is time to: others are not held up meanwhile.

        Raises:
            StorageError: it cannot be written for another reason, or the run is to end while it waits.
        """
        if time.monotonic() < self._again_at and not self.control.asked().ends:
            return
        while self._pending:
            try:
                self._do(self._pending[0], hear)
            except StorageError as error:
                if not error.full or self.control.asked().ends:
                    raise
                self._again_at = time.monotonic() + ROOM_SECONDS
                return
            self._pending.popleft()
        hear(self.trial.number, Continued())

    def _do(self, frame: Frame, hear: Hear) -> None:
        match frame.kind:
            case "line":
                self._events.append(frame.body)
            case "cut":
                self._events.cut(int(frame.head["length"]))
            case "put":
                path = self._path(frame)
                if path.parent == self.run.checkpoints:
                    self._events.settle()
                self.run.put(path, frame.body)
            case "remove":
                with suppress(OSError):
                    self.run.remove(self._path(frame))
            case "told":
                event = EventFormat.read(frame.body)
                if event is not None:
                    self._hear(event, hear)
            case "end":
                self.ended = str(frame.head.get("error", ""))

    def _hear(self, event: Event, hear: Hear) -> None:
        if isinstance(event, EpochEnded):
            self._epochs += 1
            self._fruitless = 0
        try:
            hear(self.trial.number, event)
        finally:
            if isinstance(event, EpochEnded | Resumed):
                self._heard += 1
                self.control.asked()
                self.pass_on()

    def _path(self, frame: Frame) -> Path:
        """Where a file lies that a worker names.

        Raises:
            StorageError: it has no business there.
        """
        name = str(frame.head.get("name"))
        folder, _, rest = name.rpartition("/")
        if name in _FILES or (folder in _FOLDERS and rest and not rest.startswith(".")):
            return self.run.path / name
        raise StorageError(f"A worker of run {self.run.id} wrote “{excerpt(name)}”, which is no file of a run.")

    @property
    def is_hopeless(self) -> bool:
        """Whether an attempt that has just ended was one of too many that came to nothing."""
        if not self._epochs:
            self._fruitless += 1
        return self._fruitless >= FRUITLESS

    def give_up(self, why: str, hear: Hear) -> None:
        """Write that the run has failed, and tell it.

        Raises:
            EngineError: it cannot be written.
        """
        ending.give_up(self.trial.prepared, partial(hear, self.trial.number), self.trial.flag, why)
