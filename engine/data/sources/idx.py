"""IDX, the format of MNIST's files: reading one that somebody named, plain or gzip, and refusing what is none.

Two zero bytes, a type, a number of axes, a size for each, the values; the sizes are big-endian. Memory is taken
for what is there, never on the word of a header.
"""

import gzip
import math
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.recognise import START, Sort, recognise
from engine.data.sources.checks import check_images, check_labels, size_words
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.data_files import ROLES, DataFiles
from engine.storage.paths import shown

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
    """See `Source`: a file for each part."""

    def sniff(self, path: Path) -> Sniffed:
        """By the first four bytes, unpacked where they are gzip's."""
        try:
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

    def read(self, files: DataFiles) -> Parts:
        """Each file that is named."""
        found: dict[str, Any] = {}
        for field, path in files.named.items():
            of = {"labels": "images", "test_labels": "test_images"}.get(field, "")  # whose labels they are
            images = getattr(files, of) if of else None
            found[field] = IdxFile(path, ROLES[field]).read(images, len(found[of]) if images is not None else 0)
        return Parts(**found)


SOURCE = IdxSource()


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
