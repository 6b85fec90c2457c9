"""A file of labels, as a spreadsheet, a person or a disk may have left it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.datasets import ImageData, ImageSet
from engine.data.label_file import COLUMNS, Decision, LabelFile, Row, read_labels, write_labels
from engine.data.leaving_out import without
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.fuzz.mutations import damaged, nasty_texts
from tests.fuzz.outcome import CONTROL, accepted_share, value_or_sentence

READER = "labels.csv"
NAMES = ("cat", "dog", "keep")
COUNT = 9


def _data() -> ImageData:
    images = np.arange(COUNT * 64, dtype=np.uint16).astype(np.uint8).reshape(COUNT, 8, 8, 1)
    images[:, 0, 0, 0] = np.arange(COUNT)  # no two are the same
    labels = (np.arange(COUNT) % len(NAMES)).astype(np.uint8)
    parts = ImageSet(images, labels), ImageSet(images + 100, labels)
    return ImageData(name="some", train=parts[0], test=parts[1], files=DataFiles(), class_names=NAMES, digest="d")


DATA = _data()
ROWS = (
    Row("training", 1, 1, 0, -0.9, Decision(keep=False, label=0)),
    Row("training", 2, 2, 0, -0.5, Decision()),
    Row("training", 4, 1, 2, -0.2, Decision(keep=False, label=2)),
    Row("test", 3, 0, 1, None, Decision(keep=False)),
)


def _good() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_labels(Path(folder, "labels.csv"), DATA, ROWS)
        return Path(folder, "labels.csv").read_bytes()


GOOD = _good()
LINES = GOOD.decode().splitlines()

cells = st.one_of(
    nasty_texts,
    st.sampled_from(
        ["", "keep", "leave out", "class keep", "cat", "dog", "training", "test", "0", "-1", "8", "9", "1e3"]
    ),
)


@st.composite
def other_cells(draw: st.DrawFn) -> bytes:
    """A good file with other cells, lines in another order, missing, or twice, and another separator."""
    table = [line.split(",") for line in LINES]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, len(table) - 1))
        column = draw(st.integers(0, len(COLUMNS) - 1))
        table[row][column] = draw(cells)
    rows = draw(st.permutations(range(1, len(table))))
    kept = [table[0], *(table[row] for row in rows[: draw(st.integers(0, len(rows)))])]
    if draw(st.booleans()):
        kept.append(table[draw(st.integers(0, len(table) - 1))])
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    separator, end = draw(st.sampled_from([",", ",", ";", "\t"])), draw(st.sampled_from(["\n", "\r\n"]))
    return mark + end.join(separator.join(line) for line in kept).encode(errors="surrogatepass")


files = st.one_of(other_cells(), other_cells(), damaged(GOOD))


def read(data: bytes) -> LabelFile:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labels.csv")
        path.write_bytes(data)
        found = read_labels(path, DATA)
    assert found.corrections.fits(COUNT, COUNT, len(NAMES))
    assert not CONTROL.search(found.corrections.sentence)
    changed = without(DATA, DATA.by_hand, found.corrections)
    assert len(changed.train) == COUNT - len(found.corrections.left_out[0])
    assert changed.corrected or not any(found.corrections.relabelled)
    return found


@given(data=files)
def test_any_file_of_labels_is_taken_or_refused_in_a_sentence(data: bytes) -> None:
    value_or_sentence(READER, lambda: read(data), DatasetError)


def test_a_good_part_of_the_files_is_taken() -> None:
    assert read(GOOD).decisions == {(row.part, row.place): row.decision for row in ROWS}

    def accepts(data: bytes) -> bool:
        try:
            read(data)
        except DatasetError:
            return False
        return True

    assert 0.05 < accepted_share(files, accepts) < 0.95


@pytest.mark.parametrize("line", range(1, len(ROWS) + 1))
def test_of_another_image_nothing_is_changed(line: int) -> None:
    other = LINES[line].rsplit(",", 1)[0] + ",x0123456789abcdef"
    with pytest.raises(DatasetError):
        read("\n".join([*LINES[:line], other, *LINES[line + 1 :]]).encode())
