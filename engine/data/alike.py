"""Pictures that are nearly the same: made smaller and larger again, saved once more, a little darker.

Each image is taken for its 64 lowest frequencies, as the perceptual hash pHash does (Zauner, 2010), and compared by the
cosine between them and not by their signs alone. Many a 1 is as like another as a copy is, so what counts is how much
nearer two images are to each other than to the next that resemble them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Told = Callable[[int, int], None]

FREQUENCIES = 8
"""Of each axis."""
SMALL = 64
"""Pixels of a side, above which images are made smaller first."""
NEAR = 0.9975
"""The least cosine of two that may be copies."""
NEARER = 0.12
"""How many times as near as the sixth next one at most, in 1 - cosine."""
SAME = 0.9995
"""The cosine of two that are copies whatever lies around them."""
CROWD = 6
"""Which of the next ones: more copies than that of one image are the same as each other anyway."""
MOST_PAIRS = 500_000
"""Where more are near each other the images are nearly all alike, and only what is all but the same is taken."""
_BLOCK = 32_000_000


def vectors_of(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What images, shape (n, height, width, channels), are compared by: (n, 63), of length 1; of a blank one 0."""
    grey = smaller(images)
    low = dctn(grey, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES].reshape(len(grey), -1)[:, 1:]
    length = np.linalg.norm(low, axis=1, keepdims=True)
    found: NDArray[np.float32] = np.where(length > 1e-3, low / np.maximum(length, 1e-3), 0).astype(np.float32)
    return found


def alike_groups(vectors: NDArray[np.float32], told: Told) -> tuple[list[NDArray[np.int64]], bool]:
    """Groups of images that are nearly the same, by their places, ascending; those that are blank are in none.

    Args:
        vectors: of images of which no two are the same.
        told: called now and then with how many are compared, and of how many.

    Returns:
        The groups, and whether so many are like each other that only those that are all but the same were taken.
    """
    same, near, crowded = _near(vectors, told)
    kept = np.concatenate([same, near[_are_copies(vectors, near)]]) if len(near) else same
    if not len(kept):
        return [], crowded
    size = len(vectors)
    links = coo_array((np.ones(len(kept), np.int8), (kept[:, 0], kept[:, 1])), shape=(size, size))
    _, group = connected_components(links, directed=False)
    members = np.unique(kept)
    order = members[np.argsort(group[members], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1), crowded


def smaller(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The brightness of images, shape (n, height, width), with sides of at most `SMALL` pixels."""
    grey = images[..., 0].astype(np.float32) if images.shape[3] == 1 else images.mean(3, dtype=np.float32)
    rows, columns = (max(side // SMALL, 1) for side in grey.shape[1:])
    if rows == columns == 1:
        return grey
    height, width = grey.shape[1] // rows, grey.shape[2] // columns
    grey = grey[:, : height * rows, : width * columns].reshape(len(grey), height, rows, width, columns)
    found: NDArray[np.float32] = grey.mean((2, 4))
    return found


def _near(vectors: NDArray[np.float32], told: Told) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Pairs that are all but the same, one for each image; other near pairs; whether these were too many to take."""
    rows = max(_BLOCK // max(len(vectors), 1), 16)
    none = np.empty((0, 2), np.int64)
    same, near = [none], [none]
    many, crowded = 0, False
    for start in range(0, len(vectors), rows):
        told(start, len(vectors))
        cosines = vectors[start : start + rows] @ vectors[start:].T
        mask = cosines >= NEAR
        crowded = crowded or bool(many + np.count_nonzero(mask) - len(cosines) > MOST_PAIRS)
        if crowded:
            mask = cosines >= SAME
            others = np.flatnonzero(mask.any(0))
            pairs = np.stack([mask[:, others].argmax(0), others], 1)  # the first that is the same is enough
            same.append(pairs[pairs[:, 1] > pairs[:, 0]] + start)
            continue
        one, other = np.nonzero(mask)
        later = other > one
        pairs = np.stack([one[later], other[later]], 1)
        copies = cosines[pairs[:, 0], pairs[:, 1]] >= SAME
        same.append(pairs[copies] + start)
        near.append(pairs[~copies] + start)
        many += len(pairs)
    return np.concatenate(same), none if crowded else np.concatenate(near), crowded


def _are_copies(vectors: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the pairs are much nearer to each other than to what else resembles either."""
    members, places = np.unique(pairs, return_inverse=True)
    crowd = np.full(len(members), -1.0, np.float32)
    if len(vectors) > CROWD + 1:
        rows = max(_BLOCK // len(vectors), 16)
        for start in range(0, len(members), rows):
            cosines = vectors[members[start : start + rows]] @ vectors.T
            at = len(vectors) - CROWD - 1
            crowd[start : start + rows] = np.partition(cosines, at, axis=1)[:, at]
    cosine = np.einsum("ij,ij->i", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    around = crowd[places.reshape(pairs.shape)].max(1)
    found: NDArray[np.bool_] = 1 - cosine <= NEARER * (1 - around)
    return found
