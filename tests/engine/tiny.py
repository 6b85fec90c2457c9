"""Work so small that it takes milliseconds: a few weights for `fit`, a few small images for whole runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.batches import DeviceImages
from engine.data.datasets import ImageSet
from engine.device import Device
from engine.network.autoencoder import ConvAutoencoder
from engine.protocol.control import Asked, Control, Flag
from engine.protocol.events import EpochEnded, Event
from engine.runs.checkpoint import write_model
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.classifier import ClassifierSpec
from engine.training.loop import fit
from engine.training.stage import Progress, Stage, StageData, TrainingState
from engine.training.tasks import Outcome, Task
from tests.idx import write_idx

SIDE, CLASSES = 8, 3
TRAINING, TEST = 60, 20
CPU = Device(torch.device("cpu"), "float32", 1)


def noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Images without two alike, shape (n, 8, 8, 1)."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8)


def classes(count: int) -> NDArray[np.uint8]:
    """A label for each of so many images."""
    return (np.arange(count) % CLASSES).astype(np.uint8)


# -- `fit` alone ----------------------------------------------------------------------------------


class Pixels(nn.Module):
    """One linear layer from pixels to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIDE * SIDE, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, 8, 8) to logits (n, 3)."""
        logits: Tensor = self.linear(images.flatten(1))
        return logits


class Watched:
    """A task that calls `look` with model and images first; losses are `loss` where given, else the task's own."""

    def __init__(
        self,
        look: Callable[[nn.Module, Tensor], None],
        task: Task | None = None,
        loss: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.look, self.task, self.loss = look, task, loss

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:
        """See `Task`: without one of its own, a loss that no weight has a part in."""
        self.look(model, images)
        if self.task is not None:
            return self.task(model, images, labels)
        nothing = torch.stack([weights.sum() for weights in model.parameters()]).sum() * 0
        return Outcome(nothing, {"loss": torch.tensor(self.loss())})

    def rank(self, validation: Mapping[str, float]) -> list[float]:
        """See `Task`: by the loss where it has no task of its own."""
        return [validation["loss"]] if self.task is None else self.task.rank(validation)


def do_nothing(*_: object) -> None:
    """Neither look nor hear."""


class Kept:
    """A keeper that remembers, and calls `wait` each time."""

    def __init__(self, wait: Callable[[], None] = lambda: None) -> None:
        self.wait = wait
        self.states: list[TrainingState] = []

    def keep_best(self, stage: str, model: nn.Module) -> None:
        """See `Keeper`."""
        self.wait()

    def keep_epoch(self, model: nn.Module, ended: EpochEnded) -> None:
        """See `Keeper`."""
        self.wait()

    def keep_state(self, state: TrainingState) -> None:
        """See `Keeper`: a copy, for tensors are the model's own."""
        tensors = {name: tensor.detach().clone() for name, tensor in state.tensors.items()}
        self.states.append(TrainingState(tensors, state.values))
        self.wait()


class AskedAt:
    """Control that answers with `answers`, one for each time it is asked, and goes on afterwards."""

    def __init__(self, answers: dict[int, Asked]) -> None:
        self.answers, self.times = answers, 0

    def asked(self) -> Asked:
        """See `Control`."""
        self.times += 1
        return self.answers.get(self.times, Asked.RUN)


def stage(**values: Any) -> Stage:
    """A stage of one epoch with plain gradient steps."""
    plain = {"epochs": 1, "batch_size": 4, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}
    own = {"name": "fine-tuning", "schedule": "constant", "patience": 0, "seed": 0}
    return Stage(**{**own, **plain, **values})


def stage_data(training: int = 12, validation: int = 6) -> StageData:
    """So many images to train on, in order, and the next ones to validate with."""
    count = training + validation
    images = DeviceImages(ImageSet(noise(count), classes(count)), CPU.torch_device)
    order = np.arange(training, dtype=np.int64)
    return StageData(images=images, order=lambda epoch: order, training=training, validation=np.arange(training, count))


def run_fit(
    model: nn.Module,
    task: Task,
    todo: Stage,
    *,
    data: StageData | None = None,
    device: Device = CPU,
    control: Control | None = None,
    keeper: Kept | None = None,
    state: TrainingState | None = None,
    before: Progress | None = None,
) -> tuple[Progress, list[Event]]:
    """What `fit` gives back, and what it tells."""
    events: list[Event] = []
    progress = fit(
        model, task, todo, data or stage_data(),
        device=device, control=control or Flag(), emit=events.append, keeper=keeper or Kept(), state=state,
        before=before,
    )  # fmt: skip
    return progress, events


# -- whole runs -----------------------------------------------------------------------------------


def write_files(folder: Path) -> dict[str, Path]:
    """Four IDX files of noise, by the names that specs give them."""
    return {
        "images": write_idx(folder / "images", noise(TRAINING)[..., 0]),
        "labels": write_idx(folder / "labels", classes(TRAINING)),
        "test_images": write_idx(folder / "test-images", noise(TEST, 1)[..., 0]),
        "test_labels": write_idx(folder / "test-labels", classes(TEST)),
    }


def tiny(files: dict[str, Path], **values: object) -> AutoencoderSpec:
    """An autoencoder of four layers with two kernels each, five numbers in between."""
    own = {
        "epochs": 2,
        "layers": 4,
        "kernels": 2,
        "downsamplings": 1,
        "latent": 5,
        "batch_size": 8,
        "device": "cpu",
        "threads": 1,
    }
    return parse(AutoencoderSpec, {**own, **files, **values})


def tiny_classifier(files: dict[str, Path], encoder: Path, **values: object) -> ClassifierSpec:
    """A classifier of one epoch frozen and one of fine-tuning, six steps each."""
    own = {
        "encoder": str(encoder),
        "frozen_epochs": 1,
        "finetune_epochs": 1,
        "fc_units": 8,
        "batch_size": 8,
        "threads": 1,
    }
    return parse(ClassifierSpec, {**own, "device": "cpu", **files, **values})


def write_encoder(path: Path, files: dict[str, Path]) -> Path:
    """A model file of an autoencoder that has learned nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ConvAutoencoder(tiny(files), (SIDE, SIDE, 1))
    write_model(path, model, dict(model.state_dict()))
    return path
