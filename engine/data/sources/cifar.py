"""CIFAR-10 and CIFAR-100 in their binary form: a label or two, then 32×32 pixels, the reds first."""

import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from engine.data.reading import Reading
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown

_PIXELS = 3 * 32 * 32
_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_NAMES = {"batches.meta.txt": 10, "fine_label_names.txt": 100}
_FILES = (*_BATCHES, "test_batch.bin", "train.bin", "test.bin", *_NAMES)
_LARGEST = 200_000_000
_PICKLED = ("data_batch_1", "batches.meta", "meta", "file.txt~")


class CifarSource:
    """See `Source`."""

    endings: Sequence[str] = (".bin",)

    def sniff(self, path: Path) -> Sniffed:
        """By the names of its files: in a folder, in the archive as it is downloaded, or of the one that is named."""
        try:
            if path.is_dir():
                names = {entry.name for entry in path.iterdir() if entry.name in (*_FILES, *_PICKLED)}
            elif path.name in _FILES and path.name.endswith(".bin") and path.is_file():
                names = {path.name}
            elif path.is_file() and path.name.startswith("cifar-10") and path.name.endswith((".tar.gz", ".tar")):
                return Sniffed(1, "it is called as CIFAR's archive is")
            else:
                names = set()
        except (OSError, ValueError):
            names = set()
        if names & {*_BATCHES, "train.bin"} or names >= {"data_batch_1", "batches.meta"} or names >= {"meta", "train"}:
            return Sniffed(1, "its files are called as CIFAR's are")
        return Sniffed(0, "it has no file of CIFAR")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:  # noqa: ARG002 - see `Source`
        """All batches that are there."""
        try:
            files = _of_archive(path) if path.is_file() and not path.name.endswith(".bin") else _of_folder(path)
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise DatasetError(f"{shown(path)} cannot be read ({error}): copy or download it again.", "data") from None
        train = [name for name in (*_BATCHES, "train.bin") if name in files]
        if not train:
            raise DatasetError(
                f"{shown(path)} is the version of CIFAR for Python, which is read by running code that is in it; the "
                "binary version was expected: download cifar-10-binary.tar.gz or cifar-100-binary.tar.gz.",
                "data",
            )
        hundred = train == ["train.bin"]
        images, labels = _rows(path, files, train, hundred)
        test = [name for name in ("test_batch.bin", "test.bin") if name in files]
        test_images, test_labels = _rows(path, files, test, hundred) if test else (None, None)
        names = files.get("fine_label_names.txt" if hundred else "batches.meta.txt", b"").decode("utf-8", "replace")
        return Parts(
            images=images, labels=labels, test_images=test_images, test_labels=test_labels,
            class_names=tuple(names.split()),
            words=f"CIFAR-{100 if hundred else 10}, binary, {len(train)} training "
            f"{'file' if len(train) == 1 else 'files'}{' and a test file' if test else ''}",
        )  # fmt: skip

    def beside(self, path: Path) -> Sequence[Path]:
        """The other files of its set."""
        named = path.name.endswith(".bin")
        return [path.with_name(name) for name in _FILES if named and name != path.name]


SOURCE = CifarSource()


def _of_folder(path: Path) -> dict[str, bytes]:
    found = {}
    if path.is_file():
        # One of its files stands for its set.
        return _of_folder(path.parent)
    for name in _FILES:
        place = path / name
        if place.is_file() and place.stat().st_size <= _LARGEST:
            found[name] = place.read_bytes()
    return found


def _of_archive(path: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if member.isreg() and name in _FILES and member.size <= _LARGEST:
                file = archive.extractfile(member)
                assert file is not None
                found[name] = file.read()
    return found


def _rows(
    path: Path, files: Mapping[str, bytes], names: Sequence[str], hundred: bool
) -> tuple["np.typing.NDArray[np.uint8]", "np.typing.NDArray[np.uint8]"]:
    width = _PIXELS + (2 if hundred else 1)
    for name in names:
        if not files[name] or len(files[name]) % width:
            raise DatasetError(
                f"{name} in {shown(path)} has {len(files[name]):,} bytes; a multiple of {width:,} was expected: "
                "copy or download it again.",
                "data",
            )
    rows = np.concatenate([np.frombuffer(files[name], np.uint8).reshape(-1, width) for name in names])
    images = rows[:, -_PIXELS:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.ascontiguousarray(rows[:, -_PIXELS - 1])
