"""A few kilobytes by which a model file knows the images it learned from, in whatever order and part they come back.

Of the hashes of all images the smallest are kept: of any other images, those whose hash is as small are a fair sample,
and each of them is looked up. (The idea is that of bottom-k sketches: Cohen and Kaplan, 2007.)
"""

import base64
import binascii
import hashlib

import numpy as np
from numpy.typing import NDArray

KEPT = 1024
"""Hashes; of a set with no more images, all."""


def sketch_of(images: NDArray[np.uint8]) -> str:
    """Of images of shape (n, height, width, channels), as text."""
    smallest = np.unique(_hashes(images))[:KEPT]
    return base64.b64encode(smallest.astype("<u8").tobytes()).decode()


def share_known(sketch: str, images: NDArray[np.uint8]) -> float | None:
    """The share of other images that are among those of a sketch; None where too few can be looked up to tell.

    It is exact where the sketch has all of its images, and else an estimate from those of the others that it can know.
    """
    try:
        known = np.frombuffer(base64.b64decode(sketch, validate=True), "<u8")
    except (binascii.Error, ValueError):  # of a file that was changed
        return None
    if not len(known) or not len(images):
        return None
    hashes = _hashes(images)
    told = hashes if len(known) < KEPT else hashes[hashes <= known[-1]]
    return float(np.isin(told, known).mean()) if len(told) else None


def _hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    found = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(found, "<u8")
