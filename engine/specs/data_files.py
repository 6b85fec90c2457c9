"""Which images are meant and what is done to them, as one value, and what such a set is called.

Everything that says which images are meant, a spec, a form, the settings, hands on this value and not its parts. It
imports neither torch nor numpy nor pydantic: the first screen names the data.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import SpecError
from engine.specs.preprocessing import PREPROCESSING, Preprocessing
from engine.storage.files import absolute
from engine.storage.paths import pasted_path
from engine.text import one_line, plain

PATHS = ("data", "test_data", "images", "labels", "test_images", "test_labels")
"""The fields of a spec that say where data are: a whole set, of whatever format, or an IDX file for each part."""
IDX_FIELDS = PATHS[2:]
LABELS_FROM = "labels_from"
"""The field of a file of labels, which changes labels of a set and leaves images out."""
FIELDS = (*PATHS, LABELS_FROM, *PREPROCESSING)
"""Those, and what is done to the labels and the images."""
ROLES = {
    "data": "images", "test_data": "test images", "images": "training images", "labels": "training labels",
    "test_images": "test images", "test_labels": "test labels",
}  # fmt: skip
"""What each of the first is, in words."""
COMES_ALONG = {"digits": "Digits"}
"""Sets that come along as MNIST does, and what they are called; they have a name for a path, as the catalogue's do."""
MNIST = "MNIST"
MNIST_SHAPE = (28, 28, 1)
LONGEST_NAME = 40

_USUAL = re.compile(
    r"(x|y|train|training|test|t10k|images?|imgs?|pictures?|pixels?|data|dataset|idx\d?|ubyte|uint8|[-_. ])+",
    re.IGNORECASE,
)
"""A file's name that many sets have, as train-images-idx3-ubyte: the folder tells more."""
_ENDING = re.compile(r"(\.(zip|tar|tgz|gz|bz2|xz|npz|npy|csv|tsv|parquet|mat|bin|idx))+$", re.IGNORECASE)
_SET_NAME = re.compile("[a-z][a-z0-9-]*")
_USUAL_FOLDERS = ("", "raw", "processed", "train", "training", "test", "images", "data", "idx")


class DataFiles(NamedTuple):
    """Which images are meant, as `datasets.load_dataset` takes them; nothing at all is MNIST."""

    data: str | None = None  # a name that `set_title` knows, or the path of a whole set
    test_data: Path | None = None
    images: Path | None = None
    labels: Path | None = None
    test_images: Path | None = None
    test_labels: Path | None = None
    preprocessing: Preprocessing = Preprocessing()
    labels_from: Path | None = None  # a file of labels: see `data.label_file`

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "DataFiles":
        """Those that `values` name by field: a spec as JSON, or what was typed; blank text names none."""
        texts = {name: text for name in FIELDS if (text := str(values.get(name) or "").strip())}
        paths: dict[str, Any] = {
            name: Path(pasted_path(texts[name])) for name in (*PATHS[1:], LABELS_FROM) if name in texts
        }
        return cls(
            data=data_of(texts["data"]) if "data" in texts else None,
            preprocessing=Preprocessing.of(texts),
            **paths,
        )

    @property
    def places(self) -> dict[str, Any]:
        """Where the data are, by field, each as a spec has it."""
        return {name: getattr(self, name) for name in PATHS}

    @property
    def named(self) -> dict[str, Path]:
        """The files and folders that are named, by field."""
        places = {name: str(place) for name, place in self.places.items() if place is not None}
        return {name: Path(place) for name, place in places.items() if name != "data" or set_title(place) is None}

    @property
    def text(self) -> dict[str, str]:
        """Every field as a form has it: empty where nothing is named."""
        found = self.places | {LABELS_FROM: self.labels_from} | self.preprocessing.text
        return {name: "" if value is None else str(value) for name, value in found.items()}

    @property
    def whole(self) -> Path | None:
        """Where the training images are: the whole set, or the file of the images; None for those that come along."""
        return self.named.get("data", self.images)

    @property
    def training(self) -> "DataFiles":
        """The same without IDX files of labels and test images."""
        return self._replace(labels=None, test_images=None, test_labels=None, labels_from=None)

    @property
    def as_given(self) -> "DataFiles":
        """The same with the labels that the files have."""
        return self._replace(labels_from=None)

    @property
    def is_mnist(self) -> bool:
        """Whether it is the MNIST that comes along, as it is."""
        return self == DataFiles()

    @property
    def name(self) -> str:
        """What the set is called: `MNIST`, or the name of the set, of its training images, or of their folder."""
        if self.whole is None:
            return MNIST if self.data is None else set_title(self.data) or self.data
        place = absolute(self.whole)
        stem = _ENDING.sub("", place.name) if self.images is None else Path(place.name.removesuffix(".gz")).stem
        if _USUAL.fullmatch(stem):
            folders = (folder.name for folder in place.parents)
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
        return {name: None if path is None else str(path) for name, path in self.places.items()}

    def absolute(self) -> "DataFiles":
        """The same, whatever folder it is named from."""
        found = self.moved({name: absolute(path) for name, path in self.named.items()})
        return found if found.labels_from is None else found._replace(labels_from=absolute(found.labels_from))

    def moved(self, places: Mapping[str, Path]) -> "DataFiles":
        """The same with those fields at other places."""
        found: dict[str, Any] = dict(places)
        if "data" in found:
            found["data"] = str(found["data"])
        return self._replace(**found)


def data_of(text: str) -> str | None:
    """What was typed for a whole set: a name that is known wins over a path, which `./digits` is. MNIST needs none."""
    name = text.strip().lower()
    return None if name == MNIST.lower() else name if set_title(name) else pasted_path(text)


def set_names() -> tuple[str, ...]:
    """Every name that may be typed in place of a path, but `mnist`."""
    from engine.specs.catalogue import catalogue

    return (*COMES_ALONG, *catalogue())


def set_title(name: str) -> str | None:
    """What the set of that name is called; None for what is the name of none."""
    if not _SET_NAME.fullmatch(name):  # as no path is that is written down
        return None
    if name in COMES_ALONG:
        return COMES_ALONG[name]
    from engine.specs.catalogue import catalogue  # a table that has to be read

    entry = catalogue().get(name)
    return None if entry is None else entry.title


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
    named = {name: values.get(name) for name in (*PATHS, LABELS_FROM)}
    blank = [name for name, given in named.items() if given is not None and not str(given).strip()]
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
    for field in ("data", "images"):
        named = str(given.get(field, ""))
        if named.strip().lower() == "mnist" and (field == "data" or not os.path.isfile(named)):
            del given[field]
            return True
    return False
