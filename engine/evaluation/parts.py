"""The parts of images that a latent space is made of: test, validation and training of a run, or a person's own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.arrange import natural
from engine.data.datasets import ImageData, ImageSet
from engine.errors import DatasetError
from engine.evaluation.given import asked_about, made_ready
from engine.evaluation.model import Model, Told
from engine.text import either

OWN = "own"
"""The part of images that a person names."""
MOST_CLASSES = 256
"""Labels are bytes."""


@dataclass(frozen=True)
class Part:
    """A part of a run's images."""

    of: str  # test, validation or training; or `OWN`
    images: ImageSet
    rows: NDArray[np.int64]  # (n,), of `images`
    class_names: tuple[str, ...]  # of all that images are, or may be taken for
    digest: str  # of the whole set; empty where nothing is kept of it
    names: Sequence[str] = ()  # of each image of `OWN`
    bad: Mapping[str, str] = field(default_factory=dict)  # pictures of `OWN` that cannot be read, and why

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Their classes, shape (n,)."""
        return None if self.images.labels is None else self.images.labels[self.rows].astype(np.int64)

    def take(self, places: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """The images at these places of the part."""
        return self.images.take(self.rows[places])


def parts_of(data: ImageData, training: NDArray[np.int64], validation: NDArray[np.int64]) -> dict[str, Part]:
    """The parts of a run's images that there are, the one first that a map begins with.

    Args:
        data: its images.
        training: the rows of the training images that it learned from.
        validation: those that it was chosen by.
    """
    every: dict[str, tuple[ImageSet | None, NDArray[np.int64]]] = {
        "test": (data.test, np.arange(0 if data.test is None else len(data.test))),
        "validation": (data.train, validation),
        "training": (data.train, training),
    }
    return {
        of: Part(of, images, rows, data.class_names, data.digest)
        for of, (images, rows) in every.items()
        if images is not None and len(rows)
    }


def part_of(parts: dict[str, Part], of: str) -> Part:
    """The one that is asked for.

    Raises:
        DatasetError: there is none of that name.
    """
    if of not in parts:
        raise DatasetError(f"This run has no {of} images: choose {either(list(parts))}.", "of")
    return parts[of]


def own_part(model: Model, paths: Sequence[str], told: Told | None = None) -> Part:
    """The images at these paths as a part: as `made_ready` has them, so that the model sees what it would answer on.

    Their classes are matched by name with those of the model; names that it does not have come after these.

    Args:
        model: what they are made fit for.
        paths: as they were typed; see `asked_about`.
        told: is told how many are read, and of how many; what it raises ends the work.

    Raises:
        DatasetError: there is nothing there that is an image, or images of more than `MOST_CLASSES` classes.
    """
    asked = asked_about(model, paths, told=told)
    # Of the pictures as they were read there is one piece at a time.
    pieces = [(given.names, given.classes, given.bad, made_ready(model, given).images) for given in asked.pieces(told)]
    images = np.concatenate([ready for *_, ready in pieces])
    bad = {name: why for _, _, some, _ in pieces for name, why in some.items()}
    if not len(images):
        name, why = next(iter(bad.items()), ("", "there is none"))
        first = f"{os.path.basename(name)} {why}".strip()
        few = f"None of the {asked.count:,} pictures can be read: " if asked.count > 1 else ""
        raise DatasetError(f"{few}{first}: choose others.")
    class_names, labels = model.class_names, None
    if asked.has_classes:
        shown = [name for _, classes, _, _ in pieces for name in classes or ()]
        class_names = (*class_names, *sorted({*shown} - {*class_names}, key=natural))
        if len(class_names) > MOST_CLASSES:
            raise DatasetError(
                f"There are {len(class_names):,} classes, those of the model among them, and at most {MOST_CLASSES} "
                "can be told apart: name fewer folders."
            )
        label_of = {name: label for label, name in enumerate(class_names)}
        labels = np.array([label_of[name] for name in shown], np.uint8)
    names = [name for some, *_ in pieces for name in some]
    return Part(OWN, ImageSet(images, labels), np.arange(len(images)), class_names, "", names, bad)
