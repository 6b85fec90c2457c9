"""The app's bridge to studies: one is worked on in the runner's worker thread, others are read and looked at.

The record that is worked on is the worker's; the app is handed `Snapshots` of it, which nobody changes.

Over 400 lines: what is asked of studies, a few lines each, and all of it of one runner.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cae_tui.bridge.data_reader import works_in_thread
from cae_tui.bridge.runner import Runner
from cae_tui.bridge.snapshots import Snapshots
from engine.errors import EngineError, RunError, StudyError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Event, Resumed, RunStarted
from engine.protocol.states import PAUSED, RUNNING
from engine.runs.directory import Home
from engine.runs.status import RunStatus
from engine.specs.data_files import DataFiles
from engine.storage.held import shortest_prefixes
from engine.studies.tables import epoch_of

if TYPE_CHECKING:
    from engine.studies.records import StageRecord, Studies, StudyDirectory, StudyRecord, Trial
    from engine.studies.scheduler import Observer
    from engine.studies.spec import StudySpec

CHOICE_SECONDS = 0.1  # between two looks at whether a study that waits for a pick is to stop


@dataclass(frozen=True, slots=True)
class Lane:
    """What a worker is doing."""

    worker: int  # from 1
    trial: "Trial"
    state: str
    epoch: str  # in words, empty before the first
    loss: float | None  # in training, of the latest step or epoch that is known
    ms_per_step: float | None


class StudyTrainer(Protocol):
    """What does studies: the engine, or a script in a test."""

    def create(self, home: Home, spec: "StudySpec") -> "StudyDirectory":
        """Check everything, and write the plan."""

    def work_on(self, home: Home, directory: "StudyDirectory", observer: "Observer", flag: Flag) -> "StudyRecord":
        """Do what is left of a study."""


class EngineStudyTrainer:
    """The real engine, imported when it is first asked for."""

    def create(self, home: Home, spec: "StudySpec") -> "StudyDirectory":
        """See `StudyTrainer`."""
        from engine.studies import planning

        return planning.create(home, spec)

    def work_on(self, home: Home, directory: "StudyDirectory", observer: "Observer", flag: Flag) -> "StudyRecord":
        """See `StudyTrainer`."""
        from engine.studies import scheduler

        return scheduler.work_on(home, directory, observer, flag)


class StudyListener(Protocol):
    """What the bridge tells, from the worker thread."""

    def study_changed(self, study: "StudyRecord") -> None:
        """Something of the study that is worked on is new; `study` is as it was then."""


class StudyRunner:
    """Does studies in the runner's thread, and reads those that are there."""

    def __init__(self, runner: Runner, listener: StudyListener, trainer: StudyTrainer | None = None) -> None:
        self.current: StudyRecord | None = None  # the study this process works on, or worked on last, as it was told
        self._snapshots = Snapshots()
        self._runner, self._home = runner, runner.home
        self.in_thread = runner.in_thread
        self._listener = listener
        self._trainer = trainer or EngineStudyTrainer()
        self._emitters: dict[int, Callable[[Event], None]] = {}  # take in the events of each trial, by its number
        self._choice: Mapping[str, str] | None = None
        self._chosen = threading.Event()
        self._on = False
        self.problems: list[str] = []  # of the studies that could not be read when all were, a sentence each
        self._read: dict[str, tuple[int, StudyRecord]] = {}

    # -- doing one --------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether this process works on a study."""
        return self._on and self._runner.busy

    def start(self, spec: "StudySpec") -> None:
        """Do a new study in the worker thread.

        Raises:
            RunError: a run is on already.
        """
        self._begin(lambda: self._trainer.create(self._home, spec))

    def resume(self, study: str) -> None:
        """Take up a study in the worker thread.

        Raises:
            EngineError: a run is on already, or there is no such study.
        """
        directory = self._studies().find(study)
        self._begin(lambda: directory)

    def files_of(self, study: str) -> DataFiles:
        """The files that a study's images are read from.

        Raises:
            EngineError: there is no such study, or it is damaged.
        """
        baseline = self.read(study).spec.get("baseline")
        return DataFiles.of(baseline if isinstance(baseline, dict) else {})

    @works_in_thread
    def relocate(self, study: str, places: Mapping[str, Path]) -> Path | None:
        """Write down where the images of a study and of its runs are, and give back where those to train on are.

        Raises:
            EngineError: they are gone, or others.
        """
        from engine.studies.moved import relocate_study

        return relocate_study(self._home, self._studies().find(study), places).whole

    def _begin(self, directory: "Callable[[], StudyDirectory]") -> None:
        def train() -> None:
            self._on = True
            self._snapshots, self._emitters = Snapshots(), {}
            try:
                self._trainer.work_on(self._home, directory(), self, self._runner.flag)
            finally:
                self._on = False

        self._runner.occupy(train)
        self.current = None

    def choose(self, study: "StudyRecord", stage: "StageRecord") -> Mapping[str, str] | None:  # noqa: ARG002 - as observed
        """Wait, in the worker thread, for what a person takes; None once the study is to stop."""
        self._chosen.clear()  # what was taken twice is not for the next stage
        while not self._chosen.wait(CHOICE_SECONDS):
            if self._runner.flag.asked() is Asked.STOP:
                return None
        return self._choice

    def take(self, values: Mapping[str, str]) -> None:
        """What a person takes, where the study waits for it."""
        self._choice = dict(values)
        self._chosen.set()

    def changed(self, study: "StudyRecord") -> None:
        """From the worker thread: something of the study is new."""
        self._listener.study_changed(self._snapshots.take(study))

    def emit(self, trial: "Trial", event: Event) -> None:
        """From the worker thread: an event of a trial under way."""
        if isinstance(event, Resumed):
            self._emitters[trial.number] = self._runner.emitter(self._home.find(trial.run))
        elif isinstance(event, RunStarted) or trial.number not in self._emitters:
            self._emitters[trial.number] = self._runner.emitter()
        self._emitters[trial.number](event)

    # -- control of one, whoever works on it -------------------------------------------------------

    def ask(self, study: str, what: Asked, run: str = "") -> None:
        """Ask a study to pause, go on or stop, or to skip a trial, whoever works on it.

        Args:
            study: its id.
            what: is asked.
            run: of the trial that is to be skipped; else it is the first under way.

        Raises:
            EngineError: nobody does.
        """
        directory = self._studies().find(study)
        record = self.read(study)
        runs = [trial.run for trial in record.under_way if trial.run]
        if what is Asked.SKIP:
            runs = [run] if run in runs else runs[:1]
        if self.busy and self.current is not None and self.current.id == directory.id:
            if what is Asked.SKIP and len(record.under_way) > 1:
                self._home.find(runs[0]).ask(what)
            else:
                self._runner.flag.ask(what)
            return
        if directory.is_held() and not runs:
            raise RunError(f"Study {directory.id} waits in another process for a pick: answer it, or stop it, there.")
        if not directory.is_held():
            raise RunError(f"Study {directory.id} is not running: resume it to continue.")
        if what is not Asked.SKIP:
            directory.ask(what)  # of the trials to come too
        for trial in runs:
            self._home.find(trial).ask(what)

    # -- reading ----------------------------------------------------------------------------------

    def lanes(self, study: "StudyRecord") -> list[Lane]:
        """The trials under way, by their workers: as they are told where they are trained here, else by their files."""
        found = []
        for trial in sorted(study.under_way, key=lambda trial: trial.worker):
            run = self._runner.mine(trial.run)
            if run is not None:
                batch, log = run.batch, run.stage_log
                loss = batch.metrics["loss"] if batch else (log[-1].train["loss"] if log else None)
                speed = batch.ms_per_step if batch else (log[-1].ms_per_step if log else None)
                found.append(
                    Lane(trial.worker, trial, run.state, run.epoch_label if run.stage_epochs else "", loss, speed)
                )
                continue
            try:
                status = self._home.find(trial.run).read_status()
            except EngineError:  # its folder was deleted
                continue
            done = replace(trial, epochs=status.epoch)
            if status.state not in (RUNNING, PAUSED):  # its worker has not begun yet
                found.append(Lane(trial.worker, done, RUNNING, "", None, None))
                continue
            epoch = epoch_of(study, done)
            found.append(Lane(trial.worker, done, status.state, epoch, status.last_train_loss, status.ms_per_step))
        return found

    @property
    def folder(self) -> Path:
        """Where studies are."""
        return self._home.path / "studies"

    def _studies(self) -> "Studies":
        from engine.studies.records import Studies

        return Studies(self._home)

    def ids(self) -> list[str]:
        """Every study's id. Where there are none, what reads them is not even loaded: the first screen asks this."""
        return self._studies().ids() if self.folder.is_dir() else []

    def read(self, study: str) -> "StudyRecord":
        """A study as it is now; as it was told last, where this process works on it.

        Raises:
            StudyError: there is none, or it is damaged.
        """
        directory = self._studies().find(study)
        if self.busy and self.current is not None and self.current.id == directory.id:
            return self.current
        return directory.read()

    def stamp(self, study: str) -> int:
        """When a study's file was last written, in nanoseconds; 0 where it is gone."""
        try:
            return self._written(self._studies().find(study).id)
        except StudyError:
            return 0

    def _written(self, name: str) -> int:
        try:
            return (self.folder / name / "study.json").stat().st_mtime_ns
        except OSError:
            return 0

    def every(self) -> "list[StudyRecord]":
        """Every study, the newest first; a file that has not changed since it was read is not read again.

        What is wrong with those that cannot be read is in `problems` afterwards.
        """
        ids = self.ids()
        prefixes = shortest_prefixes(ids)
        found, problems = [], []
        for name in ids:
            stamp = self._written(name)
            before, record = self._read.get(name, (0, None))
            # Whether someone still works on it, only its lock tells.
            if record is None or before != stamp or record.live:
                try:
                    record = self.read(name)
                except StudyError as error:
                    problems.append(str(error))
                    continue
            self._read[name] = (stamp, record)
            record.prefix = prefixes[name]
            found.append(record)
        self.problems = problems
        return sorted(found, key=lambda study: study.created, reverse=True)

    def as_runs(self) -> list[RunStatus]:
        """Every study as a line of a list of runs: its kind is `study`, its epochs are its trials."""
        return [
            RunStatus(
                id=study.id,
                prefix=study.prefix,
                kind="study",
                title=study.title,
                data=str(study.data.get("name", "")),
                data_digest=str(study.data.get("digest", "")),
                state=study.state,
                message=study.message,
                epoch=study.done,
                epochs=study.total,
                best_loss=_picked_loss(study),
                seconds=study.seconds,
                started=study.created,
                updated=study.updated,
            )
            for study in self.every()
        ]

    def of_run(self, run: str) -> "StudyRecord | None":
        """The study that can be resumed and that a run is a trial of, if there is one."""
        try:
            status = self._home.find(run).read_status()
            record = self._studies().find(status.study).read() if status.study else None
        except EngineError:
            return None
        return record if record is not None and record.resumable else None

    def delete(self, study: str) -> None:
        """Take a study away; its runs stay.

        Raises:
            EngineError: it is on, or cannot be deleted.
        """
        studies = self._studies()
        studies.delete(studies.find(study))

    @works_in_thread
    def importances(self, study: "StudyRecord") -> dict[str, float]:
        """How much each hyperparameter matters, from the points that have ended."""
        from engine.studies.optuna_trials import importances
        from engine.studies.spec import study_from_json

        return importances(study, study_from_json(study.spec))

    @works_in_thread
    def export(self, study: str, to: str | None) -> list[Path]:
        """Write a study's document, and give back its files.

        Raises:
            EngineError: it cannot be written.
        """
        from engine.documents.study import write_report

        directory = self._studies().find(study)
        return write_report(self._home, directory, self.read(study), Path(to) if to else None)

    @works_in_thread
    def plan(self, spec: "StudySpec") -> "StudyRecord":
        """A study as it would begin.

        Raises:
            EngineError: it could not.
        """
        from engine.studies import planning

        return planning.plan(self._home, spec)

    @works_in_thread
    def worth_of(self, run: str) -> "tuple[StudySpec, StudyRecord]":
        """The study of what a run's encoder is worth, and its plan.

        Raises:
            EngineError: it has no encoder, or its images are not there.
        """
        from engine.runs.encoders import with_data_of_encoder
        from engine.specs.base import preset
        from engine.specs.kinds import SPECS
        from engine.specs.listed import kinds_that_take_encoders
        from engine.studies import planning
        from engine.studies.spec import make_study
        from engine.studies.worth import BASELINE

        given = with_data_of_encoder(self._home, {"encoder": run, **BASELINE})
        spec = make_study("worth", preset(SPECS[kinds_that_take_encoders()[0]], "recommended", **given), {})
        return spec, planning.plan(self._home, spec)

    def seconds(self, plan: "StudyRecord") -> float | None:
        """How long a planned study takes here, told from a run like its largest; None where there is none."""
        from engine.estimates import seconds_per_work
        from engine.studies.tables import planned_work

        weight, step_work = max(  # the largest takes the most of the time
            ((point.weight, point.step_work) for point in plan.points),
            default=(plan.data["baseline_weight"], plan.data["baseline_step_work"]),
        )
        kind = str(plan.spec["baseline"]["kind"])
        each = seconds_per_work(self._runner.list_runs(), kind, step_work, weight // step_work)
        return None if each is None else each * planned_work(plan)


def _picked_loss(study: "StudyRecord") -> float | None:
    """The loss of what was picked last."""
    for stage in reversed(study.stages):
        if stage.pick is not None:
            return stage.points[stage.pick].mean("best_loss")
    return None
