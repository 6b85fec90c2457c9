"""Image sets that were read: screens, a run and every trial of a study share what was read once, also of last week."""

import stat
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable

from engine.data.datasets import ImageData, load_dataset
from engine.data.keeping import kept_in
from engine.data.kept import Store
from engine.data.reading import Reading
from engine.data.sources import files_beside
from engine.data.walk import walk
from engine.specs.data_files import DataFiles

KEPT = 2
"""Sets that stay in memory."""
STEADY_NS = 2_000_000_000
"""A file that was changed less than this long ago may change again unseen: the clocks of file systems are coarse."""

SEEN_SECONDS = 5.0
"""A folder whose files took long to look at is not looked at again for so long: a page of images asks many times."""
LONG_SECONDS = 0.02

_kept: OrderedDict[str, ImageData] = OrderedDict()
_seen: dict[DataFiles, tuple[float, str]] = {}  # when folders were looked at, and what was seen
_reading: defaultdict[DataFiles, threading.Lock] = defaultdict(threading.Lock)  # nobody reads what another is reading
_table = threading.Lock()  # for who looks into these, or changes them


def load(files: DataFiles = DataFiles(), told: Callable[[int, int], None] | None = None) -> ImageData:  # noqa: B008
    """The image set that is meant; where nothing is named, MNIST. It is read again only where a file is not as it was.

    Args:
        told: see `Reading`.

    Raises:
        DatasetError: see `load_dataset`.
    """
    files = files.absolute()
    with _table:
        lock = _reading[files]
    with lock:
        key = _key_now(files)
        if key is None:
            return load_dataset(files, Reading(told))
        with _table:
            if key in _kept:
                _kept.move_to_end(key)
                return _kept[key]
        store = _store_for(files)
        found = None if store is None else store.find(key, files)
        if found is None:
            found, steady = _read(files, key, store, told)
            if not steady:
                return found
        with _table:
            _kept[key] = found
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        return found


def _key_now(files: DataFiles) -> str | None:
    """As `_key`, that of a moment ago where looking takes long."""
    at, key = _seen.get(files, (0.0, ""))
    begun = time.monotonic()
    if key and begun - at < SEEN_SECONDS:
        return key
    found = _key(files)
    if found is not None and time.monotonic() - begun > LONG_SECONDS:
        _seen[files] = (time.monotonic(), found)
    return found


def _store_for(files: DataFiles) -> Store | None:
    """Where such a set is kept decoded; None for what is read as fast as it is mapped, or where there is no home."""
    folder = kept_in()
    return None if folder is None or "data" not in files.named else Store(folder)


def _read(
    files: DataFiles, key: str, store: Store | None, told: Callable[[int, int], None] | None
) -> tuple[ImageData, bool]:
    """The set as its files have it, which is kept in `store`; and whether they stayed meanwhile as `key` has them."""
    if store is None:
        return load_dataset(files, Reading(told)), key == _key(files)
    with store.making() as place:
        found = load_dataset(files, Reading(told, place))
        if key != _key(files):
            return found, False
        store.keep(place, key, found)
        return store.find(key, files) or found, True  # of a file that has its last name


def forget() -> None:
    """Let go of everything that is in memory."""
    with _table:
        _kept.clear()
        _seen.clear()


def _key(files: DataFiles) -> str | None:
    """Which files those are, as they are now, and what is done to them; None where that cannot be told for sure."""
    whole = files.absolute()
    found = [f"{whole.data or ''} {whole.preprocessing}"]
    for field, path in whole.named.items():
        try:
            now = path.stat()
            if stat.S_ISDIR(now.st_mode):
                places = sorted((entry.path, entry.stat()) for entry in walk(path))
            elif stat.S_ISREG(now.st_mode):
                places = [(str(path), now)]
            else:
                return None
            if field in ("data", "test_data"):
                for beside in files_beside(path):
                    if beside.is_file():
                        places.append((str(beside), beside.stat()))
                    else:
                        found.append(f"{field}:{beside} is not there")
        except OSError:
            return None
        for place, status in places:
            if 0 <= time.time_ns() - status.st_mtime_ns < STEADY_NS:
                return None
            found.append(f"{field}:{place} {status.st_ino} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(found)
