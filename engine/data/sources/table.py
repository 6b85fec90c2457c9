"""CSV with an image in each row, as Kaggle has them: a label, perhaps, and the pixels."""

import codecs
import csv
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.pictures import MOST_BAD, TOLD
from engine.data.reading import Reading
from engine.data.sources.arrays import as_images, as_labels, scaling_of
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import SMALLEST_SIDE, Preprocessing, sides
from engine.storage.paths import shown
from engine.text import excerpt

_LABELS = ("label", "labels", "class", "target", "y", "emotion")
_FEWEST = SMALLEST_SIDE * SMALLEST_SIDE
_START = 1 << 20
_ROWS = 2000
"""Rows that are read between two looks at whether they are still wanted."""


class TableSource:
    """See `Source`."""

    endings: Sequence[str] = (".csv",)

    def sniff(self, path: Path) -> Sniffed:
        """By the first two lines: many cells, nearly all of them numbers."""
        try:
            if not path.is_file():
                return Sniffed(0, "it is no file")
            with path.open("rb") as file:
                # What is read may end within a character.
                text = codecs.getincrementaldecoder("utf-8-sig")().decode(file.read(_START))
            first, *rest = text.splitlines() or [""]
            lines = [first, *itertools.islice((line for line in rest if line.strip()), 1)]
        except (OSError, UnicodeDecodeError, ValueError):
            return Sniffed(0, "it is no text")
        rows = [_cells(line, _comma(line)) for line in lines]
        if rows and len(rows[-1]) >= _FEWEST and sum(map(_is_number, rows[-1])) >= len(rows[-1]) - 1:
            return Sniffed(0.9, f"its lines have {len(rows[-1]):,} numbers")
        return Sniffed(0, "its lines are no rows of numbers")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Its rows, with the label in the column that is called so, else in the one that is no pixel."""
        shape = sides(preprocessing.table_shape) if preprocessing.table_shape else ()
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                head, column, comma, count = _layout(path, file, shape)
                rows = _rows(path, file, 2 if head else 1, column, comma, count, size, reading)
        except OSError as error:
            raise DatasetError(
                f"{shown(path)} cannot be read: {error.strerror or error}. Check it, or name another.", "data"
            ) from None
        except MemoryError:
            raise DatasetError(f"{shown(path)} does not fit into memory: name a part of it.", "data") from None
        left_out, pixels, labels = _labelled(path, rows, named=column is not None)
        images = as_images(path, "", pixels, shape)
        scale = scaling_of(path, [images])
        known, names = as_labels(path, {} if labels is None else {"label": labels})
        place = column or 0
        where = "no labels" if labels is None else f"labels in column {excerpt(head[place] if head else place + 1)}"
        return Parts(
            images=np.ascontiguousarray(scale(images)), labels=known.get("label"), class_names=names,
            words=f"CSV, {len(images):,} rows of {pixels.shape[1]:,} pixels, {where}",
            notes=(scale.note,) if scale.note else (),
            left_out=left_out,
        )  # fmt: skip


SOURCE = TableSource()


def _comma(line: str) -> str:
    return max(",;\t", key=line.count)


def _cells(line: str, comma: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=comma, skipinitialspace=True), [])
    except csv.Error:  # a cell of more than a hundred thousand characters
        return []


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _layout(path: Path, file: IO[bytes], shape: Sequence[int]) -> tuple[list[str], int | None, str, int]:
    """The head, if there is one, the column of the labels, if there is one, what parts cells, and how many there are.

    Leaves `file` at the first row.
    """
    first = file.readline(_START).decode("utf-8-sig", "replace")
    comma = _comma(first)
    cells = _cells(first, comma)
    head = cells if _is_head(cells) else []
    if not head:
        file.seek(0)
    count = len(cells)
    named = [place for place, name in enumerate(head) if name.strip().lower() in _LABELS]
    pixels = math.prod(shape) if shape else 0
    if len(named) == 1:
        return head, named[0], comma, count
    if count == pixels or (not pixels and _is_square(count)):
        return head, None, comma, count
    if count - 1 == pixels or (not pixels and _is_square(count - 1)):
        # Without a name to go by, the first is the label, as nearly everybody has it, or a last that is no number.
        row = cells if not head else _peek(file, comma)
        words = [place for place, cell in enumerate(row) if not _is_number(cell)]
        return head, words[0] if len(words) == 1 and words[0] in (0, count - 1) else 0, comma, count
    raise DatasetError(
        f"{shown(path)} has {count:,} columns; a square of pixels was expected, with or without a label: say the "
        "height and width as 28x28 (--shape).",
        "table_shape",
    )


def _is_head(cells: Sequence[str]) -> bool:
    """Whether these are names of columns: words, or numbers counted up, as pandas has them; one word may be a label."""
    words = [cell for cell in cells if not _is_number(cell)]
    numbers = [float(cell) for cell in cells if _is_number(cell)]
    counted_up = len(numbers) > 1 and all(after == before + 1 for before, after in itertools.pairwise(numbers))
    return len(words) > 1 or any(word.strip().lower() in _LABELS for word in words) or counted_up


def _peek(file: IO[bytes], comma: str) -> list[str]:
    place = file.tell()
    line = file.readline(_START).decode("utf-8", "replace")
    file.seek(place)
    return _cells(line, comma)


def _is_square(count: int) -> bool:
    return any(math.isqrt(count // colours) ** 2 * colours == count >= _FEWEST for colours in (1, 3))


class _Rows(NamedTuple):
    """What the rows of a table have."""

    pixels: NDArray[Any]  # (n, pixels)
    labels: list[str]  # of each, as it is written; none where no column has them
    lines: list[int]  # of the file, counted from 1, that each row stands in


def _rows(
    path: Path, file: IO[bytes], line: int, column: int | None, comma: str, count: int, size: int, reading: Reading
) -> _Rows:
    """All rows, a few at a time; `line` is the one of the file that comes next."""
    blocks: list[NDArray[Any]] = []
    labels: list[str] = []
    places: list[int] = []
    reading.tell(0, 0)
    while read := list(itertools.islice(file, _ROWS)):
        lines = [(line + number, text) for number, text in enumerate(read) if text.strip()]
        line += len(read)
        if not lines:
            continue
        rows = [_cells_of(text, comma) for _, text in lines]
        for (number, _), row in zip(lines, rows, strict=True):
            if len(row) != count:
                raise DatasetError(
                    f"{shown(path)} has {len(row):,} cells in line {number:,}, and {count:,} in the first: "
                    "correct or remove that line.",
                    "data",
                )
        if column is not None:
            labels += [row.pop(column).strip() for row in rows]
        try:
            block = np.array(rows, np.float32)
        except ValueError:
            number, cell = next(
                (number, cell)
                for (number, _), row in zip(lines, rows, strict=True)
                for cell in row
                if not _is_number(cell or "x")
            )
            raise DatasetError(
                f"{shown(path)} has “{excerpt(cell)}” in line {number:,}, where a pixel was expected: "
                "correct or remove that line.",
                "data",
            ) from None
        # Bytes where they can be, a quarter of the memory.
        whole = block.astype(np.uint8) if ((block >= 0) & (block <= 255)).all() else block
        blocks.append(whole if (whole == block).all() else block)
        places += [number for number, _ in lines]
        # Nobody knows how many rows there are before the last: about as many as so many bytes have.
        reading.tell(len(places), max(len(places), round(len(places) * size / max(file.tell(), 1))))
    if not blocks:
        raise DatasetError(f"{shown(path)} has no rows: name a file with images.", "data")
    pixels = np.concatenate(blocks)
    if pixels.dtype != np.uint8 and np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all():
        pixels = pixels.astype(np.int32 if np.abs(pixels).max(initial=0) < 1 << 31 else np.float64)
    return _Rows(pixels, labels, places)


def _cells_of(line: bytes, comma: str) -> list[str]:
    """The cells of a row; what has no quotes is parted in half the time."""
    text = line.decode("utf-8", "replace").strip()
    return _cells(text, comma) if '"' in text else text.split(comma)


def _labelled(path: Path, rows: _Rows, *, named: bool) -> tuple[dict[str, str], NDArray[Any], NDArray[Any] | None]:
    """The rows that have a label, and why the others are left out; all of them where no column has labels."""
    if not named:
        return {}, rows.pixels, None
    has = np.array([bool(label) for label in rows.labels])
    missing = [f"line {rows.lines[row]:,} of {path.name}" for row in np.flatnonzero(~has).tolist()]
    if len(missing) > MOST_BAD * len(has):
        more = f" and {len(missing) - TOLD:,} more" if len(missing) > TOLD else ""
        which = ", ".join(f"{rows.lines[row]:,}" for row in np.flatnonzero(~has)[:TOLD].tolist())
        raise DatasetError(
            f"{shown(path)} has no label in {len(missing):,} of {len(has):,} rows, more than one in ten (lines {which}"
            f"{more}): give each one, or take the column of labels away.",
            "data",
        )
    labels = _numbers([label for label in rows.labels if label])
    return dict.fromkeys(missing, "has no label"), rows.pixels[has] if missing else rows.pixels, labels


def _numbers(labels: Sequence[str]) -> NDArray[Any]:
    """Labels as numbers where all of them are."""
    try:
        return np.array(labels, np.float64)
    except ValueError:
        return np.array(labels)
