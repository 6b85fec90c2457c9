"""A run that is ready to train: with all that it needs loaded and checked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData
from engine.data.remarks import for_run
from engine.data.split import SPLIT_RULE
from engine.device import Device
from engine.network.architecture import Plan
from engine.runs.checkpoint import ModelFile
from engine.runs.directory import RunDirectory
from engine.specs.base import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run with everything it needs loaded and checked."""

    run: RunDirectory
    spec: Spec
    data: ImageData
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    device: Device
    encoder: ModelFile | None  # the autoencoder that it is built on
    plan: Plan  # the layers of its network
    split_rule: int = SPLIT_RULE
    note: str = ""  # a sentence: why it is taken up, where nobody asked for it
    encoder_remarks: tuple[str, ...] = ()  # of where a classifier's encoder comes from, when the run was made

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known of its encoder, and what a look at its images, labels and split finds, in sentences."""
        return (
            *self.encoder_remarks,
            *for_run(self.data, self.training, self.validation, self.spec),
        )
