"""How good a latent is for telling classes apart, in numbers, beside pixels and PCA of the same size.

Two classifiers as simple as there are are fitted on latents of training images, and measured on others: nearest
neighbours ask whether images of a class lie together, a linear one whether a plane parts them. Both are scikit-learn's.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import DatasetError
from engine.evaluation.aside import aside
from engine.evaluation.latent_space import NEAREST, confused_pairs, encoded, evenly
from engine.evaluation.model import Model, Told
from engine.evaluation.parts import Part, part_of
from engine.specs.listed import listed

FITTED, MEASURED = 10_000, 5_000
"""Images that the classifiers are fitted on, and measured on, at most: drawn evenly where there are more."""
BYTES = 1 << 28
"""Of the numbers of all these, by which there are fewer where an image has many."""
SILHOUETTE = 2_000
"""Images that the silhouette is of, at most."""
SPECTRUM = 3_000
"""Images that the effective dimensions are of, at most."""
EXPLAINED = 0.95
STEPS = 100
"""Of the fit of a linear classifier, at most."""
CONFUSED = 5
"""Pairs of classes that are told."""
SPACES = ("latent", "PCA", "pixels")

Rows = NDArray[np.float32]
"""Shape (n, numbers)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceNumbers:
    """What a space comes to. What needs labels is None without them, and all is where `note` says why."""

    space: str  # of `SPACES`
    numbers: int  # that an image has there
    neighbours: float | None = None  # accuracy of the class of most of the 5 nearest
    linear: float | None = None  # accuracy of a logistic regression
    silhouette: float | None = None  # from -1 to 1
    participation: float | None = None  # effective dimensions: (sum of variances)² over the sum of their squares
    explaining: int | None = None  # principal directions that explain 95 % of the variance
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A latent in numbers, beside PCA of the same size and the pixels."""

    of: str  # test, validation or training: the images that were measured
    fitted: int  # images that the classifiers were fitted on
    measured: int
    spaces: tuple[SpaceNumbers, ...]
    confused: tuple[tuple[str, str, int], ...]  # classes that the nearest neighbours of latents confuse, and how often
    remarks: tuple[str, ...]  # what is to be known of the numbers


def probe(model: Model, parts: dict[str, Part], of: str, told: Told) -> Probe:
    """Measure the latents of a model's encoder.

    Args:
        model: whose encoder.
        parts: those of its run, see `parts.parts_of`.
        of: which of them is measured. Of the training images one half is measured, and the other fitted on.
        told: is told how much is done, and of how much; what it raises ends the work.

    Raises:
        DatasetError: the run has no such images, or too few.
    """
    part, fit = part_of(parts, of), part_of(parts, "training")
    width = max(model.network.plan.latent, int(np.prod(model.image)))
    room = max(BYTES // (4 * width), 3)
    fitted = np.arange(len(fit))
    measured = np.arange(len(part))
    if of == "training":
        fitted, measured = fitted[::2], measured[1::2]
    fitted, measured = evenly(fitted, min(FITTED, 2 * room // 3)), evenly(measured, min(MEASURED, room // 3))
    if len(fitted) < 2 or len(measured) < 2:
        raise DatasetError(f"There are too few {of} images to measure a latent with: 2 at least.", "of")
    images = len(fitted) + len(measured)
    every = 3 * images  # of which the first third encodes
    done = 0

    def go_on(count: int = 0) -> None:
        told(min(done + count, every), every)

    latents = encoded(model, fit, fitted, lambda count, _: go_on(count))
    done = len(fitted)
    others = encoded(model, part, measured, lambda count, _: go_on(count))
    known, true = (None if one.labels is None else one.labels for one in (fit, part))
    known = None if known is None else known[fitted]
    true = None if true is None else true[measured]
    taken: list[NDArray[np.int64]] = []
    spaces = []
    for number, name in enumerate(SPACES):
        done = images + number * 2 * images // len(SPACES)
        note = ""
        if name == "latent":
            rows, held = latents, others
        elif name == "PCA":
            note = _why_no_pca(model, len(fitted))
            if note:
                spaces.append(SpaceNumbers(space=name, numbers=model.network.plan.latent, note=note))
                continue
            rows, held = _components(_pixels(fit, fitted), _pixels(part, measured), model.network.plan.latent, go_on)
        else:
            rows, held = _pixels(fit, fitted), _pixels(part, measured)
        spaces.append(_measured(name, rows, held, known, true, go_on, taken))
    confused = confused_pairs(true, taken[0])[:CONFUSED] if true is not None and taken else []
    names = part.class_names
    return Probe(
        of=of, fitted=len(fitted), measured=len(measured), spaces=tuple(spaces),
        confused=tuple((names[one], names[other], count) for one, other, count in confused),
        remarks=tuple(_remarks(model, of, known, true)),
    )  # fmt: skip


def _remarks(model: Model, of: str, known: NDArray[np.int64] | None, true: NDArray[np.int64] | None) -> list[str]:
    found = []
    if known is None or true is None:
        found.append("The images have no classes: accuracies and silhouette, which need them, are not told.")
    elif len(np.unique(known)) < 2:
        found.append("All images are of one class: there is nothing to tell apart.")
    if of == "test":
        found.append("These are test images: choose nothing by these numbers.")
    if of == "training":
        found.append(
            "The encoder has learned from all of these images: half of them were fitted on, the other half measured."
        )
    if listed(model.spec.kind).takes_encoder and known is not None:
        found.append("This encoder belongs to a classifier: it may have learned with the classes of its images.")
    return found


def _why_no_pca(model: Model, images: int) -> str:
    numbers, pixels = model.network.plan.latent, int(np.prod(model.image))
    if numbers >= pixels:
        return f"a latent of {numbers:,} numbers is no smaller than an image of {pixels:,}: PCA would be the pixels"
    if numbers >= images:
        return f"{numbers:,} components need more images than these {images:,}"
    return ""


def _pixels(part: Part, places: NDArray[np.int64]) -> Rows:
    rows = part.take(places).reshape(len(places), -1).astype(np.float32)
    rows /= 255
    return rows


def _components(fitted: Rows, measured: Rows, count: int, go_on: Callable[[], None]) -> tuple[Rows, Rows]:
    from sklearn.decomposition import PCA

    solver = "randomized" if 5 * count < min(fitted.shape) else "full"
    pca = aside(lambda: PCA(count, svd_solver=solver, random_state=0).fit(fitted), go_on)
    return pca.transform(fitted).astype(np.float32), pca.transform(measured).astype(np.float32)


def _measured(
    space: str, fitted: Rows, measured: Rows, known: NDArray[np.int64] | None, true: NDArray[np.int64] | None,
    go_on: Callable[[], None], taken: list[NDArray[np.int64]],
) -> SpaceNumbers:  # fmt: skip
    """The numbers of a space; the classes that neighbours there say are added to `taken`."""
    participation, explaining = aside(lambda: dimensions(fitted), go_on)
    numbers = {"space": space, "numbers": fitted.shape[1], "participation": participation, "explaining": explaining}
    if known is None or true is None or len(np.unique(known)) < 2:
        return SpaceNumbers(**numbers)
    by_neighbours = _neighbours(fitted, known, measured, go_on)
    taken.append(by_neighbours)
    linear = aside(lambda: _linear(fitted, known, measured), go_on)
    return SpaceNumbers(
        neighbours=float((by_neighbours == true).mean()),
        linear=float((linear == true).mean()),
        silhouette=aside(lambda: silhouette(measured, true), go_on),
        **numbers,
    )


def dimensions(rows: Rows) -> tuple[float | None, int | None]:
    """The participation ratio of the variances along the principal directions, and how many explain 95 % of them.

    None where all rows are alike. They are of `SPECTRUM` rows at most, and never more than these.
    """
    some = rows[evenly(np.arange(len(rows)), SPECTRUM)]
    centred = some - some.mean(0, dtype=np.float64).astype(np.float32)
    # The products of rows have the variances that those of columns have; the smaller matrix is taken.
    products = (centred @ centred.T if len(some) < some.shape[1] else centred.T @ centred).astype(np.float64)
    variances = np.maximum(np.linalg.eigvalsh(products)[::-1], 0)
    total = float(variances.sum())
    if not total > 0:
        return None, None
    explained = np.cumsum(variances) / total
    return total**2 / float(np.square(variances).sum()), int(np.searchsorted(explained, EXPLAINED)) + 1


def silhouette(rows: Rows, labels: NDArray[np.int64]) -> float | None:
    """The mean silhouette of `SILHOUETTE` images at most; None where it is not defined: fewer than two classes."""
    from sklearn.metrics import silhouette_score

    some = evenly(np.arange(len(rows)), SILHOUETTE)
    if not 1 < len(np.unique(labels[some])) < len(some):
        return None
    return float(silhouette_score(rows[some], labels[some]))


def _neighbours(fitted: Rows, known: NDArray[np.int64], measured: Rows, go_on: Callable[[], None]) -> NDArray[np.int64]:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(NEAREST, len(fitted)), algorithm="brute").fit(fitted, known)
    found = []
    for start in range(0, len(measured), 500):
        go_on()
        found.append(model.predict(measured[start : start + 500]))
    return np.concatenate(found)


def _linear(fitted: Rows, known: NDArray[np.int64], measured: Rows) -> NDArray[np.int64]:
    """By a logistic regression on numbers that are brought to mean 0 and variance 1."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = fitted.mean(0), fitted.std(0)
    spread[spread == 0] = 1  # a number that is always the same tells nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as near as so many steps come
        model = LogisticRegression(C=0.1, max_iter=STEPS).fit((fitted - mean) / spread, known)
    found: NDArray[np.int64] = model.predict((measured - mean) / spread)
    return found
