"""What quick classifiers make of images that they have not learned from, for every image of a set: in folds.

A set is cut into parts, each class evenly. For each part a small network learns from the others and is asked about this
one. It goes through `fit`, as every training does, and keeps nothing: no part of it is worth a run. How long it learns
is short on purpose: a network that learns for long learns wrong labels by heart, and then doubts fewer of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.batches import DeviceImages
from engine.data.datasets import ImageSet
from engine.data.streaming import device_images
from engine.data.streams import FOLDS, generator
from engine.device import Device, compute_alone, is_out_of_memory
from engine.errors import RunError
from engine.network.architecture import Shape
from engine.network.classifier import network
from engine.protocol.control import Asked, AskedToEndError, Control
from engine.protocol.events import BatchEnded, EpochEnded, Event
from engine.protocol.states import DIVERGED, STOPPED
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from engine.training.loop import fit
from engine.training.stage import Stage, StageData, TrainingState
from engine.training.tasks import Classification

MANY = 5
"""Folds: four fifths of the images teach what is asked about the last fifth."""
EPOCHS = 2
LEAST_STEPS = 400
"""Of a fold: a small set is gone through several times."""
BATCH = 64
RATE, DECAY, SMOOTHING = 6e-3, 0.01, 0.05
LAYERS, KERNELS, UNITS = 6, "32", 64
"""Of the network: half of the layers are its encoder's, then come so many fully connected units."""
LARGEST = 64
"""Pixels of a side: of larger images the mean of neighbouring pixels is looked at."""
WATCHED = 256
"""Images by which each epoch is validated: only to notice a loss that is no number, for nothing is chosen."""

Told = Callable[[int, int], None]
"""Is told how many steps are taken, and of how many."""


def folds_of(labels: NDArray[np.uint8], seed: int, many: int = MANY) -> NDArray[np.int64]:
    """The fold of each image, 0 to `many` - 1, shape (n,): each class is spread over them evenly, drawn by the seed.

    Where one class ends the next one begins with the fold behind, so that folds differ by one image at most.
    """
    drawn = generator(seed, FOLDS)
    found, at = np.empty(len(labels), np.int64), 0
    for label in np.unique(labels):
        rows = drawn.permutation(np.flatnonzero(labels == label))
        found[rows] = (at + np.arange(len(rows))) % many
        at += len(rows)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """A quick classifier that is to be trained."""

    images: ImageSet
    resident: DeviceImages
    classes: int
    rows: NDArray[np.int64]  # what it learns from
    device: Device
    seed: int

    @property
    def batch(self) -> int:
        return min(BATCH, len(self.rows))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return math.ceil(max(EPOCHS * (len(self.rows) // self.batch), LEAST_STEPS) / EPOCHS)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """What an epoch trains on; a small set several times, each time in another order."""
        taken = np.zeros(len(self.images), bool)
        taken[self.rows] = True
        a_pass = len(self.rows) // self.batch * self.batch
        passes = math.ceil(self.steps * self.batch / a_pass)
        found = []
        for number in range((epoch - 1) * passes, epoch * passes):
            drawn = self.images.epoch_order(self.seed, number + 1)
            found.append(drawn[taken[drawn]][:a_pass])
        return np.concatenate(found)[: self.steps * self.batch]

    @property
    def stage(self) -> Stage:
        """What `fit` is to do."""
        return Stage(
            name="fold", epochs=EPOCHS, batch_size=self.batch, optimizer="adamw", learning_rate=RATE,
            weight_decay=DECAY, schedule="one-cycle", patience=0, seed=self.seed, steps=self.steps,
        )  # fmt: skip

    def network(self) -> nn.Module:
        """A classifier that has learned nothing, its weights drawn by the seed."""
        torch.manual_seed(self.seed)
        return self.device.place(_network(self.images.shape, self.classes))

    def trained(
        self, model: nn.Module, watched: NDArray[np.int64], control: Control, told: Callable[[int], None]
    ) -> nn.Module:
        """`model` with its last weights: which are best nobody could tell but by what is asked about."""

        def hear(event: Event) -> None:
            if isinstance(event, BatchEnded):
                told((event.epoch - 1) * self.steps + event.step)

        data = StageData(images=self.resident, order=self.order, training=len(self.rows), validation=watched[:WATCHED])
        ended = fit(
            model, Classification(SMOOTHING), self.stage, data,
            device=self.device, control=control, emit=hear, keeper=_NothingKept(),
        ).ended  # fmt: skip
        if ended == STOPPED:
            raise AskedToEndError
        if ended == DIVERGED:
            raise RunError("The loss of a quick classifier was no longer a finite number: try another seed.")
        return model


class _NothingKept:
    """See `engine.training.stage.Keeper`: only the answers are wanted."""

    def keep_best(self, stage: str, model: nn.Module) -> None:
        """See the class."""

    def keep_epoch(self, model: nn.Module, ended: EpochEnded) -> None:
        """See the class."""

    def keep_state(self, state: TrainingState) -> None:
        """See the class."""


class _Smaller(nn.Module):
    """A network that sees the mean of so many pixels across and down as one."""

    def __init__(self, model: nn.Module, side: int) -> None:
        super().__init__()
        self.pool, self.model = nn.AvgPool2d(side), model

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) in [0, 1] to logits."""
        found: Tensor = self.model(self.pool(images))
        return found


def _network(shape: Shape, classes: int) -> nn.Module:
    height, width, channels = shape
    side = max(min(math.ceil(max(height, width) / LARGEST), min(height, width) // 8), 1)
    seen = (height // side, width // side, channels)
    encoder = AutoencoderSpec(layers=LAYERS, kernels=KERNELS).settled(seen)
    spec = ClassifierSpec(encoder="-", fc_units=UNITS, dropout=0)
    model = network(spec, encoder, seen, classes)
    return model if side == 1 else _Smaller(model, side)


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in a sentence that memory does not suffice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunError("There is not enough memory for these images: choose a smaller --size.") from None


def out_of_fold(
    images: ImageSet, classes: int, device: Device, seed: int, control: Control, told: Told, many: int = MANY
) -> NDArray[np.float32]:
    """The probabilities of each class by a classifier that has not learned from the image, shape (n, classes).

    Args:
        images: with labels, at least four.
        classes: how many there are, some of which may have no image.
        device: where it is computed; on a processor as many folds at once as it has threads, each by one of them.
        seed: of folds, weights and orders.
        control: is looked at before each step.
        told: see `Told`; it is called by one thread at a time.
        many: folds.

    Raises:
        AskedToEndError: `control` asks for the end.
        RunError: a fold could not be trained.
    """
    assert images.labels is not None
    many = min(many, len(images))
    of_image = folds_of(images.labels, seed, many)
    found = np.empty((len(images), classes), np.float32)
    with _in_words():
        resident = device_images(images, device.torch_device, BATCH)
        folds = [
            _Fold(
                images=images, resident=resident, classes=classes, rows=np.flatnonzero(of_image != number),
                device=device, seed=seed + 1000 * number,
            )
            for number in range(many)
        ]  # fmt: skip
        # What is drawn is drawn here, for all threads draw from one generator: training itself draws nothing.
        models = [fold.network() for fold in folds]
        answers = _at_once(images, device, control, told, folds, models, of_image)
    for number, probabilities in enumerate(answers):
        found[of_image == number] = probabilities
    return found


def _at_once(
    images: ImageSet,
    device: Device,
    control: Control,
    told: Told,
    folds: Sequence[_Fold],
    models: Sequence[nn.Module],
    of_image: NDArray[np.int64],
) -> list[NDArray[np.float32]]:
    """What each of `models` answers about its fold, once it is trained.

    Threads of one step wait for each other at every operation, which takes for ever where another program has a core.
    Folds wait for nobody; and with one thread each they come to the same numbers wherever they are trained.
    """
    alone = device.torch_device.type != "cpu" or images.from_disk
    every = EPOCHS * sum(fold.steps for fold in folds)
    done, lock, ending = [0] * len(folds), Lock(), _Ending(control)

    def work(number: int) -> NDArray[np.float32]:
        if not alone:
            compute_alone()
        fold, held_out = folds[number], np.flatnonzero(of_image == number)

        def hear(step: int) -> None:
            with lock:
                done[number] = step
                told(sum(done), every)

        try:
            model = fold.trained(models[number], held_out, ending, hear)
            return _probabilities(model, fold.resident, held_out, device, ending)
        except BaseException:
            ending.over = True
            raise

    with ThreadPoolExecutor(1 if alone else max(min(device.threads, len(folds)), 1), "fold") as pool:
        waiting = [pool.submit(work, number) for number in range(len(folds))]
        try:
            wait(waiting, return_when=FIRST_EXCEPTION)
            failed = [one for one in waiting if one.done() and not isinstance(one.exception(), AskedToEndError | None)]
            return [one.result() for one in (*failed, *waiting)][len(failed) :]
        finally:  # Ctrl+C too, which the thread that waits hears of alone
            ending.over = True
            pool.shutdown(wait=True, cancel_futures=True)


class _Ending:
    """Control that also ends what is under way where something beside it has failed."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.over = False

    def asked(self) -> Asked:
        """See `Control`."""
        return Asked.STOP if self.over else self._control.asked()


def of_others(
    images: ImageSet, others: ImageSet, classes: int, device: Device, seed: int, control: Control, told: Told
) -> NDArray[np.float32]:
    """The probabilities of each class for `others`, by one classifier that has learned from all `images`.

    Shapes, arguments and errors are those of `out_of_fold`.
    """
    rows = np.arange(len(images))
    with _in_words():
        resident = device_images(images, device.torch_device, BATCH)
        fold = _Fold(images=images, resident=resident, classes=classes, rows=rows, device=device, seed=seed)
        if device.torch_device.type == "cpu":
            compute_alone()
        model = fold.trained(fold.network(), rows, control, lambda step: told(step, EPOCHS * fold.steps))
        asked = device_images(others, device.torch_device, BATCH)
        return _probabilities(model, asked, np.arange(len(others)), device, control)


def _probabilities(
    model: nn.Module, images: DeviceImages, rows: NDArray[np.int64], device: Device, control: Control
) -> NDArray[np.float32]:
    def answer(batch: Tensor, _: Tensor | None) -> NDArray[np.float32]:
        found: NDArray[np.float32] = model(batch).float().softmax(1).cpu().numpy()
        return found

    model.eval()
    with torch.inference_mode(), device.autocast():
        return np.concatenate([found for found, _ in images.each(rows, answer, control)])
