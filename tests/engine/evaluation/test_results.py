"""What a run came to: how long it worked, and what it was measured on."""

import logging
import math
from pathlib import Path

import pytest

from engine import jobs
from engine.protocol.control import Asked, Flag
from engine.protocol.events import (
    BatchEnded,
    EpochEnded,
    EvaluationStarted,
    Event,
    Resumed,
    RunEnded,
    RunStarted,
    StageEnded,
    StageStarted,
)
from engine.runs.directory import Home
from tests.engine.conftest import small, small_classifier, train
from tests.engine.training.test_training import StopAt, Trained, assert_equal, start_and_stop, weights


def under_way(events: list[Event]) -> float:
    """Seconds of the steps after the last complete epoch, as the last step told them."""
    last = next((event for event in reversed(events) if isinstance(event, BatchEnded | EpochEnded)), None)
    return last.step * last.ms_per_step / 1000 if isinstance(last, BatchEnded) else 0.0


def epochs(events: list[Event]) -> float:
    return sum(event.seconds for event in events if isinstance(event, EpochEnded))


# -- seconds ----------------------------------------------------------------------------------------


def test_the_seconds_of_a_run_are_those_of_its_stages_and_of_its_epochs(
    autoencoder: Trained, classifier: Trained
) -> None:
    for run, result, events in (autoencoder, classifier):
        assert result.seconds == pytest.approx(sum(stage.seconds for stage in result.stages))
        assert result.seconds == pytest.approx(epochs(events))
        assert run.read_status().seconds == result.seconds


@pytest.mark.parametrize("count", [1, 3])
def test_the_seconds_of_a_stopped_run_include_the_epoch_under_way(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    stopper = StopAt(BatchEnded, 5)
    result = jobs.start(home, small(files, epochs=3), stopper, stopper.flag)
    run = home.find(result.id)
    assert result.epochs == 0
    assert result.seconds == pytest.approx(under_way(stopper.events))
    for _ in range(count - 1):
        stopper = StopAt(BatchEnded, 5)
        result = jobs.resume(run, stopper, stopper.flag)
    told = run.read_events()[0]
    assert result.seconds == pytest.approx(epochs(told) + under_way(told))
    assert result.seconds > 0
    assert run.read_status().seconds == result.seconds
    assert result.stages[-1].seconds == pytest.approx(result.seconds)
    result = jobs.resume(run, lambda event: None, Flag())
    assert result.seconds == pytest.approx(epochs(run.read_events()[0]))
    assert result.seconds == pytest.approx(sum(stage.seconds for stage in result.stages))


def test_a_resume_that_is_stopped_before_its_first_step_has_the_seconds_of_before(
    home: Home, files: dict[str, Path]
) -> None:
    stopper = StopAt(BatchEnded, 1)
    first = jobs.start(home, small(files), stopper, stopper.flag)
    flag = Flag()
    flag.ask(Asked.STOP)
    again = jobs.resume(home.find(first.id), lambda event: None, flag)
    assert again.seconds == first.seconds > 0


def test_the_seconds_of_a_run_that_diverges_in_its_first_epoch_are_not_nothing(
    home: Home, files: dict[str, Path]
) -> None:
    wild = {"normalisation": "none", "schedule": "constant", "learning_rate": 10.0, "optimizer": "sgd"}
    run, result, events = train(home, small(files, epochs=50, **wild))
    assert result.state == "diverged"
    assert result.seconds > epochs(events)
    assert result.seconds == pytest.approx(sum(event.seconds for event in events if isinstance(event, StageEnded)))
    assert run.read_status().seconds == result.seconds


def test_the_seconds_of_a_run_that_fails_include_the_epoch_under_way(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    told: list[Event] = []

    def emit(event: Event) -> None:
        told.append(event)
        if isinstance(event, BatchEnded) and event.step == 4:
            raise RuntimeError("a bug")

    result = jobs.start(home, small(files), emit, Flag())
    assert result.state == "failed"
    assert result.seconds == pytest.approx(under_way([event for event in told if isinstance(event, BatchEnded)]))


# -- what an autoencoder is measured on ------------------------------------------------------------


def test_an_autoencoder_and_pca_are_measured_on_validation_and_on_test_images(
    home: Home, files: dict[str, Path]
) -> None:
    _, result, _ = train(home, small(files, latent=8))
    pca = result.pca
    assert result.evaluated_on == "test"
    for mse, psnr in ((result.validation_mse, result.validation_psnr), (result.test_mse, result.test_psnr),
                      (pca.validation_mse, pca.validation_psnr), (pca.mse, pca.psnr)):  # fmt: skip
        assert psnr == pytest.approx(-10 * math.log10(mse))
    assert pca.validation_mse != pca.mse
    bare = {name: path for name, path in files.items() if name.endswith("images") and "test" not in name}
    _, without, _ = train(home, small({}, latent=8, **bare))
    assert without.evaluated_on == "validation"
    assert without.pca.mse == without.pca.validation_mse


# -- a run that is asked to end ----------------------------------------------------------------------


def test_a_run_that_is_asked_to_end_while_it_is_evaluated_is_evaluated_when_it_is_resumed(
    home: Home, files: dict[str, Path], autoencoder: Trained, classifier: Trained
) -> None:
    for spec, whole in ((small(files), autoencoder), (small_classifier(files, str(autoencoder[0].model)), classifier)):
        run, stopped = start_and_stop(home, spec, EvaluationStarted, 1)
        assert (stopped.state, run.read_status().resumable) == ("stopped", True)
        assert stopped.message.startswith("Stopped while it was evaluated. Resume it to evaluate it. The weights of ")
        assert not run.predictions.exists()
        told: list[Event] = []
        result = jobs.resume(run, told.append, Flag())
        assert next(event for event in told if isinstance(event, Resumed)).trained
        assert (result.state, result.test_loss) == ("finished", whole[1].test_loss)
        assert_equal(weights(run), weights(whole[0]))


def test_a_run_that_is_stopped_at_the_end_of_training_is_stopped_before_it_was_evaluated(
    home: Home, files: dict[str, Path]
) -> None:
    _, stopped = start_and_stop(home, small(files, epochs=1), StageEnded, 1)
    assert stopped.message.startswith("Stopped before it was evaluated. Resume it to evaluate it.")


def test_a_classifier_that_ended_between_its_stages_goes_on_in_the_first_epoch_of_the_next(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "fine-tuning":
            raise RuntimeError("a bug")

    result = jobs.start(home, small_classifier(files, str(autoencoder[0].model)), fail, Flag())
    told: list[Event] = []
    assert jobs.resume(home.find(result.id), told.append, Flag()).state == "finished"
    resumed = next(event for event in told if isinstance(event, Resumed))
    assert (resumed.stage, resumed.epoch, resumed.step, resumed.trained) == ("fine-tuning", 1, 0, False)


# -- the log ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_the_log_says_how_a_run_ended_before_anybody_hears_of_it(
    home: Home, files: dict[str, Path], caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    known: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, RunStarted) and fails:
            raise RuntimeError("a bug")
        if isinstance(event, RunEnded):  # who hears of it may end the process
            known.extend(record.getMessage() for record in caplog.records)

    log = logging.getLogger("cae_tui.engine")
    log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "cae_tui.engine")
    try:
        result = jobs.start(home, small(files, epochs=1), emit, Flag())
    finally:
        log.removeHandler(caplog.handler)
    assert any(line.startswith(f"run {result.id} ended: {result.state}.") for line in known)
