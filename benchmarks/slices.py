"""Images as IDX files: parts of MNIST, and noise of any number and size."""

import gzip
from pathlib import Path

import numpy as np

from engine.data.datasets import assets_folder


def first_images(path: Path, count: int) -> Path:
    """An IDX file of the first `count` training images."""
    raw = gzip.decompress((assets_folder() / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    path.write_bytes(raw[:4] + count.to_bytes(4, "big") + raw[8:16] + raw[16 : 16 + count * 784])
    return path


def random_images(path: Path, count: int, side: int) -> Path:
    """An IDX file of noise: `count` grey images of `side` × `side` pixels."""
    draw = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(b"\0\0\x08\x03" + b"".join(number.to_bytes(4, "big") for number in (count, side, side)))
        for begun in range(0, count, 10_000):
            file.write(draw.integers(0, 256, (min(10_000, count - begun), side, side), dtype=np.uint8).tobytes())
    return path
