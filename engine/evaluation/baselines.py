"""What a run would come to that has learned nothing, and what to say of one that is no better.

An error of dark images is small, and an accuracy on images of mostly one class is large, whatever was learned. So an
autoencoder is held against the best constant image, and a classifier against always answering the largest class: after
an epoch, and wherever a run ends. Advice names only what is not done already.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data.remarks import LARGEST_CLASS
from engine.results.autoencoder import BothErrors, ConstantImage
from engine.results.classifier import LargestClass
from engine.results.result import ClassificationReport
from engine.specs.measures import psnr
from engine.text import class_words, names_of


def both_errors(validation: float, evaluated: float) -> BothErrors:
    """Errors of validation images and of those that a run was evaluated on, images in [0, 1], with their PSNR in dB."""
    return BothErrors(mse=evaluated, psnr=psnr(evaluated), validation_mse=validation, validation_psnr=psnr(validation))


def constant_figures(validation: float, evaluated: float) -> ConstantImage:
    """Those of the best constant image."""
    return ConstantImage(
        mse=evaluated, psnr=psnr(evaluated), validation_mse=validation, validation_psnr=psnr(validation)
    )


def largest_class(trained: NDArray[np.uint8], evaluated: NDArray[np.uint8], names: Sequence[str] = ()) -> LargestClass:
    """What always answering the class with the most training images comes to, as a share in [0, 1] of all answers.

    Where several have as many, it is the one that does best: no model is to look good beside an unlucky choice.

    Args:
        trained: labels of the images that are trained on.
        evaluated: labels of the images that are measured.
        names: of all classes, by label; none where they are called by their numbers.
    """
    counts = np.bincount(trained)
    shares = {int(label): float((evaluated == label).mean()) for label in np.flatnonzero(counts == counts.max())}
    label = max(shares, key=lambda label: shares[label])
    return LargestClass(label=label, name=class_words(names, label), accuracy=shares[label])


def of_answers(of: str, report: ClassificationReport, largest: LargestClass, names: Sequence[str] = ()) -> list[str]:
    """On a classifier that tells nothing apart, never recognises a class, or answers one that no image has.

    Args:
        of: validation or test: which images were measured.
        largest: see `largest_class`.
        names: as there.
    """
    total = report.correct + report.incorrect
    answers = [sum(column) for column in zip(*report.confusion, strict=True)]
    labels = [row.label for row in report.rows if row.label is not None]
    found, never = [], [row.label for row in report.rows if row.support and not row.recall and row.label is not None]
    if sum(row.support > 0 for row in report.rows) > 1:
        share = max(answers) / total
        name = class_words(names, labels[answers.index(max(answers))])
        always = f"always answering class {largest.name} is right for {100 * largest.accuracy:.2f} %"
        if share == 1:
            found.append(
                f"The model answers class {name} for all {total:,} {of} images: it tells nothing apart, and {always}."
            )
            never = []
        elif report.accuracy <= largest.accuracy:
            nearly = f" The model answers class {name} for {100 * share:.1f} % of them." * (share >= LARGEST_CLASS)
            found.append(
                f"The accuracy on the {of} images, {100 * report.accuracy:.2f} %, is no better than one answer for "
                f"all: {always}.{nearly}"
            )
    if never:
        words, _ = names_of(never, names)
        are, their = ("is", "its") if len(never) == 1 else ("are", "their")
        found.append(f"{words} {are} never recognised: {their} recall is 0.")
    if absent := [place for place, row in enumerate(report.rows) if not row.support]:
        words, have = names_of([labels[place] for place in absent], names)
        images = sum(answers[place] for place in absent)
        found.append(
            f"{images:,} {of} {'image was' if images == 1 else 'images were'} taken for {words[0].lower()}{words[1:]}, "
            f"which {have} no {of} image: {'it counts' if len(absent) == 1 else 'they count'} in the averages with 0."
        )
    return found
