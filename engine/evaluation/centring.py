"""Drawings placed as MNIST places its digits, and freed of the paper that they are on.

MNIST scales the ink of a digit to fit a box of 20×20, keeps its proportions, and puts its centre of mass into the
middle of 28×28. A network that learned from such images has seen no others, and answers badly on a digit in a corner.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.evaluation.model import Model

Grey = NDArray[np.uint8]
"""Shape (height, width), 0 to 255, ink light on dark."""

BOX = 20 / 28
"""The longer side of the ink, of the shorter side of the image."""
INK = 32
"""What is lighter than this is ink, where the paper is black."""
OFF_CENTRE = 2 / 28
"""How far the centre of mass of a centred image may be from the middle, of the shorter side."""
OFF_SIZE = 2 / 28
"""How much longer or shorter than `BOX` the ink of a centred image may be, of the shorter side."""
STROKE = 1 / 4
"""A stroke is narrower than this part of the longer side of its picture."""
LOOKED_AT = 56
"""Height and width of what is looked at to tell ink from paper."""
CONTRAST = 24
"""What ink differs from its paper by, at least; all below is noise of the paper."""


def has_ink(image: Grey) -> bool:
    """Whether there is anything drawn on a black canvas."""
    return bool((image > INK).any())


def centres(model: "Model") -> bool:
    """Whether `model` learned from images that were centred as MNIST does, so that it is to be given such."""
    return model.image[2] == 1 and (model.facts.centred or model.spec.files.is_mnist)  # files of before do not say it


def is_centred(image: Grey) -> bool:
    """Whether the ink has the size and the place that MNIST gives it, on paper that is black.

    With its centre of mass in the middle it may reach an edge, as one in a hundred of MNIST's digits does, by no more
    than a stroke; paper that is not black, a shadow on it say, reaches it on a longer way.
    """
    height, width = image.shape
    side = min(height, width)
    if np.count_nonzero(_edge(image) > INK) > STROKE * side:
        return False
    box = _box(image > INK)
    if box is None:
        return False
    rows, columns = box
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    down, across = _centre_of_mass(image)
    return bool(
        abs(longest - BOX * side) <= OFF_SIZE * side
        and max(abs(down - (height - 1) / 2), abs(across - (width - 1) / 2)) <= OFF_CENTRE * side
    )


def ink_is_light(image: Grey) -> bool:
    """Whether ink is lighter than its paper, which may have a shadow on it.

    Ink is little and differs much: of what is left without the smooth change of light across the paper, the tail says
    which side it is on.
    """
    starts = [np.linspace(0, side, min(side, LOOKED_AT) + 1).astype(int) for side in image.shape]
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float64), starts[0][:-1], 0), starts[1][:-1], 1)
    seen = (sums / np.outer(*map(np.diff, starts))).ravel()
    smooth, fitting = _light(len(starts[0]) - 1, len(starts[1]) - 1)
    left = seen - (smooth * (fitting * seen).sum(1)).sum(1)  # a product of matrices would take every core
    return bool(((left - np.median(left)) ** 3).mean() > 0)


@cache
def _light(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How light may change smoothly across a picture, (pixels, 6), and what fits that to one, (6, pixels)."""
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    x, y = across.ravel(), down.ravel()
    smooth = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    return smooth, np.linalg.pinv(smooth)


def ink_of(image: Grey) -> tuple[Grey, bool]:
    """The ink of a picture that may be either way round, light on black, and whether it was darker than its paper."""
    light = ink_is_light(image)
    found = without_paper(image if light else 255 - image)
    if _at_edge(found):  # a shadow or a patch of light more likely than ink
        other = without_paper(255 - image if light else image)
        if other.any() and not _at_edge(other):
            return other, light
    return found, not light


def _at_edge(image: Grey) -> bool:
    return bool(_edge(image).any())


def _edge(image: Grey) -> Grey:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def placed(image: Grey, shape: tuple[int, int]) -> Grey:
    """A drawing or a photograph, light on dark and of any size, as an image of MNIST of that height and width."""
    return centred(image if is_clean(image) else without_paper(image), shape)


def is_clean(image: Grey) -> bool:
    """Whether it is light on black, with nothing at its edge."""
    return not _at_edge(image) and int(np.count_nonzero(image)) * 2 < image.size


def centred(image: Grey, shape: tuple[int, int] | None = None) -> Grey:
    """The ink of `image` at the size and place that MNIST gives it.

    Args:
        image: light on dark, its paper all 0; without ink the result is black.
        shape: height and width of the result; those of `image` where it is None.
    """
    height, width = shape or image.shape
    found = np.zeros((height, width), np.uint8)
    box = _box(image > 0)
    if box is None:
        return found
    ink = image[box]
    scale = max(round(BOX * min(height, width)), 1) / max(ink.shape)
    tall, broad = (max(round(side * scale), 1) for side in ink.shape)
    if (tall, broad) != ink.shape:
        lines = np.einsum("ij,jk->ik", _weights(ink.shape[0], tall), ink.astype(np.float32))
        small = np.einsum("ij,kj->ik", lines, _weights(ink.shape[1], broad))
        ink = np.rint(small * (ink.max() / small.max())).astype(np.uint8)  # thin strokes stay as light as they were
    down, across = _centre_of_mass(ink)
    # The middle between two pixels goes to the latter, as in MNIST.
    top = min(max(round(height / 2 - down), 0), height - tall)
    left = min(max(round(width / 2 - across), 0), width - broad)
    found[top : top + tall, left : left + broad] = ink
    return found


def without_paper(image: Grey) -> Grey:
    """The ink of a photograph that is light on dark, on black: shadows and the colour of the paper are taken away.

    The result is black where nothing differs from the paper around it.
    """
    height, width = image.shape
    window = max(round(STROKE * max(height, width)) | 1, 3)
    smooth = _mean(image.astype(np.float32))
    # What is wider than a stroke is paper, a shadow with a sharp edge among it: an opening keeps such edges.
    paper = _extreme(_extreme(smooth, window, np.minimum), window, np.maximum)
    ink = np.maximum(smooth - paper, 0)
    threshold = _otsu(ink)
    mask = ink > threshold
    if not mask.any() or float(np.median(ink[mask])) < CONTRAST:
        return np.zeros_like(image)
    mask = _strokes(mask)
    if not mask.any():
        return np.zeros_like(image)
    full = float(np.percentile(ink[mask], 60))
    low = threshold / 2
    grown = _extreme(mask.astype(np.float32), 3, np.maximum) > 0  # the soft edges of strokes
    scaled = (ink - low) * (255 / max(full - low, 1.0))
    found: Grey = np.where(grown, scaled.clip(0, 255), 0).astype(np.uint8)
    return found


def _box(ink: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The rows and columns that have ink; None where there is none."""
    if not ink.any():
        return None
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _centre_of_mass(image: NDArray[np.number]) -> tuple[float, float]:
    """Row and column, from 0, as fractions; `image` is not black."""
    mass = image.astype(np.float64)
    total = float(mass.sum())
    down = float(mass.sum(1) @ np.arange(image.shape[0])) / total
    across = float(mass.sum(0) @ np.arange(image.shape[1])) / total
    return down, across


def _weights(count: int, wanted: int) -> NDArray[np.float32]:
    """What makes `wanted` values of `count`, (wanted, count): linear between them, a mean where there are more."""
    step = count / wanted
    middles = (np.arange(wanted) + 0.5) * step - 0.5
    found = np.maximum(1 - np.abs(np.arange(count) - middles[:, None]) / max(step, 1.0), 0)
    weights: NDArray[np.float32] = (found / found.sum(1, keepdims=True)).astype(np.float32)
    return weights


def _mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pixel and its eight neighbours."""
    padded = np.pad(image, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    found: NDArray[np.float32] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    return found


def _extreme(image: NDArray[np.float32], window: int, of: np.ufunc) -> NDArray[np.float32]:
    """The smallest or largest value in a square of `window`, an odd number, around each pixel."""
    for axis in (0, 1):
        padded = np.pad(image, [(window // 2,) * 2 if axis == one else (0, 0) for one in (0, 1)], mode="edge")
        reached = 1
        while reached < window:  # a window of twice the width is that of two halves
            step = min(reached, window - reached)
            ahead = padded[step:] if axis == 0 else padded[:, step:]
            behind = padded[:-step] if axis == 0 else padded[:, :-step]
            padded = of(ahead, behind)
            reached += step
        image = padded
    return image


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold that separates two kinds of values best (Otsu 1979)."""
    counts, edges = np.histogram(values, 128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / below[-1] - sums) ** 2 / (below * (below[-1] - below))
    return float(edges[1 + int(np.argmax(np.nan_to_num(between[:-1], posinf=0)))])


def _strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of `mask` that are wide enough for a stroke, without those at the edge where there are others."""
    whole = mask.astype(np.float32)
    thick = _grown(_extreme(_extreme(whole, 3, np.minimum), 3, np.maximum), whole)
    edge = np.zeros_like(whole)
    edge[[0, -1]] = edge[:, [0, -1]] = 1
    inner = thick - _grown(np.minimum(edge, thick), thick)
    kept: NDArray[np.bool_] = (inner if inner.any() else thick) > 0
    return kept


def _grown(seed: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """The connected parts of `whole`, zeros and ones, that `seed` has a pixel of."""
    found = np.minimum(seed, whole)
    while True:
        grown = np.minimum(_extreme(found, 5, np.maximum), whole)
        if np.array_equal(grown, found):
            return found
        found = grown
