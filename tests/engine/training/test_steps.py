"""A training step, the same captured and replayed, and numbers that are read late: what of it a CPU can show.

`capturing` stands in for CUDA: what was captured is called again at each replay, with the tensors it was captured
with. What is asked of CUDA is in test_capturing.py, what only a GPU can show in test_gpu.py.
"""

import itertools
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.device import Device
from engine.protocol.control import Asked
from engine.protocol.events import BatchEnded, EpochEnded, Event, Warned
from engine.training.late_metrics import LateMetrics
from engine.training.optimisation import make_optimizer
from engine.training.stage import Stage
from engine.training.steps import WARM_UP_STEPS, CapturedStep, Step, fastest, undone
from engine.training.tasks import Classification
from tests.engine.tiny import CLASSES, CPU, SIDE, AskedAt, Kept, Watched, do_nothing, run_fit, stage, stage_data

RATE = 0.125  # float32 holds it exactly, as it must hold the rate of a captured step
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
BATCHES = [torch.arange(start, start + 4) for start in (0, 4, 8, 2)]


class Small(nn.Module):
    """A convolution, batch statistics, dropout and a linear layer: all that a step can change or draw."""

    def __init__(self, seed: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU(), nn.Dropout(0.3), nn.Flatten(),
                nn.Linear(4 * SIDE * SIDE, CLASSES),
            )  # fmt: skip
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types miss it

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def make_step(optimizer: str) -> Step:
    torch.manual_seed(5)
    model = Small().train()
    chosen = make_optimizer(optimizer, list(model.parameters()), RATE, 0.01)
    return Step(model, Classification(0.1), chosen, stage_data().images, CPU, torch.Generator().manual_seed(6))


def told(step: Step) -> dict[str, Any]:
    """Copies of everything that steps change."""
    tensors = {f"model.{name}": tensor.clone() for name, tensor in step.model.state_dict().items()}
    for position, state in enumerate(step.optimizer.state.values()):
        tensors |= {f"optimizer.{position}.{name}": value.clone() for name, value in state.items()}
    assert step.augmentation is not None
    return tensors | {"default": torch.get_rng_state(), "augmentation": step.augmentation.get_state()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name, tensor in expected.items() if not torch.equal(found[name], tensor)] == []


def capture(
    work: Callable[[], Tensor], device: torch.device, generator: torch.Generator | None
) -> tuple[Callable[[], None], Tensor]:
    assert isinstance(work, partial)
    step: Any = work.func
    for _ in range(WARM_UP_STEPS):
        work()
    group = step.optimizer.param_groups[0]
    rate, result = group["lr"], work().clone()

    def replay() -> None:
        now, group["lr"] = group["lr"], rate
        result.copy_(work())
        group["lr"] = now

    return replay, result


@pytest.fixture
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "runs_ahead", True)
    monkeypatch.setattr("engine.training.steps.capture", capture)


# -- putting back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_that_are_undone_leave_weights_moments_batch_statistics_and_random_states_bit_for_bit(
    optimizer: str, taken: int
) -> None:
    step = make_step(optimizer)
    for batch in BATCHES[:taken]:
        step(batch)
    before = told(step)
    places = [tensor.data_ptr() for tensor in step.model.state_dict().values()]
    with undone(step):
        for batch in BATCHES:
            step(batch)
        during = told(step)
    after = told(step)
    assert all(name in before for name in after) or taken == 0
    assert_same({name: after[name] for name in before}, before)
    assert all(not torch.equal(during[name], after[name]) for name in after)  # there was something to put back
    assert all(not after[name].any() for name in after.keys() - before.keys())
    assert [tensor.data_ptr() for tensor in step.model.state_dict().values()] == places
    assert all(weights.grad is None for weights in step.model.parameters())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_first_step_after_steps_that_were_undone_is_as_if_there_had_been_none(optimizer: str) -> None:
    plain = make_step(optimizer)
    expected = [plain(batch) for batch in BATCHES]
    state = told(plain)
    step = make_step(optimizer)
    with undone(step):
        step(BATCHES[3])
    assert torch.equal(torch.stack([step(batch) for batch in BATCHES]), torch.stack(expected))
    assert_same(told(step), state)


def test_an_error_is_raised_on_after_everything_was_put_back() -> None:
    step = make_step("adam")
    before = told(step)

    def fail() -> None:
        with undone(step):
            step(BATCHES[0])
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    after = told(step)
    assert_same({name: after[name] for name in before}, before)


# -- the captured step ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_captured_step_computes_what_the_step_itself_does(capturing: None, optimizer: str) -> None:
    plain = make_step(optimizer)
    expected = [plain(batch) for batch in BATCHES]
    state = told(plain)
    step = make_step(optimizer)
    take = fastest(step, BATCHES[1], lambda event: None)
    assert isinstance(take, CapturedStep)
    found = [take(batch) for batch in BATCHES]
    assert torch.equal(torch.stack(found), torch.stack(expected))
    assert_same(told(step), state)
    assert step.names == ("loss", "accuracy")


def test_the_rate_of_the_moment_reaches_a_captured_step_and_stays_a_number_outside(capturing: None) -> None:
    plain, step = make_step("sgd"), make_step("sgd")
    take = fastest(step, BATCHES[0], lambda event: None)
    for rate, batch in zip((0.5, 0.0, 0.25), BATCHES, strict=False):
        for each in (plain, step):
            each.optimizer.param_groups[0]["lr"] = rate
        plain_state = torch.get_rng_state()
        plain(batch)
        torch.set_rng_state(plain_state)  # both draw the same dropout
        take(batch)
        assert step.optimizer.param_groups[0]["lr"] == rate
        assert isinstance(step.optimizer.param_groups[0]["lr"], float)
    assert_same(dict(step.model.state_dict()), dict(plain.model.state_dict()))


# -- a stage of them ------------------------------------------------------------------------------


def run(todo: Stage, **more: Any) -> tuple[Small, Any, list[Event]]:
    model = Small()
    progress, events = run_fit(model, Classification(), todo, **more)
    return model, progress, events


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("interval", [0.0, 0.1, 60.0])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stage_whose_steps_are_captured_and_read_late_ends_as_any_other(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, interval: float
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", interval)
    todo = stage(epochs=3, augment=True, optimizer=optimizer, learning_rate=RATE)
    plain, progress, events = run(todo)
    with monkeypatch.context() as patch:
        patch.setattr(Device, "runs_ahead", True)
        patch.setattr("engine.training.steps.capture", capture)
        model, late, found = run(todo)
    assert_same(dict(model.state_dict()), dict(plain.state_dict()))
    assert [(event.train, event.validation) for event in of(found, EpochEnded)] == [
        (event.train, event.validation) for event in of(events, EpochEnded)
    ]
    assert (late.total_steps, late.losses, late.rate) == (progress.total_steps, progress.losses, progress.rate)
    steps = [(event.epoch, event.step) for event in of(found, BatchEnded)]
    assert steps == sorted(set(steps))
    assert {(1, 3), (2, 3), (3, 3)} <= set(steps)  # the last of each epoch is told


def test_rates_are_told_with_the_steps_that_were_taken_at_them(
    capturing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    todo = stage(epochs=2, schedule="one-cycle", learning_rate=0.5)
    _, _, late = run(todo)
    monkeypatch.setattr(Device, "runs_ahead", False)
    _, _, events = run(todo)
    rates = [(event.epoch, event.step, event.learning_rate) for event in of(events, BatchEnded)]
    assert len(rates) == 6
    assert [(event.epoch, event.step, event.learning_rate) for event in of(late, BatchEnded)] == rates


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("asked", [1, 2, 4, 6, 7])  # each epoch asks at three steps and at its validation
def test_a_stage_of_captured_steps_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(
    capturing: None, optimizer: str, asked: int
) -> None:
    todo = stage(epochs=3, augment=True, optimizer=optimizer, learning_rate=RATE)
    whole, _, events = run(todo)
    keeper = Kept()
    _, progress, _ = run(todo, keeper=keeper, control=AskedAt(dict.fromkeys(range(asked, 99), Asked.STOP)))
    assert progress.ended == "stopped"
    launched = asked - 1 - (asked - 1) // 4
    assert 3 * (progress.epoch - 1) + progress.step == launched  # all of them are counted
    state = keeper.states[-1]
    assert json.loads(json.dumps(state.values["groups"]))[0]["lr"] == RATE
    resumed, _, after = run(todo, state=state)
    assert_same(dict(resumed.state_dict()), dict(whole.state_dict()))
    assert of(after, EpochEnded)[-1].train == of(events, EpochEnded)[-1].train


@pytest.fixture
def kept_metrics(monkeypatch: pytest.MonkeyPatch) -> list[LateMetrics]:
    made: list[LateMetrics] = []

    class Remembered(LateMetrics):
        def __init__(self, ahead: bool) -> None:
            super().__init__(ahead)
            made.append(self)

    monkeypatch.setattr("engine.training.loop.LateMetrics", Remembered)
    return made


def test_a_loss_that_is_no_number_ends_the_stage_also_where_it_is_read_late(
    capturing: None, kept_metrics: list[LateMetrics]
) -> None:
    losses = iter([1.0] * (WARM_UP_STEPS + 1) + [1.0, 1.0, math.nan] + [1.0] * 99)
    task = Watched(do_nothing, loss=lambda: next(losses))
    progress, events = run_fit(Small(), task, stage(epochs=9, batch_size=2), data=stage_data(training=12))
    assert progress.ended == "diverged"
    assert progress.epoch == 1
    assert not of(events, EpochEnded)
    assert not kept_metrics[0].waiting  # nothing is let go of while the device is at work on it


def test_a_stage_that_fails_lets_the_device_finish_what_was_launched(
    capturing: None, kept_metrics: list[LateMetrics]
) -> None:
    losses = itertools.count()
    task = Watched(do_nothing, loss=lambda: 1 / (WARM_UP_STEPS + 3 - next(losses)))
    with pytest.raises(ZeroDivisionError):
        run_fit(Small(), task, stage(batch_size=2), data=stage_data(training=12))
    assert not kept_metrics[0].waiting


def test_a_checkpoint_that_is_due_holds_every_step_that_was_launched(
    capturing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    monkeypatch.setattr("engine.training.loop.CHECKPOINT_SECONDS", 0.0)
    todo = stage(epochs=2, learning_rate=RATE, optimizer="adam")
    keeper = Kept()
    run(todo, keeper=keeper)
    for state in keeper.states[1:]:
        progress = state.progress
        steps = {float(value) for name, value in state.tensors.items() if name.endswith(".step")}
        assert steps == {3 * (progress.epoch - 1) + progress.step}
    assert len(keeper.states) > 4


# -- where it cannot be captured ------------------------------------------------------------------


def test_a_step_that_cannot_be_captured_is_told_and_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    todo = stage(epochs=2, augment=True, optimizer="adam", learning_rate=0.01)
    plain, _, events = run(todo)
    assert not of(events, Warned)
    monkeypatch.setattr(Device, "runs_ahead", True)  # so that CUDA is asked, and there is none
    model, progress, found = run(todo)
    assert progress.ended == "finished"
    (warning,) = of(found, Warned)
    assert "could not be recorded as one CUDA graph (" in warning.message
    assert "launched one by one: it computes the same, only slower." in warning.message
    assert_same(dict(model.state_dict()), dict(plain.state_dict()))


def test_where_memory_is_too_short_for_a_capture_the_advice_is_a_smaller_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*about: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    events: list[Event] = []
    monkeypatch.setattr(Device, "runs_ahead", True)
    monkeypatch.setattr("engine.training.steps.capture", fail)
    fastest(make_step("adam"), BATCHES[0], events.append)
    assert "A smaller batch or fewer kernels may allow it" in of(events, Warned)[0].message


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_capture_that_fails_half_way_leaves_the_step_as_it_was(
    monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    def fail(work: Callable[[], Tensor], *about: object) -> None:
        for _ in range(WARM_UP_STEPS):
            work()
        raise RuntimeError("operation not permitted when stream is capturing\nSearch for `cudaError…`")

    plain = make_step(optimizer)
    expected = [plain(batch) for batch in BATCHES]
    step = make_step(optimizer)
    events: list[Event] = []
    monkeypatch.setattr(Device, "runs_ahead", True)
    monkeypatch.setattr("engine.training.steps.capture", fail)
    take = fastest(step, BATCHES[0], events.append)
    assert take is step
    assert "(operation not permitted when stream is capturing)" in of(events, Warned)[0].message
    assert step.optimizer.param_groups[0]["lr"] == RATE
    assert torch.equal(torch.stack([take(batch) for batch in BATCHES]), torch.stack(expected))
