"""Images on the device: resident as uint8, float32 in [0, 1] only batch by batch."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.datasets import Dataset, ImageSet

EVALUATION_BATCH = 256
"""Images a forward pass where no gradient is taken; the result does not depend on a run's batch size."""


class DeviceImages:
    """A data set, resident on a device.

    Args:
        dataset: images and, perhaps, labels.
        device: where they go; on a CPU the images are not copied.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        images = dataset.images if isinstance(dataset, ImageSet) else dataset.take(np.arange(len(dataset)))
        if not images.flags.writeable:
            images = images.copy()
        self.images = torch.from_numpy(images).to(device)
        self.labels = None if dataset.labels is None else torch.from_numpy(dataset.labels.astype(np.int64)).to(device)

    def indices(self, indices: NDArray[np.int64]) -> Tensor:
        """Indices on the device, to take batches by."""
        return torch.from_numpy(indices).to(self.images.device)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (n, channels, height, width) in [0, 1], channels last in memory, and labels (n,)."""
        images = self.images[indices].permute(0, 3, 1, 2).float().div_(255)
        return images, None if self.labels is None else self.labels[indices]

    def batches(
        self, indices: NDArray[np.int64], size: int = EVALUATION_BATCH
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """All of them in order, the last partial batch too."""
        for chunk in torch.split(self.indices(indices), size):
            yield self.batch(chunk)
