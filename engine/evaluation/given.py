"""The images that a model is asked about: pictures, folders of them, and whatever else is a set of images."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data import pictures
from engine.data.arrange import ENDINGS, natural
from engine.data.cache import load
from engine.data.pictures import Content, decode_all
from engine.data.reading import Reading
from engine.data.sources.encoded import wish_of
from engine.data.walk import walk
from engine.errors import DatasetError
from engine.evaluation.model import Images, Model, Told
from engine.runs.model_facts import shows_light_on_dark
from engine.specs.data_files import DataFiles
from engine.storage.paths import pasted_path, shown

INVERTS = ("auto", "yes", "no")


@dataclass(frozen=True)
class Given:
    """Images as a model takes them, each with a name."""

    names: Sequence[str]
    images: Images
    labels: NDArray[np.int64] | None = None  # classes of the model, where the set says what each image shows
    bad: Mapping[str, str] = field(default_factory=dict)  # those that cannot be read, and why: `is cut short`


def given_images(model: Model, paths: Sequence[str], told: Told | None = None) -> Given:
    """What is at these paths, made fit for `model`: pictures and folders, or one set of another format.

    Raises:
        DatasetError: there is nothing there that is an image.
    """
    places = [pasted_path(path) for path in paths]
    for place in places:
        if not os.path.lexists(place) and not (len(places) == 1 and place in ("mnist", "digits")):
            raise DatasetError(f"{shown(Path(place))} does not exist: check the path.")
    if all(_is_pictures(place) for place in places):
        return _pictures(model, places, told)
    if len(places) == 1:
        return _set(model, places[0], told)
    other = next(place for place in places if not _is_pictures(place))
    raise DatasetError(
        f"{shown(Path(other))} is no picture and no folder of pictures: name several of these, or one other set."
    )


def _is_pictures(place: str) -> bool:
    """Whether it is a picture by its name, or a folder with one in it."""
    if os.path.isdir(place):
        return any(entry.name.lower().endswith(ENDINGS) for entry in walk(Path(place)))
    return place.lower().endswith(ENDINGS)


def _pictures(model: Model, places: Sequence[str], told: Told | None) -> Given:
    names: list[str] = []
    for place in places:
        if os.path.isdir(place):
            below = [entry.path for entry in walk(Path(place)) if entry.name.lower().endswith(ENDINGS)]
            names += sorted(below, key=natural)
        else:
            names.append(place)

    def contents() -> Iterator[tuple[int, Content]]:
        yield from enumerate(names)

    reading = Reading(told)
    with reading:
        pictures.get_ready(reading, len(names))
        found = decode_all(
            len(names), contents, names, wish_of(model.preprocessing), reading, shown(Path(places[0])), most_bad=1.0
        )
    kept = [names[row] for row in found.kept]
    return Given(kept, found.images, _labels_of(model, kept), {names[row]: why for row, why in found.bad.items()})


def _labels_of(model: Model, names: Sequence[str]) -> NDArray[np.int64] | None:
    """By the folder that each picture is in, where that is a class of the model for all of them, and not one alone."""
    label_of = {name: label for label, name in enumerate(model.class_names)}
    folders = [os.path.basename(os.path.dirname(name)) for name in names]
    if len(set(folders)) < 2 or not all(folder in label_of for folder in folders):
        return None
    return np.array([label_of[folder] for folder in folders], np.int64)


def _set(model: Model, place: str, told: Told | None) -> Given:
    data = load(DataFiles(place, preprocessing=model.preprocessing), told)
    parts = [("train", data.train), ("test", data.test)]
    there = [(name, part) for name, part in parts if part is not None]
    if len(there) > 1:
        there = there[1:]  # what a model is to be asked about is what it has not learned from
    name, part = there[0]
    labels = None
    if part.labels is not None:
        label_of = {name: label for label, name in enumerate(model.class_names)}
        if all(one in label_of for one in data.class_names):
            labels = np.array([label_of[one] for one in data.class_names], np.int64)[part.labels]
    return Given([f"{data.name} {name} {row}" for row in range(len(part))], part.images, labels)


def turned(model: Model, images: Images, invert: str) -> tuple[Images, NDArray[np.bool_]]:
    """Images the way round that `model` learned from, and which of them had their brightness turned.

    Args:
        invert: `auto` turns grey images that are the other way round; `yes` turns all, `no` none.
    """
    learned = model.facts.light_on_dark
    which = np.full(len(images), invert == "yes")
    if invert == "auto" and learned is not None and model.image[2] == 1:
        which = np.array([shows_light_on_dark(image) != learned for image in images], bool)
    if which.any():
        images = np.array(images)
        images[which] = 255 - images[which]
    return images, which
