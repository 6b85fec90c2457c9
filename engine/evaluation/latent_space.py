"""The latents of a part of a run's images, as a map and its neighbours need them, and the file that keeps them.

A latent may have thousands of numbers, and a part sixty thousand images. What is kept of each image is its place along
the first principal directions, and how far it is from what these say of it: a fraction of the memory, from which a map
is drawn and neighbours are guessed. Distances that are told are of whole latents, made again for those few.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError, RunError, StorageError
from engine.evaluation.aside import aside
from engine.evaluation.model import Model, Told
from engine.evaluation.parts import Part
from engine.evaluation.results import read_predictions
from engine.runs.directory import RunDirectory
from engine.specs.listed import listed
from engine.storage.arrays import read_arrays, write_arrays

DIRECTIONS = 50
"""Principal directions that are kept, at most."""
DRAWN = 4_000
"""Latents that these are found from, drawn evenly where there are more."""
FITTED = 10_000
FITTED_BYTES = 1 << 27
"""Latents that are in memory at once, and their bytes."""
AT_ONCE_BYTES = 1 << 25
"""Of latents that are in memory otherwise."""
NEAREST = 5
"""Neighbours that say what an image is taken for, where no classifier does; they are sought among `FITTED`."""
GUESSED = 200
"""Images whose whole latents are compared, to find the nearest few."""
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class LatentSpace:
    """What is kept of the latents of n images with d numbers each."""

    reduced: NDArray[np.float32]  # (n, k): along the k first principal directions, from the mean
    rest: NDArray[np.float32]  # (n,): the squared distance from what `reduced` says to the latent
    numbers: int  # d
    shares: NDArray[np.float32]  # (k,): of the variance, along each direction
    predicted: NDArray[np.int64] | None  # (n,): the class that each is taken for; None where nobody does
    compared: int  # images among which the neighbours were sought that take it for that; 0 where a classifier does
    errors: NDArray[np.float32] | None  # (n,): mean squared error of the reconstruction, of an autoencoder

    def __len__(self) -> int:
        return len(self.reduced)


def latent_space(model: Model, part: Part, run: RunDirectory | None = None, told: Told | None = None) -> LatentSpace:
    """Encode a part of a run's images.

    Args:
        model: whose encoder does it.
        part: the images, at least one.
        run: whose predictions are taken where they are of these images; else the model is asked.
        told: is told how many images are done, and of how many; what it raises ends the work.
    """
    rows = evenly(np.arange(len(part)), min(FITTED, FITTED_BYTES // (4 * model.network.plan.latent)))
    whole = len(rows) == len(part)
    every = len(rows) + (1 if whole else 2) * len(part)
    done = 0

    def go_on(count: int = 0, _: int = 0) -> None:
        if told is not None:
            told(done + count, every)

    fitted = encoded(model, part, rows, go_on)
    done += len(rows)
    mean = fitted.mean(0, dtype=np.float64).astype(np.float32)
    some = fitted[evenly(np.arange(len(fitted)), DRAWN)]
    directions, shares = aside(lambda: principal_directions(some, mean), go_on)
    reduced = np.empty((len(part), len(directions)), np.float32)
    rest = np.empty(len(part), np.float32)
    for start in range(0, len(part), step := _at_once(model)):
        places = np.arange(start, min(start + step, len(part)))
        if not whole:
            go_on(start)
        latents = fitted[places] if whole else encoded(model, part, places)
        centred = latents - mean
        reduced[places] = centred @ directions.T
        rest[places] = np.maximum(np.square(centred).sum(1) - np.square(reduced[places]).sum(1), 0)
    done = every - len(part)
    predicted, errors = _answers(model, part, run, go_on)
    return LatentSpace(
        reduced=reduced, rest=rest, numbers=model.network.plan.latent, shares=shares, predicted=predicted,
        compared=0, errors=errors,
    )  # fmt: skip


def encoded(model: Model, part: Part, places: NDArray[np.int64], told: Told | None = None) -> NDArray[np.float32]:
    """The latents of the images at these places, shape (len(places), numbers), taken from the set a piece at a time."""
    found = np.empty((len(places), model.network.plan.latent), np.float32)
    for start in range(0, len(places), step := _at_once(model)):
        if told is not None:
            told(start, len(places))
        found[start : start + step] = model.latent(part.take(places[start : start + step]))
    return found


def evenly(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of them, at least one, in order, as far apart as they can be."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, max(most, 1)).astype(np.int64)]


def _at_once(model: Model) -> int:
    return max(min(AT_ONCE_BYTES // (4 * max(model.network.plan.latent, int(np.prod(model.image)))), 1_024), 1)


def principal_directions(
    latents: NDArray[np.float32], mean: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first principal directions, shape (k, d), and the share of the variance along each.

    Of many latents with many numbers they are found by four rounds of subspace iteration, from the same start each
    time, as scikit-learn's randomized PCA does, whose import would hold up the screen for two seconds. (torch has it
    too, and draws from the random numbers of whatever trains meanwhile.)
    """
    centred = latents - mean
    count = min(DIRECTIONS, latents.shape[1], len(latents) - 1)
    total = float(np.square(centred).sum(dtype=np.float64))
    if count < 1 or not total > 0:  # all alike: any direction does
        count = max(count, 1)
        return np.eye(count, latents.shape[1], dtype=np.float32), np.zeros(count, np.float32)
    if min(latents.shape) <= 2 * DIRECTIONS:
        _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    else:
        drawn = np.random.default_rng(0).standard_normal((latents.shape[1], count + 10), np.float32)
        for _ in range(4):
            drawn = np.linalg.qr(centred.T @ (centred @ drawn))[0]
        _, lengths, within = np.linalg.svd(centred @ drawn, full_matrices=False)
        directions = within @ drawn.T
    directions, lengths = directions[:count], lengths[:count]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
    directions = directions * np.where(largest < 0, -1, 1)  # which way round they are is not left to chance
    return directions.astype(np.float32), (np.square(lengths) / total).astype(np.float32)


def _answers(
    model: Model, part: Part, run: RunDirectory | None, told: Told
) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """What a classifier takes the images for, or how well an autoencoder rebuilds them."""
    if run is not None:
        with suppress(RunError):  # damaged, gone or not made yet: the model is asked
            known = read_predictions(run)
            of = part.of in ("test", "validation") and known.of == part.of
            if of and np.array_equal(known.indices, part.rows):
                return None if known.probabilities is None else known.probabilities.argmax(1), known.errors
    predicted = np.empty(len(part), np.int64) if model.classes else None
    errors = np.empty(len(part), np.float32) if not listed(model.spec.kind).takes_encoder else None
    for start in range(0, len(part), step := _at_once(model)):
        told(start, len(part))
        images = part.take(np.arange(start, min(start + step, len(part))))
        if predicted is not None:
            predicted[start : start + step] = model.probabilities(images).argmax(1)
        if errors is not None:
            errors[start : start + step] = model.errors(images)
    return predicted, errors


# -- neighbours -----------------------------------------------------------------------------------


def by_neighbours(model: Model, part: Part, space: LatentSpace, told: Told | None = None) -> LatentSpace:
    """The same with the class that most of the `NEAREST` others have whose latents are next to each image's.

    Of equally many it is that of the nearest. They are sought among `FITTED` images, or as many as have room.

    Args:
        told: is told how many images are done, and of how many; what it raises ends the work.

    Raises:
        ValueError: the images have no classes, or there is one alone.
    """
    labels = part.labels
    if labels is None or len(part) < 2:
        raise ValueError("there are no neighbours with classes")
    rows = evenly(np.arange(len(part)), min(FITTED, FITTED_BYTES // (4 * space.numbers)))
    every = len(rows) + len(part)
    known = encoded(model, part, rows, None if told is None else lambda count, _: told(count, every))
    squares = np.square(known).sum(1)
    count = min(NEAREST, len(rows) - 1)
    found = np.empty(len(part), np.int64)
    for start in range(0, len(part), step := min(_at_once(model), 512)):
        if told is not None:
            told(len(rows) + start, every)
        places = np.arange(start, min(start + step, len(part)))
        latents = known[places] if len(rows) == len(part) else encoded(model, part, places)
        far = squares - 2 * (latents @ known.T)
        far[rows[None] == places[:, None]] = np.inf
        near = np.argpartition(far, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(far, near, 1), axis=1, kind="stable")
        classes = labels[rows[np.take_along_axis(near, order, 1)]]
        # How many have the class of each of them, the nearest first.
        same = (classes[:, :, None] == classes[:, None, :]).sum(2)
        found[places] = classes[np.arange(len(places)), same.argmax(1)]
    return replace(space, predicted=found, compared=len(rows))


def nearest(
    model: Model, part: Part, space: LatentSpace, place: int, count: int = NEAREST
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The images nearest to the one at `place`, the nearest first, and the distances between whole latents.

    They are looked for among the `GUESSED` that are nearest by what is kept of all.
    """
    guess = np.square(space.reduced - space.reduced[place]).sum(1) + space.rest
    guess[place] = np.inf
    some = np.argsort(guess, kind="stable")[: min(GUESSED, len(space) - 1)]
    if not len(some):
        return some, np.empty(0, np.float32)
    latents = encoded(model, part, np.concatenate([[place], some]))
    distances = np.sqrt(np.square(latents[1:] - latents[0]).sum(1))
    order = np.argsort(distances, kind="stable")[:count]
    return some[order], distances[order]


def confused_pairs(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The pairs of classes whose images are taken for each other, the most frequent first, with how many these are."""
    wrong = np.flatnonzero(labels != predicted)
    pairs = np.sort(np.stack([labels[wrong], predicted[wrong]], 1), axis=1)
    each, counts = np.unique(pairs, axis=0, return_counts=True) if len(pairs) else (pairs, np.empty(0, np.int64))
    order = np.argsort(-counts, kind="stable")
    found = zip(each[order].tolist(), counts[order].tolist(), strict=True)
    return [(one, other, count) for (one, other), count in found]


# -- the file that keeps it -----------------------------------------------------------------------


def key_of(run: RunDirectory, part: Part) -> str:
    """What a kept file has to be of: a model, the images and how it is made. Empty where nothing is to be kept."""
    if not part.digest:
        return ""
    try:
        weights = run.model.read_bytes()
    except OSError:
        return ""
    whole = hashlib.sha256(weights)
    whole.update(f"{FORMAT} {part.of} {part.digest} {DIRECTIONS}".encode())
    whole.update(part.rows.tobytes())
    return whole.hexdigest()


def keep(run: RunDirectory, name: str, key: str, **arrays: NDArray[Any]) -> None:
    """Write arrays to `latent/<name>.npz` of a run, for the next time; where that cannot be, there is none then."""
    if not key:
        return
    folder = run.path / "latent"
    with suppress(OSError, StorageError):  # it may be deleted at this moment, or be on a disk that is only read
        folder.mkdir(exist_ok=True)
        write_arrays(folder / f"{name}.npz", run.put, key=np.array(key), **arrays)


def kept(run: RunDirectory, name: str, key: str) -> dict[str, NDArray[Any]]:
    """What `keep` wrote with that key; nothing where it is of another model, other images, or damaged."""
    path = run.path / "latent" / f"{name}.npz"
    if not key or not path.exists():
        return {}
    with suppress(EngineError):
        found = read_arrays(path)
        if str(found.pop("key", "")) == key:
            return found
    return {}


def read_space(run: RunDirectory, part: Part, model: Model, key: str) -> LatentSpace | None:
    """The latent space that was kept of a part; None where it is to be made."""
    found = kept(run, part.of, key)
    reduced, rest, shares = (found.get(name) for name in ("reduced", "rest", "shares"))
    predicted, errors, compared = (found.get(name) for name in ("predicted", "errors", "compared"))
    if reduced is None or rest is None or shares is None or compared is None:
        return None
    right = (
        reduced.ndim == 2 and reduced.shape[1] >= 1 and shares.shape == reduced.shape[1:]
        and all(one is None or one.shape == (len(part),) for one in (reduced[:, 0], rest, predicted, errors))
        and all(one is None or one.dtype == np.float32 for one in (reduced, rest, shares, errors))
        and all(np.isfinite(one).all() for one in (reduced, rest))
        and (predicted is None or (predicted.dtype == np.int64 and predicted.min(initial=0) >= 0))
        and compared.shape == () and compared.dtype == np.int64 and 0 <= int(compared) <= len(part)
        and (predicted is None or predicted.max(initial=0) < max(len(part.class_names), model.classes, 1))
    )  # fmt: skip
    if not right:
        return None
    return LatentSpace(
        reduced=reduced, rest=rest, numbers=model.network.plan.latent, shares=shares, predicted=predicted,
        compared=int(compared), errors=errors,
    )  # fmt: skip


def write_space(run: RunDirectory, part: Part, space: LatentSpace, key: str) -> None:
    """Keep it; see `keep`."""
    arrays = {
        "reduced": space.reduced,
        "rest": space.rest,
        "shares": space.shares,
        "compared": np.array(space.compared),
    }
    optional = {"predicted": space.predicted, "errors": space.errors}
    keep(run, part.of, key, **arrays, **{name: one for name, one in optional.items() if one is not None})
