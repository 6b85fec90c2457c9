"""What can be told: facts in the past tense, in plain numbers and strings.

Everything a view shows while a run is on comes from these, and the same events, one JSON object a line,
are the run's `events.jsonl`: a view opened late, a second terminal and a run that ended last week all
replay that file and follow it. Metrics are mappings by name, so that a new task needs no new event.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from engine.storage.typed_json import cleaned, record_of

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run."""

    kinds: ClassVar[dict[str, type["Event"]]] = {}  # every class of event, by its name
    time: float = field(default_factory=time.time)  # seconds since 1970, UTC

    def __init_subclass__(cls) -> None:
        Event.kinds[cls.__name__] = cls  # of a dataclass with slots the second time, which is the one to keep


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run's data were read and its model stands; training is about to begin."""

    run: str
    kind: str
    title: str  # the spec's essentials, as in a list of runs
    stages: tuple[str, ...]
    epochs: tuple[int, ...]  # of each stage
    batch_size: int
    patience: int  # epochs; 0 where the run never stops early
    training_images: int
    validation_images: int
    test_images: int
    image_shape: tuple[int, int, int]  # height, width, channels
    parameters: int
    latent: int  # numbers the encoder makes of one image
    device: str  # in words, with precision and threads
    encoder: str | None = None  # what a classifier was built on
    data: str = ""  # what the images are called
    class_names: tuple[str, ...] = ()  # by label; none without labels, and where an earlier version wrote none


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted(Event):
    """A stage began from its first step."""

    stage: str
    epochs: int
    steps: int  # of an epoch
    trainable: int  # parameters that move


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnded(Event):
    """A step was taken; told at most ten times a second."""

    stage: str
    epoch: int  # from 1
    step: int  # from 1, in this epoch
    steps: int
    metrics: Metrics  # of this batch
    learning_rate: float
    ms_per_step: float  # mean over the epoch so far, training steps only
    images_per_second: float
    memory: int  # bytes in use on the device; on a CPU those of the process


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded(Event):
    """One pass over the training images, and the validation after it."""

    stage: str  # of training, by name
    epoch: int  # from 1
    train: Metrics  # means over the epoch's images; "loss" is always there
    validation: Metrics
    seconds: float  # training and validation together
    ms_per_step: float
    images_per_second: float
    learning_rate: float
    best: bool  # of the stage so far: the lowest validation loss, or of a classifier the highest validation accuracy
    best_epoch: int
    best_loss: float
    patience_left: int | None  # epochs; None where the run never stops early


@dataclass(frozen=True, slots=True, kw_only=True)
class MistakesCounted(Event):
    """A classifier's validation images were counted by their class and the one that they were taken for."""

    stage: str
    epoch: int
    counts: tuple[tuple[int, ...], ...]  # [true class][predicted class]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesSaved(Event):
    """Some validation images and their reconstructions were written."""

    stage: str
    epoch: int
    file: str  # relative to the run's directory: arrays `originals`, `reconstructions`, perhaps `noisy`


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something a person should know that does not end the run."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverfittingSeen(Event):
    """Validation got worse while training got better, or the two are far apart."""

    stage: str
    epoch: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """The run waits, with its state kept, until it is continued or stopped."""

    message: str = ""  # why, where nobody asked for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued(Event):
    """A paused run goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """A run that had ended or was cut off goes on from a checkpoint; what came after that one is void."""

    stage: str
    epoch: int  # from 1: the one it goes on in
    step: int  # steps of that epoch already taken
    device: str
    trained: bool = False  # training is over: the evaluation alone is left


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded(Event):
    """A stage is over; its best weights are kept."""

    stage: str
    state: str  # finished, early-stopped, stopped or diverged
    epochs: int  # completed
    best_epoch: int  # 0 where none was completed
    best_loss: float | None
    seconds: float  # of training and validation, an epoch that was not completed among it


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationStarted(Event):
    """The best model is being measured; training is over."""

    what: str  # as in "10,000 test images"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run is over: the last event, told once."""

    state: str
    message: str  # what happened and what to do, in a sentence; empty where all went well
    result: Mapping[str, Any]  # what `result.json` holds


Emit = Callable[[Event], None]


class EventFormat:
    """Events as lines of JSON, and back."""

    @staticmethod
    def write(event: Event) -> str:
        """One line, without its end."""
        return json.dumps({"event": type(event).__name__, **asdict(event)}, separators=(",", ":"))

    @staticmethod
    def read(line: str | bytes) -> Event | None:
        """The event of a line; None for a torn or damaged line, and for kinds that are not known here."""
        try:
            values = json.loads(line if isinstance(line, str) else line.decode())
            event = record_of(Event.kinds[values["event"]], values)
            if isinstance(event, RunEnded):
                event = replace(event, result=cleaned(event.result))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        match event:
            case BatchEnded(metrics=metrics) | EpochEnded(train=metrics) if "loss" not in metrics:
                return None
            case EpochEnded(validation=metrics) if "loss" not in metrics:
                return None
            case MistakesCounted(counts=counts) if any(len(row) != len(counts) for row in counts):
                return None
        return event

    @classmethod
    def read_lines(cls, lines: bytes) -> list[Event]:
        """The events of those lines that are one."""
        return [event for event in map(cls.read, lines.splitlines()) if event is not None]
