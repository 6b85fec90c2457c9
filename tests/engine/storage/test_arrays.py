"""Files of arrays: what was written is read, and nothing else is believed."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.errors import RunError
from engine.evaluation.results import read_predictions, read_samples
from engine.runs.directory import RunDirectory
from engine.storage.arrays import read_arrays, write_arrays

SHAPE = (2, 8, 8, 1)


def header(shape: str, kind: str = "|u1") -> bytes:
    """The beginning of an array in a file."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def archive(path: Path, content: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("originals.npy", content)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    arrays = {"numbers": np.arange(6.0).reshape(2, 3), "text": np.array("test"), "none": np.zeros((0, 3), np.uint8)}
    write_arrays(tmp_path / "arrays.npz", **arrays)
    found = read_arrays(tmp_path / "arrays.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (header("(1000000000000,)") + b"x", "(1000000000000,) is more than the file has"),
        (header("(2,)", "|O") + b"xx", "it holds object, neither numbers nor text"),
        (header("(2,)", "<U0"), "it holds <U0, neither numbers nor text"),
        (header("(-2,)") + b"xx", "(-2,) is more than the file has"),
        (header("(2L,)") + b"xx", "Reading `.npy`"),  # numpy reads it, and warns
        (header("(2,") + b"xx", "EOF in multi-line statement"),
        (b"\x93NUMPY\x03\x00", "its format is (3, 0)"),
        (b"", "EOF"),
        (header("(0, 1180591620717411303424)"), "is more than the file has"),
        (header("(" + "-" * 9000 + "2,)") + b"xx", ""),  # too deep for the parser
        (header("(2,)").replace(b"'|u1'", b"()   ") + b"xx", ""),
        (header("(2,)").replace(b"'|u1'", b"'f',) ") + b"xx", ""),
    ],
)
def test_an_array_that_lies_about_itself_is_refused_before_memory_is_taken(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = archive(tmp_path / "arrays.npz", content)
    with pytest.raises(RunError, match=f"{re.escape(str(path))} cannot be read .*{re.escape(why)}"):
        read_arrays(path)


def test_a_file_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path) -> None:
    size = 10_000_000
    path = archive(tmp_path / "bomb.npz", header(f"({size},)") + bytes(size), zipfile.ZIP_DEFLATED)
    with pytest.raises(RunError, match="holds less than its header says"):
        read_arrays(path)
    small = archive(tmp_path / "small.npz", header("(2,)") + b"xx", zipfile.ZIP_DEFLATED)
    with pytest.raises(RunError, match="it is compressed"):
        read_arrays(small)


def test_arrays_that_are_no_samples_or_predictions_are_refused(tmp_path: Path) -> None:
    samples, run = tmp_path / "samples.npz", RunDirectory(tmp_path)
    write_arrays(samples, originals=np.zeros(SHAPE, np.uint8), reconstructions=np.zeros((*SHAPE[:3], 3), np.uint8))
    with pytest.raises(RunError, match="does not hold reconstructions"):
        read_samples(samples)
    write_arrays(run.predictions, kind=np.array("classifier"), of=np.array("test"), indices=np.arange(2))
    with pytest.raises(RunError, match="does not hold what a model made of images"):
        read_predictions(run)
