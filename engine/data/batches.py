"""Images on the device: resident as uint8, float32 in [0, 1] only batch by batch."""

import warnings
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.datasets import ImageSet
from engine.device import is_out_of_memory
from engine.protocol.control import AskedToEndError, Control

EVALUATION_BATCH = 256
"""Images a forward pass where no gradient is taken; the result does not depend on a run's batch size."""

GPU_EVALUATION_BATCH = 2_048
GPU_EVALUATION_PIXELS = 1 << 21
"""The same on a GPU, which a small batch keeps waiting for launches: images, and pixels of all of them together."""

Result = TypeVar("Result")


class Indices(Protocol):
    """Indices of images in some order."""

    def __getitem__(self, part: slice) -> Tensor: ...


class DeviceImages:
    """A data set, resident on a device.

    Args:
        dataset: images and, perhaps, labels.
        device: where they go; on a CPU the images are not copied.
    """

    def __init__(self, dataset: ImageSet, device: torch.device) -> None:
        with warnings.catch_warnings():
            # torch warns of arrays that cannot be written, as those of files are: nobody writes to these.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self.images = torch.from_numpy(dataset.images).to(device)
        self.labels = None if dataset.labels is None else torch.from_numpy(dataset.labels.astype(np.int64)).to(device)
        self.evaluation_batch = evaluation_batch(self.images)

    def indices(self, indices: NDArray[np.int64]) -> Indices:
        """What slices of are the indices to take batches by, on the device."""
        return torch.from_numpy(indices).to(self.images.device)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (n, channels, height, width) in [0, 1], channels last in memory, and labels (n,)."""
        # Of images of 64×64×3, `index_select` takes several times as many a second as indexing does.
        images = self.images.index_select(0, indices).permute(0, 3, 1, 2).float().div_(255)
        return images, None if self.labels is None else self.labels[indices]

    def each(
        self,
        indices: NDArray[np.int64],
        compute: Callable[[Tensor, Tensor | None], Result],
        control: Control | None = None,
    ) -> Iterator[tuple[Result, int]]:
        """What `compute` makes of all of them in order, a batch at a time, and how many images that is.

        Where memory does not suffice for a batch, it is halved, for this and every later evaluation: a run whose own
        batches are small must not fail by its validation. Nothing that is computed of an image depends on the others.

        Raises:
            AskedToEndError: `control` asks for the end of the run.
        """
        waiting, done = self.indices(indices), 0
        while done < len(indices):
            if control is not None and control.asked().ends:
                raise AskedToEndError
            batch = waiting[done : done + self.evaluation_batch]
            try:
                result = compute(*self.batch(batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
                self.evaluation_batch = (len(batch) + 1) // 2
                continue
            yield result, len(batch)
            done += len(batch)


def evaluation_batch(images: Tensor) -> int:
    """How many of these images (n, height, width, channels) a forward pass takes where no gradient is taken."""
    if images.device.type != "cuda":
        return EVALUATION_BATCH
    pixels = images.shape[1] * images.shape[2]
    return max(EVALUATION_BATCH, min(GPU_EVALUATION_BATCH, GPU_EVALUATION_PIXELS // pixels))


def to_pixels(images: torch.Tensor) -> NDArray[np.uint8]:
    """(n, channels, height, width) in [0, 1], cut to that, as uint8 (n, height, width, channels)."""
    pixels = images.float().clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    array: NDArray[np.uint8] = pixels.cpu().contiguous().numpy()
    return array
