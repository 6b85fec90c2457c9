"""Many pictures made one array of images: decoded on every core, made to fit, the bad ones left out and told."""

import json
import math
import os
import queue
import subprocess
import sys
import threading
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import decoder
from engine.data.decoder import GONE, PictureError, Wish, decode
from engine.data.reading import Reading, mapped
from engine.errors import DatasetError
from engine.specs.preprocessing import LARGEST_SIDE, SMALLEST_SIDE
from engine.text import counted

Content = str | bytes | PictureError
"""Where a picture is: the path of its file, what is in it, or why it cannot be had."""
CHUNK = 256
"""Pictures that a process is given at once."""
CHUNK_BYTES = 4 << 20
AHEAD = 2
"""Chunks that a process has been given and has not answered."""
MOST_BAD = 0.1
"""The part of the pictures that may be left out as bad; more of them is a mistake that is to be mended first."""
TOLD = 5
"""Reasons that a refusal gives."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """What became of the pictures."""

    images: NDArray[np.uint8]  # (n, height, width, channels), mapped; in order, without the bad ones
    kept: NDArray[np.int64]  # which pictures those are
    bad: Mapping[int, str]  # the others, with the reason: `is cut short`
    sizes: Mapping[tuple[int, int], int]  # how many had each height and width before they were made to fit
    animated: int = 0  # how many had more than the one frame that was taken


class _Colour(Exception):  # noqa: N818 - no error: grey was not enough
    pass


def decode_all(
    count: int, contents: Callable[[], Iterator[tuple[int, Content]]], names: Sequence[str], wish: Wish,
    reading: Reading, where: str, most_bad: float = MOST_BAD,
) -> Decoding:  # fmt: skip
    """Decode `count` pictures into one array.

    Args:
        contents: every picture with its place among all, in any order; called again where they must be read again.
        names: of each, for refusals.
        where: the folder or the archive, for refusals.
        most_bad: the part of them that may be bad.

    Raises:
        DatasetError: more than that are bad, or their sizes differ and none is wished for.
        OSError: there is no room for the array.
    """
    if wish.size is not None and wish.colour != "auto" and count:  # there is nothing to learn from the first
        shape = (count, *wish.size, 3 if wish.colour == "rgb" else 1)
        return _Pass(count, contents, names, wish, reading, where, shape, most_bad).run()
    first = _first(contents(), names, wish, where)
    size = wish.size or first.size
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):  # before room is taken for all of them
        raise DatasetError(
            f"{where} has pictures of {size[0]:,}×{size[1]:,}; height and width from {SMALLEST_SIDE} to {LARGEST_SIDE} "
            "were expected: say a size that all are brought to, 64 for instance (--size).",
            "size",
        )
    channels = first.shape[2] if wish.colour == "auto" else 3 if wish.colour == "rgb" else 1
    for colours in dict.fromkeys((channels, 3)):
        try:
            return _Pass(count, contents, names, wish, reading, where, (count, *size, colours), most_bad).run()
        except _Colour:
            continue
    raise AssertionError("three channels are enough for every picture")


def _first(contents: Iterator[tuple[int, Content]], names: Sequence[str], wish: Wish, where: str) -> decoder.Decoded:
    """The first picture that can be decoded: what the others are expected to be like."""
    bad: dict[int, str] = {}
    for row, content in contents:
        try:
            if isinstance(content, PictureError):
                raise content
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Pillow finds odd in a file that it reads all the same
                return decode(content, wish)
        except PictureError as error:
            bad[row] = str(error)
        if len(bad) > 1000:
            break
    raise _too_many(bad, names, where)


class _Pass:
    """All pictures once, into an array of one shape."""

    def __init__(
        self, count: int, contents: Callable[[], Iterator[tuple[int, Content]]], names: Sequence[str], wish: Wish,
        reading: Reading, where: str, shape: tuple[int, ...], most_bad: float,
    ) -> None:  # fmt: skip
        self._most_bad = most_bad
        self._names, self._wish, self._reading, self._where = names, wish, reading, where
        self._shape, self._count = shape, count
        self._contents = contents()
        self._next = threading.Lock()  # for who takes of the contents
        self._answers: queue.SimpleQueue[tuple[int, dict[str, Any]] | BaseException | None] = queue.SimpleQueue()
        self._file = reading.file("images", int(np.prod(shape, dtype=object)))
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._taken = np.zeros(count, bool)
        self._bad: dict[int, str] = {}
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._animated = 0

    def run(self) -> Decoding:
        """Decode them."""
        threads = [
            threading.Thread(target=self._feed, name="decoding", daemon=True) for _ in range(_processes(self._count))
        ]
        for thread in threads:
            thread.start()
        try:
            self._collect(len(threads))
        finally:
            self._ended = True
            for process in list(self._processes):
                process.kill()
            for thread in threads:
                thread.join()
        if self._wish.size is None and len(self._sizes) > 1:
            raise self._uneven()
        if len(self._bad) > self._most_bad * self._count:
            raise _too_many(self._bad, self._names, self._where)
        return self._compacted()

    def _collect(self, feeding: int) -> None:
        done = 0
        while feeding:
            try:
                found = self._answers.get(timeout=0.2)
            except queue.Empty:
                self._reading.tell(done, self._count)  # it may be cancelled meanwhile
                continue
            if found is None:
                feeding -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                count, answer = found
                if answer["colour"]:
                    raise _Colour
                done += count
                self._bad |= dict(answer["bad"])
                for height, width, many in answer["sizes"]:
                    self._sizes[height, width] += many
                self._animated += answer["frames"]
                self._reading.tell(done, self._count)
                if len(self._bad) > max(self._most_bad * self._count, 1000):
                    raise _too_many(self._bad, self._names, self._where)

    def _compacted(self) -> Decoding:
        """The images without gaps where bad pictures would have been."""
        for row in np.flatnonzero(~self._taken).tolist():
            self._bad.setdefault(row, GONE)
        kept = np.arange(self._count)
        if self._bad:
            kept = np.setdiff1d(kept, np.fromiter(self._bad, np.int64, len(self._bad)))
            images = np.memmap(self._file, np.uint8, "r+", shape=self._shape)
            first = int(np.flatnonzero(kept != np.arange(len(kept)))[:1].sum() or min(self._bad))
            for start in range(first, len(kept), 4096):
                rows = kept[start : start + 4096]
                images[start : start + len(rows)] = images[rows]
            images.flush()
            del images
            os.truncate(self._file, len(kept) * int(np.prod(self._shape[1:])))
        return Decoding(
            images=mapped(self._file, (len(kept), *self._shape[1:])),
            kept=kept,
            bad=dict(sorted(self._bad.items())),
            sizes=self._sizes,
            animated=self._animated,
        )

    def _uneven(self) -> DatasetError:
        (height, width), many = self._sizes.most_common(1)[0]
        size = min(height, width, 64)
        (low, wide), (high, broad) = min(self._sizes, key=math.prod), max(self._sizes, key=math.prod)
        return DatasetError(
            f"{self._where} has pictures of {len(self._sizes):,} sizes, from {low}×{wide} to "
            f"{high}×{broad} pixels; {height}×{width} is the most frequent, with {many:,} of "
            f"{self._sizes.total():,}. Say which size all are to be made, {size} for instance (--size).",
            "size",
        )

    # -- in threads, one for each process -----------------------------------------------------------

    def _feed(self) -> None:
        """Give a process chunk after chunk, each before it is through with the one before, so that it never waits."""
        process = None
        given: deque[list[tuple[int, str | bytes]]] = deque()
        try:
            while not self._ended:
                process = process or self._start()
                while len(given) < AHEAD and (chunk := self._take()):
                    self._give(process, chunk)
                    given.append(chunk)
                if not given:
                    break
                answer = self._answer(process)
                chunk = given.popleft()
                if answer is not None:
                    self._answers.put((len(chunk), answer))
                    continue
                self._stop(process)
                self._one_by_one(chunk)
                process = self._start()
                for waiting in given:
                    self._give(process, waiting)
            self._answers.put(None)
        except BaseException as error:
            self._answers.put(error)
        finally:
            if process is not None:
                self._stop(process)

    def _one_by_one(self, chunk: Sequence[tuple[int, str | bytes]]) -> None:
        """Find out which picture of a chunk brought its decoder down."""
        process = None
        for item in chunk:
            if self._ended:
                return
            process = process or self._start()
            self._give(process, [item])
            answer = self._answer(process)
            if answer is None:
                self._stop(process)
                process = None
                answer = _bad(item[0], "brings its decoder down")
            self._answers.put((1, answer))
        if process is not None:
            self._stop(process)

    def _take(self) -> list[tuple[int, str | bytes]]:
        chunk: list[tuple[int, str | bytes]] = []
        size = 0
        with self._next:
            for row, content in self._contents:
                if isinstance(content, PictureError):
                    self._answers.put((1, _bad(row, str(content))))
                    continue
                self._taken[row] = True
                chunk.append((row, content))
                size += len(content) if isinstance(content, bytes) else 0
                if len(chunk) == CHUNK or size >= CHUNK_BYTES:
                    break
        return chunk

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = self._reading.processes.pop()
        except IndexError:
            process = _started()
        self._processes.add(process)
        head = {"wish": self._wish._asdict(), "file": os.fsdecode(self._file), "shape": self._shape[1:]}
        _write(process, json.dumps(head).encode() + b"\n")
        return process

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate()
        self._processes.discard(process)

    def _give(self, process: subprocess.Popen[bytes], chunk: Sequence[tuple[int, str | bytes]]) -> None:
        items = [(row, content if isinstance(content, str) else len(content)) for row, content in chunk]
        line = json.dumps({"items": items, "look": self._wish.size is None and len(self._sizes) > 1}).encode() + b"\n"
        _write(process, line + b"".join(content for _, content in chunk if isinstance(content, bytes)))

    def _answer(self, process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
        """The answer to the first chunk that has none yet; None where the process is gone."""
        assert process.stdout is not None
        answer = process.stdout.readline()
        return dict(json.loads(answer)) if answer.endswith(b"\n") else None


def get_ready(reading: Reading, count: int) -> None:
    """Start the processes that will decode so many pictures: they load Pillow while the pictures are sorted."""
    with suppress(DatasetError):  # which the first to need one tells
        while len(reading.processes) < _processes(count):
            reading.processes.append(_started())


def _processes(count: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, count // CHUNK))


def _started() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", decoder.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt is for us to answer
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # numpy starts sooner
        )
    except OSError as error:
        raise DatasetError(
            f"No process can be started to decode pictures ({error.strerror or error}): end other programs, and try "
            "again.",
            "data",
        ) from None


def _bad(row: int, reason: str) -> dict[str, Any]:
    """The answer to one picture that cannot be used."""
    return {"bad": [(row, reason)], "sizes": [], "frames": 0, "colour": False}


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it is gone, which shows when its answer is read


def _too_many(bad: Mapping[int, str], names: Sequence[str], where: str) -> DatasetError:
    if not bad:
        return DatasetError(f"{where} has no pictures: choose another folder or archive.", "data")
    told = [f"{names[row]} {reason}" for row, reason in sorted(bad.items())[:TOLD]]
    more = f"; and {len(bad) - TOLD:,} more" if len(bad) > TOLD else ""
    return DatasetError(
        f"{counted(len(bad), 'picture')} in {where} cannot be used, more than one in ten: {'; '.join(told)}{more}. "
        "Mend or remove them.",
        "data",
    )
