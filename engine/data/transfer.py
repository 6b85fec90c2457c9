"""One file from a server, gone on with where it ended, and compared with its checksum."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from engine.errors import DatasetError
from engine.specs.catalogue import CatalogueFile
from engine.text import byte_size, excerpt

CONNECT_SECONDS, STALL_SECONDS = 10.0, 15.0
TRIES = 4
"""How often it is gone on, one after the other, with nothing new."""
WAIT_SECONDS = 1.0
LONGEST_WAIT = 10.0
CHUNK = 1 << 16
ROUNDED = 3
"""How many times as large as it is told a file can be whose size is rounded."""


class _Cut(Exception):  # noqa: N818 - no error yet: it is gone on
    """The connection ended, or the server is not ready.

    Args:
        sentence: what happened, for when it happens too often.
        wait: seconds that the server asks for.
    """

    def __init__(self, sentence: str, wait: float = 0) -> None:
        super().__init__(sentence)
        self.sentence, self.wait = sentence, wait


class Transfer:
    """A file on its way.

    Args:
        file: which.
        url: where it is.
        part: where what has come is kept.
        told: called often with how many bytes have come, and of how many; what it raises ends the transfer.
        way_out: a sentence for who cannot have it so.
    """

    def __init__(
        self, file: CatalogueFile, url: str, part: Path, told: Callable[[int, int], None], way_out: str
    ) -> None:
        self._file, self._url, self._part, self._tell, self._way_out = file, url, part, told, way_out
        self._host = urlsplit(url).hostname or excerpt(url)
        self._there, self._whole = 0, file.size

    def run(self, target: Path) -> None:
        """Have the file at `target`.

        Raises:
            DatasetError: it cannot be had, or is another file.
            OSError: it cannot be written.
        """
        file, part = self._file, self._part
        old = size_of(part) > 0
        self._come()
        if not (right := has_checksum(part, file)) and old:  # what was there may have been of another version
            part.unlink()
            self._come()
            right = has_checksum(part, file)
        if not right:
            found = checksum(part, file)
            part.unlink()
            raise DatasetError(
                f"{file.name} from {self._host} has the {file.algorithm} {found[:16]}…, and "
                f"{file.hash.partition(':')[2][:16]}… was expected: it is another file, or was changed on its way. It "
                f"was deleted. {self._way_out}",
                "data",
            )
        part.replace(target)

    def _told(self, there: int) -> None:
        self._there = there
        self._tell(there, self._whole)

    def _come(self) -> None:
        """All of it."""
        tries, most = 0, size_of(self._part)
        while True:
            try:
                self._stream()
                return
            except _Cut as cut:
                # What a server sends again from the beginning is nothing new.
                tries = 0 if self._there > most else tries
                tries, most = tries + 1, max(most, self._there)
                if tries >= TRIES:
                    raise DatasetError(f"{cut.sentence} {self._kept}".rstrip(), "data") from None
                self._rest(max(cut.wait, WAIT_SECONDS * tries))

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._told(self._there)  # it may be given up
            time.sleep(min(left, 0.1))

    def _stream(self) -> None:
        """What the server has from where the part ends.

        Raises:
            _Cut: it ended before its end.
        """
        import requests
        from urllib3.exceptions import HTTPError

        file, part = self._file, self._part
        there = size_of(part)
        if file.exact and there > file.size:
            part.unlink()
            there = 0
        if file.exact and there == file.size:
            return
        # Packed once more on its way, a file would have another checksum.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        try:
            response = requests.get(self._url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS))
        except (requests.ConnectionError, requests.Timeout) as error:
            sentence = f"{self._host} cannot be reached ({_reason(error)}): check the network. {self._way_out}"
            if not self._there:  # and has not been before
                raise DatasetError(f"{sentence} {self._kept}".rstrip(), "data") from None
            raise _Cut(sentence) from None
        except requests.RequestException as error:
            address = re.sub("//[^/@]*@", "//", self._url)  # without a name and a password
            raise DatasetError(
                f"{excerpt(address)} cannot be asked for ({_reason(error)}). {self._way_out}", "data"
            ) from None
        with response:
            begin = self._answered(response, there)
            if begin is None:
                part.unlink(missing_ok=True)  # the next time it is asked for from its beginning
                raise _Cut(f"{self._host} does not go on with {file.name} where it broke off.")
            try:
                with part.open("r+b" if begin else "wb") as out:
                    out.seek(begin)
                    pour(response.raw, out, lambda more: self._came(begin + more))
            except HTTPError as error:
                raise _Cut(f"{self._host} broke off ({_reason(error)}).") from None
        if file.exact and size_of(part) < file.size:
            raise _Cut(f"{self._host} ended after {byte_size(size_of(part))} of {byte_size(file.size)}.")

    def _came(self, there: int) -> None:
        self._told(there)
        if there > self._most:
            self._part.unlink()
            raise self._another(f"sends more than {self._most:,} bytes as {self._file.name}")

    @property
    def _most(self) -> int:
        """Bytes that the file can have; where its size is rounded, a few times as many."""
        return self._file.size if self._file.exact else ROUNDED * self._file.size

    def _another(self, what: str) -> DatasetError:
        return DatasetError(f"{self._host} {what}: it is another file. {self._way_out}", "data")

    def _answered(self, response: Any, there: int) -> int | None:
        """Where in the file the answer begins; None where the server has no part that begins at `there`.

        Raises:
            DatasetError: there is no such file, or it is another one.
            _Cut: the server is not ready.
        """
        file, status = self._file, response.status_code
        words = f"{status} {response.reason or ''}".strip()
        if status == 416:
            return None
        if status == 429 or status >= 500:
            after = response.headers.get("Retry-After", "")
            wait = min(float(after), LONGEST_WAIT) if after.isdecimal() else 0.0
            raise _Cut(f"{self._host} is not ready ({words}): try again later.", wait)
        if status not in (200, 206):
            raise DatasetError(f"{self._host} does not give {file.name} ({words}). {self._way_out}", "data")
        begin = 0
        if status == 206:
            unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
            if unit != "bytes" or rest.partition("-")[0] != str(there):
                return None
            begin = there
        length = response.headers.get("Content-Length", "")
        if length.isdecimal():
            whole = begin + int(length)
            if whole > self._most or (file.exact and whole != file.size):
                about = "" if file.exact else "about "
                raise self._another(f"has {whole:,} bytes as {file.name}, and {about}{file.size:,} were expected")
            self._whole = whole
        return begin

    @property
    def _kept(self) -> str:
        size = size_of(self._part)
        return f"{byte_size(size)} have come and are kept: the next time it goes on from there." if size else ""


def pour(source: Any, target: IO[bytes], told: Callable[[int], None]) -> None:
    """All of `source` into `target`, as it comes; `told` hears how many bytes that were."""
    there = 0
    while chunk := source.read1(CHUNK):  # what has come, and no more is waited for
        target.write(chunk)
        there += len(chunk)
        told(there)


def part_name(name: str) -> str:
    """What a file is called while it is not whole."""
    return f"{name}.part"


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def checksum(path: Path, file: CatalogueFile) -> str:
    """That of what lies at `path`, by the algorithm that the catalogue has for `file`."""
    import pooch

    return str(pooch.file_hash(str(path), alg=file.hash.partition(":")[0]))


def has_checksum(path: Path, file: CatalogueFile) -> bool:
    """Whether what lies at `path` is that file."""
    return checksum(path, file) == file.hash.partition(":")[2]


def _reason(error: Exception) -> str:
    """The last of what an error of requests holds in itself: `Connection refused`."""
    inner: Any = error
    while True:
        deeper = getattr(inner, "reason", None) or (inner.args[-1] if inner.args else None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = str(getattr(inner, "strerror", None) or inner)
    return excerpt(text.rpartition(": ")[2] or type(inner).__name__)
