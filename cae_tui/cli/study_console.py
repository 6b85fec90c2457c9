"""Studies without a screen: their plan, their progress, their tables.

Progress goes to stderr, a line for each trial that ends and a bar where that is a terminal; the tables to stdout.
"""

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.bridge import detached
from cae_tui.bridge.run_titles import cut
from cae_tui.cli import notify
from cae_tui.cli.console import EXIT_CODES, interruptible
from cae_tui.cli.data_console import progress
from cae_tui.cli.next_steps import tell_after_study_detach
from cae_tui.cli.output_console import OutputConsole, printing, table_console, tell
from cae_tui.cli.parser import INTERRUPTED
from cae_tui.cli.run_console import ASK_SECONDS, POLL_SECONDS, tell_moved
from cae_tui.cli.study_cli import print_json
from cae_tui.cli.study_tables import PICKED, WIDEST, data_of, print_study, stage_table
from cae_tui.cli.teller import Teller
from cae_tui.printing import complain, flush, put
from engine.errors import EngineError, StudyError
from engine.protocol.control import Asked
from engine.protocol.events import Event, RunStarted, StageStarted, Warned
from engine.protocol.states import FINISHED, RUNNING, STOPPED
from engine.runs.directory import Home
from engine.storage.files import FORMAT
from engine.studies.records import PointRecord, StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.tables import epoch_of
from engine.text import counted, plain

if TYPE_CHECKING:
    from engine.studies.spec import StudySpec


def start(home: Home, spec: "StudySpec", *, as_json: bool, detach: bool) -> int:
    """Do a study and print its tables; gives back the exit code."""
    from engine.studies import planning

    return resume(home, planning.create(home, spec), as_json=as_json, detach=detach)


def relocate(home: Home, directory: StudyDirectory, places: Mapping[str, Path], *, as_json: bool) -> bool:
    """Write down where a study's images are now, and say so; whether that is all there is to do for it.

    Raises:
        EngineError: they are others, or the study is at work.
    """
    from engine.studies.moved import relocate_study

    files = relocate_study(home, directory, places)
    record = directory.read()
    told = f"Study {record.id} and its runs read their images from {files.whole} now."
    return tell_moved(told, record.id, record.state, files, over=record.state == FINISHED, as_json=as_json)


def resume(
    home: Home, directory: StudyDirectory, *, as_json: bool, detach: bool = False, workers: str | None = None
) -> int:
    """Do what is left of a study and print its tables; gives back the exit code.

    Args:
        home: where it is.
        directory: its own.
        as_json: whether it is printed as JSON.
        detach: whether a process of its own does it.
        workers: how many, as typed, in place of what the study was begun with.
    """
    if detach:
        return _detach(home, directory, as_json, workers)
    with interruptible() as flag:
        from engine.studies import scheduler

        with StudyTeller() as teller:
            record = scheduler.work_on(home, directory, teller, flag, workers=workers)
    hint = f"Study {record.id} is {record.state}: `cae-tui study show {record.id}` prints its tables."
    with printing(hint):
        _print(record, as_json=as_json)
    if record.message:
        tell(record.message)
    notify.ended(f"study {record.id}", record.state, record.message)
    return EXIT_CODES.get(record.state, 1)


def _detach(home: Home, directory: StudyDirectory, as_json: bool, workers: str | None) -> int:
    """Do what is left of a study in a process of its own."""
    record = directory.read()
    if record.state == FINISHED:
        raise StudyError(f"Study {record.id} is finished: there is nothing left to resume.")
    if workers is not None:
        from engine.studies.spec import study_from_json, with_workers

        with_workers(study_from_json(record.spec), workers)  # what is wrong with it is said here
    words = [] if workers is None else ["--workers", workers]
    process = detached.detach_study(home, directory, [*words, *notify.flags()])
    if as_json:
        print_json({"id": directory.id, "process": process})
    else:
        put(directory.id)
    tell_after_study_detach(home, directory.id, process)
    return 0


class StudyTeller(Teller):
    """Tells how a study goes; asks on the terminal for picks."""

    def __init__(self) -> None:
        super().__init__(OutputConsole(stderr=True))
        self._told: set[int] = set()
        self._picks: set[int] = set()
        self._begun = False
        self._training: set[int] = set()  # the numbers of the trials that are past what is remarked on their images
        self._remarked: set[str] = set()

    def emit(self, trial: Trial, event: Event) -> None:
        """What is remarked on a trial's images, once; steps are not told, and epochs come by `changed`."""
        if isinstance(event, RunStarted):
            self._training.discard(trial.number)
        if isinstance(event, StageStarted):
            self._training.add(trial.number)
        of_worker = isinstance(event, Warned) and event.message.startswith("Worker ")
        if isinstance(event, Warned) and (of_worker or trial.number not in self._training):
            with self.telling():
                self._remark(f"trial {trial.number}: {event.message}" if of_worker else event.message)

    def changed(self, study: StudyRecord) -> None:
        """A line for what ended; the bar."""
        with self.telling():
            self._tell(study)

    def _tell(self, study: StudyRecord) -> None:
        if not self._begun:
            self._begun = True
            self._told = {trial.number for trial in study.trials if trial.ended}
            self._picks = {place for place, stage in enumerate(study.stages) if stage.settled}
            done = f", {study.done} done" if study.done else ""
            data = data_of(study)
            self.say(
                f"study {study.id} · {study.title} · {data} · {counted(study.total, 'trial')}{done} · {study.machine}"
            )
            for remark in study.data.get("remarks", ()):
                self._remark(remark)
            if study.data.get("left_out"):
                self.say(str(study.data["left_out"]))
        for place, stage in enumerate(study.stages):
            for point in stage.points:
                for trial in point.trials:
                    alone = trial.state == STOPPED and len(study.under_way) > 0
                    if (trial.ended or alone) and trial.number not in self._told:
                        self._told.add(trial.number)
                        self.say(_trial_line(point, trial))
            if stage.settled and place not in self._picks:
                self._picks.add(place)
                if not stage.over:
                    self.say(f"{PICKED} {stage.reason or stage.problem}")
        self._move(study)

    def _move(self, study: StudyRecord) -> None:
        on, facts = study.under_way, ""
        if len(on) == 1:
            facts = f"{epoch_of(study, on[0])}  "
        elif on:
            facts = f"{len(on)} at once  "
        if study.eta is not None:
            facts += f"ETA {formats.duration(study.eta)}"
        done = study.done + sum(trial.epochs / max(trial.planned, 1) for trial in on)
        number = min(study.done + max(len(on), 1), study.total)
        self.name(f"trial {number}/{study.total}")
        self.update(f"trial {number} of {study.total}", total=study.total, completed=done, facts=facts)

    def _remark(self, sentence: str) -> None:
        if sentence not in self._remarked:
            self._remarked.add(sentence)
            self.say(f"! {sentence}")

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        """Ask on the terminal; where there is none, the rule's pick stands."""
        if not (sys.stdin.isatty() and self.console.is_terminal):
            return stage.picked
        if self.bar is not None:
            self.bar.stop()
        console = self.console
        console.print(stage_table(study, stage, console.width))
        console.print(Text(f"{PICKED} {stage.reason}"))
        (name,) = stage.names
        known = [point.values[name] for point in stage.points]
        # Ctrl+C ends the question: nothing runs that could stop at its next step.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
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
            if self.bar is not None:
                self.bar.start()


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


def print_studies(home: Home, *, as_json: bool) -> int:
    """Print the list of studies, the newest first."""
    found, problems = Studies(home).read_all()
    for problem in problems:
        complain(problem)
    if as_json:
        print_json({"studies": [record.to_json() for record in found]})
        return 0
    console = table_console(WIDEST)
    if not found:
        console.say(f"No studies yet in {Studies(home).folder}. `cae-tui study layers=8,10,12` does one.")
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
    symbol, _ = formats.state_symbol(record.state)
    return {
        "study": record.prefix,
        "what": record.title,
        "data": cut(data_of(record), 16),
        "state": f"{symbol} {record.state}",
        "trials": f"{record.done}/{record.total}",
        "time": formats.duration(record.seconds),
        "age": formats.ago(record.created, time.time()),
    }


def show(directory: StudyDirectory, *, as_json: bool) -> int:
    """Print a study's tables, or all that is known of it as JSON.

    Raises:
        EngineError: it is damaged.
    """
    record = directory.read()
    if record.live:  # its own file is written where a trial begins or ends
        from engine.studies.outcomes import fold

        for trial in record.under_way:
            with suppress(EngineError):  # its run was deleted
                fold(trial, Home(directory.path.parents[1]).find(trial.run))
    _print(record, as_json=as_json)
    if record.message and not as_json:
        table_console(WIDEST).say(record.message)
    return 0


def stop(directory: StudyDirectory, *, as_json: bool) -> int:
    """Stop a study that another process works on, each trial with its checkpoint, and wait until it has.

    Raises:
        StudyError: nobody works on it.
    """
    if not directory.is_held():
        raise StudyError(f"Study {directory.id} is not running: it is {directory.read().state}.")
    home = Home(directory.path.parents[1])
    try:
        with Teller(OutputConsole(stderr=True), f"waiting for study {directory.id} to stop", "Ctrl+C: do not wait"):
            again = 0.0
            while directory.is_held():
                if time.monotonic() >= again:  # who has just begun takes away what was asked before
                    again = time.monotonic() + ASK_SECONDS
                    directory.ask(Asked.STOP)
                    for trial in directory.read().under_way:
                        with suppress(EngineError):  # it has just ended
                            home.find(trial.run).ask(Asked.STOP)
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        complain(f"Not waiting any longer. Study {directory.id} was asked to stop, and will at its next step.")
        return INTERRUPTED
    record = directory.read()
    if as_json:
        print_json({"id": record.id, "state": record.state, "message": record.message})
    else:
        put(plain(f"Study {record.id}: {record.state}. {record.message}".rstrip()))
    return 0 if record.state != RUNNING else 1


def _print(record: StudyRecord, *, as_json: bool) -> None:
    if as_json:
        print_json({"format": FORMAT, **record.to_json()})
    else:
        print_study(record)


def export(home: Home, directory: StudyDirectory, to: Path | None, *, as_json: bool) -> int:
    """Write a study's report, and print where."""
    record = directory.read()
    if not any(trial.ended for trial in record.trials):
        raise StudyError(f"Study {record.id} has no trial that ended yet: there is nothing to write about.")
    from engine.documents.study import write_report

    with progress("Writing the documents") as told:
        written = write_report(home, directory, record, to, told)
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
