"""What is written down of a trial."""

import math
from dataclasses import replace

from engine.protocol.events import EpochEnded
from engine.studies.outcomes import add_epoch
from engine.studies.records import Trial
from tests.cae_tui.script import scripted_events


def test_a_measure_that_is_no_number_is_left_out() -> None:
    """`study.json` could hold none, and would not be read again."""
    epoch = next(event for event in scripted_events("classifier") if isinstance(event, EpochEnded))
    trial = Trial(number=1, seed=0)
    add_epoch(trial, replace(epoch, validation={**epoch.validation, "sharpness": math.nan}))
    assert trial.measures == {"validation_accuracy": 0.982}


def test_an_epoch_is_counted_once() -> None:
    epochs = [event for event in scripted_events("classifier") if isinstance(event, EpochEnded)]
    trial = Trial(number=1, seed=0)
    for epoch in [*epochs, *epochs]:
        add_epoch(trial, epoch)
    assert trial.validation == [epoch.validation["loss"] for epoch in epochs]
