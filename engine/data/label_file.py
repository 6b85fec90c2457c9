"""A file of labels: a CSV with a row for each image that a person decided about, or may decide about.

An image is named by its file, or else by its part and place, and known again by a fingerprint of its pixels: of another
set, or of another picture under the same name, nothing is changed. A spreadsheet may have had the file: separators, a
mark of UTF-8 in front and rows in another order are as good as what was written. All else that is not as it was written
is refused in a sentence, for a label that is changed unasked would never be found again.
"""

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.corrections import AS_GIVEN, OUT, Corrections
from engine.data.datasets import ImageData
from engine.data.file_names import Names, file_names
from engine.errors import DatasetError
from engine.storage.csv_text import csv_of
from engine.storage.files import make_folder_of, write_bytes
from engine.storage.paths import shown
from engine.text import class_name, counted, excerpt, one_line, plain

COLUMNS = ("part", "place", "file", "given", "suggested", "decision", "score", "fingerprint")
"""The first line. `place` is the number of the image in its part, from 0; for `score` see `evaluation.doubts`."""
KEEP, LEAVE_OUT, AS_CLASS = "keep", "leave out", "class "
"""Decisions; any other is the name of a class, after `class` where it would be taken for one of these."""
MOST_BYTES = 256 << 20
FIELD = "labels_from"
_FINGERPRINT = re.compile("x[0-9a-f]{16}")
_PARTS = ("training", "test")


class Decision(NamedTuple):
    """What was decided of an image."""

    keep: bool = True  # the label it has
    label: int = OUT  # where it is not kept: the one it gets, or `OUT`


class Row(NamedTuple):
    """A line of a file of labels."""

    part: str  # training or test
    place: int  # in the whole part
    given: int  # the label; -1 where the image has none
    suggested: int  # -1 where nothing is suggested
    score: float | None  # see `evaluation.doubts`
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What such a file says of a set."""

    corrections: Corrections
    decisions: Mapping[tuple[str, int], Decision]  # by part and place, those to keep among them
    undecided: int = 0  # lines without a decision


def fingerprint(image: NDArray[np.uint8]) -> str:
    """Of an image's pixels, (height, width, channels); with a letter in front no spreadsheet takes it for a number."""
    sha = hashlib.sha256(f"{image.shape}".encode())
    sha.update(np.ascontiguousarray(image).data)
    return f"x{sha.hexdigest()[:16]}"


def write_labels(path: Path, data: ImageData, rows: Iterable[Row]) -> None:
    """Write a line for each of `rows`, of the whole set `data`, to `path`, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    names = dict(zip(_PARTS, file_names(data), strict=True))
    lines = [COLUMNS, *(_cells(data, names[row.part], row) for row in rows)]
    make_folder_of(path)
    write_bytes(path, csv_of(lines).encode())


def _cells(data: ImageData, names: Names, row: Row) -> tuple[object, ...]:
    images = data.train if row.part == "training" else data.test
    assert images is not None

    def name(label: int) -> str:
        return "" if label < 0 else class_name(data.class_names, label)

    if row.decision is None:
        decided = ""
    elif row.decision.keep:
        decided = KEEP
    elif row.decision.label == OUT:
        decided = LEAVE_OUT
    else:
        decided = name(row.decision.label)
        if _is_taken(decided):
            decided = AS_CLASS + decided
    return (
        row.part, row.place, one_line(names[row.place]) if names else "", name(row.given), name(row.suggested), decided,
        "" if row.score is None else f"{row.score:.4f}", fingerprint(images.take(np.array([row.place]))[0]),
    )  # fmt: skip


def read_labels(path: Path, data: ImageData) -> LabelFile:
    """What a file of labels says of the whole set `data`.

    Raises:
        DatasetError: it is no such file, of another set, or something in it does not fit these images.
    """
    return _Reader(path, data).read()


class _Line(NamedTuple):
    """A line with a decision, as it stands in the file."""

    number: int  # from 1
    part: str
    place: int
    file: str
    given: str
    decision: str
    fingerprint: str


class _Reader:
    """One reading of a file."""

    def __init__(self, path: Path, data: ImageData) -> None:
        self._path, self._data = path, data
        self._labels = {name: label for label, name in enumerate(data.class_names)}
        self._images = {"training": data.train, "test": data.test}
        self._listed: set[tuple[str, str]] = set()  # the part and the file of each line
        self._undecided = 0
        self._by_print: dict[str, dict[str, list[int]]] = {}
        names = file_names(data)
        self._names = dict(zip(_PARTS, names, strict=True))
        self._places = {
            part: {one_line(name): place for place, name in enumerate(known)}
            for part, known in zip(_PARTS, names, strict=True)
        }

    def read(self) -> LabelFile:
        lines = list(self._lines())
        found: dict[tuple[str, int], Decision] = {}
        at: dict[tuple[str, int], int] = {}
        missing: list[_Line] = []
        for line in lines:
            place = self._place(line)
            if place is None:
                missing.append(line)
                continue
            key = line.part, place
            if key in found:
                raise self._wrong(
                    line.number, f"decides about the image that line {at[key]} decides about: keep one of the two"
                )
            found[key], at[key] = self._decision(line, place), line.number
        if missing:
            raise self._missing(missing, len(lines))
        changes: dict[str, dict[int, int]] = {part: {} for part in _PARTS}
        for (part, place), decision in found.items():
            if not decision.keep and (decision.label == OUT or decision.label != self._given(part, place)):
                changes[part][place] = decision.label
        corrections = Corrections.of(changes["training"], changes["test"], self._path.name)
        return LabelFile(corrections, found, self._undecided)

    # -- the text ----------------------------------------------------------------------------------

    def _text(self) -> str:
        try:
            if not self._path.is_file():
                there = "is no file" if os.path.lexists(self._path) else "does not exist"
                what = "is a folder" if self._path.is_dir() else there
                raise self._refused(
                    f"{what}: name a file of labels, as `cae-tui doubts` writes one, or leave this empty"
                )
            if (size := self._path.stat().st_size) > MOST_BYTES:
                raise self._refused(f"has {size:,} bytes; at most {MOST_BYTES:,} were expected of a file of labels")
            return self._path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError:
            raise self._refused("is no text in UTF-8: save it as CSV in UTF-8") from None

    def _lines(self) -> Iterator[_Line]:
        text = self._text()
        head = text.splitlines()[0] if text.strip() else ""
        sign = next((sign for sign in ",;\t" if tuple(_stripped(head.split(sign))) == COLUMNS), "")
        if not sign:
            raise self._refused(
                f"is no file of labels: its first line is {f'“{excerpt(head, 60)}”' if head else 'missing'}, and "
                f"{','.join(COLUMNS)} was expected. `cae-tui doubts DATA --csv FILE` writes one"
            )
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
        try:
            for cells in reader:
                if reader.line_num == 1 or not any(map(str.strip, cells)):
                    continue
                if len(cells) != len(COLUMNS):
                    raise self._wrong(
                        reader.line_num, f"has {counted(len(cells), 'cell')}, and {len(COLUMNS)} were expected"
                    )
                if (line := self._line(reader.line_num, dict(zip(COLUMNS, cells, strict=True)))) is not None:
                    yield line
        except csv.Error as error:
            raise self._wrong(reader.line_num, f"is no line of a CSV ({error})") from None

    def _line(self, number: int, cells: Mapping[str, str]) -> _Line | None:
        """The line, checked in itself; None where nothing is decided."""
        part, place = cells["part"].strip(), cells["place"].strip()
        if part not in _PARTS:
            raise self._wrong(number, f"names the part “{excerpt(part)}”, and training or test was expected")
        if not (place.isascii() and place.isdigit() and len(place) < 12):
            raise self._wrong(number, f"names the place “{excerpt(place)}”, and a number from 0 on was expected")
        seen = cells["fingerprint"].strip()
        if not _FINGERPRINT.fullmatch(seen):
            raise self._wrong(
                number,
                f"ends in “{excerpt(seen)}”, and the fingerprint of an image was expected, an x and 16 characters",
            )
        decision = cells["decision"].strip()
        self._listed.add((part, _bare(cells["file"].strip())))
        if not decision:
            self._undecided += 1
            return None
        return _Line(number, part, int(place), cells["file"].strip(), cells["given"], decision, seen)

    # -- what it means for the set -----------------------------------------------------------------

    def _place(self, line: _Line) -> int | None:
        """The place of the image that a line is about in its part; None where it is not there."""
        images = self._images[line.part]
        if images is None:
            return None
        places = self._places[line.part]
        first = [places[name] for name in (line.file, _bare(line.file)) if name in places]
        for place in [*first, line.place]:
            if place < len(images) and self._print(line.part, place) == line.fingerprint:
                return place
        # It stands elsewhere by now: files came or went, or classes were chosen. What has a line of its own is a copy.
        names = self._names[line.part]
        others = [
            place
            for place in self._all_prints(line.part).get(line.fingerprint, [])
            if not names or _bare(line.file) == names[place] or (line.part, one_line(names[place])) not in self._listed
        ]
        return others[0] if len(others) == 1 else None

    def _print(self, part: str, place: int) -> str:
        images = self._images[part]
        assert images is not None
        return fingerprint(images.take(np.array([place]))[0])

    def _all_prints(self, part: str) -> dict[str, list[int]]:
        if part not in self._by_print:
            images = self._images[part]
            found: dict[str, list[int]] = {}
            for place in range(0 if images is None else len(images)):
                found.setdefault(self._print(part, place), []).append(place)
            self._by_print[part] = found
        return self._by_print[part]

    def _given(self, part: str, place: int) -> int:
        images = self._images[part]
        return -1 if images is None or images.labels is None else int(images.labels[place])

    def _decision(self, line: _Line, place: int) -> Decision:
        given = self._given(line.part, place)
        if (wrote := self._label(line.given)) != given:
            has = f"it is of class {class_name(self._data.class_names, given)}" if given >= 0 else "it has no class"
            was = f"of class {excerpt(line.given)}" if line.given.strip() else "without a class"
            why = "" if wrote is not None else ", a class that this set does not have"
            raise self._wrong(
                line.number,
                f"was written when its image was {was}{why}, and now {has}: decide anew, or take the line away",
            )
        if line.decision == KEEP:
            return Decision()
        if line.decision == LEAVE_OUT:
            return Decision(keep=False)
        called = line.decision.removeprefix(AS_CLASS)
        label = self._label(called) if called != line.decision and _is_taken(called) else None
        if label is None:
            label = self._label(line.decision)
        if label is None or label < 0:
            classes = [*self._labels]
            some = f"{', '.join(classes[:8])}{' …' if len(classes) > 8 else ''}"
            there = f"a class ({some})" if classes else "a class, and these images have none"
            raise self._wrong(
                line.number,
                f"decides “{excerpt(line.decision)}”: {KEEP}, {LEAVE_OUT} or the name of {there} was expected",
            )
        if given < 0:
            raise self._wrong(line.number, "gives a class to an image of a part without classes: only leave such out")
        return Decision(keep=False, label=label)

    def _label(self, name: str) -> int | None:
        """The label of a class by its name; -1 for no name, None where there is no such class."""
        if not name.strip():
            return -1
        for reading in (name, name.strip(), _bare(name.strip())):
            if reading in self._labels:
                return self._labels[reading]
        return None

    # -- refusals ----------------------------------------------------------------------------------

    def _missing(self, missing: Sequence[_Line], of: int) -> DatasetError:
        first = missing[0]
        if len(missing) == of:
            return self._refused(
                f"is of other images: of those it decides about none is in {self._data.name} as it is read now. Name "
                "the file of this set, with the size and colours that it was made with"
            )
        called = first.file or f"{first.part} image {first.place}"
        return self._wrong(
            first.number,
            f"decides about {shown(Path(called))}, which is not in {self._data.name} any more, or has other pixels "
            f"({counted(len(missing), 'such line')}): take such lines away, or restore the images",
        )

    def _wrong(self, number: int, what: str) -> DatasetError:
        return DatasetError(f"Line {number:,} of {shown(self._path)} {plain(what)}.", FIELD)

    def _refused(self, what: str) -> DatasetError:
        return DatasetError(f"{shown(self._path)} {plain(what)}.", FIELD)


def _is_taken(name: str) -> bool:
    """Whether a class of that name would be taken for something else."""
    return name in (KEEP, LEAVE_OUT) or name.startswith(AS_CLASS)


def _stripped(cells: Iterable[str]) -> list[str]:
    return [cell.strip().strip('"') for cell in cells]


def _bare(cell: str) -> str:
    """A cell without the sign that keeps a spreadsheet from running it."""
    return cell.removeprefix("'")


NO_LABELS = LabelFile(AS_GIVEN, {})
