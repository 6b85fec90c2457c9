"""What the app is handed of a study that the worker thread works on: nothing of it changes afterwards."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cae_tui.bridge.runner import Runner
from cae_tui.bridge.snapshots import Snapshots
from cae_tui.bridge.study_runner import StudyRunner
from engine.protocol.control import Asked
from engine.runs.directory import Home
from engine.studies.records import PointRecord, StudyRecord
from tests.cae_tui.study_script import grid, guided, trial


def waiting(record: StudyRecord, number: int) -> PointRecord:
    point = PointRecord(values={"batch_size": "512"}, trials=[trial(number, 0.0, 0.0, state="waiting")], weight=8)
    record.stages[-1].points.append(point)
    return point


def test_what_the_worker_does_next_changes_no_snapshot() -> None:
    record, snapshots = guided(state="running"), Snapshots()
    later = waiting(record, 7)
    before, copied = snapshots.take(record), deepcopy(record)
    assert before == copied
    under_way = record.stages[1].points[1].trials[0]
    under_way.validation.append(0.5)
    under_way.stage_epochs["autoencoder"] = 4
    under_way.state = record.state = "stopped"
    later.trials[0].state, later.trials[0].run = "running", "0007000000"
    record.stages[1].points.append(PointRecord(values={"batch_size": "1024"}, trials=[trial(8, 0.0, 0.0)]))
    record.stages[1].pick, record.stages[1].picked = 0, {"batch_size": "128"}
    assert before == copied
    assert snapshots.take(record) == record


def test_a_point_that_waits_is_copied_once_until_it_costs_something_else_or_begins() -> None:
    record, snapshots = guided(state="running"), Snapshots()
    point = waiting(record, 7)
    first, again = (snapshots.take(record).stages[1].points[2] for _ in range(2))
    assert first is again is not point
    point.weight = 16
    assert snapshots.take(record).stages[1].points[2].weight == 16
    point.trials[0].state, point.trials[0].message = "failed", "It cannot be."
    assert snapshots.take(record).stages[1].points[2].reason == "It cannot be."


def test_what_has_ended_is_shared() -> None:
    record, snapshots = grid(), Snapshots()
    assert snapshots.take(record).stages[0] is record.stages[0]
    record.stages[0].pick = None
    taken = snapshots.take(record).stages[0]
    assert taken is not record.stages[0]
    assert all(one is other for one, other in zip(taken.points, record.stages[0].points, strict=True))


def test_what_was_taken_twice_is_not_taken_for_the_next_stage(tmp_path: Path) -> None:
    listener: Any = SimpleNamespace(study_changed=lambda study: None)
    runner = Runner(Home(tmp_path), listener)
    studies = StudyRunner(runner, listener)
    record = guided()
    studies.take({"layers": "10"})
    runner.flag.ask(Asked.STOP)  # so that it does not wait for good
    assert studies.choose(record, record.stages[-1]) is None
