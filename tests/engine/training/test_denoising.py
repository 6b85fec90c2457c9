"""Denoising: noise on what the network is given, the clean image as its target, from the spec to the result."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine import jobs
from engine.data.batches import DeviceImages
from engine.data.noise import Noise, noise_of
from engine.errors import SpecError
from engine.evaluation import results
from engine.evaluation.baselines import both_errors
from engine.evaluation.predictions import pca_rebuilt
from engine.network.autoencoder import ConvAutoencoder
from engine.preparation import images_of
from engine.protocol.control import Asked, Flag
from engine.protocol.events import BatchEnded, EpochEnded, Event, OverfittingSeen
from engine.results.autoencoder import AutoencoderResult
from engine.runs.checkpoint import read_model, read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.runs.filter import parse_filter
from engine.runs.model_facts import unlike_above
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.noise import GAUSSIAN, MIXED, USUAL_AMOUNTS
from engine.studies.command import as_command
from engine.studies.planning import create, plan
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study, study_from_json
from engine.training.baseline import Baseline
from engine.training.loop import evaluate
from engine.training.steps import Step
from engine.training.tasks import Reconstruction
from tests.cae_tui.script import result_with
from tests.engine.conftest import small, train
from tests.engine.studies.conftest import Watcher
from tests.engine.tiny import CPU, SIDE, Pixels, Watched, run_fit, stage, stage_data, tiny, write_files

KINDS = sorted(USUAL_AMOUNTS)
LITTLE = Noise(GAUSSIAN, 0.2)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(tmp_path_factory.mktemp("images"))


def model_of(images: dict[str, Path]) -> ConvAutoencoder:
    torch.manual_seed(0)
    return ConvAutoencoder(tiny(images), (SIDE, SIDE, 1))


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    return read_tensors(run.model)[0]


# -- a step ---------------------------------------------------------------------------------------


def test_without_noise_nothing_is_drawn_and_the_loss_is_what_it_was(images: dict[str, Path]) -> None:
    model, batch = model_of(images).train(), torch.rand(4, 1, SIDE, SIDE)
    state = torch.get_rng_state()
    loss = Reconstruction()(model, batch, None).objective
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(loss, (model(batch) - batch).square().mean())


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_given_noise_and_the_target_is_clean(images: dict[str, Path], kind: str) -> None:
    model, batch = model_of(images).train(), torch.rand(4, 1, SIDE, SIDE)
    noise = Noise(kind, USUAL_AMOUNTS[kind])
    torch.manual_seed(1)
    loss = Reconstruction(noise)(model, batch, None).objective
    torch.manual_seed(1)
    seen = noise.drawn(batch)
    assert torch.equal(loss, (model(seen) - batch).square().mean())


@pytest.mark.parametrize("kind", KINDS)
def test_validation_noise_is_the_same_each_time_and_moves_no_random_number(images: dict[str, Path], kind: str) -> None:
    model, data = model_of(images), stage_data()
    task = Reconstruction(None, Noise(kind, USUAL_AMOUNTS[kind]), 7)
    state = torch.get_rng_state()
    first = evaluate(model, task, data.images, data.validation, CPU)
    data.images.evaluation_batch = 2  # as where memory was short
    second = evaluate(model, task, data.images, data.validation, CPU)
    assert first == pytest.approx(second, rel=1e-6)
    assert torch.equal(torch.get_rng_state(), state)
    assert first != pytest.approx(evaluate(model, Reconstruction(), data.images, data.validation, CPU), rel=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_with_noise_is_taken_in_either_precision(images: dict[str, Path], precision: str) -> None:
    device = replace(CPU, precision=precision)
    model, data = model_of(images), stage_data()
    device.place(model)
    before = [tensor.clone() for tensor in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    step = Step(model.train(), Reconstruction(LITTLE), optimizer, data.images, device, None)
    assert math.isfinite(step(torch.arange(4)).item())
    assert any(not torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("alike", [True, False])
def test_losses_of_different_noise_are_no_sign_of_overfitting(alike: bool) -> None:
    """Where validation images have noise and training images none, the one loss is far above the other."""
    now = {"loss": 1.0}

    def look(model: nn.Module, _: torch.Tensor) -> None:
        now["loss"] = 1.0 if model.training else 2.0

    task = Watched(look, loss=lambda: now["loss"])
    _, told = run_fit(Pixels(), task, stage(epochs=4, alike=alike))
    assert any(isinstance(event, OverfittingSeen) for event in told) is alike


# -- a run ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_denoiser_that_was_stopped_ends_as_if_it_had_not_been(home: Home, images: dict[str, Path], kind: str) -> None:
    spec = tiny(images, noise=kind, epochs=3, dropout=0.1)
    whole, result, told = train(home, spec)
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, BatchEnded) and event.epoch == 2:
            flag.ask(Asked.STOP)

    stopped = jobs.start(home, spec, stop, flag)
    assert stopped.state == "stopped"
    resumed = jobs.resume(home.find(stopped.id), lambda event: None, Flag())
    ours, others = weights(whole), weights(home.find(resumed.id))
    assert all(torch.equal(tensor, others[name]) for name, tensor in ours.items())
    stored = [event for event in home.find(resumed.id).read_events()[0] if isinstance(event, EpochEnded)]
    assert [event.validation for event in stored] == [e.validation for e in told if isinstance(e, EpochEnded)]
    assert isinstance(resumed, AutoencoderResult)
    assert (resumed.test_mse, resumed.noisy_image, resumed.pca) == (result.test_mse, result.noisy_image, result.pca)


def test_noise_changes_what_is_learned_and_its_default_nothing(home: Home, images: dict[str, Path]) -> None:
    plain, told, _ = train(home, tiny(images))
    asked, _, _ = train(home, tiny(images, noise="none", noise_amount=0, validation_noise="none"))
    noisy, _, _ = train(home, tiny(images, noise="gaussian"))
    first = weights(plain)
    assert all(torch.equal(tensor, weights(asked)[name]) for name, tensor in first.items())
    assert any(not torch.equal(tensor, weights(noisy)[name]) for name, tensor in first.items())
    assert {"noise", "measured_noise", "noisy_image", "clean_input"}.isdisjoint(told.to_json())
    assert told.about[-1][0] == "latent"
    with np.load(sorted(plain.samples.iterdir())[-1]) as arrays:
        assert set(arrays) == {"originals", "reconstructions"}


def test_a_run_writes_the_amount_down_and_a_list_finds_it_by_that(home: Home, images: dict[str, Path]) -> None:
    run, _, _ = train(home, tiny(images, noise="masked-squares", epochs=1))
    plain, _, _ = train(home, tiny(images, epochs=1))
    assert run.read_spec()["spec"]["noise_amount"] == 0.25
    status = run.read_status()
    assert status.title.endswith("b8, masked squares 0.25")
    for text, found in {
        "noise_amount>0.2": [run.id], "noise_amount=0.25": [run.id], "noise:squares": [run.id],
        "noise_amount<1": [run.id], "noise=none": [plain.id],
    }.items():  # fmt: skip
        fits = parse_filter(text)
        listed = home.list_runs()
        specs = home.specs([one.id for one in listed])
        assert [one.id for one in listed if fits.matches(one, specs[one.id])] == found, text


def test_what_a_denoiser_comes_to_is_measured_on_noisy_images_beside_clean_ones(
    home: Home, images: dict[str, Path]
) -> None:
    spec = tiny(images, noise="salt-and-pepper", noise_amount=0.3)
    run, result, _ = train(home, spec)
    data, training, validation = images_of(run)
    assert data.test is not None
    noise = noise_of(spec.measured_noise)
    assert noise == Noise("salt-and-pepper", 0.3)
    model = read_model(run.model).build()
    of_both = {"": data.test.images, "validation_": data.train.take(validation)}
    for part, pixels in of_both.items():
        clean = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        noisy = noise.fixed(clean, spec.seed)
        with torch.inference_mode():
            rebuilt, undisturbed = model(noisy), model(clean)
        own = result.test_mse if not part else result.validation_mse
        assert own == pytest.approx((rebuilt - clean).square().mean().item(), rel=1e-4)
        for found, images_given in ((result.noisy_image, noisy), (result.clean_input, undisturbed)):
            mse = (images_given - clean).square().mean().item()
            assert getattr(found, f"{part}mse") == pytest.approx(mse, rel=1e-4)
    pixels = data.test.images
    given = noise.fixed_pixels(pixels, spec.seed)
    of_pca = pca_rebuilt(data.train.take(training), given, 5).astype(float) / 255
    assert result.pca.mse == pytest.approx(np.square(of_pca - pixels / 255).mean(), rel=0.05)  # cut to [0, 1], rounded
    assert [row.name for row in result.measured] == [
        "this run", "noisy image itself", "best constant image", "PCA, 5 numbers", "this run, no noise",
    ]  # fmt: skip
    assert result.about[-1] == (
        "noise",
        "Salt and pepper 0.3 on training images; what is to be rebuilt is the clean image. Validation and test images "
        "have such noise too, always the same for an image. New images get none.",
    )
    found = results.read_predictions(run)
    assert found.errors is not None
    assert found.errors.mean() == pytest.approx(result.test_mse, rel=1e-5)


def test_new_images_are_called_unlike_by_the_errors_of_clean_ones(home: Home, images: dict[str, Path]) -> None:
    run, _, _ = train(home, tiny(images, noise="gaussian", noise_amount=0.8))
    data, _, validation = images_of(run)
    file = read_model(run.model)
    clean = torch.from_numpy(data.train.take(validation)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        errors = (file.build()(clean) - clean).square().mean((1, 2, 3)).numpy()
    assert file.facts.unlike_above == pytest.approx(unlike_above(errors), rel=1e-4)
    assert isinstance(file.spec, AutoencoderSpec)
    assert (file.spec.noise, file.spec.noise_amount) == ("gaussian", 0.8)


def test_samples_of_a_denoiser_are_noisy_rebuilt_and_clean(home: Home, images: dict[str, Path]) -> None:
    spec = tiny(images, noise="gaussian", epochs=2)
    run, _, _ = train(home, spec)
    first, last = (results.read_samples(path) for path in sorted(run.samples.iterdir()))
    assert first.noisy is not None
    assert last.noisy is not None
    assert np.array_equal(first.noisy, last.noisy)  # epochs compare
    assert np.array_equal(first.noisy, Noise(GAUSSIAN, 0.3).fixed_pixels(first.originals, spec.seed))
    assert [row is not None and row.shape for row in last.rows] == [last.originals.shape] * 3
    assert last.rows[0] is last.noisy
    assert last.rows[2] is last.originals
    again = results.reconstruct(run, last.originals)
    assert again is not None
    assert again.noisy is not None
    assert np.array_equal(again.noisy, last.noisy)
    assert np.abs(again.reconstructions.astype(int) - last.reconstructions).max() <= 255


def test_a_run_that_is_validated_without_noise_says_so(home: Home, images: dict[str, Path]) -> None:
    run, result, _ = train(home, tiny(images, noise="gaussian", validation_noise="none", epochs=1))
    assert result.noisy_image is None
    assert "Validation and test images have no noise" in result.about[-1][1]
    only = replace(result, evaluated_on="validation", test_mse=None, test_psnr=None)
    assert "Validation images have no noise, always" in only.about[-1][1]
    assert results.read_samples(next(run.samples.iterdir())).noisy is None


def test_a_network_that_removes_no_noise_is_told_to(images: dict[str, Path]) -> None:
    baseline = Baseline(spec=tiny(images), pixels=False, constant=0.5, noisy=0.02)
    assert baseline.doubt({"loss": 0.019}, 1000) == ""
    told = baseline.doubt({"loss": 0.021}, 1000)
    assert told.startswith(
        "The validation error, 0.0210, is no better than that of the noisy images themselves, 0.0200:"
    )
    lost = "no noise is removed, or the network loses more of the images than it removes of the noise."
    assert told.endswith(f"{lost} The end of the run tells which.")
    wide = replace(baseline, spec=tiny(images, latent=0))
    assert f"{lost} Try another learning rate" in wide.doubt({"loss": 0.021}, 1000)
    assert "no noise is removed. Try another" in baseline.of_noisy("test", 0.021, 0.02, 0.001, 1000)
    assert "no noise is removed yet. Try" in baseline.of_noisy("test", 0.021, 0.02, 0.001, 10)
    assert "best constant image" in baseline.doubt({"loss": 0.6}, 1000)  # what is worse comes first
    assert replace(baseline, noisy=None).doubt({"loss": 0.021}, 1000) == ""


@pytest.mark.parametrize(
    ("error", "noisy", "clean", "keeps", "says"),
    [
        (0.0214, 0.0023, 0.0214, False, "an error of 0.0023: so little noise is less than what 5 numbers lose of any"),
        (0.0214, 0.0, 0.0214, False, "So little noise changes none of these images."),
        (0.0214, 4e-8, 0.0213, False, "so little noise is less than"),  # what it adds is not to be told
        (0.0240, 0.0023, 0.0214, True, "an error of 0.0023: the network is no better than none."),
        (0.0021, 0.0021, 1e-6, True, "an error of 0.0021: the network is no better than none."),
        (0.0290, 0.0280, 0.0100, False, "the network loses as much of the images as it removes of the noise."),
        (0.0050, 0.0200, 0.0040, False, "The noisy images themselves have 4.0 times this error."),
    ],
)
def test_a_network_is_held_against_what_the_noise_adds_to_its_error(
    images: dict[str, Path], error: float, noisy: float, clean: float, keeps: bool, says: str
) -> None:
    baseline = Baseline(spec=tiny(images), pixels=False, constant=0.5, noisy=noisy)
    assert bool(baseline.of_noisy("test", error, noisy, clean, 1000)) is keeps
    result = result_with(
        test_mse=error, constant_image=None, latent=5, pixels=144, noise="gaussian noise 0.05",
        measured_noise="gaussian noise 0.05", noisy_image=asdict(both_errors(noisy, noisy)),
        clean_input=asdict(both_errors(clean, clean)),
    )  # fmt: skip
    assert isinstance(result, AutoencoderResult)
    assert result.learned_nothing is keeps
    assert says in result.held_against[0]
    wide = replace(result, latent=288)
    assert "5 numbers" not in wide.held_against[0]


def test_a_bottleneck_that_removes_light_noise_is_not_told_that_it_removes_none(
    home: Home, images: dict[str, Path]
) -> None:
    _, result, _ = train(home, tiny(images, noise="gaussian", noise_amount=0.02, epochs=2))
    assert result.noisy_image.mse < result.test_mse
    assert not any("noise" in remark for remark in result.remarks)
    _, none, _ = train(home, tiny(images, noise="salt-and-pepper", noise_amount=1e-7, epochs=2))
    assert none.noisy_image.mse == 0
    assert not any("no better than none" in sentence for sentence in none.held_against)


def test_colour_images_of_an_odd_size_are_denoised(home: Home, tmp_path: Path) -> None:
    from tests.idx import write_idx

    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 15, 3), dtype=np.uint8)
    for kind in KINDS:
        spec = AutoencoderSpec(
            images=write_idx(tmp_path / kind, pixels),
            epochs=1,
            batch_size=8,
            kernels=(4,),
            noise=kind,
        )
        run, result, _ = train(home, spec)
        assert result.noisy_image.mse > 0
        samples = results.read_samples(next(run.samples.iterdir()))
        assert samples.noisy is not None
        assert samples.noisy.shape == (4, 9, 15, 3)


# -- a study --------------------------------------------------------------------------------------


def test_a_study_over_the_noise_judges_all_trials_by_the_same_images(home: Home, images: dict[str, Path]) -> None:
    study = make_study("one", tiny(images, epochs=1), {"noise": "none,gaussian,salt-and-pepper,masked-squares"})
    assert isinstance(study.baseline, AutoencoderSpec)
    assert study.baseline.validation_noise == MIXED
    assert study_from_json(study.model_dump(mode="json")) == study
    assert "--validation-noise mixed" in as_command(study)
    directory = create(home, study)
    done = work_on(home, directory, Watcher(), Flag())
    assert done.state == "finished"
    told = (
        "The noise varies, so all trials are validated on the same images: a quarter each without noise and with each "
        "kind."
    )
    assert done.data["remarks"][0] == told
    assert done.stages[0].reason.endswith(told)
    noisy = set()
    for run in home.list_runs():
        result = home.find(run.id).read_result()
        assert isinstance(result, AutoencoderResult)
        assert result.measured_noise == "mixed noise"
        assert result.noisy_image is not None
        noisy.add(result.noisy_image.validation_mse)
    assert len(noisy) == 1  # the very same images


def test_a_study_over_the_amount_does_too_and_takes_the_noise_that_is_named(
    home: Home, images: dict[str, Path]
) -> None:
    named = make_study("one", tiny(images, noise="gaussian", validation_noise="gaussian"), {"noise_amount": "auto,0.1"})
    assert getattr(named.baseline, "validation_noise", "") == "gaussian"
    record = plan(home, named)
    assert "on the same images with gaussian noise 0.3" in record.data["remarks"][0]
    other = make_study("one", tiny(images, noise="gaussian"), {"kernels": "2,3"})
    assert getattr(other.baseline, "validation_noise", "") == "same"
    assert not any("noise" in remark for remark in plan(home, other).data["remarks"])
    search = make_study("search", tiny(images, noise="gaussian"), {"noise_amount": "0.1..0.5"}, trials=2)
    done = work_on(home, create(home, search), Watcher(), Flag())
    assert all(0.1 <= float(point.values["noise_amount"]) <= 0.5 for point in done.stages[0].points)


def test_no_noise_goes_with_any_amount_in_a_study_and_is_trained_once(home: Home, images: dict[str, Path]) -> None:
    baseline = tiny(images, epochs=1)
    grid = make_study("grid", baseline, {"noise": "none,gaussian", "noise_amount": "0.1,0.3"})
    record = plan(home, grid)
    assert record.data["remarks"][0].endswith("Where there is no noise, the amount makes no difference.")
    done = work_on(home, create(home, grid), Watcher(), Flag())
    assert done.state == "finished"
    trials = [point.trials[0] for point in done.stages[0].points]
    assert trials[0].run == trials[1].run
    assert len({trial.run for trial in trials}) == len(home.list_runs()) == 3
    guided = make_study("guided", baseline, {"noise": "none,gaussian", "noise_amount": "0.1,0.3"})
    assert study_from_json(guided.model_dump(mode="json")) == guided
    done = work_on(home, create(home, guided), Watcher(), Flag())
    assert done.state == "finished"
    search = make_study("search", baseline, {"noise": "none,gaussian", "noise_amount": "0.1..0.5"}, trials=4)
    done = work_on(home, create(home, search), Watcher(), Flag())
    assert done.state == "finished"
    plain = {trial.run for point in done.stages[0].points for trial in point.trials if point.values["noise"] == "none"}
    assert len(plain) <= 1
    make_study("one", tiny(images, noise="gaussian", noise_amount=0.2), {"noise": "none,gaussian"})
    with pytest.raises(SpecError, match=r"0\.1 of no noise"):  # nothing of it says which
        make_study("one", baseline, {"noise_amount": "0.1,0.3"})
    with pytest.raises(SpecError, match=r"0\.1 of no noise"):
        tiny(images, noise_amount=0.1)


def test_small_images_of_more_classes_are_shown_with_noise(home: Home, files: dict[str, Path]) -> None:
    run, _, events = train(home, small(files, noise="masked-squares", epochs=1))
    assert any(isinstance(event, EpochEnded) for event in events)
    assert DeviceImages(images_of(run)[0].train, torch.device("cpu")).images.shape[1:] == (28, 28, 1)
