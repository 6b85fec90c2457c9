"""Image sets: reading them from disk, and refusing the broken ones.

Everything a user can point at comes through `load_dataset`, so that what counts as a valid image set is decided in one
place: a truncated file, a label without an image and a header that promises gigabytes are all a `DatasetError` that
names the file, what was found and what was expected. What is in a file is read by the sources, one a format.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.sources import read
from engine.data.sources.checks import check_parts
from engine.data.streams import ORDER, generator
from engine.errors import DatasetError
from engine.network.architecture import Shape
from engine.specs.data_files import MNIST, DataFiles
from engine.storage.paths import shown
from engine.text import class_name, one_line

MNIST_DIGEST = "7e3d4d3519c9895e821de97d27e61e4d4134b041b7dc352d3b2282435435fcc1"
"""Of the MNIST that comes along: the same images under another name are MNIST too."""
MNIST_IMAGES_DIGEST = "5f4a8fc134854002644f41ec03b21c658eb786b7a6999c3c121f94046b236be3"
"""Of its training images alone."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that can be taken by index, in an order for each epoch.

    Args:
        images: shape (n, height, width, channels), uint8; in memory, or a file that is mapped into it.
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

        It depends on nothing but `seed` and `epoch` (both at least 0) and the length: epoch 7 of a resumed run has
        the order that it would have had.
        """
        return generator(seed, ORDER, epoch).permutation(len(self))


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageData:
    """What a run learns from and is judged by: training images and, perhaps, test images."""

    name: str  # as `DataFiles.name` has it; of other copies of MNIST too
    train: ImageSet
    test: ImageSet | None
    paths: dict[str, str | None]  # absolute, as `load_dataset` names them; all None is the embedded MNIST
    class_names: tuple[str, ...]  # by label, each a line that can be shown; none without training labels
    digest: str  # SHA-256 of what the files hold, not of the files: plain and gzip have the same

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""
        return self.train.shape

    @property
    def classes(self) -> int:
        """How many classes there are, some of which may have no image; 0 without training labels."""
        return len(self.class_names)

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
    """Read an image set, of whatever format it is; without any path, the MNIST that comes along.

    Args:
        images: training images, at least 2, both sides 8 to 256; what else of the set is in the same place is read too.
        labels: the class of each training image.
        test_images: images of the same shape, at least 1.
        test_labels: their classes, each one that the training labels could have.

    Raises:
        DatasetError: a file cannot be read or is of no format that is known, or the files do not belong together.
        StorageError: a path cannot be written down, and so not be found again.
    """
    files = DataFiles(images, labels, test_images, test_labels)
    whole = files.absolute()
    given = files
    if images is None:
        if files.named:
            raise DatasetError("A data file is named but no training images: name those too, or none for MNIST.")
        folder = assets_folder() / "mnist"
        given = DataFiles(
            folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz",
            folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz",
        )  # fmt: skip
    if test_labels is not None and test_images is None:
        raise DatasetError(
            "Test labels are named but no test images: name those too, or leave the labels out.", "test_images"
        )
    if test_labels is not None and labels is None:
        raise DatasetError(
            "Test labels are named but no training labels: name those too, or leave the labels out.", "labels"
        )

    found = read(given)
    check_parts(found, given)
    assert found.images is not None  # as was checked
    train = ImageSet(found.images, found.labels)
    test = None if found.test_images is None else ImageSet(found.test_images, found.test_labels)
    digest = _digest(train, test)
    return ImageData(
        name=MNIST if digest == MNIST_DIGEST else files.name,
        train=train,
        test=test,
        paths=whole.as_json(),
        class_names=_names(train, found.class_names),
        digest=digest,
    )


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


def _names(train: ImageSet, given: Sequence[str]) -> tuple[str, ...]:
    """Of the classes, as they can be shown: those that a source gave, and numbers where it gave none."""
    if train.labels is None:
        return ()
    count = max(train.classes, len(given))
    return tuple(one_line(class_name(given, label)).strip() or str(label) for label in range(count))


def class_counts(labels: NDArray[np.uint8], classes: int) -> list[int]:
    """How many of `labels` (shape (n,)) each class has, for classes 0 to `classes` - 1.

    Raises:
        ValueError: a label is not below `classes`.
    """
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes:
        raise ValueError(f"label {len(counts) - 1} is not below {classes}")
    return [int(count) for count in counts]


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
