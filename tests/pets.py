"""A way in for images that the program does not have: the toy of the tests, and images in its format."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.reading import Reading
from engine.data.sources import SOURCES
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing

MARK = b"pets\n"


class Pets:
    """See `Source`: a line that says so, then JSON with images 8 wide as hexadecimal digits; a file has a whole set."""

    endings: Sequence[str] = (".pets",)

    def sniff(self, path: Path) -> Sniffed:
        """By its first line."""
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(MARK)) == MARK:
                    return Sniffed(1, "it begins with the word pets")
        return Sniffed(0, "it does not begin with the word pets")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        """Training and test images of the one file."""
        try:
            found = json.loads(path.read_bytes().removeprefix(MARK))
        except ValueError:
            raise DatasetError(f"{path} holds no pets: write them again.", "data") from None
        images, labels = _read(found["training"], found["height"])
        tests, test_labels = _read(found["test"], found["height"])
        return Parts(
            images=images, labels=labels, test_images=tests, test_labels=test_labels, class_names=tuple(found["names"])
        )


def _read(rows: list[list[str]], height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = np.frombuffer(bytes.fromhex("".join(row for _, row in rows)), np.uint8)
    return pixels.reshape(len(rows), height, 8, 1), np.array([label for label, _ in rows], np.uint8)


SOURCE = Pets()


def write_pets(path: Path, names: Sequence[str], training: int = 60, test: int = 20, height: int = 8) -> Path:
    """So many images of noise in a file, a class after the other, written so long ago that it is kept in memory."""
    noise = np.random.default_rng(0).integers(0, 256, (training + test, 8 * height), dtype=np.uint8)
    rows = [[place % len(names), row.tobytes().hex()] for place, row in enumerate(noise)]
    found = {"names": names, "height": height, "training": rows[:training], "test": rows[training:]}
    path.write_bytes(MARK + json.dumps(found).encode())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture
def pets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of sources has them too."""
    monkeypatch.setitem(SOURCES, "pets", __name__)
