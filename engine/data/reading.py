"""What a source is given beside the files it reads: whom to tell how far it is, and where large arrays go."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray


class Reading:
    """The reading of one image set.

    Args:
        told: called now and then with how many pictures are done and how many there are; what it raises ends the
            reading, and nothing is left of it.
        folder: where files that are mapped are put; without one they have no name, and are gone once nothing uses them.
    """

    def __init__(self, told: Callable[[int, int], None] | None = None, folder: Path | None = None) -> None:
        self._told, self._folder = told, folder
        self._passing: Path | None = None
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._passing is not None:  # what is mapped stays
            shutil.rmtree(self._passing, ignore_errors=True)

    def tell(self, done: int, of: int) -> None:
        """Say that `done` of `of` pictures are read."""
        if self._told is not None:
            self._told(done, of)

    def file(self, name: str, size: int) -> Path:
        """A file of `size` zeros that can be written and mapped.

        Raises:
            OSError: there is no room for it.
        """
        if self._folder is None and self._passing is None:
            self._passing = Path(tempfile.mkdtemp(prefix="cae-tui-"))
        self._files += 1  # a set and its test images may be read one after the other
        path = (self._folder or self._passing or Path()) / f"{self._files}-{name}"
        with path.open("wb") as file:
            if size and hasattr(os, "posix_fallocate"):  # as on Linux
                # Taken now: a disk that is full later would bring down whoever writes to the mapping.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        return path


def mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of a file as an array of that shape, which can only be read.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is shorter than that.
    """
    return np.memmap(path, np.uint8, "r", shape=shape)
