"""A set as a person decided: without images that were left out, and with labels as a file of labels has them.

What is left out by hand is kept in a file of the home, never in the person's folder. Images are named by their places
in the whole set, which its digest stands for: of other images, or in another order, they would be others.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import BY_HAND, BY_LABELS, NOTHING, ByHand
from engine.data.corrections import AS_GIVEN, Changes, Corrections
from engine.data.datasets import ImageData, ImageSet, digest_of, is_from_disk
from engine.data.keeping import left_out_in
from engine.data.reading import Reading
from engine.errors import DatasetError, StorageError
from engine.specs.data_files import LABELS_FROM, DataFiles
from engine.storage.files import read_json, storage_errors, write_json
from engine.text import counted

KIND = "images left out"
_PIECE = 4096

_without: OrderedDict[tuple[Any, ...], ImageData] = OrderedDict()  # the latest sets that lack some


def chosen(data: ImageData) -> ByHand:
    """What is left out of the whole set `data`, as it stands now.

    Raises:
        DatasetError: what was written down of it is damaged.
    """
    path = _path(data.digest)
    if path is None or not path.exists():
        return NOTHING
    try:
        found = ByHand.written(read_json(path))
    except (OSError, ValueError):
        found = None
    if found is None or not found.fits(len(data.train), _tests(data)):
        raise DatasetError(
            f"{path} says which images you left out of {data.name}, and is damaged: restore it, or delete it to have "
            "all of them.",
            "data",
        )
    return found


def refuse_too_many(data: ImageData, by_hand: ByHand) -> None:
    """Refuse to leave so many out of the whole set `data` that too few would be left.

    Raises:
        DatasetError: then.
    """
    if len(data.train) - len(by_hand.training) < 2:
        raise DatasetError("At least two training images have to stay.", "data")
    if by_hand.test and len(by_hand.test) >= _tests(data):
        raise DatasetError("At least one test image has to stay.", "data")


def choose(data: ImageData, by_hand: ByHand) -> None:
    """Leave these out of the whole set `data` from now on, and no others.

    Raises:
        DatasetError: too few would be left.
        StorageError: it cannot be written down.
    """
    refuse_too_many(data, by_hand)
    path = _path(data.digest)
    if path is None:
        raise StorageError("There is no home to keep in which images are left out.")
    with storage_errors(path):
        if not by_hand:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, KIND, {**by_hand.as_json(), "name": data.name, "source": _source(data)})


def elsewhere(data: ImageData) -> int:
    """How many images were left out of what lay at the same place when it held others, or was treated otherwise."""
    folder = left_out_in()
    if folder is None or not folder.is_dir() or data.by_hand:
        return 0
    many = 0
    for path in folder.glob("*.json"):
        with suppress(OSError, ValueError):
            values = read_json(path)
            if values.get("source") == _source(data) != "" and path != _path(data.digest):
                many = max(many, len(ByHand.written(values)))
    return many


def without(
    data: ImageData, by_hand: ByHand, corrections: Corrections = AS_GIVEN, files: DataFiles | None = None
) -> ImageData:
    """The whole set `data` without those images and with labels as `corrections` has them; it has a digest of its own.

    Args:
        files: what the set is read from then; those of `data` where it is None.

    Raises:
        DatasetError: too few images would be left.
    """
    corrections = corrections.without(by_hand.training, by_hand.test)
    files = files or data.files
    if not by_hand and not corrections:
        return data if files == data.files else replace(data, files=files)
    key = data.digest, by_hand, corrections, files, data.name, data.class_names
    if key not in _without:
        if corrections:
            _refuse_what_leaves_too_few(data, by_hand, corrections)
        _without[key] = _made(data, by_hand, corrections, files)
        while len(_without) > 2:
            _without.popitem(last=False)
    _without.move_to_end(key)
    return _without[key]


def _refuse_what_leaves_too_few(data: ImageData, by_hand: ByHand, corrections: Corrections) -> None:
    training, test = corrections.left_out
    if len(data.train) - len(by_hand.training) - len(training) < 2:
        raise DatasetError(
            f"{corrections.file} leaves {counted(len(training), 'image')} out: at least two training images have to "
            "stay.",
            LABELS_FROM,
        )
    if test and len(by_hand.test) + len(test) >= _tests(data):
        raise DatasetError(f"{corrections.file} leaves all test images out: at least one has to stay.", LABELS_FROM)


def _made(data: ImageData, by_hand: ByHand, corrections: Corrections, files: DataFiles) -> ImageData:
    from engine.data.file_names import file_names

    names = file_names(data)
    left_out = dict(data.left_out)
    gone = []
    for part, places, others, known in zip(
        ("training", "test"), (by_hand.training, by_hand.test), corrections.left_out, names, strict=True
    ):
        for place in places:
            left_out[known[place] if known else f"{part} image {place}"] = BY_HAND
        for place in others:
            left_out[known[place] if known else f"{part} image {place}"] = BY_LABELS
        gone.append(tuple(sorted((*places, *others))))
    first = len(data.train) - data.validation
    validation = data.validation - sum(place >= first for place in gone[0])
    if data.validation and not validation:
        raise DatasetError("At least one image to validate by has to stay.", LABELS_FROM if corrections else "data")
    changed, changed_tests = corrections.relabelled
    train = _rest(_relabelled(data.train, changed), gone[0])
    train = replace(train, from_disk=is_from_disk(train.images, data.files))
    test = None if data.test is None else _rest(_relabelled(data.test, changed_tests), gone[1])
    none = np.empty(0, np.uint8)
    before = [none if one is None or one.labels is None else one.labels for one in (data.train, data.test)]
    return replace(
        data, train=train, test=test, validation=validation, digest=digest_of(train, test, validation),
        left_out=left_out, known_digests=None, by_hand=by_hand, corrections=corrections, files=files,
        corrected=corrections.told(data.class_names, before),
    )  # fmt: skip


def _relabelled(images: ImageSet, changes: Changes) -> ImageSet:
    """The same with those labels; the images are shared."""
    if not changes or images.labels is None:
        return images
    labels = images.labels.copy()
    for place, label in changes:
        labels[place] = label
    return replace(images, labels=labels)


def _rest(images: ImageSet, places: tuple[int, ...]) -> ImageSet:
    if not places:
        return images
    kept = np.delete(np.arange(len(images)), places)
    with Reading() as reading:  # room on the disk, which is nobody's once it is not used
        found: NDArray[np.uint8] = reading.array("rest", (len(kept), *images.shape))
        for start in range(0, len(kept), _PIECE):
            found[start : start + _PIECE] = images.take(kept[start : start + _PIECE])
    return ImageSet(found, None if images.labels is None else images.labels[kept], images.from_disk)


def _tests(data: ImageData) -> int:
    return 0 if data.test is None else len(data.test)


def _source(data: ImageData) -> str:
    return str(data.files.whole or data.files.data or "")


def _path(digest: str) -> Path | None:
    folder = left_out_in()
    return None if folder is None else folder / f"{digest[:20]}.json"
