"""The images of a set that do not belong to it: those that an anomaly detector finds oddest, the oddest first.

What a detector was trained on is looked at too, for a foreign picture among many was hardly learned by heart: what an
image is compared with does not have the image itself among it.
"""

import numpy as np
from numpy.typing import NDArray

from engine.data.by_hand import NOTHING
from engine.data.cache import load
from engine.data.datasets import ImageData, ImageSet
from engine.errors import DatasetError
from engine.evaluation.doubts import Doubts, Told, in_pieces, labels_at, other_part, places_in
from engine.evaluation.learned import learned_sentence
from engine.evaluation.model import Model
from engine.protocol.control import Control
from engine.specs.data_files import DataFiles


def odd_of_run(
    model: Model,
    data: ImageData,
    training: NDArray[np.int64],
    validation: NDArray[np.int64],
    of: str | None,
    control: Control,
    told: Told,
) -> Doubts:
    """The images of a run that is an anomaly detector, by that detector; of classes that are not normal none.

    Args:
        model: the run's, whose network has an `odd_threshold`.
        data: its images, as it has them.
        training: the rows of those that it was trained on.
        validation: the rows of those that it was chosen by.
        of: training, validation or test; all of them where it is None.
        control: is asked whether to go on.
        told: is told how many images were looked at, and of how many.

    Raises:
        AskedToEndError: `control` asks for the end.
        EngineError: it has no such images.
    """
    whole = load(data.files.as_given, None, NOTHING)
    places, test_places = places_in(whole, data)
    parts: list[tuple[str, ImageSet, NDArray[np.int64], NDArray[np.int64]]] = []
    for part, rows in (("training", training), ("validation", validation)):
        if of in (None, part):
            parts.append((part, data.train, rows, places[rows]))
    names = model.spec.learned_classes
    normal = data.labels_called(names, "normal") if names else []
    if of in (None, "test") and data.test is not None:
        rows = np.arange(len(data.test))
        if normal and data.test.labels is not None:
            rows = rows[np.isin(data.test.labels, normal)]
        parts.append(("test", data.test, rows, test_places[rows]))
    if not parts:
        raise DatasetError(f"{whole.name} has no test images.", "of")
    every, at, scores = sum(len(rows) for _, _, rows, _ in parts), 0, [np.empty(0, np.float32)]
    for part, images, rows, _ in parts:
        scores += _scores(model, images, rows, control, told, at, every, learned=part == "training")
        at += len(rows)
    which = " and ".join(filter(None, (", ".join(part for part, *_ in parts[:-1]), parts[-1][0])))
    how = f"By run {model.name}, asked about its {which} images"
    how += f" of the classes that are normal: {', '.join(names)}." if normal else "."
    return _oddest(model, whole, np.concatenate([places for *_, places in parts]), np.concatenate(scores), how)


def odd_of_others(
    model: Model, files: DataFiles, of: str | None, control: Control, told: Told, reading: Told
) -> Doubts:
    """The images of a set by a detector that was trained on others; arguments and errors as of `odd_of_run`.

    All of them, whatever their class: which of these classes are normal the detector need not know.
    """
    whole, data = load(files.as_given, reading, NOTHING), load(files.as_given, reading)
    images, rows, places = other_part(model, whole, data, of)
    scores = _scores(model, images, rows, control, told, 0, len(rows), learned=False)
    sentence = learned_sentence(model, [images.take(rows[:2000])])
    found = np.concatenate([np.empty(0, np.float32), *scores])
    return _oddest(model, whole, places, found, f"By {model.name}.", (sentence,) if sentence else ())


def _scores(
    model: Model, images: ImageSet, rows: NDArray[np.int64], control: Control, told: Told, before: int, every: int,
    *, learned: bool,
) -> list[NDArray[np.float32]]:  # fmt: skip
    def score(some: NDArray[np.uint8]) -> NDArray[np.float32]:
        return model.odd_scores(some, learned=learned)

    return in_pieces(score, images, rows, control, lambda done: told(before + done, every))


def _oddest(
    model: Model,
    whole: ImageData,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    how: str,
    remarks: tuple[str, ...] = (),
) -> Doubts:
    threshold = model.network.odd_threshold
    assert threshold is not None
    order = np.argsort(-scores, kind="stable")
    nothing = np.full(len(rows), -1)
    return Doubts(
        whole, rows[order], labels_at(whole, rows)[order], nothing, scores[order], None,
        int((scores > threshold).sum()), how, remarks, threshold,
    )  # fmt: skip
