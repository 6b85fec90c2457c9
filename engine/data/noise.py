"""Noise on images: what a denoiser is given to rebuild the clean image from.

Training draws it anew for each step, from torch's default generator, whose state is in each checkpoint. Validation and
test images get noise that is always the same for an image (`Noise.fixed`), so that epochs and runs compare: its random
numbers are a hash of a seed, of what the image shows and of the place of a pixel. So nothing has to be kept, no other
random number moves, and neither the batch that an image comes in nor the device that it is on makes any difference.

All of it is cut to [0, 1], the range that images have: what the network is given can be shown.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.batches import EVALUATION_BATCH, to_pixels
from engine.specs.noise import GAUSSIAN, MASKED_SQUARES, MIXED, SALT_AND_PEPPER, USUAL_AMOUNTS, Asked

SQUARES = 7
"""A masked square is so many times shorter than the shorter side of an image: 4 pixels of an MNIST digit."""
LEAST_SIDE = 2
"""Pixels of a masked square's side at least."""
_LOW = 0xFFFFFFFF
"""32 bits: what is hashed stays below, so that no product of two leaves the 64 that every device has."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A kind of noise and how much of it.

    Args:
        kind: `gaussian` adds normal noise of standard deviation `amount` to each number of an image in [0, 1];
            `salt-and-pepper` turns `amount` of the pixels black or white, as many each; `masked-squares` covers
            `amount` of the area with black squares; `mixed` gives a quarter of the images each no noise, and one of
            the three at its usual amount.
        amount: see above; of `mixed` it is not looked at.
    """

    kind: str
    amount: float

    def drawn(self, images: Tensor) -> Tensor:
        """The images with noise that is drawn from the default generator of their device.

        Args:
            images: shape (n, channels, height, width), float32, in [0, 1].

        Returns:
            New images of the same shape, type, device and memory format, in [0, 1].
        """
        return self._on(images, _Drawn(images))

    def fixed(self, images: Tensor, seed: int) -> Tensor:
        """The images with noise that follows from the seed and what each shows; see `drawn`. Nothing is drawn."""
        return self._on(images, _Hashed(images, seed))

    def still(self, images: Tensor) -> Tensor:
        """The images with noise that is the same whatever they show, for one that changes as it is drawn."""
        return self._on(images, _Hashed(torch.zeros_like(images), 0))

    def fixed_pixels(self, images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """The same of images (n, height, width, channels) from 0 to 255, rounded to such."""
        found = [images[:0].copy()]
        for start in range(0, len(images), EVALUATION_BATCH):
            part = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH]))
            found.append(to_pixels(self.fixed(part.permute(0, 3, 1, 2).float().div_(255), seed)))
        return np.concatenate(found)

    def error(self, images: NDArray[np.uint8], seed: int) -> float:
        """The mean squared error of such images with `fixed` noise: that of giving them back as they are."""
        total = 0.0
        for start in range(0, len(images), EVALUATION_BATCH):
            part = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH]))
            clean = part.permute(0, 3, 1, 2).float().div_(255)
            total += float((self.fixed(clean, seed) - clean).square().sum(dtype=torch.float64))
        return total / images.size

    def _on(self, images: Tensor, numbers: "_Numbers") -> Tensor:
        if self.kind == MIXED:
            which = (numbers.uniform(1).squeeze(1) * (1 + len(USUAL_AMOUNTS))).long()[:, None, None, None]
            found = images
            for place, (kind, amount) in enumerate(USUAL_AMOUNTS.items(), start=1):
                found = torch.where(which == place, _ADDED[kind](images, amount, numbers), found)
        else:
            found = _ADDED[self.kind](images, self.amount, numbers)
        if images.is_contiguous(memory_format=torch.channels_last):
            found = found.contiguous(memory_format=torch.channels_last)
        return found


def noise_of(asked: Asked | None) -> Noise | None:
    """That which a spec asks for, where it asks for any."""
    return None if asked is None else Noise(*asked)


class _Numbers(Protocol):
    """Random numbers for n images, of shape (n, …)."""

    def uniform(self, *shape: int) -> Tensor:
        """In [0, 1)."""

    def normal(self) -> Tensor:
        """Of the images' own shape; standard normal."""


class _Drawn:
    """Random numbers from the default generator of the images' device."""

    def __init__(self, images: Tensor) -> None:
        self._images = images

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(len(self._images), *shape, device=self._images.device)

    def normal(self) -> Tensor:
        return torch.randn_like(self._images)  # in the images' memory format, so that nothing is moved afterwards


class _Hashed:
    """Random numbers that follow from a seed, from what each image shows, and from how many were asked for before."""

    def __init__(self, images: Tensor, seed: int) -> None:
        self._shape = images.shape[1:]
        pixels = (images * 255).round().long().flatten(1)  # exact, as they were before they were floats
        weights = _mixed(torch.arange(1, pixels.shape[1] + 1, device=images.device))
        shown = (pixels * weights).sum(1)  # of at most 256 · 256 · 3 pixels below 2**58
        self._keys = _mixed(((shown ^ (shown >> 32)) & _LOW) ^ _number(seed + 1))
        self._asked = 0

    def uniform(self, *shape: int) -> Tensor:
        self._asked += 1
        places = torch.arange(math.prod(shape), device=self._keys.device) + _number(self._asked)
        found = _mixed(_mixed(places & _LOW) ^ self._keys[:, None])
        return ((found >> 8).float() * 2.0**-24).view(-1, *shape)

    def normal(self) -> Tensor:
        # Never ±1, of which the inverse is infinite: in the middle between two values of `uniform`.
        return math.sqrt(2) * torch.erfinv(2 * self.uniform(*self._shape) - 1 + 2.0**-24)


def _number(value: int) -> int:
    """32 bits that are far from those of the next value."""
    return value * 0x9E3779B1 & _LOW


def _mixed(values: Tensor) -> Tensor:
    """Whole numbers of 32 bits, each as another one that looks random: multiplied and shifted in turn."""
    for _ in range(2):
        values = ((values >> 16) ^ values) * 0x45D9F3B & _LOW
    return (values >> 16) ^ values


def _gaussian(images: Tensor, amount: float, numbers: _Numbers) -> Tensor:
    return (numbers.normal() * amount).add_(images).clamp_(0, 1)


def _salt_and_pepper(images: Tensor, amount: float, numbers: _Numbers) -> Tensor:
    """A pixel of several colours is black or white as a whole."""
    drawn = numbers.uniform(1, *images.shape[2:])
    return images.masked_fill(drawn < amount / 2, 0).masked_fill_(drawn >= 1 - amount / 2, 1)


def _masked_squares(images: Tensor, amount: float, numbers: _Numbers) -> Tensor:
    """Squares of a grid, which lies at another place over each image, so that no edge can be learned by heart.

    As many of an image's squares are covered as come to `amount` of them, rounded up or down at random, so that on
    average it is that to the pixel.
    """
    height, width = images.shape[2:]
    side = max(min(height, width) // SQUARES, LEAST_SIDE)
    down, across = (-(-(length + side - 1) // side) for length in (height, width))
    scores = numbers.uniform(down * across + 3)  # in one draw: of each square, the rounding, and where the grid lies
    rounding, top, left = scores[:, -3:].unbind(1)
    rank = scores[:, :-3].argsort(1).argsort(1)
    covered = rank + 1 <= (amount * down * across + rounding)[:, None]
    rows, columns = (
        (torch.arange(length, device=images.device) + (start * side).long()[:, None]) // side
        for length, start in ((height, top), (width, left))
    )
    squares = (rows[:, :, None] * across + columns[:, None, :]).flatten(1)
    return images.masked_fill(covered.gather(1, squares).view(-1, 1, height, width), 0)


_ADDED = {GAUSSIAN: _gaussian, SALT_AND_PEPPER: _salt_and_pepper, MASKED_SQUARES: _masked_squares}
