"""A model measured on other images than its run was: by the same figures, and nothing is chosen by them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet
from engine.errors import DatasetError
from engine.evaluation.given import at_once, labels_for
from engine.evaluation.model import Model, Told
from engine.evaluation.predictions import (
    PcaComparison,
    constant_image_errors,
    pca_errors,
    report_of_answers,
)
from engine.results.result import ClassificationReport
from engine.text import counted, shortened

NAMES_TOLD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the answers of a classifier came to."""

    images: int
    report: ClassificationReport
    loss: float  # the mean negative logarithm of the true class's probability
    missing: tuple[str, ...]  # classes of the model that none of the images shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What the reconstructions of an autoencoder came to; errors are mean squared ones, images in [0, 1]."""

    images: int
    mse: float
    by_class: tuple[tuple[str, int, float], ...]  # name, images, error; where the set has classes
    unlike: int | None  # images above the error of 99 % of the model's own validation images
    constant: float | None = None  # of the mean training image
    pca: PcaComparison | None = None


def measured_answers(model: Model, data: ImageData, parts: Sequence[tuple[str, ImageSet]], told: Told) -> Answered:
    """Measure a classifier on parts of a set. Classes are matched by name.

    Raises:
        DatasetError: it is not known what the images show, or they show what the model does not know.
    """
    for _, images in parts:
        if images.labels is None:
            raise DatasetError(
                f"{data.name} has no classes, so that answers cannot be held against anything: `cae-tui predict` tells "
                "them. To measure a classifier, sort the pictures into a folder for each class."
            )
    known = set(model.class_names)
    shown = {data.class_names[label]: None for _, images in parts for label in images.occurring}
    if unknown := [name for name in shown if name not in known]:
        raise DatasetError(
            f"{data.name} has {'a class' if len(unknown) == 1 else 'classes'} that {model.name} does not know: "
            f"{_listed(unknown)}. It knows {_listed(model.class_names)}: classes are matched by name, so rename "
            "them, or leave them out."
        )
    count = sum(len(images) for _, images in parts)
    labels: list[NDArray[np.int64]] = []
    predicted: list[NDArray[np.int64]] = []
    loss = 0.0
    for _, images in parts:
        true = labels_for(model, data, images)
        assert true is not None
        for rows in _rows(model, images):
            told(sum(map(len, labels)), count)
            probabilities = model.probabilities(images.images[rows])
            right = np.take_along_axis(probabilities, true[rows, None], axis=1)
            loss -= float(np.log(np.maximum(right, np.finfo(np.float32).tiny), dtype=np.float64).sum())
            labels.append(true[rows])
            predicted.append(probabilities.argmax(1))
    return Answered(
        images=count,
        report=report_of_answers(np.concatenate(labels), np.concatenate(predicted), model.class_names),
        loss=loss / count,
        missing=tuple(name for name in model.class_names if name not in shown),
    )


def measured_errors(model: Model, data: ImageData, parts: Sequence[tuple[str, ImageSet]], told: Told) -> Rebuilt:
    """Measure what rebuilds images on parts of a set."""
    count = sum(len(images) for _, images in parts)
    errors: list[NDArray[np.float32]] = []
    for _, images in parts:
        for rows in _rows(model, images):
            told(sum(map(len, errors)), count)
            errors.append(model.errors(images.images[rows]))
    found = np.concatenate(errors)
    by_class = []
    if all(images.labels is not None for _, images in parts):
        labels = np.concatenate([images.labels for _, images in parts if images.labels is not None])
        for label in np.unique(labels).tolist():
            own = found[labels == label]
            by_class.append((data.class_names[label], len(own), float(own.mean(dtype=np.float64))))
    bound = model.facts.unlike_above
    return Rebuilt(
        images=count,
        mse=float(found.mean(dtype=np.float64)),
        by_class=tuple(by_class),
        unlike=None if bound is None else int((found > bound).sum()),
    )


def without_learning(
    model: Model, training: NDArray[np.uint8], parts: Sequence[tuple[str, ImageSet]], meanwhile: Callable[[], None]
) -> tuple[float, PcaComparison]:
    """What the mean training image and PCA of the latent's size come to on parts of a set, both fitted on `training`.

    Args:
        model: what they are compared with.
        training: the images that it learned from, shape (n, height, width, channels).
        parts: what is measured.
        meanwhile: is called now and then; what it raises ends the work.
    """
    sets = [images.images for _, images in parts]
    weights = [len(images) for images in sets]
    constant = float(np.average(constant_image_errors(training, sets), weights=weights))
    each = pca_errors(training, sets, model.network.plan.latent, meanwhile)
    errors = [one.mse for one in each if one.mse is not None]
    mse = float(np.average(errors, weights=weights)) if len(errors) == len(each) else None
    return constant, PcaComparison(each[0].components, mse, each[0].note)


def _rows(model: Model, images: ImageSet) -> list[slice]:
    each = at_once(model)
    return [slice(start, min(start + each, len(images))) for start in range(0, len(images), each)]


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(shortened(name, 20) for name in names[:NAMES_TOLD])
    return f"{told} and {counted(len(names) - NAMES_TOLD, 'other')}" if len(names) > NAMES_TOLD else told
