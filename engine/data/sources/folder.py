"""A folder of pictures: the folder that a picture lies in is its class."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.data.arrange import ENDINGS, METADATA, arrange, is_picture
from engine.data.pictures import Content, get_ready
from engine.data.reading import Reading
from engine.data.sources.encoded import Listed, parts_of
from engine.data.sources.source import Parts, Sniffed
from engine.data.walk import walk
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import counted, excerpt

CLOSED = "may not be looked into"
"""Why a folder is left out."""
_LOOKED_AT = 10_000
"""Files that a first look passes before it gives up finding a picture."""


class FolderSource:
    """See `Source`."""

    endings: Sequence[str] = ()

    def sniff(self, path: Path) -> Sniffed:
        """By whether there is a picture in it."""
        try:
            if path.is_dir():
                for number, entry in enumerate(walk(path)):
                    if is_picture(entry.name):
                        return Sniffed(0.8, "it is a folder with pictures")
                    if number > _LOOKED_AT:
                        break
                return Sniffed(0.1, "it is a folder")
        except (OSError, ValueError):
            pass
        return Sniffed(0, "it is no folder")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Every picture below it."""
        places: dict[str, str] = {}
        metadata: dict[str, bytes] = {}
        closed: list[str] = []
        root = os.path.join(path, "")
        try:
            files = reading.below(path)
            if isinstance(files, list):
                get_ready(reading, len(files))
            for entry in files:  # none of them is hidden
                if entry.name.lower().endswith(ENDINGS):
                    places[entry.path[len(root) :]] = entry.path
                elif entry.name == METADATA:
                    metadata[entry.path[len(root) :]] = Path(entry.path).read_bytes()
                elif entry.is_dir():
                    closed.append(entry.path[len(root) :])
                if len(places) % 1000 == 0:
                    reading.tell(0, 0)
        except OSError as error:
            raise DatasetError(
                f"{shown(path)} cannot be looked into: {error.strerror or error}. Check it, or name another.", "data"
            ) from None
        if not places and closed:
            raise DatasetError(
                f"{shown(path)} has no pictures in it that may be read, and the folder {excerpt(closed[0])} "
                f"{CLOSED}: allow that, or name another.",
                "data",
            )
        if not places:
            raise DatasetError(
                f"{shown(path)} has no pictures in it (png, jpg, bmp, gif, tif, webp, pgm, ppm): name a folder with "
                "some, or the file of the images.",
                "data",
            )
        found = arrange(places, metadata, shown(path))

        def contents() -> Iterator[tuple[int, Content]]:
            return ((row, places[name]) for row, name in enumerate(found.names))

        notes = found.notes
        if closed:
            which = excerpt(closed[0]) + (f" and {counted(len(closed) - 1, 'other')}" if closed[1:] else "")
            notes += (f"What is in {which} is missing: such a folder {CLOSED}. Allow it, or take the folder away.",)
        listed = Listed(
            found.names, found.counts, found.labels, found.class_names, f"folder of pictures, {found.rule}",
            {**found.left_out, **dict.fromkeys(closed, CLOSED)}, notes,
        )  # fmt: skip
        return parts_of(path, listed, contents, preprocessing, reading)


SOURCE = FolderSource()
