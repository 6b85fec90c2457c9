"""The ways in for images, one file a format. The rest of the program asks this list and knows none by name."""

import logging
import os
import stat
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from engine.data.reading import Reading
from engine.data.recognise import Sort, recognise_file
from engine.data.sources import digits
from engine.data.sources.source import Parts, Sniffed, Source, WithOthers
from engine.errors import DatasetError
from engine.specs.data_files import KNOWN, DataFiles
from engine.storage.paths import shown

SOURCES = {
    name: f"engine.data.sources.{name}"
    for name in ("idx", "npz", "matlab", "cifar", "parquet", "table", "folder", "archive")
}
"""Where each source is: imported when it is asked for."""

EXPECTED = (
    "a folder or an archive of pictures, arrays of NumPy, CSV, Parquet, the binary CIFAR, SVHN's MATLAB file or IDX"
)
"""What is read, in words."""

log = logging.getLogger(__name__)


def read(files: DataFiles, reading: Reading) -> Parts:
    """The set that `files` names, its test data apart; of IDX files each that is named.

    Raises:
        DatasetError: it cannot be read.
    """
    if files.data in KNOWN:
        return digits.read()
    if files.data is None:
        parts: Parts = import_module(SOURCES["idx"]).read_files(files)
        return parts
    path = Path(files.data)
    source, sniffed = _surest(path)
    if not sniffed.sure:
        raise DatasetError(f"{shown(path)} {_nothing_known(path)}", "data")
    log.debug("%s is read as %s: %s", path, source, sniffed.why)
    return source.read(path, files.preprocessing, reading)


def files_beside(path: Path) -> Sequence[Path]:
    """Files that are read with the one at `path`, or would be if they were there."""
    source, _ = _surest(path)
    beside: Sequence[Path] = source.beside(path) if isinstance(source, WithOthers) else ()
    return beside


def endings() -> tuple[str, ...]:
    """How the names of files that may be a set end."""
    return tuple(ending for source in _sources() for ending in source.endings)


def _sources() -> list[Source]:
    return [import_module(module).SOURCE for module in SOURCES.values()]


def _surest(path: Path) -> tuple[Source, Sniffed]:
    """The source that is surest of a place, the first of equals, and how sure it is."""
    found = [(source, source.sniff(path)) for source in _sources()]
    return max(found, key=lambda pair: pair[1].sure)


def _nothing_known(path: Path) -> str:
    """What is wrong with a place that no source knows."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()  # no source could look into it
        if not stat.S_ISREG(status.st_mode):
            return "is neither a file nor a folder: save what comes from it first, and name that."
        known = recognise_file(path)
    except FileNotFoundError:
        return "does not exist: check its spelling."
    except ValueError:
        return "is not a path: check its spelling."
    except OSError as error:
        return f"cannot be read: {error.strerror or error}. Check it, or name another."
    if known is not None and known.sort is Sort.PICTURE:
        return f"is {known.what.replace('a picture', 'a single picture')}: name the folder that it lies in."
    what = "is of no format that is known" if known is None else f"is {known.what}"
    return f"{what}; {EXPECTED} was expected: name another, or convert it."
