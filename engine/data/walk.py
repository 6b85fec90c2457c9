"""What lies in a folder and in the folders below it."""

import os
from collections.abc import Iterator
from pathlib import Path

from engine.data.arrange import is_hidden


def walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below `folder` that is not hidden, nor in a hidden folder. Links are followed, but never in a circle.

    A folder that cannot be looked into, or is gone by then, has nothing in it.

    Raises:
        OSError: `folder` itself cannot be looked into.
    """
    status = os.stat(folder)
    waiting = [(os.fspath(folder), frozenset({(status.st_dev, status.st_ino)}))]
    top = True
    while waiting:
        path, above = waiting.pop()
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError:
            if top:
                raise
            continue
        top = False
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_file():  # no pipe, for which whoever reads it would wait for ever, and no link to nothing
                yield entry
                continue
            try:
                if not entry.is_dir():
                    continue
                found = entry.stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in above:
                waiting.append((entry.path, above | {(found.st_dev, found.st_ino)}))
