"""Which images a run trains on, which it validates on, and which of them it knows the labels of: drawn by its seed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet
from engine.data.streams import EACH_CLASS, SPLIT, SPLIT_TIES, SUBSET, SUBSET_TIES, generator

SPLIT_RULE = 2
"""How `split` and `labelled_subset` divide. A run keeps the rule it began with: a resume has the same images.

1. Of version 0.1.0: where classes have equal claims to give one more image, the lower class does.
2. Equal claims are drawn by the seed. What has none is divided as before.
"""


def split_of(
    data: ImageData, fraction: float, seed: int, rule: int = SPLIT_RULE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices to train on and to validate by: the set's own validation part where it has one, else see `split`."""
    if not data.validation:
        return split(data.train, fraction, seed, rule)
    rows = np.arange(len(data.train))
    return rows[: -data.validation], rows[-data.validation :]


def split(
    dataset: ImageSet, fraction: float, seed: int, rule: int = SPLIT_RULE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide a data set into training and validation, the same way for the same seed.

    round(n · fraction) images are held back for validation, at least 1 and at most n - 1. Where there are
    labels, every class gives the same part: its exact share rounded down, and the images then still
    missing come one each from the classes with the largest remainders, equal ones in an order drawn by the
    seed. A class that would give its last image goes to the end of that queue, because a class can only be
    learned from training images. Which images of a class are held back is drawn by the seed.

    Args:
        dataset: at least 2 images.
        fraction: of the images, for validation; above 0 and below 1.
        seed: at least 0.
        rule: see `SPLIT_RULE`.

    Returns:
        The indices of training and of validation: int64, sorted, disjoint, together every index.

    Raises:
        ValueError: fewer than 2 images, or a fraction out of range.
    """
    total = len(dataset)
    if total < 2:
        raise ValueError(f"{total} images cannot be split: at least 2 are needed")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}, not between 0 and 1")
    wanted = min(max(round(total * fraction), 1), total - 1)
    labels = dataset.labels if dataset.labels is not None else np.zeros(total, np.uint8)
    _, counts = np.unique(labels, return_counts=True)
    shares = _in_turn(counts, lambda turn: _shares(turn, wanted), rule, generator(seed, SPLIT_TIES))
    held_back = _draw(labels, shares, generator(seed, SPLIT))
    training = np.ones(total, bool)
    training[held_back] = False
    return np.flatnonzero(training), held_back


def labelled_subset(
    labels: NDArray[np.uint8], indices: NDArray[np.int64], fraction: float, seed: int, rule: int = SPLIT_RULE
) -> NDArray[np.int64]:
    """The part of `indices` whose labels are used: of each class alike, and at least one image of each.

    Args:
        labels: of the whole data set, shape (n,).
        indices: where to choose from, for instance the training part of `split`.
        fraction: of `indices`; above 0, at most 1. Fewer than one image a class becomes one, and the
            class that then has the most gives way, so that the total stays round(len(indices) · fraction)
            unless there are more classes than that. Equal claims are drawn by the seed, as in `split`.
        seed: at least 0.
        rule: see `SPLIT_RULE`.

    Returns:
        Some of `indices`, sorted, int64.

    Raises:
        ValueError: a fraction out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}, not above 0 and at most 1")
    indices = np.sort(indices)
    chosen = labels[indices]
    _, counts = np.unique(chosen, return_counts=True)
    wanted = max(round(len(indices) * fraction), len(counts))

    def divide(turn: NDArray[np.int64]) -> NDArray[np.int64]:
        shares = np.maximum(_shares(turn, wanted), 1)
        while shares.sum() > wanted:
            shares[shares.argmax()] -= 1
        return shares

    shares = _in_turn(counts, divide, rule, generator(seed, SUBSET_TIES))
    return indices[_draw(chosen, shares, generator(seed, SUBSET))]


def so_many_of_each(labels: NDArray[np.uint8], indices: NDArray[np.int64], each: int, seed: int) -> NDArray[np.int64]:
    """So many of `indices` of each class, or all where a class has fewer.

    They are the first ones of an order that the seed draws for each class: fewer are some of those that more would be.

    Args:
        labels: of the whole data set, shape (n,).
        indices: where to choose from.
        each: at least 1.
        seed: at least 0.

    Returns:
        Some of `indices`, sorted, int64.
    """
    indices = np.sort(indices)
    chosen = labels[indices]
    found = [
        generator(seed, EACH_CLASS, int(label)).permutation(indices[chosen == label])[:each]
        for label in np.unique(chosen)
    ]
    return np.sort(np.concatenate(found))


def _shares(counts: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """`wanted` (at most the sum of `counts`) divided in proportion to `counts`, by largest remainder."""
    exact = counts.astype(np.int64) * wanted
    shares, remainders = np.divmod(exact, counts.sum())
    # The last key is the first to sort by; of equal remainders the first comes first.
    queue = np.lexsort((-remainders, shares + 1 >= counts))
    shares[queue[: wanted - int(shares.sum())]] += 1
    return shares


def _in_turn(
    counts: NDArray[np.int64],
    divide: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    rule: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """The shares that `divide` gives the classes, for which the first of equals comes first: in a drawn order."""
    if rule == 1:
        return divide(counts)
    turn = generator.permutation(len(counts))
    shares = np.empty_like(counts)
    shares[turn] = divide(counts[turn])
    return shares


def _draw(labels: NDArray[np.uint8], shares: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions in `labels`: of each class that occurs, in order, as many as `shares` says."""
    drawn = [
        generator.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(np.unique(labels), shares, strict=True)
    ]
    return np.sort(np.concatenate(drawn))
