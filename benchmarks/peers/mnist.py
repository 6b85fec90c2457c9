"""MNIST for the peers, which know nothing of this project: arrays of uint8 from the files in `assets/`."""

import gzip
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "assets" / "mnist"
VALIDATION = 6_000


def images(name: str = "train") -> np.ndarray:
    """(n, 28, 28), uint8; `name` is train or t10k."""
    data = gzip.decompress((FOLDER / f"{name}-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)


def split() -> tuple[np.ndarray, np.ndarray]:
    """Training and validation images: a tenth at random is held back, as the engine does."""
    every = images()
    order = np.random.default_rng(0).permutation(len(every))
    return every[order[VALIDATION:]], every[order[:VALIDATION]]


def classes_of(name: str = "train") -> np.ndarray:
    """(n,), uint8."""
    data = gzip.decompress((FOLDER / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=8)


def labels() -> tuple[np.ndarray, np.ndarray]:
    """The classes of the two parts of `split`."""
    every = classes_of()
    order = np.random.default_rng(0).permutation(len(every))
    return every[order[VALIDATION:]], every[order[:VALIDATION]]


def test() -> tuple[np.ndarray, np.ndarray]:
    """The test images and their classes."""
    return images("t10k"), classes_of("t10k")
