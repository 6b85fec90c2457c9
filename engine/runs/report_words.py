"""What a report says in words, for the app, the command line and a file alike: no colours, no layout.

A loss alone says little, so every one stands beside what needs no learning, what the best linear autoencoder reaches,
and what the same spec reached here before. What a kind of run has to say itself is in its `engine.results`.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence

from engine.results.result import Measured, Result, StageResult
from engine.runs.facts import RunFacts
from engine.specs.data_files import shape_words
from engine.text import NOTHING, cell_len, class_of_title, duration, loss, moment, number, padded, percent, shortened

Told = list[tuple[str, str]]
"""Names, each with its words."""

NAME_WIDTH = 12
MEASURED_WIDTHS = (20, 9, 8, 10, 8)


def measured(result: Result, facts: RunFacts | None = None) -> list[Measured]:
    """The figures of a result, and beside them those that they are held against."""
    rows = result.measured
    if facts is not None and facts.peers is not None and facts.peers.best != result.id:
        rows.append(Measured("best of this spec", result.pair(facts.peers.best_loss, facts.peers.best_psnr)))
    return rows


def measured_lines(result: Result, facts: RunFacts | None = None) -> list[str]:
    """The rows of `measured` under their heads, aligned; without the columns of images that nothing was measured on."""
    rows = measured(result, facts)
    tested = any(row.test != ("", "") and row.test[0] != NOTHING for row in rows)
    halves = [("validation", 0)] if not tested or any(row.validation[0] != NOTHING for row in rows) else []
    halves += [("test", 2)] if tested else []
    name, *widths = MEASURED_WIDTHS
    cells = [row.validation + row.test for row in rows]
    longest = (max(map(len, column)) for column in zip(*cells, strict=True))
    widths = [
        max(*each)
        for each in zip(
            widths, (len(head) + 2 for head in 2 * result.heads), (most + 1 for most in longest), strict=True
        )
    ]
    columns = [column for _, at in halves for column in (at, at + 1)]
    heads = "".join(f"{head:>{sum(widths[at : at + 2])}}" for head, at in halves)
    lines = (
        f"{first:<{name}}" + "".join(f"{cells[column]:>{widths[column]}}" for column in columns)
        for first, cells in (("", 2 * result.heads), *((row.name, row.validation + row.test) for row in rows))
    )
    return [" " * name + heads, *(line.rstrip() for line in lines)]


# -- is this good? --------------------------------------------------------------------------------


def remarks(result: Result, facts: RunFacts | None = None) -> list[str]:
    """Those of the result, but for what `run_facts` say of its labels."""
    corrected = facts.corrected if facts is not None else ""
    return [remark for remark in result.remarks if not corrected.startswith(remark)]


def verdicts(result: Result, facts: RunFacts | None = None) -> list[str]:
    """What the result is to be held against, and how it does, in sentences; what cannot be told is left out."""
    told = [*(f"! {remark}" for remark in remarks(result, facts)), *result.held_against]
    if facts is not None and result.evaluated_on:
        told.append(peers_sentence(result, facts))
    return list(filter(None, told))


def peers_sentence(result: Result, facts: RunFacts) -> str:
    """How the validation loss does beside those of the runs here that differ in nothing but the seed."""
    peers, mine = facts.peers, result.best_validation_loss
    if peers is None or mine is None:
        return ""
    if peers.best == result.id:
        if peers.count == 1:
            return "This is the only run here with this spec and these images."
        return f"Of {peers.count} runs of this spec here, it has the lowest validation loss, {loss(mine)}."
    more = f", {100 * (mine / peers.best_loss - 1):.0f} % more" if mine >= 1.005 * peers.best_loss > 0 else ""
    return (
        f"Of {peers.count} runs of this spec here, {peers.best} (seed {peers.best_seed}) has the lowest validation "
        f"loss, {loss(peers.best_loss)}; this one has {loss(mine)}{more}."
    )


# -- how it came about ----------------------------------------------------------------------------


def end_facts(result: Result) -> Told:
    """Why the run ended where it did, where that is to be told."""
    return [("end", str(result.message))] if result.message else []


def result_facts(result: Result) -> Told:
    """What the result says of the run besides its figures."""
    told = end_facts(result)
    if result.averaging:
        told.append(("views", result.averaging))
    stages = result.stages
    told += [("training" if len(stages) == 1 else stage.stage, stage_words(stage)) for stage in stages]
    told.append(("parameters", f"{result.parameters:,}"))
    told.append(("time", " · ".join(filter(None, (duration(result.seconds), _speed(result))))))
    return told


def stage_words(stage: StageResult) -> str:
    """How a stage ended: its best epoch, and what that came to."""
    if not stage.best_epoch:
        return "no epoch was completed"
    best = loss(stage.best_loss)
    if stage.best_accuracy is not None:
        best = f"val_accuracy {percent(stage.best_accuracy)}"
    return f"{best}, epoch {stage.best_epoch}/{stage.epochs}, {duration(stage.seconds)}"


def run_facts(facts: RunFacts) -> Told:
    """How the run came about: data, what differs from the preset, seed, device, date, and what a person noted."""
    told: Told = []
    if facts.data:
        counts = (("training", facts.training), ("validation", facts.validation), ("test", facts.test))
        told_counts = (f"{count:,} {name}" for name, count in counts if count)
        told.append(("data", " · ".join(filter(None, (facts.data, shape_words(facts.image_shape), *told_counts)))))
    if facts.corrected:
        told.append(("labels", facts.corrected))
    if facts.encoder:
        title = f" ({facts.encoder_title})" if facts.encoder_title else ""
        told.append(("encoder", facts.encoder + title))
    if facts.preset:
        changes = ", ".join(
            f"{_without_comma(each.title.lower())} {number(each.value)} instead of {each.preset}"
            for each in facts.differences
        )
        told.append(("preset", f"{facts.preset}, except {changes}" if changes else f"{facts.preset}, unchanged"))
    if facts.seed is not None:
        told.append(("seed", str(facts.seed)))
    if facts.device:
        told.append(("device", facts.device))
    if facts.started:
        told.append(("date", moment(facts.started, "%Y-%m-%d %H:%M UTC")))
    if facts.study:
        told.append(("study", f"trial {facts.trial} of {facts.study}"))
    tags = [*(["★"] if facts.notes.star else []), *(f"#{tag}" for tag in facts.notes.tags)]
    if tags:
        told.append(("tags", " ".join(tags)))
    if facts.notes.note:
        told.append(("note", facts.notes.note))
    return told


def _without_comma(title: str) -> str:
    """`epochs (fine-tuning)` of `epochs, fine-tuning`: in a list, commas stand between names only."""
    name, comma, part = title.partition(", ")
    return f"{name} ({part})" if comma else title


def _speed(result: Result) -> str:
    step, images = result.ms_per_step, result.images_per_second
    return " · ".join(
        text for value, text in ((step, f"{step or 0:.0f} ms/step"), (images, f"{images or 0:,.0f} images/s")) if value
    )


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, a number never parted from its unit; one empty line where there is none."""
    kept = re.sub(r"(?<=\d) (?=%|dB)", "\N{NO-BREAK SPACE}", text)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in textwrap.wrap(kept, width)] or [""]


def told_lines(told: Sequence[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """Names and words in lines of at most `width`, a name on the first line of its words only."""
    for name, text in told:
        for place, line in enumerate(wrapped(text, max(width - NAME_WIDTH, 12))):
            yield f"{'' if place else name:<{NAME_WIDTH}}", line


def about_lines(result: Result, facts: RunFacts | None, width: int, *, with_views: bool = True) -> list[str]:
    """Everything that is told of a run besides its measures, as plain lines."""
    told = [*result.about, *(run_facts(facts) if facts is not None else []), *result_facts(result)]
    told = [(name, text) for name, text in told if with_views or name != "views"]
    return [name + text for name, text in told_lines(told, width)]


COPIED_WIDTH = 100


def report_as_text(result: Result, facts: RunFacts | None = None) -> str:
    """The whole report as plain text, with scikit-learn's own where the run tells classes apart."""
    title = f"{result.kind} {result.id}  {result.title}".strip()
    parts = [title, " · ".join(headline(result)), *verdicts(result, facts), ""]
    report = result.report
    parts += [report.text.rstrip("\n")] if report is not None else measured_lines(result, facts)
    parts += ["", *about_lines(result, facts, COPIED_WIDTH)]
    if report is not None:
        head = "true \\ predicted"
        names = [shortened(class_of_title(row.name), len(head)) for row in report.rows]
        width = max(map(cell_len, [*names, *(str(count) for line in report.confusion for count in line)])) + 2
        parts += ["", head + "".join(padded(name, width, right=True) for name in names)]
        parts += [
            padded(name, len(head), right=True) + "".join(str(count).rjust(width) for count in row)
            for name, row in zip(names, report.confusion, strict=True)
        ]
    return "\n".join(parts) + "\n"


def headline(result: Result) -> list[str]:
    """What matters most of a result, in parts; of a run that was not measured, how it ended."""
    if result.evaluated_on:
        return result.headline
    return [f"{result.state}. {result.message}".strip()]
