"""How sure a model that tells classes apart is, and whether it is right as often as it is sure.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017: reliability diagrams, the expected
calibration error over 15 bins of equal width, and one temperature, found on validation images, by which all logits are
divided. It changes how sure answers are and no answer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.results.calibration import Bin, Calibration, Covered, Reliability

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

BINS = 15
RIGHT = 0.99
"""The share of the answers that are not told as unsure which is to be right, of the validation images."""
WANTED = (0.999, 0.995, 0.99)
"""Accuracies for which it is told how many images can be answered."""
STEPS = 20
"""Of the curve of accuracy over the share of the images that is answered."""
FEWEST, FEWEST_WRONG = 50, 5
"""Validation images, and wrong answers among them, with fewer of which a temperature would say little."""
LOWEST, HIGHEST = 0.05, 20.0
"""The temperatures that are tried."""


def reliability(probabilities: Array, labels: Labels) -> Reliability:
    """How often answers are right, by how sure they are.

    Args:
        probabilities: shape (n, classes), rows sum to 1; n at least 1.
        labels: the true classes, shape (n,).
    """
    confidence = np.minimum(probabilities.max(1).astype(np.float64), 1.0)  # 32 bits may be a little above 1
    right = probabilities.argmax(1) == labels
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)  # (0, 1/15], (1/15, 2/15] …
    images = np.bincount(place, minlength=BINS)
    known = np.maximum(images, 1)
    sure = np.bincount(place, confidence, BINS) / known
    hit = np.bincount(place, right.astype(np.float64), BINS) / known
    ece = float((images * np.abs(hit - sure)).sum() / len(labels))
    rows = zip(images.tolist(), sure.tolist(), hit.tolist(), strict=True)
    return Reliability(ece=ece, bins=[Bin(images=n, confidence=c, accuracy=a) for n, c, a in rows])


def tempered(probabilities: Array, temperature: float | None) -> NDArray[np.float32]:
    """The probabilities that dividing the logits by a temperature makes of these, shape (n, classes)."""
    if temperature is None:
        return probabilities.astype(np.float32)
    # Zeros stay zeros, and the largest is 1 before the rest is held against it: nothing runs over.
    scaled = (probabilities / probabilities.max(1, keepdims=True)).astype(np.float64) ** (1 / temperature)
    found: NDArray[np.float32] = (scaled / scaled.sum(1, keepdims=True)).astype(np.float32)
    answers = probabilities.argmax(1)
    rounded = np.flatnonzero(found.argmax(1) != answers)  # two that were nearly equal are equal now
    found[rounded, answers[rounded]] = np.nextafter(found[rounded].max(1), np.float32(1))
    return found


def find_temperature(log_probabilities: Array, labels: Labels) -> float | None:
    """The temperature of the lowest cross-entropy; None where too few images, or wrong answers, say what it should be.

    Args:
        log_probabilities: of validation images, shape (n, classes).
        labels: their classes, shape (n,).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    wrong = int((log_probabilities.argmax(1) != labels).sum())
    if len(labels) < FEWEST or wrong < FEWEST_WRONG:
        return None
    rows, logs = np.arange(len(labels)), log_probabilities.astype(np.float64)

    def cross_entropy(power: float) -> float:
        scaled = logs / np.exp(power)
        return float((logsumexp(scaled, 1) - scaled[rows, labels]).mean())

    bounds = float(np.log(LOWEST)), float(np.log(HIGHEST))
    found = minimize_scalar(cross_entropy, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x)) if np.isfinite(found.fun) else None


def threshold_for(probabilities: Array, labels: Labels, wanted: float) -> float:
    """The lowest threshold at which `wanted` of the answers that reach it are right; above 1 where there is none.

    Args:
        probabilities: shape (n, classes), rows sum to 1.
        labels: the true classes, shape (n,).
        wanted: a share in [0, 1].
    """
    sure = probabilities.max(1)
    order = np.argsort(-sure, kind="stable")
    right = np.cumsum(probabilities.argmax(1)[order] == labels[order])
    answered = np.arange(1, len(order) + 1)
    last = np.append(sure[order][1:] != sure[order][:-1], True)  # equal ones are answered together
    enough = np.flatnonzero(last & (right >= wanted * answered))
    return float(sure[order][enough[-1]]) if len(enough) else 1.01


def calibration(
    probabilities: Array,
    labels: Labels,
    *,
    temperature: float | None = None,
    fitted_on: int = 0,
    own_threshold: float | None = None,
) -> Calibration:
    """All that is told of how sure a model is on these images.

    Args:
        probabilities: as they are, shape (n, classes), rows sum to 1; n at least 1.
        labels: the true classes, shape (n,).
        temperature: found on validation images; None where there is none.
        fitted_on: validation images.
        own_threshold: below which an answer is told as unsure, of tempered probabilities.
    """
    told = tempered(probabilities, temperature)
    sure, right = told.max(1), told.argmax(1) == labels
    order = np.argsort(-sure, kind="stable")
    hits = np.cumsum(right[order])
    ends = np.maximum(np.arange(1, STEPS + 1) * len(labels) // STEPS, 1)
    covered = []
    for wanted in WANTED:
        threshold = threshold_for(told, labels, wanted)
        covered.append(Covered(accuracy=wanted, share=float((sure >= threshold).mean()), threshold=threshold))
    above = np.zeros(len(labels), bool) if own_threshold is None else sure >= own_threshold
    return Calibration(
        temperature=temperature,
        fitted_on=fitted_on,
        raw=reliability(probabilities, labels),
        tempered=None if temperature is None else reliability(told, labels),
        curve=(hits[ends - 1] / ends).tolist(),
        covered=covered,
        own_threshold=own_threshold,
        answered=float(above.mean()),
        answered_accuracy=float(right[above].mean()) if above.any() else None,
    )
