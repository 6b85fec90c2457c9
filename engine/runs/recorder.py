"""What a run leaves on disk while it trains: events, checkpoints, best weights, samples, status.

The recorder is the run's `emit` and its `Keeper`. An event is on disk before anyone is told of it, and a
checkpoint knows how long the events file was, so that a resume can cut what came after. Where the disk is full the run
waits at the write that failed: hours of training are not ended by what somebody mends in a minute.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engine.errors import ModelFileError, RunError, StorageError
from engine.protocol.control import RunControl
from engine.protocol.events import (
    BatchEnded,
    Continued,
    Emit,
    EpochEnded,
    Event,
    EventFormat,
    Paused,
    SamplesSaved,
    Warned,
)
from engine.protocol.states import PAUSED, RUNNING
from engine.runs.checkpoint import model_tensors, read_tensors, write_tensors
from engine.runs.directory import RunDirectory
from engine.runs.status import VALIDATION, RunStatus, key_of, measures_in, touch
from engine.specs.listed import listed
from engine.specs.measures import LOSS
from engine.storage.arrays import write_arrays
from engine.storage.files import storage_errors
from engine.storage.typed_json import record_of
from engine.training.baseline import STEPS_TO_LEARN, Baseline
from engine.training.loop import PAUSE_SECONDS
from engine.training.stage import TrainingState

BATCH_EVENTS_KEPT = 200  # of an epoch
SAMPLES_KEPT = 50  # epochs whose reconstructions stay on disk
CHECKPOINTS_KEPT = 2
ROOM_SECONDS = 1.0  # between two tries of a write that there is no room for


class Recorder:
    """Writes one run's files as it goes.

    Args:
        run: its directory, locked by this process.
        tell: who hears of each event once it is on disk.
        status: as of now.
        offset: bytes of events to keep; what a file has beyond is cut.
        spec: as JSON has it; a checkpoint is only taken up by the spec that it was computed with.
        control: what ends the wait for room on a full disk.
    """

    def __init__(
        self, run: RunDirectory, tell: Emit, status: RunStatus, offset: int, spec: dict[str, Any], control: RunControl
    ) -> None:
        self.run = run
        self.spec = spec
        self.control = control
        self.status = status
        self.tell = tell
        self._stored_batch = -1
        self.samples: Callable[[nn.Module], tuple[NDArray[np.uint8], ...]] | None = None
        self.baseline: Baseline | None = None  # what validation losses are held against
        self.under_way = 0.0  # seconds of the steps of an epoch that is not complete
        self.steps = 1  # of an epoch
        self._doubted = False
        self.lost = ""  # how much of the events that were to be kept is not there, in words
        self._events = run.open_events()
        with storage_errors(run.events):
            self._events.cut(self._kept(offset))

    def _kept(self, offset: int) -> int:
        """How much of the events file stays: `offset` bytes, or the whole lines of one that is not what it was."""
        if not offset or self._events.ends_line(offset):
            return offset
        _, whole = self.run.read_events()
        self.lost = f"{offset - whole:,} bytes" if whole < offset else "parts"
        return whole

    def close(self) -> None:
        """Let go of the events file."""
        self._events.close()

    def emit(self, event: Event) -> None:
        """Store an event, then tell it.

        Raises:
            StorageError: it cannot be written.
        """
        self.store(event)
        self.tell(event)

    def store(self, event: Event) -> None:
        """Append an event to the file; of an epoch's batches at most `BATCH_EVENTS_KEPT`.

        Raises:
            StorageError: it cannot be written.
        """
        if isinstance(event, EpochEnded):
            self.under_way = 0.0
        if isinstance(event, BatchEnded):
            self.under_way = event.step * event.ms_per_step / 1000
            place = event.step // max(math.ceil(event.steps / BATCH_EVENTS_KEPT), 1)
            if place == self._stored_batch:
                return
            self._stored_batch = place
        if self._events.is_deleted():
            self.with_room(self._events.write_again)
            self.emit(
                Warned(message=f"{self.run.events} was deleted during the run and has been written again in full.")
            )
        self.with_room(lambda: self._append(event))
        if isinstance(event, Paused | Continued):
            self.write_status(state=PAUSED if isinstance(event, Paused) else RUNNING)

    def read_events(self) -> list[Event]:
        """What is stored so far, be the file deleted or not; nothing where it cannot be read."""
        try:
            return EventFormat.read_lines(self._events.content())
        except OSError:
            return []

    def _append(self, event: Event) -> None:
        self._events.append(EventFormat.write(event).encode() + b"\n")

    def with_room(self, write: Callable[[], None]) -> None:
        """Do `write`; where the disk is full the run pauses and says so, and goes on by itself once there is room.

        Raises:
            StorageError: it cannot be written for another reason, or the run is to end while it waits.
        """
        paused = False
        while True:
            try:
                write()
                break
            except StorageError as error:
                if not error.full:
                    raise
                if not paused:
                    self._pause_for_room()
                    paused = True
                self._wait(error)
        if paused:
            event = Continued()
            self.with_room(lambda: self._append(event))
            self.tell(event)
            self.with_room(lambda: self.run.write_status(self.status))  # as it was, be it the end of the run

    def _pause_for_room(self) -> None:
        """Tell of the pause first, and write it down where a few bytes are left."""
        event = Paused(
            message=f"The disk is full: the files of run {self.run.id} no longer fit in {self.run.path.parent}. Free "
            "some space; the run waits, and continues by itself."
        )
        self.tell(event)
        with suppress(StorageError):
            self._append(event)
            self.run.write_status(touch(self.status, state=PAUSED))

    def _wait(self, error: StorageError) -> None:
        """Until it is time to try again; raises `error` where the run is to end."""
        until = time.monotonic() + ROOM_SECONDS
        while time.monotonic() < until:
            if self.control.asked().ends:
                raise error
            time.sleep(PAUSE_SECONDS)

    def write_status(self, **values: Any) -> None:
        """Replace `status.json` with these values changed."""
        self.status = touch(self.status, **values)
        self.with_room(lambda: self.run.write_status(self.status))

    # -- what `fit` keeps --------------------------------------------------------------------------

    def keep_state(self, state: TrainingState) -> None:
        """Write a checkpoint, and let go of all but the last two."""
        offset = 0

        def settle() -> None:
            nonlocal offset
            offset = self._events.settle()

        self.with_room(settle)
        values = {**state.values, "offset": offset, "status": asdict(self.status), "spec": self.spec}
        before = list_checkpoints(self.run)
        number = int(before[-1].stem) + 1 if before else 1
        path = self.run.checkpoints / f"{number:08d}.safetensors"
        self.with_room(lambda: write_tensors(path, "checkpoint", state.tensors, values, self.run.put))
        for old in before[: -CHECKPOINTS_KEPT + 1]:
            with suppress(OSError):
                self.run.remove(old)

    def keep_best(self, stage: str, model: nn.Module) -> None:
        """Write the stage's best weights, and after how many epochs of the run they are."""
        path, values = best_file(self.run, stage), {"stage": stage, "epochs": self.status.epoch + 1}
        self.with_room(lambda: write_tensors(path, "weights", model_tensors(model), values, self.run.put))

    def keep_epoch(self, model: nn.Module, ended: EpochEnded) -> None:
        """Write the reconstructions and the status of an epoch, and warn where nothing is learned."""
        if self.samples is not None:
            self._write_samples(ended, self.samples(model))
        done = self.status.epoch + 1
        steps = done * self.steps
        if (steps >= STEPS_TO_LEARN or done == self.status.epochs) and self.baseline is not None:
            self.warn(self.baseline.doubt(ended.validation, steps))
        own = {key_of(VALIDATION, name): value for name, value in ended.validation.items() if name != LOSS.name}
        best = {"measures": own} if ended.best else {}
        self.write_status(
            state=RUNNING,
            stage=ended.stage,
            epoch=done,
            best_loss=ended.best_loss,
            best_epoch=ended.best_epoch,
            best_stage=ended.stage,
            last_loss=ended.validation["loss"],
            last_train_loss=ended.train["loss"],
            seconds=self.status.seconds + ended.seconds,
            ms_per_step=ended.ms_per_step,
            images_per_second=ended.images_per_second,
            **best,
        )

    @property
    def steps_taken(self) -> int:
        """In the epochs that are complete."""
        return self.status.epoch * self.steps

    def doubt(self) -> str:
        """A sentence where the best epoch so far is no better than a run that has learned nothing; else nothing."""
        if self.baseline is None or self.status.best_loss is None:
            return ""
        own = {m.name: self.status.measure(VALIDATION, m.name) for m in listed(self.status.kind).measures}
        return self.baseline.doubt({"loss": self.status.best_loss, **own}, self.steps_taken)

    def warn(self, doubt: str) -> None:
        """Tell that nothing is learned, where there is such a sentence; once."""
        if doubt and not self._doubted:
            self._doubted = True
            self.emit(Warned(message=doubt))

    def _write_samples(self, ended: EpochEnded, shown: Sequence[NDArray[np.uint8]]) -> None:
        name = f"samples/epoch-{ended.epoch:04d}.npz"
        path = self.run.path / name
        arrays = dict(zip(("originals", "reconstructions", "noisy"), shown, strict=False))
        self.with_room(lambda: write_arrays(path, self.run.put, **arrays))
        every = math.ceil(max(self.status.epochs, 1) / SAMPLES_KEPT)
        if ended.epoch > 2 and (ended.epoch - 1) % every:
            with suppress(OSError):
                self.run.remove(self.run.samples / f"epoch-{ended.epoch - 1:04d}.npz")
        self.emit(SamplesSaved(stage=ended.stage, epoch=ended.epoch, file=name))


def best_file(run: RunDirectory, stage: str) -> Path:
    """Where a stage's best weights are."""
    return run.best / f"{stage.replace(' ', '-')}.safetensors"


def list_checkpoints(run: RunDirectory) -> list[Path]:
    """A run's checkpoints, the oldest first."""
    return sorted(path for path in run.checkpoints.glob("*.safetensors") if path.stem.isdecimal())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training state on disk, and what belongs to it."""

    state: TrainingState
    status: RunStatus  # as it was then
    offset: int  # length of the events file then
    damaged: tuple[Path, ...]  # later ones, which cannot be read


def read_checkpoint(run: RunDirectory) -> Checkpoint | None:
    """The latest one that can be read; None where there is none.

    Raises:
        RunError: there are checkpoints, but none can be read.
    """
    damaged: list[Path] = []
    for path in reversed(list_checkpoints(run)):
        try:
            tensors, values = read_tensors(path)
            offset = int(values["offset"])
            # version 0.2.0 wrote measures as fields
            status = record_of(RunStatus, {"measures": measures_in(values["status"]), **values["status"]})
            state = TrainingState(tensors, values)
            state.progress  # noqa: B018 - one that cannot be read is passed over too
        except (ModelFileError, KeyError, TypeError, ValueError):
            damaged.append(path)
            continue
        return Checkpoint(state, status, offset, tuple(damaged))
    if damaged:
        raise RunError(
            f"No checkpoint of run {run.id} can be read, so it cannot continue. Start a new run with the same "
            "settings; what this one wrote is kept."
        )
    return None
