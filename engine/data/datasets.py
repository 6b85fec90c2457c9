"""Image sets: reading them from disk, and refusing the broken ones.

Everything a user can point at comes through `load_dataset`, so that what counts as a valid image set is decided in one
place: a truncated file, a label without an image and a header that promises gigabytes are all a `DatasetError` that
names the file, what was found and what was expected. What is in a file is read by the sources, one a format.
"""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import NOTHING, ByHand
from engine.data.corrections import AS_GIVEN, Corrections
from engine.data.reading import Reading
from engine.data.sources import read
from engine.data.sources.checks import check_parts
from engine.data.sources.source import Parts
from engine.data.streams import ORDER, generator
from engine.data.treatment import treated, with_tests
from engine.errors import DatasetError
from engine.network.architecture import Shape
from engine.specs.data_files import IDX_FIELDS, MNIST, DataFiles
from engine.specs.preprocessing import colour_of
from engine.storage.paths import shown
from engine.text import class_name, excerpt, one_line

MNIST_DIGEST = "7e3d4d3519c9895e821de97d27e61e4d4134b041b7dc352d3b2282435435fcc1"
"""Of the MNIST that comes along: the same images under another name are MNIST too."""
MNIST_IMAGES_DIGEST = "5f4a8fc134854002644f41ec03b21c658eb786b7a6999c3c121f94046b236be3"
"""Of its training images alone."""


FROM_DISK_BYTES = 1 << 30
"""Sets that are larger are taken for more than memory holds: the same on every machine, for it decides their order."""
BLOCK_BYTES, WINDOW_BYTES = 1 << 20, 64 << 20
"""What is read from the file of such a set in one piece, and what of it is in memory at a time."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that can be taken by index, in an order for each epoch.

    Args:
        images: shape (n, height, width, channels), uint8; in memory, or a file that is mapped into it.
        labels: shape (n,), uint8, or None.
        from_disk: whether they may be more than memory holds; then an epoch's order goes through the file in stretches.

    Raises:
        ValueError: an array has another type or shape than that.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None = None
    from_disk: bool = False

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

        It depends on nothing but `seed` and `epoch` (both at least 0) and the set: epoch 7 of a resumed run has the
        order that it would have had. Of a set that may be more than memory holds, blocks of the file are shuffled, and
        then the images of so many blocks together as a window has: what is trained on next lies near each other.
        """
        drawn = generator(seed, ORDER, epoch)
        if not self.from_disk:
            return drawn.permutation(len(self))
        each = max(self.images[:1].nbytes, 1)
        block = max(BLOCK_BYTES // each, 1)
        starts = drawn.permutation(np.arange(0, len(self), block))
        together = max(WINDOW_BYTES // (block * each), 1)
        windows = [
            np.concatenate([np.arange(first, min(first + block, len(self))) for first in starts[at : at + together]])
            for at in range(0, len(starts), together)
        ]
        return np.concatenate([drawn.permutation(window) for window in windows])


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageData:
    """What a run learns from and is judged by: training images and, perhaps, test images."""

    name: str  # as `DataFiles.name` has it; of other copies of MNIST too
    train: ImageSet
    test: ImageSet | None
    files: DataFiles  # absolute, as `load_dataset` was given them
    class_names: tuple[str, ...]  # by label, each a line that can be shown; none without training labels
    digest: str  # SHA-256 of what the files hold, not of the files: plain and gzip have the same
    validation: int = 0  # how many of the last training images are a validation part of their own
    words: str = ""  # what was found, and which rule applied; nothing for IDX files that were named one by one
    notes: tuple[str, ...] = ()  # sentences: what was done to the images that a person should know of
    left_out: Mapping[str, str] = field(default_factory=dict)  # what of it is not among the images, and why
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)  # before they were made to fit
    by_hand: ByHand = NOTHING  # which images of the whole set a person left out
    corrections: Corrections = AS_GIVEN  # what a file of labels changed, but of images that were left out by hand
    corrected: str = ""  # which labels became which, in words
    known_digests: tuple[str, dict[str, str]] | None = None  # `images_digest` and `part_digests`, if they were kept

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""
        return self.train.shape

    @property
    def classes(self) -> int:
        """How many classes there are, some of which may have no image; 0 without training labels."""
        return len(self.class_names)

    def labels_called(self, names: Sequence[str], field: str) -> list[int]:
        """The labels of the classes of these names.

        Args:
            field: of a spec, which has the names.

        Raises:
            DatasetError: there is no such class.
        """
        if self.train.labels is None:
            raise DatasetError(
                f"{self.name} has no classes: leave this empty, or name a set whose images have classes.", field
            )
        known = {name: label for label, name in enumerate(self.class_names)}
        if strange := [name for name in names if name not in known]:
            there = ", ".join(list(known)[:8]) + (" …" if len(known) > 8 else "")
            raise DatasetError(
                f"{self.name} has no class called {excerpt(strange[0])}; it has {there}: correct the name.", field
            )
        return [known[name] for name in names]

    @cached_property
    def images_digest(self) -> str:
        """The digest of the training images alone; the first call computes it.

        It is the `digest` of a set of these images without labels and test images.
        """
        if self.known_digests is not None:
            return self.known_digests[0]
        if self.digest == MNIST_DIGEST:
            return MNIST_IMAGES_DIGEST
        return digest_of(ImageSet(self.train.images), None, self.validation)

    @cached_property
    def part_digests(self) -> dict[str, str]:
        """The digests of labels, test images and test labels, as far as there are any, by the field that names each."""
        if self.known_digests is not None:
            return self.known_digests[1]
        return _part_digests(self.train, self.test)


def load_dataset(files: DataFiles = DataFiles(), reading: Reading | None = None) -> ImageData:  # noqa: B008 - immutable
    """Read an image set, of whatever format it is; without any path, the MNIST that comes along.

    Raises:
        DatasetError: a file cannot be read or is of no format that is known, or the parts do not belong together.
        StorageError: a path cannot be written down, and so not be found again.
    """
    whole = files.absolute()
    _check_named(files)
    given = files
    if files.whole is None and files.data is None:
        folder = assets_folder() / "mnist"
        given = DataFiles(
            images=folder / "train-images-idx3-ubyte.gz", labels=folder / "train-labels-idx1-ubyte.gz",
            test_images=folder / "t10k-images-idx3-ubyte.gz", test_labels=folder / "t10k-labels-idx1-ubyte.gz",
            preprocessing=files.preprocessing,
        )  # fmt: skip
    with reading or Reading() as opened:
        found = _read(given, opened)
        if given.test_data is not None and found.images is not None:
            # Test images have colours where the others have some, and are not limited. Colours are never taken away
            # unasked: test images in colour beside grey ones are refused with the way out.
            colour = "rgb" if found.images.shape[3] == 3 else given.preprocessing.colour
            asked = given.preprocessing._replace(limit_per_class=None, colour=colour)
            try:
                tests = _read(DataFiles(str(given.test_data), preprocessing=asked), opened)
            except DatasetError as error:
                raise DatasetError(str(error), "test_data" if error.field == "data" else error.field) from None
            found = with_tests(found, tests, given.test_data)
    check_parts(found, given)
    notes = [*found.notes, *opened.notes]
    background = given.preprocessing.background
    if found.images is not None and found.images.shape[3] == 1 and len(set(colour_of(background))) > 1:
        notes.append(f"The background {background} is grey here, as the images are: --colour rgb keeps its colour.")
    assert found.images is not None  # as was checked
    train = ImageSet(found.images, found.labels, is_from_disk(found.images, files))
    test = None if found.test_images is None else ImageSet(found.test_images, found.test_labels)
    with ThreadPoolExecutor(2) as pool:  # hashing and waiting for the disk let go of Python's lock
        pool.submit(opened.settle)
        alone = pool.submit(digest_of, ImageSet(train.images), None, found.validation) if files.data else None
        digest = digest_of(train, test, found.validation)
    return ImageData(
        name=MNIST if digest == MNIST_DIGEST else files.name,
        train=train,
        test=test,
        files=whole,
        class_names=_names(train, found.class_names),
        digest=digest,
        validation=found.validation,
        words=found.words,
        notes=tuple(notes),
        left_out=found.left_out,
        sizes=found.sizes,
        known_digests=None if alone is None else (alone.result(), _part_digests(train, test)),
    )


def _read(files: DataFiles, reading: Reading) -> Parts:
    found = read(files, reading)
    return found if found.fitted else treated(found, files, reading)


def is_from_disk(images: NDArray[np.uint8], files: DataFiles) -> bool:
    """Whether such training images are trained on as more than memory holds; IDX files named one by one never are."""
    return files.data is not None and images.nbytes > FROM_DISK_BYTES


def _check_named(files: DataFiles) -> None:
    """Refuse what is named without that which it belongs to."""
    for name, problem in files.preprocessing.problems.items():
        raise DatasetError(problem, name)
    idx = [field for field in IDX_FIELDS if getattr(files, field) is not None]
    if files.data is not None and idx:
        raise DatasetError("A set is named, and IDX files besides: name the one or the others.", idx[0])
    if files.test_data is not None and files.data is None:
        raise DatasetError("Test data are named but no data to train on: name those too.", "test_data")
    if files.images is None and idx:
        raise DatasetError("A data file is named but no training images: name those too, or none for MNIST.")
    if files.test_labels is not None and files.test_images is None:
        raise DatasetError(
            "Test labels are named but no test images: name those too, or leave the labels out.", "test_images"
        )
    if files.test_labels is not None and files.labels is None:
        raise DatasetError(
            "Test labels are named but no training labels: name those too, or leave the labels out.", "labels"
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
    names: list[str] = []
    taken: set[str] = set()
    for label in range(max(train.classes, len(given))):
        shown_name = name = one_line(class_name(given, label)).strip() or "no name"
        number = 2
        while name in taken:  # two that differ in what cannot be shown
            name = f"{shown_name} ({number})"
            number += 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def class_counts(labels: NDArray[np.uint8], classes: int) -> list[int]:
    """How many of `labels` (shape (n,)) each class has, for classes 0 to `classes` - 1.

    Raises:
        ValueError: a label is not below `classes`.
    """
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes:
        raise ValueError(f"label {len(counts) - 1} is not below {classes}")
    return [int(count) for count in counts]


def digest_of(train: ImageSet, test: ImageSet | None, validation: int = 0) -> str:
    """The SHA-256 of what a set holds; `validation` of the last training images are a part of their own."""
    sha = hashlib.sha256()
    for one in (train, test):
        # The shapes come first: without them, other images could have the same bytes in a row.
        labelled = one is not None and one.labels is not None
        sha.update(f"{one.images.shape if one is not None else None} {labelled}\n".encode())
        if one is not None:
            sha.update(np.ascontiguousarray(one.images).data)
            if one.labels is not None:
                sha.update(np.ascontiguousarray(one.labels).data)
    if validation:
        sha.update(f"validation {validation}\n".encode())
    return sha.hexdigest()


def _part_digests(train: ImageSet, test: ImageSet | None) -> dict[str, str]:
    parts = {"labels": train.labels}
    if test is not None:
        parts |= {"test_images": test.images, "test_labels": test.labels}
    return {field: _digest_of(part) for field, part in parts.items() if part is not None}


def _digest_of(part: NDArray[np.uint8]) -> str:
    sha = hashlib.sha256(f"{part.shape}\n".encode())
    sha.update(np.ascontiguousarray(part).data)
    return sha.hexdigest()
