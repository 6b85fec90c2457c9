"""Numbers at places of an image as colours: laid over it, or alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.model import Images

MORE, LESS = (255, 145, 56), (75, 169, 255)
"""Orange for what is above 0, blue for what is below: people with any common colour deficiency tell them apart."""
STRONGEST = 0.8
"""How much of the colour there is at the largest number."""


def laid_over(image: Images, values: NDArray[np.float32]) -> Images:
    """An image in grey with colours over it, (height, width, 3): the more, the farther a value is from 0.

    Args:
        image: shape (height, width, channels).
        values: shape (height, width); 0 has no colour.
    """
    grey = image.astype(np.float32).mean(2)[..., None]
    share = STRONGEST * _of_largest(values)[..., None]
    colour = np.where(share >= 0, np.array(MORE, np.float32), np.array(LESS, np.float32))
    return _pixels(grey * (1 - np.abs(share)) + colour * np.abs(share))


def alone(values: NDArray[np.float32]) -> Images:
    """The same colours on black."""
    return laid_over(np.zeros((*values.shape, 1), np.uint8), values)


def in_grey(values: NDArray[np.float32]) -> Images:
    """Without colours, (height, width, 1): 0 is black where nothing is below it, else the middle grey."""
    shares = _of_largest(values)
    return _pixels((255 * shares if shares.min() >= 0 else 127.5 * (1 + shares))[..., None])


def thumbnails(maps: NDArray[np.float32]) -> Images:
    """Maps (n, height, width) as grey images (n, height, width, 1): black is 0, white the largest of each, any sign."""
    sizes = np.abs(maps)
    largest = sizes.max((1, 2), keepdims=True)
    return _pixels((255 * sizes / np.where(largest > 0, largest, 1))[..., None])


def of_kernels(kernels: NDArray[np.float32]) -> Images:
    """Kernels (n, height, width, channels) as images: the middle grey is 0, each goes to its own largest weight."""
    largest = np.abs(kernels).max((1, 2, 3), keepdims=True)
    return _pixels(127.5 * (1 + kernels / np.where(largest > 0, largest, 1)))


def enlarged(images: Images, side: int) -> Images:
    """Images (n, height, width, channels) by the least whole number that makes their shorter side `side` pixels."""
    times = max(-(-side // min(images.shape[1:3])), 1)
    return images.repeat(times, axis=1).repeat(times, axis=2)


def sheet(images: Images, gap: int = 4) -> Images:
    """Images of one size beside and below each other in one image, about as wide as it is high; grey between them."""
    count, height, width, channels = images.shape
    across = int(np.ceil(np.sqrt(count * height / width)))
    down = -(-count // across)
    shown = np.full((down * (height + gap) - gap, across * (width + gap) - gap, channels), 128, np.uint8)
    for place, image in enumerate(images):
        top, left = place // across * (height + gap), place % across * (width + gap)
        shown[top : top + height, left : left + width] = image
    return shown


def _of_largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    largest = float(np.abs(values).max(initial=0))
    return values / largest if largest else values


def _pixels(values: NDArray[np.floating[Any]]) -> Images:
    found: Images = np.rint(values).clip(0, 255).astype(np.uint8)
    return found
