"""Writing IDX files, the format of MNIST, and making small image sets, for the tests."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet, load_dataset
from engine.specs.data_files import DataFiles


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file that holds `array`: magic, one big-endian size for each axis, values."""
    magic = struct.pack(">HBB", 0, 0x08, array.ndim)
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def write_idx(path: Path, array: NDArray[np.uint8], *, gz: bool = False) -> Path:
    """Write `array` (labels (n,), images (n, h, w) or (n, h, w, 3)) to `path`, gzip or plain, and return `path`."""
    data = idx_bytes(array)
    path.write_bytes(gzip.compress(data, mtime=0) if gz else data)
    return path


def pictures(count: int = 6, height: int = 8, width: int = 8, colours: int | None = None) -> NDArray[np.uint8]:
    """Grey or colour images of noise, always the same."""
    shape = (count, height, width) if colours is None else (count, height, width, colours)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def numbers(*values: int) -> NDArray[np.uint8]:
    """Labels."""
    return np.array(values, np.uint8)


def first_of_mnist(folder: Path, training: int, test: int) -> dict[str, Path]:
    """Four IDX files in `folder` with the first images of MNIST, by the names that specs give them."""
    folder.mkdir(parents=True, exist_ok=True)
    mnist = load_dataset()
    assert mnist.test is not None
    assert mnist.train.labels is not None
    assert mnist.test.labels is not None
    return {
        "images": write_idx(folder / "images", mnist.train.images[:training, ..., 0]),
        "labels": write_idx(folder / "labels", mnist.train.labels[:training]),
        "test_images": write_idx(folder / "test-images", mnist.test.images[:test, ..., 0]),
        "test_labels": write_idx(folder / "test-labels", mnist.test.labels[:test]),
    }


def labelled(labels: NDArray[np.uint8]) -> ImageSet:
    """Black images with these labels."""
    return ImageSet(np.zeros((len(labels), 8, 8, 1), np.uint8), labels)


def unlabelled(count: int) -> ImageSet:
    return ImageSet(np.zeros((count, 8, 8, 1), np.uint8))


def load_idx(
    images: Path | None = None, labels: Path | None = None, test_images: Path | None = None,
    test_labels: Path | None = None,
) -> ImageData:  # fmt: skip
    """The set in IDX files that are named one by one; without any, MNIST."""
    return load_dataset(DataFiles(images=images, labels=labels, test_images=test_images, test_labels=test_labels))
