"""Image sets that people know by name, read from a table of data: what they are, where they come from, their checksums.

No code knows one of them. Getting them is `engine.data.fetching`; this imports little, for the first screen names data.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.text import byte_size


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file that is fetched."""

    name: str  # on the disk, and on a mirror
    url: str
    hash: str  # `sha256:…` or `md5:…`
    size: int  # bytes
    exact: bool  # whether `size` is stated by a source, else rounded

    @property
    def algorithm(self) -> str:
        """In words: `SHA-256`."""
        return {"sha256": "SHA-256", "md5": "MD5"}[self.hash.partition(":")[0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSet:
    """An entry."""

    name: str  # what is typed
    title: str
    about: str
    shape: tuple[int, int, int]  # of an image
    counts: tuple[int, int, int]  # images to train on, to validate by, to test by
    classes: tuple[str, ...]  # none where its files name them
    licence: str
    citation: str
    page: str
    checked: str  # where the checksums come from
    folder: str  # below the folder of all sets
    opens: str  # the file that is read
    unpack: tuple[str, ...]  # members of its archive that are put beside it
    elsewhere: tuple[Path, ...]  # folders in which other programs put its files
    files: tuple[CatalogueFile, ...]

    @property
    def size(self) -> int:
        """Bytes that are fetched."""
        return sum(file.size for file in self.files)

    @property
    def exact(self) -> bool:
        """Whether that is so to the byte."""
        return all(file.exact for file in self.files)

    @property
    def size_words(self) -> str:
        """That in words: `30.9 MB`, `about 35 MB`."""
        return byte_size(self.size) if self.exact else f"about {byte_size(self.size).replace('.0 ', ' ')}"

    @property
    def images(self) -> int:
        """How many there are, of all parts."""
        return sum(self.counts)

    @property
    def key(self) -> str:
        """Which files these are: another version of one is another set."""
        return " ".join(file.hash for file in self.files)

    @property
    def makes(self) -> tuple[str, ...]:
        """The names of the files that are in its folder once it is there; the one that is fetched may be gone."""
        return tuple(Path(member).name for member in self.unpack) or tuple(file.name for file in self.files)


TABLE = Path(__file__).with_name("catalogue.toml")


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, CatalogueSet]:
    """Every entry, by name."""
    with TABLE.open("rb") as file:
        return {name: _set_of(name, entry) for name, entry in tomllib.load(file).items()}


def _set_of(name: str, entry: Mapping[str, Any]) -> CatalogueSet:
    height, width, channels = entry["shape"]
    training, validation, test = entry["counts"]
    return CatalogueSet(
        name=name,
        shape=(height, width, channels),
        counts=(training, validation, test),
        classes=tuple(entry["classes"]),
        unpack=tuple(entry.get("unpack", ())),
        elsewhere=tuple(Path(place).expanduser() for place in entry.get("elsewhere", ())),
        files=tuple(_file_of(file) for file in entry["files"]),
        **{
            word: entry[word]
            for word in ("title", "about", "licence", "citation", "page", "checked", "folder", "opens")
        },
    )


def _file_of(entry: Mapping[str, Any]) -> CatalogueFile:
    return CatalogueFile(
        name=entry["name"], url=entry["url"], hash=entry["hash"], size=entry.get("bytes") or entry["about"],
        exact="bytes" in entry,
    )  # fmt: skip
