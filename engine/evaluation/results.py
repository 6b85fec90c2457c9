"""What a complete run is measured by: the best weights on the test images, once.

Nothing is chosen by these numbers. Where there are no test images (or, for a classifier, no labels of
theirs) the validation images are measured instead, and `evaluated_on` says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.batches import DeviceImages, to_pixels
from engine.data.datasets import ImageData, ImageSet
from engine.data.noise import noise_of
from engine.data.split import split_of
from engine.data.streaming import device_images
from engine.errors import RunError
from engine.evaluation.centring import is_centred
from engine.protocol.events import EpochEnded, Event, StageEnded
from engine.protocol.states import COMPLETE
from engine.results.result import StageResult
from engine.runs.checkpoint import read_model
from engine.runs.directory import RunDirectory
from engine.runs.model_facts import ALIKE, all_light_on_dark
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.listed import KINDS, listed
from engine.storage.arrays import read_arrays, write_arrays


@dataclass(frozen=True, slots=True)
class Predictions:
    """The content of `predictions.npz`."""

    kind: str
    of: str  # test or validation: which images; validation images are indices into the training files
    indices: NDArray[np.int64]  # (n,)
    probabilities: NDArray[np.float32] | None  # (n, classes), of what tells classes apart
    errors: NDArray[np.float32] | None  # (n,) mean squared error, of what rebuilds images
    scores: NDArray[np.float32] | None = None  # (n,) how odd each is, of what tells that

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


def evaluated_on(prepared: Prepared) -> tuple[str, int]:
    """Which images a run is measured on, test or validation, and how many they are."""
    test = prepared.data.test
    usable = test is not None and (test.labels is not None or not prepared.spec.needs_labels)
    if usable and test is not None:
        return "test", len(test)
    return "validation", len(prepared.validation) + len(others_held_back(prepared))


def others_held_back(prepared: Prepared) -> NDArray[np.int64]:
    """Images of classes that a run does not learn (n,), of those which the split holds back from training."""
    spec, data = prepared.spec, prepared.data
    if not spec.learned_classes or data.train.labels is None:
        return np.empty(0, np.int64)
    _, held_back = split_of(data, spec.validation_fraction, spec.seed, prepared.split_rule)
    return np.setdiff1d(held_back, prepared.validation)


def evaluated(prepared: Prepared, images: DeviceImages) -> tuple[str, DeviceImages, NDArray[np.int64]]:
    """The same with the images and the indices into them; `images` are those of training and validation."""
    of, _ = evaluated_on(prepared)
    if of == "validation":
        return of, images, prepared.validation
    assert prepared.data.test is not None
    test = device_images(prepared.data.test, prepared.device.torch_device, prepared.spec.batch_size)
    return of, test, np.arange(len(prepared.data.test), dtype=np.int64)


def look_of(prepared: Prepared) -> dict[str, Any]:
    """What grey training images show, as `ModelFacts` has it: which way round they are, whether they are centred."""
    if prepared.data.shape[2] != 1:
        return {}
    images = prepared.data.train.take(prepared.training[:: max(len(prepared.training) // 2_000, 1)])
    light_on_dark = all_light_on_dark(images)
    if light_on_dark is None:
        return {}
    drawn = images[..., 0] if light_on_dark else 255 - images[..., 0]
    centred = float(np.mean([is_centred(image) for image in drawn])) >= ALIKE
    return {"light_on_dark": light_on_dark, "centred": centred}


def write_predictions(
    prepared: Prepared, recorder: Recorder, of: str, indices: NDArray[np.int64], **arrays: NDArray[Any]
) -> None:
    """Write `predictions.npz`: `probabilities`, or `errors` and perhaps `scores`, of the images at `indices`."""
    about = {"kind": np.array(prepared.spec.kind), "of": np.array(of), "format": np.array(1)}
    recorder.with_room(
        lambda: write_arrays(prepared.run.predictions, prepared.run.put, indices=indices, **arrays, **about)
    )


def read_predictions(run: RunDirectory) -> Predictions:
    """What a complete run's model made of every image it was measured on.

    Raises:
        RunError: the run is not complete, or the file is damaged.
    """
    if not run.predictions.exists():
        if run.read_status().state in COMPLETE:
            raise RunError(
                f"The predictions of run {run.id}, {run.predictions}, are gone: restore the file, or train the run "
                "again."
            )
        raise RunError(
            f"Run {run.id} is {run.read_status().state} and has no predictions: they are made when a run finishes."
        )
    arrays = read_arrays(run.predictions)
    kind, of = (str(arrays.get(name)) for name in ("kind", "of"))
    indices, probabilities, errors = (arrays.get(name) for name in ("indices", "probabilities", "errors"))
    scores = arrays.get("scores")
    told, shares = (errors, False) if probabilities is None else (probabilities, True)
    if (
        kind not in KINDS
        or of not in ("test", "validation")
        or indices is None
        or indices.dtype != np.int64
        or indices.ndim != 1
        or indices.min(initial=0) < 0
        or told is None
        or told.dtype != np.float32
        or told.ndim != (2 if shares else 1)
        or not 0 < len(told) == len(indices)
        or not told.size
        or not np.isfinite(told).all()
        or told.min() < 0
        or (shares and told.max() > 1 + 1e-3)
        or (scores is not None and (scores.dtype != np.float32 or scores.shape != indices.shape))
        or (scores is not None and not np.isfinite(scores).all())
    ):
        raise RunError(
            f"{run.predictions} does not hold what a model made of images: restore the file, or train the run again."
        )
    return Predictions(
        kind=kind, of=of, indices=indices, probabilities=told if shares else None, errors=None if shares else told,
        scores=scores,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Samples:
    """Validation images and what was made of them after an epoch, each (n, height, width, channels), n at least 1."""

    originals: NDArray[np.uint8]
    reconstructions: NDArray[np.uint8]
    noisy: NDArray[np.uint8] | None = None  # what was rebuilt, where that were not the originals

    @property
    def rows(self) -> tuple[NDArray[np.uint8], ...]:
        """In the order in which they are shown: images over reconstructions, or noisy, rebuilt, clean."""
        if self.noisy is None:
            return self.originals, self.reconstructions
        return self.noisy, self.reconstructions, self.originals


def read_samples(path: Path) -> Samples:
    """What was written after an epoch.

    Raises:
        RunError: the file is damaged.
    """
    arrays = read_arrays(path)
    originals, reconstructions, noisy = (arrays.get(name) for name in ("originals", "reconstructions", "noisy"))
    if (
        originals is None
        or reconstructions is None
        or originals.shape != reconstructions.shape
        or originals.ndim != 4
        or not originals.size
        or originals.shape[3] not in (1, 3)
        or not originals.dtype == reconstructions.dtype == np.uint8
        or (noisy is not None and (noisy.shape, noisy.dtype) != (originals.shape, originals.dtype))
    ):
        raise RunError(f"{path} does not hold reconstructions: restore the file, or train the run again.")
    return Samples(originals, reconstructions, noisy)


def stages(events: list[Event]) -> list[StageResult]:
    """What each stage that ended came to, told by the events of its run."""
    accuracies = {
        (event.stage, event.epoch): event.validation.get("accuracy")
        for event in events
        if isinstance(event, EpochEnded)
    }
    return [
        StageResult(
            stage=event.stage,
            state=event.state,
            epochs=event.epochs,
            best_epoch=event.best_epoch,
            best_loss=event.best_loss,
            best_accuracy=accuracies.get((event.stage, event.best_epoch)),
            seconds=event.seconds,
        )
        for event in events
        if isinstance(event, StageEnded)
    ]


def reconstruct(run: RunDirectory, images: NDArray[np.uint8]) -> Samples | None:
    """What a run's autoencoder (a classifier's: the one it was built on) makes of uint8 images (n, h, w, c).

    Those of an autoencoder that was measured on noisy images get the same noise as they had then. None where the run
    keeps no autoencoder.
    """
    of_classifier = run.encoder.exists()
    file = run.encoder if of_classifier else run.model
    if not file.exists():
        return None
    found = read_model(file)
    if not listed(found.spec.kind).rebuilds:
        return None
    noise = None if of_classifier else noise_of(found.spec.measured_noise)
    model = found.build()
    batch = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    seen = batch if noise is None else noise.fixed(batch, found.spec.seed)
    with torch.inference_mode():
        rebuilt = to_pixels(model(seen))
    return Samples(images, rebuilt, None if noise is None else to_pixels(seen))
