"""A stage of training: what is asked of it, the images that it has, how far it is, and who keeps what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.batches import DeviceImages
from engine.protocol.control import Asked
from engine.protocol.events import EpochEnded
from engine.protocol.states import EARLY_STOPPED, PRUNED, SKIPPED, STOPPED

ENDS = {Asked.STOP: STOPPED, Asked.SKIP: SKIPPED, Asked.PRUNE: PRUNED, Asked.FINISH: EARLY_STOPPED}
"""How a run ends that is asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What one call of `fit` is to do."""

    name: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    patience: int  # epochs; 0 never stops early
    seed: int
    steps: int | None = None  # of an epoch; where it is None, those that go once through the training images
    augment: bool = False
    keeps_last: bool = False  # whether its last weights are kept, whatever validation says
    alike: bool = True  # whether its training and validation losses are of the same thing
    usual_seconds: float | None = None  # what a step takes here by itself, where that was tried beforehand


@dataclass(frozen=True, slots=True, kw_only=True)
class StageData:
    """The images of a stage, resident on the device."""

    images: DeviceImages
    order: Callable[[int], NDArray[np.int64]]  # the images that an epoch (from 1) trains on, shuffled
    training: int  # how many training images there are
    validation: NDArray[np.int64]


@dataclass(kw_only=True)
class Progress:
    """How far a stage is: plain numbers, written with every checkpoint."""

    stage: str
    epoch: int = 1  # under way, from 1
    step: int = 0  # steps taken in it
    sums: dict[str, float] = field(default_factory=dict)  # of each metric over those steps
    step_seconds: float = 0.0  # of those steps
    rate: float = 0.0  # the learning rate of the latest of them
    best_rank: list[float] = field(default_factory=list)  # of the best epoch, by the task; empty before there is one
    best_loss: float | None = None  # its validation loss
    best_epoch: int = 0
    losses: list[tuple[float, float]] = field(default_factory=list)  # (training, validation) of the latest epochs
    seconds: float = 0.0  # of the stage's complete epochs, as `EpochEnded` tells them
    total_steps: int = 0  # of all stages
    total_step_seconds: float = 0.0
    ended: str = ""  # the state the stage ended in
    cut_short: bool = False  # a person asked for that end: never in a checkpoint, from which training can go on


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything that going on with the next step takes."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    @property
    def progress(self) -> Progress:
        """How far it was."""
        values = self.values["progress"]
        return Progress(**{**values, "losses": [tuple(pair) for pair in values["losses"]]})


class Keeper(Protocol):
    """Where a stage's results go as they come."""

    def keep_best(self, stage: str, model: nn.Module) -> None:
        """These are the weights of the best epoch so far."""

    def keep_epoch(self, model: nn.Module, ended: EpochEnded) -> None:
        """An epoch is complete: what else is told or drawn of it."""

    def keep_state(self, state: TrainingState) -> None:
        """What a resume begins from."""
