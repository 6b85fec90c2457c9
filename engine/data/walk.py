"""What lies in a folder and in the folders below it."""

import os
from collections.abc import Iterator
from pathlib import Path

from engine.data.arrange import is_hidden


def walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below `folder` that is not hidden, nor in a hidden folder. Links are followed, but never in a circle.

    A folder below it that may not be looked into is given in place of what is in it; one that is gone by then has
    nothing in it, as a link that leads nowhere.

    Raises:
        OSError: `folder` itself cannot be looked into.
    """
    status = os.stat(folder)
    waiting: list[tuple[os.DirEntry[str] | None, frozenset[tuple[int, int]]]]
    waiting = [(None, frozenset({(status.st_dev, status.st_ino)}))]
    while waiting:
        inner, above = waiting.pop()
        try:
            entries = sorted(os.scandir(folder if inner is None else inner), key=lambda entry: entry.name)
        except FileNotFoundError:
            if inner is None:
                raise
            continue
        except OSError:
            if inner is None:
                raise
            yield inner
            continue
        for entry in entries:
            if is_hidden(entry.name):
                continue
            try:
                is_file = entry.is_file()  # no pipe, for which whoever reads it would wait for ever
                found = None if is_file or not entry.is_dir() else entry.stat()
            except OSError:  # a link that leads to itself, or through a folder that is closed
                continue
            if is_file:
                yield entry
            elif found is not None and (found.st_dev, found.st_ino) not in above:
                waiting.append((entry, above | {(found.st_dev, found.st_ino)}))
