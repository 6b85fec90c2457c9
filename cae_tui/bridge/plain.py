"""What the engine has in arrays as plain values, for screens; only for the threads that read."""

import math

import numpy as np
from numpy.typing import NDArray

from cae_tui.bridge.values import DataView, Picture
from engine.data.datasets import ImageData, class_counts
from engine.data.remarks import of_data


def pictures(images: NDArray[np.uint8]) -> tuple[Picture, ...]:
    """uint8 arrays (n, height, width, channels) as pictures."""
    _, height, width, channels = images.shape
    return tuple(Picture(height, width, channels, image.tobytes()) for image in images)


_HOW = {"pad": "padded", "crop": "cropped", "stretch": "stretched"}


def _sizes_words(found: ImageData) -> str:
    """What sizes the images had before they were brought to one; nothing where they had that one."""
    if set(found.sizes) <= {found.shape[:2]}:
        return ""
    (low, wide), (high, broad) = min(found.sizes, key=math.prod), max(found.sizes, key=math.prod)
    how = _HOW[found.files.preprocessing.fit]
    sizes = f"{low}×{wide}" if len(found.sizes) == 1 else f"{low}×{wide} … {high}×{broad}"
    return f"from {sizes}, {how}"


def data_view(found: ImageData) -> DataView:
    """An image set with its counts, and an image of each class."""
    labels = found.train.labels
    test = None if found.test is None else found.test.labels
    classes = found.train.occurring.tolist()
    firsts = list(range(min(10, len(found.train))))
    if labels is not None:
        firsts = [int((labels == label).argmax()) for label in classes]
    return DataView(
        name=found.name,
        digest=found.digest,
        images_digest=found.images_digest,
        shape=found.shape,
        classes=found.classes,
        training=len(found.train),
        test=0 if found.test is None else len(found.test),
        training_counts=() if labels is None else tuple(class_counts(labels, found.classes)),
        test_counts=() if test is None else tuple(class_counts(test, found.classes)),
        examples=pictures(found.train.take(np.array(firsts))),
        example_classes=tuple(classes),
        remarks=(*found.notes, *(remark.sentence for remark in of_data(found))),
        class_names=found.class_names,
        validation=found.validation,
        words=found.words,
        left_out=tuple(found.left_out.items()),
        sizes=_sizes_words(found),
    )
