"""How well scores tell odd images from normal ones, and where the line between them is drawn.

The figures are scikit-learn's: nothing here defines a metric of its own. An odd image is what is looked for, so it
counts as positive: recall is the share of the odd images that are found, precision the share of those told as odd that
are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Scores = NDArray[np.float32]
"""Shape (n,); the higher, the odder."""
MOST_KNOWN = 20_000
"""Training images that others are compared with: of more, so many are taken evenly."""
PIXELS_SIDE = 32
"""Pixels are compared at this height and width at most: larger images are averaged down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What telling images as odd whose score is above a threshold comes to; shares in [0, 1]."""

    threshold: float
    found: int  # odd images above it
    missed: int  # odd images that are not
    wrongly: int  # normal images above it
    passed: int  # normal images that are not

    @property
    def precision(self) -> float:
        """The share of those told as odd that are; 0 where none is told."""
        return self.found / max(self.found + self.wrongly, 1)

    @property
    def recall(self) -> float:
        """The share of the odd ones that are told."""
        return self.found / max(self.found + self.missed, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.found / max(2 * self.found + self.wrongly + self.missed, 1)

    @property
    def false_alarms(self) -> float:
        """The share of the normal ones that are told as odd."""
        return self.wrongly / max(self.wrongly + self.passed, 1)


def at_threshold(scores: Scores, odd: NDArray[np.bool_], threshold: float) -> AtThreshold:
    """What a threshold comes to on images of which it is known whether they are `odd`, shape (n,)."""
    told = scores > threshold
    return AtThreshold(
        threshold=threshold,
        found=int((told & odd).sum()),
        missed=int((~told & odd).sum()),
        wrongly=int((told & ~odd).sum()),
        passed=int((~told & ~odd).sum()),
    )


def ranked(scores: Scores, odd: NDArray[np.bool_]) -> tuple[float, float]:
    """Area under the receiver operating characteristic, and average precision, in [0, 1].

    Raises:
        ValueError: all images are odd, or none is.
    """
    if odd.all() or not odd.any():
        raise ValueError("images of both sides are needed")
    from sklearn.metrics import average_precision_score, roc_auc_score

    # Sums of shares may end a hair below 1 where every odd image comes first.
    return round(float(roc_auc_score(odd, scores)), 10), round(float(average_precision_score(odd, scores)), 10)


def best_f1(scores: Scores, odd: NDArray[np.bool_]) -> float:
    """The threshold with the highest F1, in the middle between the scores that it parts; the lowest of equal ones.

    Both sides count alike, however many images each has: where nearly all held-back images are odd, as with one class
    against the rest, F1 as it is would be highest where nearly everything is told as odd.

    Raises:
        ValueError: none of the images is odd, or all are.
    """
    if odd.all() or not odd.any():
        raise ValueError("images of both sides are needed")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    found = np.cumsum(odd[order]) / odd.sum()
    wrongly = np.cumsum(~odd[order]) / (~odd).sum()
    ends = np.append(ordered[1:] != ordered[:-1], True)  # equal scores are told together
    f1 = np.where(ends, 2 * found / (found + wrongly + 1), -1.0)
    place = len(f1) - 1 - int(f1[::-1].argmax())
    if place + 1 == len(ordered):
        return float(np.nextafter(ordered[-1], np.float32(-np.inf)))
    return float((float(ordered[place]) + float(ordered[place + 1])) / 2)


def usual(scores: Scores, share: float) -> float:
    """The threshold that this share of the normal images, whose scores these are, stays at or below."""
    return float(np.quantile(scores.astype(np.float64), share, method="higher"))


def odd_among(labels: NDArray[np.integer], normal: Sequence[int]) -> NDArray[np.bool_]:
    """Which images are odd, by their labels (n,) and those of the normal classes."""
    return ~np.isin(labels, np.array(normal, np.int64))


def pixels_of(images: Tensor) -> Tensor:
    """Images (n, channels, height, width) as numbers to take distances between, averaged down to `PIXELS_SIDE`."""
    height, width = images.shape[2:]
    if max(height, width) > PIXELS_SIDE:
        images = functional.adaptive_avg_pool2d(images, (min(height, PIXELS_SIDE), min(width, PIXELS_SIDE)))
    return images.flatten(1)


def joined(parts: Sequence[Tensor]) -> Scores:
    """Scores that came in pieces, as one array."""
    found: Scores = torch.cat([part.float().cpu() for part in parts]).numpy()
    return found
