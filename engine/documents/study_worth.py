"""What a study of an encoder's worth came to, for its document: a figure, a table, and sentences."""

from collections.abc import Sequence
from typing import Any

from engine.documents import study_figures
from engine.documents.document import Block, Bullets, Figure, Heading, Paragraph, Table
from engine.studies import worth
from engine.studies.records import StudyRecord
from engine.studies.spec import describe
from engine.studies.tables import failures


def worth_blocks(record: StudyRecord, figures: dict[str, Any]) -> list[Block]:
    """The accuracies of every way to train, by which images they are of; what is drawn goes into `figures`."""
    (stage,) = record.stages
    every = float(record.data.get("each_class", 0.0))
    found: list[Block] = []
    for of in worth.OF:
        series = worth.measured(stage, of)
        if not series:
            continue
        name = f"worth-{of}"
        figures[name] = study_figures.accuracy_by_labels(series, every)
        caption = f"Accuracy on the {of} images by labels a class; bars are one standard deviation to each side."
        labels = list(dict.fromkeys(each.labels for way in series.values() for each in way))
        rows = [[number or "all", *(_share(way, number) for way in series.values())] for number in labels]
        found += [
            Heading(2, f"Accuracy on the {of} images"),
            Figure(name, caption),
            Table(["labels a class", *series], rows),
            Bullets(list(worth.sentences(stage, of, every).values())),
        ]
    for reason, points in failures(stage).items():
        named = "; ".join(describe(point.values) for point in points)
        found.append(Paragraph(f"Not trained to the end: {named}. {reason}"))
    return found


def _share(way: Sequence[worth.Measured], labels: str) -> str:
    each = next((each for each in way if each.labels == labels), None)
    if each is None:
        return "–"
    return f"{100 * each.mean:.1f}" + (f" ± {100 * each.spread:.1f}" if each.seeds > 1 else "") + " %"
