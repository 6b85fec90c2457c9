"""Image sets that this process has read: screens, a run and every trial of a study share what was read once."""

import stat
import threading
from collections import OrderedDict
from time import time_ns

from engine.data.datasets import ImageData, load_dataset
from engine.specs.data_files import DataFiles

KEPT = 2
"""Sets that stay in memory."""
STEADY_NS = 2_000_000_000
"""A file that was changed less than this long ago may change again unseen: the clocks of file systems are coarse."""

_Key = tuple[tuple[str, int, int, int], ...]
_kept: OrderedDict[_Key, ImageData] = OrderedDict()
_reading = threading.Lock()


def load(files: DataFiles = DataFiles()) -> ImageData:  # noqa: B008 - it is immutable
    """The image set in `files`; without any, MNIST. It is read again only where one of them is not as it was.

    Raises:
        DatasetError: see `load_dataset`.
    """
    with _reading:
        key = _key(files)
        if key is not None and key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
        found = load_dataset(*files)
        if key is not None and key == _key(files):
            _kept[key] = found
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        return found


def forget() -> None:
    """Let go of everything that was read."""
    with _reading:
        _kept.clear()


def _key(files: DataFiles) -> _Key | None:
    """Which files those are, as they are now; None where that cannot be told for sure."""
    found = []
    for field, path in files.absolute().named.items():
        try:
            now = path.stat()
        except OSError:
            return None
        if time_ns() - now.st_mtime_ns < STEADY_NS or not stat.S_ISREG(now.st_mode):  # what is in a folder, unseen too
            return None
        found.append((f"{field}:{path}", now.st_ino, now.st_size, now.st_mtime_ns))
    return tuple(found)
