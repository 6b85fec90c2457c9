"""The study directory, and what is written down of a study: its stages, their points, the trials of each point.

`<home>/studies/<id>/` holds `study.json` (all of this, replaced whenever a trial begins or ends), Optuna's
`journal.log`, `lock`, `control`, and `report/` once it was exported. Neither torch nor pydantic is imported here, for
the first screen lists studies.

Over 400 lines: `study.json` is one file, and this is all that it holds.
"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import StudyError
from engine.protocol.control import Asked
from engine.protocol.states import CUT_OFF, EARLY_STOPPED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.specs.listed import KINDS
from engine.storage.files import read_json, write_bytes, write_json
from engine.storage.held import HeldFolder, HeldFolders, Sentences, shortest_prefixes
from engine.storage.typed_json import finite, record_of
from engine.text import epoch_words

WAITING = "waiting"
"""What a trial is that has not begun, and a study whose pick a person is asked for."""
_TRIALS_IN_TITLE = re.compile(r", \d+ trials$")
COMPLETE = (FINISHED, EARLY_STOPPED)


@dataclass(kw_only=True)
class Trial:
    """One run of a point."""

    number: int  # in the study, from 1
    seed: int
    run: str = ""  # its id, once it has begun
    state: str = WAITING
    message: str = ""
    shared: bool = False  # the run of an earlier trial that has the same spec
    worker: int = 0  # which worker has it, or had it last, from 1
    beside: int = 1  # how many workers there were meanwhile: what its times are to be compared with
    planned: int = 0  # epochs, all stages of training together
    epochs: int = 0  # completed
    # Those by stage of training; in the last is the best one.
    stage_epochs: dict[str, int] = field(default_factory=dict)
    best_epoch: int = 0  # within its stage of training
    best_stage: str = ""  # the stage of training whose best epoch that is
    best_loss: float | None = None  # validation loss of the best epoch of the last stage of training
    last_loss: float | None = None
    train_loss: float | None = None  # of the last epoch
    test_loss: float | None = None  # told, and never looked at by a pick
    measures: dict[str, float] = field(default_factory=dict)  # by key, see `engine.runs.status.key_of`; as for the loss
    ms_per_step: float | None = None  # median over the epochs
    epoch_seconds: float | None = None  # median over the epochs
    seconds: float = 0.0
    train: list[float] = field(default_factory=list)  # training loss of each epoch
    validation: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Fill in what version 0.1.0 did not write."""
        if self.best_epoch and not self.best_stage:
            self.best_stage = next(reversed(self.stage_epochs), "")

    def measured(self, name: str) -> float | None:
        """One of its numbers: a field, or a measure by its key."""
        found: float | None = self.measures.get(name) if name in self.measures else getattr(self, name, None)
        return found

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.state not in (WAITING, RUNNING, PAUSED, STOPPED, CUT_OFF)

    @property
    def best_at(self) -> str:
        """Its best epoch in words, with the stage of training where there are several."""
        return epoch_words(self.best_stage, self.best_epoch)

    @property
    def complete(self) -> bool:
        """Whether its numbers may be compared: it was trained to its end."""
        return self.state in COMPLETE and self.best_loss is not None

    @property
    def reason(self) -> str:
        """Why it was not trained to its end; nothing where it was, or is yet to be."""
        return " ".join(self.message.split()) if self.ended and not self.complete else ""


@dataclass(kw_only=True)
class PointRecord:
    """One combination of values, and its trials: one for each seed."""

    values: dict[str, str]
    trials: list[Trial]
    parameters: int = 0
    latent: int = 0
    weight: int = 0  # what one of its runs takes, relative to others: `Plan.work` times epochs times images
    step_work: int = 0  # `Plan.work` times the images of a step
    memory: int = 0  # bytes of a training step, estimated
    optuna: int | None = None  # its number in Optuna's journal

    @property
    def complete(self) -> bool:
        """Whether all of its trials were trained to their end."""
        return bool(self.trials) and all(trial.complete for trial in self.trials)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do for it."""
        return all(trial.ended for trial in self.trials)

    @property
    def state(self) -> str:
        """The state of its trials in one word: what is not well first."""
        states = [trial.state for trial in self.trials]
        for state in (RUNNING, PAUSED):
            if state in states:
                return state
        if WAITING in states:
            return WAITING if set(states) == {WAITING} else RUNNING
        return next((state for state in states if state not in COMPLETE), states[0] if states else WAITING)

    @property
    def reason(self) -> str:
        """Why it was not trained to its end; nothing where it was, or is yet to be."""
        return next((trial.reason for trial in self.trials if trial.reason), "")

    def mean(self, name: str) -> float | None:
        """The mean over its trials of one of their numbers; None where none of them has it."""
        values = self._values(name)
        return math.fsum(values) / len(values) if values else None

    def deviation(self, name: str) -> float | None:
        """The standard deviation (n - 1) over its trials; None for fewer than two."""
        values = self._values(name)
        if len(values) < 2:
            return None
        mean = math.fsum(values) / len(values)
        return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))

    @property
    def loss(self) -> float:
        """What a pick compares: the mean of the best validation losses; infinite where a trial did not end well."""
        mean = self.mean("best_loss")
        return mean if self.complete and mean is not None else math.inf

    def _values(self, name: str) -> list[float]:
        return [value for trial in self.trials if (value := trial.measured(name)) is not None]


@dataclass(kw_only=True)
class StageRecord:
    """The points among which one value, or combination, is picked."""

    names: list[str]  # the hyperparameters that vary
    points: list[PointRecord]
    base: dict[str, str] = field(default_factory=dict)  # what earlier stages carried on to its points
    pick: int | None = None  # the place of a point
    picked: dict[str, str] = field(default_factory=dict)  # what it carries on; epochs may be fewer than its run has
    reason: str = ""
    proposed: int | None = None  # by the rule; another one where a person chose otherwise
    problem: str = ""  # why there is no pick
    over: bool = False  # of a study that picks nothing: all of it was measured, and `reason` tells what that comes to

    @property
    def settled(self) -> bool:
        """Whether its end is written: it is never picked in again."""
        return self.over or self.pick is not None or bool(self.problem)


@dataclass(kw_only=True)
class Images:
    """What `StudyRecord.data` holds of the images that a study began with."""

    name: str = "?"
    training: int = 0
    test: int = 0
    shape: tuple[int, int, int] = (0, 0, 0)  # height, width, channels
    digest: str = ""
    images_digest: str = ""  # of the training images alone; version 0.1.0 wrote neither this
    part_digests: dict[str, str] = field(default_factory=dict)  # nor these, of labels and test images, by field
    by_hand: dict[str, list[int]] = field(default_factory=dict)  # those that a person left out: see `ByHand`
    corrections: dict[str, Any] = field(default_factory=dict)  # what a file of labels changed: see `Corrections`
    each_class: float = 0.0  # training images of a class, on average; of a study of an encoder's worth
    split: int = 1  # the rule by which its trials divide them: see `engine.data.split.SPLIT_RULE`
    combinations: int | None = None  # that a search can try; None where there is no end of them
    left_out: str = ""  # which of them it cannot, in a sentence
    remarks: list[str] = field(default_factory=list)  # on the images and the encoder; version 0.1.0 wrote none


@dataclass(kw_only=True)
class StudyRecord:
    """The content of `study.json`."""

    id: str
    title: str = ""
    spec: dict[str, Any] = field(default_factory=dict)  # a `StudySpec` as JSON
    state: str = RUNNING
    message: str = ""
    created: float = 0.0  # seconds since 1970, UTC
    updated: float = 0.0
    seconds: float = 0.0  # at work
    device: str = ""
    threads: int = 0  # that each trial computes with, where its spec says auto; 0 while that is not known
    workers: int = 1  # that it began with
    workers_now: int = 0  # those of whoever worked on it last; 0 before
    versions: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    stages: list[StageRecord] = field(default_factory=list)
    prefix: str = ""  # the shortest that is unique; not written

    @property
    def points(self) -> list[PointRecord]:
        """Every point, in order."""
        return [point for stage in self.stages for point in stage.points]

    @property
    def trials(self) -> list[Trial]:
        """Every trial, in order."""
        return [trial for point in self.points for trial in point.trials]

    @property
    def done(self) -> int:
        """How many trials have ended."""
        return sum(trial.ended for trial in self.trials)

    @property
    def total(self) -> int:
        """How many trials it has, as far as is known: of a search that goes on, as many as it may try."""
        if self.spec.get("mode") == "search" and self.state != FINISHED:
            points = int(self.spec["trials"])
            if (there_are := self.data.get("combinations")) is not None:
                points = min(points, int(there_are))
            return max(points * int(self.spec["repeats"]), len(self.trials))
        return len(self.trials)

    @property
    def stage_under_way(self) -> int:
        """The place of the stage that is worked on, or of the last."""
        return next((place for place, stage in enumerate(self.stages) if not stage.settled), len(self.stages) - 1)

    @property
    def live(self) -> bool:
        """Whether it is running, paused or waiting, by what is written: whether someone works on it, its lock tells."""
        return self.state in (RUNNING, PAUSED, WAITING)

    @property
    def resumable(self) -> bool:
        """Whether it ended before its time and can go on."""
        return self.state in (STOPPED, CUT_OFF, FAILED)

    @property
    def eta(self) -> float | None:
        """Seconds until all trials have ended, told from those that have; None before the first.

        A part of the trial under way counts as done.
        """
        done, seconds, left = 0.0, 0.0, 0.0
        for point in self.points:
            for trial in point.trials:
                if trial.shared:
                    continue
                part = trial.epochs / max(trial.planned, 1)
                done += point.weight * part
                left += 0 if trial.ended else point.weight * (1 - part)
                seconds += trial.seconds if trial.epochs else 0.0  # what was skipped before says nothing of an epoch
        missing = self.total - len(self.trials)
        if missing and self.trials:  # of a search, which does not know yet what it will try
            left += missing * sum(point.weight for point in self.points) / len(self.trials)
        return left * seconds / done / max(len(self.under_way), self.workers_now, 1) if done and seconds else None

    @property
    def final(self) -> dict[str, str]:
        """The values that were picked, of all stages."""
        return {name: value for stage in self.stages for name, value in stage.picked.items()}

    @property
    def machine(self) -> str:
        """What it began on, in words, and the workers that it has now where they are several."""
        workers = self.workers_now or self.workers
        several = (f"{workers} workers",) if workers > 1 else ()
        return " · ".join(filter(None, (self.device, *several)))

    @property
    def window(self) -> int:
        """A search proposes a point once all before it have been told but for the last `window` - 1.

        It is that of the workers that the study began with, whoever trains it later: what is tried hangs on it.
        """
        return 1 if self.workers == 1 else 2 * self.workers

    @property
    def under_way(self) -> list[Trial]:
        """The trials that are trained now."""
        return [trial for trial in self.trials if trial.state in (RUNNING, PAUSED)]

    @property
    def current(self) -> Trial | None:
        """The first trial under way."""
        return next(iter(self.under_way), None)

    def to_json(self) -> dict[str, Any]:
        """What `study.json` holds."""
        values: dict[str, Any] = finite(asdict(self))
        del values["prefix"]
        return values


class StudyDirectory(HeldFolder):
    """The files of one study, by name."""

    sentences = Sentences(
        error=StudyError,
        held="Study {id} is running in another process: `cae-tui study show {id}` shows how far it is; stop it there "
        "before you resume it here.",
        in_use="Study {id} is running: stop it first.",
        unreadable="{path} cannot be read ({error}): restore the file, or delete the study.",
        unknown="No study begins with “{prefix}” in {folder}: `cae-tui study list` lists them all.",
        ambiguous="{count} studies begin with “{prefix}” ({ids}): give more of the id.",
    )

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.study = path / "study.json"
        self.journal = path / "journal.log"
        self.control = path / "control"
        self.report = path / "report"

    def read(self) -> StudyRecord:
        """The study as it is written, its state as it really is.

        Raises:
            StudyError: `study.json` is missing, damaged, or of a newer version.
        """
        try:
            record = _read_study(self.id, read_json(self.study))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.unreadable(self.study, error) from None
        if record.live and not self.is_held():
            record.state = CUT_OFF
        if record.state in (CUT_OFF, STOPPED, FAILED):
            for trial in record.trials:
                trial.state = CUT_OFF if trial.state in (RUNNING, PAUSED) else trial.state
        return record

    def ask(self, what: Asked) -> None:
        """Ask the process that works on it to pause, go on or stop."""
        write_bytes(self.control, what.value.encode())

    def write(self, record: StudyRecord) -> None:
        """Replace `study.json`.

        Raises:
            StorageError: it cannot be written.
        """
        record.updated = time.time()
        write_json(self.study, "study", record.to_json())


class Studies(HeldFolders[StudyDirectory]):
    """The studies of a home."""

    def __init__(self, home: Home) -> None:
        super().__init__(home.path / "studies", StudyDirectory)

    def read_all(self) -> tuple[list[StudyRecord], list[str]]:
        """Every readable study, the newest first, and a sentence for each that is not."""
        ids = self.ids()
        prefixes = shortest_prefixes(ids)
        found, problems = [], []
        for name in ids:
            try:
                record = StudyDirectory(self.folder / name).read()
            except StudyError as error:
                problems.append(str(error))
                continue
            record.prefix = prefixes[name]
            found.append(record)
        return sorted(found, key=lambda study: study.created, reverse=True), problems

    def list(self) -> "list[StudyRecord]":
        """Every readable study, the newest first."""
        return self.read_all()[0]


def _read_study(name: str, values: Mapping[str, Any]) -> StudyRecord:
    if values.get("kind") != "study":
        raise ValueError("it holds no study")
    for trial in (trial for stage in values["stages"] for point in stage["points"] for trial in point["trials"]):
        if "measures" not in trial:  # versions 0.1.0 and 0.2.0 had accuracies alone
            old = {"validation_accuracy": trial.get("accuracy"), "test_accuracy": trial.get("test_accuracy")}
            trial["measures"] = {name: value for name, value in old.items() if value is not None}
    study = record_of(StudyRecord, {**values, "id": name, "prefix": ""})
    record_of(Images, study.data)
    if not study.stages:
        raise ValueError("it has no stage")
    for stage in study.stages:
        for place in (stage.pick, stage.proposed):
            if place is not None and not 0 <= place < len(stage.points):
                raise ValueError(f"point {place} is picked of {len(stage.points)}")
        if not stage.names or any(set(point.values) != set(stage.names) for point in stage.points):
            raise ValueError("the points of a stage are not of its hyperparameters")
    asked = study.spec
    whole = all(type(asked.get(name)) is int for name in ("trials", "repeats"))
    baseline = asked.get("baseline")
    kind = baseline.get("kind") if isinstance(baseline, dict) else None
    if not whole or not isinstance(asked.get("mode"), str) or kind not in KINDS:
        raise ValueError("its spec is not one of a study")
    if asked["mode"] == "search":  # version 0.1.0 wrote the number of trials here, which every view tells beside it
        study.title = _TRIALS_IN_TITLE.sub("", study.title)
    return study


def study_of(run: RunDirectory, status: RunStatus) -> str:
    """The study that still compares the run with others, by its id; empty where there is none, or it is over."""
    studies = Studies(Home(run.path.parents[1]))
    if not status.study or status.study not in studies.ids():
        return ""
    try:
        over = StudyDirectory(studies.folder / status.study).read().state == FINISHED
    except StudyError:
        over = False
    return "" if over else status.study
