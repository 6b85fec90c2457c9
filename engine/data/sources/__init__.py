"""The ways in for images, one file a format. The rest of the program asks this list and knows none by name."""

import logging
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from engine.data.fetching import is_here, place_of
from engine.data.keeping import sets_in
from engine.data.reading import Reading
from engine.data.recognise import Sort, recognise_file
from engine.data.sources import digits
from engine.data.sources.source import Parts, Sniffed, Source, WithOthers
from engine.errors import DatasetError
from engine.specs.catalogue import CatalogueSet, catalogue
from engine.specs.data_files import COMES_ALONG, DataFiles, set_title
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
    if files.data in COMES_ALONG:
        return digits.read()
    if files.data is None:
        parts: Parts = import_module(SOURCES["idx"]).read_files(files)
        return parts
    if set_title(files.data) is not None:
        return _of_catalogue(catalogue()[files.data], files, reading)
    return _of_place(Path(files.data), files, reading)


def _of_catalogue(entry: CatalogueSet, files: DataFiles, reading: Reading) -> Parts:
    """A set of the catalogue, with the names of its classes.

    Raises:
        DatasetError: it has not been fetched.
    """
    sets = sets_in()
    if sets is None or not is_here(entry, sets):
        path = f" A folder or a file of that name is ./{entry.name}." if os.path.exists(entry.name) else ""
        raise DatasetError(
            f"{entry.title} is not here yet: `cae-tui data get {entry.name}`, or Catalogue on the page Data, fetches "
            f"it ({entry.size_words}).{path}",
            "data",
        )
    found = _of_place(place_of(entry, sets), files, reading)
    names = entry.classes if found.labels is not None and not found.class_names else found.class_names
    return replace(found, class_names=names)


def _of_place(path: Path, files: DataFiles, reading: Reading) -> Parts:
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
