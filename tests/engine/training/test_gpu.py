"""What only a CUDA device can show: that a step is recorded there, computes the same, waits for nothing and goes on.

Each test runs the real code on the real device; what a CPU can show of it is in test_steps.py.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import jobs
from engine.data.batches import DeviceImages
from engine.data.datasets import ImageSet
from engine.data.noise import Noise
from engine.device import Device, choose_device
from engine.network.autoencoder import ConvAutoencoder
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, Warned
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.noise import MIXED, USUAL_AMOUNTS
from engine.training.optimisation import make_optimizer
from engine.training.stage import Stage, StageData
from engine.training.steps import CapturedStep, Step, fastest
from engine.training.tasks import Classification, Reconstruction, Task
from tests.engine.conftest import small
from tests.engine.tiny import AskedAt, Kept, Watched, classes, noise, run_fit, stage
from tests.engine.training.test_steps import Small

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
KINDS = ("eager", "compiled", "captured")
TRAINING = 48


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    """Algorithms that give the same numbers twice, so that what differs is what is tested."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    yield
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


def cuda(precision: str = "float32") -> Device:
    return choose_device("cuda", precision)


def data(device: Device, count: int = TRAINING + 12) -> StageData:
    images = DeviceImages(ImageSet(noise(count), classes(count)), device.torch_device)
    order = np.arange(TRAINING, dtype=np.int64)
    return StageData(
        images=images,
        order=lambda epoch: np.roll(order, epoch),
        training=TRAINING,
        validation=np.arange(TRAINING, count),
    )


def autoencoder() -> nn.Module:
    """The default network, small, with dropout: it draws from the device's own generator."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        spec = preset(AutoencoderSpec, "recommended", layers=6, kernels=8, dropout=0.2)
        return ConvAutoencoder(spec, (8, 8, 1))


WORK: dict[str, tuple[Callable[[], nn.Module], Callable[[], Task], bool]] = {
    "autoencoder": (autoencoder, Reconstruction, False),
    "classifier": (Small, lambda: Classification(0.1), True),
}


def make_step(work: str, optimizer: str, device: Device) -> Step:
    model, task, augment = WORK[work]
    placed = device.place(model()).train()
    torch.manual_seed(4)
    generator = torch.Generator(device.torch_device).manual_seed(5) if augment else None
    chosen = make_optimizer(optimizer, list(placed.parameters()), 1e-3, 1e-3)
    return Step(placed, task(), chosen, data(device).images, device, generator)


def batches(device: Device, count: int) -> list[Tensor]:
    return [torch.arange(8, device=device.torch_device) + start for start in range(count)]


def untold(event: Event) -> None:
    pytest.fail(f"nothing was to be told: {event}")


def losses(kind: str, work: str, optimizer: str, device: Device) -> Tensor:
    """Of twelve steps taken that way."""
    step = make_step(work, optimizer, device)
    take: Callable[[Tensor], Tensor] = step
    if kind == "compiled":
        step.model.compile(dynamic=False)
    if kind == "captured":
        take = fastest(step, batches(device, 1)[0], untold)
        assert isinstance(take, CapturedStep)
    return torch.stack([take(batch)[0] for batch in batches(device, 12)]).cpu()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("work", sorted(WORK))
def test_captured_steps_agree_with_eager_ones(work: str, optimizer: str, precision: str) -> None:
    device = cuda(precision)
    eager, captured = (losses(kind, work, optimizer, device) for kind in ("eager", "captured"))
    assert torch.allclose(captured, eager, rtol=2e-3 if precision == "float32" else 2e-2)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_compiled_steps_agree_with_eager_ones(optimizer: str) -> None:
    device = cuda()
    # Dropout and augmentation draw in another order once compiled: what draws nothing is compared.
    eager, compiled = (plain_losses(kind, optimizer, device) for kind in ("eager", "compiled"))
    assert torch.allclose(compiled, eager, rtol=1e-2)


def plain_losses(kind: str, optimizer: str, device: Device) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = device.place(ConvAutoencoder(preset(AutoencoderSpec, "recommended", layers=6, kernels=8), (8, 8, 1)))
    chosen = make_optimizer(optimizer, list(model.parameters()), 1e-3, 0.0)
    step = Step(model.train(), Reconstruction(), chosen, data(device).images, device, None)
    if kind == "compiled":
        model.compile(dynamic=False)
    return torch.stack([step(batch)[0] for batch in batches(device, 12)]).cpu()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_capturing_changes_neither_weights_nor_moments_nor_random_states(optimizer: str) -> None:
    device = cuda()
    step = make_step("classifier", optimizer, device)
    assert step.augmentation is not None
    step(batches(device, 1)[0])
    tensors = [*step.model.state_dict().values(), *(v for s in step.optimizer.state.values() for v in s.values())]
    before = [tensor.clone() for tensor in tensors]
    drawn = torch.get_rng_state(), torch.cuda.get_rng_state(), step.augmentation.get_state()
    fastest(step, batches(device, 1)[0], untold)
    assert all(torch.equal(tensor, value) for tensor, value in zip(tensors, before, strict=True))
    after = torch.get_rng_state(), torch.cuda.get_rng_state(), step.augmentation.get_state()
    assert all(torch.equal(one, other) for one, other in zip(after, drawn, strict=True))


@pytest.mark.parametrize("kind", ["eager", "captured"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_step_waits_for_the_device(optimizer: str, kind: str) -> None:
    device = cuda()
    step = make_step("classifier", optimizer, device)
    todo = batches(device, 6)
    take = fastest(step, todo[0], untold) if kind == "captured" else step
    take(todo[0])
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in todo:
            take(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_every_replay_draws_other_random_numbers() -> None:
    device = cuda()
    step = make_step("classifier", "sgd", device)
    step.optimizer.param_groups[0]["lr"] = 0.0
    take = fastest(step, batches(device, 1)[0], untold)
    same = batches(device, 1)[0]
    found = torch.stack([take(same)[0] for _ in range(4)]).cpu()
    assert len(set(found.tolist())) == 4


@pytest.mark.parametrize("kind", sorted(USUAL_AMOUNTS))
def test_a_step_with_noise_is_recorded_waits_for_nothing_and_draws_it_anew(kind: str) -> None:
    device = cuda()
    model = device.place(ConvAutoencoder(preset(AutoencoderSpec, "recommended", layers=6, kernels=8), (8, 8, 1)))
    task = Reconstruction(Noise(kind, USUAL_AMOUNTS[kind]))
    chosen = make_optimizer("sgd", list(model.parameters()), 0.0, 0.0)
    step = Step(model.train(), task, chosen, data(device).images, device, None)
    batch = batches(device, 1)[0]
    take = fastest(step, batch, untold)
    assert isinstance(take, CapturedStep)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = [take(batch)[0] for _ in range(4)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len({loss.item() for loss in found}) == 4


@pytest.mark.parametrize("kind", [*sorted(USUAL_AMOUNTS), MIXED])
def test_fixed_noise_is_the_same_on_the_device(kind: str) -> None:
    images = torch.from_numpy(noise(50)).permute(0, 3, 1, 2).float() / 255
    fixed = Noise(kind, USUAL_AMOUNTS.get(kind, 0.0))
    torch.testing.assert_close(fixed.fixed(images.cuda(), 3).cpu(), fixed.fixed(images, 3), rtol=0, atol=1e-5)


# -- whole stages ---------------------------------------------------------------------------------


def todo(**values: Any) -> Stage:
    return stage(
        **{"epochs": 3, "batch_size": 8, "optimizer": "adam", "learning_rate": 1e-3, "augment": True, **values}
    )


def run(what: Stage, device: Device, **more: Any) -> tuple[nn.Module, Any, list[Event]]:
    model = device.place(Small())
    progress, events = run_fit(model, Classification(), what, data=data(device), device=device, **more)
    return model, progress, events


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "reduce-on-plateau"])
def test_a_stage_is_recorded_without_a_warning_and_agrees_with_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    device = cuda()
    _, _, captured = run(todo(schedule=schedule), device)
    assert not [event for event in captured if isinstance(event, Warned)]
    monkeypatch.setattr("engine.training.loop.fastest", lambda step, indices, emit: step)
    _, _, eager = run(todo(schedule=schedule), device)
    for one, other in zip(
        (event for event in captured if isinstance(event, EpochEnded)),
        (event for event in eager if isinstance(event, EpochEnded)),
        strict=True,
    ):
        assert one.train["loss"] == pytest.approx(other.train["loss"], rel=1e-2)
        assert one.validation["loss"] == pytest.approx(other.validation["loss"], rel=1e-2)
        assert one.learning_rate == other.learning_rate


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stopped_stage_goes_on_from_its_state(optimizer: str) -> None:
    device, what = cuda(), todo(optimizer=optimizer)
    whole, _, events = run(what, device)
    keeper = Kept()
    _, progress, _ = run(what, device, keeper=keeper, control=AskedAt(dict.fromkeys(range(10, 99), Asked.STOP)))
    assert (progress.ended, progress.epoch, progress.step) == ("stopped", 2, 2)
    resumed, _, after = run(what, device, state=keeper.states[-1])
    for name, tensor in resumed.state_dict().items():
        assert torch.allclose(tensor.float(), whole.state_dict()[name].float(), rtol=1e-3, atol=1e-5), name
    last, expected = ([e for e in found if isinstance(e, EpochEnded)][-1] for found in (after, events))
    assert last.train["loss"] == pytest.approx(expected.train["loss"], rel=1e-3)


def test_a_step_that_waits_for_the_device_cannot_be_recorded_and_is_taken_as_it_is() -> None:
    device = cuda()
    task = Watched(lambda model, images: images.sum().item(), Classification())  # type: ignore[arg-type]  # a measure is enough here
    model = device.place(Small())
    progress, events = run_fit(model, task, todo(), data=data(device), device=device)
    assert progress.ended == "finished"  # dropout and augmentation still draw, after a capture that failed
    (warning,) = [event for event in events if isinstance(event, Warned)]
    assert "could not be recorded as one CUDA graph" in warning.message


def test_after_a_capture_that_failed_memory_is_given_back_and_the_next_one_succeeds() -> None:
    device = cuda()
    task = Watched(lambda model, images: images.sum().item(), Classification())  # type: ignore[arg-type]  # a measure is enough here
    run_fit(device.place(Small()), task, todo(), data=data(device), device=device)
    torch.cuda.empty_cache()  # torch refuses while it believes that a capture is on
    _, _, events = run(todo(), device)
    assert not [event for event in events if isinstance(event, Warned)]


def test_the_memory_of_a_recorded_step_is_free_again_after_its_stage() -> None:
    device = cuda()
    run(todo(), device)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    run(todo(), device)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() <= before + (1 << 20)


# -- whole runs -----------------------------------------------------------------------------------


def test_a_run_that_needs_more_memory_than_there_is_says_what_to_try(home: Home, files: dict[str, Path]) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(64e6 / torch.cuda.get_device_properties(0).total_memory)
    try:
        spec = small(files, device="cuda", kernels=256, layers=10, batch_size=512)
        result = jobs.start(home, spec, lambda event: None, Flag())
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.state == "failed"
    assert result.message.startswith("The cuda is out of memory at batch size 512: try 256")


def test_a_run_trains_on_the_device_and_learns(home: Home, files: dict[str, Path]) -> None:
    events: list[Event] = []
    result = jobs.start(home, small(files, device="cuda", epochs=4), events.append, Flag())
    assert result.state == "finished"
    assert result.device.startswith("cuda · ")
    found = [event.train["loss"] for event in events if isinstance(event, EpochEnded)]
    assert found[-1] < found[0]
    assert os.environ.get("CUDA_LAUNCH_BLOCKING") != "1"  # else nothing here ran ahead
