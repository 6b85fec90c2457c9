"""What is refused of any images, whatever source they come from, in the same words.

A source that knows a shape or a count before it reads what they are of asks here at once, before it takes memory;
all of it is asked again of what was read.
"""

from pathlib import Path

import numpy as np

from engine.data.sources.source import Parts
from engine.errors import DatasetError
from engine.specs.data_files import ROLES, DataFiles
from engine.storage.paths import shown

SMALLEST_SIDE, LARGEST_SIDE = 8, 256
"""Pixels that the height and the width of an image may have."""
MOST_CLASSES = 256
"""A label is a byte."""


def size_words(shape: tuple[int, ...]) -> str:
    """28×28, or 32×32×3."""
    return "×".join(str(side) for side in (shape[:2] if shape[2:] == (1,) else shape))


def check_images(path: Path, field: str, count: int, shape: tuple[int, ...]) -> None:
    """Refuse images of (height, width, channels) that are too small, too large or too few.

    Raises:
        DatasetError: in a sentence, for `field`.
    """
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in shape[:2]):
        problem = (
            f"holds images of {size_words(shape)}; height and width from {SMALLEST_SIDE} to {LARGEST_SIDE} "
            "were expected: scale or crop the images first."
        )
    elif shape[2:] not in ((), (1,), (3,)):
        problem = f"holds images of {shape[2]} colours; 1, grey, or 3 were expected: convert the images first."
    elif count == 0:
        problem = f"holds no images: name a file with {ROLES[field]}."
    elif count == 1 and field == "images":
        problem = "holds a single image; at least 2 are needed, one to train on and one for validation: name more."
    else:
        return
    raise DatasetError(f"{shown(path)} {problem}", field)


def check_labels(images: Path, count: int, labels: Path, found: int, field: str) -> None:
    """Refuse labels that are not as many as the images.

    Raises:
        DatasetError: in a sentence, for `field`.
    """
    if found != count:
        raise DatasetError(
            f"{shown(images)} holds {count:,} images and {shown(labels)} {found:,} labels; "
            "one label for each image was expected: name two files that belong together.",
            field,
        )


def check_parts(parts: Parts, files: DataFiles) -> None:
    """Refuse parts that do not belong together.

    Args:
        files: what they were read from; a part that is not named came with the training images.

    Raises:
        DatasetError: in a sentence, for the field that names what is to be mended.
    """
    whole = files.images
    assert whole is not None
    if parts.images is None:
        raise DatasetError(f"{shown(whole)} holds no images: name a file with {ROLES['images']}.")
    if len(parts.class_names) > MOST_CLASSES:
        raise DatasetError(
            f"{shown(whole)} has {len(parts.class_names):,} classes; at most {MOST_CLASSES} were expected: name a part "
            "of them.",
            "labels",
        )
    images, labels, tests, test_labels = parts.images, parts.labels, parts.test_images, parts.test_labels
    check_images(whole, "images", len(images), images.shape[1:])
    if labels is not None:
        check_labels(whole, len(images), files.labels or whole, len(labels), "labels")
    if tests is None:
        return
    place = files.test_images or whole
    if test_labels is not None and labels is None:
        raise DatasetError(
            f"{shown(place)} has classes, and the training images have none: name training labels too.", "labels"
        )
    check_images(place, "test_images", len(tests), tests.shape[1:])
    if tests.shape[1:] != images.shape[1:]:
        raise DatasetError(
            f"{shown(place)} holds test images of {size_words(tests.shape[1:])}; the training images are "
            f"{size_words(images.shape[1:])}: name test images of that shape.",
            "test_images",
        )
    if test_labels is None:
        return
    check_labels(place, len(tests), files.test_labels or place, len(test_labels), "test_labels")
    assert labels is not None  # as was checked
    classes = max(1 + int(labels.max()), len(parts.class_names))
    if (strange := test_labels >= classes).any():
        index = int(np.argmax(strange))
        raise DatasetError(
            f"{shown(files.test_labels or place)} has the label {test_labels[index]} at index {index:,} (counted from "
            f"0); the largest training class is {classes - 1}: name test labels of the same classes.",
            "test_labels",
        )
