"""A zip or a tar of a folder of pictures, read where it is: nothing of it is unpacked onto the disk."""

import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from engine.data.arrange import METADATA, arrange, is_hidden, is_picture
from engine.data.decoder import GONE, PictureError
from engine.data.pictures import Content, get_ready
from engine.data.reading import Reading
from engine.data.sources.encoded import Listed, parts_of
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import excerpt

LARGEST = 64 << 20
"""Bytes of a file within: a picture of more is left out, before it takes memory."""
_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile,
            tarfile.TarError, MemoryError, KeyError)  # fmt: skip
_LEADS_OUT = "has a name that leads out of the archive"
_TOO_LARGE = f"has more than {LARGEST >> 20} MiB"


class _Archive(Protocol):
    def names(self) -> Iterator[tuple[str, int]]:
        """Every file within, with its size."""

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        """What is in those files, in the order of the archive, or why it cannot be had."""


class ArchiveSource:
    """See `Source`."""

    def sniff(self, path: Path) -> Sniffed:
        """By whether it opens as an archive."""
        try:
            if path.is_file():
                if zipfile.is_zipfile(path):
                    return Sniffed(0.7, "it is a zip file")
                if tarfile.is_tarfile(path):
                    return Sniffed(0.7, "it is a tar file")
        except _DAMAGED:
            pass
        return Sniffed(0, "it is no archive")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Every picture in it."""
        archive: _Archive = _Zip(path) if zipfile.is_zipfile(path) else _Tar(path)
        names: list[str] = []
        told: set[str] = set()
        left_out: dict[str, str] = {}
        try:
            for name, size in archive.names():
                reading.tell(0, 0)
                kind = METADATA if name.rsplit("/", 1)[-1] == METADATA else "picture" if is_picture(name) else ""
                if not kind:
                    continue
                if name.startswith("/") or ".." in name.split("/"):
                    left_out[name] = _LEADS_OUT
                elif size > LARGEST:
                    left_out[name] = _TOO_LARGE
                elif kind == METADATA and not any(map(is_hidden, name.split("/"))):
                    told.add(name)
                elif kind == "picture":
                    names.append(name)
            metadata = {name: found for name, found in archive.read(told) if isinstance(found, bytes)} if told else {}
        except _DAMAGED as error:
            raise _damaged(path, error) from None
        if not names:
            raise DatasetError(
                f"{shown(path)} has no pictures in it (png, jpg, bmp, gif, tif, webp, pgm, ppm): name another archive, "
                "or unpack it and name the file of the images.",
                "data",
            )
        get_ready(reading, len(names))
        copies = Counter(names)  # a tar may have a newer version of a file behind the older one: the last counts
        found = arrange(copies, metadata, shown(path))
        rows = {name: row for row, name in enumerate(found.names)}

        def contents() -> Iterator[tuple[int, Content]]:
            waiting, left = dict(rows), Counter(copies)
            try:
                for name, content in archive.read(set(waiting)):
                    left[name] -= 1
                    if not left[name]:
                        yield waiting.pop(name), content
            except _DAMAGED as error:
                raise _damaged(path, error) from None
            yield from ((row, PictureError(GONE)) for row in waiting.values())

        listed = Listed(
            found.names, found.counts, found.labels, found.class_names,
            f"{'zip' if isinstance(archive, _Zip) else 'tar'} of pictures, {found.rule}",
            {**found.left_out, **left_out},
        )  # fmt: skip
        return parts_of(path, listed, contents, preprocessing, reading)


SOURCE = ArchiveSource()


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Iterator[tuple[str, int]]:
        with zipfile.ZipFile(self._path) as archive:
            yield from ((member.filename, member.file_size) for member in archive.infolist() if not member.is_dir())

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        with zipfile.ZipFile(self._path) as archive:
            for member in archive.infolist():
                if member.filename not in names:
                    continue
                try:
                    with archive.open(member) as file:
                        data = file.read(LARGEST + 1)  # whatever the header says
                    yield member.filename, data if len(data) <= LARGEST else PictureError(_TOO_LARGE)
                except _DAMAGED as error:
                    yield member.filename, PictureError(f"cannot be unpacked ({excerpt(str(error))})")


class _Tar:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Iterator[tuple[str, int]]:
        with tarfile.open(self._path) as archive:
            yield from ((member.name.removeprefix("./"), member.size) for member in archive if _is_file(member))

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        with tarfile.open(self._path) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if _is_file(member) and name in names and (file := archive.extractfile(member)) is not None:
                    yield name, file.read(LARGEST)


def _is_file(member: tarfile.TarInfo) -> bool:
    """Whether it has content: a hard link has that of the file it leads to."""
    return member.isreg() or member.islnk()


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{shown(path)} is damaged or locked ({excerpt(str(error)) or type(error).__name__}): copy or download it "
        "again.",
        "data",
    )
