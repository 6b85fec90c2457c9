"""Pictures of any place, made the parts of an image set."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.decoder import Wish
from engine.data.pictures import Content, decode_all
from engine.data.reading import Reading
from engine.data.selection import selected
from engine.data.sources.source import Parts
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.storage.paths import shown
from engine.text import counted


@dataclass(frozen=True, slots=True)
class Listed:
    """Pictures in order, those to train on first, then those to validate by, then those to test by."""

    names: tuple[str, ...]
    counts: tuple[int, int, int]  # how many are for each
    labels: tuple[int | None, ...]
    class_names: tuple[str, ...]
    words: str  # `folder of pictures, 12 classes from folder names`
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # sentences on how they were arranged


def wish_of(preprocessing: Preprocessing) -> Wish:
    """What is to become of a picture."""
    return Wish(preprocessing.height_and_width, preprocessing.fit, preprocessing.colour, preprocessing.background)


def parts_of(
    path: Path, listed: Listed, contents: Callable[[], Iterator[tuple[int, Content]]], preprocessing: Preprocessing,
    reading: Reading,
) -> Parts:  # fmt: skip
    """Decode them all; those that are bad are left out of their part.

    Args:
        path: of the folder, the archive or the file, for refusals.
        contents: every picture with its place in `listed`, in any order; called again where they must be read again.

    Raises:
        DatasetError: there are none, too many are bad, or their sizes differ and none is asked for.
    """
    taken, label_of = selected(listed.labels, listed.counts, listed.class_names, preprocessing, shown(path))
    if len(taken) < len(listed.names):
        listed, contents = _part_of(listed, contents, taken, label_of)
    total = len(listed.names)
    if not listed.counts[0] + listed.counts[1]:
        raise DatasetError(f"{shown(path)} has no pictures to train on: choose another.", "data")
    try:
        found = decode_all(total, contents, listed.names, wish_of(preprocessing), reading, shown(path))
    except OSError as error:
        raise DatasetError(
            f"{shown(path)} cannot be read, or there is no room for what is decoded: {error.strerror or error}.", "data"
        ) from None
    bounds = np.cumsum(listed.counts)
    training, end = (int(np.searchsorted(found.kept, bound)) for bound in (bounds[0], bounds[1]))
    labels = _labels(path, listed, found.kept, (0, training, end, len(found.kept)))
    notes = list(listed.notes)
    if found.animated:
        notes.append(f"{counted(found.animated, 'picture')} had more than one frame: the first was taken.")
    return Parts(
        images=found.images[:end],
        labels=labels[0],
        test_images=found.images[end:] if end < len(found.kept) else None,
        test_labels=labels[1] if labels[0] is not None else None,
        validation=end - training,
        class_names=listed.class_names if labels[0] is not None else (),
        words=listed.words,
        notes=tuple(notes),
        left_out={**listed.left_out, **{listed.names[row]: reason for row, reason in found.bad.items()}},
        sizes=found.sizes,
        fitted=True,
    )


def _part_of(
    listed: Listed, contents: Callable[[], Iterator[tuple[int, Content]]], taken: NDArray[np.int64],
    label_of: Mapping[int, int],
) -> tuple[Listed, Callable[[], Iterator[tuple[int, Content]]]]:  # fmt: skip
    """Only the pictures `taken`, before any of them is decoded."""
    bounds = np.searchsorted(taken, np.cumsum(listed.counts))
    place = {row: new for new, row in enumerate(taken.tolist())}
    labels = (listed.labels[row] for row in taken)
    part = replace(
        listed,
        names=tuple(listed.names[row] for row in taken),
        counts=(int(bounds[0]), int(bounds[1] - bounds[0]), int(bounds[2] - bounds[1])),
        labels=tuple(None if label is None else label_of[label] for label in labels),
        class_names=tuple(name for label, name in enumerate(listed.class_names) if label in label_of),
    )
    return part, lambda: ((place[row], content) for row, content in contents() if row in place)


def _labels(
    path: Path, listed: Listed, kept: NDArray[np.int64], bounds: tuple[int, int, int, int]
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Of the images to train on and to validate by, and of the test images; None where a part has none."""
    all_labels = [listed.labels[row] for row in kept.tolist()]
    parts = (all_labels[: bounds[2]], all_labels[bounds[2] :])
    found: list[NDArray[np.uint8] | None] = []
    for part in parts:
        missing = part.count(None)
        if 0 < missing < len(part):
            raise DatasetError(
                f"{missing:,} of {len(part):,} pictures in {shown(path)} have no label: give each one, or none.", "data"
            )
        if part and max((label for label in part if label is not None), default=0) > 255:
            raise DatasetError(
                f"{shown(path)} has {len(listed.class_names):,} classes; at most 256 were expected: name those "
                "to take (--class).",
                "classes",
            )
        found.append(np.array(part, np.uint8) if part and not missing else None)
    return found[0], found[1]
