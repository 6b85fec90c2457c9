"""How good a trained model is: reports of classifiers, errors of reconstructions and what to hold them against.

Precision, recall and the rest are scikit-learn's numbers, and the text is its text: nothing here defines
a metric of its own. scikit-learn is imported where it is used, because it takes a second to load.
Images go through in pieces, so that an evaluation needs little memory beside the images themselves.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.aside import aside
from engine.results.result import ClassificationReport, ReportRow
from engine.storage.typed_json import Lines
from engine.text import cell_len, class_name, class_title, shortened

LARGEST_PCA = 4_096
"""Numbers an image may have for `pca_errors`: time and memory grow with their cube and square."""
LONGEST_TITLE = 30
"""Columns of a class's name in scikit-learn's text."""

_NUMBERS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class PcaComparison:
    """What principal components analysis of the latent's size makes of the same images."""

    components: int
    mse: float | None  # per number of an image, images in [0, 1]; None where the note says why
    note: str


def classification_report(
    labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], names: Sequence[str] = ()
) -> ClassificationReport:
    """Precision, recall, F1 and support of each class that occurs, as scikit-learn defines them.

    A class that none of the images has, and that none was taken for, has no row and is left out of the averages:
    labels may have gaps, and nothing can be said of a class without images. A class that images were only taken for
    counts, with a precision of 0.

    The predicted class is the one with the largest probability as it is. (Rounding the
    probabilities first, as is sometimes done, makes all of them 0 where none reaches one half, and so
    sends the digits that the model is unsure of to class 0.) Equal ones go to the lower class. A ratio
    with nothing to divide by, as for a class that is never predicted, is 0.

    Args:
        labels: true classes, shape (n,), integers in [0, classes).
        probabilities: softmax outputs, shape (n, classes), rows sum to 1.
        names: of all classes, by label; none where they are called by their numbers.

    Raises:
        ValueError: there are no images, the two differ in n, a label is out of range or a
            probability is not finite.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not probabilities.size:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} are not (n,) and (n, classes)")
    classes = probabilities.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}, not from 0 to {classes - 1}")
    if not np.isfinite(probabilities).all():
        raise ValueError("a probability is not finite")
    return report_of_answers(labels, probabilities.argmax(axis=1), names)


def report_of_answers(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], names: Sequence[str] = ()
) -> ClassificationReport:
    """The same of the classes that were predicted, shape (n,), n at least 1."""
    from sklearn import metrics

    labels = labels.astype(np.int64)
    found = np.union1d(labels, predicted)
    occurring: list[int] = found.tolist()
    # With every class named, scikit-learn prints its accuracy line, and not "micro avg", whichever occur.
    titles = [class_title(class_name(names, number)) for number in occurring]
    settings: dict[str, Any] = {"labels": occurring, "digits": 2, "zero_division": 0}
    # By number: two classes may have one name, or that of an average.
    values = metrics.classification_report(labels, predicted, output_dict=True, **settings)
    # Counted by hand: scikit-learn writes a warning about a matrix of a single class.
    pairs = np.searchsorted(found, labels) * len(found) + np.searchsorted(found, predicted)
    confusion = np.bincount(pairs, minlength=len(found) ** 2).reshape(len(found), len(found))
    correct = int(confusion.trace())
    return ClassificationReport(
        rows=[_row(title, values[str(number)], number) for title, number in zip(titles, occurring, strict=True)],
        accuracy=float(values["accuracy"]),
        macro=_row("macro avg", values["macro avg"]),
        weighted=_row("weighted avg", values["weighted avg"]),
        text=Lines(_named(partial(metrics.classification_report, labels, predicted, **settings), titles)),
        correct=correct,
        incorrect=len(labels) - correct,
        confusion=confusion.tolist(),
    )


def _named(report: Callable[..., str], titles: Sequence[str]) -> str:
    """scikit-learn's text, with names in it that take so many columns as they do: it counts characters."""
    shown = [shortened(title, LONGEST_TITLE) for title in titles]
    stand_ins = ["#" * cell_len(title) for title in shown]
    lines = report(target_names=stand_ins).split("\n")
    for row, (stand_in, title) in enumerate(
        zip(stand_ins, shown, strict=True), start=2
    ):  # after heads and a blank line
        lines[row] = lines[row].replace(stand_in, title, 1)
    return "\n".join(lines)


def _row(name: str, values: dict[str, float], label: int | None = None) -> ReportRow:
    precision, recall, f1 = (float(values[key]) for key in ("precision", "recall", "f1-score"))
    return ReportRow(name=name, precision=precision, recall=recall, f1=f1, support=int(values["support"]), label=label)


def constant_image_errors(train_images: NDArray[np.uint8], sets: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Mean squared errors, images in [0, 1], of answering every image with the mean training image.

    No constant image has a smaller error on the training images: a model above that has not learned.

    Args:
        train_images: shape (n, …), uint8, n at least 1; a sample of some thousands says enough.
        sets: what it is judged by, each of shape (m, …), uint8, m at least 1.

    Raises:
        ValueError: no images, of another type or of two shapes.
    """
    for images in (train_images, *sets):
        _check_images(images)
        if images.shape[1:] != train_images.shape[1:]:
            raise ValueError(f"images {images.shape} cannot be answered with one of {train_images.shape}")
    sums, _ = _sums(train_images)
    mean = sums / len(train_images)
    errors = []
    for images in sets:
        sums, squares = _sums(images)
        # The sums are exact, so that the difference of two large numbers is no danger in float64.
        spread = (squares / len(images) - 2 * mean * (sums / len(images)) + np.square(mean)).mean() / 255**2
        errors.append(max(float(spread), 0.0))
    return errors


def _sums(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each number of an image, shape (p,): its sum over the images, and that of its squares."""
    sums = np.zeros(images[0].size, np.int64)
    squares = np.zeros_like(sums)
    for part in _parts(images):
        numbers = images[part].reshape(-1, sums.size).astype(np.int32)
        sums += numbers.sum(axis=0, dtype=np.int64)
        squares += np.square(numbers).sum(axis=0, dtype=np.int64)
    return sums, squares


def pca_errors(
    train_images: NDArray[np.uint8],
    sets: Sequence[NDArray[np.uint8]],
    components: int,
    before_each_part: Callable[[], None] = lambda: None,
    seen: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> list[PcaComparison]:
    """Mean squared errors of the best linear autoencoder: PCA with as many components as the latent has numbers.

    Args:
        train_images: what PCA is fitted on, once, shape (n, height, width, channels), uint8.
        sets: what it is judged by, each of shape (m, height, width, channels), uint8.
        components: at least 1.
        before_each_part: is called before each piece of the work, ten times a second; what it raises ends that.
        seen: what PCA is given in place of images, with noise for instance; it is to give back the images themselves.

    Raises:
        ValueError: no images, of another type or of two shapes, or less than one component.
    """
    for images in (train_images, *sets):
        _check_images(images)
        if train_images.shape[1:] != images.shape[1:] or components < 1:
            raise ValueError(f"{components} components of {train_images.shape} cannot be judged by {images.shape}")
    numbers = train_images[0].size
    note = ""
    if components >= numbers:
        note = "overcomplete: PCA would be exact" if seen is None else "overcomplete: PCA would change nothing"
    elif numbers > LARGEST_PCA:
        note = f"not computed: more than {LARGEST_PCA:,} numbers an image"
    elif components >= len(train_images):
        # n images span n - 1 directions about their mean; any more would be noise of the arithmetic.
        note = "not computed: it needs more training images than components"
    if note:
        return [PcaComparison(components, None, note) for _ in sets]
    mean, covariance = _moments(train_images, before_each_part)
    directions = _eigenvectors(covariance, before_each_part)[:, -components:].astype(np.float32)
    return [
        PcaComparison(components, _pca_error(images, mean, directions, before_each_part, seen), "") for images in sets
    ]


def pca_rebuilt(
    train_images: NDArray[np.uint8],
    images: NDArray[np.uint8],
    components: int,
    before_each_part: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """What PCA, fitted on `train_images`, makes of `images`: as shown, shape and type those of `images`.

    The arguments are those of `pca_errors`; there have to be fewer components than numbers in an image.
    """
    mean, covariance = _moments(train_images, before_each_part)
    directions = _eigenvectors(covariance, before_each_part)[:, -components:].astype(np.float32)
    centred = images.reshape(len(images), -1).astype(np.float32) / np.float32(255) - mean
    rebuilt = (centred @ directions) @ directions.T + mean
    pixels: NDArray[np.uint8] = np.rint(rebuilt.clip(0, 1) * 255).astype(np.uint8).reshape(images.shape)
    return pixels


def _eigenvectors(covariance: NDArray[np.float64], meanwhile: Callable[[], None]) -> NDArray[np.float64]:
    """For large images they take many seconds, in one piece that nothing can end."""
    vectors: NDArray[np.float64] = aside(lambda: np.linalg.eigh(covariance), meanwhile)[1]
    return vectors


def _pca_error(
    images: NDArray[np.uint8],
    mean: NDArray[np.float32],
    directions: NDArray[np.float32],
    before_each_part: Callable[[], None],
    seen: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None,
) -> float:
    total = 0.0
    for part in _parts(images):
        before_each_part()
        centred = images[part].reshape(-1, mean.size).astype(np.float32) / np.float32(255) - mean
        given = centred
        if seen is not None:
            given = seen(images[part]).reshape(-1, mean.size).astype(np.float32) / np.float32(255) - mean
        centred -= (given @ directions) @ directions.T
        total += float(np.square(centred).sum(dtype=np.float64))
    return total / images.size


def _moments(
    images: NDArray[np.uint8], before_each_part: Callable[[], None]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Mean, shape (p,), and covariance, shape (p, p), of images in [0, 1] with p numbers each.

    By hand, because scikit-learn's PCA wants all images as floats at once: four times the memory of
    the set, or more. 1,024 images a time, less 128, have sums of products up to 2**24, which
    float32 holds exactly: the result is the same for any number of threads.
    """
    numbers = images[0].size
    sums = np.zeros(numbers)
    products = np.zeros((numbers, numbers))
    for start in range(0, len(images), 1024):
        before_each_part()
        values = images[start : start + 1024].reshape(-1, numbers).astype(np.float32) - np.float32(128)
        sums += values.sum(axis=0, dtype=np.float64)
        products += values.T @ values
    mean = sums / len(images)
    products /= len(images)
    products -= np.outer(mean, mean)
    products /= 255**2
    return ((mean + 128) / 255).astype(np.float32), products


def _check_images(images: NDArray[np.uint8]) -> None:
    if images.dtype != np.uint8 or not images.size:
        raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 and at least one")


def _parts(images: NDArray[Any]) -> Iterator[slice]:
    """Slices that cover all images, some 4 million numbers each."""
    step = max(_NUMBERS_AT_ONCE // max(math.prod(images.shape[1:]), 1), 1)
    for start in range(0, len(images), step):
        yield slice(start, start + step)
