"""The ways in for images, one file a format. The rest of the program asks this list and knows none by name."""

import logging
from importlib import import_module

from engine.data.sources.source import Parts, Source
from engine.specs.data_files import DataFiles

SOURCES = {"idx": "engine.data.sources.idx"}
"""Where each source is: imported when it is asked for."""

log = logging.getLogger(__name__)


def read(files: DataFiles) -> Parts:
    """What is in `files`, of which at least one is named, read by the source that is surest of the first of them.

    Where none is sure, the first of the list reads it, and says what it expected and what it found.

    Raises:
        DatasetError: it cannot be read.
    """
    path = next(iter(files.named.values()))
    sources: dict[str, Source] = {name: import_module(module).SOURCE for name, module in SOURCES.items()}
    found = {name: source.sniff(path) for name, source in sources.items()}
    surest = max(found, key=lambda name: found[name].sure)  # the first of equals
    log.debug("%s is read as %s: %s", path, surest, found[surest].why)
    return sources[surest].read(files)
