"""Small studies, and what watches them."""

from collections.abc import Mapping
from pathlib import Path

from engine.protocol.control import Flag
from engine.protocol.events import Event
from engine.runs.directory import Home
from engine.studies.planning import create
from engine.studies.records import StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study
from tests.engine.conftest import small


class Watcher:
    """An observer that keeps what it hears; `choice` is what it answers, the proposal where it is None."""

    def __init__(self, choice: Mapping[str, str] | None = None) -> None:
        self.events: list[Event] = []
        self.changes = 0
        self.asked: list[str] = []
        self.choice = choice

    def changed(self, study: StudyRecord) -> None:
        self.changes += 1

    def emit(self, trial: Trial, event: Event) -> None:
        self.events.append(event)

    def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
        self.asked.append(study.state)
        return self.choice if self.choice is not None else stage.picked


def study(
    files: dict[str, Path], mode: str = "one", values: Mapping[str, str] | None = None, **settings: object
) -> StudySpec:
    baseline = {name: settings.pop(name) for name in ("epochs", "schedule") if name in settings}
    return make_study(mode, small(files, **baseline), values or {"kernels": "4,8"}, **settings)


def do(home: Home, spec: StudySpec, watcher: Watcher | None = None) -> tuple[StudyDirectory, StudyRecord]:
    directory = create(home, spec)
    return directory, work_on(home, directory, watcher or Watcher(), Flag())


def table(record: StudyRecord) -> list[object]:
    """What two studies that did the same have in common: everything but times and ids."""
    measured = ("number", "seed", "state", "epochs", "best_epoch", "best_loss", "last_loss", "train_loss", "measures",
                "test_loss", "train", "validation")  # fmt: skip
    return [
        (stage.names, point.values, *(getattr(trial, name) for name in measured))
        for stage in record.stages
        for point in stage.points
        for trial in point.trials
    ]


__all__ = ["Studies", "Watcher", "do", "study", "table"]
