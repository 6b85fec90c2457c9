"""The four files that an image set can have, as one value, and what such a set is called.

Everything that says which images are meant, a spec, a form, the settings, hands on this value and not four paths. It
imports neither torch nor numpy nor pydantic: the first screen names the data.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.errors import SpecError
from engine.storage.files import absolute
from engine.storage.paths import pasted_path
from engine.text import one_line, plain

FIELDS = ("images", "labels", "test_images", "test_labels")
"""The fields of a spec that name files of data."""
ROLES = dict(zip(FIELDS, ("training images", "training labels", "test images", "test labels"), strict=True))
"""What each of them is, in words."""
MNIST = "MNIST"
MNIST_SHAPE = (28, 28, 1)
LONGEST_NAME = 40

_USUAL = re.compile(
    r"(x|y|train|training|test|t10k|images?|imgs?|pictures?|pixels?|data|dataset|idx\d?|ubyte|uint8|[-_. ])+",
    re.IGNORECASE,
)
"""A file's name that many sets have, as train-images-idx3-ubyte: the folder tells more."""
_USUAL_FOLDERS = ("", "raw", "processed", "train", "training", "test", "images", "data", "idx")


class DataFiles(NamedTuple):
    """Which files an image set is read from, as `datasets.load_dataset` takes them; none at all is MNIST."""

    images: Path | None = None
    labels: Path | None = None
    test_images: Path | None = None
    test_labels: Path | None = None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "DataFiles":
        """Those that `values` name by field: a spec as JSON, or what was typed; blank text names none."""
        texts = {name: str(values.get(name) or "").strip() for name in FIELDS}
        return cls(**{name: Path(pasted_path(text)) for name, text in texts.items() if text})

    @property
    def named(self) -> dict[str, Path]:
        """The files that are named, by field."""
        return {name: path for name, path in self._asdict().items() if path is not None}

    @property
    def text(self) -> dict[str, str]:
        """Every field as a form has it: empty where no file is named."""
        return {name: path or "" for name, path in self.as_json().items()}

    @property
    def name(self) -> str:
        """What the set is called: `MNIST`, or the name of the training images, or that of their folder."""
        if self.images is None:
            return MNIST
        stem = Path(self.images.name.removesuffix(".gz")).stem
        if _USUAL.fullmatch(stem):
            folders = (folder.name for folder in absolute(self.images).parents)
            stem = next((name for name in folders if name.lower() not in _USUAL_FOLDERS), stem)
        name = one_line(stem)
        return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"

    @property
    def all_gone(self) -> dict[str, Path]:
        """The files that are named and are no longer there, by field."""
        return {field: path for field, path in self.named.items() if not os.path.exists(path)}

    @property
    def gone(self) -> Path | None:
        """The first of the files that are no longer there; None where all are."""
        return next(iter(self.all_gone.values()), None)

    def as_json(self) -> dict[str, str | None]:
        """The paths as a spec's JSON has them."""
        return {name: None if path is None else str(path) for name, path in self._asdict().items()}

    def absolute(self) -> "DataFiles":
        """The same files, whatever folder they are named from."""
        return DataFiles(**{name: absolute(path) for name, path in self.named.items()})


def told_apart(sets: Sequence[tuple[str, Path | None]]) -> list[str]:
    """What different sets are called beside each other: by their paths, as short as will do, where they share a name.

    Args:
        sets: the name of each, and the whole path of its training images; None for the MNIST that comes along.
    """
    names = [name for name, _ in sets]
    paths = [path for _, path in sets]
    longest = max((len(path.parts) for path in paths if path is not None), default=0)
    for parts in range(1, longest + 1):
        if len(set(names)) == len(set(paths)):
            break
        names = [
            name if path is None or not _shared(name, sets) else plain("/".join(path.parts[-parts:]))
            for name, path in sets
        ]
    return names


def _shared(name: str, sets: Sequence[tuple[str, Path | None]]) -> bool:
    return len({path for other, path in sets if other == name}) > 1


def refuse_blank(values: Mapping[str, object]) -> None:
    """Refuse a path that names nothing, as a variable that is not set makes it: it must not come to mean MNIST.

    Raises:
        SpecError: with a sentence for each such field.
    """
    blank = [name for name in FIELDS if (given := values.get(name)) is not None and not str(given).strip()]
    if blank:
        raise SpecError(dict.fromkeys(blank, "This names no file: give a path, or leave it out."))


def shape_words(shape: tuple[int, ...]) -> str:
    """The shape of an image in words: `28×28 grey`, `64×64 colour`."""
    if len(shape) != 3:
        return ""
    height, width, channels = shape
    return f"{height}×{width} {'grey' if channels == 1 else 'colour'}"


def names_mnist(given: dict[str, object]) -> bool:
    """Whether the images are `mnist`, which has no file to name; then `given` names none."""
    named = str(given.get("images", ""))
    if named.lower() != "mnist" or os.path.isfile(named):
        return False
    del given["images"]
    return True
