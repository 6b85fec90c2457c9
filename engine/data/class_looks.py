"""What the classes of a set look like: counts, range and mean image of each, and whether some are mixed up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.alike import smaller
from engine.data.by_hand import NOTHING
from engine.data.cache import load
from engine.data.datasets import MNIST_IMAGES_DIGEST, ImageData, ImageSet

MEAN_OF = 2000
"""Images of a class that its mean is taken of."""
LEAST = 5
"""Images of a class in each part, below which a mean says nothing."""
LIKE = 0.15
"""By how much more means must be alike, as a correlation, once rows and columns are exchanged."""
APART = 0.01
"""How far apart two means of one class must be, in 1 - correlation, to be of two."""
SHOWN = 12
"""Pictures that stand for a finding on whole classes."""
_DIGITS = tuple("0123456789")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ClassLook:
    """What one class looks like, or a set without any."""

    label: int | None
    training: int  # images, those to validate by not among them
    validation: int
    test: int
    darkest: int | None  # of the pixels of its training images, those to validate by among them; None without any
    brightest: int | None
    mean: NDArray[np.uint8]  # the mean of those, shape (height, width, channels); black without any


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedUp:
    """Classes that were exchanged, and images on their side."""

    exchanged: tuple[tuple[int, int], ...] = ()  # labels: of the test images, and of the training images like them
    test_on_side: bool = False
    digits_on_side: bool = False
    places: tuple[int, ...] = ()  # pictures that show it: see `Check`


def class_looks(data: ImageData, least: NDArray[np.uint8], most: NDArray[np.uint8]) -> tuple[ClassLook, ...]:
    """Every class that has an image; one look at all where there are no classes.

    Args:
        data: the set.
        least: the smallest pixel of each of its pictures, training images first.
        most: the largest.
    """
    first = len(data.train) - data.validation
    found = []
    for label in range(data.classes) if data.train.labels is not None else (None,):
        train = _of(data.train, label)
        test = (
            0 if data.test is None or (label is not None and data.test.labels is None) else len(_of(data.test, label))
        )
        if not len(train) and not test:
            continue
        some = data.train.take(train[:: max(len(train) // MEAN_OF, 1)]) if len(train) else data.train.images[:0]
        found.append(
            ClassLook(
                label=label, training=int((train < first).sum()), validation=int((train >= first).sum()), test=test,
                darkest=int(least[train].min()) if len(train) else None,
                brightest=int(most[train].max()) if len(train) else None,
                mean=np.rint(some.mean(0, dtype=np.float64)).astype(np.uint8) if len(some)
                else np.zeros(data.shape, np.uint8),
            )
        )  # fmt: skip
    return tuple(found)


def mixed_up(data: ImageData) -> MixedUp:
    """Compare the mean images of classes in both parts, and of digits with MNIST's."""
    height, width, _ = data.shape
    train = _means(data.train, data.classes)
    test = {} if data.test is None else _means(data.test, data.classes)
    both = [label for label in train if label in test]
    square = height == width
    test_on_side = square and bool(both) and _on_side([(test[one], train[one]) for one in both])
    exchanged = () if test_on_side else _exchanged(train, test, both)
    digits_on_side = False
    if (
        square
        and len(train) >= LEAST
        and all(data.class_names[label] in _DIGITS for label in train if label is not None)
    ):
        digits_on_side = (
            data.images_digest != MNIST_IMAGES_DIGEST
            and None not in train
            and _on_side(
                [
                    (mean, _digit(int(data.class_names[label]), height))
                    for label, mean in train.items()
                    if label is not None
                ]
            )
        )
    places: tuple[int, ...] = ()
    if exchanged or test_on_side:
        pairs: Sequence[tuple[int | None, int | None]] = exchanged or [(label, label) for label in both]
        first = len(data.train)
        places = tuple(
            place
            for one, other in pairs[:SHOWN]
            for place in (first + int(_of_test(data, one)[0]), int(_of(data.train, other)[0]))
        )
    elif digits_on_side:
        places = tuple(int(_of(data.train, label)[0]) for label in list(train)[:SHOWN])
    return MixedUp(exchanged=exchanged, test_on_side=test_on_side, digits_on_side=digits_on_side, places=places)


def _exchanged(
    train: dict[int | None, NDArray[np.float32]], test: dict[int | None, NDArray[np.float32]], both: list[int | None]
) -> tuple[tuple[int, int], ...]:
    """Classes whose test images are nearer to the training images of another than half as far as to their own."""
    if None in both or len(both) < 2:
        return ()
    apart = np.array([[1 - float((test[one] * train[other]).sum()) for other in both] for one in both])
    own, nearest = apart.diagonal(), apart.argmin(1)
    found = [
        (int(both[one] or 0), int(both[other] or 0))
        for one, other in enumerate(nearest.tolist())
        if other != one and own[one] > APART and apart[one, other] < own[one] / 2
    ]
    return tuple(found)


def _on_side(pairs: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> bool:
    """Whether the first of each pair is more like the second once rows and columns are exchanged."""
    as_they_are = np.array([float((one * other).sum()) for one, other in pairs])
    exchanged = np.array([float((one.T * other).sum()) for one, other in pairs])
    if abs(exchanged.mean()) > abs(as_they_are.mean()) and exchanged.mean() < 0:  # dark on light beside light on dark
        as_they_are, exchanged = -as_they_are, -exchanged
    return bool(exchanged.mean() - as_they_are.mean() > LIKE and exchanged.mean() > 2 * LIKE)


def _means(images: ImageSet, classes: int) -> dict[int | None, NDArray[np.float32]]:
    """The mean of each class with enough images, brightness alone, with the mean 0 and the length 1."""
    found: dict[int | None, NDArray[np.float32]] = {}
    for label in range(classes) if images.labels is not None else (None,):
        places = _of(images, label)
        if len(places) >= LEAST:
            mean = smaller(images.take(places[:: max(len(places) // MEAN_OF, 1)])).mean(0)
            if (normed := _normed(mean)) is not None:
                found[label] = normed
    return found


def _normed(mean: NDArray[np.float32]) -> NDArray[np.float32] | None:
    centred = mean - mean.mean()
    length = float(np.linalg.norm(centred))
    return None if length < 1e-3 else (centred / length).astype(np.float32)


def _digit(digit: int, side: int) -> NDArray[np.float32]:
    """The mean of MNIST's images of a digit, of that size."""
    images = load(by_hand=NOTHING).train
    mean = images.take(_of(images, digit)[:MEAN_OF]).mean((0, 3), dtype=np.float32)
    side = side // max(side // 64, 1)
    scaled = np.asarray(Image.fromarray(mean).resize((side, side), Image.Resampling.BICUBIC))
    found = _normed(scaled)
    assert found is not None
    return found


def _of(images: ImageSet, label: int | None) -> NDArray[np.int64]:
    if label is None or images.labels is None:
        return np.arange(len(images))
    return np.flatnonzero(images.labels == label)


def _of_test(data: ImageData, label: int | None) -> NDArray[np.int64]:
    assert data.test is not None
    return _of(data.test, label)
