"""Image sets that were read: screens, a run and every trial of a study share what was read once, also of last week."""

import os
import stat
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine.data.by_hand import ByHand
from engine.data.corrections import AS_GIVEN, Corrections
from engine.data.datasets import ImageData, load_dataset
from engine.data.decoder import GONE
from engine.data.keeping import kept_in
from engine.data.kept import Store
from engine.data.leaving_out import chosen, without
from engine.data.reading import Reading
from engine.data.sources import files_beside
from engine.data.walk import walk
from engine.errors import StorageError
from engine.specs.catalogue import catalogue
from engine.specs.data_files import COMES_ALONG, DataFiles

KEPT = 2
"""Sets that stay in memory."""
STEADY_NS = 2_000_000_000
"""A file that was changed less than this long ago may change again unseen: the clocks of file systems are coarse."""

SEEN_SECONDS = 5.0
"""A folder whose files took long to look at is not looked at again for so long: a page of images asks many times."""
LONG_SECONDS = 0.02

Told = Callable[[int, int], None]
Walked = dict[Path, list[os.DirEntry[str]]]

_kept: OrderedDict[str, ImageData] = OrderedDict()
_decided: OrderedDict[tuple[object, ...], Corrections] = OrderedDict()  # of files of labels, by how they were
_seen: dict[DataFiles, tuple[float, str]] = {}  # when folders were looked at, and what was seen
_reading: defaultdict[DataFiles, threading.Lock] = defaultdict(threading.Lock)  # nobody reads what another is reading
_table = threading.Lock()  # for who looks into these, or changes them


def load(
    files: DataFiles = DataFiles(),  # noqa: B008 - it is frozen
    told: Told | None = None,
    by_hand: ByHand | None = None,
    corrections: Corrections | None = None,
) -> ImageData:
    """The image set that is meant; where nothing is named, MNIST. It is read again only where a file is not as it was.

    Args:
        files: which.
        told: see `Reading`.
        by_hand: the images to leave out of it; where it is None, those that a person left out by now.
        corrections: of its labels; where it is None, those that its file of labels has, where one is named.

    Raises:
        DatasetError: see `load_dataset`; or its file of labels cannot be read, or is of other images.
    """
    found = _whole(files.as_given, told)
    if corrections is None:
        corrections = AS_GIVEN if files.labels_from is None else _labels(files.absolute().labels_from, found)
    return without(found, chosen(found) if by_hand is None else by_hand, corrections, files.absolute())


def _labels(path: Path | None, data: ImageData) -> Corrections:
    """What a file of labels says of the whole set `data`; it is read again only where it is not as it was."""
    assert path is not None
    from engine.data.label_file import read_labels

    try:
        status = path.stat()
        settled = time.time_ns() - status.st_mtime_ns > STEADY_NS
        key = str(path), status.st_ino, status.st_size, status.st_mtime_ns, data.digest, data.files
    except OSError:  # what is wrong is told by who reads it
        return read_labels(path, data).corrections
    with _table:
        if key in _decided:
            _decided.move_to_end(key)
            return _decided[key]
    found = read_labels(path, data).corrections
    if settled:
        with _table:
            _decided[key] = found
            while len(_decided) > KEPT:
                _decided.popitem(last=False)
    return found


def _whole(files: DataFiles, told: Told | None) -> ImageData:
    files = files.absolute()
    with _table:
        lock = _reading[files]
    with lock:
        store = _store_for(files)
        key, walked, young = _look(files, told)
        if young and store is not None:  # a moment's patience, for a set that is then read once and not again and again
            _wait(young, told)
            key, walked, _ = _look(files, told)
        if key is None:
            return load_dataset(files, Reading(told, walked=walked))
        with _table:
            if key in _kept:
                _kept.move_to_end(key)
                return _kept[key]
        found = None if store is None else store.find(key, files)
        if found is None:
            found = _read(files, key, store, told, walked)
            if GONE in found.left_out.values():  # it may be put back, and all be as the key has it
                return found
        with _table:
            _kept[key] = found
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        return found


class _Look(NamedTuple):
    """What a look at the files of a set told."""

    key: str | None  # which files they are, and what is done to them; None where that cannot be told for sure
    walked: Walked  # the files of each folder, so that it need not be walked through again
    young: float = 0.0  # seconds until it can be told, where one was changed a moment ago


def _look(files: DataFiles, told: Told | None) -> _Look:
    """Look at them, or take what was seen a moment ago where looking takes long."""
    at, key = _seen.get(files, (0.0, ""))
    begun = time.monotonic()
    if key and begun - at < SEEN_SECONDS:
        return _Look(key, {})
    found = _look_now(files, told)
    if found.key is not None and time.monotonic() - begun > LONG_SECONDS:
        _seen[files] = (time.monotonic(), found.key)
    return found


def _wait(seconds: float, told: Told | None) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        Reading(told).tell(0, 0)  # it may be given up
        time.sleep(min(left, 0.05))


def _store_for(files: DataFiles) -> Store | None:
    """Where such a set is kept decoded; None for what is read as fast as it is mapped, or where there is no home."""
    folder = kept_in()
    return None if folder is None or files.data is None or files.data in COMES_ALONG else Store(folder)


def _read(files: DataFiles, key: str, store: Store | None, told: Told | None, walked: Walked) -> ImageData:
    """The set as its files have it, which is kept in `store`.

    A file that is changed from now on has another time than `key` has, which so is never asked for again.
    """
    if store is None:
        return load_dataset(files, Reading(told, walked=walked))
    try:
        with store.making() as place:
            reading = Reading(told, place, walked)
            found = load_dataset(files, reading)
            if GONE in found.left_out.values() or reading.notes:
                return found
            if why := store.keep(place, key, found):
                return _not_kept(found, why)
            return store.find(key, files) or found  # of a file that has its last name
    except StorageError as error:  # there is no place for it
        return _not_kept(load_dataset(files, Reading(told, walked=walked)), str(error))


def _not_kept(found: ImageData, why: str) -> ImageData:
    note = f"These images could not be kept, and are read again the next time ({why.rstrip('.')})."
    return replace(found, notes=(*found.notes, note))


def look_anew() -> None:
    """Have the next `load` look at every file, also of folders that were looked at a moment ago."""
    with _table:
        _seen.clear()


def forget() -> None:
    """Let go of everything that is in memory."""
    with _table:
        _kept.clear()
        _decided.clear()
        _seen.clear()


def _look_now(files: DataFiles, told: Told | None) -> _Look:
    whole = files.absolute()
    found = [f"{whole.data or ''} {whole.preprocessing}"]
    if whole.data is not None and "data" not in whole.named and whole.data not in COMES_ALONG:
        found.append(catalogue()[whole.data].key)  # its files had these checksums, whatever has become of them
    walked: Walked = {}
    newest = 0
    tell = Reading(told).tell  # it may be given up at any time
    for field, path in whole.named.items():
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                walked[path] = entries = []
                for entry in walk(path):
                    entries.append(entry)
                    if len(entries) % 1000 == 0:
                        tell(0, 0)
                places = [entry.path for entry in entries]
            elif stat.S_ISREG(mode):
                places = [str(path)]
            else:
                return _Look(None, walked)
            if field in ("data", "test_data"):
                for beside in files_beside(path):
                    if beside.is_file():
                        places.append(str(beside))
                    else:
                        found.append(f"{field}:{beside} is not there")
            for number, place in enumerate(places):
                if number % 1000 == 0:
                    tell(0, 0)
                status = os.stat(place)
                if status.st_mtime_ns <= time.time_ns():  # of the future is what another clock wrote
                    newest = max(newest, status.st_mtime_ns)
                found.append(f"{field}:{place} {status.st_ino} {status.st_size} {status.st_mtime_ns}")
        except OSError:
            return _Look(None, {})
    left = newest + STEADY_NS - time.time_ns()
    if left > 0:
        return _Look(None, walked, left / 1e9)
    return _Look("\n".join(found), walked)
