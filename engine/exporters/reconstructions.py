"""Reconstructions as PNG files, each under the name of its picture."""

import itertools
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.storage.files import LONGEST_NAME

ENDING = ".png"


def naming(files: Sequence[str]) -> Callable[[str], str]:
    """What gives the name of the file for each picture, below a folder, with `/` between folders.

    It is that of the picture, where all are called differently; else with the folders that it lies in, below the one
    that all lie in; and with its own ending too, where that alone tells two apart. An image of a set, which is no
    file, is called by its part and number.
    """
    if not files:
        return lambda name: "-".join(name.rsplit(" ", 2)[1:]) + ENDING
    root = os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in files])
    ways: tuple[Callable[[str], str], ...] = (
        lambda name: PurePath(name).stem,
        lambda name: os.fspath(PurePath(os.path.relpath(os.path.abspath(name), root)).with_suffix("")),
        lambda name: os.path.relpath(os.path.abspath(name), root),
    )
    apart = next((way for way in ways if len({way(name).casefold() for name in files}) == len(files)), None)
    if apart is not None:
        return lambda name: _short(apart(name)) + ENDING
    number = itertools.count(1)  # one picture is named twice
    return lambda name: f"{_short(ways[-1](name))}-{next(number)}{ENDING}"


def _short(path: str) -> str:
    """The same with names that leave room for an ending and a number."""
    parts = []
    for part in path.split(os.sep):
        raw = os.fsencode(part)
        if len(raw) > LONGEST_NAME - 16:
            part = f"{raw[: LONGEST_NAME - 32].decode(errors='ignore')}-{zlib.crc32(raw):08x}"
        parts.append(part)
    return "/".join(parts)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, shape (height, width, 1 or 3), and the folders that it lies in.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path, "PNG")
