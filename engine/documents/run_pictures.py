"""The images in the document of a run: examples of its data, and what its model made of some of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from engine.data.datasets import ImageData
from engine.documents.document import Figure
from engine.documents.run_read import ReadRun
from engine.documents.style import images
from engine.evaluation import results
from engine.evaluation.predictions import pca_rebuilt
from engine.runs.directory import RunDirectory
from engine.text import class_name, counted, loss, percent, shortened

SHOWN = 10
"""Images in a row."""
MOST_CLASSES = 12
"""Classes of which examples are shown."""
MOST_EPOCHS = 6
"""Epochs of which reconstructions are shown."""
LARGEST_PCA = 1_024
"""Numbers of an image, up to which PCA is fitted anew to show what it makes of images: a second or two."""

MOST_FITTED = 60_000
"""Training images that it is fitted on, drawn evenly: more would take long, and be hardly another."""

Pictured = tuple[Figure, Drawing]


def examples(data: ImageData, training: NDArray[np.int64], *, noisy: bool = False) -> Pictured:
    """The first training images of each class; of a set without classes its first ones.

    Args:
        training: their rows.
        noisy: noise is put on them before the network gets them.
    """
    labels = data.train.labels
    if labels is None:
        rows = [data.train.take(part) for part in np.split(training[: 2 * SHOWN], [SHOWN]) if len(part)]
        words = f"The first {counted(sum(map(len, rows)), 'training image')}."
        return Figure("examples", words), images(rows, [""] * len(rows))
    counts = np.bincount(labels[training], minlength=data.classes)
    having = np.flatnonzero(counts)
    shown = np.sort(having[np.argsort(-counts[having], kind="stable")[:MOST_CLASSES]])
    rows = [data.train.take(training[labels[training] == label][:SHOWN]) for label in shown]
    names = [class_name(data.class_names, int(label)) for label in shown]
    which = "each class" if len(shown) == len(having) else f"the {len(shown)} largest of {len(having)} classes"
    how = "before noise is put on them" if noisy else "as the network gets them"
    words = f"Training images of {which}, a class in each row, {how}."
    return Figure("examples", words, f"{words[:-1]}: {', '.join(names)}."), images(rows, names)


def over_epochs(run: RunDirectory) -> Pictured | None:
    """Some validation images, and what was made of them after the first epochs and the last; None without samples.

    Raises:
        RunError: a file of them is damaged.
    """
    files = sorted(run.samples.glob("epoch-*.npz"))
    if not files:
        return None
    # Most is learned at the beginning: the epochs that are shown double.
    places = sorted({round(len(files) ** (step / (MOST_EPOCHS - 1))) - 1 for step in range(MOST_EPOCHS)})
    chosen = [files[place] for place in places]
    read = [results.read_samples(file) for file in chosen]
    last = read[-1]
    noisy = last.noisy is not None
    first, end = ([last.noisy], [last.originals]) if last.noisy is not None else ([last.originals], [])
    rows = [*first, *(samples.reconstructions for samples in read), *end]
    if len({row.shape for row in rows}) > 1:  # of a run that somebody put together
        rows, chosen = list(last.rows), chosen[-1:]
    epochs = [f"epoch {_epoch(file)}" for file in chosen]
    after = _epochs(epochs)
    labels = ["noisy", *epochs, "clean"] if noisy else ["original", *epochs]
    if noisy:
        words = (
            "Validation images with noise in the upper row, what the network made of them after each of these epochs, "
            "and in the last row the images without noise."
        )
        alt = f"{len(last.originals)} noisy validation images, what was made of them after {after}, and the clean ones."
    else:
        words = "Validation images in the upper row, and what the network made of them after each of these epochs."
        alt = f"{len(last.originals)} validation images, and below them their reconstructions after {after}."
    return Figure("reconstructions", words, alt), images([row[:SHOWN] for row in rows], labels)


def _epoch(file: Path) -> str:
    return file.stem.rpartition("-")[2].lstrip("0") or "0"


def _epochs(labels: Sequence[str]) -> str:
    numbers = [label.removeprefix("epoch ") for label in labels]
    return f"{'epoch' if len(numbers) == 1 else 'epochs'} {', '.join(numbers)}"


def predictions(data: ImageData, found: results.Predictions) -> Pictured | None:
    """Images that were answered right and wrong, the surest first; None where nothing was to be answered.

    Raises:
        RunError: `data` are not the images of these predictions.
    """
    source = found.images(data)
    if found.probabilities is None or source.labels is None:
        return None
    true, predicted = source.labels[found.indices], found.probabilities.argmax(1)
    sure = found.probabilities.max(1)
    surest = np.argsort(-sure, kind="stable")
    right, wrong = surest[(true == predicted)[surest]], surest[(true != predicted)[surest]]
    doubtful = right[::-1]
    rows = {"wrong and sure": wrong, "right but unsure": doubtful, "right and sure": right}
    shown = {label: places[:SHOWN] for label, places in rows.items() if len(places)}
    titles = [[_answer(data, true[at], predicted[at], sure[at]) for at in places] for places in shown.values()]
    words = (
        f"{found.of.capitalize()} images with their class, the predicted class where it is another, and the "
        "probability of the prediction: the mistakes that the model is surest of, and the right answers that it is "
        "least and most sure of."
    )
    if not len(wrong):
        words = f"{found.of.capitalize()} images with their class and its probability; none was predicted wrong."
    pictures = [source.take(found.indices[places]) for places in shown.values()]
    told = [title.replace("\n", " ") for title in titles[0]]
    alt = f"{words} {next(iter(shown)).capitalize()}: {'; '.join(told)}."
    return Figure("predictions", words, alt), images(pictures, list(shown), titles)


def _answer(data: ImageData, true: np.uint8, predicted: np.int64, sure: np.float32) -> str:
    names = [class_name(data.class_names, int(true)), class_name(data.class_names, int(predicted))]
    if true != predicted and sum(map(len, names)) <= 6:
        return f"{names[0]} → {names[1]}\n{percent(float(sure), 0)}"
    lines = [shortened(names[0], 9), *([f"→ {shortened(names[1], 7)}"] if true != predicted else [])]
    return "\n".join([*lines, percent(float(sure), 0)])


def reconstructions(read: ReadRun, found: results.Predictions, hear: Callable[[], None]) -> list[Pictured]:
    """The images with the lowest and the highest error, and what the model and PCA made of each.

    Raises:
        EngineError: the images or the model cannot be read.
    """
    if found.errors is None:
        return []
    source = found.images(read.data)
    order = np.argsort(found.errors, kind="stable")
    places = np.concatenate([order[:SHOWN], order[::-1][:SHOWN]])
    originals = source.take(found.indices[places])
    rebuilt = results.reconstruct(read.run, originals)
    if rebuilt is None:
        return []
    seen = originals if rebuilt.noisy is None else rebuilt.noisy
    rows, labels = list(rebuilt.rows), ["original", "this run"]
    if rebuilt.noisy is not None:
        labels = ["noisy", "this run", "clean"]
    if (of_pca := _of_pca(read, originals, seen, hear)) is not None:
        rows, labels = (
            [*rows[:2], of_pca, *rows[2:]],
            [*labels[:2], f"PCA, {read.status.latent:,} numbers", *labels[2:]],
        )
    pictured = []
    half = len(places) // 2
    for name, which, part in (("best", "lowest", slice(half)), ("worst", "highest", slice(half, None))):
        errors = [loss(float(found.errors[place])) for place in places[part]]
        images_of = f"{found.of} images with the {which} error"
        words = f"The {images_of}, which is above each, and what was made of them."
        alt = f"The {len(errors)} {images_of}, from {errors[0]} to {errors[-1]}, above their reconstructions."
        if rebuilt.noisy is not None:
            words = f"{words[:-1]} with noise; in the last row the clean images, from which the error is told."
            alt = f"The {len(errors)} {images_of}, from {errors[0]} to {errors[-1]}: noisy, rebuilt, clean."
        titles = [errors, *[[]] * (len(rows) - 1)]
        pictured.append((Figure(name, words, alt), images([row[part] for row in rows], labels, titles)))
    return pictured


def _of_pca(
    read: ReadRun, originals: NDArray[np.uint8], seen: NDArray[np.uint8], hear: Callable[[], None]
) -> NDArray[np.uint8] | None:
    """What PCA with as many components as the latent has numbers makes of `seen`; None where it would take long."""
    components, numbers = read.status.latent, originals[0].size
    training = read.split[0]
    if not 0 < components < numbers <= LARGEST_PCA or components >= len(training):
        return None
    sample = training[:: -(-len(training) // MOST_FITTED)]
    return pca_rebuilt(read.data.train.take(sample), seen, components, hear)
