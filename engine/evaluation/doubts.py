"""Labels that are doubtful: those to which a classifier that has not learned from the image prefers another by far.

They are ranked by the logarithm of how many times likelier the given class is than the likeliest other one: below 0 the
other one is likelier. The difference of the two probabilities, which is often taken, puts pictures that could be either
before those that are nothing like their class. How many labels are probably wrong is told by the rule of confident
learning: an image counts where another class is as probable as that class usually is for its own images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import NOTHING
from engine.data.cache import load
from engine.data.corrections import OUT
from engine.data.datasets import ImageData, ImageSet
from engine.data.label_file import KEEP, LEAVE_OUT, Decision, Row
from engine.device import choose_device, cores
from engine.errors import DatasetError, ModelFileError
from engine.evaluation.folds import of_others, out_of_fold
from engine.evaluation.learned import learned_sentence
from engine.evaluation.model import Model
from engine.protocol.control import AskedToEndError, Control
from engine.specs.data_files import DataFiles, shape_words
from engine.text import class_name, class_words, counted, either, names_of

OF = ("training", "validation", "test")
LEAST_PROBABILITY = 1e-12
LEAST = 2
"""Images that a class must have for anything to be told of them: one teaches what is asked about the other."""
Told = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Doubts:
    """Images whose labels were looked at, the most doubtful first. All arrays have the shape (n,), in that order."""

    whole: ImageData  # with the labels of its files, and what was left out by hand
    rows: NDArray[np.int64]  # places in the whole training part, and behind these in the test part
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]  # the likeliest class but the given one; -1 by an anomaly detector
    scores: NDArray[np.float32]  # the lower, the more doubtful; by an anomaly detector the higher
    probabilities: NDArray[np.float32] | None  # of the given and of the suggested class, shape (n, 2)
    likely: int  # how many labels are probably wrong, or images odd
    how: str  # in a sentence, by what
    remarks: tuple[str, ...] = ()
    odd_above: float | None = None  # of an anomaly detector: the score above which an image is odd

    def __len__(self) -> int:
        return len(self.rows)

    def part_of(self, row: int) -> tuple[str, int]:
        """The part that an image is of, training or test, and its place there."""
        first = len(self.whole.train)
        return ("training", row) if row < first else ("test", row - first)

    def picture(self, row: int) -> NDArray[np.uint8]:
        """Its pixels, (height, width, channels)."""
        part, place = self.part_of(row)
        images = self.whole.train if part == "training" else self.whole.test
        assert images is not None
        found: NDArray[np.uint8] = images.take(np.array([place]))[0]
        return found

    @property
    def likely_words(self) -> str:
        """How many labels are probably wrong, or images odd, in a sentence."""
        if self.odd_above is not None:
            above = f"the score is above {self.odd_above:.4g}, the threshold of the run"
            many = counted(self.likely, "image") if self.likely else "No image"
            return f"{many} {'are' if self.likely > 1 else 'is'} odd: {above}."
        many = counted(self.likely, "label") if self.likely else "no label"
        return f"The rule of confident learning counts {many} as probably wrong."

    def bare(self, part: str, place: int) -> Row:
        """An image of the whole set as a file of labels has it, of which nothing is told."""
        images = self.whole.train if part == "training" else self.whole.test
        labels = None if images is None else images.labels
        return Row(part, place, -1 if labels is None else int(labels[place]), -1, None)

    def decision_words(self, decision: Decision | None) -> str:
        """What was decided: keep, leave out, or the name of a class; empty where nothing was."""
        if decision is None:
            return ""
        if decision.keep:
            return KEEP
        return LEAVE_OUT if decision.label == OUT else class_name(self.whole.class_names, decision.label)

    def line(self, at: int) -> Row:
        """The one that is `at` in the order, as a file of labels has it, without a decision."""
        part, place = self.part_of(int(self.rows[at]))
        return Row(part, place, int(self.given[at]), int(self.suggested[at]), float(self.scores[at]))


def scores_of(probabilities: NDArray[np.float32], given: NDArray[np.int64]) -> NDArray[np.float32]:
    """The natural logarithm of how many times likelier the given class is than the likeliest other one; shape (n,).

    Args:
        probabilities: shape (n, classes), at least two.
        given: shape (n,), integers in [0, classes).
    """
    rows = np.arange(len(given))
    logarithms = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    found: NDArray[np.float32] = logarithms[rows, given] - logarithms[rows, _likeliest_other(probabilities, given)]
    return found


def _likeliest_other(probabilities: NDArray[np.float32], given: NDArray[np.int64]) -> NDArray[np.int64]:
    others = probabilities.copy()
    others[np.arange(len(given)), given] = -1
    found: NDArray[np.int64] = others.argmax(1)
    return found


def likely_wrong(probabilities: NDArray[np.float32], given: NDArray[np.int64]) -> int:
    """How many labels are probably wrong, by the rule of confident learning (Northcutt and others, 2021).

    A class's threshold is the mean probability of it over the images that have it as their label. An image is counted
    where, of the classes that reach their threshold, the likeliest is not the given one.
    """
    classes = probabilities.shape[1]
    many = np.bincount(given, minlength=classes)
    sums = np.bincount(given, probabilities[np.arange(len(given)), given].astype(np.float64), classes)
    thresholds = np.where(many > 0, sums / np.maximum(many, 1), np.inf)
    reached = np.where(probabilities >= thresholds, probabilities, -1)
    best = reached.argmax(1)
    return int(((reached.max(1) >= 0) & (best != given)).sum())


def doubts_of_set(files: DataFiles, of: str, seed: int, control: Control, told: Told, reading: Told) -> Doubts:
    """The labels of a set, by quick classifiers that have not learned from the image that they are asked about.

    Args:
        files: which; its labels are looked at as its files have them.
        of: one of `OF`; of the training images those to validate by are a part.
        seed: of the folds, and of all that is drawn.
        control: is asked whether to go on.
        told: is told how many steps of training are taken, and of how many.
        reading: is told how many images are read, and of how many.

    Raises:
        AskedToEndError: `control` asks for the end.
        EngineError: the set cannot be read, has too few images or classes, or no such part.
    """
    whole = load(files.as_given, reading, NOTHING)
    data = load(files.as_given, reading)
    labels = data.train.labels
    if labels is None:
        raise DatasetError(f"{whole.name} has no classes, so there is no label to doubt.", "data")
    counts = np.bincount(labels, minlength=data.classes)
    if (counts >= LEAST).sum() < 2:
        raise DatasetError(
            f"{whole.name} has {counted(int((counts >= LEAST).sum()), 'class')} of {LEAST} or more training images: to "
            "doubt a label takes two such classes.",
            "data",
        )
    device = choose_device("auto", "auto", cores())
    kept = np.delete(np.arange(len(whole.train)), data.by_hand.training)
    if of == "test":
        test = _tests(data)
        assert test.labels is not None
        probabilities = of_others(data.train, test, data.classes, device, seed, control, told)
        given = test.labels.astype(np.int64)
        unknown = np.unique(given[counts[given] == 0])
        asked, remarks = ~np.isin(given, unknown), []
        if len(unknown):
            words, have = names_of([int(label) for label in unknown], data.class_names)
            remarks.append(f"{words} {have} no training image: nothing is told of it.")
        how = "By a quick classifier that learned from all training images."
        rows = places_in(whole, data)[1]
        return _ranked(whole, rows[asked], given[asked], probabilities[asked], how, tuple(remarks))
    if of == "validation" and not data.validation:
        raise DatasetError(
            f"{whole.name} has no validation part of its own: --of training looks at all images, those that a run "
            "holds back among them.",
            "of",
        )
    probabilities = out_of_fold(data.train, data.classes, device, seed, control, told)
    given = labels.astype(np.int64)
    alone = np.flatnonzero((counts > 0) & (counts < LEAST))
    asked = ~np.isin(given, alone)
    remarks = []
    if len(alone):
        words, have = names_of([int(label) for label in alone], data.class_names)
        remarks.append(f"{words} {have} one training image{' each' if len(alone) > 1 else ''}: nothing is told of it.")
    if of == "validation":
        asked[: -data.validation] = False
    how = "By quick classifiers in five folds, each asked about images that it has not learned from."
    return _ranked(whole, kept[asked], given[asked], probabilities[asked], how, tuple(remarks))


def doubts_of_run(
    model: Model,
    data: ImageData,
    validation: NDArray[np.int64],
    of: str | None,
    control: Control,
    told: Told,
) -> Doubts:
    """The labels of images that a classifier of a run has not learned from: those to validate by, and the test images.

    Args:
        model: the run's.
        data: its images, as it has them.
        validation: the rows of those that it was chosen by.
        of: validation or test; both where it is None.
        control: is asked whether to go on.
        told: is told how many images were looked at, and of how many.

    Raises:
        AskedToEndError: `control` asks for the end.
        EngineError: it tells no classes apart, or has no such images.
    """
    refuse_what_tells_none(model)
    if of == "training":
        raise DatasetError(
            f"Run {model.name} has learned from these images, wrong labels among them: leave --with out, or choose "
            "validation or test.",
            "of",
        )
    whole = load(data.files.as_given, None, NOTHING)
    training, tests = places_in(whole, data)
    parts: list[tuple[ImageSet, NDArray[np.int64], NDArray[np.int64]]] = []  # images, their rows, rows of the whole
    if of in (None, "validation"):
        parts.append((data.train, validation, training[validation]))
    if of == "test" or (of is None and data.test is not None and data.test.labels is not None):
        test = _tests(data)
        parts.append((test, np.arange(len(test)), tests))
    every = sum(len(rows) for _, rows, _ in parts)
    found, at = [np.empty((0, model.classes), np.float32)], 0
    for images, rows, _ in parts:
        found += _answers(model, images, rows, control, told, at, every)
        at += len(rows)
    which = "validation and test" if len(parts) > 1 else of or "validation"
    how = f"By run {model.name}, asked about its {which} images, which it has not learned from."
    rows = np.concatenate([places for *_, places in parts])
    return _ranked(whole, rows, labels_at(whole, rows), np.concatenate(found), how)


def doubts_of_others(
    model: Model, files: DataFiles, of: str | None, control: Control, told: Told, reading: Told
) -> Doubts:
    """The labels of a set by a classifier that was trained on others; arguments and errors as of the others here."""
    refuse_what_tells_none(model)
    whole, data = load(files.as_given, reading, NOTHING), load(files.as_given, reading)
    images, rows, places = other_part(model, whole, data, of)
    if images.labels is None:
        raise DatasetError(f"{whole.name} has no classes, so there is no label to doubt.", "data")
    known = {name: label for label, name in enumerate(model.class_names)}
    if missing := [name for name in data.class_names if name not in known]:
        raise DatasetError(
            f"{model.name} does not know {class_words(missing, 0)}: it was trained on "
            f"{either(model.class_names[:12])}. --class NAME takes only some classes.",
            "data",
        )
    if data.classes < 2:
        raise DatasetError(f"{whole.name} has one class: to doubt a label takes another that it may be of.", "data")
    seen = np.array([known[name] for name in data.class_names], np.int64)
    found = _answers(model, images, rows, control, told, 0, len(rows))
    probabilities = np.concatenate([np.empty((0, model.classes), np.float32), *found])[:, seen]
    sentence = learned_sentence(model, [images.take(rows[:2000])])
    remarks = (f"{sentence} Wrong labels among them may have been learned too.",) if sentence else ()
    given = images.labels[rows].astype(np.int64)
    return _ranked(whole, places, given, probabilities, f"By {model.name}.", remarks)


def other_part(
    model: Model, whole: ImageData, data: ImageData, of: str | None
) -> tuple[ImageSet, NDArray[np.int64], NDArray[np.int64]]:
    """A part of images that `model` was not trained on: its images, which rows are asked about, and `places_in` them.

    Raises:
        EngineError: they are not of the shape that the model is for, or have no such part.
    """
    if data.shape != model.image:
        height, width, channels = model.image
        raise ModelFileError(
            f"{model.name} is for images of {shape_words(model.image)}, and {whole.name} has "
            f"{shape_words(data.shape)}: add --size {height}x{width} --colour {'grey' if channels == 1 else 'rgb'}."
        )
    if of == "validation" and not data.validation:
        raise DatasetError(f"{whole.name} has no validation part of its own: choose training or test.", "of")
    if of == "test" and data.test is None:
        raise DatasetError(f"{whole.name} has no test images.", "of")
    images = data.test if of == "test" and data.test is not None else data.train
    rows = np.arange(len(images))
    if of == "validation":
        rows = rows[-data.validation :]
    return images, rows, places_in(whole, data)[of == "test"][rows]


def places_in(whole: ImageData, data: ImageData) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the training and the test images of `data`, of which some were left out, are in the whole set.

    Places in the training part, and behind these in the test part, as rows of `Doubts`.
    """
    found = []
    counts = (len(whole.train), 0 if whole.test is None else len(whole.test))
    by_hand = (data.by_hand.training, data.by_hand.test)
    for count, hand, corrected in zip(counts, by_hand, data.corrections.left_out, strict=True):
        gone = np.union1d(np.array(hand, np.int64), np.array(corrected, np.int64)).astype(np.int64)
        found.append(np.delete(np.arange(count), gone))
    return found[0], found[1] + counts[0]


def labels_at(whole: ImageData, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels of those rows of the whole set as its files have them; -1 where a part has none."""
    found = [
        np.full(len(images), -1) if images.labels is None else images.labels.astype(np.int64)
        for images in (whole.train, whole.test)
        if images is not None
    ]
    return np.concatenate(found)[rows]


def refuse_what_tells_none(model: Model) -> None:
    """Refuse a model that tells no classes apart. (One that tells odd images is asked by `odd_images`.)

    Raises:
        ModelFileError: it does not.
    """
    if model.classes < 2:
        raise ModelFileError(
            f"{model.name} tells neither classes apart nor odd images from normal ones: name a classifier, or an "
            "anomaly detector that was trained to its end."
        )


def _tests(data: ImageData) -> ImageSet:
    if data.test is None or data.test.labels is None:
        raise DatasetError(f"{data.name} has no test images with classes.", "of")
    return data.test


def _answers(
    model: Model, images: ImageSet, rows: NDArray[np.int64], control: Control, told: Told, before: int, every: int
) -> list[NDArray[np.float32]]:
    return in_pieces(model.probabilities, images, rows, control, lambda done: told(before + done, every))


def in_pieces(
    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    images: ImageSet,
    rows: NDArray[np.int64],
    control: Control,
    told: Callable[[int], None],
) -> list[NDArray[np.float32]]:
    """What `answer` says of those rows of `images`, a piece at a time; `told` is told how many are done.

    Raises:
        AskedToEndError: `control` asks for the end.
    """
    found = []
    for start in range(0, len(rows), PIECE):
        if control.asked().ends:
            raise AskedToEndError
        told(start)
        found.append(answer(images.take(rows[start : start + PIECE])))
    return found


PIECE = 512
"""Images that a model is asked about before it is told how far it is."""


def _ranked(
    whole: ImageData,
    rows: NDArray[np.int64],
    given: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    how: str,
    remarks: tuple[str, ...] = (),
) -> Doubts:
    scores = scores_of(probabilities, given)
    suggested = _likeliest_other(probabilities, given)
    order = np.argsort(scores, kind="stable")
    every = np.arange(len(given))
    pairs = np.stack([probabilities[every, given], probabilities[every, suggested]], 1)
    return Doubts(
        whole, rows[order], given[order], suggested[order], scores[order], pairs[order],
        likely_wrong(probabilities, given), how, remarks,
    )  # fmt: skip
