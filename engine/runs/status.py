"""What lists of runs show of each: the content of `status.json`."""

import time
from dataclasses import dataclass, replace
from typing import Any

from engine.protocol.states import RESUMABLE, RUNNING
from engine.runs.notes import NO_MARKS, Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """What a list shows of a run: the content of its `status.json`, its true state, shortest prefix and marks."""

    id: str
    prefix: str = ""  # the shortest that is unique, at least 4 characters
    kind: str = ""  # autoencoder or classifier
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
    validation_accuracy: float | None = None  # of the best epoch
    test_loss: float | None = None
    test_accuracy: float | None = None
    report_accuracy: float | None = (
        None  # of the best weights, on the test or the validation images, as its report says
    )
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
    marks: Marks = NO_MARKS  # what a person noted about it; kept in `marks.json`

    @property
    def resumable(self) -> bool:
        """Whether it ended before its time and can go on."""
        return self.state in RESUMABLE


def touch(status: RunStatus, **values: Any) -> RunStatus:
    """`status` with `values`, and the time it changed."""
    return replace(status, updated=time.time(), **values)
