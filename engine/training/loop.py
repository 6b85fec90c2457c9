"""`fit`: the only training loop. An autoencoder and both stages of a classifier go through it.

One call trains one stage, from its beginning or from a checkpoint, and gives back how it ended. It looks
at `control` at every step, tells `emit` facts without waiting, and reads numbers off the device ten times
a second and at each epoch's end: drawing needs no more, and each reading makes a GPU wait.

Over 400 lines: each part of the loop depends on the state that all of them share.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.batches import DeviceImages
from engine.device import Device, is_out_of_memory
from engine.errors import RunError
from engine.protocol.control import Asked, AskedToEndError, Control
from engine.protocol.events import (
    BatchEnded,
    Continued,
    Emit,
    EpochEnded,
    MistakesCounted,
    OverfittingSeen,
    Paused,
    StageEnded,
    StageStarted,
    Warned,
)
from engine.protocol.states import DIVERGED, EARLY_STOPPED, FINISHED
from engine.training.late_metrics import LateMetrics
from engine.training.optimisation import make_optimizer, make_scheduler, optimizer_state, restore_optimizer
from engine.training.stage import ENDS, Keeper, Progress, Stage, StageData, TrainingState
from engine.training.steps import Step, fastest
from engine.training.tasks import Task

TELL_SECONDS = 0.1  # between two readings of the loss
CHECKPOINT_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between two looks at `control` while paused
MUCH_SLOWER = 2.0
"""So many times as long as before an epoch's steps take where it is told that the machine is busy."""
LONG_SECONDS = 3.0
"""Of an epoch whose steps took less, nobody needs to be told."""
OVERFITTING_RATIO = 1.5
OVERFITTING_EPOCHS = 3


def fit(
    model: nn.Module,
    task: Task,
    stage: Stage,
    data: StageData,
    *,
    device: Device,
    control: Control,
    emit: Emit,
    keeper: Keeper,
    state: TrainingState | None = None,
    before: Progress | None = None,
) -> Progress:
    """Train one stage and give back how far it came; `ended` says how.

    Args:
        model: on the device, its weights those to begin with.
        state: where to go on from; the stage begins at its first step without one.
        before: the progress of the stage before, whose totals are carried on.

    Raises:
        RunError: `state` is of another network, optimizer or schedule.
        StorageError: `keeper` cannot write.
    """
    loop = _Loop(model, task, stage, data, device, control, emit, keeper)
    if state is None:
        if before is not None:
            loop.progress.total_steps = before.total_steps
            loop.progress.total_step_seconds = before.total_step_seconds
        trainable = sum(weights.numel() for weights in loop.weights)
        emit(StageStarted(stage=stage.name, epochs=stage.epochs, steps=loop.steps, trainable=trainable))
        keeper.keep_state(loop.state())
    else:
        loop.restore(state)
    try:
        while not loop.progress.ended:
            loop.progress.ended = loop.train_epoch() or loop.end_epoch()
    finally:
        loop.late_metrics.finish()
    progress = loop.progress
    emit(
        StageEnded(
            stage=stage.name,
            state=progress.ended,
            epochs=progress.epoch - 1,
            best_epoch=progress.best_epoch,
            best_loss=progress.best_loss,
            seconds=progress.seconds + progress.step_seconds,  # of an epoch that was not completed too
        )
    )
    if progress.ended in (FINISHED, EARLY_STOPPED) and not progress.cut_short:
        keeper.keep_state(loop.state())
    return progress


def evaluate(
    model: nn.Module,
    task: Task,
    images: DeviceImages,
    indices: NDArray[np.int64],
    device: Device,
    control: Control | None = None,
    counts: list[Tensor] | None = None,
) -> dict[str, float]:
    """Means of a task's metrics over all those images, in eval mode; the model is left in the mode it was in.

    Args:
        counts: takes what of each batch was taken for what, where the task counts it: (classes, classes).

    Raises:
        AskedToEndError: `control` asks for the end of the run.
    """
    training = model.training
    model.eval()
    names: tuple[str, ...] = ()
    means: list[Tensor] = []
    sizes: list[int] = []
    try:
        with torch.inference_mode(), device.autocast():
            for outcome, size in images.each(indices, partial(task, model), control):
                names = tuple(outcome.metrics)
                means.append(torch.stack(tuple(outcome.metrics.values())))
                sizes.append(size)
                if counts is not None and outcome.confusion is not None:
                    counts.append(outcome.confusion)
            rows = torch.stack(means).tolist()  # read once: each reading makes a GPU wait
    finally:
        model.train(training)
    sums = [sum(value * size for value, size in zip(column, sizes, strict=True)) for column in zip(*rows, strict=True)]
    return {name: total / len(indices) for name, total in zip(names, sums, strict=True)}


class _Loop:
    """The parts of one stage in training, and its steps."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        stage: Stage,
        data: StageData,
        device: Device,
        control: Control,
        emit: Emit,
        keeper: Keeper,
    ) -> None:
        self.model, self.task, self.stage, self.data = model, task, stage, data
        self.device, self.control, self.emit, self.keeper = device, control, emit, keeper
        self.progress = Progress(stage=stage.name)
        # The last partial batch of an epoch is left out of training.
        self.steps = stage.steps or data.training // stage.batch_size
        self.weights = [weights for weights in model.parameters() if weights.requires_grad]
        self.optimizer = make_optimizer(stage.optimizer, self.weights, stage.learning_rate, stage.weight_decay)
        self.scheduler = make_scheduler(stage.schedule, self.optimizer, stage.learning_rate, stage.epochs * self.steps)
        torch.manual_seed(stage.seed)
        self.augmentation = torch.Generator(device.torch_device).manual_seed(stage.seed + 1)
        augmentation = self.augmentation if stage.augment else None
        self.step = Step(model, task, self.optimizer, data.images, device, augmentation)
        self.take: Callable[[Tensor], Tensor] | None = None  # the step, captured where that pays
        self.usual = stage.usual_seconds  # what a step takes while the machine is not busy
        self.told_busy = False
        self.late_metrics = LateMetrics(device.runs_ahead)
        self.since = 0.0  # when the steps that are read next began
        self.saved = time.monotonic()

    def train_epoch(self) -> str:
        """Take the rest of the epoch's steps; gives back how the stage ended, or nothing where it goes on."""
        progress, size = self.progress, self.stage.batch_size
        order = self.data.images.indices(self.data.order(progress.epoch))
        self.model.train()
        take = self.take = self.take or fastest(self.step, order[:size], self.emit)
        launched = progress.step
        told = self.since = time.perf_counter()
        while launched < self.steps:
            if self.control.asked() is not Asked.RUN:
                if not self._read(everything=True):
                    return DIVERGED
                if ended := self._wait():
                    return ended
                self.since = time.perf_counter()
            metrics = take(order[launched * size : (launched + 1) * size])
            self.late_metrics.add(metrics, self.optimizer.param_groups[0]["lr"])  # the schedule sets the next step's
            if self.scheduler.every_step:
                self.scheduler.step()
            launched += 1

            last = launched == self.steps
            if last or self.late_metrics.due(time.perf_counter() - told, TELL_SECONDS):
                if not self._read(everything=last):
                    return DIVERGED
                told = time.perf_counter()
                if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
                    if not self._read(everything=True):
                        return DIVERGED
                    self._save()
                if not self.late_metrics.waiting:  # the device has stood still meanwhile
                    self.since = time.perf_counter()
        return ""

    def end_epoch(self) -> str:
        """Validate, tell and keep what the epoch came to; gives back how the stage ended, if it did."""
        progress, stage = self.progress, self.stage
        begun = time.perf_counter()
        train = {name: total / self.steps for name, total in progress.sums.items()}
        counts: list[Tensor] = []
        try:
            validation = evaluate(
                self.model, self.task, self.data.images, self.data.validation, self.device, self.control, counts
            )
        except AskedToEndError:  # a resume begins with this validation
            return self._wait()
        if not math.isfinite(validation["loss"]):
            progress.step_seconds += time.perf_counter() - begun  # the epoch ends here, and its validation was work
            return DIVERGED
        rank = self.task.rank(validation)
        best = stage.keeps_last or not progress.best_rank or rank < progress.best_rank
        if best:
            progress.best_rank, progress.best_loss, progress.best_epoch = rank, validation["loss"], progress.epoch
        if not self.scheduler.every_step:
            self.scheduler.step(validation["loss"])
        waited = progress.epoch - progress.best_epoch
        each = progress.step_seconds / self.steps
        seconds = progress.step_seconds + time.perf_counter() - begun
        ended = EpochEnded(
            stage=stage.name,
            epoch=progress.epoch,
            train=train,
            validation=validation,
            seconds=seconds,
            ms_per_step=1000 * each,
            images_per_second=stage.batch_size / each,
            learning_rate=progress.rate,
            best=best,
            best_epoch=progress.best_epoch,
            best_loss=progress.best_loss or 0.0,
            patience_left=max(stage.patience - waited, 0) if stage.patience else None,
        )
        if best:
            self.keeper.keep_best(stage.name, self.model)
        self.emit(ended)
        if counts:
            rows = tuple(tuple(row) for row in torch.stack(counts).sum(0).tolist())
            self.emit(MistakesCounted(stage=stage.name, epoch=progress.epoch, counts=rows))
        progress.losses = [*progress.losses, (train["loss"], validation["loss"])][-OVERFITTING_EPOCHS - 1 :]
        self._look_at_machine(each, progress.step_seconds)
        if stage.alike and (sign := overfitting(progress.losses)):
            self.emit(OverfittingSeen(stage=stage.name, epoch=progress.epoch, message=sign))
        self.keeper.keep_epoch(self.model, ended)
        progress.seconds += seconds
        progress.epoch += 1
        progress.step, progress.sums, progress.step_seconds = 0, {}, 0.0
        if stage.patience and waited >= stage.patience:
            return EARLY_STOPPED
        if progress.epoch > stage.epochs:
            return FINISHED
        self._save()
        return ""

    def _look_at_machine(self, seconds: float, all_steps: float) -> None:
        """Tell, once, where the steps of an epoch took much longer, `seconds` each, than they did before."""
        usual = self.usual = min(self.usual or seconds, seconds)
        if seconds < MUCH_SLOWER * usual or all_steps < LONG_SECONDS or self.told_busy:
            return
        self.told_busy = True
        self.emit(Warned(message=busy(self.device, self.progress.epoch, seconds, usual)))

    def _read(self, *, everything: bool) -> bool:
        """Take metrics off the device and tell the last of them; False where one is not finite."""
        for rows, rate in self.late_metrics.read(everything):
            now = time.perf_counter()  # reading has waited for these steps, so they are all in it
            self.late_metrics.took(len(rows), now - self.since, TELL_SECONDS)
            if not self._tell(rows, rate, now - self.since):
                return False
            self.since = now
        return True

    def _tell(self, rows: list[list[float]], rate: float, seconds: float) -> bool:
        """Count steps that are done, which took so long, and tell the last; False where a loss is not finite."""
        progress, stage, names = self.progress, self.stage, self.step.names
        progress.step += len(rows)
        progress.rate = rate
        progress.step_seconds += seconds
        progress.total_step_seconds += seconds
        progress.total_steps += len(rows)
        for row in rows:
            for name, value in zip(names, row, strict=True):
                progress.sums[name] = progress.sums.get(name, 0.0) + value
        if not all(math.isfinite(row[names.index("loss")]) for row in rows):
            return False
        each = progress.step_seconds / progress.step
        self.emit(
            BatchEnded(
                stage=stage.name,
                epoch=progress.epoch,
                step=progress.step,
                steps=self.steps,
                metrics=dict(zip(names, rows[-1], strict=True)),
                learning_rate=progress.rate,
                ms_per_step=1000 * each,
                images_per_second=stage.batch_size / each,
                memory=self.device.memory(),
            )
        )
        return True

    def _wait(self) -> str:
        """Wait while paused; gives back how the run is to end, if it is. Either way the state is kept first."""
        self._save()
        if self.control.asked() is Asked.PAUSE:
            self.emit(Paused())
            while self.control.asked() is Asked.PAUSE:
                time.sleep(PAUSE_SECONDS)
            if self.control.asked() in (Asked.RUN, Asked.FINISH):
                self.emit(Continued())
        asked = self.control.asked()
        self.progress.cut_short = asked is Asked.FINISH
        return ENDS.get(asked, "")

    def _save(self) -> None:
        self.keeper.keep_state(self.state())
        self.saved = time.monotonic()

    def state(self) -> TrainingState:
        """The state as it is now."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        moments, groups = optimizer_state(self.optimizer)
        tensors |= moments
        tensors["random.cpu"] = torch.get_rng_state()
        tensors["random.augmentation"] = self.augmentation.get_state()
        if self.device.torch_device.type == "cuda":
            tensors["random.device"] = torch.cuda.get_rng_state(self.device.torch_device)
        values = {
            "progress": asdict(self.progress),
            "groups": groups,
            "scheduler": self.scheduler.state(),
        }
        return TrainingState(tensors, values)

    def restore(self, state: TrainingState) -> None:
        """Put everything back as it was.

        Raises:
            RunError: the state is of another network, optimizer or schedule.
        """
        try:
            self._restore(state)
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            if is_out_of_memory(error):
                raise
            first = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            raise RunError(
                f"The checkpoint does not fit what the run's spec.json asks for ({first}): restore the original "
                "spec.json, or start a new run."
            ) from error

    def _restore(self, state: TrainingState) -> None:
        self.progress = state.progress
        prefix = "model."
        weights = {name[len(prefix) :]: tensor for name, tensor in state.tensors.items() if name.startswith(prefix)}
        self.model.load_state_dict(weights)
        restore_optimizer(self.optimizer, state.tensors, state.values["groups"])
        self.scheduler.restore(state.values["scheduler"])
        torch.set_rng_state(state.tensors["random.cpu"])
        self._restore_augmentation(state.tensors["random.augmentation"])
        if "random.device" in state.tensors and self.device.torch_device.type == "cuda":
            torch.cuda.set_rng_state(state.tensors["random.device"], self.device.torch_device)

    def _restore_augmentation(self, state: Tensor) -> None:
        """Where its changes of images come from; on another kind of device, whose states differ, from elsewhere."""
        if state.shape == self.augmentation.get_state().shape:
            self.augmentation.set_state(state)
        else:
            steps = (self.progress.epoch - 1) * self.steps + self.progress.step
            self.augmentation.manual_seed(self.stage.seed + 1 + steps)


def busy(device: Device, epoch: int, seconds: float, usual: float) -> str:
    """That a step took `seconds` in an epoch, where it takes `usual` by itself, and what would help."""
    on_cpu = device.torch_device.type == "cpu"
    fewer = f" A run with fewer threads than {device.threads} is held up less." if on_cpu and device.threads > 1 else ""
    return (
        f"A step took {1000 * seconds:,.3g} ms in epoch {epoch:,}, against {1000 * usual:,.3g} ms before: other "
        f"programs are using the {'processor' if on_cpu else 'GPU'}. Pause the run until they are done.{fewer}"
    )


def trial_step(model: nn.Module, task: Task, stage: Stage, images: DeviceImages, device: Device) -> Step:
    """A step of a stage with an optimizer and random changes of its own, for what is tried before it begins."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = make_optimizer(stage.optimizer, weights, stage.learning_rate, stage.weight_decay)
    augmentation = torch.Generator(device.torch_device) if stage.augment else None
    return Step(model, task, optimizer, images, device, augmentation)


def overfitting(losses: list[tuple[float, float]]) -> str:
    """A sentence where the latest epochs' (training, validation) losses show overfitting, else nothing.

    Two signs, each over three epochs in a row, for a single one says little at a high learning rate: the
    validation loss rose while the training loss fell; or it was more than 1.5 times the training loss.
    """
    if len(losses) > OVERFITTING_EPOCHS and all(
        new[1] > old[1] and new[0] < old[0] for old, new in itertools.pairwise(losses)
    ):
        return f"Validation loss rose for {OVERFITTING_EPOCHS} epochs while training loss fell: a sign of overfitting."
    latest = losses[-OVERFITTING_EPOCHS:]
    if len(latest) == OVERFITTING_EPOCHS and all(
        validation > OVERFITTING_RATIO * training for training, validation in latest
    ):
        ratio = latest[-1][1] / latest[-1][0]
        return f"Validation loss is {ratio:.1f} times the training loss: a sign of overfitting."
    return ""
