"""What a kind of run is to the rest of the engine."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engine.data.batches import DeviceImages
from engine.data.datasets import ImageData
from engine.network.architecture import Plan
from engine.network.network import Network
from engine.runs.model_facts import ModelFacts
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.base import Spec
from engine.training.baseline import Baseline
from engine.training.tasks import Task

Shown = tuple[NDArray[np.uint8], ...]
"""Images, what became of them, and where they got noise before, the noisy images: each (n, height, width, channels)."""


class Kind(Protocol):
    """One kind of run: how its network is planned and built, what it trains, and what it is measured by.

    A kind has no state: each method is given the spec, or the run that is ready (`Prepared`).
    """

    def check_data(self, data: ImageData) -> None:
        """Refuse images that no run of this kind can learn from.

        Raises:
            DatasetError: in a sentence that says why.
        """

    def plan(self, spec: Any, data: ImageData, encoder: Spec | None) -> Plan:
        """The layers of the network of `spec`; `encoder` is the spec of the autoencoder that it is built on."""

    def build(self, prepared: Prepared) -> Network:
        """The network with its first weights, drawn by torch's random numbers."""

    def enter(self, model: nn.Module, stage: str) -> None:
        """Make the network ready for a stage."""

    def task(self, prepared: Prepared) -> Task:
        """How a batch becomes a loss."""

    def baseline(self, prepared: Prepared) -> Baseline:
        """What the validation images give without any learning."""

    def samples(self, prepared: Prepared, images: DeviceImages) -> Callable[[nn.Module], Shown] | None:
        """What shows, after each epoch, what the network makes of some validation images; None where nothing does."""

    def so_far(self, best_loss: float, baseline: Baseline) -> dict[str, Any]:
        """What its result adds where a run ended early, by field: what its lowest validation loss tells."""

    def facts(self, prepared: Prepared, recorder: Recorder, model: Any, images: DeviceImages, stage: str) -> ModelFacts:
        """What its model file says for the use on new images: found on validation images, and on no others.

        Raises:
            AskedToEndError: the run is asked to end meanwhile.
        """

    def measure(
        self, prepared: Prepared, recorder: Recorder, model: Any, images: DeviceImages, stage: str, facts: ModelFacts
    ) -> dict[str, Any]:
        """Measure the weights of `stage`, which `model` has, and write the predictions; what its result adds, by field.

        `facts` are those of the same weights.

        Raises:
            AskedToEndError: the run is asked to end meanwhile; nothing is written.
        """
