"""`cae-tui predict`: what a classifier answers on pictures, printed, as CSV or as JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import put
from engine.errors import ModelFileError, StorageError
from engine.runs.directory import Home
from engine.specs.listed import listed
from engine.storage.csv_text import csv_of
from engine.storage.files import FORMAT, absolute, written_whole
from engine.storage.paths import path_of
from engine.text import LONGEST_CLASS, cell_len, counted, padded, plain, shortened

if TYPE_CHECKING:
    from engine.evaluation.answers import Answers
    from engine.evaluation.model import Model

NEXT = 2
"""Answers told after the first."""
BAD_SHOWN = 10
LONGEST_PATH = 60


def predict(
    home: Home, named: str, paths: Sequence[str], *, unsure: float | None, invert: str, csv: str | None, as_json: bool
) -> int:
    """Print what the model answers on what is at `paths`; 1 where nothing of it could be read.

    Raises:
        EngineError: there is no such model, it tells no classes apart, or there are no images.
    """
    from engine.evaluation.answers import answers_to
    from engine.evaluation.given import given_images
    from engine.evaluation.model import load_model

    target = None if csv in (None, "-") else absolute(path_of(csv or ""))
    if target is not None and target.exists():
        raise StorageError(f"{target} already exists and is not overwritten: choose another name.")
    model = load_model(home, named)
    if not model.classes:
        raise ModelFileError(
            f"{model.name} is an {model.spec.kind}, which tells no classes apart: name a classifier. "
            f"{_classifiers(home)}"
        )
    with progress("Reading the pictures") as told:
        given = given_images(model, paths, told)
    with progress("Predicting") as told:
        found = answers_to(model, given, unsure_below=unsure, invert=invert, told=told)
    if as_json:
        put(json.dumps({"format": FORMAT, "model": model.name, **_as_json(model, found)}))
    elif csv == "-":
        put(csv_of(_rows(model, found)).rstrip("\n"))
    else:
        if target is not None:
            with written_whole(target) as sibling:
                sibling.write_text(csv_of(_rows(model, found)), encoding="utf-8")
            put(f"The answers on {counted(len(given.names), 'picture')} were written to {target}.")
        else:
            _print(model, found)
        _tell(model, found)
    return 0 if given.names else 1


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
    if found.inverted[row]:
        marks.append("inverted")
    return marks


def _print(model: "Model", found: "Answers") -> None:
    """A line a picture: its name, the class with its probability, the next two, and what is doubtful."""
    console = OutputConsole()
    names, classes = [plain(name).replace("\n", " ") for name in found.given.names], list(model.class_names)
    if console.is_terminal:
        names = [shortened(name, LONGEST_PATH) for name in names]
        classes = [shortened(name, LONGEST_CLASS) for name in classes]
    wide = max(map(cell_len, names), default=0)
    room = max(map(cell_len, classes), default=0)
    order = _order(found)
    for row, name in enumerate(names):
        first, *rest = order[row]
        shares = found.probabilities[row]
        line = Text(f"{padded(name, wide)}  ")
        line.append(padded(classes[first], room), "bold")
        line.append(f" {100 * shares[first]:5.1f} %  ")
        others = "  ".join(f"{classes[label]} {100 * shares[label]:.1f} %" for label in rest)
        line.append(others, "dim")
        if marks := _marks(found, row):
            line.append(f"  {', '.join(marks)}", "yellow")
        console.print(line, soft_wrap=True)
    if found.given.labels is not None:
        from cae_tui.widgets.report_table import PrintedReport

        console.print(Text())
        console.print(PrintedReport(_report(model, found)), crop=False)


def _report(model: "Model", found: "Answers") -> Any:
    from engine.evaluation.predictions import classification_report

    assert found.given.labels is not None
    return classification_report(found.given.labels, found.probabilities, model.class_names)


def _tell(model: "Model", found: "Answers") -> None:
    """What is to be known of all of them, on stderr: what could not be read, what was turned, what the marks mean."""
    bad = found.given.bad
    for name, reason in list(bad.items())[:BAD_SHOWN]:
        tell(f"{name} {reason}.")
    if len(bad) > BAD_SHOWN:
        tell(f"{counted(len(bad) - BAD_SHOWN, 'more picture')} could not be read.")
    if count := int(found.inverted.sum()):
        way = "light on dark" if model.facts.light_on_dark is not False else "dark on light"
        tell(f"{counted(count, 'picture')} had dark and light exchanged: the model learned from images that are {way} "
             "(--invert no leaves them).")  # fmt: skip
    if count := int(found.unsure.sum()):
        own = "" if model.facts.unsure_below is None else ": less probable than those it was right about"
        tell(f"{counted(count, 'answer')} of {len(found.unsure):,} {_are(count)} unsure{own}.")
    if found.unlike is not None and (count := int(found.unlike.sum())):
        of = f"{counted(count, 'picture')} of {len(found.unlike):,}"
        tell(
            f"{of} {_are(count)} unlike those it learned from: the autoencoder rebuilds such pictures worse than 99 % "
            "of its validation images."
        )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _rows(model: "Model", found: "Answers") -> Iterator[list[Any]]:
    """For CSV: a head, then a row a picture; those that could not be read stand last, with the reason."""
    heads = ["picture", "class", "probability"]
    for place in range(NEXT):
        heads += [f"class_{place + 2}", f"probability_{place + 2}"]
    heads += ["blank", "unsure", "unlike_training", "inverted", "error"]
    yield [*heads, "true_class"] if found.given.labels is not None else heads
    order = _order(found)
    width = 2 * (NEXT + 1)
    for row, name in enumerate(found.given.names):
        cells: list[Any] = [name]
        for label in order[row]:
            cells += [model.class_names[label], f"{found.probabilities[row, label]:.6f}"]
        cells += [""] * (1 + width - len(cells))
        unlike = "" if found.unlike is None else _yes(found.unlike[row])
        cells += [_yes(found.blank[row]), _yes(found.unsure[row]), unlike, _yes(found.inverted[row]), ""]
        yield cells if found.given.labels is None else [*cells, model.class_names[found.given.labels[row]]]
    for name, reason in found.given.bad.items():
        cells = [name, *[""] * (width + 4), reason]
        yield cells if found.given.labels is None else [*cells, ""]


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _as_json(model: "Model", found: "Answers") -> dict[str, Any]:
    order = _order(found)
    pictures = []
    for row, name in enumerate(found.given.names):
        one: dict[str, Any] = {
            "picture": name,
            "answers": [
                {"class": model.class_names[label], "probability": float(found.probabilities[row, label])}
                for label in order[row]
            ],
            "blank": bool(found.blank[row]),
            "unsure": bool(found.unsure[row]),
            "unlike_training": None if found.unlike is None else bool(found.unlike[row]),
            "inverted": bool(found.inverted[row]),
        }
        if found.given.labels is not None:
            one["true_class"] = model.class_names[found.given.labels[row]]
        pictures.append(one)
    values: dict[str, Any] = {"classes": list(model.class_names), "pictures": pictures, "bad": dict(found.given.bad)}
    if found.given.labels is not None:
        report = _report(model, found)
        values |= {"accuracy": report.accuracy, "correct": report.correct, "incorrect": report.incorrect}
    return values
