"""`cae-tui predict`: what a model answers on pictures, printed, as CSV or as JSON, a piece of them at a time."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from cae_tui.cli.given_console import Told, Wanted, are, asked_for, new_file, worked, written_as_csv
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import put
from engine.errors import DatasetError, ModelFileError
from engine.results.calibration import temperature_words
from engine.runs.directory import Home
from engine.specs.listed import listed
from engine.storage.files import FORMAT
from engine.text import LONGEST_CLASS, cell_len, counted, padded, plain, shortened

if TYPE_CHECKING:
    from engine.evaluation.answers import Answers
    from engine.evaluation.given import Asked
    from engine.evaluation.learned import Learned
    from engine.evaluation.model import Model

NEXT = 2
"""Answers told after the first."""
LONGEST_PATH = 60


@dataclass
class _Totals(Told):
    """What is kept of all answers."""

    unsure: int = 0
    unlike: int | None = None  # None where nothing rebuilds images
    learned: "Learned | None" = None  # which of them it knows, where there is a report of them
    labels: list[NDArray[np.uint16]] = field(default_factory=list)
    predicted: list[NDArray[np.uint16]] = field(default_factory=list)

    def count(self, found: "Answers") -> "Answers":
        """Add a piece, and give it back."""
        self.add(found.given, found.ready)
        self.unsure += int(found.unsure.sum())
        if found.unlike is not None:
            self.unlike = (self.unlike or 0) + int(found.unlike.sum())
        if found.given.labels is not None:
            self.labels.append(found.given.labels.astype(np.uint16))
            self.predicted.append(found.predicted.astype(np.uint16))
            if self.learned is not None:
                self.learned.add(found.ready.images)
        return found

    def report(self, model: "Model") -> Any:
        """The classification report; None where it is not known what the images show, or there are none."""
        from engine.evaluation.predictions import report_of_answers

        if not sum(map(len, self.labels)):
            return None
        return report_of_answers(np.concatenate(self.labels), np.concatenate(self.predicted), model.class_names)


def predict(
    home: Home, wanted: Wanted, *, unsure: float | None, above: float | None, csv: str | None, as_json: bool
) -> int:
    """Print what the model answers on what is at the paths; 1 where nothing of it could be read.

    Args:
        unsure: the probability that an answer of a classifier must reach; None for its own.
        above: the score above which an anomaly detector tells a picture as odd; None for its own.

    Raises:
        EngineError: there is no such model, it tells no classes apart, or there are no images.
    """
    from engine.evaluation.answers import answers_to
    from engine.evaluation.learned import Learned
    from engine.evaluation.model import load_model

    target = new_file(csv)
    model = load_model(home, wanted.model)
    judges = model.network.odd_threshold is not None
    if (above if model.classes else unsure) is not None:
        flag, what = ("--above", "classes apart") if model.classes else ("--unsure", "no classes apart")
        raise DatasetError(f"{flag} cannot be used: {model.name} tells {what}.")
    if judges:
        from cae_tui.cli import odd_console

        return odd_console.predict(model, wanted, above=above, target=target, csv=csv, as_json=as_json)
    if not model.classes:
        if listed(model.spec.kind).tells_odd:
            raise ModelFileError(
                f"{model.name} was not evaluated, so it does not know what is normal: finish its training first "
                "(`cae-tui resume`, `cae-tui finish`)."
            )
        raise ModelFileError(
            f"{model.name} is an {model.spec.kind}, which tells no classes apart: name a classifier. "
            f"{_classifiers(home)}"
        )
    asked = asked_for(model, wanted)
    totals = _Totals(learned=Learned(model))
    answers = (
        totals.count(found)
        for found in worked(
            asked,
            "Predicting",
            lambda given: answers_to(model, given, unsure_below=unsure, invert=wanted.invert, centre=wanted.centre),
        )
    )
    if as_json:
        _put_json(model, answers, totals)
    elif csv is not None:
        rows = _rows(model, asked, answers, totals)
        written_as_csv(target, rows, totals, lambda: _tell(model, asked, totals, unsure))
    else:
        _print(model, answers, totals)
    if not as_json:
        _tell(model, asked, totals, unsure)
    return 0 if totals.images else 1


def _classifiers(home: Home) -> str:
    runs = [run.prefix or run.id for run in home.list_runs() if listed(run.kind).takes_encoder and run.best_epoch]
    return f"Classifiers here: {', '.join(runs[:5])}." if runs else "`cae-tui classifier` trains one."


def _order(found: "Answers") -> Any:
    """The labels of each image, the most probable first."""
    return np.argsort(-found.probabilities, axis=1, kind="stable")[:, : NEXT + 1]


def _marks(found: "Answers", row: int) -> list[str]:
    """What is doubtful about an answer, or was done before it."""
    marks = ["blank"] if found.blank[row] else []
    if found.unsure[row]:
        marks.append("unsure")
    if found.unlike is not None and found.unlike[row]:
        marks.append("unlike training")
    if found.ready.inverted[row]:
        marks.append("inverted")
    if found.ready.centred[row]:
        marks.append("centred")
    return marks


def _print(model: "Model", answers: "Iterable[Answers]", totals: _Totals) -> None:
    """A line a picture: its name, the class with its probability, the next two, and what is doubtful."""
    console = OutputConsole()
    classes = list(model.class_names)
    if console.is_terminal:
        classes = [shortened(name, LONGEST_CLASS) for name in classes]
    room = max(map(cell_len, classes), default=0)
    wide = 0
    for found in answers:
        names = [plain(name).replace("\n", " ") for name in found.given.names]
        if console.is_terminal:
            names = [shortened(name, LONGEST_PATH) for name in names]
        wide = max(wide, *map(cell_len, names), 0)
        order = _order(found)
        for row, name in enumerate(names):
            first, *others = order[row]
            shares = found.probabilities[row]
            line = Text(f"{padded(name, wide)}  ")
            line.append(padded(classes[first], room), "bold")
            line.append(f" {100 * shares[first]:5.1f} %  ")
            line.append("  ".join(f"{classes[label]} {100 * shares[label]:.1f} %" for label in others), "dim")
            if marks := _marks(found, row):
                line.append(f"  {', '.join(marks)}", "yellow")
            console.print(line, soft_wrap=True)
    if (report := totals.report(model)) is not None:
        from cae_tui.widgets.report_table import PrintedReport

        console.print(Text())
        console.print(PrintedReport(report), crop=False)


def _why_unsure(model: "Model", asked: float | None) -> str:
    if asked is not None or model.facts.unsure_below is None:
        return f"less probable than {model.unsure_below if asked is None else asked:g}"
    return "less probable than those of which 99 % were right on its validation images"


def _tell(model: "Model", asked: "Asked", totals: _Totals, unsure: float | None) -> None:
    """What is to be known of all of them, on stderr: what could not be read, what was done, what the marks mean."""
    totals.tell(model, asked)
    if (said := temperature_words(model.facts.temperature)) and totals.images:
        tell(said)
    if totals.learned is not None and (said := totals.learned.sentence):
        tell(said)
    if asked.has_classes and not asked.labelled:
        tell("No report: the folders name classes that the model does not know. `cae-tui evaluate` says which.")
    if totals.unsure:
        tell(
            f"{counted(totals.unsure, 'answer')} of {totals.images:,} {are(totals.unsure)} unsure: "
            f"{_why_unsure(model, unsure)}."
        )
    if totals.unlike:
        tell(
            f"{counted(totals.unlike, 'picture')} of {totals.images:,} {are(totals.unlike)} unlike those it learned "
            "from: the autoencoder rebuilds such pictures worse than 99 % of its validation images."
        )


def _rows(model: "Model", asked: "Asked", answers: "Iterable[Answers]", totals: _Totals) -> Iterator[list[list[Any]]]:
    """For CSV: a head, then a row a picture; those that could not be read stand last, with the reason."""
    heads: list[Any] = ["picture", "class", "probability"]
    for place in range(NEXT):
        heads += [f"class_{place + 2}", f"probability_{place + 2}"]
    heads += ["blank", "unsure", "unlike_training", "inverted", "centred", "error"]
    yield [[*heads, "true_class"] if asked.labelled else heads]
    width = len(heads)
    for found in answers:
        order = _order(found)
        rows = []
        for row, name in enumerate(found.given.names):
            cells: list[Any] = [name]
            for label in order[row]:
                cells += [model.class_names[label], f"{found.probabilities[row, label]:.6f}"]
            cells += [""] * (3 + 2 * NEXT - len(cells))
            unlike = "" if found.unlike is None else _yes(found.unlike[row])
            ready = found.ready
            cells += [_yes(found.blank[row]), _yes(found.unsure[row]), unlike, _yes(ready.inverted[row]),
                      _yes(ready.centred[row]), ""]  # fmt: skip
            labels = found.given.labels
            rows.append(cells if labels is None else [*cells, model.class_names[labels[row]]])
        yield rows
    for name, reason in totals.bad.items():
        cells = [name, *[""] * (width - 2), reason]
        yield [[*cells, ""] if asked.labelled else cells]


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _put_json(model: "Model", answers: "Iterable[Answers]", totals: _Totals) -> None:
    """One object, printed as it comes."""
    about = {"format": FORMAT, "model": model.name, "classes": list(model.class_names)}
    between = json.dumps({**about, "temperature": model.facts.temperature})[:-1]
    between += ', "pictures": ['
    for found in answers:
        order = _order(found)
        for row in range(len(found.given.names)):
            put(between + json.dumps(_as_json(model, found, row, order[row])), end="")
            between = ", "
    values: dict[str, Any] = {"bad": totals.bad}
    if (report := totals.report(model)) is not None:
        values |= {"accuracy": report.accuracy, "correct": report.correct, "incorrect": report.incorrect}
    put(f"{'' if between == ', ' else between}], {json.dumps(values)[1:]}")


def _as_json(model: "Model", found: "Answers", row: int, order: NDArray[np.int64]) -> dict[str, Any]:
    one: dict[str, Any] = {
        "picture": found.given.names[row],
        "answers": [
            {"class": model.class_names[label], "probability": float(found.probabilities[row, label])}
            for label in order
        ],
        "blank": bool(found.blank[row]),
        "unsure": bool(found.unsure[row]),
        "unlike_training": None if found.unlike is None else bool(found.unlike[row]),
        "inverted": bool(found.ready.inverted[row]),
        "centred": bool(found.ready.centred[row]),
    }
    if found.given.labels is not None:
        one["true_class"] = model.class_names[found.given.labels[row]]
    return one
