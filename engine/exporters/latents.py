"""Latents, a row an image, in the formats that other programs read: NumPy, CSV, Parquet, TensorBoard's projector.

Rows are written as they come, and nothing is kept of them but a checksum, by which what was written is checked.

Over 400 lines: one format after the other, each written, checked and named alike.
"""

import csv
import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExportError, StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told, told_nobody
from engine.storage.csv_text import write_rows
from engine.text import counted, one_line

Latents = NDArray[np.float32]
"""Shape (n, numbers)."""
NAMES_ENDING = ".names.csv"
"""Of the file beside a `.npy` that says which row is which image: `latents.npy` has `latents.names.csv`."""
FORMS: Mapping[str, str] = {".npy": "npy", ".csv": "csv", ".parquet": "parquet"}
"""By the ending of a file; everything else is a folder for the projector."""
PROJECTOR = ("tensors.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt")
LARGEST_SPRITE = 8_192
"""Height and width of the picture of all images, at most: browsers take no larger one."""
SMALLEST_IMAGE = 4
"""Pixels of an image in it; where they would be less, there is none."""
READ_AT_ONCE = 4_096


@dataclass(frozen=True)
class Rows:
    """Some images, with what their latents are."""

    names: Sequence[str]
    classes: Sequence[str] | None  # what each shows, where that is known
    latents: Latents
    images: NDArray[np.uint8]  # (n, height, width, channels)


@dataclass(frozen=True)
class Shape:
    """What is known before the first row."""

    numbers: int  # in a latent
    most: int  # rows, at most
    has_classes: bool
    image: tuple[int, int, int]


class Writer(ABC):
    """Writes rows to files of one format.

    Args:
        path: where it is written, a file or a folder; nothing is there yet.
        shape: of what is to come.
        names: the file that says which row is which image, of a format that has no place for it.
    """

    def __init__(self, path: Path, shape: Shape, names: Path | None = None) -> None:
        self.path, self.shape, self.names = path, shape, names
        self.count = self._sum = 0
        self._files: list[IO[Any]] = []

    def add(self, rows: Rows) -> None:
        """Write some more.

        Raises:
            OSError: they cannot be written.
        """
        values = np.ascontiguousarray(rows.latents, np.float32)
        self._sum = zlib.crc32(values.tobytes(), self._sum)
        self.count += len(values)
        self._write(rows, values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Write what comes last, where all went well, and let go of the files."""
        if kind is None:
            self._finish()
        for file in self._files:
            file.close()

    def _finish(self) -> None:  # noqa: B027 - most have nothing
        """Write what comes last."""

    def check(self, told: Told = told_nobody) -> str:
        """Read back what was written, and say how that was done, as a clause.

        Raises:
            StorageError: it is not what was to be written.
        """
        count = found = 0
        try:
            for values in self._read():
                told(count, self.count)
                count += len(values)
                found = zlib.crc32(values.astype(np.float32).tobytes(), found)
        except (OSError, ValueError) as error:
            raise StorageError(NOT_READ_BACK) from error
        if count != self.count or found != self._sum:
            raise StorageError(NOT_READ_BACK)
        return f"read back, {counted(count, 'row')} of {counted(self.shape.numbers, 'number')}"

    @abstractmethod
    def _write(self, rows: Rows, values: Latents) -> None:
        """Write them."""

    @abstractmethod
    def _read(self) -> Iterator[Latents]:
        """What is in the file, some rows at a time."""

    def _text(self, path: Path) -> TextIO:
        file = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        self._files.append(file)
        return file


class NpyWriter(Writer):
    """float32, shape (n, numbers), and beside it a CSV of names."""

    def __init__(self, path: Path, shape: Shape, names: Path | None = None) -> None:
        super().__init__(path, shape, names)
        self._file = path.open("wb")
        self._files.append(self._file)
        self._file.write(self._head(shape.most))
        self._names = None if names is None else self._text(names)
        if self._names is not None:
            write_rows(self._names, [_heads(shape)])

    def _finish(self) -> None:
        """See `Writer`; how many rows there are is known now."""
        self._file.seek(0)
        self._file.write(self._head(self.count))

    def _write(self, rows: Rows, values: Latents) -> None:
        self._file.write(values.data)
        if self._names is not None:
            write_rows(self._names, _named(rows))

    def _read(self) -> Iterator[Latents]:
        return read_npy(self.path, self.shape.numbers)

    def _head(self, rows: int) -> bytes:
        """Version 1.0 of the format, always of one length: it is written again once the rows are counted."""
        about = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {self.shape.numbers}), }}"
        return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + about.ljust(117).encode() + b"\n"


class CsvWriter(Writer):
    """A row an image: its name, its class where that is known, and z0, z1, …"""

    def __init__(self, path: Path, shape: Shape, names: Path | None = None) -> None:
        super().__init__(path, shape, names)
        self._file = self._text(path)
        write_rows(self._file, [[*_heads(shape), *(f"z{number}" for number in range(shape.numbers))]])

    def _write(self, rows: Rows, values: Latents) -> None:
        write_rows(self._file, ([*named, *_digits(row)] for named, row in zip(_named(rows), values, strict=True)))

    def _read(self) -> Iterator[Latents]:
        return read_csv(self.path, self.shape.numbers)


class ParquetWriter(Writer):
    """The columns of the CSV, by pyarrow."""

    def __init__(self, path: Path, shape: Shape, names: Path | None = None) -> None:
        super().__init__(path, shape, names)
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [(head, pa.string()) for head in _heads(shape)]
        columns += [(f"z{number}", pa.float32()) for number in range(shape.numbers)]
        self._schema = pa.schema(columns)
        self._file = pq.ParquetWriter(path, self._schema)
        self._files.append(self._file)

    def _write(self, rows: Rows, values: Latents) -> None:
        import pyarrow as pa

        texts = list(zip(*_named(rows), strict=True)) or [() for _ in _heads(self.shape)]
        plain = [[_encodable(cell) for cell in column] for column in texts]
        self._file.write_table(
            pa.Table.from_arrays([*map(pa.array, plain), *map(pa.array, values.T)], schema=self._schema)
        )

    def _read(self) -> Iterator[Latents]:
        import pyarrow.parquet as pq

        names = [f"z{number}" for number in range(self.shape.numbers)]
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(READ_AT_ONCE, columns=names):
                yield np.stack([column.to_numpy() for column in batch.columns], axis=1)


class ProjectorWriter(Writer):
    """The files that TensorBoard's projector reads: vectors, names, and one picture with all images.

    By its rules the names have a line of heads only where there are several columns, and the picture has the images row
    by row, at most 8,192 pixels high and wide.
    """

    def __init__(self, path: Path, shape: Shape, names: Path | None = None) -> None:
        super().__init__(path, shape, names)
        path.mkdir(exist_ok=True)
        self._tensors, self._metadata = self._text(path / "tensors.tsv"), self._text(path / "metadata.tsv")
        if shape.has_classes:
            self._metadata.write("picture\tclass\n")
        self._columns = max(math.ceil(math.sqrt(shape.most)), 1)
        height, width, _ = shape.image
        scale = min(LARGEST_SPRITE // self._columns / max(height, width), 1)
        self._size = int(height * scale), int(width * scale)
        self.sprite = None
        if min(self._size) >= SMALLEST_IMAGE:
            tall, wide = self._size
            lines = math.ceil(shape.most / self._columns)
            self.sprite = np.zeros((lines * tall, self._columns * wide, shape.image[2]), np.uint8)

    def _finish(self) -> None:
        """See `Writer`; the picture and what names the files come last."""
        from PIL import Image

        sprite = ""
        if self.sprite is not None and self.count:
            tall, wide = self._size
            used = self.sprite[: math.ceil(self.count / self._columns) * tall]
            Image.fromarray(used if used.shape[2] == 3 else used[..., 0]).convert("RGB").save(self.path / "sprite.png")
            sprite = (
                '  sprite {\n    image_path: "sprite.png"\n'
                f"    single_image_dim: {wide}\n    single_image_dim: {tall}\n  }}\n"
            )
        (self.path / "projector_config.pbtxt").write_text(
            'embeddings {\n  tensor_name: "latents"\n  tensor_path: "tensors.tsv"\n  metadata_path: "metadata.tsv"\n'
            f"{sprite}}}\n",
            encoding="utf-8",
        )

    def check(self, told: Told = told_nobody) -> str:
        """See `Writer`; the names and the picture are looked at too."""
        from PIL import Image

        said = super().check(told)
        with (self.path / "metadata.tsv").open(encoding="utf-8") as file:
            lines = sum(1 for _ in file)
        if lines != self.count + self.shape.has_classes:
            raise StorageError(NOT_READ_BACK)
        if self.sprite is None or not self.count:
            return f"{said}; without a picture of the images, which are too many for one"
        with Image.open(self.path / "sprite.png") as image:
            image.load()
            if max(image.size) > LARGEST_SPRITE or image.width // self._size[1] != self._columns:
                raise StorageError(NOT_READ_BACK)
        return said

    def _write(self, rows: Rows, values: Latents) -> None:
        for row in values:
            self._tensors.write("\t".join(_digits(row)) + "\n")
        for cells in _named(rows):
            self._metadata.write("\t".join(one_line(cell).replace("\t", " ") or " " for cell in cells) + "\n")
        if self.sprite is not None:
            self._draw(rows.images)

    def _draw(self, images: NDArray[np.uint8]) -> None:
        from PIL import Image

        assert self.sprite is not None
        tall, wide = self._size
        for place, image in enumerate(images, self.count - len(images)):
            down, across = divmod(place, self._columns)
            if image.shape[:2] != self._size:
                small = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
                image = np.asarray(small.resize((wide, tall), Image.Resampling.BOX)).reshape(tall, wide, -1)
            self.sprite[down * tall : (down + 1) * tall, across * wide : (across + 1) * wide] = image

    def _read(self) -> Iterator[Latents]:
        return read_tsv(self.path / "tensors.tsv", self.shape.numbers)


_WRITERS: Mapping[str, type[Writer]] = {
    "npy": NpyWriter, "csv": CsvWriter, "parquet": ParquetWriter, "projector": ProjectorWriter,
}  # fmt: skip


def missing_for(form: str) -> str:
    """What has to be installed before it can be written, as a sentence; empty where nothing has to be."""
    if form != "parquet":
        return ""
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ImportError:
        return "Parquet is written by pyarrow, which is not installed: pip install 'cae-tui[parquet]'."
    return ""


def writer_of(form: str, path: Path, shape: Shape, names: Path | None = None) -> Writer:
    """What writes such a format; see `Writer`.

    Raises:
        ExportError: what writes it is not installed.
        OSError: it cannot be written there.
    """
    if missing := missing_for(form):
        raise ExportError(missing)
    return _WRITERS[form](path, shape, names)


def form_of(path: Path, *, folder: bool = False) -> str:
    """The format that a path names by its ending; `folder` says that it can only be a folder.

    Raises:
        ExportError: it ends as a file of another format does.
    """
    if folder or not path.suffix:
        return "projector"
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise ExportError(
            f"Latents are not written as {path.suffix}: end the name in .npy, .csv or .parquet, or in / for a folder "
            "that TensorBoard's projector reads."
        )
    return form


def read_npy(path: Path, numbers: int) -> Iterator[Latents]:
    """The rows of a file, some at a time; likewise `read_csv` and `read_tsv`.

    Raises:
        ValueError: it does not hold rows of so many numbers.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version")
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.float32 or by_column or len(shape) != 2 or shape[1] != numbers:
            raise ValueError(f"{dtype} {shape}")
        for start in range(0, shape[0], READ_AT_ONCE):
            count = min(READ_AT_ONCE, shape[0] - start)
            yield np.fromfile(file, np.float32, count * numbers).reshape(count, numbers)
        if file.read(1):
            raise ValueError("more than was promised")


def read_csv(path: Path, numbers: int) -> Iterator[Latents]:
    """See `read_npy`."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        next(lines)
        yield from _numbers(lines, numbers)


def read_tsv(path: Path, numbers: int) -> Iterator[Latents]:
    """See `read_npy`."""
    with path.open(encoding="utf-8") as file:
        yield from _numbers((line.rstrip("\n").split("\t") for line in file), numbers)


def _heads(shape: Shape) -> list[str]:
    return ["picture", "class"] if shape.has_classes else ["picture"]


def _named(rows: Rows) -> list[tuple[str, ...]]:
    if rows.classes is None:
        return [(name,) for name in rows.names]
    return list(zip(rows.names, rows.classes, strict=True))


def _digits(row: Latents) -> list[str]:
    """Each number with as many digits as tell it from every other of 32 bits."""
    return list(map("%.9g".__mod__, row.tolist()))


def _numbers(lines: Iterator[list[str]], count: int) -> Iterator[Latents]:
    """The last `count` cells of each line, some lines at a time.

    Raises:
        ValueError: a line has fewer, or a cell is no number.
    """
    some: list[list[str]] = []
    for line in lines:
        some.append(line[len(line) - count :])
        if len(some) == READ_AT_ONCE:
            yield np.array(some, np.float64).astype(np.float32)
            some = []
    if some:
        yield np.array(some, np.float64).astype(np.float32)


def _encodable(text: str) -> str:
    """A name of a file that is not UTF-8 has characters that no encoding has."""
    return text.encode(errors="backslashreplace").decode()
