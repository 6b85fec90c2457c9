"""Sets of the catalogue, fetched: what has come is kept, and only a file with the right checksum gets its name.

pooch compares the checksums and puts the files in place; how bytes come is in `transfer`.
"""

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.data.transfer import Transfer, has_checksum, part_name, pour, size_of
from engine.errors import DatasetError, StorageError
from engine.specs.catalogue import CatalogueFile, CatalogueSet, catalogue
from engine.storage.files import storage_error, storage_errors
from engine.storage.paths import shown
from engine.text import byte_size, excerpt

MIRROR = "CAE_TUI_MIRROR"
"""The variable that names a mirror, `ADDRESS` of `ADDRESS/FOLDER/FILE`, or a folder that is laid out so."""
Told = Callable[[int, int], None]


def place_of(entry: CatalogueSet, sets: Path) -> Path:
    """The file of a set that is read, below the folder of all sets; whether it is there `is_here` says."""
    return sets / entry.folder / entry.opens


def is_here(entry: CatalogueSet, sets: Path) -> bool:
    """Whether a set has been fetched. What has its name had the right checksum then."""
    return all((sets / entry.folder / name).is_file() for name in entry.makes)


def size_here(entry: CatalogueSet, sets: Path) -> int:
    """Bytes that have come of a set, whole or not."""
    folder = sets / entry.folder
    names = {*entry.makes, *(file.name for file in entry.files), *(part_name(file.name) for file in entry.files)}
    return sum(size_of(folder / name) for name in names)


def fetch(entry: CatalogueSet, sets: Path, told: Told | None = None) -> Path:
    """Have a set in its folder below `sets`, and give back the file that is read.

    What is there already, or where another program puts it, is taken if its checksum is right. Where another process
    fetches the same, it is waited for.

    Args:
        told: called often with how many bytes are there, and of how many; what it raises ends the fetching, and what
            has come by then is gone on with the next time.

    Raises:
        DatasetError: it cannot be had, or is another file.
        StorageError: it cannot be written.
    """
    tell = told or _nothing
    folder = sets / entry.folder
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, tell):
        _Fetching(entry, folder, tell).run()
    return place_of(entry, sets)


def discard(entry: CatalogueSet, sets: Path) -> int:
    """Delete what was fetched of a set, but for what another one that is there needs too; gives back the bytes.

    Raises:
        DatasetError: it is being fetched.
    """
    folder = sets / entry.folder
    if not folder.is_dir():
        return 0

    def busy(_done: int, _of: int) -> None:
        raise DatasetError(f"{entry.title}, or a set that shares its files, is being fetched: end that first.", "data")

    with _alone(folder, busy):
        freed = _discarded(entry, folder, sets)
    with suppress(OSError):  # others have files in it
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
    return freed


def _discarded(entry: CatalogueSet, folder: Path, sets: Path) -> int:
    others = [
        other for other in catalogue().values()
        if other.folder == entry.folder and other.name != entry.name and is_here(other, sets)
    ]  # fmt: skip
    needed = {name for other in others for name in (*other.makes, *(file.name for file in other.files))}
    freed = 0
    for name in {*entry.makes, *(file.name for file in entry.files)} - needed:
        for path in (folder / name, folder / part_name(name)):
            freed += size_of(path)
            path.unlink(missing_ok=True)
    return freed


LOCK = ".lock"


@contextmanager
def _alone(folder: Path, tell: Told) -> Iterator[None]:
    """While nobody else fetches into the folder."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            tell(0, 0)
        except OSError as error:
            raise storage_error(folder, error) from error
    try:
        yield
    finally:
        lock.release()


class _Fetching:
    """All files of a set, one after the other."""

    def __init__(self, entry: CatalogueSet, folder: Path, tell: Told) -> None:
        self._entry, self._folder, self._tell = entry, folder, tell
        self._mirror = os.environ.get(MIRROR, "").strip()
        self._sizes = {file.name: file.size for file in entry.files}  # as the server says, where no source does
        self._there = {file.name: 0 for file in entry.files}

    def run(self) -> None:
        """Have every file, and unpack what is packed."""
        if self._entry.unpack and all((self._folder / name).is_file() for name in self._entry.makes):
            return  # they were compared with the archive's own checksums when they were unpacked
        for file in self._entry.files:
            self._have(file)
        if self._entry.unpack:
            self._unpack(self._folder / self._entry.files[0].name)

    def _told(self, file: CatalogueFile, there: int) -> None:
        self._there[file.name] = there
        self._tell(sum(self._there.values()), max(sum(self._sizes.values()), sum(self._there.values())))

    def _have(self, file: CatalogueFile) -> None:
        path = self._folder / file.name
        if path.is_file() and has_checksum(path, file):
            self._told(file, size_of(path))
            return
        for place in self._elsewhere(file):
            if self._copied(place, path, file):
                return
        if self._mirror and "://" not in self._mirror:
            raise DatasetError(
                f"The folder {excerpt(self._mirror)}, which {MIRROR} names, has no {self._entry.folder}/{file.name} "
                "with the right checksum: put it there, or leave the variable out to fetch it.",
                "data",
            )
        self._check_room(file)
        import pooch

        pooch.get_logger().setLevel("ERROR")  # it would write over the screen
        try:
            pooch.retrieve(
                self._address(file), known_hash=file.hash, fname=file.name, path=self._folder,
                downloader=lambda url, target, _: self._come(file, url, Path(str(target))),
            )  # fmt: skip
        except OSError as error:
            raise storage_error(path, error) from error
        self._told(file, size_of(path))

    def _come(self, file: CatalogueFile, url: str, target: Path) -> None:
        def told(there: int, whole: int) -> None:
            self._sizes[file.name] = whole
            self._told(file, there)

        Transfer(file, url, self._folder / part_name(file.name), told, self._way_out()).run(target)

    def _elsewhere(self, file: CatalogueFile) -> list[Path]:
        folders = list(self._entry.elsewhere)
        if self._mirror and "://" not in self._mirror:
            mirror = Path(self._mirror).expanduser()
            if not mirror.is_dir():
                raise DatasetError(
                    f"{MIRROR} is “{excerpt(self._mirror)}”; an address that begins with http:// or https://, or a "
                    "folder that is there, was expected.",
                    "data",
                )
            folders = [mirror / self._entry.folder, mirror, *folders]
        return [folder / file.name for folder in folders]

    def _copied(self, place: Path, path: Path, file: CatalogueFile) -> bool:
        """Whether the file lies at `place` as it should be, and was taken from there."""
        part = self._folder / f".{part_name(file.name)}"
        try:
            if not place.is_file() or (file.exact and size_of(place) != file.size) or not has_checksum(place, file):
                return False
            with place.open("rb") as source, part.open("wb") as target:
                pour(source, target, lambda there: self._told(file, there))
            if not has_checksum(part, file):
                return False
            part.replace(path)
        except OSError:
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def _address(self, file: CatalogueFile) -> str:
        if "://" not in self._mirror:
            return file.url
        return f"{self._mirror.rstrip('/')}/{self._entry.folder}/{file.name}"

    def _check_room(self, file: CatalogueFile) -> None:
        needed = file.size * (2 if self._entry.unpack else 1) - size_of(self._folder / part_name(file.name))
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return
        if free < needed:
            raise StorageError(
                f"{self._entry.title} needs {byte_size(needed)} more, and {self._folder} has {byte_size(free)} free: "
                "make room, or choose another folder (--home), then try again.",
                full=True,
            )

    def _way_out(self) -> str:
        if self._mirror:
            shown_mirror = re.sub("//[^/@]*@", "//", self._mirror)  # without a name and a password
            return f"{MIRROR} names {excerpt(shown_mirror)}: check it, or leave it out."
        return f"Try again, or name a mirror with {MIRROR}; {self._entry.page} may say more."

    # -- what is packed --------------------------------------------------------------------------

    def _unpack(self, archive: Path) -> None:
        try:
            with zipfile.ZipFile(archive) as packed:
                for member in self._entry.unpack:
                    path = self._folder / Path(member).name
                    part = self._folder / part_name(path.name)
                    try:
                        with packed.open(member) as source, part.open("wb") as target:
                            pour(source, target, lambda _: self._told(self._entry.files[0], size_of(archive)))
                        part.replace(path)
                    finally:
                        part.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(archive, error) from error
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
            raise DatasetError(
                f"{shown(archive)} cannot be unpacked ({excerpt(str(error))}): delete it, and get the set again.",
                "data",
            ) from None


def _nothing(_done: int, _of: int) -> None:
    pass
