"""Whole pieces of work, from spec to result: load, build, fit, evaluate, write.

The app (through its runner) and the command line both call these functions, and neither has a copy of
what they do. `start` is `create`, which checks everything and makes the run directory, and then the same
road that `resume` takes, from the first step instead of from a checkpoint.
"""

import logging
import math
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.batches import DeviceImages
from engine.data.streaming import device_images
from engine.device import cores
from engine.errors import EngineError, ModelFileError, RunError
from engine.jobs.ending import best_weights, end_early, fail, finish_whole
from engine.kinds import kind_of
from engine.network.network import Network
from engine.preparation import create, reopen, with_threads, write_threads
from engine.protocol.control import Asked, Control, Flag, RunControl
from engine.protocol.events import Emit, Resumed, RunStarted, Warned
from engine.protocol.states import (
    EARLY_STOPPED,
    FINISHED,
    QUEUED,
    RUNNING,
)
from engine.results.result import Result
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.finishing import FinishesWhole, check_can_finish
from engine.runs.prepared import Prepared
from engine.runs.recorder import Checkpoint, Recorder, best_file, list_checkpoints, read_checkpoint
from engine.runs.spec_file import check_unchanged
from engine.runs.status import RunStatus
from engine.specs.base import Spec
from engine.text import counted
from engine.training.loop import fit, trial_step
from engine.training.stage import ENDS, Progress, Stage, StageData
from engine.training.steps import undone
from engine.training.threads import Chosen, fastest_number

log = logging.getLogger("cae_tui.engine")


# -- beginning ------------------------------------------------------------------------------------


def start(home: Home, spec: Spec, emit: Emit, flag: Flag) -> Result:
    """Run `spec` from the beginning and give back the run's result, partial where it was stopped.

    Raises:
        EngineError: it cannot begin. Once `RunStarted` is told, what goes wrong is told by `RunEnded`.
    """
    return begin(create(home, spec), emit, flag)


def resume(run: RunDirectory, emit: Emit, flag: Flag) -> Result:
    """Take a run up where its last checkpoint left it, and give back its result.

    Raises:
        EngineError: it is complete, busy, or its data are not the ones it began with.
    """
    check_resumable(run)
    return begin(reopen(run), emit, flag)


def finish(run: RunDirectory, emit: Emit, flag: Flag) -> Result:
    """Evaluate the best weights of a run that was stopped or cut off, which ends it for good; gives back its result.

    Raises:
        EngineError: it is complete, busy, or has nothing to evaluate, or its data are not the ones it began with.
    """
    check_can_finish(run)
    check_resumable(run)
    if not list_checkpoints(run):
        raise RunError(
            f"Run {run.id} no longer has a checkpoint, so it cannot be finished: `cae-tui resume {run.id}` trains it "
            "from the beginning."
        )
    flag.ask(Asked.FINISH)
    return begin(reopen(run, "finish"), emit, flag)


def check_resumable(run: RunDirectory) -> None:
    """Refuse a run that has nothing left to do, or that a process is doing.

    Raises:
        RunError: it is complete or busy.
    """
    status = run.read_status()
    if run.is_held():
        raise RunError(f"Run {run.id} is {status.state}: follow it with `cae-tui watch {run.id}`.")
    if not status.resumable and status.state != QUEUED:
        raise RunError(f"Run {run.id} is {status.state}: there is nothing left to resume.")


# -- training -------------------------------------------------------------------------------------


def begin(prepared: Prepared, emit: Emit, flag: Flag) -> Result:
    """Train, evaluate and write what `create` or `reopen` made ready, holding the run's lock; gives back its result."""
    with prepared.run.locked():
        prepared.run.sweep()
        control = RunControl(flag, prepared.run.control)
        found = read_checkpoint(prepared.run)
        if found is not None:
            check_unchanged(prepared.run, prepared.spec, found.state.progress.stage, found.state.values.get("spec"))
        status, offset = (found.status, found.offset) if found else (_fresh(prepared.run.read_status()), 0)
        # What there is of an end: it was killed before that was written down.
        for of_an_end in (prepared.run.result, prepared.run.predictions):
            with suppress(OSError):
                prepared.run.remove(of_an_end)
        recorder = Recorder(prepared.run, emit, status, offset, prepared.spec.model_dump(mode="json"), control)
        begun = "resumed" if found else "begun"
        log.info(
            "run %s %s: %s on %s, torch %s", prepared.run.id, begun, prepared.spec.kind,
            prepared.device.description, torch.__version__,
        )  # fmt: skip
        try:
            known = _epochs_of_best(prepared.run, found.state.progress.stage) if found else 0
            result = _train(prepared, recorder, FinishesWhole(control, lambda: recorder.status.epoch, known), found)
        except Exception as error:  # whatever it is, the run's files must say how it ended
            if not isinstance(error, EngineError):
                log.exception("run %s failed", prepared.run.id)
            result = fail(prepared, recorder, error)
        finally:
            recorder.close()
    return result


def _epochs_of_best(run: RunDirectory, stage: str) -> int:
    """After how many epochs of the run the best weights of a stage were written; 0 where that is not known."""
    try:
        epochs = read_tensors(best_file(run, stage))[1].get("epochs")
    except ModelFileError:  # there are none yet; where they are damaged, that is told when they are needed
        return 0
    return epochs if isinstance(epochs, int) else 0


def _fresh(status: RunStatus) -> RunStatus:
    """`status` without what was done before: a run that has no checkpoint begins with its first step."""
    return replace(
        status, stage="", epoch=0, best_epoch=0, best_stage="", best_loss=None, last_loss=None, last_train_loss=None,
        measures={}, seconds=0.0,
    )  # fmt: skip


def _train(prepared: Prepared, recorder: Recorder, control: Control, found: Checkpoint | None) -> Result:
    prepared.device.settle()
    spec, device = prepared.spec, prepared.device
    recorder.write_status(state=RUNNING, process=os.getpid(), host=platform.node(), message="")
    torch.manual_seed(spec.seed)
    kind = kind_of(spec)
    model = kind.build(prepared)
    device.place(model)
    images, usual = None, None
    if found is None and spec.threads == "auto" and device.torch_device.type == "cpu":
        with suppress(RuntimeError, MemoryError, EngineError):  # what does not work is told once the run itself does it
            images = device_images(prepared.data.train, device.torch_device, spec.batch_size)
            chosen = _fastest(prepared, model, images, control)
            prepared, usual = with_threads(prepared, chosen.threads), chosen.seconds
            spec, device = prepared.spec, prepared.device
        device.settle()
    if found is None:
        recorder.emit(_run_started(prepared))
        for sentence in (*prepared.remarks, *_on_threads(prepared)):
            recorder.emit(Warned(message=sentence))
        if device.torch_device.type == "cpu":
            recorder.with_room(lambda: write_threads(prepared))
            recorder.spec = spec.model_dump(mode="json")
    else:
        _take_up(prepared, recorder, found)
    if prepared.note:
        recorder.emit(Warned(message=prepared.note))
    if images is None:
        images = device_images(prepared.data.train, device.torch_device, spec.batch_size)

    data = StageData(
        images=images, order=_orders(prepared), training=len(prepared.training), validation=prepared.validation
    )
    recorder.steps = spec.steps_of(len(prepared.training))
    recorder.samples = kind.samples(prepared, images)
    recorder.baseline = kind.baseline(prepared)

    names = [name for name, _ in spec.stages]
    state = found.state if found else None
    before = state.progress if state else None
    progress = before or Progress(stage=names[0])
    for name in names[names.index(progress.stage) :]:
        if state is None and before is not None and control.asked() is Asked.FINISH:  # between two stages
            before.cut_short, before.ended = True, EARLY_STOPPED
            break
        stage = replace(stage_of(spec, name), usual_seconds=usual if name == names[-1] else None)
        kind.enter(model, name)
        if state is None or not state.progress.ended:
            progress = fit(
                model, kind.task(prepared), stage, data,
                device=device, control=control, emit=recorder.emit, keeper=recorder, state=state, before=before,
            )  # fmt: skip
        if progress.ended not in (FINISHED, EARLY_STOPPED):
            return end_early(prepared, recorder, model, progress)
        before, state = progress, None
        model.load_state_dict(read_tensors(best_weights(prepared, progress))[0])
        if progress.cut_short:
            break
    if control.asked().ends:
        progress.ended = ENDS[control.asked()]
        return end_early(prepared, recorder, model, progress, "before it was evaluated")
    return finish_whole(prepared, recorder, model, progress, images, control)


def _fastest(prepared: Prepared, model: Network, images: DeviceImages, control: Control) -> Chosen:
    """The number of threads that a step of the last stage of training, which is the largest, is fastest with now.

    Nothing of the run is changed by it: weights and statistics are put back, and at a rate of 0 they do not move.
    """
    spec, device = prepared.spec, prepared.device
    kind, (last, _) = kind_of(spec), spec.stages[-1]
    kind.enter(model, last)
    model.train()
    stage = replace(stage_of(spec, last), learning_rate=0.0)
    indices = images.indices(prepared.training)[: spec.batch_size]
    step = trial_step(model, kind.task(prepared), stage, images, device)
    steps = spec.steps_of(len(prepared.training)) * sum(epochs for _, epochs in spec.stages)

    def take(threads: int) -> None:
        torch.set_num_threads(threads)
        step(indices)

    with undone(step):
        return fastest_number(device.threads, take, steps, lambda: control.asked() is Asked.RUN)


def _on_threads(prepared: Prepared) -> list[str]:
    """A sentence where more threads were asked for than there are cores."""
    threads, there_are = prepared.device.threads, cores()
    if prepared.device.torch_device.type != "cpu" or prepared.spec.threads == "auto" or threads <= there_are:
        return []
    return [
        f"{threads:,} threads were asked for, and there {'is' if there_are == 1 else 'are'} "
        f"{counted(there_are, 'core')} here: threads then wait for each other. `--threads auto` finds the fastest "
        "number."
    ]


def _orders(prepared: Prepared) -> Callable[[int], NDArray[np.int64]]:
    """What each epoch (from 1) trains on, in order: all training images once, or as many as its steps take.

    An epoch that takes more than there are goes through them several times, each time in another order.
    """
    spec = prepared.spec
    taken = spec.images_of(len(prepared.training))
    # Of fewer images than a batch takes, a batch takes each several times.
    a_pass = len(prepared.training) // spec.batch_size * spec.batch_size or len(prepared.training)
    passes = 1 if taken <= len(prepared.training) else math.ceil(taken / a_pass)

    def shuffled(number: int) -> NDArray[np.int64]:
        order = prepared.data.train.epoch_order(spec.seed, number)
        kept: NDArray[np.int64] = order[np.isin(order, prepared.training)]
        return kept

    def order(epoch: int) -> NDArray[np.int64]:
        if passes == 1:
            return shuffled(epoch)[:taken]
        several = range((epoch - 1) * passes, epoch * passes)
        return np.concatenate([shuffled(number + 1)[:a_pass] for number in several])[:taken]

    return order


def _take_up(prepared: Prepared, recorder: Recorder, found: Checkpoint) -> None:
    """Tell that the run goes on, and what of its files was damaged: it is no part of the run any more."""
    if recorder.lost:
        recorder.emit(_run_started(prepared))  # what every view begins with may be among it
    at = found.state.progress
    recorder.under_way = at.step_seconds
    recorder.emit(_resumed(prepared, at))
    if recorder.lost:
        events = prepared.run.at_home(prepared.run.events)
        lost = f"{events} was damaged: {recorder.lost} of the run's log are lost, but no weights."
        recorder.emit(Warned(message=lost))
    for path in found.damaged:
        recorder.emit(
            Warned(
                message=f"{prepared.run.at_home(path)} is damaged and was deleted: the run continues from the previous "
                "checkpoint."
            )
        )
        prepared.run.remove(path)


def _resumed(prepared: Prepared, at: Progress) -> Resumed:
    """Where a run goes on that was at `at`: behind a stage's end comes the next stage, or the evaluation."""
    names = [name for name, _ in prepared.spec.stages]
    later = names[names.index(at.stage) + 1 :]
    if at.ended and later:
        at = Progress(stage=later[0])
    trained = bool(at.ended)
    return Resumed(stage=at.stage, epoch=at.epoch, step=at.step, device=prepared.device.description, trained=trained)


def stage_of(spec: Spec, name: str) -> Stage:
    """What `fit` is to do in the stage of that name."""
    names = [stage for stage, _ in spec.stages]
    return Stage(
        name=name,
        epochs=dict(spec.stages)[name],
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        learning_rate=spec.rate_of(name),
        weight_decay=spec.weight_decay,
        schedule=spec.schedule,
        patience=0 if spec.keeps_last else spec.patience,
        keeps_last=spec.keeps_last,
        seed=spec.seed + 1000 * names.index(name),
        steps=spec.steps_per_epoch,
        augment=spec.augments(name),
        alike=spec.validates_alike(name),
    )


def _run_started(prepared: Prepared) -> RunStarted:
    spec, data, plan = prepared.spec, prepared.data, prepared.plan
    return RunStarted(
        run=prepared.run.id,
        kind=spec.kind,
        title=spec.title,
        stages=tuple(name for name, _ in spec.stages),
        epochs=tuple(epochs for _, epochs in spec.stages),
        batch_size=spec.batch_size,
        patience=0 if spec.keeps_last else spec.patience,
        training_images=len(prepared.training),
        validation_images=len(prepared.validation),
        test_images=0 if data.test is None else len(data.test),
        image_shape=data.shape,
        parameters=plan.parameters,
        latent=plan.latent,
        device=prepared.device.description,
        encoder=prepared.run.read_status().encoder,
        data=data.name,
        class_names=data.class_names,
    )
