"""What is written down of a trial, from the files of its run."""

import math
import statistics

from engine.protocol.events import EpochEnded
from engine.runs.directory import RunDirectory
from engine.runs.status import REPORT, VALIDATION, key_of
from engine.specs.measures import LOSS
from engine.studies.records import Trial


def collect(trial: Trial, run: RunDirectory) -> None:
    """Take in what a run came to, from its files.

    Raises:
        RunError: they are damaged.
    """
    fold(trial, run)
    status = run.read_status()
    result = run.read_result()
    trial.state, trial.message = status.state, status.message
    trial.best_loss, trial.best_epoch, trial.best_stage = status.best_loss, status.best_epoch, status.best_stage
    own = {name: value for name, value in status.measures.items() if not name.startswith(REPORT)}
    trial.measures = {name: value for name, value in own.items() if math.isfinite(value)}
    trial.seconds = status.seconds
    trial.test_loss = None if result is None else result.test_loss
    if result is not None:
        trial.measures |= result.beside


def fold(trial: Trial, run: RunDirectory) -> None:
    """Take in the epochs that a run has completed."""
    trial.train, trial.validation, trial.epochs, trial.stage_epochs = [], [], 0, {}
    trial.best_loss, trial.best_epoch, trial.best_stage, trial.seconds = None, 0, "", 0.0
    epochs = [event for event in run.read_events()[0] if isinstance(event, EpochEnded)]
    for event in epochs:
        add_epoch(trial, event)
    if epochs:
        trial.ms_per_step = statistics.median(event.ms_per_step for event in epochs)
        trial.epoch_seconds = statistics.median(event.seconds for event in epochs)


def add_epoch(trial: Trial, event: EpochEnded) -> None:
    """Take in an epoch that has been completed, once: `fold` may have read it before it was told."""
    if event.epoch <= trial.stage_epochs.get(event.stage, 0):
        return
    trial.train.append(event.train["loss"])
    trial.validation.append(event.validation["loss"])
    trial.epochs = len(trial.validation)
    trial.stage_epochs[event.stage] = event.epoch
    trial.train_loss, trial.last_loss = event.train["loss"], event.validation["loss"]
    trial.best_loss, trial.best_epoch, trial.best_stage = event.best_loss, event.best_epoch, event.stage
    trial.ms_per_step, trial.epoch_seconds = event.ms_per_step, event.seconds
    trial.seconds += event.seconds
    if event.best:
        own = {key_of(VALIDATION, name): value for name, value in event.validation.items() if name != LOSS.name}
        trial.measures = {name: value for name, value in own.items() if math.isfinite(value)}


def copy(twin: Trial, trial: Trial) -> None:
    """What an earlier trial came to is what this one would."""
    for name in Trial.__dataclass_fields__:
        if name != "number":
            setattr(trial, name, getattr(twin, name))
    trial.shared = True
