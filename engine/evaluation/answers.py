"""What a model answers on images: which class, and how doubtful that is; or whether they are odd."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.given import Given, Readied, made_ready
from engine.evaluation.model import Model


@dataclass(frozen=True)
class Verdicts:
    """Of each image that was given, in order."""

    given: Given
    ready: Readied  # what was done to them first
    scores: NDArray[np.float32]  # (n,)
    odd: NDArray[np.bool_]  # (n,), whether the score is above the threshold
    blank: NDArray[np.bool_]  # (n,), whether all its pixels are the same
    errors: NDArray[np.float32]  # (n,), mean squared, of the reconstruction


@dataclass(frozen=True)
class Answers:
    """Of each image that was given, in order."""

    given: Given
    ready: Readied  # what was done to them first
    probabilities: NDArray[np.float32]  # (n, classes), rows sum to 1
    unsure: NDArray[np.bool_]  # (n,), whether the largest is below the threshold
    blank: NDArray[np.bool_]  # (n,), whether all its pixels are the same: there is nothing to answer on
    errors: NDArray[np.float32] | None = None  # (n,), of the autoencoder's reconstruction, where there is one
    unlike: NDArray[np.bool_] | None = None  # (n,), whether that is more than usual in training

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The label of the largest probability of each; equal ones go to the lower."""
        found: NDArray[np.int64] = self.probabilities.argmax(1)
        return found


def answers_to(
    model: Model, given: Given, *, unsure_below: float | None = None, invert: str = "auto", centre: str = "auto"
) -> Answers:
    """What `model`, a classifier, answers on what was given.

    Args:
        model: the classifier.
        given: images, all of them or a piece.
        unsure_below: the probability that an answer must reach; the model's own where it is None.
        invert: see `made_ready`.
        centre: see there.
    """
    threshold = model.unsure_below if unsure_below is None else unsure_below
    ready = made_ready(model, given, invert, centre)
    probabilities = model.softened(ready.images)
    bound = None if model.encoder is None else model.encoder.facts.unlike_above
    errors = None if bound is None or model.encoder is None else model.encoder.errors(ready.images)
    return Answers(
        given=given,
        ready=ready,
        probabilities=probabilities,
        unsure=probabilities.max(1, initial=0) < threshold,
        blank=np.ptp(ready.images, axis=(1, 2, 3)) == 0,
        errors=errors,
        unlike=None if errors is None or bound is None else errors > bound,
    )


def verdicts_on(
    model: Model, given: Given, *, above: float | None = None, invert: str = "auto", centre: str = "auto"
) -> Verdicts:
    """Which of what was given `model`, whose network has an `odd_threshold`, tells as odd.

    Args:
        model: the anomaly detector.
        given: images, all of them or a piece.
        above: the threshold; the model's own where it is None.
        invert: see `made_ready`.
        centre: see there.
    """
    own = model.network.odd_threshold
    assert own is not None
    ready = made_ready(model, given, invert, centre)
    scores = model.odd_scores(ready.images)
    return Verdicts(
        given=given,
        ready=ready,
        scores=scores,
        odd=scores > (own if above is None else above),
        blank=np.ptp(ready.images, axis=(1, 2, 3)) == 0,
        errors=model.errors(ready.images),
    )
