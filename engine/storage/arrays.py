"""Arrays in files: what a run's images and predictions are written to and read from.

A file is data that anybody may have changed meanwhile: only plain numbers and text are read, and the size of an array
is held against that of the file before memory is taken for it.
"""

import math
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.errors import RunError
from engine.storage.files import Put, write_bytes
from engine.text import excerpt

KINDS = "iufU"
"""Whole numbers, fractions and text, as numpy calls them."""
LONGEST = 200
"""Characters of an error that are told: one may quote the file."""
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def write_arrays(path: Path, put: Put = write_bytes, /, **arrays: NDArray[Any]) -> None:
    """Put arrays at `path` as an `.npz`, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    put(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that `write_arrays` put there, by name.

    Raises:
        RunError: the file cannot be read, or is none of that kind.
    """
    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's own of an odd header would be written over the screen
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it holds less than its header says")
            return {
                member.filename.removesuffix(".npy"): _read_member(archive, member) for member in archive.infolist()
            }
    except Exception as error:  # zipfile, numpy and the parser of its headers have a dozen kinds for a damaged file
        raise RunError(
            f"{path} cannot be read ({str(error)[:LONGEST]}): restore the file, or train the run again."
        ) from None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError("it is compressed, which cae-tui never does")
    with archive.open(member) as file:
        shape, dtype = _header(file)
    if dtype.kind not in KINDS or not dtype.itemsize:
        raise ValueError(f"it holds {dtype}, neither numbers nor text")
    sides = (*shape, math.prod(shape) * dtype.itemsize)
    if min(sides) < 0 or max(sides) > member.file_size:
        raise ValueError(f"{excerpt(shape)} is more than the file has")
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format is {version}")
    shape, _, dtype = _HEADERS[version](file)
    return shape, dtype
