"""What a complete run is measured by: the best weights on the test images, once.

Nothing is chosen by these numbers. Where there are no test images (or, for a classifier, no labels of
theirs) the validation images are measured instead, and `evaluated_on` says so.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.augmentation import views
from engine.data.batches import DeviceImages
from engine.data.datasets import ImageData, ImageSet
from engine.data.remarks import PIXELS, of_data
from engine.errors import RunError
from engine.evaluation.baselines import constant_figures, largest_class, of_answers
from engine.evaluation.predictions import classification_report, constant_image_errors, pca_errors
from engine.network.models import ConvAutoencoder, EncoderClassifier
from engine.protocol.control import AskedToEndError, Control
from engine.protocol.events import EpochEnded, Event, StageEnded
from engine.runs.directory import RunDirectory
from engine.runs.recorder import Recorder
from engine.specs.classifier import ClassifierSpec
from engine.specs.kinds import SPECS
from engine.specs.measures import psnr
from engine.storage.arrays import read_arrays, write_arrays
from engine.training.baseline import Baseline

if TYPE_CHECKING:
    from engine.runs.prepared import Prepared

CONSTANT_SAMPLE = 5000
"""Training images that say enough of the constant image that an epoch is held against."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The content of `predictions.npz`."""

    kind: str
    of: str  # test or validation: which images; validation images are indices into the training files
    indices: NDArray[np.int64]  # (n,)
    probabilities: NDArray[np.float32] | None  # (n, classes), of a classifier
    errors: NDArray[np.float32] | None  # (n,) mean squared error, of an autoencoder

    def images(self, data: ImageData) -> ImageSet:
        """The images that `indices` point into.

        Raises:
            RunError: `data` has no such images.
        """
        found = data.test if self.of == "test" else data.train
        classes = None if self.probabilities is None else self.probabilities.shape[1]
        if found is None or self.indices.max() >= len(found) or classes not in (None, data.classes):
            raise RunError(f"The predictions are not of the images of {data.name}: train the run again.")
        return found


def evaluated_on(data: ImageData, kind: str, validation: int) -> tuple[str, int]:
    """Which images a run is measured on, and how many they are."""
    usable = data.test is not None and (kind == "autoencoder" or data.test.labels is not None)
    return ("test", len(data.test)) if usable and data.test is not None else ("validation", validation)


def baseline_of(work: "Prepared") -> Baseline:
    """What the run's validation images give without any learning."""
    pixels = any(remark.about == PIXELS for remark in of_data(work.data))
    labels = work.data.train.labels
    if isinstance(work.spec, ClassifierSpec):
        assert labels is not None
        largest = largest_class(labels[work.training], labels[work.validation])
        return Baseline(spec=work.spec, pixels=pixels, largest=largest)
    some = np.random.default_rng(0).permutation(work.training)[:CONSTANT_SAMPLE]  # a file may be sorted by class
    training, validation = (work.data.train.take(indices) for indices in (some, work.validation))
    return Baseline(spec=work.spec, pixels=pixels, constant=constant_image_errors(training, [validation])[0])


def measure(
    work: "Prepared", recorder: Recorder, model: ConvAutoencoder | EncoderClassifier, images: DeviceImages, stage: str
) -> dict[str, Any]:
    """Evaluate the weights of `stage`, which `model` has, write the predictions, and give back what `result.json` adds.

    Raises:
        AskedToEndError: the run is asked to end meanwhile; nothing is written.
    """
    of, _ = evaluated_on(work.data, work.spec.kind, len(work.validation))
    indices = work.validation
    if of == "test":
        assert work.data.test is not None
        images = DeviceImages(work.data.test, work.device.torch_device)
        indices = np.arange(len(work.data.test), dtype=np.int64)
    model.eval()
    if isinstance(model, ConvAutoencoder):
        return _measure_autoencoder(work, recorder, model, images, indices, of)
    return _measure_classifier(work, recorder, model, images, indices, of, stage)


def _measure_autoencoder(
    work: "Prepared",
    recorder: Recorder,
    model: ConvAutoencoder,
    images: DeviceImages,
    indices: NDArray[np.int64],
    of: str,
) -> dict[str, Any]:
    def error(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        found: torch.Tensor = (model(batch).float() - batch).square().mean((1, 2, 3)).cpu()
        return found

    with torch.inference_mode(), work.device.autocast():
        found = torch.cat([errors for errors, _ in images.each(indices, error, recorder.control)]).numpy()
    mse = float(found.mean(dtype=np.float64))
    pca, constant = _comparisons(work, recorder.control)
    assert recorder.baseline is not None
    doubt = recorder.baseline.of_error(of, mse, constant["mse"], recorder.steps_taken)
    _write_predictions(work, recorder, of, indices, errors=found)
    return {
        "evaluated_on": of,
        "test_loss": mse if of == "test" else None,
        "test_mse": mse if of == "test" else None,
        "test_psnr": psnr(mse) if of == "test" else None,
        "pca": pca,
        "constant_image": constant,
        "remarks": [doubt] if doubt else [],
    }


def _comparisons(work: "Prepared", control: Control) -> tuple[dict[str, Any], dict[str, Any]]:
    """What PCA and the best constant image come to, of the validation images and of those evaluated on."""
    training = work.data.train.take(work.training)
    sets = [work.data.train.take(work.validation)]
    if work.data.test is not None:
        sets.append(work.data.test.take(np.arange(len(work.data.test))))

    def hear() -> None:
        if control.asked().ends:
            raise AskedToEndError

    hear()
    constant = constant_image_errors(training, sets)
    pca = pca_errors(training, sets, work.plan.latent, hear)
    mse, validation = pca[-1].mse, pca[0].mse
    compared = {
        **asdict(pca[-1]),
        "psnr": None if mse is None else psnr(mse),
        "validation_mse": validation,
        "validation_psnr": None if validation is None else psnr(validation),
    }
    return compared, constant_figures(constant[0], constant[-1])


def _measure_classifier(
    work: "Prepared",
    recorder: Recorder,
    model: EncoderClassifier,
    images: DeviceImages,
    indices: NDArray[np.int64],
    of: str,
    stage: str,
) -> dict[str, Any]:
    assert isinstance(work.spec, ClassifierSpec)
    averages = work.spec.averages_views(stage)

    def logits_of(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        """Of each view: (views, n, classes)."""
        return torch.stack([model(view).float().cpu() for view in (views(batch) if averages else (batch,))])

    with torch.inference_mode(), work.device.autocast():
        outputs = [output for output, _ in images.each(indices, logits_of, recorder.control)]
    each = torch.cat(outputs, dim=1).double().log_softmax(2)
    averaged = each.logsumexp(0) - math.log(len(each))
    labels = work.data.test.labels if of == "test" and work.data.test is not None else work.data.train.labels
    assert labels is not None
    true = torch.from_numpy(labels[indices].astype(np.int64))
    loss = torch.nn.functional.nll_loss(averaged, true).item()
    probabilities = averaged.exp().float().numpy()
    _write_predictions(work, recorder, of, indices, probabilities=probabilities)
    report = classification_report(labels[indices], probabilities)
    trained = work.data.train.labels
    assert trained is not None
    largest = largest_class(trained[work.training], labels[indices])
    return {
        "evaluated_on": of,
        "test_loss": loss if of == "test" else None,
        "test_accuracy": report.accuracy if of == "test" else None,
        "accuracy": report.accuracy,
        "correct": report.correct,
        "incorrect": report.incorrect,
        "views": len(each),
        "one_view_accuracy": (each[0].argmax(1) == true).double().mean().item(),
        "report": report.to_json(),
        "largest_class": largest,
        "remarks": of_answers(of, report, largest),
    }


def _write_predictions(
    work: "Prepared", recorder: Recorder, of: str, indices: NDArray[np.int64], **arrays: NDArray[Any]
) -> None:
    marks = {"kind": np.array(work.spec.kind), "of": np.array(of), "format": np.array(1)}
    recorder.with_room(lambda: write_arrays(work.run.predictions, indices=indices, **arrays, **marks))


def read_predictions(run: RunDirectory) -> Predictions:
    """What a complete run's model made of every image it was measured on.

    Raises:
        RunError: the run is not complete, or the file is damaged.
    """
    if not run.predictions.exists():
        raise RunError(
            f"Run {run.id} is {run.read_status().state} and has no predictions: they are made when a run finishes."
        )
    arrays = read_arrays(run.predictions)
    kind, of = (str(arrays.get(name)) for name in ("kind", "of"))
    indices, probabilities, errors = (arrays.get(name) for name in ("indices", "probabilities", "errors"))
    told = probabilities if kind == "classifier" else errors
    if (
        kind not in SPECS
        or of not in ("test", "validation")
        or indices is None
        or indices.dtype != np.int64
        or indices.ndim != 1
        or indices.min(initial=0) < 0
        or told is None
        or told.dtype != np.float32
        or told.ndim != (2 if kind == "classifier" else 1)
        or not 0 < len(told) == len(indices)
        or not told.size
        or not np.isfinite(told).all()
        or told.min() < 0
        or (kind == "classifier" and told.max() > 1 + 1e-3)
    ):
        raise RunError(
            f"{run.predictions} does not hold what a model made of images: restore the file, or train the run again."
        )
    return Predictions(
        kind=kind,
        of=of,
        indices=indices,
        probabilities=told if kind == "classifier" else None,
        errors=told if kind == "autoencoder" else None,
    )


def read_samples(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Validation images and their reconstructions after an epoch, each (n, height, width, channels), n at least 1.

    Raises:
        RunError: the file is damaged.
    """
    arrays = read_arrays(path)
    originals, reconstructions = (arrays.get(name) for name in ("originals", "reconstructions"))
    if (
        originals is None
        or reconstructions is None
        or originals.shape != reconstructions.shape
        or originals.ndim != 4
        or not originals.size
        or originals.shape[3] not in (1, 3)
        or not originals.dtype == reconstructions.dtype == np.uint8
    ):
        raise RunError(f"{path} does not hold reconstructions: restore the file, or train the run again.")
    return originals, reconstructions


def stages(events: list[Event]) -> list[dict[str, Any]]:
    """Each stage that ended, as `result.json` tells it."""
    accuracies = {
        (event.stage, event.epoch): event.validation.get("accuracy")
        for event in events
        if isinstance(event, EpochEnded)
    }
    return [
        {
            "stage": event.stage,
            "state": event.state,
            "epochs": event.epochs,
            "best_epoch": event.best_epoch,
            "best_loss": event.best_loss,
            "best_accuracy": accuracies.get((event.stage, event.best_epoch)),
            "seconds": event.seconds,
        }
        for event in events
        if isinstance(event, StageEnded)
    ]
