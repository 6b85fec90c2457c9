"""What a classifier answers on images, and which of its answers are doubtful."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.given import Given, turned
from engine.evaluation.model import Images, Model, Told

CHUNK = 4_096
"""Images that are in memory as they were turned."""


@dataclass(frozen=True)
class Answers:
    """Of each image that was given, in order."""

    given: Given
    probabilities: NDArray[np.float32]  # (n, classes), rows sum to 1
    unsure: NDArray[np.bool_]  # (n,), whether the largest is below the threshold
    inverted: NDArray[np.bool_]  # (n,), whether dark and light were exchanged first
    blank: NDArray[np.bool_]  # (n,), whether all its pixels are the same: there is nothing to answer on
    errors: NDArray[np.float32] | None = None  # (n,), of the autoencoder's reconstruction, where there is one
    unlike: NDArray[np.bool_] | None = None  # (n,), whether that is more than usual in training

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The label of the largest probability of each; equal ones go to the lower."""
        found: NDArray[np.int64] = self.probabilities.argmax(1)
        return found


def answers_to(
    model: Model, given: Given, *, unsure_below: float | None = None, invert: str = "auto", told: Told | None = None
) -> Answers:
    """What `model`, a classifier, answers on what was given.

    Args:
        unsure_below: the probability that an answer must reach; the model's own where it is None.
        invert: see `turned`.
        told: is told how many are done, and of how many; what it raises ends the work.
    """
    threshold = model.unsure_below if unsure_below is None else unsure_below
    probabilities = [np.empty((0, model.classes), np.float32)]
    errors = [np.empty(0, np.float32)]
    inverted, blank = [np.empty(0, bool)], [np.empty(0, bool)]
    bound = None if model.encoder is None else model.encoder.facts.unlike_above
    for done, images, which in _chunks(model, given.images, invert):
        if told is not None:
            told(done, len(given.images))
        probabilities.append(model.probabilities(images))
        inverted.append(which)
        blank.append(np.ptp(images.reshape(len(images), -1), axis=1) == 0)
        if model.encoder is not None and bound is not None:
            errors.append(model.encoder.errors(images))
    found = np.concatenate(probabilities)
    error = None if bound is None else np.concatenate(errors)
    return Answers(
        given=given,
        probabilities=found,
        unsure=found.max(1, initial=0) < threshold,
        inverted=np.concatenate(inverted),
        blank=np.concatenate(blank),
        errors=error,
        unlike=None if error is None or bound is None else error > bound,
    )


def _chunks(model: Model, images: Images, invert: str) -> Iterator[tuple[int, Images, NDArray[np.bool_]]]:
    for start in range(0, len(images), CHUNK):
        yield start, *turned(model, images[start : start + CHUNK], invert)
