"""What lists of runs show of each: the content of `status.json`."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.protocol.states import RESUMABLE, RUNNING
from engine.runs.notes import NO_NOTES, Notes, json_names
from engine.specs.listed import every_measure
from engine.specs.measures import Measure

VALIDATION, TEST, REPORT = "validation", "test", "report"
"""What a measure of a run is of: its best epoch on validation images, or its best weights on the test images, or as its
report says, which is on the validation images where there are no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """What a list shows of a run: the content of its `status.json`, its true state, shortest prefix and notes."""

    id: str
    prefix: str = ""  # the shortest that is unique, at least 4 characters
    kind: str = ""
    title: str = ""  # the spec's essentials
    state: str = RUNNING
    message: str = ""  # why it ended, where not all went well
    stage: str = ""
    epoch: int = 0  # epochs completed, all stages together
    epochs: int = 0  # of all stages
    best_loss: float | None = None  # validation loss of the last stage's best epoch
    best_epoch: int = 0  # within its stage
    best_stage: str = ""  # the stage whose best epoch that is
    last_loss: float | None = None  # validation loss of the last epoch
    last_train_loss: float | None = None
    test_loss: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)  # by key, see `keys_of`
    seconds: float = 0.0  # at work, pauses and interruptions left out
    started: float = 0.0  # seconds since 1970, UTC
    updated: float = 0.0
    encoder: str | None = None  # the run or file a classifier was built on
    study: str = ""  # the study that it is a trial of
    trial: int = 0  # its number there, from 1
    parameters: int = 0
    latent: int = 0  # numbers the encoder makes of one image
    image_shape: tuple[int, ...] = ()
    data: str = ""  # what its images are called
    data_digest: str = ""  # of their content: the same wherever the files are
    images_digest: str = ""  # of the training images alone; empty in runs of earlier versions
    work: int = 0  # what the plan estimates a training step to grow with, for one image
    # Of training steps only: all of them once the run has ended, those of the latest epoch before.
    images_per_second: float | None = None
    ms_per_step: float | None = None
    host: str = ""
    process: int = 0
    notes: Notes = NO_NOTES  # what a person noted about it; kept in `marks.json`

    @property
    def resumable(self) -> bool:
        """Whether it ended before its time and can go on."""
        return self.state in RESUMABLE

    def measure(self, of: str, name: str) -> float | None:
        """What it came to by the measure of that name, `of` one of `VALIDATION`, `TEST` and `REPORT`."""
        return self.measures.get(key_of(of, name))

    def to_json(self) -> dict[str, Any]:
        """As a program reads it: each measure of any kind by its key, None where this run has none."""
        told: dict[str, Any] = {}
        for name, value in asdict(self).items():
            told |= {**dict.fromkeys(keys_of(every_measure())), **value} if name == "measures" else {name: value}
        return json_names(told)


def key_of(of: str, name: str) -> str:
    """Under which name files and tables have a measure: `validation_accuracy`."""
    return f"{of}_{name}"


def keys_of(measures: Iterable[Measure]) -> list[str]:
    """Those of all `measures`, besides the loss."""
    return [key_of(of, measure.name) for measure in measures for of in (VALIDATION, TEST, REPORT)]


def measures_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """The measures of any kind that `values` of a file have, by key."""
    return {name: values[name] for name in keys_of(every_measure()) if values.get(name) is not None}


def touch(status: RunStatus, **values: Any) -> RunStatus:
    """`status` with `values`, and the time it changed."""
    return replace(status, updated=time.time(), **values)
