"""Taking a part of an image set: some classes, and so many images of each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data.streams import LIMIT, generator
from engine.errors import DatasetError
from engine.specs.preprocessing import Preprocessing
from engine.text import class_name, excerpt


def selected(
    labels: Sequence[int | None], counts: tuple[int, int, int], class_names: Sequence[str],
    preprocessing: Preprocessing, where: str,
) -> tuple[NDArray[np.int64], dict[int, int]]:  # fmt: skip
    """Which images to take, ascending, and the new label of each class that is taken.

    The limit is of images to train on; which of them is drawn, the same ones each time.

    Args:
        labels: of every image, those to train on first, then those to validate by, then those to test by.
        counts: how many are for each.
        class_names: by label; numbers where there are none.
        where: the set as it stands in a refusal.

    Raises:
        DatasetError: a class that is asked for is not there.
    """
    given = np.array([-1 if label is None else label for label in labels], np.int64)
    count = max(int(given.max(initial=-1)) + 1, len(class_names))
    names = [class_name(class_names, label) for label in range(count)]
    wanted = preprocessing.class_names
    if strange := [name for name in wanted if name not in names]:
        there = ", ".join(names[:8]) + (" …" if count > 8 else "") or "none"
        raise DatasetError(
            f"{where} has no class called {excerpt(strange[0])}; it has {there}: correct the name.", "classes"
        )
    taken = [label for label in range(count) if not wanted or names[label] in wanted]
    # Of test images without labels nobody knows which are of these classes.
    unknown = (given == -1) & (np.arange(len(given)) >= counts[0] + counts[1])
    keep = np.isin(given, taken) | unknown if wanted else np.ones(len(given), bool)
    limit = preprocessing.limit_per_class
    if limit is not None:
        training = np.arange(len(given)) < counts[0]
        for label in np.unique(given[training]):
            rows = np.flatnonzero(training & (given == label) & keep)
            drawn = generator(0, LIMIT, int(label) + 1).permutation(rows)
            keep[drawn[limit:]] = False
    return np.flatnonzero(keep), {label: place for place, label in enumerate(taken)}
