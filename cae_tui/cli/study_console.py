"""Studies without a screen: their plan, their progress, their tables.

Progress goes to stderr, a line for each trial that ends and a bar where that is a terminal; the tables to stdout.
"""

import io
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.bridge.run_titles import cut
from cae_tui.cli.console import interruptible
from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.study_cli import print_json
from cae_tui.output import OutputError, complain, flush, let_go, put
from engine.errors import StudyError
from engine.protocol.events import Event, RunStarted, StageStarted, Warned
from engine.protocol.states import FAILED, FINISHED, STOPPED
from engine.runs.directory import Home
from engine.storage.files import FORMAT
from engine.storage.typed_json import finite
from engine.studies.records import PointRecord, StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.tables import columns, failures, fit, rows
from engine.text import counted, number, numbers, plain

if TYPE_CHECKING:
    from engine.studies.spec import StudySpec

EXIT_CODES = {FINISHED: 0, FAILED: 1, STOPPED: 130}
PICKED = "★"


def start(home: Home, spec: "StudySpec", *, as_json: bool) -> int:
    """Do a study and print its tables; gives back the exit code."""
    from engine.studies import planning

    return _work_on(home, planning.create(home, spec), as_json=as_json)


def relocate(home: Home, directory: StudyDirectory, places: Mapping[str, Path], *, as_json: bool) -> bool:
    """Write down where a study's images are now, and say so; whether that is all there is to do for it.

    Raises:
        EngineError: they are others, or the study is at work.
    """
    from engine.runs.moved import as_json as paths_of
    from engine.studies.moved import relocate_study

    files = relocate_study(home, directory, places)
    record = directory.read()
    told = f"Study {record.id} and its runs read their images from {files.images} now."
    if record.state != FINISHED:
        complain(told)
    elif as_json:
        print_json({"format": FORMAT, "id": record.id, "state": record.state, **paths_of(files)})
    else:
        put(plain(f"{told} It is finished: there is nothing left to train."))
    return record.state == FINISHED


def resume(home: Home, directory: StudyDirectory, *, as_json: bool) -> int:
    """Take a study up and print its tables; gives back the exit code."""
    return _work_on(home, directory, as_json=as_json)


def _work_on(home: Home, directory: StudyDirectory, *, as_json: bool) -> int:
    with interruptible() as flag:
        from engine.studies import scheduler

        with _Teller() as teller:
            record = scheduler.work_on(home, directory, teller, flag)
    try:
        if as_json:
            print_json({"format": FORMAT, **as_values(record)})
        else:
            print_study(record)
        flush()
    except BrokenPipeError:  # whoever read it has enough; the study came to what it came to
        let_go()
    except OutputError as error:
        hint = f"Study {record.id} is {record.state}: `cae-tui study show {record.id}` prints its tables."
        raise OutputError(f"{error} {hint}") from None
    if record.message:
        with suppress(OSError):
            teller.console.print(Text(record.message), soft_wrap=True)
    return EXIT_CODES.get(record.state, 1)


class _Teller:
    """Tells on stderr how a study goes; asks on the terminal for picks."""

    def __init__(self) -> None:
        self.console = OutputConsole(stderr=True)
        self._told: set[int] = set()
        self._picks: set[int] = set()
        self._begun = self._training = False
        self._remarked: set[str] = set()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "_Teller":
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[facts]}"),
                console=self.console, transient=True, refresh_per_second=4,
            )  # fmt: skip
            self._task = self._bar.add_task("loading PyTorch and the images", total=None, facts="a few seconds")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            with suppress(OSError, ValueError):
                self._bar.stop()

    def emit(self, trial: Trial, event: Event) -> None:  # noqa: ARG002 - as observed
        """What is remarked on a trial's images, once; steps are not told, and epochs come by `changed`."""
        if isinstance(event, RunStarted | StageStarted):
            self._training = isinstance(event, StageStarted)
        if isinstance(event, Warned) and not self._training:
            with suppress(OSError, ValueError):  # nobody reads it any more
                self._remark(event.message)

    def changed(self, study: StudyRecord) -> None:
        """A line for what ended; the bar."""
        try:
            self._tell(study)
        except (OSError, ValueError):  # nobody reads it any more; the study goes on all the same
            self.console = OutputConsole(file=io.StringIO())
            self._bar = None

    def _tell(self, study: StudyRecord) -> None:
        if not self._begun:
            self._begun = True
            self._told = {trial.number for trial in study.trials if trial.ended}
            self._picks = {place for place, stage in enumerate(study.stages) if stage.settled}
            done = f", {study.done} done" if study.done else ""
            data = _data_of(study)
            self._say(
                f"study {study.id} · {study.title} · {data} · {counted(study.total, 'trial')}{done} · {study.device}"
            )
            for remark in study.data.get("remarks", ()):
                self._remark(remark)
            if study.data.get("left_out"):
                self._say(str(study.data["left_out"]))
        for place, stage in enumerate(study.stages):
            for point in stage.points:
                for trial in point.trials:
                    if trial.ended and trial.number not in self._told:
                        self._told.add(trial.number)
                        self._say(_trial_line(point, trial))
            if stage.settled and place not in self._picks:
                self._picks.add(place)
                self._say(f"{PICKED} {stage.reason or stage.problem}")
        if self._bar is not None and self._task is not None:
            self._update(study, self._bar, self._task)

    def _update(self, study: StudyRecord, bar: Progress, task: TaskID) -> None:
        trial, facts = study.current, ""
        if trial is not None:
            facts = f"{study.epoch_of(trial)}  "
        if study.eta is not None:
            facts += f"ETA {formats.duration(study.eta)}"
        done = study.done + (trial.epochs / max(trial.planned, 1) if trial else 0)
        number = min(study.done + 1, study.total)
        bar.update(task, description=f"trial {number} of {study.total}", total=study.total, completed=done, facts=facts)

    def _remark(self, sentence: str) -> None:
        if sentence not in self._remarked:
            self._remarked.add(sentence)
            self._say(f"! {sentence}")

    def _say(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        """Ask on the terminal; where there is none, the rule's pick stands."""
        if not (sys.stdin.isatty() and self.console.is_terminal):
            return stage.picked
        if self._bar is not None:
            self._bar.stop()
        console = OutputConsole(stderr=True)
        console.print(stage_table(study, stage, console.width))
        console.print(Text(f"{PICKED} {stage.reason}"))
        (name,) = stage.names
        known = [point.values[name] for point in stage.points]
        before = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # nothing runs that could stop at its next step
        try:
            while True:
                console.print(f"Enter picks {name}={stage.picked[name]}; or type another value ({', '.join(known)}): ")
                typed = sys.stdin.readline()
                if not typed:
                    return None
                value = typed.strip() or stage.picked[name]
                long_run = len(known) == 1 and value.isdigit() and 1 <= int(value) <= int(known[0])
                if value in known or value == stage.picked[name] or long_run:
                    return {name: value}
                console.print(Text(f"“{value[:40]}” is not one of the values that were tried."))
        except KeyboardInterrupt:
            return None
        finally:
            signal.signal(signal.SIGINT, before)
            if self._bar is not None:
                self._bar.start()


def _trial_line(point: PointRecord, trial: Trial) -> str:
    from engine.studies.spec import describe

    seed = f", seed {trial.seed}" if len(point.trials) > 1 else ""
    line = f"trial {trial.number:>3}  {describe(point.values)}{seed}: "
    if trial.best_loss is None:
        return f"{line}{trial.state}. {trial.message}".rstrip()
    line += f"val_loss {formats.loss(trial.best_loss)} at {trial.best_at}"
    if trial.ms_per_step is not None and trial.epoch_seconds is not None:
        line += f", {formats.seconds(trial.ms_per_step)} ms/step, {formats.seconds(trial.epoch_seconds)} s/epoch"
    if trial.shared:
        return f"{line} (the run of an earlier trial)"
    return line if trial.complete else f"{line}, {trial.state}"


# -- what is printed ------------------------------------------------------------------------------


def print_study(record: StudyRecord, console: OutputConsole | None = None) -> None:
    """A study's tables, with each pick and its reason."""
    from engine.studies.spec import describe

    console = console or _console()
    mark, _ = formats.state_mark(record.state)
    console.print(
        Text(
            f"study {record.id}: {mark} {record.state}, {record.title} · {_data_of(record)} · "
            f"{record.done} of {counted(record.total, 'trial')}, "
            f"{formats.duration(record.seconds)}"
        ),
        soft_wrap=True,
    )
    _print_about(record, console)
    for stage in record.stages:
        console.print()
        console.print(stage_table(record, stage, console.width))
        for reason, points in failures(stage).items():
            named = "; ".join(describe(point.values) for point in points)
            console.print(Text(f"{formats.state_mark(points[0].state)[0]} {named}: {reason}"), soft_wrap=True)
        if stage.settled:
            console.print(Text(f"{PICKED} {stage.reason or stage.problem}"), soft_wrap=True)
    if len(record.stages) > 1 and record.final:
        final = ", ".join(f"{name}={number(value)}" for name, value in record.final.items())
        console.print(Text(f"\nPicked: {final}"), soft_wrap=True)


def _print_about(record: StudyRecord, console: OutputConsole) -> None:
    """What is remarked on the images and the encoder, and which combinations of a search are left out."""
    for remark in record.data.get("remarks", ()):
        console.print(Text(f"! {remark}"), soft_wrap=True)
    if record.data.get("left_out"):
        console.print(Text(str(record.data["left_out"])), soft_wrap=True)


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


def as_values(record: StudyRecord) -> dict[str, Any]:
    """A study as JSON has it."""
    values = asdict(record)
    del values["prefix"]
    return finite(values)  # type: ignore[no-any-return]  # of a dict it is one


def print_plan(home: Home, spec: "StudySpec", *, as_json: bool) -> int:
    """What a study would do, and what time and memory it is expected to take."""
    from engine.estimates import measure
    from engine.studies import planning
    from engine.studies.spec import describe

    record = planning.plan(home, spec)
    each = measure(spec.baseline, home)
    points = [(stage, point) for stage in record.stages for point in stage.points]
    weights = [point.weight * len(point.trials) for _, point in points]
    if not points:  # of a search, which does not know yet what it will try
        weights = [record.data["baseline_weight"] * record.total]
    seconds = None if each is None else each * sum(weights)
    if seconds is not None and spec.minutes and not points:
        seconds = min(seconds, 60 * spec.minutes)
    memory = max((point.memory for _, point in points), default=record.data["baseline_memory"])
    if as_json:
        print_json(
            {"format": FORMAT, "plan": as_values(record), "trials": record.total, "seconds": seconds, "memory": memory}
        )
        return 0
    console = _console()
    console.print(
        Text(f"{record.title} · {_data_of(record)} · {counted(record.total, 'trial')} · {record.device}"),
        soft_wrap=True,
    )
    _print_about(record, console)
    table = Table(box=None, pad_edge=False)
    for title in ("stage", "point"):
        table.add_column(title, no_wrap=True)
    for title in ("trials", "epochs", "params", "memory", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for stage, point in points:
        time_needed = None if each is None else each * point.weight * len(point.trials)
        cells = [", ".join(stage.names), describe(point.values), str(len(point.trials)), str(point.trials[0].planned)]
        cells += [f"{point.parameters:,}", formats.size(point.memory), formats.duration(time_needed)]
        table.add_row(*(Text(cell) for cell in cells))
    if points:
        console.print(table)
    else:
        ranges = "; ".join(f"{name} {', '.join(numbers(values))}" for name, values in spec.values.items())
        console.print(Text(f"Optuna chooses each trial's values from {ranges}."), soft_wrap=True)
    note = ""
    if any(spec.is_long_run(name) for name in spec.values):
        console.print(Text("The stage of epochs is one run, read off at each of its epochs."))
    if not points:
        note = " Both are for the baseline: what is tried changes them."
    elif len(record.stages) > 1:
        note = " Later stages are shown for the baseline: what is picked changes them."
    about = (
        f"In all about {formats.duration(seconds)}, estimated from a few steps, and {formats.size(memory)} of memory."
    )
    console.print(Text(about + note), soft_wrap=True)
    return 0


def print_studies(home: Home, *, as_json: bool) -> int:
    """Print the list of studies, the newest first."""
    found, problems = Studies(home).read_all()
    for problem in problems:
        complain(problem)
    if as_json:
        print_json({"studies": [as_values(record) for record in found]})
        return 0
    console = _console()
    if not found:
        console.print(
            f"No studies yet in {Studies(home).folder}. `cae-tui study layers=8,10,12` does one.", soft_wrap=True
        )
        return 0
    rows = [_study_cells(record) for record in found]
    sizes = {name: max(len(name), *(len(cells[name]) for cells in rows)) for name in rows[0]}
    room = console.width - sum(sizes.values()) + sizes["what"] - 2 * (len(sizes) - 1)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in rows[0]:
        table.add_column(name, justify="right" if name in ("trials", "time", "age") else "left", no_wrap=True)
    for cells in rows:
        what = cut(cells["what"], max(room, 12))
        table.add_row(*(Text(what if name == "what" else cell) for name, cell in cells.items()))
    console.print(table)
    return 0


def _study_cells(record: StudyRecord) -> dict[str, str]:
    mark, _ = formats.state_mark(record.state)
    return {
        "study": record.prefix,
        "what": record.title,
        "data": cut(_data_of(record), 16),
        "state": f"{mark} {record.state}",
        "trials": f"{record.done}/{record.total}",
        "time": formats.duration(record.seconds),
        "age": formats.ago(record.created, time.time()),
    }


def _data_of(record: StudyRecord) -> str:
    """What a study's images are called."""
    return str(record.data.get("name") or formats.NOTHING)


def show(directory: StudyDirectory, *, as_json: bool) -> int:
    """Print a study's tables."""
    record = directory.read()
    if as_json:
        print_json({"format": FORMAT, **as_values(record)})
    else:
        print_study(record)
        if record.message:
            _console().print(Text(record.message), soft_wrap=True)
    return 0


def export(home: Home, directory: StudyDirectory, to: Path | None, *, as_json: bool) -> int:
    """Write a study's report, and print where."""
    record = directory.read()
    if not any(trial.ended for trial in record.trials):
        raise StudyError(f"Study {record.id} has no trial that ended yet: there is nothing to write about.")
    from engine.study_report.report import write_report

    written = write_report(home, directory, record, to)
    if as_json:
        print_json({"format": FORMAT, "files": [str(path) for path in written]})
    else:
        for path in written:
            put(plain(str(path)))
    return 0


def delete(home: Home, directory: StudyDirectory, *, sure: bool) -> int:
    """Take a study away; its runs stay. Asks first, unless the person is `sure`.

    Raises:
        StudyError: there is nobody to ask, or a process works on it.
    """
    if not sure:
        if not sys.stdin.isatty():
            raise StudyError(f"Nothing was deleted: add --yes to delete study {directory.id} without being asked.")
        put(f"Delete study {directory.id}? Its tables and picks cannot be restored; its runs stay. [y/N] ", end="")
        flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            put("Nothing was deleted.")
            return 0
    Studies(home).delete(directory)
    put(f"Study {directory.id} was deleted; its runs stay.")
    return 0


def _console() -> OutputConsole:
    console = OutputConsole()
    if not console.is_terminal:
        console.width = 200
    return console
