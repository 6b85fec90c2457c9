"""What is refused of any images, whatever source they come from, in the same words.

A source that knows a shape or a count before it reads what they are of asks here at once, before it takes memory;
all of it is asked again of what was read.
"""

from pathlib import Path

import numpy as np

from engine.data.sources.source import Parts
from engine.errors import DatasetError
from engine.specs.data_files import IDX_FIELDS, ROLES, DataFiles
from engine.specs.preprocessing import LARGEST_SIDE, SMALLEST_SIDE
from engine.storage.paths import shown

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
    single = field in IDX_FIELDS  # a file of one part, and not a whole set
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in shape[:2]):
        mend = (
            "scale or crop the images first"
            if single
            else "say a size that all are brought to, 32 for instance (--size)"
        )
        problem = (
            f"holds images of {size_words(shape)}; height and width from {SMALLEST_SIDE} to {LARGEST_SIDE} "
            f"were expected: {mend}."
        )
        field = field if single else "size"
    elif shape[2:] not in ((), (1,), (3,)):
        problem = f"holds images of {shape[2]} colours; 1, grey, or 3 were expected: convert the images first."
    elif count == 0:
        problem = f"holds no images: name a {'file' if single else 'place'} with {ROLES[field]}."
    elif count == 1 and field in ("images", "data"):
        problem = "holds a single image, and a set has at least 2: name more."
    else:
        return
    raise DatasetError(f"{shown(path)} {problem}", field)


def check_labels(images: Path, count: int, labels: Path, found: int, field: str) -> None:
    """Refuse labels that are not as many as the images.

    Raises:
        DatasetError: in a sentence, for `field`.
    """
    if found != count and images == labels:
        raise DatasetError(
            f"{shown(images)} holds {count:,} images and {found:,} labels; one label for each image was expected: save "
            "it with as many.",
            field,
        )
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
    whole = files.whole or Path(files.name)
    field, of_labels = ("images", "labels") if files.data is None else ("data", "data")
    if parts.images is None:
        raise DatasetError(f"{shown(whole)} holds no images: name a file with {ROLES['images']}.", field)
    if len(parts.class_names) > MOST_CLASSES:
        raise DatasetError(
            f"{shown(whole)} has {len(parts.class_names):,} classes; at most {MOST_CLASSES} were expected: name those "
            "to take (--class).",
            of_labels,
        )
    images, labels, tests, test_labels = parts.images, parts.labels, parts.test_images, parts.test_labels
    check_images(whole, field, len(images), images.shape[1:])
    if labels is not None:
        check_labels(whole, len(images), files.labels or whole, len(labels), of_labels)
    if 0 < len(images) <= parts.validation:
        raise DatasetError(f"{shown(whole)} has only images to validate by: add some to train on.", field)
    if tests is None:
        return
    place = files.test_images or files.test_data or whole
    of_tests, of_test_labels = ("test_images", "test_labels") if files.data is None else ("test_data", "test_data")
    if test_labels is not None and labels is None:
        raise DatasetError(
            f"{shown(place)} has classes, and the training images have none: name training labels too.", of_labels
        )
    check_images(place, of_tests, len(tests), tests.shape[1:])
    if tests.shape[1:3] == images.shape[1:3] and tests.shape[3] != images.shape[3]:
        colours = ("grey" if found.shape[3] == 1 else "in colour" for found in (tests, images))
        raise DatasetError(
            "{} holds test images {}; the training images are {}: make all of them grey, or all colour "
            "(--colour).".format(shown(place), *colours),
            "colour",
        )
    if tests.shape[1:] != images.shape[1:]:
        raise DatasetError(
            f"{shown(place)} holds test images of {size_words(tests.shape[1:])}; the training images are "
            f"{size_words(images.shape[1:])}: name test images of that shape, or say one that all are brought to "
            "(--size).",
            of_tests,
        )
    if test_labels is None:
        return
    check_labels(place, len(tests), files.test_labels or place, len(test_labels), of_test_labels)
    assert labels is not None  # as was checked
    classes = max(1 + int(labels.max()), len(parts.class_names))
    if (strange := test_labels >= classes).any():
        index = int(np.argmax(strange))
        raise DatasetError(
            f"{shown(files.test_labels or place)} has the label {test_labels[index]} at index {index:,} (counted from "
            f"0); the largest training class is {classes - 1}: name test labels of the same classes.",
            of_test_labels,
        )
