"""The scheduler of a study: it keeps the records, asks for trials, and picks. It knows no machine.

`planning.create` writes the plan; `work_on` does what is left of it, from the beginning or after it was cut off. A
trial is a run like any other, which an executor trains: `study.json` is written before one begins and when it ends, so
whatever happens, the next `work_on` knows where to go on.

Over 400 lines: it is one state, the trials under way, that every part of it changes.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from engine import preparation
from engine.device import choose_device
from engine.errors import EngineError, SpecError, StorageError, StudyError
from engine.protocol.control import Asked, Flag, RunControl
from engine.protocol.events import Continued, EpochEnded, Event, Paused, Resumed, RunEnded, RunStarted
from engine.protocol.states import ENDED_FOR_GOOD, FAILED, FINISHED, PAUSED, RUNNING, STOPPED
from engine.runs.directory import Home
from engine.runs.prepared import Prepared
from engine.specs.base import Spec
from engine.specs.kinds import spec_again
from engine.studies.clock import Clock
from engine.studies.controls import Controls
from engine.studies.executors import executor_of
from engine.studies.executors.executor import Assignment, Executor, Wanted
from engine.studies.journal import Journal
from engine.studies.moved import known_of_study
from engine.studies.outcomes import add_epoch, collect, copy, fold
from engine.studies.planning import load, point_of, survey
from engine.studies.records import WAITING, PointRecord, StageRecord, StudyDirectory, StudyRecord, Trial
from engine.studies.resources import refuse_useless, threads_of, workers_of
from engine.studies.spec import StudySpec, describe, study_from_json, with_workers
from engine.studies.stage_picks import propose
from engine.studies.trial_specs import TrialSpecs
from engine.text import counted

log = logging.getLogger("cae_tui.engine")

LOOK_SECONDS = 0.2
"""Between two looks at what another process asks of a study with several trials under way."""


class Observer(Protocol):
    """Who hears how a study goes; called from the thread that works on it."""

    def changed(self, study: StudyRecord) -> None:
        """Something of it is new: a trial began or ended, an epoch was completed, a value was picked."""

    def emit(self, trial: Trial, event: Event) -> None:
        """An event of a trial under way, as of any run."""

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        """Wait until a person agrees with `stage.picked` or names other values; None where the study is to stop."""


# -- the work -------------------------------------------------------------------------------------


def work_on(
    home: Home,
    directory: StudyDirectory,
    observer: Observer,
    flag: Flag,
    executor: str = "",
    workers: object = None,
) -> StudyRecord:
    """Do what is left of a study, holding its lock; gives back how it ended.

    Args:
        flag: what is asked of the study; what ends one trial is asked of the first under way.
        executor: what trains its trials, one of `EXECUTORS`; by default this process, or workers where there are more
            than one.
        workers: how many, or auto, as typed or as a value, in place of what its spec says.

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
        if workers is not None:
            spec = with_workers(spec, workers)
            refuse_useless(spec, record)
        count = workers_of(spec, record)
        trainer = executor_of(Wanted(workers=count, per_gpu=spec.per_gpu), executor)
        try:
            return Scheduler(home, directory, record, spec, observer, flag, trainer).go()
        finally:
            trainer.close()


@dataclass(slots=True)
class _UnderWay:
    point: PointRecord
    trial: Trial
    flag: Flag
    begun: bool = False  # else its executor has it, and has not come to it


class Scheduler:
    """One process's work on one study."""

    def __init__(
        self,
        home: Home,
        directory: StudyDirectory,
        record: StudyRecord,
        spec: StudySpec,
        observer: Observer,
        flag: Flag,
        executor: Executor,
    ) -> None:
        self.home, self.directory, self.record, self.spec = home, directory, record, spec
        self.observer, self.executor = observer, executor
        self.controls = Controls(flag)
        self.asked = RunControl(flag, directory.control)
        self.under_way: dict[int, _UnderWay] = {}  # by number
        self.begun: set[int] = set()  # the numbers of those that are not begun again, however they ended
        self.stopped = False  # one of them was, and with it the study
        self.set_aside: set[int] = set()  # the numbers of those that were stopped alone, while others go on
        self.data = load(home, spec.baseline, known_of_study(record))
        for trial in record.trials:  # of a version that wrote down no threads for the study
            self._take_threads(trial)
        if not record.threads and spec.baseline.threads == "auto":
            device = choose_device(spec.baseline.device, spec.baseline.precision)
            record.threads = threads_of(device, executor.room)
        self.specs = TrialSpecs(record, spec, self.data.images.shape)
        if spec.mode == "search" and "combinations" not in record.data:  # version 0.1.0 did not count them
            with suppress(StudyError):
                record.data |= survey(spec, self.data)
        for stage in record.stages:
            for point in stage.points:
                for trial in point.trials:
                    if not stage.settled and trial.state == FAILED:  # in a stage without a pick: it is done again
                        trial.state = STOPPED if trial.run else WAITING
        record.workers_now = executor.room
        self.journal = Journal(directory, spec, record)
        self.clock = Clock(record.seconds)
        self.orphans = {run.trial: run.id for run in home.list_runs() if run.study == record.id}

    def go(self) -> StudyRecord:
        """Every stage that is not settled, in order."""
        record = self.record
        record.state, record.message = RUNNING, ""
        self._write()
        log.info("study %s: %d of %d trials have ended", record.id, record.done, record.total)
        self.controls.listen()
        try:
            ended = self._stages()
        except EngineError as error:
            ended, record.message = FAILED, str(error)
            log.warning("study %s failed: %s", record.id, error)
            self.controls.pass_on(Asked.STOP)
            while self.under_way:
                count = len(self.under_way)
                with suppress(EngineError):
                    self._wait()
                if len(self.under_way) == count:  # the executor itself is gone
                    break
        record.state = ended
        if ended == STOPPED:
            record.message = f"{self._stopped()} Resume the study to continue."
        self._write()
        log.info("study %s ended: %s", record.id, ended)
        return record

    def _stopped(self) -> str:
        """What was stopped, in a sentence."""
        if self.controls.word is Asked.STOP or not self.set_aside:
            return "Stopped."
        which = [str(number) for number in sorted(self.set_aside)]
        told = f"Trial {which[0]} was stopped" if len(which) == 1 else f"Trials {', '.join(which)} were stopped"
        return f"{told}{', and what a search tries next hangs on it' if self.spec.mode == 'search' else ''}."

    def _stages(self) -> str:
        base: dict[str, str] = {}
        for stage in self.record.stages:
            if not stage.settled:
                stage.base = dict(base)
                self._rebase(stage)
                if ended := self._train(stage) or self._settle(stage):
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

    # -- the trials of a stage --------------------------------------------------------------------

    def _train(self, stage: StageRecord) -> str:
        """Every trial of a stage, as many at once as there is room for; gives back how the study ends, if it does."""
        while True:
            full = self.stopped or len(self.under_way) >= self.executor.room
            found = None if full else self._next(stage)
            if found is not None and self.controls.word is not Asked.STOP:
                self._begin(stage, *found)
            elif self.under_way:
                self._wait()
            elif found is not None or self.stopped or self.set_aside:
                return STOPPED
            else:
                self._keep(stage, len(stage.points))
                return ""

    def _next(self, stage: StageRecord) -> tuple[PointRecord, int] | None:
        """The next trial to begin, by its point and its place there; None where there is none for now.

        A search proposes a point once all before it have ended but for a window that never changes, and hears of them
        in their order: what it proposes does not depend on which of them ends first, nor on who trains them.
        """
        search = self.spec.mode == "search"
        while True:
            told = self._keep(stage, len(stage.points) + 1 - self.record.window if search else len(stage.points))
            for point in stage.points:
                for repeat, trial in enumerate(point.trials):
                    ready = not repeat or self._is_over(point.trials[0])  # whether the first is hopeless is known
                    if ready and not trial.ended and trial.number not in self.begun:
                        return point, repeat
            if not (search and told and self._grow(stage)):
                return None

    def _is_over(self, trial: Trial) -> bool:
        """Whether nothing more is done for it now: where its end could not be written, the next work takes it up."""
        over = trial.number in self.begun and trial.number not in self.under_way
        return trial.ended or (over and trial.number not in self.set_aside)

    def _keep(self, stage: StageRecord, count: int) -> bool:
        """Tell Optuna of the first `count` points, each after the one before; whether all of them are over."""
        for place, point in enumerate(stage.points[: max(count, 0)]):
            if not all(self._is_over(trial) for trial in point.trials):
                return False
            self.journal.keep(self.record.stages.index(stage), place, stage.base, point)
        return True

    def _grow(self, stage: StageRecord) -> bool:
        """Add a point that Optuna proposes, unless there are enough, all were tried, or the time is up."""
        if len(stage.points) >= self.spec.trials:
            return False
        if 0 < 60 * self.spec.minutes <= self.clock.seconds:
            self.record.message = (
                f"The time limit of {self.spec.minutes:g} min was reached after {len(stage.points):,} of "
                f"{counted(self.spec.trials, 'trial')}."
            )
            return False
        tried = {frozenset(point.values.items()) for point in stage.points}
        proposed = self.journal.ask(
            len(stage.points) + 1,
            lambda values: frozenset(values.items()) in tried or bool(self.data.why(self.spec, values)),
        )
        if proposed is None:
            few = {1: "The only combination was", 2: "Both combinations were"}
            all_of_them = few.get(len(tried), f"All {len(tried):,} combinations were")
            self.record.message = f"{all_of_them} tried, so the search ended early."
            return False
        optuna, values = proposed
        done = len(self.record.trials)
        try:
            point = point_of(self.spec, self.data, stage.base, values, done, optuna)
        except SpecError as error:
            refused = Trial(number=done + 1, seed=self.spec.baseline.seed, state=FAILED)
            refused.message = "; ".join(error.problems.values())
            point = PointRecord(values=values, trials=[refused], optuna=optuna)
        stage.points.append(point)
        return True

    # -- one trial --------------------------------------------------------------------------------

    def _begin(self, stage: StageRecord, point: PointRecord, repeat: int) -> None:
        """Have a trial trained, where there is anything to train."""
        trial, first = point.trials[repeat], point.trials[0]
        self.begun.add(trial.number)
        if repeat and not first.complete:  # hopeless with one seed, or not wanted: so with the others
            trial.state, trial.message = first.state, "As with the first seed."
            return
        flag = self.controls.add(trial.number)
        try:
            prepared = self._make_ready(stage, point, repeat)
            if prepared is not None:
                trial.run, trial.state, trial.message = prepared.run.id, RUNNING, ""
                self._write()
                trial.beside = self.executor.room
                trial.worker = self.executor.submit(Assignment(trial.number, prepared, flag))
                self.under_way[trial.number] = _UnderWay(point, trial, flag)
                if self.executor.room > 1:
                    self._write()  # for those who look on: which worker has it
        finally:
            if trial.number not in self.under_way:
                self.controls.remove(trial.number)

    def _make_ready(self, stage: StageRecord, point: PointRecord, repeat: int) -> Prepared | None:
        """The run of a trial, ready to be trained; None where what it comes to is known already, or by a twin soon."""
        trial = point.trials[repeat]
        try:
            spec = self.specs.of(stage, point, repeat)
            twin = self.specs.twin(spec, trial, self.under_way)
            prepared = self._prepare(trial, spec) if twin is None else None
        except SpecError as error:  # of this point alone: the others go on
            trial.state, trial.message = FAILED, "; ".join(error.problems.values())
            self._write()
            return None
        if prepared is not None:
            return prepared
        if twin is not None and twin.number in self.under_way:
            self.begun.discard(trial.number)
            self._wait()
            return None
        if twin is not None:
            copy(twin, trial)
        else:
            collect(trial, self.home.find(trial.run))
        self._write()
        return None

    def _wait(self) -> None:
        """Hear of the trials under way until one has ended, and take in what that came to."""
        ended = None
        while ended is None:
            self.asked.asked()  # by another process
            ended = self.executor.wait(self._hear, LOOK_SECONDS)
        trial = self.under_way.pop(ended.number).trial
        self.controls.remove(ended.number)
        self._rest()
        if ended.error is not None:
            raise ended.error
        collect(trial, self.home.find(trial.run))
        self._take_threads(trial)
        self._write()
        if trial.state == STOPPED:
            self.asked.look()  # whether it alone was meant: who stops a study asks it before its trials
        if trial.state == STOPPED and (self.executor.room == 1 or self.controls.word is Asked.STOP):
            self.stopped = True  # where it alone was asked to, the study is meant: nothing else is under way
            self.controls.pass_on(Asked.STOP)
        elif trial.state == STOPPED:
            self.set_aside.add(trial.number)

    def _take_threads(self, trial: Trial) -> None:
        """Have all trials compute with as many threads as the first one chose: else their times say nothing."""
        if self.record.threads or self.spec.baseline.threads != "auto" or not trial.epochs:
            return
        with suppress(EngineError):  # its run was deleted
            threads = spec_again(self.home.find(trial.run).read_spec()).threads
            self.record.threads = 0 if threads == "auto" else threads

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
        images = self.data.images
        return preparation.create(
            self.home, spec, self.record.id, trial.number, rule, images.by_hand, corrections=images.corrections
        )

    def _hear(self, number: int, event: Event) -> None:
        """Take in an event of a trial, tell Optuna of its losses, end it where it is hopeless, and pass it on."""
        self.asked.asked()  # by another process
        on = self.under_way[number]
        trial, optuna = on.trial, on.point.optuna if on.trial is on.point.trials[0] else None
        match event:
            case RunStarted() | Resumed():
                on.begun = True
                self._rest()
                fold(trial, self.home.find(trial.run))
                if optuna is not None:  # the journal may have been written anew, or be behind
                    for epoch, loss in enumerate(trial.validation, start=1):
                        self.journal.report(optuna, loss, epoch)
            case EpochEnded():
                add_epoch(trial, event)
                if optuna is not None:
                    self.journal.report(optuna, event.validation["loss"], trial.epochs)
            case Paused() | Continued():
                trial.state = PAUSED if isinstance(event, Paused) else RUNNING
                self._rest()
                try:
                    self._write()
                except StorageError:  # it may be a full disk that the run waits for
                    self.observer.changed(self.record)
        if optuna is not None and self.spec.prunes and isinstance(event, EpochEnded | Resumed):
            whole = 0 < self.journal.reported(optuna) <= trial.epochs < trial.planned
            if whole and self.journal.is_hopeless(optuna, self._told_before(on.point)):
                on.flag.ask(Asked.PRUNE)
        self.observer.emit(trial, event)
        if isinstance(event, EpochEnded | Resumed | RunEnded):
            self.record.seconds = self.clock.seconds
            self.observer.changed(self.record)

    def _told_before(self, point: PointRecord) -> set[int]:
        """Optuna's numbers of the points that were told when that one was proposed, whatever is told by now."""
        points = self.record.points
        place = next(at for at, other in enumerate(points) if other is point)
        return {other.optuna for other in points[: max(place + 1 - self.record.window, 0)] if other.optuna is not None}

    def _rest(self) -> None:
        """The study is paused, and its clock stands still, while all trials that have begun are paused."""
        paused = {on.trial.state for on in self.under_way.values() if on.begun} == {PAUSED}
        self.record.state = PAUSED if paused else RUNNING
        (self.clock.wait if paused else self.clock.go_on)()

    # -- picks ------------------------------------------------------------------------------------

    def _settle(self, stage: StageRecord) -> str:
        """Write a stage's pick; gives back how the study ends, if a person would not choose."""
        if self.spec.mode == "worth":
            stage.over = True
            self._write()
            return ""
        try:
            propose(self.spec, stage)
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

    # -- writing ----------------------------------------------------------------------------------

    def _write(self) -> None:
        self.record.seconds = self.clock.seconds
        self.directory.write(self.record)
        self.observer.changed(self.record)
