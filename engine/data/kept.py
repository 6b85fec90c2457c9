"""What was decoded of image sets, kept on disk: one array that is mapped, and what is known of it.

Each set has a folder of its own under the home's `data`, named by what it was read from and how. It is made under
another name and renamed, so that a reader never meets half of one; whatever of it is not as it was written, or of an
older form, is as if it were not there.
"""

import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from engine.data.datasets import ImageData, ImageSet, is_from_disk
from engine.data.reading import mapped
from engine.errors import StorageError
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from engine.storage.files import delete_folder, read_json, storage_error, storage_errors, write_json
from engine.storage.typed_json import record_of

KIND = "image set"
FORM = 1
"""Of what is kept; another is read from the pictures again."""
_STALE_SECONDS = 86_400
"""After so long, a folder that nobody renamed was left by a process that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a set that is kept, as its `set.json` has it."""

    form: int
    name: str
    source: str  # the path of the set
    asked: str  # what was asked to be done to its images
    words: str
    shape: tuple[int, int, int]  # of an image
    training: int  # with those to validate by
    validation: int
    test: int
    labels: bool
    test_labels: bool
    class_names: tuple[str, ...]
    digest: str
    images_digest: str
    part_digests: dict[str, str]
    notes: tuple[str, ...]
    left_out: dict[str, str]
    sizes: tuple[tuple[int, int, int], ...]  # height, width, and how many had them
    test_data: str = ""  # the path of test images that lie elsewhere
    treatment: dict[str, str] = field(default_factory=dict)  # of what was asked, what is not as usual


@dataclass(frozen=True, slots=True)
class Kept:
    """A set that is kept."""

    folder: Path
    facts: Facts
    size: int  # bytes
    used: float  # when it was read last, in seconds since 1970

    @property
    def id(self) -> str:
        """What tells it from the others."""
        return self.folder.name[:8]

    @property
    def asked(self) -> str:
        """What was asked to be done to its images: `size 32x32, limit per class 50`."""
        facts = self.facts
        words = [f"{name.replace('_', ' ')} {value}" for name, value in facts.treatment.items()]
        return ", ".join([*words, *([f"test data {facts.test_data}"] if facts.test_data else [])])


class Store:
    """The sets that are kept in a folder, `data` of a home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str, files: DataFiles) -> ImageData | None:
        """The set that was kept under `key`, if it is there and whole."""
        return read_set(self._folder / _name(key), files)

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A folder to read a set into, which is gone at the end where `keep` has not renamed it.

        Raises:
            StorageError: it cannot be made.
        """
        self._sweep()
        place = self._folder / f".{platform.node()}-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            place.mkdir(parents=True)
        except OSError as error:
            raise storage_error(place, error) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def keep(self, place: Path, key: str, data: ImageData) -> str:
        """Have `data`, read into `place`, found under `key` from now on; gives back why that cannot be, else nothing.

        What was kept of the same set before one of its files changed gives way. What another process has kept
        meanwhile under this key stays.
        """
        try:
            self._write(place, data)
            if self.find(key, data.files) is None:
                facts = _facts(place)
                for old in self.all():
                    if (old.facts.source, old.facts.asked) == (facts.source, facts.asked):
                        delete_folder(old.folder)
                target = self._folder / _name(key)
                if target.exists():  # damaged, or of another form: else it would have been found
                    delete_folder(target)
                place.rename(target)
        except OSError as error:
            return "" if self.find(key, data.files) is not None else error.strerror or str(error)
        except StorageError as error:
            return str(error)
        return ""

    def _write(self, place: Path, data: ImageData) -> None:
        whole = _file_of(data)
        if whole is not None and whole.parent == place:
            whole.rename(place / "images")
        else:
            _write_images(place / "images", data)
        _write_labels(place / "labels", data)
        for other in place.iterdir():
            if other.name not in ("images", "labels"):
                other.unlink()
                continue
            with other.open("rb") as file:  # what is said of it below must not reach the disk before it
                os.fsync(file)
        write_json(place / "set.json", KIND, asdict(_facts_of(data)))

    def all(self) -> list[Kept]:
        """Every set that is kept, the one that was used last first."""
        found = []
        places = self._folder.iterdir() if self._folder.is_dir() else ()
        for place in (place for place in places if not place.name.startswith(".")):
            with suppress(OSError, ValueError, TypeError):
                size = sum(file.stat().st_size for file in place.iterdir())
                found.append(Kept(place, _facts(place), size, (place / "set.json").stat().st_mtime))
        return sorted(found, key=lambda kept: -kept.used)

    def unreadable(self) -> list[Path]:
        """Folders there that this version cannot read: damaged, or of another one."""
        known = {kept.folder for kept in self.all()}
        places = self._folder.iterdir() if self._folder.is_dir() else ()
        return [place for place in places if place not in known and not place.name.startswith(".")]

    def forget(self, kept: Kept) -> None:
        """Free the room that a set takes; a run that is using it goes on.

        Raises:
            StorageError: it cannot be deleted.
        """
        delete_folder(kept.folder)

    def _sweep(self) -> None:
        """Take away what processes left that are gone."""
        with suppress(OSError):
            for place in self._folder.iterdir():
                if place.name.startswith(".") and _is_left(place):
                    shutil.rmtree(place, ignore_errors=True)


def read_set(place: Path, files: DataFiles) -> ImageData | None:
    """The set in a folder, if it is there and whole; `files` are those that it was read from."""
    try:
        facts = _facts(place)
        rows = facts.training + facts.test
        images = mapped(place / "images", (rows, *facts.shape))
        labels = np.fromfile(place / "labels", np.uint8)
        if len(labels) != facts.labels * facts.training + facts.test_labels * facts.test:
            return None
        if os.path.getsize(place / "images") != images.nbytes:
            return None
        with suppress(OSError):
            os.utime(place / "set.json")  # when it was used last
    except (OSError, ValueError, TypeError):
        return None
    first = facts.training * facts.labels
    train = images[: facts.training]
    return ImageData(
        name=facts.name,
        train=ImageSet(train, labels[:first] if facts.labels else None, is_from_disk(train, files)),
        test=ImageSet(images[facts.training :], labels[first:] if facts.test_labels else None) if facts.test else None,
        files=files.absolute(),
        class_names=facts.class_names,
        digest=facts.digest,
        validation=facts.validation,
        words=facts.words,
        notes=facts.notes,
        left_out=facts.left_out,
        sizes={(height, width): many for height, width, many in facts.sizes},
        known_digests=(facts.images_digest, facts.part_digests),
    )


def share_set(place: Path, data: ImageData) -> None:
    """Have `read_set` find `data` in the folder `place`, which is there; a file that holds all images is linked to.

    Raises:
        StorageError: it cannot be written.
    """
    with storage_errors(place):
        whole = _file_of(data)
        if whole is None:
            _write_images(place / "images", data)
        else:
            try:
                os.link(whole, place / "images")
            except OSError:  # it is on another disk
                os.symlink(whole, place / "images")
        _write_labels(place / "labels", data)
        write_json(place / "set.json", KIND, asdict(_facts_of(data)))


def _is_left(place: Path) -> bool:
    """Whether the process that made a folder is gone, as far as that can be told from here."""
    host, _, rest = place.name[1:].rpartition("-")[0].rpartition("-")
    if host == platform.node() and rest.isdecimal():
        try:
            os.kill(int(rest), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
    return time.time() - place.stat().st_mtime > _STALE_SECONDS


def _name(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:24]


def _facts(place: Path) -> Facts:
    facts = record_of(Facts, read_json(place / "set.json"))
    if facts.form != FORM:
        raise ValueError(f"it has form {facts.form}")
    return facts


def _facts_of(data: ImageData) -> Facts:
    usual = Preprocessing().text
    return Facts(
        form=FORM,
        name=data.name,
        source=data.files.data or "",
        asked=f"{data.files.test_data or ''} {data.files.preprocessing}",
        words=data.words,
        shape=data.shape,
        training=len(data.train),
        validation=data.validation,
        test=0 if data.test is None else len(data.test),
        labels=data.train.labels is not None,
        test_labels=data.test is not None and data.test.labels is not None,
        class_names=data.class_names,
        digest=data.digest,
        images_digest=data.images_digest,
        part_digests=data.part_digests,
        notes=data.notes,
        left_out=dict(data.left_out),
        sizes=tuple((height, width, many) for (height, width), many in data.sizes.items()),
        test_data=str(data.files.test_data or ""),
        treatment={name: value for name, value in data.files.preprocessing.text.items() if value != usual[name]},
    )


def _file_of(data: ImageData) -> Path | None:
    """The file that has all images of `data` one after the other, and nothing else; None where there is none."""
    parts = [one.images for one in (data.train, data.test) if one is not None]
    whole = parts[0]
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.filename is None:
        return None
    place, size = whole.ctypes.data, 0
    for part in parts:
        if not part.flags.c_contiguous or part.ctypes.data != place + size:
            return None
        size += part.nbytes
    path = Path(whole.filename)
    return path if os.path.getsize(path) == size else None


def _write_images(path: Path, data: ImageData) -> None:
    with path.open("wb") as file:
        for one in (data.train, data.test):
            if one is not None:
                file.write(np.ascontiguousarray(one.images).data)


def _write_labels(path: Path, data: ImageData) -> None:
    labels = [one.labels for one in (data.train, data.test) if one is not None and one.labels is not None]
    path.write_bytes(b"".join(part.tobytes() for part in labels))
