"""Arrays that a program hands over: what their numbers mean, which axis is which, and how a run finds them again.

The engine knows images as bytes, (n, height, width, channels). What is not clearly that is refused in a sentence:
floats from 0 to 255 and bytes from 0 to 1 are mistakes far more often than dark images.
"""

import hashlib
import inspect
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.data.sources.arrays import Scaling
from engine.evaluation.model import Images
from engine.network.architecture import Shape
from engine.specs.preprocessing import LARGEST_SIDE, SMALLEST_SIDE
from engine.storage.files import make_folder_of, written_whole
from engine.text import counted, excerpt

ARRAYS = "arrays"
"""The folder of a home that has the arrays which runs were trained on."""
Places: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path or several."""
NEARLY_BLACK = 16
"""Whole numbers that are no larger are far more often images of another scale, as scikit-learn's digits, than dark."""
_NEARLY = 1e-6
"""What arithmetic may leave of a float above 1 or below 0."""
_LABELS = "buifU"
"""Numbers and text, as numpy calls them."""


def is_places(given: object) -> bool:
    """Whether paths are given, and not images.

    Raises:
        ValueError: it is a list of paths and other things.
    """
    if isinstance(given, str | os.PathLike):
        return True
    if not isinstance(given, list | tuple) or not any(isinstance(one, str | os.PathLike) for one in given):
        return False
    other = [one for one in given if not isinstance(one, str | os.PathLike)]
    if other:
        raise ValueError(
            f"Among the paths is something of type {excerpt(type(other[0]).__name__)}; paths alone, or images alone, "
            "were expected."
        )
    return True


def as_field(value: object) -> object:
    """A value of a spec's field as a person types it: numpy's numbers, as searches hand them over, and paths."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def as_images(given: ArrayLike, image: Shape | None = None, *, told: bool = False) -> Images:
    """Images as the engine has them; a warning says where all are nearly black.

    Args:
        given: whole numbers 0 to 255 or floats 0 to 1; shape (n, height, width), (n, height, width, channels), or one
            image where `image` says what shape that has.
        image: height, width and channels that are expected; any where it is None.
        told: whether nearly black ones were told of before, so that no warning comes.

    Raises:
        ValueError: in a sentence, with what was found and what was expected.
    """
    array = _shaped(_as_array(given), image)
    images = as_bytes(array)
    if not told and array.dtype.kind in "ui" and 0 < (high := int(array.max())) <= NEARLY_BLACK:
        warnings.warn(
            f"Pixels are whole numbers from {array.min()} to {high}, nearly black where 255 is white: if {high} is "
            f"white, divide them by {high}, for floats from 0 to 1.",
            stacklevel=_levels_to_caller(),
        )
    return images


def _levels_to_caller() -> int:
    """How many levels above our caller the code is that called this package: a warning is shown there."""
    frame, levels = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("cae_tui.api"):
        frame, levels = frame.f_back, levels + 1
    return levels


def _as_array(given: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError:  # rows of different lengths
        raise ValueError("The images have different sizes: bring them to one, or give their paths.") from None


def _shaped(array: NDArray[Any], image: Shape | None) -> NDArray[Any]:
    if image is not None and array.shape in ((image,) if image[2] > 1 else (image, image[:2])):
        array = array[None]
    found = array[..., None] if array.ndim == 3 else array
    wanted = "images×height×width" if image is None else " or ".join(map(_words, _wanted(image)))
    if found.ndim != 4 or (image is not None and found.shape[1:] != image):
        raise ValueError(f"The images have the shape {array.shape}; {wanted} was expected: bring them to that.")
    if not len(found):
        raise ValueError("There are no images: give at least one.")
    if found.shape[3] not in (1, 3):
        advice = ": np.moveaxis(images, 1, 3) moves them there" if found.shape[1] in (1, 3) else ""
        raise ValueError(f"The images have the shape {array.shape}; 1 or 3 colours were expected as the last{advice}.")
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in found.shape[1:3]):
        raise ValueError(
            f"The images have {found.shape[1]}×{found.shape[2]} pixels; height and width from {SMALLEST_SIDE} to "
            f"{LARGEST_SIDE} were expected: scale or crop them first."
        )
    return found


def _wanted(image: Shape) -> list[Shape | tuple[int, int]]:
    return [image[:2], image] if image[2] == 1 else [image]


def _words(image: Shape | tuple[int, int]) -> str:
    return f"(n, {', '.join(map(str, image))})"


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Whole numbers 0 to 255, or floats 0 to 1 rounded to as many steps, as bytes; shape as given.

    Raises:
        ValueError: they are something else.
    """
    if array.dtype.kind not in "uif":
        raise ValueError(
            f"The images are of type {excerpt(str(array.dtype))}; whole numbers 0 to 255 or floats 0 to 1 were "
            "expected."
        )
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if not (np.isfinite(low) and np.isfinite(high)):  # min and max hand on what is no number
        raise ValueError("The images contain NaN or infinity; finite numbers were expected: replace those first.")
    if array.dtype.kind == "f":
        if low < -_NEARLY or high > 1 + _NEARLY:
            largest = "255" if 128 < high <= 255 else f"their largest, {high:.4g}"
            advice = f"divide them by {largest}" if low >= 0 else "scale them first"
            raise ValueError(f"Pixels are floats from {low:.4g} to {high:.4g}; 0 to 1 were expected: {advice}.")
        return Scaling(255)(array)
    if low < 0 or high > 255:
        raise ValueError(
            f"Pixels are whole numbers from {low:,.0f} to {high:,.0f}; 0 to 255 were expected: scale them first."
        )
    if high == 1:
        raise ValueError("Pixels are whole numbers from 0 to 1; 0 to 255 were expected: multiply them by 255.")
    return np.asarray(array, np.uint8)


def as_pair(given: Any, *, told: bool = False) -> tuple[Images, NDArray[Any] | None]:
    """Images, and their labels where `given` is a pair of both; of `told`, see `as_images`.

    Raises:
        ValueError: they are neither, or not as many of one as of the other.
    """
    images, labels = given if _is_pair(given) else (given, None)
    found = as_images(images, told=told)
    return found, None if labels is None else as_labels(labels, len(found))


def _is_pair(given: Any) -> bool:
    """Whether it is images and labels: a tuple of two, or a list of two of which only the first can be images."""
    if not isinstance(given, list | tuple) or len(given) != 2:
        return False
    if isinstance(given, tuple):
        return True
    try:
        return np.ndim(given[0]) >= 3 > np.ndim(given[1])
    except ValueError:  # rows of different lengths
        return False


def as_labels(given: ArrayLike, count: int) -> NDArray[Any]:
    """One class for each of `count` images, a whole number or a word, shape (n,).

    Raises:
        ValueError: they are something else.
    """
    labels = np.asarray(given)
    if labels.dtype.kind == "O" and all(isinstance(one, str) for one in labels.ravel()):
        labels = labels.astype(str)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in _LABELS:
        raise ValueError(
            f"The labels are of type {excerpt(str(labels.dtype))} and shape {labels.shape}; one whole number or word "
            "for each image was expected."
        )
    if len(labels) != count:
        raise ValueError(
            f"There are {counted(count, 'image')} and {counted(len(labels), 'label')}; as many of both were expected."
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
        raise ValueError("The labels are fractions; one whole number or word for each image was expected.")
    if labels.dtype.kind in "if" and labels.min(initial=0) < 0:
        labels = labels.astype(np.int64).astype(str)  # what only numbers from 0 can be, words can
    return labels.astype(np.int64) if labels.dtype.kind in "bf" else labels


def write_set(folder: Path, data: Any, test_data: Any = None, *, told: bool = False) -> Path:
    """Write images, with labels and test images where there are any, as a set into `folder`; gives back its path.

    It is named by what it holds: the same arrays are one file, whichever run asks for them.

    Args:
        folder: it is made where it is not there.
        data: images, or a pair of images and labels; see `as_images` and `as_labels`.
        test_data: the same of test images.
        told: see `as_images`.

    Raises:
        ValueError: they are none, or the test images have another shape.
        StorageError: they cannot be written.
    """
    images, labels = as_pair(data, told=told)
    if len(images) < 2:
        raise ValueError("There is a single image; at least 2 were expected, one to train on and one to validate by.")
    if images.max() <= 1:
        raise ValueError("The images are all black: give whole numbers 0 to 255, or floats 0 to 1.")
    arrays: dict[str, NDArray[Any]] = {"train_images": images}
    if labels is not None:
        arrays["train_labels"] = labels
    if test_data is not None:
        arrays["test_images"], test_labels = as_pair(test_data)
        if arrays["test_images"].shape[1:] != images.shape[1:]:
            found, wanted = arrays["test_images"].shape[1:], images.shape[1:]
            raise ValueError(f"The test images have the shape {found}; {wanted} was expected, as the images have.")
        if test_labels is not None:
            arrays["test_labels"] = test_labels
    sha = hashlib.sha256()
    for name, array in arrays.items():
        sha.update(f"{name} {array.dtype} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).data)
    path = folder / f"arrays-{sha.hexdigest()[:12]}.npz"
    if not path.exists():
        make_folder_of(path)
        with written_whole(path) as sibling, sibling.open("xb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    return path
