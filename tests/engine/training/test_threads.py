"""How many threads a run takes: the choice on simulated machines, and that a trial leaves no trace in a run."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from engine import jobs
from engine.device import Device
from engine.errors import SpecError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, RunStarted, Warned
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse
from engine.specs.kinds import spec_again
from engine.training import loop, threads
from engine.training.loop import busy
from engine.training.threads import SECONDS, Chosen, fastest_number, numbers
from tests.engine.tiny import tiny, tiny_classifier, write_encoder, write_files

MANY = 100_000
"""Steps of a run that is long enough for whatever is tried."""


class Machine:
    """A clock that moves by what a step takes with so many threads, in milliseconds; every third is `uneven` longer.

    A step has so large a `share` of the processor time that its threads could have.
    """

    def __init__(self, table: dict[int, float], uneven: float = 0.0, share: float = 1.0) -> None:
        self.table, self.uneven, self.share = table, uneven, share
        self.now, self.used, self.taken = 0.0, 0.0, list[int]()

    def step(self, count: int) -> None:
        self.taken.append(count)
        seconds = self.table[count] / 1000 * (1 + self.uneven * (len(self.taken) % 3 == 0))
        self.now += seconds
        self.used += seconds * count * self.share

    def choose(self, steps: int = MANY, wanted: Callable[[], bool] = lambda: True) -> Chosen:
        return fastest_number(max(self.table), self.step, steps, wanted, lambda: self.now, lambda: self.used)


SIXTEEN: dict[str, tuple[dict[int, float], int]] = {
    "a small network": ({16: 22, 8: 9, 4: 6, 2: 7, 1: 11}, 4),
    "a large network": ({16: 60, 8: 95, 4: 170, 2: 320, 1: 610}, 16),
    "one other program": ({16: 130, 8: 12, 4: 18, 2: 33, 1: 62}, 8),
    "as many other programs as cores": ({16: 400, 8: 260, 4: 150, 2: 70, 1: 25}, 1),
    "a tiny network": ({16: 9, 8: 5, 4: 3, 2: 2, 1: 1.2}, 1),
    "two alike": ({16: 20, 8: 20, 4: 31, 2: 55, 1: 99}, 16),
}


@pytest.mark.parametrize("uneven", [0.0, 0.2])
@pytest.mark.parametrize("name", SIXTEEN)
def test_the_choice_on_sixteen_cores_is_right(name: str, uneven: float) -> None:
    table, best = SIXTEEN[name]
    machine = Machine({count: float(taken) for count, taken in table.items()}, uneven)
    chosen = machine.choose()
    assert table[chosen.threads] <= table[best] * (1 if not uneven else 1.1)
    assert chosen.seconds == pytest.approx(table[chosen.threads] / 1000, rel=0.25)
    assert machine.now <= SECONDS + uneven * max(table.values()) / 1000


@pytest.mark.parametrize(("table", "best"), [({2: 15.0, 1: 26.0}, 2), ({2: 53.0, 1: 26.0}, 1)])
def test_two_cores_idle_and_shared(table: dict[int, float], best: int) -> None:
    machine = Machine(table)
    assert machine.choose().threads == best
    assert machine.now < SECONDS / 2  # where it is clear, it is not tried any longer


@pytest.mark.parametrize("steps", [20, 117, MANY])
@pytest.mark.parametrize("slow", [300.0, 700.0, 1200.0])
def test_steps_that_another_program_holds_up_leave_time_to_try_fewer_threads(slow: float, steps: int) -> None:
    machine = Machine({2: slow, 1: 70.0})
    assert machine.choose(steps).threads == 1
    assert machine.now <= SECONDS


@pytest.mark.parametrize(("share", "best"), [(0.95, 2), (0.5, 1)])
def test_threads_that_waited_for_a_core_are_expected_to_wait_longer(share: float, best: int) -> None:
    assert Machine({2: 70.0, 1: 84.0}, share=share).choose().threads == best


def test_numbers_are_halved() -> None:
    assert numbers(16) == [16, 8, 4, 2, 1]
    assert numbers(6) == [6, 3, 2, 1]
    assert numbers(1) == [1]


def test_one_core_leaves_no_choice() -> None:
    machine = Machine({1: 5.0})
    assert machine.choose() == Chosen(1)
    assert machine.taken == []


def test_a_short_run_takes_all_and_tries_next_to_nothing() -> None:
    machine = Machine({2: 30.0, 1: 10.0})
    assert machine.choose(steps=20).threads == 2
    assert len(machine.taken) == 2


def test_a_step_of_seconds_is_not_tried_for_long() -> None:
    machine = Machine({4: 1500.0, 2: 2500.0, 1: 5000.0})
    assert machine.choose().threads == 4
    assert machine.now <= SECONDS + 1.5  # the first step is not known before it is taken


def test_what_is_given_up_leaves_what_is_known() -> None:
    machine = Machine({4: 30.0, 2: 10.0, 1: 20.0})
    assert machine.choose(wanted=lambda: len(machine.taken) < 4).threads == 2
    assert machine.choose(wanted=lambda: False) == Chosen(4)


# -- in a run --------------------------------------------------------------------------------------


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that would compute with two threads, which are tried however short a run is."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(threads, "SHARE", 1e6)


def run_of(home: Home, spec: Spec) -> tuple[RunDirectory, list[Event]]:
    told: list[Event] = []
    result = jobs.start(home, spec, told.append, Flag())
    return home.find(result.id), told


def weights(run: RunDirectory) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in read_tensors(run.model)[0].items()}


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_trying_changes_no_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    home, files = Home(tmp_path / "home"), write_files(tmp_path)
    tried: list[int] = []

    def fastest(most: int, step: Callable[[int], object], *_: object) -> Chosen:
        for count in (2, 1, 2, 1):
            step(count)
            tried.append(count)
        return Chosen(1, 0.01)

    monkeypatch.setattr(jobs, "fastest_number", fastest)
    spec = (
        tiny(files, dropout=0.2, threads="auto")
        if kind == "autoencoder"
        else tiny_classifier(files, write_encoder(tmp_path / "encoder.safetensors", files), threads="auto")
    )
    one, told = run_of(home, spec)
    assert tried == [2, 1, 2, 1]
    given, _ = run_of(home, spec.model_copy(update={"threads": 1}))
    assert tried == [2, 1, 2, 1]  # whoever names a number has it
    assert {name: value.tobytes() for name, value in weights(one).items()} == {
        name: value.tobytes() for name, value in weights(given).items()
    }
    started = next(event for event in told if isinstance(event, RunStarted))
    assert started.device == "cpu · 1 thread · float32"
    written = json.loads(one.spec.read_text())
    assert (written["threads"], written["spec"]["threads"]) == (1, 1)
    assert written["device"] == started.device
    assert spec_again(written).threads == 1


@pytest.mark.usefixtures("cores")
def test_a_resume_takes_the_number_that_was_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, files = Home(tmp_path / "home"), write_files(tmp_path)
    monkeypatch.setattr(jobs, "fastest_number", lambda *_: Chosen(1))
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    result = jobs.start(home, tiny(files, epochs=3), stop, flag)
    assert result.state == "stopped"

    def never(*_: object) -> Chosen:
        raise AssertionError("it was tried again")

    monkeypatch.setattr(jobs, "fastest_number", never)
    run = home.find(result.id)
    done = jobs.resume(run, lambda _: None, Flag())
    assert done.state == "finished"
    assert done.device == "cpu · 1 thread · float32"


def test_a_run_of_before_is_repeated_with_the_threads_that_it_had(tmp_path: Path) -> None:
    home, files = Home(tmp_path / "home"), write_files(tmp_path)
    run, _ = run_of(home, tiny(files))
    written = json.loads(run.spec.read_text())
    del written["spec"]["threads"]  # as every version before wrote it
    written["threads"] = 2
    assert spec_again(written).threads == 2
    written["device"] = "cuda · NVIDIA H200 · bfloat16"
    assert spec_again(written).threads == "auto"


def test_more_threads_than_cores_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, files = Home(tmp_path / "home"), write_files(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    _, told = run_of(home, tiny(files, threads=64))
    sentences = [event.message for event in told if isinstance(event, Warned)]
    assert any(sentence.startswith("64 threads were asked for, and there are 2 cores here") for sentence in sentences)
    _, told = run_of(home, tiny(files, threads=2))
    assert not any("threads were asked for" in event.message for event in told if isinstance(event, Warned))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "0 is too small: at least 1, or auto."),
        ("-3", "-3 is too small: at least 1, or auto."),
        ("5000", "5000 is too large: at most 4,096, or auto."),
        ("two", "“two” is neither a whole number nor auto."),
        ("1.5", "“1.5” is not a whole number: give one, or auto."),
        ("", "“” is neither a whole number nor auto."),
        (True, "True is yes or no, but a number is needed."),
    ],
)
def test_what_is_no_number_of_threads_is_told(typed: object, sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(AutoencoderSpec, {"kind": "autoencoder", "threads": typed})
    assert refused.value.problems == {"threads": sentence}


@pytest.mark.parametrize(("typed", "read"), [("auto", "auto"), ("4", 4), (4, 4), (" 2 ", 2), ("4.0", 4)])
def test_numbers_of_threads_are_read(typed: object, read: object) -> None:
    assert parse(AutoencoderSpec, {"kind": "autoencoder", "threads": typed}).threads == read


def test_an_epoch_of_a_busy_machine_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each epoch has as many steps; from the third on the clock of the steps goes three times as fast."""
    home, files = Home(tmp_path / "home"), write_files(tmp_path)
    told: list[Event] = []
    speed, now = [1.0], [0.0]

    def clock() -> float:
        now[0] += speed[0]
        return now[0]

    class Time:
        perf_counter = staticmethod(clock)
        monotonic, sleep = time.monotonic, time.sleep

    monkeypatch.setattr(loop, "time", Time)

    def emit(event: Event) -> None:
        told.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 2:
            speed[0] = 3.0

    jobs.start(home, tiny(files, epochs=5, threads=1, patience=0), emit, Flag())
    sentences = [event.message for event in told if isinstance(event, Warned) and "other programs" in event.message]
    assert len(sentences) == 1
    assert "in epoch 3, against" in sentences[0]


def test_what_helps_on_a_busy_machine_is_said() -> None:
    cpu = Device(torch.device("cpu"), "float32", 2)
    assert busy(cpu, 7, 0.0523, 0.0251) == (
        "A step took 52.3 ms in epoch 7, against 25.1 ms before: other programs are using the processor. Pause the run "
        "until they are done. A run with fewer threads than 2 is held up less."
    )
    assert busy(replace(cpu, threads=1), 7, 0.05, 0.02).endswith("Pause the run until they are done.")
    assert "using the GPU" in busy(Device(torch.device("cuda"), "float32", 2), 7, 0.05, 0.02)
