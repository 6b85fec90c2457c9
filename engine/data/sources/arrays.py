"""Arrays that are no images yet: which axis is which, what a number means, which label is which class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.sources.checks import MOST_CLASSES
from engine.errors import DatasetError
from engine.storage.paths import shown
from engine.text import excerpt, one_line

_CHANNELS = (1, 3)
_BLOCK = 4096


@dataclass(frozen=True)
class Scaling:
    """How numbers become bytes, the same for every part of a set."""

    factor: float
    offset: float = 0.0
    note: str = ""

    def __call__(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """`values` as bytes; those that are bytes already stay where they are."""
        if values.dtype == np.uint8 and self.factor == 1:
            return values
        found = np.empty(values.shape, np.uint8)
        for start in range(0, len(values), _BLOCK):  # memory for a part of them at a time
            block = values[start : start + _BLOCK].astype(np.float64)
            found[start : start + _BLOCK] = np.rint((block + self.offset) * self.factor)
        return found


def scaling_of(path: Path, arrays: Sequence[NDArray[Any]]) -> Scaling:
    """How the numbers of these images become bytes, told by their type and by the least and the largest of all.

    Raises:
        DatasetError: nobody could know.
    """
    kinds = {array.dtype.kind for array in arrays}
    if not kinds <= set("buif"):
        raise DatasetError(
            f"{shown(path)} holds images of type {excerpt(str(arrays[0].dtype))}; numbers were expected: save them as "
            "bytes, 0 to 255.",
            "data",
        )
    if all(array.dtype == np.uint8 for array in arrays) and any(array.max(initial=0) > 1 for array in arrays):
        return Scaling(1)
    low = min(float(array.min(initial=0)) for array in arrays)
    high = max(float(array.max(initial=0)) for array in arrays)
    said = f"were numbers from {low:.4g} to {high:.4g}"
    if kinds == {"b"}:
        return Scaling(255, note="Pixels were yes or no: they are white and black.")
    if math.isfinite(low) and math.isfinite(high):
        if low >= 0 and high <= 1:
            return Scaling(255, note=f"Pixels {said}: they were multiplied by 255.")
        if low >= -1 and high <= 1 and "f" in kinds:
            return Scaling(127.5, 1, f"Pixels {said}: -1 became 0, and 1 became 255.")
        if low >= 0 and high <= 255:
            return Scaling(1, note=f"Pixels {said}: they were rounded to whole ones." if "f" in kinds else "")
        if low >= 0 and high <= 65_535 and "f" not in kinds:
            return Scaling(1 / 257, note=f"Pixels {said}: 65,535 became 255.")
    raise DatasetError(
        f"{shown(path)} holds pixels from {low:.4g} to {high:.4g}; 0 to 1, -1 to 1, 0 to 255 or whole numbers up to "
        "65,535 were expected: scale them first.",
        "data",
    )


def as_images(path: Path, name: str, array: NDArray[Any], shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """`array` with the axes (n, height, width, channels), its numbers as they are.

    The colours may stand last or first, or be left out where images are grey; a row of pixels becomes a square.

    Args:
        shape: of an image, where rows of pixels are no squares.

    Raises:
        DatasetError: its axes are those of nothing that is known.
    """
    count, *image = array.shape or (0,)
    if len(image) == 1:
        image = list(shape or _square(image[0]))
        if not image or math.prod(image) != array.shape[1]:
            found = f"{count:,} rows of {array.shape[1]:,} numbers"
            if not shape:
                raise _refused(path, name, found, "as many as a square has pixels were expected: say the height and "
                                                  "width as 28x28 (--shape)")  # fmt: skip
            raise _refused(path, name, found, f"{'×'.join(map(str, shape))} pixels were asked for: correct the shape")
        array = array.reshape(count, *image)
    if len(image) == 2:
        return array.reshape(*array.shape, 1)
    if len(image) == 3 and image[2] in _CHANNELS:
        return array
    if len(image) == 3 and image[0] in _CHANNELS:
        return np.moveaxis(array, 1, 3)
    what = f"an array of {'×'.join(f'{side:,}' for side in array.shape) or 'a single number'}"
    raise _refused(path, name, what, "images×height×width, with 1 or 3 colours behind or before these, was expected")


def _square(pixels: int) -> tuple[int, ...]:
    for channels in _CHANNELS:
        side = math.isqrt(pixels // channels)
        if side * side * channels == pixels:
            return (side, side) if channels == 1 else (side, side, 3)
    return ()


def as_labels(path: Path, named: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[np.uint8]], tuple[str, ...]]:
    """Labels of each part as bytes from 0, and the names of the classes where they were no such numbers.

    One-hot rows are the place of the one; words and large numbers become the classes that occur, in order.

    Raises:
        DatasetError: they are no labels of one class each.
    """
    flat = {name: _flat_labels(path, name, array) for name, array in named.items()}
    if not flat:
        return {}, ()
    words = any(array.dtype.kind in "US" for array in flat.values())
    together = np.unique(np.concatenate([array.astype(str) if words else array for array in flat.values()]))
    if len(together) > MOST_CLASSES:
        expected = f"at most {MOST_CLASSES} classes were expected: save a part of them"
        raise _refused(path, next(iter(named)), f"{len(together):,} different labels", expected)
    if not words and together.max(initial=0) < MOST_CLASSES:
        return {name: array.astype(np.uint8) for name, array in flat.items()}, ()
    from engine.data.arrange import natural

    order = np.array(sorted(range(len(together)), key=lambda place: natural(str(together[place]))))
    place = np.empty(len(order), np.uint8)
    place[order] = np.arange(len(order))
    labels = {
        name: place[np.searchsorted(together, array.astype(str) if words else array)] for name, array in flat.items()
    }
    return labels, tuple(one_line(str(together[at])) for at in order)


def has_several(array: NDArray[Any]) -> bool:
    """Whether labels are rows of 0 and 1, not all of which have a single 1: several classes for an image, or none."""
    if array.ndim != 2 or array.shape[1] == 1 or array.dtype.kind not in "bui":
        return False
    return bool(((array == 0) | (array == 1)).all() and not (array.sum(1) == 1).all())


def _flat_labels(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Shape (n,): whole numbers from 0, or text."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "buif":
        if not ((array == 0) | (array == 1)).all() or not (array.sum(1) == 1).all():
            expected = "one class each was expected, as a number or one-hot: choose one of them"
            raise _refused(path, name, f"{array.shape[1]:,} numbers for each image", expected)
        place: NDArray[Any] = array.argmax(1)
        return place
    if array.ndim != 1 or array.dtype.kind not in "buifUS":
        raise _refused(path, name, f"labels of type {excerpt(str(array.dtype))} and {array.ndim} axes",
                       "one number or word for each image was expected")  # fmt: skip
    if array.dtype.kind in "US":
        text = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
        if empty := int((np.char.strip(text) == "").sum()):
            raise _refused(path, name, f"{empty:,} labels that are empty", "a word for each image was expected")
        return text
    whole = array.astype(np.int64) if np.isfinite(array).all() else np.array([-1])
    if (whole < 0).any() or not (whole == array).all():
        raise _refused(path, name, "labels that are no whole numbers from 0", "the number of a class was expected")
    return whole


def _refused(path: Path, name: str, found: str, expected: str) -> DatasetError:
    where = f"“{excerpt(name)}” in {shown(path)}" if name else shown(path)
    return DatasetError(f"{where} has {found}; {expected}.", "data")
