"""Images that a person left out of a set by hand: kept in a file of the home, never in the person's folder.

They are named by their places in the whole set, which its digest stands for: of other images, or in another order, they
would be others.
"""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import NOTHING, ByHand
from engine.data.datasets import ImageData, ImageSet, digest_of, is_from_disk
from engine.data.keeping import left_out_in
from engine.data.reading import Reading
from engine.errors import DatasetError, StorageError
from engine.storage.files import read_json, storage_errors, write_json

KIND = "images left out"
BY_HAND = "was left out by hand"
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


def without(data: ImageData, by_hand: ByHand) -> ImageData:
    """The set without those images; it has a digest of its own."""
    if not by_hand:
        return data
    key = data.digest, by_hand, data.files, data.name, data.class_names
    if key not in _without:
        _without[key] = _made(data, by_hand)
        while len(_without) > 2:
            _without.popitem(last=False)
    _without.move_to_end(key)
    return _without[key]


def _made(data: ImageData, by_hand: ByHand) -> ImageData:
    from engine.data.file_names import file_names

    first = len(data.train) - data.validation
    validation = data.validation - sum(place >= first for place in by_hand.training)
    train = _rest(data.train, by_hand.training)
    train = replace(train, from_disk=is_from_disk(train.images, data.files))
    test = None if data.test is None else _rest(data.test, by_hand.test)
    names = file_names(data)
    left_out = dict(data.left_out)
    for part, places, known in zip(("training", "test"), (by_hand.training, by_hand.test), names, strict=True):
        for place in places:
            left_out[known[place] if known else f"{part} image {place}"] = BY_HAND
    return replace(
        data, train=train, test=test, validation=validation, digest=digest_of(train, test, validation),
        left_out=left_out, known_digests=None, by_hand=by_hand,
    )  # fmt: skip


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
