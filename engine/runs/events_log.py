"""A run's `events.jsonl`: one JSON object a line, appended whole or not at all."""

import errno
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from engine.storage.files import storage_errors, write_bytes


class EventsLog:
    """The events file at `path`, held open, and made where there is none.

    Raises:
        StorageError: it cannot be opened. So does every method that writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors(path):
            self._file = self._open()

    def _open(self) -> FileIO:
        # Without a buffer: what a full disk does not take must not come after the next event.
        return open(self.path, "a+b", buffering=0)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()

    def append(self, line: bytes) -> None:
        """Put a line, with its end, behind the others, whole or not at all."""
        with storage_errors(self.path):
            length = os.fstat(self._file.fileno()).st_size
            if self._file.write(line) != len(line):  # there was room for its beginning
                self._file.truncate(length)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cut(self, length: int) -> None:
        """Keep so many bytes of it."""
        with storage_errors(self.path):
            self._file.truncate(length)

    def settle(self) -> int:
        """Have it on disk, and give back how long it is."""
        with storage_errors(self.path):
            os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def ends_line(self, offset: int) -> bool:
        """Whether a line ends just before byte `offset`."""
        return os.pread(self._file.fileno(), 1, offset - 1) == b"\n"

    def content(self) -> bytes:
        """All of it, be the file deleted or not.

        Raises:
            OSError: it cannot be read.
        """
        self._file.seek(0)  # what is written goes to the end all the same
        return self._file.readall()

    def is_deleted(self) -> bool:
        """Whether what is written to it nobody will read."""
        with storage_errors(self.path):
            return not os.fstat(self._file.fileno()).st_nlink

    def write_again(self) -> None:
        """Put the deleted file back as it was: its bytes are there as long as it is open, and checkpoints count them.

        Where that fails, the deleted one is still the file, and still whole.
        """
        with storage_errors(self.path):
            write_bytes(self.path, self.content())
            again = self._open()
        self.close()
        self._file = again
