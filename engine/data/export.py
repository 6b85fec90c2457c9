"""An image set written for other programs: a folder of pictures, an `.npz`, or IDX files. All can be read again."""

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.datasets import ImageData, ImageSet
from engine.errors import DatasetError
from engine.storage.files import storage_error, written_whole
from engine.storage.paths import shown
from engine.text import class_name

Told = Callable[[int, int], None]
_TOLD = 500
"""Images between two looks at whether they are still wanted."""
_STEMS = {"train": ("train", "train"), "val": ("val", "validation"), "test": ("test", "t10k")}


def _parts(data: ImageData) -> Iterator[tuple[str, ImageSet]]:
    """Training, validation and test images, as far as there are any, under MedMNIST's names."""
    first = len(data.train) - data.validation
    images, labels = data.train.images, data.train.labels
    yield "train", ImageSet(images[:first], None if labels is None else labels[:first])
    if data.validation:
        yield "val", ImageSet(images[first:], None if labels is None else labels[first:])
    if data.test is not None:
        yield "test", data.test


def write_folder(data: ImageData, target: Path, told: Told) -> None:
    """PNG files by part and class: `train/cat/00001.png`."""
    names: list[str] = []
    for name in map(_file_name, data.class_names):  # two that differ in what no file name has stay two
        names.append(name if name not in names else f"{name} {len(names)}")
    total = sum(len(part) for _, part in _parts(data))
    done = 0
    for name, part in _parts(data):
        for row, image in enumerate(part.images):
            if done % _TOLD == 0:
                told(done, total)
            folder = target / name / (names[part.labels[row]] if part.labels is not None else "")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(folder / f"{row + 1:05}.png")
            done += 1


def _file_name(name: str) -> str:
    """The name of a class as a folder can have it."""
    text = "".join("_" if character in '/\\:*?"<>|\0' else character for character in name).strip(" .") or "_"
    return os.fsdecode(os.fsencode(text)[:200])


def write_npz(data: ImageData, target: Path, told: Told) -> None:
    """Arrays under MedMNIST's names, and `class_names`."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, part in _parts(data):
        images = part.images[..., 0] if data.shape[2] == 1 else part.images
        arrays[f"{name}_images"] = images
        if part.labels is not None:
            arrays[f"{name}_labels"] = part.labels[:, None]
    if data.class_names:
        arrays["class_names"] = np.array(data.class_names)
    told(0, 1)
    with target.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def write_idx(data: ImageData, target: Path, told: Told) -> None:
    """Files under the names of MNIST's. Class names do not fit into them: `classes.txt` has those."""
    for number, (name, part) in enumerate(_parts(data)):
        told(number, 3)
        stem = _STEMS[name][1]
        images = part.images[..., 0] if data.shape[2] == 1 else part.images
        with (target / f"{stem}-images-idx{images.ndim}-ubyte").open("wb") as file:
            _write_array(file, images)
        if part.labels is not None:
            with (target / f"{stem}-labels-idx1-ubyte").open("wb") as file:
                _write_array(file, part.labels)
    if data.class_names:
        lines = "".join(f"{class_name(data.class_names, label)}\n" for label in range(data.classes))
        (target / "classes.txt").write_text(lines, encoding="utf-8")


def _write_array(file: IO[bytes], array: NDArray[np.uint8]) -> None:
    file.write(bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape))
    file.write(np.ascontiguousarray(array).data)


FORMATS: dict[str, Callable[[ImageData, Path, Told], None]] = {
    "folder": write_folder,
    "npz": write_npz,
    "idx": write_idx,
}


def export_data(data: ImageData, target: Path, form: str, told: Told) -> None:
    """Write `data` to `target`, a file for `npz` and a new folder else, whole or not at all.

    Raises:
        DatasetError: something is there already.
        StorageError: it cannot be written.
    """
    if target.exists():
        raise DatasetError(f"{shown(target)} is there already: choose another name, or remove it.", "to")
    source = data.files.whole
    if source is not None and source in target.parents:
        raise DatasetError(f"{shown(target)} lies in the set itself: choose a place outside of it.", "to")
    if form != "npz" and target.suffix.lower() in (".zip", ".tar", ".gz", ".tgz"):
        raise DatasetError(f"{shown(target)} would be a folder: choose a name without {target.suffix}.", "to")
    if form == "npz":
        with written_whole(target) as place:
            write_npz(data, place, told)
        return
    place = target.with_name(f".{target.name[:60]}.{os.urandom(4).hex()}")
    try:
        place.mkdir(parents=True)
        FORMATS[form](data, place, told)
        place.rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
