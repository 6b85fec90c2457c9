"""`fit` on a few weights: what a stage's settings do to steps, batches, rates and the times that are told."""

import itertools
import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.data.augmentation import UNCHANGED
from engine.device import Device, choose_device
from engine.protocol.control import Asked
from engine.protocol.events import BatchEnded, Continued, EpochEnded, Event, EventFormat, MistakesCounted, Paused
from engine.training.loop import evaluate
from engine.training.stage import Stage
from engine.training.tasks import CLASSES_COUNTED, Classification, Reconstruction, Task
from tests.engine.tiny import CPU, AskedAt, Kept, Pixels, Watched, do_nothing, noise, run_fit, stage, stage_data


@pytest.fixture(autouse=True)
def seeded_and_telling_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)


def as_batch(count: int) -> Tensor:
    return torch.from_numpy(noise(count)).permute(0, 3, 1, 2).float() / 255


# -- steps ----------------------------------------------------------------------------------------


def test_a_step_of_sgd_is_nesterov_s_with_momentum_and_weight_decay() -> None:
    model = Pixels()
    weights = model.linear.weight.detach().clone()
    data = stage_data()
    images, labels = data.images.batch(torch.arange(4))
    assert labels is not None
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(images), labels), model.linear.weight)
    run_fit(model, Classification(), stage(learning_rate=0.3, weight_decay=0.2), data=stage_data(training=4))
    decayed = gradient + 0.2 * weights
    assert torch.allclose(model.linear.weight, weights - 0.3 * (decayed + 0.9 * decayed), atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_weight_decay_pulls_weights_that_the_loss_leaves_alone_towards_zero(optimizer: str, decay: float) -> None:
    rate = 0.01
    model = Pixels()
    nn.init.uniform_(model.linear.weight, 0.2, 0.9)
    weights = model.linear.weight.detach().clone()
    todo = stage(optimizer=optimizer, learning_rate=rate, weight_decay=decay)
    run_fit(model, Watched(do_nothing), todo, data=stage_data(training=4))
    first = {
        "adam": rate * torch.ones_like(weights),  # a first step of Adam is as long as the rate, whatever the gradient
        "adamw": rate * decay * weights,
        "rmsprop": rate / math.sqrt(0.01) * torch.ones_like(weights),
        "sgd": rate * decay * 1.9 * weights,
    }[optimizer]
    assert torch.allclose(model.linear.weight, weights - first if decay else weights, atol=1e-5)


# -- rates ----------------------------------------------------------------------------------------


def rates(events: list[Event], kind: type[BatchEnded | EpochEnded]) -> list[float]:
    return [event.learning_rate for event in events if isinstance(event, kind)]


def plateau(epochs: int, **values: Any) -> Stage:
    return stage(epochs=epochs, schedule="reduce-on-plateau", learning_rate=0.8, **values)


def test_on_a_plateau_the_rate_halves_after_every_third_epoch_without_a_better_validation_loss() -> None:
    _, events = run_fit(Pixels(), Watched(do_nothing), plateau(8))
    assert rates(events, EpochEnded) == [0.8] * 4 + [0.4] * 3 + [0.2]
    steps = [0.8] * 4 + [0.4] * 3 + [0.2]
    assert rates(events, BatchEnded) == [rate for rate in steps for _ in range(3)]


def used_rates(todo: Stage) -> list[float]:
    """The rate of each step but the last: without a gradient AdamW leaves 1 - rate · decay of every weight."""
    seen: list[Tensor] = []

    def look(model: nn.Module, _: Tensor) -> None:
        if model.training:
            seen.append(model.get_parameter("linear.weight").detach().double())

    model = Pixels()
    nn.init.uniform_(model.linear.weight, 0.2, 0.9)
    run_fit(model, Watched(look), replace(todo, optimizer="adamw", weight_decay=0.5))
    return [2 * (1 - float((new / old).mean())) for old, new in itertools.pairwise(seen)]


def test_a_halved_rate_halves_the_steps() -> None:
    assert used_rates(plateau(7)) == pytest.approx([0.8] * 12 + [0.4] * 8, rel=1e-4)


def test_a_validation_loss_that_falls_keeps_the_rate() -> None:
    falling = itertools.count(1)
    _, events = run_fit(Pixels(), Watched(do_nothing, loss=lambda: 1 / next(falling)), plateau(8))
    assert set(rates(events, EpochEnded)) == {0.8}


@pytest.mark.parametrize("asked", [7, 11, 14])
def test_a_resumed_stage_remembers_how_long_it_has_been_on_a_plateau(asked: int) -> None:
    keeper = Kept()
    progress, before = run_fit(
        Pixels(),
        Watched(do_nothing),
        plateau(8),
        control=AskedAt(dict.fromkeys(range(asked, 99), Asked.STOP)),
        keeper=keeper,
    )
    assert progress.ended == "stopped"
    _, after = run_fit(Pixels(), Watched(do_nothing), plateau(8), state=keeper.states[-1])
    told = rates(before, BatchEnded) + rates(after, BatchEnded)
    assert told == [0.8] * 12 + [0.4] * 9 + [0.2] * 3


def test_a_constant_rate_stays_the_same_at_every_step() -> None:
    assert used_rates(stage(epochs=3, learning_rate=0.3)) == pytest.approx([0.3] * 8, rel=1e-4)


def test_one_cycle_rises_to_its_rate_and_falls_to_next_to_nothing() -> None:
    todo = stage(epochs=7, learning_rate=0.3, schedule="one-cycle")
    used = used_rates(todo)
    top = used.index(max(used))
    assert used[0] == pytest.approx(0.3 / 25, rel=1e-3)
    assert max(used) == pytest.approx(0.3, rel=0.01)
    assert used[: top + 1] == sorted(used[: top + 1])
    assert used[top:] == sorted(used[top:], reverse=True)
    assert used[-1] < 0.3 / 50
    _, events = run_fit(Pixels(), Watched(do_nothing), todo)
    told = rates(events, BatchEnded)  # each step's own, the last too, after which the schedule stands beyond its end
    assert told[:-1] == pytest.approx(used, rel=1e-2)
    assert told[-1] == rates(events, EpochEnded)[-1] < told[-2]


# -- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize("augment", [True, False])
def test_augmentation_changes_most_images_that_are_trained_on_and_none_that_is_validated_with(augment: bool) -> None:
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    task = Watched(lambda model, images: seen[model.training].append(images.clone()))
    run_fit(Pixels(), task, stage(epochs=2, augment=augment))
    originals = as_batch(18)
    assert torch.equal(torch.cat(seen[False]), originals[12:].repeat(2, 1, 1, 1))
    trained = torch.cat(seen[True]).reshape(2, *originals[:12].shape)
    if not augment:
        assert torch.equal(trained, originals[:12].expand_as(trained))
        return
    moved = (trained - originals[:12]).abs().amax((2, 3, 4))
    kept = int(4 * UNCHANGED)  # of each batch
    assert ((moved == 0).sum(1) == 3 * kept).all()
    assert ((moved > 0.05).sum(1) == 12 - 3 * kept).all()
    assert not torch.equal(trained[0], trained[1])  # another change in every epoch


@pytest.mark.parametrize(("asked", "step"), [(7, 2), (8, 3)])  # before the last step of the second epoch, and after it
def test_a_stage_stopped_in_an_augmented_epoch_or_its_validation_ends_as_if_it_had_not_been(
    asked: int, step: int
) -> None:
    todo = stage(epochs=3, augment=True, learning_rate=0.5)
    torch.manual_seed(1)
    begun = Pixels().state_dict()

    def model() -> Pixels:
        fresh = Pixels()
        fresh.load_state_dict(begun)
        return fresh

    whole, stopped, resumed, keeper = model(), model(), Pixels(), Kept()
    run_fit(whole, Classification(), todo)
    control = AskedAt(dict.fromkeys(range(asked, 99), Asked.STOP))
    progress, _ = run_fit(stopped, Classification(), todo, control=control, keeper=keeper)
    assert (progress.epoch, progress.step, progress.ended) == (2, step, "stopped")
    assert stopped.training
    again, events = run_fit(resumed, Classification(), todo, state=keeper.states[-1])
    assert (again.total_steps, again.ended) == (9, "finished")
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [2, 3]
    assert torch.equal(resumed.linear.weight, whole.linear.weight)
    assert torch.equal(resumed.linear.bias, whole.linear.bias)


# -- the best epoch ---------------------------------------------------------------------------------


def best_epochs(task: Task, validations: list[dict[str, float]], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The best epoch so far, after each."""
    found = iter(validations)
    monkeypatch.setattr("engine.training.loop.evaluate", lambda *_: next(found))
    _, events = run_fit(Pixels(), task, stage(epochs=len(validations)))
    return [event.best_epoch for event in events if isinstance(event, EpochEnded)]


def test_the_best_epoch_of_an_autoencoder_has_the_lowest_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    validations = [{"loss": loss} for loss in (0.5, 0.3, 0.4, 0.3, 0.2)]
    assert best_epochs(Watched(do_nothing), validations, monkeypatch) == [1, 2, 2, 2, 5]


def test_the_best_epoch_of_a_classifier_has_the_fewest_mistakes_and_then_the_lowest_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validations = [
        {"loss": loss, "accuracy": accuracy}
        for loss, accuracy in ((0.5, 0.9), (0.3, 0.8), (0.6, 0.9), (0.4, 0.9 + 1e-8), (0.9, 0.95), (0.1, 0.94))
    ]
    assert best_epochs(Classification(), validations, monkeypatch) == [1, 1, 1, 4, 5, 5]


# -- what was taken for what ----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 256])
def test_each_validation_counts_what_was_taken_for_what(batch: int) -> None:
    data, model = stage_data(training=12, validation=50), Pixels()
    data.images.evaluation_batch = batch
    _, events = run_fit(model, Classification(), stage(epochs=2), data=data)
    kinds = [type(event) for event in events if isinstance(event, EpochEnded | MistakesCounted)]
    assert kinds == [EpochEnded, MistakesCounted] * 2
    ended, counted = events[-3], events[-2]
    assert isinstance(ended, EpochEnded)
    assert isinstance(counted, MistakesCounted)
    images, labels = data.images.batch(torch.from_numpy(data.validation))
    assert labels is not None
    expected = [[0] * 3 for _ in range(3)]
    for true, predicted in zip(labels.tolist(), model(images).argmax(1).tolist(), strict=True):
        expected[true][predicted] += 1
    assert [list(row) for row in counted.counts] == expected
    assert (counted.stage, counted.epoch) == (ended.stage, ended.epoch) == ("fine-tuning", 2)
    right = sum(counted.counts[name][name] for name in range(3))
    assert right / 50 == pytest.approx(ended.validation["accuracy"])
    assert EventFormat.read(EventFormat.write(counted)) == counted


def test_counting_looks_at_no_image_twice() -> None:
    seen: list[int] = []
    task = Watched(lambda model, images: None if model.training else seen.append(len(images)), Classification())
    _, events = run_fit(Pixels(), task, stage())
    assert sum(seen) == 6
    assert any(isinstance(event, MistakesCounted) for event in events)


@pytest.mark.parametrize(("classes", "counted"), [(2, True), (CLASSES_COUNTED, True), (CLASSES_COUNTED + 1, False)])
def test_of_many_classes_nothing_is_counted_nor_in_training(classes: int, counted: bool) -> None:
    model, labels = nn.Linear(4, classes), torch.tensor([1, 0, 1])
    task = Classification()
    assert task(model.train(), torch.rand(3, 4), labels).confusion is None
    confusion = task(model.eval(), torch.rand(3, 4), labels).confusion
    assert (confusion is not None) is counted
    assert confusion is None or (confusion.shape == (classes, classes) and confusion.sum(1)[:2].tolist() == [1, 2])


def test_a_reconstruction_has_no_classes_to_count() -> None:
    task = Watched(do_nothing, Reconstruction())
    _, events = run_fit(nn.Sequential(nn.Conv2d(1, 1, 1)), task, stage())
    assert not any(isinstance(event, MistakesCounted) for event in events)


@pytest.mark.parametrize("counts", [[[1, 0]], [[1], [0, 1]], [[1, -1], [0, 1]], [1, 2], "no"])
def test_counts_that_are_no_square_of_counts_are_no_event(counts: object) -> None:
    line = json.dumps({"event": "MistakesCounted", "time": 1.0, "stage": "frozen", "epoch": 1, "counts": counts})
    assert EventFormat.read(line) is None


# -- precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_forward_passes_compute_in_the_precision_asked_for(precision: str, dtype: torch.dtype) -> None:
    seen: list[tuple[bool, torch.dtype]] = []
    model = Pixels()
    task = Watched(lambda model, images: seen.append((model.training, model(images).dtype)), Classification())
    run_fit(model, task, stage(), device=choose_device("cpu", precision))
    assert seen == [(True, dtype)] * 3 + [(False, dtype)]
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}


def test_losses_in_bfloat16_are_near_those_in_float32_but_not_the_same() -> None:
    data, model = stage_data(), Pixels()
    losses = [
        evaluate(model, Classification(), data.images, data.validation, Device(CPU.torch_device, precision, 1))["loss"]
        for precision in ("float32", "bfloat16")
    ]
    assert losses[1] != losses[0]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


# -- times ----------------------------------------------------------------------------------------


class Clock(SimpleNamespace):
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        super().__init__(now=1000.0)

    def perf_counter(self) -> float:
        return float(self.now)

    monotonic = perf_counter

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of training: a step takes a quarter of a second, all else takes much longer."""
    fake = Clock()
    monkeypatch.setattr("engine.training.loop.time", fake)
    return fake


def ticking(clock: Clock) -> Watched:
    """A step takes 0.25 s, a batch of validation 7 s."""
    return Watched(lambda model, _: clock.sleep(0.25 if model.training else 7))


@pytest.mark.parametrize("tell", [0.0, 0.1, 0.6])
def test_speeds_are_those_of_training_steps_alone(clock: Clock, monkeypatch: pytest.MonkeyPatch, tell: float) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", tell)
    monkeypatch.setattr("engine.training.loop.CHECKPOINT_SECONDS", 0.0)  # at every reading
    keeper = Kept(lambda: clock.sleep(30))
    progress, events = run_fit(Pixels(), ticking(clock), stage(epochs=3), keeper=keeper)
    assert (progress.total_steps, progress.total_step_seconds) == pytest.approx((9, 9 * 0.25))
    told = [event for event in events if isinstance(event, BatchEnded | EpochEnded)]
    assert len(told) > 3
    assert [event.ms_per_step for event in told] == pytest.approx([250] * len(told))
    assert [event.images_per_second for event in told] == pytest.approx([16] * len(told))
    ended = [event for event in told if isinstance(event, EpochEnded)]
    assert [event.seconds for event in ended] == pytest.approx([3 * 0.25 + 7] * 3)  # validation is an epoch's too


def test_a_pause_is_no_part_of_the_speed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 60.0)
    keeper = Kept(lambda: clock.sleep(30))
    control = AskedAt(dict.fromkeys(range(3, 200), Asked.PAUSE))
    progress, events = run_fit(Pixels(), ticking(clock), stage(), keeper=keeper, control=control)
    assert [type(event) for event in events if isinstance(event, Paused | Continued)] == [Paused, Continued]
    assert progress.total_step_seconds == pytest.approx(3 * 0.25)
    assert next(event for event in events if isinstance(event, EpochEnded)).ms_per_step == pytest.approx(250)


def test_a_second_stage_adds_its_steps_to_those_of_the_first(clock: Clock) -> None:
    first, _ = run_fit(Pixels(), ticking(clock), stage(name="frozen", epochs=2))
    second, _ = run_fit(Pixels(), ticking(clock), stage(), before=first)
    assert (second.total_steps, second.total_step_seconds) == pytest.approx((9, 9 * 0.25))
    assert second.seconds == pytest.approx(3 * 0.25 + 7)


def test_a_resumed_stage_goes_on_counting_its_steps(clock: Clock) -> None:
    keeper = Kept(lambda: clock.sleep(30))
    control = AskedAt(dict.fromkeys(range(6, 99), Asked.STOP))
    run_fit(Pixels(), ticking(clock), stage(epochs=3), keeper=keeper, control=control)
    clock.sleep(10_000)
    progress, events = run_fit(Pixels(), ticking(clock), stage(epochs=3), state=keeper.states[-1])
    assert (progress.total_steps, progress.total_step_seconds) == pytest.approx((9, 9 * 0.25))
    assert {round(event.ms_per_step, 6) for event in events if isinstance(event, BatchEnded | EpochEnded)} == {250}
