"""Folders and archives of pictures, made for a test."""

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

OLD = (1_700_000_000, 1_700_000_000)
"""When everything was written: long ago, so that what was read of it is kept."""


def picture(shade: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L", form: str = "PNG") -> bytes:
    """A picture of that height and width, different for each shade."""
    noise = np.random.default_rng(shade).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(noise if mode not in ("L", "1") else noise[..., 0]).convert(mode)
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def pixels(content: bytes) -> np.ndarray:
    """What is in it, (height, width, 1 or 3)."""
    found = np.asarray(Image.open(io.BytesIO(content)))
    return found.reshape(*found.shape[:2], -1)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Those files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, OLD)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Those files in a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    os.utime(path, OLD)
    return path


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    """Those files in a tar."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # mode is one of its words
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    os.utime(path, OLD)
    return path


def a_set(
    training: int = 6, test: int = 2, classes: tuple[str, ...] = ("cat", "dog"), **options: object
) -> dict[str, bytes]:
    """So many pictures of each class to train on and to test by, under the names of a folder."""
    files = {}
    shade = 0
    for part, count in (("train", training), ("test", test)):
        for name in classes:
            for number in range(count):
                shade += 1
                files[f"{part}/{name}/{number}.png"] = picture(shade, **options)  # type: ignore[arg-type]  # values of several types
    return files
