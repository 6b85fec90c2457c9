"""Image sets: reading them from disk, refusing the broken ones, and splitting them.

Everything a user can point at comes through `load_dataset`, so that what counts as a valid image set
is decided in one place: a truncated file, a label without an image and a header that promises
gigabytes are all a `DatasetError` that names the file, what was found and what was expected.

Training sees only the `Dataset` interface, so that sets larger than memory can come later. Every
random choice here is drawn from its own stream of the run's seed, so that none moves another.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.data.sources.idx import IdxFile, shown, size_words
from engine.errors import DatasetError
from engine.network.architecture import Shape
from engine.specs.data_files import MNIST, DataFiles

MNIST_DIGEST = "7e3d4d3519c9895e821de97d27e61e4d4134b041b7dc352d3b2282435435fcc1"
"""Of the MNIST that comes along: the same images under another name are MNIST too."""
MNIST_IMAGES_DIGEST = "5f4a8fc134854002644f41ec03b21c658eb786b7a6999c3c121f94046b236be3"
"""Of its training images alone."""
SPLIT_RULE = 2
"""How `split` and `labelled_subset` divide. A run keeps the rule it began with: a resume has the same images.

1. Of version 0.1.0: where classes have equal claims to give one more image, the lower class does.
2. Equal claims are drawn by the seed. What has none is divided as before.
"""


_ORDER_STREAM, _SPLIT_STREAM, _SUBSET_STREAM, _SPLIT_TIES_STREAM, _SUBSET_TIES_STREAM = range(5)


class Dataset(Protocol):
    """Images that can be taken by index, in an order for each epoch."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""

    @property
    def classes(self) -> int:
        """1 + the largest label; 0 without labels."""

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """The class of each image, shape (n,); None where they are not known."""

    def take(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """A copy of the images at `indices`, shape (len(indices), height, width, channels), 0 to 255."""

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Every index once, in an order that depends on nothing but `seed`, `epoch` and the length."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A `Dataset` that is held in memory.

    Args:
        images: shape (n, height, width, channels), uint8.
        labels: shape (n,), uint8, or None.

    Raises:
        ValueError: an array has another type or shape than that.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(f"images are {self.images.dtype} {self.images.shape}, not uint8 (n, h, w, c)")
        if self.labels is not None and (self.labels.dtype != np.uint8 or self.labels.shape != self.images.shape[:1]):
            raise ValueError(f"labels are {self.labels.dtype} {self.labels.shape}, not uint8 ({len(self)},)")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def classes(self) -> int:
        """1 + the largest label of this set, which can be less than its `ImageData` has; 0 without labels."""
        return 1 + int(self.labels.max(initial=0)) if self.labels is not None else 0

    @property
    def occurring(self) -> NDArray[np.uint8]:
        """The classes that an image has, ascending: labels may have gaps."""
        return np.unique(self.labels) if self.labels is not None else np.empty(0, np.uint8)

    def take(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """A copy of the images at `indices`, shape (len(indices), height, width, channels), 0 to 255."""
        return np.take(self.images, indices, axis=0)

    def epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Every index once, int64, shape (n,).

        The permutation is numpy's, by a PCG64 generator whose SeedSequence is made of `seed` and
        `epoch` (both at least 0) alone: epoch 7 of a resumed run has the order that it would have had.
        """
        return _generator(seed, _ORDER_STREAM, epoch).permutation(len(self))


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageData:
    """What a run learns from and is judged by: training images and, perhaps, test images."""

    name: str  # as `DataFiles.name` has it; of other copies of MNIST too
    train: ImageSet
    test: ImageSet | None
    paths: dict[str, str | None]  # absolute, as `load_dataset` names them; all None is the embedded MNIST
    digest: str  # SHA-256 of what the files hold, not of the files: plain and gzip have the same

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""
        return self.train.shape

    @property
    def classes(self) -> int:
        """1 + the largest training label; 0 without training labels."""
        return self.train.classes

    @cached_property
    def images_digest(self) -> str:
        """The digest of the training images alone; the first call computes it.

        It is the `digest` of a set of these images without labels and test images.
        """
        return MNIST_IMAGES_DIGEST if self.digest == MNIST_DIGEST else _digest(ImageSet(self.train.images), None)

    @cached_property
    def part_digests(self) -> dict[str, str]:
        """The digests of labels, test images and test labels, as far as there are any, by the field that names each."""
        parts = {"labels": self.train.labels}
        if self.test is not None:
            parts |= {"test_images": self.test.images, "test_labels": self.test.labels}
        return {field: _digest_of(part) for field, part in parts.items() if part is not None}


def load_dataset(
    images: Path | None = None,
    labels: Path | None = None,
    test_images: Path | None = None,
    test_labels: Path | None = None,
) -> ImageData:
    """Read an image set from IDX files, plain or gzip; without any path, the MNIST that comes along.

    Args:
        images: training images, at least 2; unsigned bytes, (n, height, width) or (n, height, width, 3),
            both sides 8 to 256.
        labels: the class of each training image, unsigned bytes, (n,).
        test_images: images of the same shape, at least 1.
        test_labels: their classes, each one that the training labels could have.

    Raises:
        DatasetError: a file cannot be read or is no such file, or the files do not belong together.
    """
    files = DataFiles(images, labels, test_images, test_labels)
    paths = {key: _absolute(path) for key, path in files._asdict().items()}
    if images is None:
        if any(paths.values()):
            raise DatasetError("A data file is named but no training images: name those too, or none for MNIST.")
        folder = assets_folder() / "mnist"
        images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"
        test_images, test_labels = folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz"
    if test_labels is not None and test_images is None:
        raise DatasetError(
            "Test labels are named but no test images: name those too, or leave the labels out.", "test_images"
        )
    if test_labels is not None and labels is None:
        raise DatasetError(
            "Test labels are named but no training labels: name those too, or leave the labels out.", "labels"
        )

    train = _read_set(images, labels, "training")
    test = _read_set(test_images, test_labels, "test") if test_images is not None else None
    if test_images is not None and test is not None:
        _check_test(train, test, test_images, test_labels)
    digest = _digest(train, test)
    name = MNIST if digest == MNIST_DIGEST else files.name
    return ImageData(name=name, train=train, test=test, paths=paths, digest=digest)


def assets_folder() -> Path:
    """The folder of what ships with the program: inside the package once installed, beside it in a checkout.

    Raises:
        DatasetError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "assets", package.parent / "assets"):
        if folder.is_dir():
            return folder
    raise DatasetError(
        f"The files that ship with the program are not in {shown(package / 'assets')}: install it again."
    )


def split(
    dataset: Dataset, fraction: float, seed: int, rule: int = SPLIT_RULE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide a data set into training and validation, the same way for the same seed.

    round(n · fraction) images are held back for validation, at least 1 and at most n - 1. Where there are
    labels, every class gives the same part: its exact share rounded down, and the images then still
    missing come one each from the classes with the largest remainders, equal ones in an order drawn by the
    seed. A class that would give its last image goes to the end of that queue, because a class can only be
    learned from training images. Which images of a class are held back is drawn by the seed.

    Args:
        dataset: at least 2 images.
        fraction: of the images, for validation; above 0 and below 1.
        seed: at least 0.
        rule: see `SPLIT_RULE`.

    Returns:
        The indices of training and of validation: int64, sorted, disjoint, together every index.

    Raises:
        ValueError: fewer than 2 images, or a fraction out of range.
    """
    total = len(dataset)
    if total < 2:
        raise ValueError(f"{total} images cannot be split: at least 2 are needed")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}, not between 0 and 1")
    wanted = min(max(round(total * fraction), 1), total - 1)
    labels = dataset.labels if dataset.labels is not None else np.zeros(total, np.uint8)
    _, counts = np.unique(labels, return_counts=True)
    shares = _in_turn(counts, lambda turn: _shares(turn, wanted), rule, _generator(seed, _SPLIT_TIES_STREAM))
    held_back = _draw(labels, shares, _generator(seed, _SPLIT_STREAM))
    training = np.ones(total, bool)
    training[held_back] = False
    return np.flatnonzero(training), held_back


def labelled_subset(
    labels: NDArray[np.uint8], indices: NDArray[np.int64], fraction: float, seed: int, rule: int = SPLIT_RULE
) -> NDArray[np.int64]:
    """The part of `indices` whose labels are used: of each class alike, and at least one image of each.

    Args:
        labels: of the whole data set, shape (n,).
        indices: where to choose from, for instance the training part of `split`.
        fraction: of `indices`; above 0, at most 1. Fewer than one image a class becomes one, and the
            class that then has the most gives way, so that the total stays round(len(indices) · fraction)
            unless there are more classes than that. Equal claims are drawn by the seed, as in `split`.
        seed: at least 0.
        rule: see `SPLIT_RULE`.

    Returns:
        Some of `indices`, sorted, int64.

    Raises:
        ValueError: a fraction out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}, not above 0 and at most 1")
    indices = np.sort(indices)
    chosen = labels[indices]
    _, counts = np.unique(chosen, return_counts=True)
    wanted = max(round(len(indices) * fraction), len(counts))

    def divide(turn: NDArray[np.int64]) -> NDArray[np.int64]:
        shares = np.maximum(_shares(turn, wanted), 1)
        while shares.sum() > wanted:
            shares[shares.argmax()] -= 1
        return shares

    shares = _in_turn(counts, divide, rule, _generator(seed, _SUBSET_TIES_STREAM))
    return indices[_draw(chosen, shares, _generator(seed, _SUBSET_STREAM))]


def class_counts(labels: NDArray[np.uint8], classes: int) -> list[int]:
    """How many of `labels` (shape (n,)) each class has, for classes 0 to `classes` - 1.

    Raises:
        ValueError: a label is not below `classes`.
    """
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes:
        raise ValueError(f"label {len(counts) - 1} is not below {classes}")
    return [int(count) for count in counts]


def _generator(seed: int, *stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=stream)))


def _shares(counts: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """`wanted` (at most the sum of `counts`) divided in proportion to `counts`, by largest remainder."""
    exact = counts.astype(np.int64) * wanted
    shares, remainders = np.divmod(exact, counts.sum())
    # The last key is the first to sort by; of equal remainders the first comes first.
    queue = np.lexsort((-remainders, shares + 1 >= counts))
    shares[queue[: wanted - int(shares.sum())]] += 1
    return shares


def _in_turn(
    counts: NDArray[np.int64],
    divide: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    rule: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """The shares that `divide` gives the classes, for which the first of equals comes first: in a drawn order."""
    if rule == 1:
        return divide(counts)
    turn = generator.permutation(len(counts))
    shares = np.empty_like(counts)
    shares[turn] = divide(counts[turn])
    return shares


def _draw(labels: NDArray[np.uint8], shares: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions in `labels`: of each class that occurs, in order, as many as `shares` says."""
    drawn = [
        generator.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(np.unique(labels), shares, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _digest(*sets: ImageSet | None) -> str:
    sha = hashlib.sha256()
    for one in sets:
        # The shapes come first: without them, other images could have the same bytes in a row.
        labelled = one is not None and one.labels is not None
        sha.update(f"{one.images.shape if one is not None else None} {labelled}\n".encode())
        if one is not None:
            sha.update(np.ascontiguousarray(one.images).data)
            if one.labels is not None:
                sha.update(np.ascontiguousarray(one.labels).data)
    return sha.hexdigest()


def _digest_of(part: NDArray[np.uint8]) -> str:
    sha = hashlib.sha256(f"{part.shape}\n".encode())
    sha.update(np.ascontiguousarray(part).data)
    return sha.hexdigest()


def _absolute(path: Path | None) -> str | None:
    if path is None:
        return None
    absolute = str(path.absolute())
    try:
        absolute.encode()
    except UnicodeEncodeError as error:
        # It could be read, but a run could not write it down to find it again.
        raise DatasetError(f"{shown(path)} is not a name in valid UTF-8: rename the file.") from error
    return absolute


def _read_set(images: Path, labels: Path | None, part: str) -> ImageSet:
    pixels = IdxFile(images, f"{part} images").read()
    classes = None if labels is None else IdxFile(labels, f"{part} labels").read(images, len(pixels))
    return ImageSet(pixels, classes)


def _check_test(train: ImageSet, test: ImageSet, images: Path, labels: Path | None) -> None:
    """Raise unless the test set could have come from where the training set did."""
    if test.shape != train.shape:
        raise DatasetError(
            f"{shown(images)} holds test images of {size_words(test.shape)}; the training images are "
            f"{size_words(train.shape)}: name test images of that shape.",
            "test_images",
        )
    if labels is None or test.labels is None or test.classes <= train.classes:
        return
    index = int(np.argmax(test.labels >= train.classes))
    raise DatasetError(
        f"{shown(labels)} has the label {test.labels[index]} at index {index:,} (counted from 0); the largest "
        f"training label is {train.classes - 1}: name test labels of the same classes.",
        "test_labels",
    )
