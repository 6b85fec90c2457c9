"""The convolutional autoencoder: it learns to give an image back."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.data.batches import DeviceImages, to_pixels
from engine.data.datasets import ImageData
from engine.data.noise import Noise, noise_of
from engine.data.remarks import on_pixels
from engine.evaluation.baselines import both_errors, constant_figures
from engine.evaluation.predictions import constant_image_errors, pca_errors
from engine.evaluation.results import evaluated, look_of, write_predictions
from engine.kinds.kind import Shown
from engine.network.architecture import Plan, plan_autoencoder
from engine.network.autoencoder import ConvAutoencoder
from engine.protocol.control import AskedToEndError, Control
from engine.results.autoencoder import BothErrors, ConstantImage, Pca
from engine.runs.model_facts import ModelFacts, unlike_above
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.measures import psnr
from engine.specs.noise import noise_words
from engine.training.baseline import Baseline
from engine.training.tasks import Reconstruction

CONSTANT_SAMPLE = 5000
"""Training images that say enough of the constant image that an epoch is held against."""
NOISY_SAMPLE = 1000
"""Validation images that say enough of the error that noise makes."""
SAMPLES = 10
"""Validation images that it is shown to rebuild after each epoch."""


class AutoencoderKind:
    """See `Kind`."""

    def check_data(self, data: ImageData) -> None:
        """Any images will do."""

    def plan(self, spec: AutoencoderSpec, data: ImageData, encoder: Spec | None) -> Plan:  # noqa: ARG002 - as `Kind` has it
        """See `Kind`."""
        return plan_autoencoder(spec, data.shape)

    def build(self, prepared: Prepared) -> ConvAutoencoder:
        """See `Kind`."""
        assert isinstance(prepared.spec, AutoencoderSpec)
        return ConvAutoencoder(prepared.spec, prepared.data.shape)

    def enter(self, model: nn.Module, stage: str) -> None:
        """There is one stage."""

    def task(self, prepared: Prepared) -> Reconstruction:
        """See `Kind`."""
        training, measured = prepared.spec.training_noise, prepared.spec.measured_noise
        return Reconstruction(noise_of(training), noise_of(measured), prepared.spec.seed)

    def baseline(self, prepared: Prepared) -> Baseline:
        """The best constant image, and where images get noise, these as they are."""
        shuffled = np.random.default_rng(0).permutation(prepared.training)  # a file may be sorted by class
        training, validation = (
            prepared.data.train.take(indices) for indices in (shuffled[:CONSTANT_SAMPLE], prepared.validation)
        )
        (constant,) = constant_image_errors(training, [validation])
        noise = _measured(prepared)
        noisy = None if noise is None else noise.error(validation[:NOISY_SAMPLE], prepared.spec.seed)
        return Baseline(spec=prepared.spec, pixels=on_pixels(prepared.data), constant=constant, noisy=noisy)

    def samples(self, prepared: Prepared, images: DeviceImages) -> Callable[[nn.Module], Shown]:
        """The first validation image of each class, then the first ones, and their reconstructions.

        Where these are given with noise, the noisy images too.
        """
        indices, noise, seed = _to_show(prepared), _measured(prepared), prepared.spec.seed

        def rebuild(model: nn.Module) -> Shown:
            def shown(batch: torch.Tensor, _: torch.Tensor | None) -> Shown:
                if noise is None:
                    return to_pixels(batch), to_pixels(model(batch))
                noisy = noise.fixed(batch, seed)
                return to_pixels(batch), to_pixels(model(noisy)), to_pixels(noisy)

            model.eval()
            with torch.inference_mode(), prepared.device.autocast():
                found = [part for part, _ in images.each(indices, shown)]
            model.train()
            return tuple(np.concatenate(part) for part in zip(*found, strict=True))

        return rebuild

    def so_far(self, best_loss: float, baseline: Baseline) -> dict[str, Any]:
        """The validation error in two ways, and that of the best constant image."""
        found: dict[str, Any] = {"validation_mse": best_loss, "validation_psnr": psnr(best_loss)}
        if baseline.constant is not None:
            found["constant_image"] = constant_figures(baseline.constant, baseline.constant)
        return found

    def facts(
        self,
        prepared: Prepared,
        recorder: Recorder,
        model: ConvAutoencoder,
        images: DeviceImages,
        stage: str,  # noqa: ARG002 - as every kind
    ) -> ModelFacts:
        """The error that is unlike that of the validation images, and which way round the images are.

        Of a denoiser too it is that of images without noise: none is put on new ones.
        """
        errors = _errors(prepared, recorder, model, images, prepared.validation)
        return ModelFacts(unlike_above=unlike_above(errors), **look_of(prepared))

    def measure(
        self,
        prepared: Prepared,
        recorder: Recorder,
        model: ConvAutoencoder,
        images: DeviceImages,
        stage: str,  # noqa: ARG002 - there is one
        facts: ModelFacts,  # noqa: ARG002 - nothing of it is told
    ) -> dict[str, Any]:
        """The mean squared error of the reconstructions, beside PCA's and the best constant image's.

        Where images get noise, it is that of the reconstructions of noisy images, beside that of these as they are,
        and of the reconstructions of images without noise.
        """
        validating = images
        of, images, indices = evaluated(prepared, images)
        noise = _measured(prepared)

        found = _errors(prepared, recorder, model, images, indices, noise)
        mse = float(found.mean(dtype=np.float64))
        pca, constant = _comparisons(prepared, recorder.control, noise)
        assert recorder.baseline is not None  # it was found before the first step
        doubt = recorder.baseline.of_error(of, mse, constant.mse, recorder.steps_taken)
        own: dict[str, Any] = {}
        if noise is not None:

            def both(model: nn.Module, noise: Noise | None) -> BothErrors:
                parts = ((validating, prepared.validation), (images, indices))
                validation, evaluated = (
                    float(_errors(prepared, recorder, model, *part, noise).mean(dtype=np.float64)) for part in parts
                )
                return both_errors(validation, evaluated)

            own = {"noisy_image": both(nn.Identity(), noise), "clean_input": both(model, None)}
            noisy, clean = own["noisy_image"].mse, own["clean_input"].mse
            doubt = doubt or recorder.baseline.of_noisy(of, mse, noisy, clean, recorder.steps_taken)
        write_predictions(prepared, recorder, of, indices, errors=found)
        training_noise, measured_noise = prepared.spec.training_noise, prepared.spec.measured_noise
        if training_noise or measured_noise:
            own |= {"noise": noise_words(training_noise), "measured_noise": noise_words(measured_noise)}
        return own | {
            "evaluated_on": of,
            "test_loss": mse if of == "test" else None,
            "test_mse": mse if of == "test" else None,
            "test_psnr": psnr(mse) if of == "test" else None,
            "pca": pca,
            "constant_image": constant,
            "remarks": [doubt] if doubt else [],
        }


def _measured(prepared: Prepared) -> Noise | None:
    """The noise on the images that a run is measured by."""
    return noise_of(prepared.spec.measured_noise)


def _errors(
    prepared: Prepared,
    recorder: Recorder,
    model: nn.Module,
    images: DeviceImages,
    indices: NDArray[np.int64],
    noise: Noise | None = None,
) -> NDArray[np.float32]:
    """The mean squared error of what `model` makes of each of these images, or of it with noise, shape (n,)."""

    def error(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        seen = batch if noise is None else noise.fixed(batch, prepared.spec.seed)
        found: torch.Tensor = (model(seen).float() - batch).square().mean((1, 2, 3)).cpu()
        return found

    model.eval()
    with torch.inference_mode(), prepared.device.autocast():
        errors = torch.cat([found for found, _ in images.each(indices, error, recorder.control)])
    return errors.numpy()


def _to_show(prepared: Prepared) -> NDArray[np.int64]:
    """Validation images: the first of each class, then the first ones, up to `SAMPLES`."""
    labels = prepared.data.train.labels
    validation = prepared.validation
    if labels is None:
        return validation[:SAMPLES]
    _, firsts = np.unique(labels[validation], return_index=True)
    rest = np.setdiff1d(np.arange(len(validation)), firsts)
    chosen: NDArray[np.int64] = validation[np.concatenate([firsts, rest])[:SAMPLES]]
    return chosen


def _comparisons(prepared: Prepared, control: Control, noise: Noise | None) -> tuple[Pca, ConstantImage]:
    """What PCA and the best constant image come to, of the validation images and of those evaluated on.

    PCA is fitted on images without noise, and given those with noise: the best linear autoencoder's way to remove it.
    """
    training = prepared.data.train.take(prepared.training)
    sets = [prepared.data.train.take(prepared.validation)]
    if prepared.data.test is not None:
        sets.append(prepared.data.test.take(np.arange(len(prepared.data.test))))

    def hear() -> None:
        if control.asked().ends:
            raise AskedToEndError

    hear()
    constant = constant_image_errors(training, sets)
    seen = None if noise is None else partial(noise.fixed_pixels, seed=prepared.spec.seed)
    pca = pca_errors(training, sets, prepared.plan.latent, hear, seen)
    mse, validation = pca[-1].mse, pca[0].mse
    compared = Pca(
        **asdict(pca[-1]),
        psnr=None if mse is None else psnr(mse),
        validation_mse=validation,
        validation_psnr=None if validation is None else psnr(validation),
    )
    return compared, constant_figures(constant[0], constant[-1])


KIND = AutoencoderKind()
