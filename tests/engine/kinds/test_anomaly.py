"""Whole runs of an anomaly detector on some hundred digits."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import jobs
from engine.errors import DatasetError, ExportError, SpecError
from engine.evaluation.inside import rebuilt_by
from engine.evaluation.model import load_model
from engine.evaluation.oddity import at_threshold
from engine.evaluation.predictions import constant_image_errors
from engine.evaluation.results import Predictions, read_predictions, reconstruct
from engine.exporters import export
from engine.kinds.anomaly import ChangesToo
from engine.network.anomaly import AnomalyDetector
from engine.preparation import create, images_of
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, Warned
from engine.results.anomaly import AnomalyResult
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import parse, preset
from engine.training.tasks import Reconstruction
from tests.pictures import write_folder
from tests.shapes import content, drawn

SMALL = {"epochs": 2, "layers": 4, "kernels": 8, "batch_size": 16, "threads": 1, "latent": 8}


def small(files: dict[str, Path], **values: object) -> AnomalySpec:
    """One that trains in a moment; of some sixty ones, unless others are normal."""
    return preset(AnomalySpec, "recommended", **{**SMALL, "normal": "1", **files, **values})


def trained(home: Home, spec: AnomalySpec) -> tuple[RunDirectory, AnomalyResult, list[Event]]:
    """The run, its result and its events."""
    events: list[Event] = []
    result = jobs.start(home, spec, events.append, Flag())
    assert isinstance(result, AnomalyResult)
    return home.find(result.id), result, events


@pytest.fixture(scope="module")
def ones(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> tuple[RunDirectory, AnomalyResult]:
    """A detector of what is no 1, trained once; look, but do not touch."""
    return trained(Home(tmp_path_factory.mktemp("ones")), small(files, epochs=4))[:2]


def odd_of(run: RunDirectory, found: Predictions) -> Any:
    """Which of the images that a run was evaluated on are no 1."""
    labels = found.images(images_of(run)[0]).labels
    assert labels is not None
    return labels[found.indices] != 1


def test_it_learns_from_normal_images_alone(home: Home, files: dict[str, Path]) -> None:
    prepared = create(home, small(files))
    labels = prepared.data.train.labels
    assert labels is not None
    assert set(labels[prepared.training]) == set(labels[prepared.validation]) == {1}
    assert set(labels[create(home, small(files, normal="1, 7")).training]) == {1, 7}
    assert len(create(home, small(files, normal="")).training) == 540
    assert not [sentence for sentence in prepared.remarks if "no training image" in sentence]


def test_it_tells_ones_from_other_digits(ones: tuple[RunDirectory, AnomalyResult]) -> None:
    _, result = ones
    assert (result.state, result.evaluated_on) == ("finished", "test")
    assert result.auroc is not None
    assert result.auroc > 0.9
    assert [each.name for each in result.scored] == ["nearest", "error", "both", "pixels", "pixel density"]
    assert result.scored[0].auroc == result.auroc
    assert result.normal == ["1"]


def test_its_figures_are_those_of_its_predictions(ones: tuple[RunDirectory, AnomalyResult]) -> None:
    run, result = ones
    found = read_predictions(run)
    assert found.scores is not None
    assert result.threshold is not None
    odd = odd_of(run, found)
    assert (result.odd_images, result.normal_images) == (odd.sum(), (~odd).sum())
    told = at_threshold(found.scores, odd, result.threshold)
    assert (result.recall, result.precision, result.f1) == (told.recall, told.precision, told.f1)
    assert result.false_alarms == told.false_alarms
    assert found.errors is not None
    assert result.test_mse == pytest.approx(found.errors[~odd].mean(dtype=np.float64))


def test_its_model_file_scores_as_the_run_did(ones: tuple[RunDirectory, AnomalyResult]) -> None:
    run, result = ones
    found = read_predictions(run)
    model = load_model(Home(run.path.parents[1]), run.id)
    assert model.network.odd_threshold == result.threshold
    scores = model.odd_scores(found.images(images_of(run)[0]).take(found.indices))
    assert scores == pytest.approx(found.scores, rel=1e-4)


def test_its_predictions_as_csv_have_the_scores(ones: tuple[RunDirectory, AnomalyResult], tmp_path: Path) -> None:
    run, _ = ones
    done = export(Home(run.path.parents[1]), "predictions", [run], tmp_path)
    with done.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = read_predictions(run)
    for column, ours in (("error", found.errors), ("score", found.scores)):
        assert ours is not None
        assert np.array_equal(np.array([row[column] for row in rows], dtype=np.float32), ours)
    assert "200 lines compared" in done.checked


def test_it_is_not_written_as_code_that_knows_no_scores(
    ones: tuple[RunDirectory, AnomalyResult], tmp_path: Path
) -> None:
    run, _ = ones
    with pytest.raises(ExportError, match="of kind anomaly, which cannot be written as"):
        export(Home(run.path.parents[1]), "pytorch", [run], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_test_image_has_a_part_in_model_or_threshold(home: Home, files: dict[str, Path]) -> None:
    alone = {name: path for name, path in files.items() if not name.startswith("test")}
    run, result, _ = trained(home, small(files))
    other, without, _ = trained(home, small(alone))
    assert without.evaluated_on == "validation"
    assert without.threshold == result.threshold
    tensors, others = (read_tensors(one.model)[0] for one in (run, other))
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_without_test_images_it_is_measured_on_what_was_held_back(home: Home, files: dict[str, Path]) -> None:
    alone = {name: path for name, path in files.items() if not name.startswith("test")}
    run, result, _ = trained(home, small(alone))
    found = read_predictions(run)
    odd = odd_of(run, found)
    assert 0 < (~odd).sum() < odd.sum()
    assert len(found.indices) == 60
    assert result.auroc is not None
    assert any("the threshold was found by" in remark for remark in result.remarks)


def test_the_constant_image_is_measured_where_the_run_is(home: Home, files: dict[str, Path]) -> None:
    run, result, _ = trained(home, small(files, normal="", noise="gaussian"))
    data, training, validation = images_of(run)
    assert data.test is not None
    sets = [data.train.take(validation), data.test.take(np.arange(len(data.test)))]
    expected = constant_image_errors(data.train.take(training), sets)
    assert result.constant_image is not None
    assert (result.constant_image.validation_mse, result.constant_image.mse) == pytest.approx(expected)
    assert "gaussian" in result.noise
    assert result.measured_noise == ""  # scores are of images as they are
    said = " ".join(result.held_against)
    assert "Which images are odd is not known" in said


def test_what_is_known_of_one_side_alone_is_said(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    pictures = {f"train/bar/{n}.png": content(drawn("bar", n)) for n in range(24)}
    pictures |= {f"test/dot/{n}.png": content(drawn("dot", n)) for n in range(4)}
    data = write_folder(tmp_path / "shapes", pictures)
    spec = preset(AnomalySpec, "recommended", **{**SMALL, "data": str(data), "batch_size": 8})
    _, result, _ = trained(home, spec)
    assert "All 4 test images are odd, so there is no AUROC" in " ".join(result.held_against)
    assert any("2 normal images were held back, too few for a share of 99.00 %" in one for one in result.remarks)
    with pytest.raises(DatasetError, match="There is no training image of dot: what is normal is learned from"):
        create(home, preset(AnomalySpec, "recommended", **{**SMALL, "data": str(data), "normal": "dot"}))


def test_its_reconstructions_are_shown_everywhere(ones: tuple[RunDirectory, AnomalyResult]) -> None:
    run, _ = ones
    data, _, validation = images_of(run)
    image = data.train.take(validation[:1])
    model = load_model(Home(run.path.parents[1]), run.id)
    rebuilt = model.reconstruct(image)
    samples = reconstruct(run, image)
    assert samples is not None
    assert np.array_equal(samples.reconstructions, rebuilt)
    inside = rebuilt_by(model, image[0])
    assert inside is not None
    assert np.array_equal(inside.image, rebuilt[0])


def test_where_all_is_normal_the_threshold_is_a_quantile(home: Home, files: dict[str, Path]) -> None:
    run, result, _ = trained(home, small(files, normal="", usual_share=0.9))
    assert (result.auroc, result.scored, result.recall) == (None, [], None)
    assert "90.00 % of 60 normal images" in result.threshold_by
    assert result.false_alarms == pytest.approx(0.1, abs=0.12)
    assert any("--normal" in sentence for sentence in result.held_against)
    assert read_predictions(run).scores is not None


def test_classes_that_only_test_images_have_are_odd(home: Home, tmp_path: Path) -> None:
    pictures = {f"train/good/{n}.png": content(drawn("bar", n)) for n in range(60)}
    pictures |= {f"test/good/{n}.png": content(drawn("bar", 100 + n)) for n in range(10)}
    pictures |= {f"test/torn/{n}.png": content(drawn("dot", 100 + n)) for n in range(10)}
    values = {**SMALL, "data": str(write_folder(tmp_path / "parts", pictures))}
    _, result, _ = trained(home, preset(AnomalySpec, "recommended", **values))
    assert (result.normal, result.normal_images, result.odd_images) == (["good"], 10, 10)
    assert result.auroc is not None
    assert "normal images held back" in result.threshold_by


@pytest.mark.parametrize("score", ["error", "both"])
def test_another_score_comes_first_where_it_is_asked_for(home: Home, files: dict[str, Path], score: str) -> None:
    run, result, _ = trained(home, small(files, score=score))
    assert result.scored[0].name == score
    assert result.scored[-1].name == "pixel density"
    found = read_predictions(run)
    assert found.scores is not None
    assert found.errors is not None
    assert (score == "error") == bool(np.array_equal(found.scores, found.errors))


def test_turns_are_learned_and_told_after_each_epoch(home: Home, files: dict[str, Path]) -> None:
    run, result, events = trained(home, small(files, turns=True, normal="7", epochs=6))
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert all({"loss", "turns", "changes_loss"} <= set(event.validation) for event in epochs)
    assert epochs[-1].validation["changes_loss"] < epochs[0].validation["changes_loss"]
    assert result.auroc is not None
    model = load_model(home, run.id).network
    assert isinstance(model, AnomalyDetector)
    assert model.known.shape[1] == 8 + 32
    assert result.told_apart == "turns and flips"  # for all digits are centred


@pytest.mark.parametrize("shifts", [False, True])
def test_validation_changes_the_same_images_the_same_way_each_time(*, shifts: bool) -> None:
    model = AnomalyDetector(parse(AnomalySpec, {**SMALL, "turns": True}), (8, 8, 1)).eval()
    task, images = ChangesToo(Reconstruction(), tuple(range(8)), shifts, 0.1), torch.rand(20, 1, 8, 8)
    state = torch.get_rng_state()
    first, second = (task(model, images, None).metrics for _ in range(2))
    assert first == second
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("turns", [False, True])
def test_it_may_be_trained_on_noisy_images_and_scores_clean_ones(
    home: Home, files: dict[str, Path], *, turns: bool
) -> None:
    run, result, _ = trained(home, small(files, turns=turns, noise="gaussian"))
    assert result.state == "finished"
    found = read_predictions(run)
    images = found.images(images_of(run)[0]).take(found.indices)
    assert load_model(home, run.id).odd_scores(images) == pytest.approx(found.scores, rel=1e-4)


@pytest.mark.parametrize("turns", [False, True])
def test_a_stopped_run_goes_on_to_the_same_weights(
    home: Home, tmp_path: Path, files: dict[str, Path], *, turns: bool
) -> None:
    whole, expected, _ = trained(home, small(files, turns=turns, epochs=3))
    flag, other = Flag(), Home(tmp_path / "other")

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 2:
            flag.ask(Asked.STOP)

    jobs.start(other, small(files, turns=turns, epochs=3), stop, flag)
    (status,) = other.list_runs()
    run = other.find(status.id)
    assert load_model(other, run.id).network.odd_threshold is None  # it was not evaluated yet
    result = jobs.resume(run, lambda _: None, Flag())
    assert isinstance(result, AnomalyResult)
    assert (result.auroc, result.threshold) == (expected.auroc, expected.threshold)
    tensors, others = (read_tensors(one.model)[0] for one in (whole, run))
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


@pytest.mark.parametrize(
    ("normal", "expected"),
    [("11", "no class called 11; it has 0, 1, 2"), ("1, eleven", "no class called eleven")],
)
def test_a_class_that_is_not_there_is_refused(home: Home, files: dict[str, Path], normal: str, expected: str) -> None:
    with pytest.raises(DatasetError, match=expected) as refused:
        create(home, small(files, normal=normal))
    assert refused.value.field == "normal"
    assert not home.list_runs()


def test_a_set_without_classes_can_only_be_normal_as_a_whole(home: Home, files: dict[str, Path]) -> None:
    alone = {"images": files["images"]}
    with pytest.raises(DatasetError, match="has no classes: leave this empty"):
        create(home, small(alone))
    _, result, events = trained(home, small(alone, normal=""))
    assert result.evaluated_on == "validation"
    assert not [event for event in events if isinstance(event, Warned) and "class" in event.message]


def test_too_few_normal_images_are_refused(home: Home, files: dict[str, Path]) -> None:
    with pytest.raises(DatasetError, match="too few to train on some and hold others back"):
        create(home, small(files, limit_per_class=1))


def test_a_latent_too_large_to_take_distances_in_is_refused(home: Home, files: dict[str, Path]) -> None:
    with pytest.raises(SpecError) as refused:
        create(home, small(files, latent=5000))
    assert "at most 2,048" in refused.value.problems["latent"]
    with pytest.raises(SpecError) as refused:
        create(home, small(files, latent=0, kernels=64))
    assert "12,544 numbers" in refused.value.problems["latent"]


def test_images_that_are_not_square_and_in_colour(home: Home, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (120, 12, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=(np.arange(120) % 2).astype(np.uint8))
    values = {**SMALL, "data": str(tmp_path / "set.npz"), "normal": "0", "turns": True}
    _, result, _ = trained(home, preset(AnomalySpec, "recommended", **values))
    assert result.state == "finished"
    assert result.odd_images > 0
    assert result.told_apart == "turns, flips and shifts"
