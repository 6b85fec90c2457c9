"""What a run's model made of each image that it was measured on, as CSV: a line an image."""

# ruff: noqa: ARG002 - every exporter is asked alike

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import EngineError, StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory
from engine.storage.csv_text import csv_of
from engine.text import counted

_TOLD = 5_000
"""Lines between two words of how far it is."""


class PredictionsExporter:
    """See `engine.exporters.exporter.Exporter`."""

    takes_many = False
    folder = False
    suffix = "-predictions.csv"
    title = "Write the predictions as CSV"
    asks = "Write the predictions of {runs} as CSV to"
    tells = "The predictions were written to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`."""
        (run,) = runs
        path.write_text(csv_of(_rows(run, told)), encoding="utf-8")

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """The numbers are read back, and compared with the run's file of predictions."""
        import numpy as np

        from engine.evaluation.results import read_predictions

        (run,) = runs
        found = read_predictions(run)
        ours = found.errors if found.probabilities is None else found.probabilities
        assert ours is not None
        if found.scores is not None and found.probabilities is None:
            ours = np.stack([ours, found.scores], 1)
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        first = head.index("error") if found.probabilities is None else head.index("probability") + 1
        theirs = [row[first:] for row in rows]
        try:
            equal = np.array_equal(np.array(theirs, dtype=np.float32), ours.reshape(len(theirs), -1))
        except ValueError:
            equal = False
        if not equal or [row[0] for row in rows] != [str(index) for index in found.indices.tolist()]:
            raise StorageError(NOT_READ_BACK)
        return f"read back, {counted(len(rows), 'line')} compared with the run's own"


def _rows(run: RunDirectory, told: Told) -> Iterator[list[Any]]:
    """A head, then a line an image, in the order that they were measured in."""
    from engine.evaluation.results import read_predictions

    found = read_predictions(run)
    known = _known(run, told)
    names, labels = known.class_names, known.labels
    indices = found.indices.tolist()
    head = ["image", "of", *(["file"] if known.files else [])]

    def begin(place: int) -> list[Any]:
        if place % _TOLD == 0:
            told(place, len(indices))
        return [indices[place], found.of, *([known.files[indices[place]]] if known.files else [])]

    if found.probabilities is None:
        assert found.errors is not None
        scores = None if found.scores is None else found.scores.tolist()
        yield [*head, *([] if labels is None else ["true_class"]), "error", *([] if scores is None else ["score"])]
        for place, error in enumerate(found.errors.tolist()):
            true = [] if labels is None else [names[labels[indices[place]]]]
            yield [*begin(place), *true, _exact(error), *([] if scores is None else [_exact(scores[place])])]
        return
    names = names or tuple(str(label) for label in range(found.probabilities.shape[1]))
    yield [*head, "true_class", "predicted_class", "correct", "probability", *(f"p_{name}" for name in names)]
    for place, index in enumerate(indices):
        shares = found.probabilities[place].tolist()
        chosen = max(range(len(shares)), key=shares.__getitem__)
        right = "" if labels is None else "yes" if labels[index] == chosen else "no"
        true_class = "" if labels is None else names[labels[index]]
        yield [*begin(place), true_class, names[chosen], right, _exact(shares[chosen]), *map(_exact, shares)]


def _exact(number: float) -> str:
    """A number of 32 bits in as many digits as tell it from every other."""
    return f"{number:.9g}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the images that predictions point into; nothing where they are gone."""

    class_names: tuple[str, ...] = ()
    labels: list[int] | None = None
    files: tuple[str, ...] = ()


def _known(run: RunDirectory, told: Told) -> _Known:
    from engine.data.by_hand import NOTHING
    from engine.data.cache import load
    from engine.data.file_names import file_names
    from engine.evaluation.results import read_predictions
    from engine.runs.moved import known_of_run, load_known
    from engine.specs.kinds import spec_from_json

    written = run.read_spec()
    spec = spec_from_json(written["spec"])
    try:
        load(spec.files.as_given, told, NOTHING)
        data = load_known(known_of_run(run.id, spec, written), spec.files)
        found = read_predictions(run)
        labels = found.images(data).labels
    except EngineError:  # what the model made of them is known all the same
        return _Known()
    training, test = file_names(data)
    files = test if found.of == "test" else training
    return _Known(data.class_names, None if labels is None else labels.tolist(), files)


EXPORTER = PredictionsExporter()
