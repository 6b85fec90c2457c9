"""The files that the images of a set came from. A set does not carry them: they are found again as they were read."""

import os
from pathlib import Path

import numpy as np

from engine.data.arrange import ENDINGS, METADATA, arrange
from engine.data.by_hand import BY_HAND, BY_LABELS
from engine.data.datasets import ImageData, ImageSet
from engine.data.selection import selected
from engine.data.walk import walk
from engine.errors import DatasetError

Names = tuple[str, ...]


def file_names(data: ImageData) -> tuple[Names, Names]:
    """The files of the training and of the test images, in their order and below the folder that they lie in.

    Empty for what is no folder of pictures, or whose folder has other files by now.
    """
    folder = data.files.data
    if folder is None or data.files.test_data is not None or not os.path.isdir(folder):
        return (), ()
    root = os.path.join(folder, "")
    try:
        entries = [entry.path for entry in walk(Path(folder))]
        metadata = {
            path[len(root) :]: Path(path).read_bytes() for path in entries if os.path.basename(path) == METADATA
        }
        pictures = [path[len(root) :] for path in entries if path.lower().endswith(ENDINGS)]
        found = arrange(pictures, metadata, folder)
        taken, label_of = selected(found.labels, found.counts, found.class_names, data.files.preprocessing, folder)
    except (OSError, DatasetError):
        return (), ()
    rows = [row for row in taken.tolist() if data.left_out.get(found.names[row], BY_HAND) in (BY_HAND, BY_LABELS)]
    bound = sum(row < found.counts[0] + found.counts[1] for row in rows)
    parts = []
    for part, images, changes in zip(
        (rows[:bound], rows[bound:]), (data.train, data.test), data.corrections.relabelled, strict=True
    ):
        changed = dict(changes)
        kept, new = [], []
        for place, row in enumerate(part):
            if found.names[row] not in data.left_out:
                label = found.labels[row]
                kept.append(found.names[row])
                new.append(-1 if label is None else changed.get(place, label_of[label]))
        parts.append(tuple(kept) if _fits(new, images) else ())
    return parts[0], parts[1]


def _fits(labels: list[int], images: ImageSet | None) -> bool:
    """Whether images with these labels, -1 for none, are as many, and of the classes that they have."""
    if images is None or len(labels) != len(images):
        return False
    return images.labels is None or np.array_equal(np.array(labels), images.labels)
