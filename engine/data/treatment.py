"""What is asked of the images of a set that were no pictures: some classes, so many of each, a size, colours."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.decoder import Wish, fit_array
from engine.data.reading import Reading, sealed
from engine.data.selection import selected
from engine.data.sources.encoded import wish_of
from engine.data.sources.source import Parts
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import class_name, counted, excerpt

TOLD = 512
"""Images that are made to fit between two looks at whether they are still wanted."""


def treated(parts: Parts, files: DataFiles, reading: Reading) -> Parts:
    """`parts` as `files` ask for them; the same where they ask for nothing.

    Raises:
        DatasetError: a class that is asked for is not there, or there is no room for the images.
    """
    asked = files.preprocessing
    if parts.images is None:
        return parts
    if asked.classes or asked.limit_per_class is not None:
        parts = _selected(parts, asked, shown(files.whole) if files.whole is not None else files.name)
    assert parts.images is not None
    if not len(parts.images):
        return parts  # which is refused for that
    size, channels = asked.height_and_width, parts.images.shape[3]
    has_size = size is None or size == parts.images.shape[1:3]
    if has_size and asked.colour in ("auto", "grey" if channels == 1 else "rgb"):
        return parts
    wish = wish_of(asked._replace(colour="rgb") if asked.colour == "auto" and channels == 3 else asked)
    sizes = {parts.images.shape[1:3]: len(parts.images)}
    images = _fitted(parts.images, wish, reading, "images")
    tests = parts.test_images
    if tests is not None:
        sizes[tests.shape[1:3]] = sizes.get(tests.shape[1:3], 0) + len(tests)
        tests = _fitted(tests, wish, reading, "test")
    return replace(parts, images=images, test_images=tests, sizes=sizes if size is not None else parts.sizes)


def _fitted(images: NDArray[np.uint8], wish: Wish, reading: Reading, name: str) -> NDArray[np.uint8]:
    shape = (len(images), *fit_array(images[0], wish).shape)
    found = reading.array(f"{name}-fitted", shape)
    for row, image in enumerate(images):
        if row % TOLD == 0:
            reading.tell(row, len(images))
        found[row] = fit_array(image, wish)
    return sealed(found)


def _selected(parts: Parts, asked: Preprocessing, where: str) -> Parts:
    assert parts.images is not None
    training = len(parts.images) - parts.validation
    tests = 0 if parts.test_images is None else len(parts.test_images)
    labels = [
        *(parts.labels.tolist() if parts.labels is not None else [None] * len(parts.images)),
        *(parts.test_labels.tolist() if parts.test_labels is not None else [None] * tests),
    ]
    taken, label_of = selected(labels, (training, parts.validation, tests), parts.class_names, asked, where)
    rows, test_rows = taken[taken < len(parts.images)], taken[taken >= len(parts.images)] - len(parts.images)
    new = np.array([label_of.get(label, 0) for label in range(256)], np.uint8)
    names = parts.class_names or tuple(map(str, range(max(label_of, default=-1) + 1)))
    return replace(
        parts,
        images=parts.images[rows],
        labels=None if parts.labels is None else new[parts.labels[rows]],
        test_images=None if parts.test_images is None or not len(test_rows) else parts.test_images[test_rows],
        test_labels=None if parts.test_labels is None or not len(test_rows) else new[parts.test_labels[test_rows]],
        validation=int((rows >= training).sum()),
        class_names=tuple(name for label, name in enumerate(names) if label in label_of)
        if parts.labels is not None
        else (),
    )


def with_tests(found: Parts, tests: Parts, path: Path) -> Parts:
    """`found`, judged by the test images of `tests`, or by all of them where those have no such part.

    Raises:
        DatasetError: they are of a class that the training images do not have.
    """
    own = tests.test_images is not None
    images, labels = (tests.test_images, tests.test_labels) if own else (tests.images, tests.labels)
    if labels is not None and found.labels is not None:
        # The same class may have another number there.
        count = max(int(found.labels.max(initial=0)) + 1, len(found.class_names))
        names = {class_name(found.class_names, label): label for label in range(count)}
        places = np.zeros(256, np.uint8)
        for label in np.unique(labels).tolist():
            name = class_name(tests.class_names, label)
            if name not in names:
                raise DatasetError(
                    f"{shown(path)} holds test images of class {excerpt(name)}, and no training image is of it: leave "
                    "them out, or name those classes alone (--class).",
                    "test_data",
                )
            places[label] = names[name]
        labels = places[labels]
    notes = [*found.notes, *tests.notes]
    if found.test_images is not None:
        many, are = counted(len(found.test_images), "test image"), "is" if len(found.test_images) == 1 else "are"
        notes.append(f"The {many} of the set itself {are} not used: {shown(path)} stands in their place.")
    return replace(
        found,
        test_images=images,
        test_labels=labels if found.labels is not None else None,
        words=f"{found.words}; test images: {tests.words}",
        notes=tuple(dict.fromkeys(notes)),
        left_out={**found.left_out, **tests.left_out},
        sizes=Counter(found.sizes) + Counter(tests.sizes),
    )
