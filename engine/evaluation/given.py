"""The images that a model is asked about: pictures, folders of them, and whatever else is a set of images.

They are read a piece at a time, so that a hundred thousand pictures need no more memory than a few thousand.
"""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.arrange import ENDINGS, TEST, TRAINING, VALIDATION, arrange, natural
from engine.data.cache import load
from engine.data.datasets import ImageData, ImageSet
from engine.data.walk import walk
from engine.errors import DatasetError
from engine.evaluation.centring import centres, ink_of, is_centred, is_clean, placed
from engine.evaluation.model import Images, Model, Told
from engine.evaluation.picture_files import Larger, decoded, larger_of
from engine.runs.model_facts import all_light_on_dark, shows_light_on_dark
from engine.specs.data_files import MNIST, DataFiles, data_of, set_title
from engine.storage.paths import pasted_path, shown
from engine.text import either

WHENS = ("auto", "yes", "no")
"""When something is done to images before a model gets them."""
PARTS = ("all", "train", "validation", "test")
"""Which images of a set are meant."""
AT_ONCE, BYTES_AT_ONCE = 8_192, 64 << 20
"""Images that are in memory at a time."""
LARGE_AT_ONCE = 256


@dataclass(frozen=True)
class Given:
    """Images as a model takes them, each with a name."""

    names: Sequence[str]
    images: Images
    classes: Sequence[str] | None = None  # what each shows, where folders or the set say it, by its name there
    labels: NDArray[np.int64] | None = None  # the same as classes of the model, where that knows all of them
    bad: Mapping[str, str] = field(default_factory=dict)  # those that cannot be read, and why: `is cut short`
    larger: Larger | None = None  # of pictures
    light_on_dark: bool | None = None  # of a whole set: its images are not looked at one by one


@dataclass(frozen=True)
class Asked:
    """What a model is asked about, before any of it is read."""

    count: int  # images, those that cannot be read among them
    pieces: Callable[[Told | None], Generator[Given, None, None]]
    has_classes: bool = False  # whether it is said what every image shows
    labelled: bool = False  # whether the model has all these classes
    what: str = ""  # which images they are, where a set has several parts: `the 10,000 test images of MNIST`
    files: Sequence[str] = ()  # where they are pictures: the path of each


def given_images(model: Model, paths: Sequence[str], told: Told | None = None) -> Given:
    """All that is at these paths, made fit for `model`; see `asked_about`, which needs less memory.

    Raises:
        DatasetError: there is nothing there that is an image.
    """
    pieces = list(asked_about(model, paths, told=told).pieces(told))
    if len(pieces) == 1:
        return pieces[0]
    starts = np.cumsum([0, *(len(piece.names) for piece in pieces)])

    def larger(rows: NDArray[np.int64]) -> Images:
        which = np.searchsorted(starts, rows, "right") - 1
        found = [pieces[place].larger for place in which]
        return np.concatenate(
            [one(rows[at : at + 1] - starts[which[at]]) for at, one in enumerate(found) if one is not None]
        )

    labels = [piece.labels for piece in pieces if piece.labels is not None]
    classes = [name for piece in pieces for name in piece.classes or ()]
    return Given(
        names=[name for piece in pieces for name in piece.names],
        images=np.concatenate([piece.images for piece in pieces]),
        classes=classes if pieces[0].classes is not None else None,
        labels=np.concatenate(labels) if len(labels) == len(pieces) else None,
        bad={name: why for piece in pieces for name, why in piece.bad.items()},
        larger=larger if all(piece.larger is not None for piece in pieces) else None,
        light_on_dark=pieces[0].light_on_dark,
    )


def asked_about(model: Model, paths: Sequence[str], part: str | None = None, told: Told | None = None) -> Asked:
    """What is at these paths: pictures and folders, or one set of another format, of which the images are read.

    Args:
        model: what the images are made fit for.
        paths: as they were typed.
        part: which images of a set, one of `PARTS`; where it is None the test images, and all where there are none.
            Of folders of pictures it is all then.
        told: is told how far the reading of a set is.

    Raises:
        DatasetError: there is nothing there that is an image, or no such part.
    """
    places = [pasted_path(path) for path in paths]
    for place in places:
        if not os.path.lexists(place) and not (len(places) == 1 and _is_name(place)):
            if not place.strip():
                raise DatasetError("One of the paths is empty: name a picture, a folder or a set.")
            if _is_name(place):
                raise DatasetError(f"{place} is a set: name it alone.")
            raise DatasetError(f"{shown(Path(place))} does not exist: check the path.")
        if os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place)):  # reading it may never end
            raise DatasetError(
                f"{shown(Path(place))} is neither a file nor a folder: save what comes from it first, and name that."
            )
    if not any(map(_is_name, places)) and all(_is_pictures(place) for place in places):
        return _pictures(model, places, part)
    if len(places) == 1:
        data = load(DataFiles(data_of(paths[0]), preprocessing=model.preprocessing), told)
        return asked_of_set(model, data, part)
    other = next(place for place in places if not _is_pictures(place))
    raise DatasetError(
        f"{shown(Path(other))} is no picture and no folder of pictures: name several of these, or one other set."
    )


def _is_name(place: str) -> bool:
    name = place.strip().lower()
    return name == MNIST.lower() or set_title(name) is not None


def _is_pictures(place: str) -> bool:
    """Whether it is a picture by its name, or a folder with one in it."""
    if os.path.isdir(place):
        return any(entry.name.lower().endswith(ENDINGS) for entry in walk(Path(place)))
    return place.lower().endswith(ENDINGS)


def at_once(model: Model) -> int:
    """How many images are in memory at a time."""
    return max(min(AT_ONCE, BYTES_AT_ONCE // int(np.prod(model.image))), 1)


# -- sets -----------------------------------------------------------------------------------------


def asked_of_set(model: Model, data: ImageData, part: str | None) -> Asked:
    """Images of a set that was read; see `asked_about`.

    Raises:
        DatasetError: it has no such part.
    """
    parts = parts_of(data, part)
    labels = [labels_for(model, data, images) for _, images in parts]
    has_classes = all(images.labels is not None for _, images in parts)
    count = sum(len(images) for _, images in parts)
    way = all_light_on_dark(parts[0][1].images) if data.shape[2] == 1 else None

    def pieces(told: Told | None) -> Generator[Given, None, None]:
        done = 0
        for (name, images), own in zip(parts, labels, strict=True):
            for start in range(0, len(images), at_once(model)):
                if told is not None:
                    told(done, count)
                rows = slice(start, min(start + at_once(model), len(images)))
                yield Given(
                    names=[f"{data.name} {name} {row}" for row in range(rows.start, rows.stop)],
                    images=images.images[rows],
                    classes=_named(data, images, rows) if has_classes else None,
                    labels=None if own is None else own[rows],
                    light_on_dark=way,
                )
                done += rows.stop - rows.start

    labelled = all(own is not None for own in labels)
    return Asked(count, pieces, has_classes, labelled, words_of(data, parts))


def _named(data: ImageData, images: ImageSet, rows: slice) -> list[str]:
    assert images.labels is not None
    return [data.class_names[label] for label in images.labels[rows]]


def words_of(data: ImageData, parts: Sequence[tuple[str, ImageSet]]) -> str:
    """Which images of a set these are, where it has others: `the 10,000 test images of MNIST`."""
    if data.test is None and not data.validation:
        return ""
    told = (f"{len(images):,} {'training' if name == 'train' else name}" for name, images in parts)
    return f"the {' and '.join(told)} images of {data.name}"


def parts_of(data: ImageData, part: str | None) -> list[tuple[str, ImageSet]]:
    """The images of a part of a set, with the name of that; of all there may be several; see `asked_about`.

    Raises:
        DatasetError: it has no such part.
    """
    train = data.train
    training = len(train) - data.validation
    there = {"train": _rows(train, 0, training)}
    if data.validation:
        there["validation"] = _rows(train, training, len(train))
    if data.test is not None:
        there["test"] = data.test
    part = part or ("test" if data.test is not None else "all")
    if part == "all":
        return list(there.items())
    if part not in there:
        raise DatasetError(f"{data.name} has no {part} images of its own: choose {either(['all', *there])} (--part).")
    return [(part, there[part])]


def _rows(images: ImageSet, start: int, stop: int) -> ImageSet:
    return ImageSet(images.images[start:stop], None if images.labels is None else images.labels[start:stop])


def labels_for(model: Model, data: ImageData, images: ImageSet) -> NDArray[np.int64] | None:
    """The classes of the model that images of a set show, matched by name; None where one has no such name."""
    label_of = {name: label for label, name in enumerate(model.class_names)}
    if images.labels is None or not all(data.class_names[label] in label_of for label in images.occurring):
        return None
    return np.array([label_of.get(name, -1) for name in data.class_names], np.int64)[images.labels]


# -- pictures -------------------------------------------------------------------------------------


def _pictures(model: Model, places: Sequence[str], part: str | None) -> Asked:
    names: list[str] = []
    for place in places:
        if os.path.isdir(place):
            below = (entry.path for entry in walk(Path(place)) if entry.name.lower().endswith(ENDINGS))
            names.extend(sorted(below, key=natural))
        else:
            names.append(place)
    what = ""
    if part not in (None, "all"):
        names, what = _part_of_folder(places, names, str(part))
    folders = {os.path.basename(os.path.dirname(name)) for name in names}
    has_classes = len(folders) > 1
    labelled = has_classes and folders <= set(model.class_names)
    where = shown(Path(places[0]))

    label_of = {name: label for label, name in enumerate(model.class_names)}

    def pieces(told: Told | None) -> Generator[Given, None, None]:
        for part, found in decoded(model, names, where, at_once(model), told):
            kept = [part[row] for row in found.kept]
            classes = [os.path.basename(os.path.dirname(name)) for name in kept]
            yield Given(
                names=kept,
                images=found.images,
                classes=classes if has_classes else None,
                labels=np.array([label_of[name] for name in classes], np.int64) if labelled else None,
                bad={part[row]: why for row, why in found.bad.items()},
                larger=larger_of(model, kept, where),
            )

    return Asked(len(names), pieces, has_classes, labelled, what, names)


def _part_of_folder(places: Sequence[str], names: Sequence[str], part: str) -> tuple[list[str], str]:
    if len(places) > 1 or not os.path.isdir(places[0]):
        raise DatasetError("--part is for a set or one folder of pictures, with folders train and test: name one.")
    top = places[0].rstrip("/")
    found = arrange([os.path.relpath(name, top).replace(os.sep, "/") for name in names], {}, shown(Path(top)))
    bounds = np.cumsum([0, *found.counts]).tolist()
    place = {"train": TRAINING, "validation": VALIDATION, "test": TEST}[part]
    kept = [os.path.join(top, name) for name in found.names[bounds[place] : bounds[place + 1]]]
    if not kept or (part == "train" and not sum(found.counts[1:])):
        raise DatasetError(f"{shown(Path(top))} has no {part} folder: leave --part out, or name another folder.")
    words = "training" if part == "train" else part
    return kept, f"the {len(kept):,} {words} images of {Path(top).name}"


# -- what is done to images -----------------------------------------------------------------------


@dataclass(frozen=True)
class Readied:
    """Images as a model is to get them, and what was done for it."""

    images: Images
    inverted: NDArray[np.bool_]  # (n,), whether dark and light were exchanged
    centred: NDArray[np.bool_]  # (n,), whether they were placed as MNIST does


def made_ready(model: Model, given: Given, invert: str = "auto", centre: str = "auto") -> Readied:
    """The images of `given` the way round and in the place that `model` learned from.

    For one that tells odd images `auto` is no: what would be put right may be what is odd.

    Args:
        model: what they are for.
        given: what was read.
        invert: see `turned`; a set is taken as a whole.
        centre: `auto` centres pictures that are not centred, for a model of such; `yes` centres all; `no` none.

    Raises:
        DatasetError: centring is asked for, and the model is for colours.
    """
    if model.network.odd_threshold is not None:
        invert, centre = ("no" if when == "auto" else when for when in (invert, centre))
    if given.light_on_dark is not None and invert == "auto":
        invert = "no" if given.light_on_dark == (model.facts.light_on_dark is not False) else "yes"
    elif given.larger is None and invert == "auto":
        invert = "no"
    images, inverted = turned(model, given.images, invert)
    nowhere = np.zeros(len(images), bool)
    if centre == "yes" and model.image[2] != 1:
        raise DatasetError(f"--centre: {model.name} is for images with colours, and only grey ones are centred.")
    if centre == "no" or not len(images) or (centre == "auto" and (given.larger is None or not centres(model))):
        return Readied(images, inverted, nowhere)
    images, inverted = np.array(images), np.array(inverted)
    dark = model.facts.light_on_dark is not False
    rows = np.array([row for row, image in enumerate(images) if centre == "yes" or not is_centred(_ink(image, dark))])
    for start in range(0, len(rows), LARGE_AT_ONCE):
        some = rows[start : start + LARGE_AT_ONCE].astype(np.int64)
        large = images[some] if given.larger is None else given.larger(some)
        for row, image in zip(some.tolist(), large, strict=True):
            seen = image[..., 0]
            if given.larger is None:
                turn = not dark  # it was turned already
            elif invert == "auto":
                seen, turn = (seen, False) if is_clean(seen) else ink_of(seen)
            else:
                turn = bool(inverted[row]) == dark
            drawn = 255 - seen if turn and (given.larger is None or invert != "auto") else seen
            found = placed(drawn, model.image[:2])
            if found.any():
                images[row, ..., 0] = found if dark else 255 - found
                nowhere[row] = True
                if given.larger is not None:
                    inverted[row] = turn == dark
    return Readied(images, inverted, nowhere)


def _ink(image: NDArray[np.uint8], dark: bool) -> NDArray[np.uint8]:
    seen: NDArray[np.uint8] = image[..., 0] if dark else 255 - image[..., 0]
    return seen


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
