"""Arrays of NumPy: an `.npz` as MedMNIST and Keras have them, or one `.npy` of images."""

import math
import os
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.data.reading import Reading, sealed
from engine.data.sources.arrays import as_images, as_labels, has_several, scaling_of
from engine.data.sources.checks import check_labels
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing, sides
from engine.storage.paths import shown
from engine.text import excerpt

_PARTS = {
    "train": "training", "training": "training", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test", "testing": "test",
}  # fmt: skip
_IMAGES = ("images", "image", "imgs", "img", "x", "data", "pixels", "pictures", "arr0")
_LABELS = ("labels", "label", "y", "targets", "target", "classes", "arr1")
_CLASS_NAMES = ("class_names", "classnames", "label_names", "names")
_MAGIC = b"\x93NUMPY"
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_LOCAL_HEADER = 30
"""Bytes before the name of an archive's member."""
_READ = 1 << 20
IN_MEMORY = 64 << 20
"""Bytes of an `.npy` that are read into memory; of more, a file of ours is made."""


class NpzSource:
    """See `Source`."""

    endings: Sequence[str] = (".npz", ".npy")

    def sniff(self, path: Path) -> Sniffed:
        """By the first bytes, and for an archive by what is in it."""
        try:
            if not path.is_file():
                return Sniffed(0, "it is no file")
            with path.open("rb") as file:
                start = file.read(_LOCAL_HEADER + 1024)
            if start.startswith(_MAGIC):
                return Sniffed(1, "its first bytes are those of a NumPy array")
            # The list of what is in an archive stands at its end, and can be long: its first member is enough.
            length = int.from_bytes(start[26:28], "little")
            if start.startswith(b"PK\3\4") and start[_LOCAL_HEADER : _LOCAL_HEADER + length].endswith(b".npy"):
                return Sniffed(1, "it is an archive of NumPy arrays")
        except (OSError, ValueError):
            pass
        return Sniffed(0, "its first bytes are not those of NumPy")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Its arrays, told apart by their names."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # numpy's own of an odd header would be written over the screen
                arrays = _arrays(path, reading)
        except DatasetError:
            raise
        except MemoryError:
            raise DatasetError(f"{shown(path)} does not fit into memory: name a part of it.", "data") from None
        except OSError as error:
            raise DatasetError(
                f"{shown(path)} cannot be read: {error.strerror or error}. Check it, or name another.", "data"
            ) from None
        except Exception as error:  # zipfile, zlib, numpy and the parser of its headers have a dozen kinds
            raise DatasetError(
                f"{shown(path)} is damaged ({excerpt(str(error))}): copy or download it again.", "data"
            ) from None
        return parts_of(path, arrays, preprocessing)


SOURCE = NpzSource()


def parts_of(path: Path, arrays: Mapping[str, NDArray[Any]], preprocessing: Preprocessing) -> Parts:
    """The parts of a set whose arrays are named as those of MedMNIST, of Keras or simply `images` and `labels`.

    Raises:
        DatasetError: no array is called so, or they are neither images nor labels.
    """
    images: dict[str, NDArray[Any]] = {}
    labels: dict[str, NDArray[Any]] = {}
    called: dict[str, str] = {}
    class_names: tuple[str, ...] = ()
    for name, array in arrays.items():
        part, what = _role(name)
        if name.lower() in _CLASS_NAMES and array.dtype.kind == "U" and array.ndim == 1:
            class_names = tuple(map(str, array))
        elif what and part in (images if what == "images" else labels):
            raise DatasetError(
                f"{shown(path)} holds {called[part + what]} and {excerpt(name)}, both {part} {what}: leave one out.",
                "data",
            )
        elif what:
            (images if what == "images" else labels)[part] = array
            called[part + what] = name
    if not images and len(arrays) == 1:
        images["training"] = next(iter(arrays.values()))
    if not images:
        raise DatasetError(
            f"{shown(path)} holds {_listed(arrays)}; arrays called train_images, x_train, images or data were "
            "expected: rename them.",
            "data",
        )
    unused = [called[f"{part}labels"] for part in labels if part not in images]
    if set(images) == {"test"}:
        images["training"], labels = images.pop("test"), {"training": labels["test"]} if "test" in labels else {}
        called |= {f"training{what}": called[f"test{what}"] for what in ("images", "labels") if f"test{what}" in called}
    if "training" not in images:
        raise DatasetError(
            f"{shown(path)} holds no training images, only {_listed(arrays)}: name a file with some.", "data"
        )
    shape = sides(preprocessing.table_shape) if preprocessing.table_shape else ()
    shaped = {part: as_images(path, called.get(part + "images", ""), array, shape) for part, array in images.items()}
    scale = scaling_of(path, list(shaped.values()))
    pixels = {part: np.ascontiguousarray(scale(array)) for part, array in shaped.items()}
    own = {called[f"{part}labels"]: array for part, array in labels.items() if part in images}
    several = [name for name, array in own.items() if has_several(array)]
    if several:
        own = {}
    by_name, names = as_labels(path, own)
    known = {part: by_name[name] for part in images if (name := called.get(f"{part}labels", "")) in by_name}
    for part, found_labels in known.items():
        check_labels(path, len(pixels[part]), path, len(found_labels), "data")
    if "validation" in pixels and pixels["validation"].shape[1:] != pixels["training"].shape[1:]:
        raise DatasetError(
            f"{shown(path)} holds validation images of another shape than its training images: bring them to one.",
            "data",
        )
    train, train_labels, validation = pixels["training"], known.get("training"), 0
    if "validation" in pixels:
        validation = len(pixels["validation"])
        if train_labels is not None and "validation" not in known:
            raise DatasetError(
                f"{shown(path)} has labels for training images and none for validation images: add them.", "data"
            )
        train = np.concatenate([train, pixels["validation"]])
        train_labels = None if train_labels is None else np.concatenate([train_labels, known["validation"]])
    if train_labels is None and "test" in known:
        unused.append(called["testlabels"])
    notes = [scale.note] if scale.note else []
    if several:
        notes.append(
            f"{excerpt(', '.join(several))} {'gives' if len(several) == 1 else 'give'} an image several classes, or "
            "none: labels are left out. One class each, as a number or one-hot, is needed for a classifier."
        )
    if unused:
        notes.append(
            f"{excerpt(', '.join(unused))} {'is' if len(unused) == 1 else 'are'} not used: there are no images of that "
            "part, or no labels of the training images."
        )
    found = [word for word in ("training", "validation", "test") if word in pixels]
    return Parts(
        images=train,
        labels=train_labels,
        test_images=pixels.get("test"),
        test_labels=known.get("test") if train_labels is not None else None,
        validation=validation,
        class_names=names or class_names,
        words=f"NumPy arrays, {', '.join(found[:-1])}{' and ' if found[1:] else ''}{found[-1]} images"
        f"{'' if train_labels is None else ' with labels'}",
        notes=tuple(notes),
    )


def _role(name: str) -> tuple[str, str]:
    """The part that an array of that name is for, and whether it holds images or labels; both may be empty."""
    words = name.lower().replace("-", "_").strip("_").split("_")
    part = next((_PARTS[word] for word in words if word in _PARTS), "training")
    rest = "".join(word for word in words if word not in _PARTS)
    if rest in _IMAGES or (not rest and len(words) == 1):
        return part, "images"
    return part, "labels" if rest in _LABELS else ""


def _listed(arrays: Mapping[str, NDArray[Any]]) -> str:
    told = [f"{excerpt(name)} ({'×'.join(map(str, array.shape))})" for name, array in list(arrays.items())[:6]]
    return ", ".join(told) or "no array"


def _arrays(path: Path, reading: Reading) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        return {"images": _copied(path, reading)}
    found = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = _grown(file)
    return found


def _copied(path: Path, reading: Reading) -> NDArray[Any]:
    """The array of an `.npy`, in memory or in a file of ours.

    The file itself is never mapped: where it is saved again meanwhile, what is trained on would change, or be gone, and
    take the process with it.
    """
    with path.open("rb") as file:
        shape, dtype, fortran = _header_with_order(file)
        size = math.prod(shape) * dtype.itemsize
        _check_size(shape, size, os.fstat(file.fileno()).st_size - file.tell())
        data = np.empty(size, np.uint8) if size <= IN_MEMORY else reading.array("array", (size,))
        room, done, many = data.data, 0, shape[0] if shape else 1
        while done < size and (count := file.readinto(room[done : done + _READ])):
            done += count
            reading.tell(many * done // size, many)
        if done < size:
            raise ValueError(f"it was cut short while it was read: {done:,} of {size:,} bytes were there")
    array = sealed(data).view(dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _grown(file: IO[bytes]) -> NDArray[Any]:
    """An array of a member, grown by what arrives: memory is never taken on the word of a header."""
    shape, dtype, fortran = _header_with_order(file)
    expected = math.prod(shape) * dtype.itemsize
    data = bytearray()
    while len(data) < expected and (chunk := file.read(min(_READ, expected - len(data)))):
        data += chunk
    if len(data) < expected:
        raise ValueError(f"an array breaks off after {len(data):,} of {expected:,} bytes")
    file.read(1)  # which has the checksum compared
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _header_with_order(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format is {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.kind not in "buifUS" or not dtype.itemsize:
        raise DatasetError(
            f"An array of type {excerpt(str(dtype))} was found; numbers or text were expected: objects of Python are "
            "not read, for such a file can run code. Save it with allow_pickle=False.",
            "data",
        )
    if any(side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, dtype, fortran


def _check_size(shape: tuple[int, ...], size: int, there: int) -> None:
    if size > there:
        raise ValueError(f"it is cut short: {excerpt(str(shape))} is more than it has")
