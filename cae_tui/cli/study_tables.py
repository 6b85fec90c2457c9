"""What the command line prints of a study: its plan, its tables, and all of it as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.cli.output_console import OutputConsole, table_console
from cae_tui.cli.study_cli import print_json
from engine.runs.directory import Home
from engine.storage.files import FORMAT
from engine.studies import worth
from engine.studies.records import StageRecord, StudyRecord
from engine.studies.tables import columns, failures, fit, planned_memory, planned_work, rows
from engine.text import counted, number, numbers

if TYPE_CHECKING:
    from engine.studies.spec import StudySpec

PICKED = "★"
WIDEST = 200
"""Cells of a table where no terminal shows it."""


def print_study(record: StudyRecord, console: OutputConsole | None = None) -> None:
    """A study's tables, with each pick and its reason."""
    from engine.studies.spec import describe

    console = console or table_console(WIDEST)
    symbol, _ = formats.state_symbol(record.state)
    console.say(
        f"study {record.id}: {symbol} {record.state}, {record.title} · {data_of(record)} · "
        f"{record.done} of {counted(record.total, 'trial')}, {formats.duration(record.seconds)}"
    )
    _print_about(record, console)
    if record.spec.get("mode") == "worth":
        _print_worth(record, console)
        return
    for stage in record.stages:
        console.print()
        console.print(stage_table(record, stage, console.width))
        for reason, points in failures(stage).items():
            named = "; ".join(describe(point.values) for point in points)
            console.say(f"{formats.state_symbol(points[0].state)[0]} {named}: {reason}")
        if stage.settled:
            console.say(f"{PICKED} {stage.reason or stage.problem}")
    if len(record.stages) > 1 and record.final:
        final = ", ".join(f"{name}={number(value)}" for name, value in record.final.items())
        console.say(f"\nPicked: {final}")


def _print_worth(record: StudyRecord, console: OutputConsole) -> None:
    """What an encoder is worth: a table of the ways for validation and for test images, and the sentences."""
    (stage,) = record.stages
    for of in worth.OF:
        series = worth.measured(stage, of)
        if not series:
            continue
        console.print()
        why = "which chose nothing" if of == "validation" else "measured once"
        console.say(f"Accuracy in % on the {of} images, {why}, mean ± standard deviation over seeds")
        console.print(worth_table(series))
        for sentence in worth.sentences(stage, of, record.data.get("each_class", 0.0)).values():
            console.say(sentence)
    for reason, points in failures(stage).items():
        named = "; ".join(worth.said(point.values) for point in points)
        console.say(f"{formats.state_symbol(points[0].state)[0]} {named}: {reason}")


def worth_table(series: "Mapping[str, Sequence[worth.Measured]]") -> Table:
    """A row for each number of labels, a column for each way."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("labels a class", justify="right", no_wrap=True)
    for way in series:
        table.add_column(way, justify="right", no_wrap=True)
    for labels in dict.fromkeys(each.labels for measured in series.values() for each in measured):
        cells = []
        for measured in series.values():
            each = next((each for each in measured if each.labels == labels), None)
            spread = "" if each is None or each.seeds < 2 else f" ± {100 * each.spread:.1f}"
            cells.append("–" if each is None else f"{100 * each.mean:.1f}{spread}")
        table.add_row(labels or "all", *cells)
    return table


def _print_about(record: StudyRecord, console: OutputConsole) -> None:
    """What is remarked on the images and the encoder, and which combinations of a search are left out."""
    for remark in record.data.get("remarks", ()):
        console.say(f"! {remark}")
    if record.data.get("left_out"):
        console.say(str(record.data["left_out"]))


def stage_table(record: StudyRecord, stage: StageRecord, width: int) -> Table:
    """A stage's table, its least needed columns left out where there is no room."""
    kind = record.spec["baseline"]["kind"]
    found = rows(stage, kind)
    sizes = {
        column.name: max([len(column.title), *(len(row.cells.get(column.name, "")) for row in found)]) + 1
        for column in columns(stage, kind)
    }
    shown = fit(stage, kind, sizes, width - 2)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for column in shown:
        table.add_column(column.title, justify="right" if column.numeric else "left", no_wrap=True)
    for row in found:
        mark = PICKED if row.picked else " "
        table.add_row(mark, *(Text(row.cells[column.name]) for column in shown), style="bold" if row.picked else "")
    return table


def print_plan(home: Home, spec: "StudySpec", *, as_json: bool) -> int:
    """What a study would do, and what time and memory it is expected to take."""
    from engine.estimates import measure
    from engine.studies import planning
    from engine.studies.spec import describe

    record = planning.plan(home, spec)
    each = measure(spec.baseline, home)
    seconds = None if each is None else each * planned_work(record)
    if seconds is not None and spec.minutes and not record.points:
        seconds = min(seconds, 60 * spec.minutes)
    memory = planned_memory(record)
    if as_json:
        about = {"trials": record.total, "seconds": seconds, "memory": memory}
        print_json({"format": FORMAT, "plan": record.to_json(), **about})
        return 0
    console = table_console(WIDEST)
    console.say(f"{record.title} · {data_of(record)} · {counted(record.total, 'trial')} · {record.machine}")
    _print_about(record, console)
    table = Table(box=None, pad_edge=False)
    for title in ("stage", "point"):
        table.add_column(title, no_wrap=True)
    for title in ("trials", "epochs", "params", "memory", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for stage in record.stages:
        names = ", ".join(stage.names)
        for point in stage.points:
            time_needed = None if each is None else each * point.weight * len(point.trials)
            cells = [names, describe(point.values), str(len(point.trials)), str(point.trials[0].planned)]
            cells += [f"{point.parameters:,}", formats.size(point.memory), formats.duration(time_needed)]
            table.add_row(*(Text(cell) for cell in cells))
    if record.points:
        console.print(table)
    else:
        ranges = "; ".join(f"{name} {', '.join(numbers(values))}" for name, values in spec.values.items())
        console.say(f"Optuna chooses each trial's values from {ranges}.")
    note = ""
    if any(spec.is_long_run(name) for name in spec.values):
        console.print(Text("The stage of epochs is one run, read off at each of its epochs."))
    if not record.points:
        note = " Both are for the baseline: what is tried changes them."
    elif len(record.stages) > 1:
        note = " Later stages are shown for the baseline: what is picked changes them."
    takes = f"{formats.duration(seconds)}, estimated from a few steps, and {formats.size(memory)} of memory"
    console.say(f"In all about {takes}.{note}")
    return 0


def data_of(record: StudyRecord) -> str:
    """What a study's images are called."""
    return str(record.data.get("name") or formats.NOTHING)
