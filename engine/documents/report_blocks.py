"""What a classification report is in a document: a table of the classes, and the confusion matrix."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure as Drawing

from engine.documents.document import Figure, Table
from engine.documents.run_figures import by_class, confusion, sure
from engine.results.calibration import Calibration
from engine.results.result import ClassificationReport
from engine.text import class_name, class_of_title, percent

MOST_CLASSES = 8
"""Classes whose errors are drawn."""
MOST_TOLD = 3
"""Mistakes that are told in words."""


def class_table(report: ClassificationReport) -> Table:
    """Precision, recall, F1 and number of images of each class, and the averages."""
    rows = []
    for row in (*report.rows, report.macro, report.weighted):
        ratios = (row.precision, row.recall, row.f1)
        name = row.name if row.label is None else class_of_title(row.name)
        rows.append([name, *(f"{ratio:.4f}" for ratio in ratios), f"{row.support:,}"])
    return Table(["class", "precision", "recall", "F1", "images"], rows, words=frozenset({0}))


def confusion_figure(report: ClassificationReport, of: str) -> tuple[Figure, Drawing]:
    """The confusion matrix; `of` is test or validation: which images were measured."""
    names = [class_of_title(row.name) for row in report.rows]
    mistakes = [
        (count, names[true], names[predicted])
        for true, row in enumerate(report.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    most = ", ".join(f"{true} taken for {predicted} ({count:,})" for count, true, predicted in mistakes[:MOST_TOLD])
    caption = (
        f"Confusion matrix of the {of} images. Right answers are blue, mistakes orange, each shaded by its share of "
        f"the true class. {f'Most frequent mistakes: {most}.' if most else 'There is no mistake.'}"
    )
    return Figure("confusion", caption), confusion(report.confusion, names)


def sure_figure(found: Calibration, of: str) -> tuple[Figure, Drawing]:
    """A reliability diagram, and accuracy by the share of the images that is answered."""
    caption = (
        f"Left: how often answers on the {of} images are right, by how sure they are; on the broken line they are "
        "equal. Right: the accuracy of the surest answers, by the share of the images that they are."
    )
    return Figure("how-sure", caption), sure(found)


def class_errors_figure(
    errors: Mapping[int, Sequence[tuple[int, float]]], names: Sequence[str]
) -> tuple[Figure, Drawing]:
    """The errors of the classes that have the most, by epoch; `errors` as `class_errors` gives them."""
    shown = dict(list(errors.items())[:MOST_CLASSES])
    which = f" Of {len(errors)} classes, those with the most." if len(errors) > len(shown) else ""
    caption = f"Errors of each class on the validation images by epoch.{which}"
    worst, values = next(iter(shown.items()))
    last = values[-1][1]
    end = f"class {class_name(names, worst)} has the most, {percent(last)}" if last else "there is none"
    alt = f"{caption} In the end {end}."
    return Figure("class-errors", caption, alt), by_class({class_name(names, each): shown[each] for each in shown})
