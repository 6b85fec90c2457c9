"""Which training images a new one is most like, by what the encoder makes of them, and how unusual that is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageSet
from engine.evaluation.model import Model, Told

MOST_IMAGES = 10_000
MOST_BYTES = 1 << 26
"""Of training images that are compared with, and of their latents: of more, some are drawn evenly."""
MOST_VALIDATION = 500
"""Validation images whose distances say what is usual."""


@dataclass(frozen=True)
class Neighbours:
    """Training images by their latents. Distances are Euclidean, between latents."""

    rows: NDArray[np.int64]  # (n,), of the set that they are taken from
    latents: NDArray[np.float32]  # (n, numbers)
    usual: NDArray[np.float32]  # ascending: how far each of some validation images is from the nearest; may be empty

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.square(self.latents).sum(1)
        return found

    def nearest(self, latent: NDArray[np.float32], count: int = 3) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The rows of the nearest training images, the nearest first, and how far each is.

        Args:
            latent: shape (numbers,).
        """
        squares = self._squares - 2 * (self.latents @ latent) + np.square(latent).sum()
        first = np.argpartition(squares, min(count, len(squares)) - 1)[:count]
        order = first[np.argsort(squares[first], kind="stable")]
        return self.rows[order], np.sqrt(np.maximum(squares[order], 0))

    def distances(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far each of `latents`, shape (m, numbers), is from its nearest; shape (m,)."""
        if not len(latents):
            return np.empty(0, np.float32)
        squares = self._squares - 2 * (latents @ self.latents.T) + np.square(latents).sum(1)[:, None]
        found: NDArray[np.float32] = np.sqrt(np.maximum(squares.min(1), 0))
        return found

    def nearer_than(self, distance: float) -> float | None:
        """The share of the validation images that are farther from their nearest one; None where there are none."""
        if not len(self.usual):
            return None
        return 1 - float(np.searchsorted(self.usual, distance, "left")) / len(self.usual)


def neighbours_of(
    model: Model,
    images: ImageSet,
    training: NDArray[np.int64],
    validation: NDArray[np.int64],
    told: Told | None = None,
) -> Neighbours:
    """Those among the training images of a set, for `model`.

    Args:
        images: of the size and colours of the model.
        training: the rows that it learned from.
        validation: the rows that it did not.
        told: is told how many are done, and of how many; what it raises ends the work.
    """
    most = max(min(MOST_IMAGES, MOST_BYTES // (4 * model.network.plan.latent)), 1)
    rows, others = evenly(training, most), evenly(validation, min(MOST_VALIDATION, most))
    every = len(rows) + len(others)

    def of(done: int, part: NDArray[np.int64]) -> NDArray[np.float32]:
        return model.latent(images.take(part), None if told is None else lambda count, _: told(done + count, every))

    found = Neighbours(rows, of(0, rows), np.empty(0, np.float32))
    return Neighbours(rows, found.latents, np.sort(found.distances(of(len(rows), others))))


def evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of `rows`, in order, as far apart as they can be."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
