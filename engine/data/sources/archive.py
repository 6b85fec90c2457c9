"""A zip or a tar of a folder of pictures, read where it is: nothing of it is unpacked onto the disk."""

import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from engine.data.arrange import ENDINGS, METADATA, arrange, is_hidden
from engine.data.decoder import GONE, PictureError
from engine.data.pictures import Content, get_ready
from engine.data.reading import Reading
from engine.data.recognise import START, Sort, recognise
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
_ENCRYPTED = 1
"""Of the flags of a zip's member."""
_LEADS_OUT = "has a name that leads out of the archive"
_TOO_LARGE = f"has more than {LARGEST >> 20} MiB"


class _Archive(Protocol):
    format: str
    cut: bool
    """Whether it breaks off before its end, once `names` has come there."""

    def names(self) -> Iterator[tuple[str, int]]:
        """Every file within, with its size; as `_plain_name` has it."""

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        """What is in those files, in the order of the archive, or why it cannot be had."""


class ArchiveSource:
    """See `Source`."""

    endings: Sequence[str] = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")

    def sniff(self, path: Path) -> Sniffed:
        """By whether it opens as an archive."""
        try:
            if path.is_file():
                if zipfile.is_zipfile(path):
                    return Sniffed(0.7, "it is a zip file")
                if _begins_as_zip(path):
                    return Sniffed(0.7, "it begins as a zip file")
                if tarfile.is_tarfile(path):
                    return Sniffed(0.7, "it is a tar file")
        except _DAMAGED:
            pass
        return Sniffed(0, "it is no archive")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Every picture in it."""
        if not zipfile.is_zipfile(path) and _begins_as_zip(path):
            raise DatasetError(
                f"{shown(path)} is a zip that is damaged or cut short: the list of its files, which stands at its end, "
                "is missing. Copy or download it again.",
                "data",
            )
        archive: _Archive = _Zip(path) if zipfile.is_zipfile(path) else _Tar(path)
        names: list[str] = []
        is_empty = True
        told: set[str] = set()
        left_out: dict[str, str] = {}
        try:
            for name, size in archive.names():
                reading.tell(0, 0)
                is_empty = False
                *folders, last = name.split("/")
                if last != METADATA and not last.lower().endswith(ENDINGS):
                    continue
                if name.startswith("/") or ".." in folders:
                    left_out[name] = _LEADS_OUT
                elif any(map(is_hidden, (*folders, last))):
                    continue
                elif size > LARGEST:
                    left_out[name] = _TOO_LARGE
                elif last == METADATA:
                    told.add(name)
                else:
                    names.append(name)
            metadata = {name: found for name, found in archive.read(told) if isinstance(found, bytes)} if told else {}
        except _DAMAGED as error:
            raise _damaged(path, error) from None
        if not names:
            what = "nothing in it" if is_empty else "no pictures in it (png, jpg, bmp, gif, tif, webp, pgm, ppm)"
            for name, why in left_out.items():
                what = f"no pictures in it that can be taken ({excerpt(name)} {why})"
            raise DatasetError(
                f"{shown(path)} has {what}: name another archive, or unpack it and name the file of the images.", "data"
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

        no_end = f"{shown(path)} has no end, so it may be cut short and pictures be missing: copy or download it again."
        listed = Listed(
            found.names, found.counts, found.labels, found.class_names, f"{archive.format} of pictures, {found.rule}",
            {**found.left_out, **left_out}, (*found.notes, *([no_end] if archive.cut else [])),
        )  # fmt: skip
        return parts_of(path, listed, contents, preprocessing, reading)


SOURCE = ArchiveSource()


class _Zip:
    format = "zip"
    cut = False  # its list of files stands at its end

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Iterator[tuple[str, int]]:
        with zipfile.ZipFile(self._path) as archive:
            for member in archive.infolist():
                if member.flag_bits & _ENCRYPTED:
                    raise DatasetError(
                        f"{shown(self._path)} is encrypted: unpack it with its password, and name the folder.", "data"
                    )
                if not member.is_dir():
                    yield _plain_name(member.filename.replace("\\", "/")), member.file_size

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        with zipfile.ZipFile(self._path) as archive:
            for member in archive.infolist():
                name = _plain_name(member.filename.replace("\\", "/"))  # as some programs of Windows write them
                if member.is_dir() or name not in names:
                    continue
                try:
                    with archive.open(member) as file:
                        data = file.read(LARGEST + 1)  # whatever the header says
                    yield name, data if len(data) <= LARGEST else PictureError(_TOO_LARGE)
                except _DAMAGED as error:
                    yield name, PictureError(f"cannot be unpacked ({excerpt(str(error))})")


class _Tar:
    format = "tar"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut = False

    def names(self) -> Iterator[tuple[str, int]]:
        with tarfile.open(self._path) as archive:
            yield from ((_plain_name(member.name), member.size) for member in archive if _is_file(member))
            assert archive.fileobj is not None
            archive.fileobj.seek(archive.offset)  # behind the last member stands a block of zeros
            self.cut = not archive.fileobj.read(1)

    def read(self, names: set[str]) -> Iterator[tuple[str, bytes | PictureError]]:
        with tarfile.open(self._path) as archive:
            for member in archive:
                name = _plain_name(member.name)
                if _is_file(member) and name in names and (file := archive.extractfile(member)) is not None:
                    yield name, file.read(LARGEST)


def _plain_name(name: str) -> str:
    """The name of a member without what leads nowhere: `./a//b.png` is `a/b.png`."""
    root = "/" if name.startswith("/") else ""
    return root + "/".join(part for part in name.split("/") if part not in ("", "."))


def _begins_as_zip(path: Path) -> bool:
    """Whether a file begins as a zip that is none of another program's files."""
    try:
        with path.open("rb") as file:
            known = recognise(start) if (start := file.read(START)).startswith(b"PK\3\4") else None
    except OSError:
        return False
    return known is not None and known.sort is Sort.PACKED


def _is_file(member: tarfile.TarInfo) -> bool:
    """Whether it has content: a hard link has that of the file it leads to."""
    return member.isreg() or member.islnk()


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{shown(path)} is damaged or locked ({excerpt(str(error)) or type(error).__name__}): copy or download it "
        "again.",
        "data",
    )
