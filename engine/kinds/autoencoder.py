"""The convolutional autoencoder: it learns to give an image back."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.data.batches import DeviceImages, to_pixels
from engine.data.datasets import ImageData
from engine.data.remarks import on_pixels
from engine.evaluation.baselines import constant_figures
from engine.evaluation.predictions import constant_image_errors, pca_errors
from engine.evaluation.results import evaluated, look_of, write_predictions
from engine.kinds.kind import Pairs
from engine.network.architecture import Plan, plan_autoencoder
from engine.network.autoencoder import ConvAutoencoder
from engine.protocol.control import AskedToEndError, Control
from engine.results.autoencoder import ConstantImage, Pca
from engine.runs.model_facts import ModelFacts, unlike_above
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.measures import psnr
from engine.training.baseline import Baseline
from engine.training.tasks import Reconstruction

CONSTANT_SAMPLE = 5000
"""Training images that say enough of the constant image that an epoch is held against."""
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

    def task(self, prepared: Prepared) -> Reconstruction:  # noqa: ARG002 - as `Kind` has it
        """See `Kind`."""
        return Reconstruction()

    def baseline(self, prepared: Prepared) -> Baseline:
        """The best constant image."""
        shuffled = np.random.default_rng(0).permutation(prepared.training)  # a file may be sorted by class
        training, validation = (
            prepared.data.train.take(indices) for indices in (shuffled[:CONSTANT_SAMPLE], prepared.validation)
        )
        (constant,) = constant_image_errors(training, [validation])
        return Baseline(spec=prepared.spec, pixels=on_pixels(prepared.data), constant=constant)

    def samples(self, prepared: Prepared, images: DeviceImages) -> Callable[[nn.Module], Pairs]:
        """The first validation image of each class, then the first ones, and their reconstructions."""
        indices = _to_show(prepared)

        def rebuild(model: nn.Module) -> Pairs:
            model.eval()
            with torch.inference_mode(), prepared.device.autocast():
                pairs = images.each(indices, lambda batch, _: (to_pixels(batch), to_pixels(model(batch))))
                originals, reconstructions = (
                    np.concatenate(part) for part in zip(*(pair for pair, _ in pairs), strict=True)
                )
            model.train()
            return originals, reconstructions

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
        """The error that is unlike that of the validation images, and which way round the images are."""
        errors = _errors(prepared, recorder, model, images, prepared.validation)
        return ModelFacts(unlike_above=unlike_above(errors), **look_of(prepared))

    def measure(
        self,
        prepared: Prepared,
        recorder: Recorder,
        model: ConvAutoencoder,
        images: DeviceImages,
        stage: str,  # noqa: ARG002 - there is one
    ) -> dict[str, Any]:
        """The mean squared error of the reconstructions, beside PCA's and the best constant image's."""
        of, images, indices = evaluated(prepared, images)

        found = _errors(prepared, recorder, model, images, indices)
        mse = float(found.mean(dtype=np.float64))
        pca, constant = _comparisons(prepared, recorder.control)
        assert recorder.baseline is not None  # it was found before the first step
        doubt = recorder.baseline.of_error(of, mse, constant.mse, recorder.steps_taken)
        write_predictions(prepared, recorder, of, indices, errors=found)
        return {
            "evaluated_on": of,
            "test_loss": mse if of == "test" else None,
            "test_mse": mse if of == "test" else None,
            "test_psnr": psnr(mse) if of == "test" else None,
            "pca": pca,
            "constant_image": constant,
            "remarks": [doubt] if doubt else [],
        }


def _errors(
    prepared: Prepared, recorder: Recorder, model: ConvAutoencoder, images: DeviceImages, indices: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The mean squared error of each of these images, shape (n,)."""

    def error(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        found: torch.Tensor = (model(batch).float() - batch).square().mean((1, 2, 3)).cpu()
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


def _comparisons(prepared: Prepared, control: Control) -> tuple[Pca, ConstantImage]:
    """What PCA and the best constant image come to, of the validation images and of those evaluated on."""
    training = prepared.data.train.take(prepared.training)
    sets = [prepared.data.train.take(prepared.validation)]
    if prepared.data.test is not None:
        sets.append(prepared.data.test.take(np.arange(len(prepared.data.test))))

    def hear() -> None:
        if control.asked().ends:
            raise AskedToEndError

    hear()
    constant = constant_image_errors(training, sets)
    pca = pca_errors(training, sets, prepared.plan.latent, hear)
    mse, validation = pca[-1].mse, pca[0].mse
    compared = Pca(
        **asdict(pca[-1]),
        psnr=None if mse is None else psnr(mse),
        validation_mse=validation,
        validation_psnr=None if validation is None else psnr(validation),
    )
    return compared, constant_figures(constant[0], constant[-1])


KIND = AutoencoderKind()
