"""How many workers and threads a study has, on machines that are made up."""

from pathlib import Path

import pytest
import torch

from engine.device import Device
from engine.errors import SpecError
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.studies import resources
from engine.studies.executors.executor import Wanted
from engine.studies.executors.workers import Workers
from engine.studies.planning import create, plan
from engine.studies.records import Studies, StudyRecord
from engine.studies.resources import free_memory, gpus, threads_of, workers_of
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study, with_workers
from engine.studies.stage_picks import propose
from engine.studies.tables import WORKER_BYTES, planned_memory, step_memory
from engine.training.threads import Chosen
from tests.engine.studies.conftest import Watcher
from tests.engine.tiny import tiny, write_files

CUDA, CPU = Device(torch.device("cuda"), "float32", 8), Device(torch.device("cpu"), "float32", 8)


@pytest.fixture
def spec(tmp_path: Path) -> StudySpec:
    return make_study("one", tiny(write_files(tmp_path)), {"kernels": "2,3,4,5,6,7"})


@pytest.fixture
def record(home: Home, spec: StudySpec) -> StudyRecord:
    return plan(home, spec)


@pytest.mark.parametrize(
    ("workers", "cores", "memory", "expected"),
    [(1, 8, 64, 1), (4, 8, 64, 4), (4, 2, 1, 4), (9, 8, 64, 6), ("auto", 8, 64, 6), ("auto", 4, 64, 4),
     ("auto", 8, 2, 4), ("auto", 8, 0, 1)],
)  # fmt: skip
def test_workers_on_a_processor(
    spec: StudySpec, record: StudyRecord, monkeypatch: pytest.MonkeyPatch,
    workers: int | str, cores: int, memory: int, expected: int,
) -> None:  # fmt: skip
    """`memory` is in gigabytes; more than the trials are of no use."""
    monkeypatch.setattr(resources, "cores", lambda: cores)
    monkeypatch.setattr(resources, "free_memory", lambda: memory << 30)
    assert workers_of(with_workers(spec, workers), record) == expected


@pytest.mark.parametrize(("workers", "per_gpu", "expected"), [("auto", 1, 2), ("auto", 3, 6), (1, 3, 1), (4, 1, 2)])
def test_workers_on_two_gpus(
    spec: StudySpec, record: StudyRecord, monkeypatch: pytest.MonkeyPatch,
    workers: int | str, per_gpu: int, expected: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(resources, "choose_device", lambda device, precision: CUDA)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    wanted = with_workers(spec, workers).model_copy(update={"per_gpu": per_gpu})
    assert workers_of(wanted, record) == expected


def test_which_gpu_a_worker_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    class Of:
        def __init__(self, device: Device) -> None:
            self.trial = self.prepared = self
            self.device = device

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert gpus() == ["4", "7"]
    executor = Workers(Wanted(workers=4, per_gpu=2))
    try:
        seen = [executor._gpu(lane, Of(CUDA)) for lane in executor._lanes]  # type: ignore[arg-type]  # no more is asked
        assert seen == ["4", "4", "7", "7"]
        assert executor._gpu(executor._lanes[0], Of(CPU)) is None  # type: ignore[arg-type]
    finally:
        executor.close()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert gpus() == ["0", "1", "2"]


def test_cores_are_divided_among_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 16)
    assert [threads_of(CPU, workers) for workers in (1, 2, 3, 16, 40)] == [0, 8, 5, 1, 1]
    assert threads_of(CUDA, 2) == 0


def test_the_memory_of_a_plan_is_that_of_all_its_workers(home: Home, spec: StudySpec) -> None:
    one, two = plan(home, spec), plan(home, with_workers(spec, 2))
    assert planned_memory(one) == step_memory(one)
    assert planned_memory(two) == 2 * (step_memory(one) + WORKER_BYTES)


def test_times_that_were_taken_under_different_conditions_are_not_compared_without_a_word(
    home: Home, spec: StudySpec
) -> None:
    directory = create(home, spec)
    record = work_on(home, directory, Watcher(), Flag())
    stage = record.stages[0]
    assert "Their times say little" not in stage.reason
    stage.points[0].trials[0].beside = 2
    propose(spec, stage)
    assert "some were trained with 1, others with 2 at once" in stage.reason


def test_a_search_that_began_with_one_worker_is_not_resumed_with_two(home: Home, spec: StudySpec) -> None:
    search = make_study("search", spec.baseline, {"kernels": "2..8"}, trials=2)
    directory = create(home, search)
    with pytest.raises(SpecError, match="would have nothing to do"):
        work_on(home, directory, Watcher(), Flag(), workers="2")
    assert work_on(home, directory, Watcher(), Flag()).state == "finished"


def test_the_memory_of_this_machine_is_known() -> None:
    assert free_memory() > WORKER_BYTES // 100


@pytest.mark.parametrize("typed", ["0", "-1", "many", "1.5", "", "5000"])
def test_what_is_no_number_of_workers_is_refused_in_words(spec: StudySpec, typed: str) -> None:
    with pytest.raises(SpecError) as refused:
        with_workers(spec, typed)
    assert list(refused.value.problems) == ["workers"]


def test_a_study_chooses_its_threads_once(
    home: Home, spec: StudySpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its first trial does, by a step; the others take that number, or their times could not be compared."""
    asked = iter(range(3, 9))
    monkeypatch.setattr("engine.jobs.fastest_number", lambda *given: Chosen(next(asked)))
    spec = spec.model_copy(update={"baseline": tiny(write_files(tmp_path), threads="auto", epochs=1)})
    record = work_on(home, create(home, spec), Watcher(), Flag())
    assert record.threads == 3
    (directory,) = (Studies(home).find(name) for name in Studies(home).ids())
    record.threads, record.state = 0, "stopped"  # as a version before wrote it
    record.stages[0].pick, record.stages[0].picked = None, {}
    for place in (0, 5):
        home.delete(home.find(record.trials[place].run))
    record.trials[5].state, record.trials[5].run = "waiting", ""
    directory.write(record)
    record = work_on(home, directory, Watcher(), Flag())
    assert record.threads == 3
    assert [home.find(trial.run).read_spec()["threads"] for trial in record.trials[1:]] == [3] * 5
    assert next(asked) == 4
