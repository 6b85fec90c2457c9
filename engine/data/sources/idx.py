"""IDX, the format of MNIST's files: reading one that somebody named, plain or gzip, and refusing what is none.

Two zero bytes, a type, a number of axes, a size for each, the values; the sizes are big-endian. Memory is taken
for what is there, never on the word of a header.
"""

import gzip
import math
import re
import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.reading import Reading
from engine.data.recognise import START, Sort, recognise
from engine.data.sources.checks import check_images, check_labels, size_words
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.data_files import IDX_FIELDS, ROLES, DataFiles
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown

_IMAGES = re.compile(r"images?[-._]idx[34][-._]ubyte(\.gz)?$")
"""How files of images are called where IDX comes from."""
_COLOURS = (1, 3)
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTES = 0x08
_VALUE_TYPES = {
    0x08: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}


class IdxSource:
    """See `Source`: a file of images, and those beside it that are named as its labels and test images are."""

    endings: Sequence[str] = ("ubyte", ".gz")

    def sniff(self, path: Path) -> Sniffed:
        """By the first four bytes, unpacked where they are gzip's; of a folder by the names in it."""
        try:
            if path.is_dir():
                return (
                    Sniffed(1, "it has files called as IDX files are")
                    if _in_folder(path)
                    else Sniffed(0, "no IDX file")
                )
            if not path.is_file():
                return Sniffed(0, "it is no file")
            with path.open("rb") as file:
                zipped = file.read(2) == _GZIP_MAGIC
            with gzip.open(path) if zipped else path.open("rb") as file:
                magic = file.read(4)
        except (OSError, EOFError, zlib.error, ValueError):
            return Sniffed(0, "it cannot be read")
        if len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _VALUE_TYPES:
            return Sniffed(1, "its first bytes are those of an IDX file")
        return Sniffed(0, "its first bytes are not those of an IDX file")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:  # noqa: ARG002 - see `Source`
        """The set that the file belongs to, the right way up where it is EMNIST's."""
        images = _in_folder(path) if path.is_dir() else path
        if images is None:
            raise DatasetError(f"{shown(path)} has no file of images in it: name the file.", "data")
        found = read_files(_beside(images))
        held_back = _called("train", "validation", images)
        if held_back is not None:
            found = _with_validation(found, read_files(_beside(held_back)), held_back)
        found = replace(found, class_names=_names_beside(images))
        told = [word for word, part in _WORDS.items() if getattr(found, part) is not None]
        found = replace(found, words=f"IDX, {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}")
        return _upright(found, images.name) if "emnist" in images.name.lower() else found

    def beside(self, path: Path) -> Sequence[Path]:
        """Files of labels, test images and validation images by their names, and of the names of the classes."""
        if path.is_dir():
            return ()
        stems = [path.name, *(path.name.replace("train", part) for part in ("t10k", "test", "validation"))]
        names = {name for stem in stems for name in (stem, re.sub(r"images?([-._])idx(\d)", r"labels\1idx1", stem))}
        both = {name for stem in names for name in (stem.removesuffix(".gz"), f"{stem.removesuffix('.gz')}.gz")}
        return [path.with_name(name) for name in sorted((both | {"classes.txt"}) - {path.name})]


SOURCE = IdxSource()

_WORDS = {
    "training images": "images", "labels": "labels", "test images": "test_images", "test labels": "test_labels"
}  # fmt: skip
_LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_EMNIST = {
    "letters": _LETTERS,
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "balanced": (*"0123456789", *_LETTERS, *"abdefghnqrt"),
    "bymerge": (*"0123456789", *_LETTERS, *"abdefghnqrt"),
    "byclass": (*"0123456789", *_LETTERS, *"abcdefghijklmnopqrstuvwxyz"),
}
"""The classes of EMNIST's six sets, by the word in the names of their files."""


def read_files(files: DataFiles) -> Parts:
    """Each file that is named for a part.

    Raises:
        DatasetError: one cannot be read, or does not belong to another.
    """
    found: dict[str, Any] = {}
    for field in IDX_FIELDS:
        path = getattr(files, field)
        if path is not None:
            of = {"labels": "images", "test_labels": "test_images"}.get(field, "")  # whose labels they are
            images = getattr(files, of) if of else None
            found[field] = IdxFile(path, ROLES[field]).read(images, len(found[of]) if images is not None else 0)
    return Parts(**found)


def _in_folder(folder: Path) -> Path | None:
    """The file of training images in a folder that has some, by its name."""
    names = sorted(name for entry in folder.iterdir() if _IMAGES.search(name := entry.name) and entry.is_file())
    train = [name for name in names if "train" in name]
    return folder / (train or names)[0] if names else None


def _called(old: str, new: str, path: Path) -> Path | None:
    """The file beside `path` whose name has `new` in place of `old`, plain or gzip."""
    name = re.sub(old, new, path.name)
    places = [path.with_name(stem) for stem in (name, name.removesuffix(".gz"), f"{name}.gz")]
    return next((place for place in places if place != path and place.is_file()), None)


def _beside(images: Path) -> DataFiles:
    """A file of images, with those of its labels and test images where they are called so and lie beside it."""

    def labels_of(path: Path | None) -> Path | None:
        return None if path is None else _called(r"images?([-._])idx(\d)", r"labels\1idx1", path)

    tests = _called("train", "t10k", images) or _called("train", "test", images)
    return DataFiles(images=images, labels=labels_of(images), test_images=tests, test_labels=labels_of(tests))


def _with_validation(found: Parts, more: Parts, path: Path) -> Parts:
    """`found` with the images of a file to validate by as its last."""
    assert found.images is not None
    assert more.images is not None
    if more.images.shape[1:] != found.images.shape[1:] or (more.labels is None) != (found.labels is None):
        raise DatasetError(
            f"{shown(path)} holds images of another shape than those to train on, or only one of them has labels: mend "
            "it, or take it away.",
            "data",
        )
    labels = None if found.labels is None or more.labels is None else np.concatenate([found.labels, more.labels])
    return replace(
        found, images=np.concatenate([found.images, more.images]), labels=labels, validation=len(more.images)
    )


def _names_beside(images: Path) -> tuple[str, ...]:
    """The names of the classes, a line each, where `classes.txt` lies beside the images, as `data export` has it."""
    try:
        with (images.parent / "classes.txt").open(encoding="utf-8") as file:
            return tuple(file.read(1 << 20).splitlines())
    except (OSError, UnicodeDecodeError):
        return ()


def _upright(found: Parts, name: str) -> Parts:
    """EMNIST is stored with rows and columns exchanged, and its letters counted from 1."""
    known = re.search(rf"emnist[-_.]({'|'.join(_EMNIST)})", name.lower())
    which = known[1] if known else ""
    counted_from = 1 if which == "letters" and found.labels is not None and found.labels.min(initial=1) == 1 else 0
    return replace(
        found,
        images=_turned(found.images),
        labels=None if found.labels is None else found.labels - np.uint8(counted_from),
        test_images=_turned(found.test_images),
        test_labels=None if found.test_labels is None else found.test_labels - np.uint8(counted_from),
        class_names=_EMNIST.get(which, found.class_names),
        notes=("Images of EMNIST are stored on their side: they were turned upright.",),
    )


def _turned(images: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    return None if images is None else np.ascontiguousarray(images.swapaxes(1, 2))


@dataclass(frozen=True)
class IdxFile:
    """An IDX file that somebody named."""

    path: Path
    role: str  # training images, training labels, test images or test labels

    def read(self, images: Path | None = None, count: int = 0) -> NDArray[np.uint8]:
        """Images (n, h, w, 1) or (n, h, w, 3), or labels (n,).

        The axis of the colours may stand behind those of a pixel's place or before them, and that of grey images be
        left out; labels may have an axis of one more.

        Args:
            images: for labels, the file of the images that they belong to.
            count: how many images those are; another number of labels is refused before they are read.

        Whether it is gzip is decided by its first bytes: people rename files, and browsers unpack them.
        """
        try:
            status = self.path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise self._refused(f"is a folder; an IDX file of {self.role} was expected: name the file in it.")
            if not stat.S_ISREG(status.st_mode):
                raise self._refused(f"is not a regular file; an IDX file of {self.role} was expected: save it first.")
            with self.path.open("rb") as file:
                zipped = file.read(2) == _GZIP_MAGIC
                file.seek(0)
                if not zipped:
                    return self._read_stream(file, status.st_size, images, count)
                with gzip.GzipFile(fileobj=file) as unzipped:
                    return self._read_stream(unzipped, None, images, count)
        except FileNotFoundError as error:
            raise self._refused(f"does not exist: check the path of the {self.role}.") from error
        except EOFError as error:
            raise self._refused("is a gzip file that breaks off before its end: copy or download it again.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            # The first bytes were right, so this is said only of what comes after a complete stream.
            if str(error).startswith("Not a gzipped file"):
                found = "is a gzip file with other bytes after its end"
            else:
                found = f"is a damaged gzip file ({error})"
            raise self._refused(f"{found}: copy or download it again.") from error
        except OSError as error:
            raise self._refused(
                f"cannot be read: {error.strerror or error}. Check it, or name another file."
            ) from error
        except MemoryError as error:
            raise self._refused(f"does not fit into memory: name fewer {self.role}.") from error
        except ValueError as error:  # a zero byte in the path
            raise self._refused("is not a path: check its spelling.") from error

    def _refused(self, sentence: str) -> DatasetError:
        return DatasetError(f"{shown(self.path)} {sentence}", self._field)

    @property
    def _field(self) -> str:
        return self.role.removeprefix("training ").replace(" ", "_")

    def _read_stream(
        self, stream: IO[bytes] | gzip.GzipFile, size: int | None, images: Path | None, count: int
    ) -> NDArray[np.uint8]:
        """The values, where `size` is the stream's bytes if they are known before reading."""
        shape = self._read_header(stream)
        if images is not None:
            check_labels(images, count, self.path, shape[0], self._field)
        expected = math.prod(shape)
        if size is not None and size < 4 + 4 * len(shape) + expected:
            raise self._cut_short(shape, size - 4 - 4 * len(shape))
        # Grown by what arrives: memory is never taken on the word of a header.
        data = bytearray()
        while len(data) < expected and (chunk := stream.read(min(_CHUNK, expected - len(data)))):
            data += chunk
        if len(data) < expected:
            raise self._cut_short(shape, len(data))
        # Reading on is also what makes gzip compare its checksum.
        if stream.read(1):
            raise self._refused(
                f"goes on after the {expected:,} bytes of {shape[0]:,} {self._unit} that its header promises: "
                "copy or download it again, or correct its header."
            )
        values = np.frombuffer(data, np.uint8)
        if self._unit == "labels":
            return values
        if len(shape) == 4 and shape[1] in _COLOURS:
            return np.ascontiguousarray(np.moveaxis(values.reshape(shape), 1, 3))
        return values.reshape(*shape, 1) if len(shape) == 3 else values.reshape(shape)

    @property
    def _unit(self) -> str:
        return self.role.split()[1]

    def _read_header(self, stream: IO[bytes] | gzip.GzipFile) -> tuple[int, ...]:
        """The sizes, all of them ones that can be read."""
        magic = stream.read(4)
        if not magic:
            raise self._refused(f"is empty; an IDX file of {self.role} was expected: copy or download it again.")
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _VALUE_TYPES:
            raise self._something_else(magic + stream.read(START - len(magic)), isinstance(stream, gzip.GzipFile))
        if magic[2] != _UNSIGNED_BYTES:
            raise self._refused(
                f"holds {_VALUE_TYPES[magic[2]]} (type code 0x{magic[2]:02X}); unsigned bytes (0x08) were expected: "
                f"convert the {self._unit} to {'0 to 255' if self._unit == 'images' else 'classes from 0'}."
            )
        self._check_axes(axes=magic[3])
        sizes = stream.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            missing = 4 * magic[3] - len(sizes)
            raise self._refused(f"ends in its header, {missing} bytes of it missing: copy or download it again.")
        shape = struct.unpack(f">{magic[3]}I", sizes)
        if self._unit == "images":
            self._check_shape(shape)
        elif shape[1:] not in ((), (1,)):
            raise self._refused(
                f"holds {shape[1]:,} numbers for each label; one was expected: write the number of the class alone."
            )
        return shape

    def _something_else(self, start: bytes, zipped: bool) -> DatasetError:
        found = recognise(start)
        expected = f"an IDX file of {self.role}"
        if found is None:
            beginnings = "00 00 08 01" if self._unit == "labels" else "00 00 08 03 or 00 00 08 04"
            return self._refused(
                f"starts with the bytes {start[:4].hex(' ')}; {expected} starts with {beginnings}: "
                "name another file, or convert it to IDX."
            )
        within = " inside a gzip file" if zipped else ""
        return self._refused(f"is {found.what}{within}; {expected} was expected: {self._advice(found.sort)}.")

    def _advice(self, sort: Sort) -> str:
        """What gets a person from a file of that sort to images or labels."""
        match sort:
            case Sort.PACKED:
                return "unpack it, and name the IDX file that comes out"
            case Sort.NOT_IT:
                return "download the file itself again"
            case Sort.ARRAYS | Sort.JSON:
                return f"write the {self._unit} in it as IDX; the README says how"
            case Sort.PICTURE if self._unit == "images":
                return "all images go into one IDX file; the README says how"
            case Sort.MODEL | Sort.OWN_MODEL | Sort.SAFETENSORS:
                return f"it holds weights, so name the file of the {self._unit}"
            case _:
                return "name another file"

    def _check_axes(self, axes: int) -> None:
        if axes in ((1, 2) if self._unit == "labels" else (3, 4)):
            return
        if self._unit == "images" and axes == 1:
            found = "looks like a label file: are images and labels swapped?"
        elif self._unit == "labels" and axes in (3, 4):
            found = "looks like an image file: are images and labels swapped?"
        else:
            found = f"has {axes} axes."
        expected = "1 axis" if self._unit == "labels" else "3 axes (images, height, width), or 4 with colours last"
        raise self._refused(f"{found} {self.role.capitalize()} with {expected} were expected.")

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        count, *image = shape
        if len(image) == 3 and image[0] in _COLOURS:
            image = [*image[1:], image[0]]
        colours = image[2:]
        if colours and colours[0] not in _COLOURS:
            raise self._refused(
                f"holds images of {size_words(shape[1:])}; 1 or 3 colours in the last place were expected: "
                "write the values of a pixel one after the other, red, green, blue."
            )
        check_images(self.path, self._field, count, tuple(image))

    def _cut_short(self, shape: tuple[int, ...], found: int) -> DatasetError:
        expected, each = math.prod(shape), math.prod(shape[1:])
        missing = expected - found
        return self._refused(
            f"is cut short: its header promises {shape[0]:,} {self._unit} ({expected:,} bytes), and {missing:,} bytes "
            f"({-(-missing // each):,} {self._unit}) are missing: copy or download it again."
        )
