"""What a run would come to that has learned nothing, and what to say of one that is no better.

An error of dark images is small, and an accuracy on images of mostly one class is large, whatever was learned. So an
autoencoder is held against the best constant image, and a classifier against always answering the largest class: after
an epoch, and wherever a run ends. Advice names only what is not done already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import words
from engine.evaluation import ClassificationReport, psnr
from engine.remarks import LARGEST_CLASS
from engine.spec import Spec
from engine.words import names_of

CONSTANT_IMAGE = 0.98
"""An error above this part of a constant image's error has learned nothing."""
STEPS_TO_LEARN = 200
"""Fewer steps than this may be too few to learn anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the validation images give without any learning."""

    spec: Spec
    pixels: bool  # whether there are remarks on the pixels, which are to be looked at first
    constant: float | None = None  # of an autoencoder: the best constant image's mean squared error
    largest: Mapping[str, Any] | None = None  # of a classifier: see `largest_class`

    def doubt(self, validation: Mapping[str, Any], steps: int) -> str:
        """A sentence where `validation`, the metrics of an epoch, is no better; else nothing.

        Args:
            steps: so many were taken.
        """
        if self.constant is not None:
            return self.of_error("validation", validation["loss"], self.constant, steps)
        if self.largest is None or validation.get("accuracy") is None or self.largest["accuracy"] == 1:
            return ""
        accuracy, share = validation["accuracy"], self.largest["accuracy"]
        if accuracy > share + 1e-6:  # it was computed in float32
            return ""
        return (
            f"The validation accuracy, {100 * accuracy:.2f} %, is no better than one answer for all images: always "
            f"answering class {self.largest['label']} is right for {100 * share:.2f} %. {self._advice(steps)}"
        )

    def of_error(self, of: str, loss: float, constant: float, steps: int) -> str:
        """A sentence where an autoencoder's error is no better than a constant image's; else nothing.

        Args:
            of: validation or test: which images both errors are of.
        """
        if not loss > CONSTANT_IMAGE * constant > 0:
            return ""
        nothing = "nothing is learned yet" if steps < STEPS_TO_LEARN else "nothing is learned"
        return (
            f"The {of} error, {words.loss(loss)}, is no better than that of the best constant image, "
            f"{words.loss(constant)}: {nothing}. {self._advice(steps)}"
        )

    def _advice(self, steps: int) -> str:
        if self.pixels:
            return "Look at the pixels of the images first."
        ways = ["training for longer"] if steps < STEPS_TO_LEARN else []
        return f"Try {_listed([*ways, 'another learning rate', *_steadying(self.spec)])}."


def steadier(spec: Spec, rate: float) -> str:
    """What may help where the loss was no finite number."""
    return f"try {_listed([f'a learning rate below {rate:g}', *_steadying(spec)[:1]])}"


def _steadying(spec: Spec) -> list[str]:
    """What is off in an autoencoder's spec and makes training steadier."""
    off = {"normalisation": ("none", "batch normalisation"), "residual": (False, "residual connections")}
    return [words for name, (value, words) in off.items() if getattr(spec, name, None) == value]


def _listed(ways: Sequence[str]) -> str:
    return ways[0] if len(ways) == 1 else f"{', '.join(ways[:-1])} or {ways[-1]}"


def constant_figures(validation: float, evaluated: float) -> dict[str, Any]:
    """`constant_image` of a `result.json`: errors of the best constant image, images in [0, 1], and their PSNR in dB.

    `mse` and `psnr` are of the images that the run was evaluated on, `validation_mse` and `validation_psnr` of the
    validation images.
    """
    figures = {"mse": evaluated, "psnr": psnr(evaluated)}
    return {**figures, "validation_mse": validation, "validation_psnr": psnr(validation)}


def largest_class(trained: NDArray[np.uint8], evaluated: NDArray[np.uint8]) -> dict[str, Any]:
    """`largest_class` of a `result.json`: what always answering the class with the most training images comes to.

    Where several have as many, it is the one that does best: no model is to look good beside an unlucky choice.

    Args:
        trained: labels of the images that are trained on.
        evaluated: labels of the images that are measured.

    Returns:
        The class's `label`, and the `accuracy` in [0, 1] of answering it for all.
    """
    counts = np.bincount(trained)
    shares = {int(label): float((evaluated == label).mean()) for label in np.flatnonzero(counts == counts.max())}
    label = max(shares, key=lambda label: shares[label])
    return {"label": label, "accuracy": shares[label]}


def of_answers(of: str, report: ClassificationReport, largest: Mapping[str, Any]) -> list[str]:
    """On a classifier that tells nothing apart, never recognises a class, or answers one that no image has.

    Args:
        of: validation or test: which images were measured.
        largest: see `largest_class`.
    """
    total = report.correct + report.incorrect
    answers = [sum(column) for column in zip(*report.confusion, strict=True)]
    labels = [row.label for row in report.rows if row.label is not None]
    found, never = [], [row.label for row in report.rows if row.support and not row.recall and row.label is not None]
    if sum(row.support > 0 for row in report.rows) > 1:
        share = max(answers) / total
        name = labels[answers.index(max(answers))]
        always = f"always answering class {largest['label']} is right for {100 * largest['accuracy']:.2f} %"
        if share == 1:
            found.append(
                f"The model answers class {name} for all {total:,} {of} images: it tells nothing apart, and {always}."
            )
            never = []
        elif report.accuracy <= largest["accuracy"]:
            nearly = f" The model answers class {name} for {100 * share:.1f} % of them." * (share >= LARGEST_CLASS)
            found.append(
                f"The accuracy on the {of} images, {100 * report.accuracy:.2f} %, is no better than one answer for "
                f"all: {always}.{nearly}"
            )
    if never:
        words, _ = names_of(never)
        are, their = ("is", "its") if len(never) == 1 else ("are", "their")
        found.append(f"{words} {are} never recognised: {their} recall is 0.")
    if absent := [place for place, row in enumerate(report.rows) if not row.support]:
        words, have = names_of([labels[place] for place in absent])
        images = sum(answers[place] for place in absent)
        found.append(
            f"{images:,} {of} {'image was' if images == 1 else 'images were'} taken for {words.lower()}, which {have} "
            f"no {of} image: {'it counts' if len(absent) == 1 else 'they count'} in the averages with 0."
        )
    return found
