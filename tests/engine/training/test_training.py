"""`fit`, through whole runs: what it computes, repeats, keeps, tells, and how it stops."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import jobs
from engine.data.split import split
from engine.errors import DatasetError, RunError, StorageError
from engine.evaluation import results
from engine.network.autoencoder import ConvAutoencoder
from engine.protocol.control import Asked, Flag
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    Event,
    MistakesCounted,
    OverfittingSeen,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SamplesSaved,
    StageEnded,
    StageStarted,
    Warned,
)
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.recorder import Recorder, best_file, list_checkpoints
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, preset
from engine.specs.classifier import ClassifierSpec
from engine.training.loop import overfitting
from tests.engine.conftest import small, small_classifier, train
from tests.idx import load_idx

Trained = tuple[RunDirectory, Any, list[Event]]


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    return read_tensors(run.model)[0]


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def losses(events: list[Event]) -> list[tuple[float, float]]:
    return [(event.train["loss"], event.validation["loss"]) for event in events if isinstance(event, EpochEnded)]


class StopAt:
    """Stops a run when a certain event is told."""

    def __init__(self, kind: type[Event], count: int) -> None:
        self.flag, self.kind, self.count, self.events = Flag(), kind, count, list[Event]()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if sum(isinstance(one, self.kind) for one in self.events) >= self.count:
            self.flag.ask(Asked.STOP)


def start_and_stop(home: Home, spec: Spec, kind: type[Event], count: int) -> tuple[RunDirectory, Any]:
    stopper = StopAt(kind, count)
    result = jobs.start(home, spec, stopper, stopper.flag)
    return home.find(result.id), result


def test_a_run_tells_its_story_in_order(autoencoder: Trained) -> None:
    kinds = [type(event) for event in autoencoder[2] if not isinstance(event, BatchEnded | Warned)]
    assert kinds[:2] == [RunStarted, StageStarted]
    assert kinds[2:6] == [EpochEnded, SamplesSaved] * 2
    assert kinds[6] is StageEnded
    assert kinds[-1] is RunEnded
    assert kinds.count(RunEnded) == 1


def test_what_is_told_is_what_is_on_disk(autoencoder: Trained) -> None:
    run, result, told = autoencoder
    stored, _ = run.read_events()
    assert [event for event in stored if not isinstance(event, BatchEnded)] == [
        event for event in told if not isinstance(event, BatchEnded)
    ]
    assert run.read_result() == result


def test_training_learns(autoencoder: Trained) -> None:
    (_, first), (_, last) = losses(autoencoder[2])
    assert last < first


def test_the_best_validation_loss_is_that_of_the_kept_weights(autoencoder: Trained, files: dict[str, Path]) -> None:
    run, result, _ = autoencoder
    model = read_model(run.model).build()
    data = load_idx(**files)
    _, validation = split(data.train, 0.1, 0)
    images = torch.from_numpy(data.train.take(validation)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        loss = (model(images) - images).square().mean().item()
    assert loss == pytest.approx(result.best_validation_loss, rel=1e-5)
    assert isinstance(model, ConvAutoencoder)


def test_the_last_partial_batch_is_left_out_of_training_but_not_of_evaluation(autoencoder: Trained) -> None:
    _, _, events = autoencoder
    started = next(event for event in events if isinstance(event, RunStarted))
    stage = next(event for event in events if isinstance(event, StageStarted))
    assert (started.training_images, started.validation_images, started.test_images) == (540, 60, 200)
    assert stage.steps == 540 // 64


def test_the_same_spec_gives_the_same_weights_bit_for_bit(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    run, _, events = train(home, small(files))
    assert_equal(weights(run), weights(autoencoder[0]))
    assert losses(events) == losses(autoencoder[2])


def test_another_seed_gives_other_weights(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    run, _, _ = train(home, small(files, seed=1))
    other = weights(autoencoder[0])
    assert any(not torch.equal(tensor, other[name]) for name, tensor in weights(run).items())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("schedule", ["one-cycle", "constant", "reduce-on-plateau"])
def test_a_run_stopped_in_the_middle_of_an_epoch_ends_as_if_it_had_not_been(
    home: Home, files: dict[str, Path], optimizer: str, schedule: str
) -> None:
    values = {"optimizer": optimizer, "schedule": schedule, "dropout": 0.2, "learning_rate": 1e-3, "layers": 4}
    spec = small(files, **values, downsamplings=1, kernels=4)
    whole, _, told = train(home, spec)
    run, result = start_and_stop(home, spec, BatchEnded, 1)
    assert result.state == "stopped"
    jobs.resume(run, lambda event: None, Flag())
    assert_equal(weights(run), weights(whole))
    stored, _ = run.read_events()
    assert losses(stored) == losses(told)
    assert sum(isinstance(event, RunEnded) for event in stored) == 1
    assert sum(isinstance(event, Resumed) for event in stored) == 1


@pytest.mark.parametrize("after", [(BatchEnded, 1), (StageEnded, 1), (EpochEnded, 2)])
def test_a_classifier_stopped_anywhere_ends_as_if_it_had_not_been(
    home: Home, files: dict[str, Path], autoencoder: Trained, classifier: Trained, after: tuple[type[Event], int]
) -> None:
    spec = small_classifier(files, str(autoencoder[0].model))
    run, _ = start_and_stop(home, spec, *after)
    result = jobs.resume(run, lambda event: None, Flag())
    assert result.state == "finished"
    assert_equal(weights(run), weights(classifier[0]))
    assert result.report == classifier[1].report
    assert [stage.stage for stage in result.stages] == ["frozen", "fine-tuning"]


def test_a_run_whose_newest_checkpoint_is_torn_goes_on_from_the_one_before(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    run, _ = start_and_stop(home, small(files), EpochEnded, 1)
    newest = list_checkpoints(run)[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    jobs.resume(run, lambda event: None, Flag())
    assert_equal(weights(run), weights(autoencoder[0]))


def test_a_run_without_a_checkpoint_begins_again(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    run, _ = start_and_stop(home, small(files), BatchEnded, 1)
    for checkpoint in list_checkpoints(run):
        checkpoint.unlink()
    jobs.resume(run, lambda event: None, Flag())
    assert_equal(weights(run), weights(autoencoder[0]))


def test_a_torn_last_line_of_events_is_cut_when_a_run_goes_on(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    run, _ = start_and_stop(home, small(files), EpochEnded, 1)
    with open(run.events, "ab") as file:
        file.write(b'{"event":"EpochEn')
    jobs.resume(run, lambda event: None, Flag())
    assert losses(run.read_events()[0]) == losses(autoencoder[2])
    for line in run.events.read_bytes().splitlines():
        json.loads(line)


def test_stop_takes_effect_within_one_step(home: Home, files: dict[str, Path]) -> None:
    stopper = StopAt(RunStarted, 1)
    result = jobs.start(home, small(files), stopper, stopper.flag)
    assert result.state == "stopped"
    assert result.best_validation_loss is None
    assert not any(isinstance(event, BatchEnded) for event in stopper.events)


def test_a_stopped_run_keeps_its_best_weights_as_a_model(home: Home, files: dict[str, Path]) -> None:
    run, result = start_and_stop(home, small(files, epochs=5), EpochEnded, 2)
    assert "Resume it to continue" in result.message
    assert read_model(run.model).build()
    assert run.read_result() is None
    assert run.read_status().resumable


def test_pause_waits_and_going_on_changes_nothing(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    flag, events = Flag(), list[Event]()

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 1:
            flag.ask(Asked.PAUSE)
        if isinstance(event, Paused):
            assert home.find(home.ids()[0]).read_status().state == "paused"
            flag.ask(Asked.RUN)

    result = jobs.start(home, small(files), emit, flag)
    assert [type(event) for event in events if isinstance(event, Paused | Continued)] == [Paused, Continued]
    assert_equal(weights(home.find(result.id)), weights(autoencoder[0]))


def test_the_control_file_of_another_process_stops_a_run(home: Home, files: dict[str, Path]) -> None:
    def emit(event: Event) -> None:
        if isinstance(event, EpochEnded):
            home.find(home.ids()[0]).ask(Asked.STOP)

    assert jobs.start(home, small(files, epochs=200), emit, Flag()).state == "stopped"


@pytest.mark.parametrize("values", [{"schedule": "constant", "learning_rate": 10.0, "optimizer": "sgd"}])
def test_a_loss_that_is_not_finite_ends_the_run_as_diverged_with_advice(
    home: Home, files: dict[str, Path], values: dict[str, Any]
) -> None:
    run, result, events = train(home, small(files, normalisation="none", epochs=50, **values))
    assert result.state == "diverged"
    assert "learning rate below 10" in result.message
    assert isinstance(events[-1], RunEnded)
    assert all(math.isfinite(loss) for pair in losses(events) for loss in pair)
    assert run.read_status().state == "diverged"
    assert run.read_result() is not None


def test_early_stopping_keeps_the_best_weights(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    run, result, events = train(home, overfitting_spec(files, autoencoder, finetune_epochs=60, patience=2))
    assert result.state == "early-stopped"
    ended = [event for event in events if isinstance(event, EpochEnded)]
    assert len(ended) == ended[-1].best_epoch + 2
    assert ended[-1].patience_left == 0
    kept = read_tensors(best_file(run, "fine-tuning"))[0]
    assert_equal(kept, weights(run))


def overfitting_spec(files: dict[str, Path], autoencoder: Trained, **values: object) -> ClassifierSpec:
    """A classifier on few labels and without anything that holds it back."""
    few = {"frozen_epochs": 0, "labelled_fraction": 0.1, "batch_size": 16, "finetune_learning_rate": 0.02}
    quiet = {"augmentation": False, "dropout": 0.0, "label_smoothing": 0.0, "schedule": "constant"}
    return small_classifier(files, str(autoencoder[0].model), **{**few, **quiet, **values})


def test_a_run_that_learns_nothing_is_warned_about(home: Home, files: dict[str, Path]) -> None:
    _, _, events = train(home, small(files, schedule="constant", learning_rate=1e-9))
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert any("no better than that of the best constant image" in message for message in warnings)


def test_no_normalisation_still_learns(home: Home, files: dict[str, Path]) -> None:
    values = {"normalisation": "none", "learning_rate": 2e-3, "layers": 10, "epochs": 8, "batch_size": 16}
    _, result, events = train(home, small(files, **values))
    assert not any(isinstance(event, Warned) for event in events)
    assert result.best_validation_loss < 0.05


def test_signs_of_overfitting_are_told_apart_from_noise() -> None:
    assert overfitting([(0.9, 0.9), (0.8, 0.8), (0.7, 0.75)]) == ""
    assert overfitting([(0.9, 0.8), (0.8, 0.81), (0.7, 0.82), (0.6, 0.83)]).startswith("Validation loss rose for 3")
    assert "2.0 times" in overfitting([(0.5, 0.5), (0.4, 0.7), (0.3, 0.61), (0.3, 0.6)])
    assert overfitting([(0.5, 0.5), (0.5, 0.9), (0.3, 0.8)]) == ""


def test_an_overfitting_run_says_so(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    spec = overfitting_spec(files, autoencoder, finetune_epochs=20, patience=0)
    _, _, events = train(home, spec)
    assert any(isinstance(event, OverfittingSeen) for event in events)


def test_the_frozen_stage_leaves_the_encoder_and_fine_tuning_moves_it(
    classifier: Trained, autoencoder: Trained
) -> None:
    own = {name: tensor for name, tensor in weights(autoencoder[0]).items() if name.startswith("encoder.")}
    frozen = read_tensors(best_file(classifier[0], "frozen"))[0]
    tuned = read_tensors(best_file(classifier[0], "fine-tuning"))[0]
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in own.items())
    assert all(
        not torch.equal(tensor, tuned[name]) for name, tensor in own.items() if name.endswith("convolution.weight")
    )


def test_the_head_learns_while_the_encoder_is_frozen(classifier: Trained) -> None:
    trainable = [event.trainable for event in classifier[2] if isinstance(event, StageStarted)]
    assert trainable[0] == (7 * 7 * 8 + 1) * 16 + (16 + 1) * 10
    assert trainable[1] > trainable[0]


def test_from_scratch_takes_no_weights(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    run, result, _ = train(home, small_classifier(files, str(autoencoder[0].model), from_scratch=True))
    assert [stage.stage for stage in result.stages] == ["from scratch"]
    assert run.encoder.exists()


def test_a_labelled_fraction_trains_on_that_part(home: Home, files: dict[str, Path], autoencoder: Trained) -> None:
    spec = small_classifier(files, str(autoencoder[0].model), labelled_fraction=0.5, batch_size=16)
    _, _, events = train(home, spec)
    started = next(event for event in events if isinstance(event, RunStarted))
    assert (started.training_images, started.validation_images) == (270, 60)


def test_colour_images_of_an_odd_size_without_labels_or_test_files_train(home: Home, tmp_path: Path) -> None:
    from tests.idx import write_idx

    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 15, 3), dtype=np.uint8)
    spec = AutoencoderSpec(images=write_idx(tmp_path / "i", pixels), epochs=1, batch_size=8, kernels=(4,))
    run, result, events = train(home, spec)
    assert result.evaluated_on == "validation"
    assert result.test_loss is None
    assert results.reconstruct(run, pixels[:2]) is not None
    with np.load(run.path / next(event.file for event in events if isinstance(event, SamplesSaved))) as arrays:
        assert arrays["originals"].shape == arrays["reconstructions"].shape == (4, 9, 15, 3)


@pytest.mark.parametrize("name", ["recommended", "report"])
def test_an_autoencoder_that_is_read_again_reconstructs_what_it_did(
    home: Home, files: dict[str, Path], name: str
) -> None:
    values = small(files, epochs=1).model_dump(include={"epochs", "layers", "kernels", "batch_size", *files})
    run, _, events = train(home, preset(AutoencoderSpec, name, **values))
    with np.load(run.path / next(event.file for event in events if isinstance(event, SamplesSaved))) as arrays:
        originals, expected = arrays["originals"], arrays["reconstructions"]
    again = results.reconstruct(run, originals)
    assert again is not None
    assert (
        np.abs(again.reconstructions.astype(int) - expected).max() <= 1
    )  # a number may round the other way in another batch


def test_at_most_200_batch_events_an_epoch_are_stored(home: Home, files: dict[str, Path], monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    run, _, told = train(home, small(files, batch_size=1, kernels=1, epochs=1, layers=2, downsamplings=1))
    assert sum(isinstance(event, BatchEnded) for event in told) == 540
    stored = [event for event in run.read_events()[0] if isinstance(event, BatchEnded)]
    assert 150 <= len(stored) <= 200


def test_an_end_that_the_events_have_no_room_for_is_an_end_all_the_same(
    home: Home, files: dict[str, Path], monkeypatch: Any
) -> None:
    store = Recorder.store

    def full(self: Recorder, event: Event) -> None:
        if isinstance(event, RunEnded):
            raise StorageError("No space left on device.")
        store(self, event)

    told: list[Event] = []
    monkeypatch.setattr(Recorder, "store", full)
    result = jobs.start(home, small(files, epochs=1), told.append, Flag())
    run = home.find(result.id)
    assert [event.state for event in told if isinstance(event, RunEnded)] == ["finished"]
    assert run.read_status().state == result.state == "finished"
    assert run.read_result() is not None


def test_out_of_memory_names_the_batch_size_to_try(home: Home, files: dict[str, Path], monkeypatch: Any) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr("engine.training.loop._Loop.train_epoch", out_of_memory)
    result = jobs.start(home, small(files), lambda event: None, Flag())
    assert result.state == "failed"
    assert "out of memory at batch size 64: try 32" in result.message


def test_a_home_that_cannot_be_written_is_told_in_words(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        jobs.start(Home(tmp_path / "file" / "home"), small(files), lambda event: None, Flag())


def test_a_loaded_model_draws_no_random_numbers(autoencoder: Trained) -> None:
    before = torch.get_rng_state()
    read_model(autoencoder[0].model).build()
    assert torch.equal(before, torch.get_rng_state())


def test_specs_of_both_kinds_are_told_apart_by_kind(autoencoder: Trained, classifier: Trained) -> None:
    assert isinstance(read_model(autoencoder[0].model).spec, AutoencoderSpec)
    assert isinstance(read_model(classifier[0].model).spec, ClassifierSpec)


def test_a_run_whose_checkpoints_are_all_damaged_is_refused_and_keeps_its_story(
    home: Home, files: dict[str, Path]
) -> None:
    run, _ = start_and_stop(home, small(files), EpochEnded, 1)
    for checkpoint in list_checkpoints(run):
        checkpoint.write_bytes(b"torn")
    before = run.events.read_bytes()
    with pytest.raises(RunError, match="Start a new run with the same settings"):
        jobs.resume(run, lambda event: None, Flag())
    assert run.events.read_bytes() == before


def test_relative_paths_are_written_down_from_the_root(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(files["images"].parent)
    near = {name: Path(path.name) for name, path in files.items()}
    run, _ = start_and_stop(home, small(near), EpochEnded, 1)
    monkeypatch.chdir(tmp_path)
    assert jobs.resume(run, lambda event: None, Flag()).state == "finished"


def test_a_run_that_could_not_be_made_leaves_nothing_behind(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError):
        jobs.start(home, small(files), lambda event: None, Flag())
    assert not list(home.runs.iterdir())


def test_other_images_than_a_run_began_with_are_refused(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    own = {name: tmp_path / name for name in files}
    for name, path in files.items():
        own[name].write_bytes(path.read_bytes())
    run, _ = start_and_stop(home, small(own), EpochEnded, 1)
    changed = bytearray(own["images"].read_bytes())
    changed[100] ^= 1
    own["images"].write_bytes(changed)
    with pytest.raises(DatasetError, match=r"not the ones run .* began with"):
        jobs.resume(run, lambda event: None, Flag())


def test_a_classifier_that_is_stopped_names_the_stage_of_its_epochs(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    spec = small_classifier(files, str(autoencoder[0].model), frozen_epochs=2, finetune_epochs=3)
    run, result = start_and_stop(home, spec, EpochEnded, 4)
    told = "Stopped in fine-tuning epoch 3. The weights of fine-tuning epoch "
    assert result.message.startswith(told)
    assert run.read_status().message.startswith(told)


def test_a_resumed_classifier_tells_what_the_latest_epochs_took_for_what(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    spec = small_classifier(files, str(autoencoder[0].model), frozen_epochs=1, finetune_epochs=3)
    run, _ = start_and_stop(home, spec, EpochEnded, 2)
    jobs.resume(run, lambda event: None, Flag())
    whole, _, told = train(home, spec)

    def counted(events: list[Event]) -> list[tuple[str, int, object]]:
        return [(one.stage, one.epoch, one.counts) for one in events if isinstance(one, MistakesCounted)]

    assert [(stage, epoch) for stage, epoch, _ in counted(told)] == [
        ("frozen", 1), ("fine-tuning", 1), ("fine-tuning", 2), ("fine-tuning", 3),
    ]  # fmt: skip
    assert counted(run.read_events()[0]) == counted(whole.read_events()[0]) == counted(told)
