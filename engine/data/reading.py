"""What a source is given beside the files it reads: whom to tell how far it is, and where large arrays go."""

import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.data.walk import walk
from engine.errors import DatasetError

MOST_IN_MEMORY = 1 << 30
"""Bytes of an array that is put into memory where the disk has no room for it."""


class Reading:
    """The reading of one image set.

    Args:
        told: called now and then with how many pictures are done and how many there are; what it raises ends the
            reading, and nothing is left of it.
        folder: where files that are mapped are put; without one they have no name, and are gone once nothing uses them.
        walked: folders that were walked through a moment ago, each with its files.
    """

    def __init__(
        self, told: Callable[[int, int], None] | None = None, folder: Path | None = None,
        walked: Mapping[Path, Sequence[os.DirEntry[str]]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self._told, self._folder, self._walked = told, folder, walked
        self._passing: Path | None = None
        self._files: list[Path] = []
        self.notes: list[str] = []  # sentences on what became of arrays
        self.processes: list[subprocess.Popen[bytes]] = []  # that were started to decode, and are not in use yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        if self._passing is not None:  # what is mapped stays
            shutil.rmtree(self._passing, ignore_errors=True)

    def tell(self, done: int, of: int) -> None:
        """Say that `done` of `of` pictures are read."""
        if self._told is not None:
            self._told(done, of)

    def below(self, folder: Path) -> Iterable[os.DirEntry[str]]:
        """Every file below a folder; see `walk`.

        Raises:
            OSError: it cannot be looked into.
        """
        return self._walked.get(folder) or walk(folder)

    def file(self, name: str, size: int) -> Path:
        """A file of `size` zeros that can be written and mapped.

        Raises:
            OSError: there is no room for it.
        """
        if self._folder is None and self._passing is None:
            self._passing = Path(tempfile.mkdtemp(prefix="cae-tui-"))
        # A set and its test images may be read one after the other.
        path = (self._folder or self._passing or Path()) / f"{len(self._files) + 1}-{name}"
        self._files.append(path)
        with path.open("wb") as file:
            if size and hasattr(os, "posix_fallocate"):  # as on Linux
                # Taken now: a disk that is full later would bring down whoever writes to the mapping.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        return path

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Room for an array of zeros: a file that is mapped, or, where there is no room for that, memory.

        Raises:
            DatasetError: there is no room for it anywhere.
        """
        size = math.prod(shape)
        try:
            return np.memmap(self.file(name, size), np.uint8, "r+", shape=shape)
        except OSError as error:
            with suppress(OSError):
                self._files.pop().unlink()
            reason = error.strerror or str(error)
        if size <= MOST_IN_MEMORY:
            with suppress(MemoryError):
                found = np.zeros(shape, np.uint8)
                note = f"There is no room for these images on the disk ({reason}): they are in memory, and not kept."
                if note not in self.notes:
                    self.notes.append(note)
                return found
        raise DatasetError(
            f"There is no room for {size / 1e9:,.1f} GB of images, neither on the disk ({reason}) nor in memory: make "
            "room, or take fewer of them.",
            "data",
        )

    def settle(self) -> None:
        """Have the files that are to stay reach the disk: time passes, and something else can be done meanwhile."""
        for path in self._files if self._folder is not None else ():
            with suppress(OSError), path.open("rb") as file:
                os.fsync(file)


def sealed(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `Reading.array` gave, once it is filled: from now on it can only be read."""
    if isinstance(array, np.memmap) and array.filename is not None:
        array.flush()
        return mapped(Path(array.filename), array.shape)
    array.flags.writeable = False
    return array


def mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of a file as an array of that shape, which can only be read.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is shorter than that.
    """
    if 0 in shape:  # nothing cannot be mapped
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", shape=shape)
