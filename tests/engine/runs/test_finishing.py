"""Finishing a run early: from where it is, or from where it was stopped, cut off or killed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import jobs
from engine.errors import RunError
from engine.evaluation import results
from engine.protocol.control import Asked, Flag, RunControl
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    Paused,
    RunEnded,
    StageEnded,
    StageStarted,
)
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.finishing import FinishesWhole, check_can_finish
from engine.runs.recorder import Recorder, best_file, list_checkpoints
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from engine.studies.records import StageRecord, Studies, StudyRecord, study_of
from tests.engine.tiny import tiny, tiny_classifier, write_encoder, write_files
from tests.engine.training.test_training import assert_equal, weights

Spec = AutoencoderSpec | ClassifierSpec


class Asks:
    """Asks for something at the `count`-th event of a kind, and hears all events."""

    def __init__(self, kind: type[Event], count: int, what: Asked = Asked.FINISH) -> None:
        self.flag, self.kind, self.count, self.what = Flag(), kind, count, what
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, self.kind) and sum(isinstance(one, self.kind) for one in self.events) == self.count:
            self.flag.ask(self.what)


def start(home: Home, spec: Spec, asks: Asks) -> tuple[RunDirectory, Any]:
    result = jobs.start(home, spec, asks, asks.flag)
    return home.find(result.id), result


def stopped(home: Home, spec: Spec, kind: type[Event], count: int) -> RunDirectory:
    run, result = start(home, spec, Asks(kind, count, Asked.STOP))
    assert result.state == "stopped"
    return run


def finish(run: RunDirectory, emit: Callable[[Event], None] = lambda event: None) -> Any:
    return jobs.finish(run, emit, Flag())


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "encoder.safetensors", files)


@pytest.fixture
def spec(files: dict[str, Path]) -> AutoencoderSpec:
    return tiny(files, epochs=5, dropout=0.1)


@pytest.fixture
def two_stages(files: dict[str, Path], encoder: Path) -> ClassifierSpec:
    return tiny_classifier(files, encoder, frozen_epochs=2, finetune_epochs=3)


def assert_complete(run: RunDirectory, result: Any, stage: str, epoch: int) -> None:
    """All that a complete run has, measured with the best weights of that stage."""
    assert result.state == run.read_status().state == "early-stopped"
    assert result.best_epoch == epoch
    assert run.read_result() == result
    assert result.evaluated_on == "test"
    assert result.test_loss is not None
    assert len(results.read_predictions(run).indices) > 0
    read_model(run.model)
    assert_equal(weights(run), read_tensors(best_file(run, stage))[0])
    assert isinstance(run.read_events()[0][-1], RunEnded)
    with pytest.raises(RunError, match="nothing left to resume"):
        jobs.resume(run, lambda event: None, Flag())
    with pytest.raises(RunError, match="nothing left to finish"):
        finish(run)


def test_a_run_that_is_asked_to_finish_evaluates_its_best_weights_and_says_that_it_was_asked(
    home: Home, spec: AutoencoderSpec
) -> None:
    asks = Asks(EpochEnded, 2)
    run, result = start(home, spec, asks)
    assert_complete(run, result, "autoencoder", result.best_epoch)
    assert result.epochs == 2
    assert result.message == run.read_status().message == "Finished early at epoch 2 of 5, as asked."
    assert result.stages[0].state == "early-stopped"
    assert result.validation_mse == result.best_validation_loss
    kinds = [type(event) for event in asks.events if not isinstance(event, BatchEnded)]
    assert kinds[-3:] == [StageEnded, EvaluationStarted, RunEnded]


def test_a_finish_before_the_first_epoch_is_over_waits_for_its_end(home: Home, spec: AutoencoderSpec) -> None:
    run, result = start(home, spec, Asks(StageStarted, 1))
    assert_complete(run, result, "autoencoder", 1)
    assert result.message == "Finished early at epoch 1 of 5, as asked."


def test_the_control_file_of_another_process_finishes_a_run(home: Home, spec: AutoencoderSpec) -> None:
    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            home.find(home.ids()[0]).ask(Asked.FINISH)

    result = jobs.start(home, spec.model_copy(update={"epochs": 9999}), emit, Flag())
    assert_complete(home.find(result.id), result, "autoencoder", result.best_epoch)


def test_a_word_that_is_not_known_leaves_a_run_alone(tmp_path: Path) -> None:
    control = RunControl(Flag(), tmp_path / "control")
    (tmp_path / "control").write_text("evaporate")
    assert control.asked() is Asked.RUN


def test_a_paused_run_that_is_to_finish_says_that_it_goes_on(home: Home, spec: AutoencoderSpec) -> None:
    asks = Asks(EpochEnded, 1, Asked.PAUSE)

    def emit(event: Event) -> None:
        asks(event)
        if isinstance(event, Paused):
            asks.flag.ask(Asked.FINISH)

    result = jobs.start(home, spec, emit, asks.flag)
    assert_complete(home.find(result.id), result, "autoencoder", 1)
    assert any(isinstance(event, Continued) for event in asks.events)


@pytest.mark.parametrize("kind", [BatchEnded, EpochEnded])
def test_a_stopped_run_finishes_with_the_weights_of_its_best_epoch(
    home: Home, spec: AutoencoderSpec, kind: type[Event]
) -> None:
    count = 2 if kind is EpochEnded else 2 * 6 + 3
    run = stopped(home, spec, kind, count)
    before = read_tensors(best_file(run, "autoencoder"))[0]
    result = finish(run)
    assert_complete(run, result, "autoencoder", result.best_epoch)
    assert_equal(weights(run), before)
    assert result.message == "Finished early at epoch 2 of 5, as asked."


def test_a_finished_run_is_the_one_that_was_asked_while_it_trained(home: Home, spec: AutoencoderSpec) -> None:
    one, first = start(home, spec, Asks(EpochEnded, 2))
    other = stopped(home, spec, EpochEnded, 2)
    second = finish(other)
    assert_equal(weights(one), weights(other))
    for name in ("test_loss", "best_validation_loss", "best_epoch", "epochs", "message", "pca"):
        assert getattr(first, name) == getattr(second, name)


def test_a_run_without_a_complete_epoch_is_not_finished(home: Home, spec: AutoencoderSpec) -> None:
    run = stopped(home, spec, BatchEnded, 2)
    before = run.events.read_bytes()
    with pytest.raises(RunError, match=f"not completed an epoch.*`cae-tui resume {run.id}` continues it"):
        finish(run)
    assert run.events.read_bytes() == before
    assert run.read_status().state == "stopped"


def test_a_run_whose_checkpoints_are_gone_is_not_finished(home: Home, spec: AutoencoderSpec) -> None:
    run = stopped(home, spec, EpochEnded, 2)
    for checkpoint in list_checkpoints(run):
        checkpoint.unlink()
    before = run.events.read_bytes()
    with pytest.raises(RunError, match="no longer has a checkpoint"):
        finish(run)
    assert run.events.read_bytes() == before


def test_a_run_that_was_stopped_before_its_evaluation_is_finished_as_trained_to_its_end(
    home: Home, spec: AutoencoderSpec
) -> None:
    run = stopped(home, spec.model_copy(update={"epochs": 2}), EvaluationStarted, 1)
    result = finish(run)
    assert (result.state, result.message, result.epochs) == ("finished", "", 2)


# -- two stages -----------------------------------------------------------------------------------


def test_a_classifier_finished_in_its_frozen_stage_is_evaluated_without_fine_tuning(
    home: Home, two_stages: ClassifierSpec
) -> None:
    run, result = start(home, two_stages, Asks(EpochEnded, 1))
    assert_complete(run, result, "frozen", 1)
    assert result.message == "Finished early at epoch 1 of 2 of the frozen stage, as asked. There was no fine-tuning."
    assert [stage.stage for stage in result.stages] == ["frozen"]
    assert result.views == 1  # nothing was trained on shifted images yet


def test_a_classifier_finished_in_fine_tuning_is_evaluated_with_its_best_epoch(
    home: Home, two_stages: ClassifierSpec
) -> None:
    run, result = start(home, two_stages, Asks(EpochEnded, 3))
    assert_complete(run, result, "fine-tuning", 1)
    assert result.message == "Finished early at epoch 1 of 3 of the fine-tuning stage, as asked."
    assert result.views == 5


def test_a_classifier_stopped_in_its_first_epoch_of_fine_tuning_finishes_with_the_frozen_stage_and_says_so(
    home: Home, two_stages: ClassifierSpec
) -> None:
    run = stopped(home, two_stages, BatchEnded, 2 * 6 + 3)
    assert run.read_status().epoch == 2
    frozen = run.read_status()
    result = finish(run)
    assert_complete(run, result, "frozen", frozen.best_epoch)
    assert result.best_validation_loss == frozen.best_loss
    assert result.views == 1
    assert result.message == (
        "Finished early, as asked, before the first epoch of fine-tuning was complete. The weights are those of the "
        "frozen stage."
    )


def test_a_classifier_asked_between_its_stages_begins_no_other(home: Home, two_stages: ClassifierSpec) -> None:
    asks = Asks(StageEnded, 1)
    run, result = start(home, two_stages, asks)
    assert_complete(run, result, "frozen", result.best_epoch)
    assert result.message == "Finished early at epoch 2 of 2 of the frozen stage, as asked. There was no fine-tuning."
    assert [event.stage for event in asks.events if isinstance(event, StageStarted)] == ["frozen"]


# -- stops and kills meanwhile --------------------------------------------------------------------


def test_a_stop_while_a_finished_run_is_evaluated_leaves_both_ways_open(home: Home, spec: AutoencoderSpec) -> None:
    whole, _ = start(home, spec, Asks(RunEnded, 1))
    for way in (jobs.resume, jobs.finish):
        asks = Asks(EvaluationStarted, 1, Asked.STOP)
        first = Asks(EpochEnded, 2)
        first.flag = asks.flag

        def both(event: Event, asks: Asks = asks, first: Asks = first) -> None:
            first(event)
            asks(event)

        result = jobs.start(home, spec, both, asks.flag)
        run = home.find(result.id)
        assert result.state == "stopped"
        assert result.message.startswith("Stopped while it was evaluated. The weights of epoch ")
        assert result.message.endswith("Resume it to continue.")
        assert not run.result.exists()
        ended = way(run, lambda event: None, Flag())
        if way is jobs.resume:
            assert ended.state == "finished"
            assert_equal(weights(run), weights(whole))
        else:
            assert_complete(run, ended, "autoencoder", ended.best_epoch)


class KilledError(BaseException):
    """In place of `kill -9`: nothing that the engine does about errors is done."""


def kill_at(monkeypatch: pytest.MonkeyPatch, name: str, time: int, *, after: bool) -> None:
    """Have the `time`-th call of a method of the recorder be the last thing that is done."""
    method, calls = getattr(Recorder, name), [0]

    def call(self: Recorder, *args: Any, **values: Any) -> Any:
        calls[0] += 1
        if calls[0] >= time and not after:
            raise KilledError
        result = method(self, *args, **values)
        if calls[0] >= time:
            raise KilledError
        return result

    monkeypatch.setattr(Recorder, name, call)


@pytest.mark.parametrize("way", [jobs.resume, jobs.finish])
@pytest.mark.parametrize("at", ["store", "write_status"])
def test_a_run_killed_while_it_finishes_is_cut_off_and_both_ways_lead_on(
    home: Home, spec: AutoencoderSpec, monkeypatch: pytest.MonkeyPatch, way: Callable[..., Any], at: str
) -> None:
    whole, _ = start(home, spec, Asks(RunEnded, 1))
    run = stopped(home, spec, EpochEnded, 2)
    with monkeypatch.context() as patch:
        # At the telling of the evaluation, or between the result and the state that claims it.
        kill_at(patch, at, {"store": 3, "write_status": 2}[at], after=False)
        with pytest.raises(KilledError):
            finish(run)
    assert run.result.exists() is (at == "write_status")
    assert run.read_status().state == "cut off"
    seen: list[bool] = []
    ended = way(run, lambda event: seen.append(run.result.exists()), Flag())
    assert not any(seen[:-1])  # while it trains on, nothing claims what it came to
    if way is jobs.resume:
        assert ended.state == "finished"
        assert_equal(weights(run), weights(whole))
    else:
        assert_complete(run, ended, "autoencoder", ended.best_epoch)


def test_weights_that_are_newer_than_the_checkpoint_are_not_told_as_an_earlier_epoch_s(
    home: Home, spec: AutoencoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference: list[EpochEnded] = []
    jobs.start(home, spec, lambda event: reference.append(event) if isinstance(event, EpochEnded) else None, Flag())
    assert reference[1].best
    with monkeypatch.context() as patch:
        kill_at(patch, "keep_best", 2, after=True)
        with pytest.raises(KilledError):
            jobs.start(home, spec, lambda event: None, Flag())
    run = next(home.find(name) for name in home.ids() if home.find(name).read_status().state == "cut off")
    assert run.read_status().best_epoch == 1
    result = finish(run)
    assert_complete(run, result, "autoencoder", 2)
    assert result.best_validation_loss == reference[1].validation["loss"]


def test_best_weights_of_an_earlier_build_name_no_epochs_and_are_taken(home: Home, spec: AutoencoderSpec) -> None:
    from engine.runs.checkpoint import write_tensors

    run = stopped(home, spec, EpochEnded, 2)
    path = best_file(run, "autoencoder")
    tensors, values = read_tensors(path)
    assert values.pop("epochs") == run.read_status().best_epoch
    write_tensors(path, values.pop("kind"), tensors, values)
    result = finish(run)
    assert result.state == "early-stopped"
    assert result.epochs == 2


def test_a_finish_is_heard_once_the_epochs_are_done_and_everything_else_at_once() -> None:
    flag, done = Flag(), [0]
    control = FinishesWhole(flag, lambda: done[0], 2)
    flag.ask(Asked.PAUSE)
    assert control.asked() is Asked.PAUSE
    flag.ask(Asked.FINISH)
    assert control.asked() is Asked.RUN
    done[0] = 2
    assert control.asked() is Asked.FINISH
    flag.ask(Asked.RUN)
    assert control.asked() is Asked.FINISH  # what ends a run is not taken back
    flag.ask(Asked.STOP)
    assert control.asked() is Asked.STOP


# -- studies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "refused"), [("stopped", True), ("finished", False)])
def test_a_trial_is_not_finished_early_while_its_study_compares_it(
    home: Home, spec: AutoencoderSpec, state: str, refused: bool
) -> None:
    run = stopped(home, spec, EpochEnded, 1)
    study = Studies(home).create()
    asked = {"mode": "one", "trials": 1, "repeats": 1, "baseline": {"kind": "autoencoder"}}
    study.write(StudyRecord(id=study.id, spec=asked, state=state, stages=[StageRecord(names=["layers"], points=[])]))
    run.write_status(replace(run.read_status(), study=study.id, trial=1))
    for checkpoint in list_checkpoints(run):  # which holds the status too
        from engine.runs.checkpoint import write_tensors

        tensors, values = read_tensors(checkpoint)
        values["status"] |= {"study": study.id, "trial": 1}
        write_tensors(checkpoint, values.pop("kind"), tensors, values)
    compares = study_of(run, run.read_status())
    if refused:
        with pytest.raises(RunError, match=f"trial of study {study.id}"):
            check_can_finish(run, compares)
    else:
        check_can_finish(run, compares)
        assert finish(run).state == "early-stopped"
