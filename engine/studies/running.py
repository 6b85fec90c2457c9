"""Doing a study: its trials one after the other, and its picks.

`planning.create` writes the plan; `work_on` does what is left of it, from the beginning or after it was cut off. A
trial is a run like any other: it is made, trained and resumed by `engine.jobs`. `study.json` is written before a trial
begins and when it ends, so whatever happens, the next `work_on` knows where to go on.
"""

import logging
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from engine import jobs, preparation
from engine.device import choose_device
from engine.errors import EngineError, SpecError, StorageError, StudyError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Continued, Emit, EpochEnded, Event, Paused, Resumed, RunEnded, RunStarted
from engine.protocol.states import DIVERGED, ENDED_FOR_GOOD, FAILED, FINISHED, PAUSED, RUNNING, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.runs.prepared import Prepared
from engine.runs.status import REPORT, VALIDATION, key_of
from engine.specs.base import Spec
from engine.specs.listed import listed
from engine.specs.measures import LOSS
from engine.studies.journal import Journal
from engine.studies.moved import known_of_study
from engine.studies.picks import Point, enough_epochs, pick
from engine.studies.planning import load, point_of, survey
from engine.studies.records import (
    WAITING,
    PointRecord,
    StageRecord,
    StudyDirectory,
    StudyRecord,
    Trial,
)
from engine.studies.spec import StudySpec, describe, spec_of, study_from_json, written
from engine.studies.tables import TimeColumn, time_column
from engine.text import counted, duration
from engine.text import loss as loss_words
from engine.text import seconds as seconds_words

log = logging.getLogger("cae_tui.engine")


class Observer(Protocol):
    """Who hears how a study goes; called from the thread that works on it."""

    def changed(self, study: StudyRecord) -> None:
        """Something of it is new: a trial began or ended, an epoch was completed, a value was picked."""

    def emit(self, event: Event) -> None:
        """An event of the trial under way, as of any run."""

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        """Wait until a person agrees with `stage.picked` or names other values; None where the study is to stop."""


class _Clock:
    """The seconds that a study has been worked on: what it was paused, or waited for a person, is no work."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._since: float | None = time.monotonic()

    @property
    def seconds(self) -> float:
        """Until now."""
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def wait(self) -> None:
        """Stand still."""
        self._before, self._since = self.seconds, None

    def go_on(self) -> None:
        """Count again, where it stands still."""
        if self._since is None:
            self._since = time.monotonic()


# -- the work -------------------------------------------------------------------------------------


def work_on(home: Home, directory: StudyDirectory, observer: Observer, flag: Flag) -> StudyRecord:
    """Do what is left of a study, holding its lock; gives back how it ended.

    Raises:
        EngineError: another process works on it, it is damaged, its data are gone, or nothing can be written.
    """
    with directory.locked():
        record = directory.read()
        try:
            spec = study_from_json(record.spec)
        except SpecError as error:
            raise StudyError(
                f"{directory.study} is damaged ({error}): restore the file, or delete the study."
            ) from None
        if record.state == FINISHED:
            raise StudyError(f"Study {record.id} is finished: there is nothing left to resume.")
        return _Work(home, directory, record, spec, observer, flag).go()


class _Work:
    """One process's work on one study."""

    def __init__(
        self,
        home: Home,
        directory: StudyDirectory,
        record: StudyRecord,
        spec: StudySpec,
        observer: Observer,
        flag: Flag,
    ) -> None:
        self.home, self.directory, self.record, self.spec = home, directory, record, spec
        self.observer, self.flag = observer, flag
        self.data = load(home, spec.baseline, known_of_study(record))
        self.auto = _auto_precision(record, spec.baseline)
        if spec.mode == "search" and "combinations" not in record.data:  # version 0.1.0 did not count them
            with suppress(StudyError):
                record.data |= survey(spec, self.data)
        self._take_up()
        self.journal = Journal(directory, spec, record)
        self.clock = _Clock(record.seconds)
        self.orphans = {run.trial: run.id for run in home.list_runs() if run.study == record.id}

    def go(self) -> StudyRecord:
        """Every stage that is not settled, in order."""
        record = self.record
        record.state, record.message = RUNNING, ""
        self._write()
        log.info("study %s: %d of %d trials have ended", record.id, record.done, record.total)
        try:
            ended = self._stages()
        except EngineError as error:
            ended, record.message = FAILED, str(error)
            log.warning("study %s failed: %s", record.id, error)
        record.state = ended
        if ended == STOPPED:
            record.message = "Stopped. Resume the study to continue."
        self._write()
        log.info("study %s ended: %s", record.id, ended)
        return record

    def _take_up(self) -> None:
        """Before anything is done: what was cut off, or failed in a stage without a pick, is to be done again."""
        for stage in self.record.stages:
            for point in stage.points:
                for trial in point.trials:
                    if not stage.settled and trial.state == FAILED:
                        trial.state = STOPPED if trial.run else WAITING

    def _stages(self) -> str:
        base: dict[str, str] = {}
        for stage in self.record.stages:
            if not stage.settled:
                stage.base = dict(base)
                self._rebase(stage)
                ended = self._search(stage) if self.spec.mode == "search" else self._points(stage)
                if ended or (ended := self._settle(stage)):
                    return ended
            base |= stage.picked
        return FINISHED

    def _rebase(self, stage: StageRecord) -> None:
        """What earlier stages picked changes what the points of this one cost, and whether they can be at all."""
        for point in stage.points:
            if all(trial.state == WAITING for trial in point.trials):
                try:
                    fresh = point_of(self.spec, self.data, stage.base, point.values, 0)
                except SpecError as error:
                    for trial in point.trials:
                        trial.state, trial.message = FAILED, "; ".join(error.problems.values())
                    continue
                point.parameters, point.latent = fresh.parameters, fresh.latent
                point.weight, point.memory = fresh.weight, fresh.memory

    def _points(self, stage: StageRecord) -> str:
        """The points of a stage in order; gives back how the study ends, if it does."""
        for point in stage.points:
            if ended := self._point(stage, point):
                return ended
        return ""

    def _search(self, stage: StageRecord) -> str:
        """Points that Optuna proposes, until there are enough, all were tried, or the time is up."""
        if ended := self._points(stage):
            return ended
        names = stage.names
        tried = {tuple(point.values[name] for name in names) for point in stage.points}
        while len(stage.points) < self.spec.trials:
            if self._late():
                self.record.message = (
                    f"The time limit of {self.spec.minutes:g} min was reached after {len(stage.points):,} of "
                    f"{counted(self.spec.trials, 'trial')}."
                )
                break
            number = len(stage.points) + 1
            proposed = self.journal.ask(
                number,
                lambda values: tuple(values[name] for name in names) in tried or bool(self.data.why(self.spec, values)),
            )
            if proposed is None:
                few = {1: "The only combination was", 2: "Both combinations were"}
                all_of_them = few.get(len(tried), f"All {len(tried):,} combinations were")
                self.record.message = f"{all_of_them} tried, so the search ended early."
                break
            optuna, values = proposed
            tried.add(tuple(values[name] for name in names))
            done = len(self.record.trials)
            try:
                point = point_of(self.spec, self.data, stage.base, values, done, optuna)
            except SpecError as error:
                refused = Trial(number=done + 1, seed=self.spec.baseline.seed, state=FAILED)
                refused.message = "; ".join(error.problems.values())
                point = PointRecord(values=values, trials=[refused], optuna=optuna)
            stage.points.append(point)
            if ended := self._point(stage, point):
                return ended
        return ""

    def _late(self) -> bool:
        limit = 60 * self.spec.minutes
        return bool(limit) and self.clock.seconds >= limit

    def _point(self, stage: StageRecord, point: PointRecord) -> str:
        """Its trials; gives back how the study ends, if it does."""
        for repeat, trial in enumerate(point.trials):
            if trial.ended:
                continue
            if self.flag.asked() is Asked.STOP:
                return STOPPED
            if repeat and not point.trials[0].complete:  # hopeless with one seed, or not wanted: so with the others
                trial.state, trial.message = point.trials[0].state, "As with the first seed."
                continue
            if ended := self._trial(stage, point, trial, repeat):
                return ended
        place = (self.record.stages.index(stage), stage.points.index(point))
        self.journal.keep(*place, stage.base, point)
        return ""

    # -- one trial --------------------------------------------------------------------------------

    def _trial(self, stage: StageRecord, point: PointRecord, trial: Trial, repeat: int) -> str:
        self.flag.next_run()
        try:
            spec = self._spec(stage, point, repeat)
            if twin := self._twin(spec, trial):
                _copy(twin, trial)
                self._write()
                return ""
            work = self._prepare(trial, spec)
        except SpecError as error:  # of this point alone: the others go on
            trial.state, trial.message = FAILED, "; ".join(error.problems.values())
            self._write()
            return ""
        if work is not None:
            trial.run, trial.state, trial.message = work.run.id, RUNNING, ""
            self._write()
            jobs.begin(work, self._watch(point, trial, repeat), self.flag)
        collect(trial, self.home.find(trial.run))
        self._write()
        if trial.state == STOPPED:
            return STOPPED
        return ""

    def _spec(self, stage: StageRecord, point: PointRecord, repeat: int) -> Spec:
        """What a trial's run is made of, and writes down."""
        spec = spec_of(self.spec.baseline, {**stage.base, **point.values}, repeat)
        spec = spec.settled(self.data.images.shape)
        # A long run is read off afterwards at any epoch: it must not end before the last.
        return spec.model_copy(update={"patience": 0}) if self.spec.is_long_run(stage.names[0]) else spec

    def _twin(self, spec: Spec, trial: Trial) -> Trial | None:
        """An earlier trial that did just this, for instance with what `auto` comes to: it is not done twice.

        However it ended: what was pruned, skipped or diverged would not come to more, only a failure may be mended.
        """
        for stage in self.record.stages:
            for point in stage.points:
                for repeat, other in enumerate(point.trials):
                    if other is trial:
                        return None
                    if other.state not in ENDED_FOR_GOOD:
                        continue
                    if self._computed(self._spec(stage, point, repeat)) == self._computed(spec):
                        return other
        return None

    def _computed(self, spec: Spec) -> Spec:
        """The spec with the precision that `auto` comes to: a run writes down `auto`, so that it may go elsewhere."""
        return spec.model_copy(update={"precision": self.auto}) if spec.precision == "auto" else spec

    def _prepare(self, trial: Trial, spec: Spec) -> Prepared | None:
        """A trial's run, made or taken up; None where it is complete and only its numbers were not written."""
        name = trial.run or self.orphans.get(trial.number, "")
        if name and name in self.home.ids():
            run = self.home.find(name)
            trial.run = run.id
            if run.read_status().state in ENDED_FOR_GOOD:
                return None
            return preparation.reopen(run)
        rule = self.record.data.get("split", 1)  # none was written where there was only one
        return preparation.create(self.home, spec, self.record.id, trial.number, rule)

    def _watch(self, point: PointRecord, trial: Trial, repeat: int) -> Emit:
        """Take in the events of a trial, tell Optuna of its losses, end it where it is hopeless, and pass them on."""
        optuna = point.optuna if repeat == 0 else None

        def emit(event: Event) -> None:
            match event:
                case RunStarted() | Resumed():
                    self.record.state = RUNNING  # the trial before may have been skipped while it was paused
                    fold(trial, self.home.find(trial.run))
                    if optuna is not None:  # the journal may have been written anew, or be behind
                        for epoch, loss in enumerate(trial.validation, start=1):
                            self.journal.report(optuna, loss, epoch)
                case EpochEnded():
                    _add_epoch(trial, event)
                    if optuna is not None:
                        self.journal.report(optuna, event.validation["loss"], trial.epochs)
                case Paused() | Continued():
                    if isinstance(event, Paused):
                        self.clock.wait()
                    else:
                        self.clock.go_on()
                    trial.state = self.record.state = PAUSED if isinstance(event, Paused) else RUNNING
                    try:
                        self._write()
                    except StorageError:  # it may be a full disk that the run waits for
                        self.observer.changed(self.record)
            if isinstance(event, RunStarted | Resumed | RunEnded):
                self.clock.go_on()
            if optuna is not None and self.spec.prunes and isinstance(event, EpochEnded | Resumed):
                whole = 0 < self.journal.reported(optuna) <= trial.epochs < trial.planned
                if whole and self.journal.is_hopeless(optuna):
                    self.flag.ask(Asked.PRUNE)
            self.observer.emit(event)
            if isinstance(event, EpochEnded | Resumed | RunEnded):
                self.record.seconds = self.clock.seconds
                self.observer.changed(self.record)

        return emit

    # -- picks ------------------------------------------------------------------------------------

    def _settle(self, stage: StageRecord) -> str:
        """Write a stage's pick; gives back how the study ends, if a person would not choose."""
        try:
            self._propose(stage)
        except StudyError as error:
            stage.problem = str(error)
            self._write()
            return ""
        assert stage.proposed is not None
        place = stage.proposed
        if self.spec.ask and self.spec.mode == "guided":
            self.record.state = WAITING
            self._write()
            self.clock.wait()
            chosen = self.observer.choose(self.record, stage)
            self.clock.go_on()
            if chosen is None:
                return STOPPED
            self.record.state = RUNNING
            if dict(chosen) != stage.picked:
                stage.reason = f"{describe(chosen)}: chosen by hand. The rule would pick: {stage.reason}"
                stage.picked = dict(chosen)
                # Of the long run any epoch may be chosen, and it is the only point.
                place = next((at for at, point in enumerate(stage.points) if point.values == stage.picked), 0)
        stage.pick = place
        self._write()
        return ""

    def _propose(self, stage: StageRecord) -> None:
        """What the rule would take, and why."""
        name = stage.names[0]
        if self.spec.is_long_run(name):
            curves = [trial.validation for trial in stage.points[0].trials if trial.complete]
            if not curves:
                raise StudyError(_why_nothing(stage))
            means = [statistics.fmean(column) for column in zip(*curves, strict=False)]
            epochs, stage.reason = enough_epochs(means)
            stage.proposed, stage.picked = 0, {name: str(epochs)}
            return
        if not any(point.complete for point in stage.points):
            raise StudyError(_why_nothing(stage))
        write_time, times = time_of(self.spec.baseline.kind, stage, of_budget=self.spec.rule == "budget")
        said = [self._said(stage, point) for point in stage.points]
        points = [
            Point(value=value, loss=point.loss, time=seconds)
            for point, seconds, (value, _) in zip(stage.points, times, said, strict=True)
        ]
        found = pick(
            points,
            self.spec.rule,
            exponent=self.spec.exponent,
            tolerance=self.spec.tolerance,
            budget=self.spec.budget,
            unit=said[0][1] if said else "",
            write_loss=loss_words,
            write_time=write_time,
        )
        stage.proposed, stage.reason = found.place, found.reason
        stage.picked = dict(stage.points[found.place].values)

    def _said(self, stage: StageRecord, point: PointRecord) -> tuple[str, str]:
        if len(stage.names) == 1:
            return written(stage.names[0], point.values[stage.names[0]])
        return describe(point.values), ""

    # -- writing ----------------------------------------------------------------------------------

    def _write(self) -> None:
        self.record.seconds = self.clock.seconds
        self.directory.write(self.record)
        self.observer.changed(self.record)


def _auto_precision(record: StudyRecord, baseline: Spec) -> str:
    """What the precision `auto` comes to, where the study is still on the device that it began on; else `auto`.

    Of what was trained elsewhere it is not known, and is not to be taken for what this device would compute.
    """
    with suppress(SpecError):  # a device that is not here
        if choose_device(baseline.device, baseline.precision).words == record.device:
            return choose_device(baseline.device, "auto").precision
    return "auto"


def _why_nothing(stage: StageRecord) -> str:
    """Why there is no pick where no point was trained to its end."""
    if not stage.points:
        return "The time was up before the first trial."
    reason = next((point.reason for point in stage.points if point.state in (FAILED, DIVERGED)), "")
    return f"No point finished training. {reason}".rstrip()


def time_of(kind: str, stage: StageRecord, *, of_budget: bool = False) -> tuple[Callable[[float], str], list[float]]:
    """The time by which the points of a stage are compared, in seconds, and how a sentence writes it.

    A budget is one of an epoch, whatever varies, and of a run where epochs cost differently.
    """
    column = time_column(kind, stage)
    if of_budget and not listed(kind).staged:
        column = TimeColumn("epoch_seconds", 1.0, "seconds an epoch")
    writers: dict[str, Callable[[float], str]] = {
        "seconds": lambda value: f"{duration(value) if value >= 60 else f'{seconds_words(value)} s'} a run",
        "epoch_seconds": lambda value: f"{seconds_words(value)} s an epoch",
        "ms_per_step": lambda value: f"{seconds_words(1000 * value)} ms a step",
    }
    return writers[column.name], [column.seconds * (point.mean(column.name) or 0.0) for point in stage.points]


# -- what a run came to ---------------------------------------------------------------------------


def collect(trial: Trial, run: RunDirectory) -> None:
    """Take in what a run came to, from its files.

    Raises:
        RunError: they are damaged.
    """
    fold(trial, run)
    status = run.read_status()
    result = run.read_result()
    trial.state, trial.message = status.state, status.message
    trial.best_loss, trial.best_epoch, trial.best_stage = status.best_loss, status.best_epoch, status.best_stage
    trial.measures = {name: value for name, value in status.measures.items() if not name.startswith(REPORT)}
    trial.seconds = status.seconds
    trial.test_loss = None if result is None else result.test_loss


def fold(trial: Trial, run: RunDirectory) -> None:
    """Take in the epochs that a run has completed."""
    trial.train, trial.validation, trial.epochs, trial.stage_epochs = [], [], 0, {}
    trial.best_loss, trial.best_epoch, trial.best_stage, trial.seconds = None, 0, "", 0.0
    epochs = [event for event in run.read_events()[0] if isinstance(event, EpochEnded)]
    for event in epochs:
        _add_epoch(trial, event)
    if epochs:
        trial.ms_per_step = statistics.median(event.ms_per_step for event in epochs)
        trial.epoch_seconds = statistics.median(event.seconds for event in epochs)


def _add_epoch(trial: Trial, event: EpochEnded) -> None:
    trial.train.append(event.train["loss"])
    trial.validation.append(event.validation["loss"])
    trial.epochs = len(trial.validation)
    trial.stage_epochs[event.stage] = event.epoch
    trial.train_loss, trial.last_loss = event.train["loss"], event.validation["loss"]
    trial.best_loss, trial.best_epoch, trial.best_stage = event.best_loss, event.best_epoch, event.stage
    trial.ms_per_step, trial.epoch_seconds = event.ms_per_step, event.seconds
    trial.seconds += event.seconds
    if event.best:
        trial.measures = {
            key_of(VALIDATION, name): value for name, value in event.validation.items() if name != LOSS.name
        }


def _copy(twin: Trial, trial: Trial) -> None:
    """What an earlier trial came to is what this one would."""
    for name in Trial.__dataclass_fields__:
        if name != "number":
            setattr(trial, name, getattr(twin, name))
    trial.shared = True
