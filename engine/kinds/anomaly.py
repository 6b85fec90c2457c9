"""Telling odd images from normal ones: an autoencoder of what is normal, and scores by what it makes of others.

Nothing of the scores is chosen by test images. What is normal is learned from training images of the normal classes;
the threshold comes from images that were held back from training; test images are measured once, at the end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.data.batches import DeviceImages
from engine.data.datasets import ImageData
from engine.evaluation.baselines import constant_figures
from engine.evaluation.neighbours import evenly
from engine.evaluation.oddity import (
    MOST_KNOWN,
    Scores,
    at_threshold,
    best_f1,
    joined,
    odd_among,
    pixels_of,
    ranked,
    usual,
)
from engine.evaluation.predictions import constant_image_errors
from engine.evaluation.results import evaluated, look_of, others_held_back, write_predictions
from engine.kinds.autoencoder import AutoencoderKind
from engine.network.anomaly import (
    AnomalyDetector,
    mean_distances,
    own_distances,
    relative_distances,
    shifted,
    turned,
    ways_of,
)
from engine.network.architecture import SHIFTS, WAYS, Plan, plan_anomaly
from engine.protocol.control import AskedToEndError, Control
from engine.results.anomaly import Scored
from engine.results.autoencoder import ConstantImage
from engine.runs.model_facts import ModelFacts
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.anomaly import AnomalySpec
from engine.specs.base import Spec
from engine.specs.measures import psnr
from engine.specs.noise import noise_words
from engine.text import counted, percent
from engine.training.tasks import Outcome, Reconstruction

MOST_HELD_BACK = 10_000
"""Odd images that were held back by which the threshold is found: of more, so many are taken evenly."""


@dataclass(frozen=True, slots=True)
class ChangesToo:
    """The error of reconstructions, and how surely it is told by what else images were turned, flipped and shifted.

    The loss that is told is the error alone. Each part of the objective begins at about 1: the error is divided by that
    of the best constant image, a cross-entropy by that of guessing.

    Args:
        rebuilding: what the network is given to rebuild.
        ways: those that images are turned in, see `engine.network.anomaly.ways_of`.
        shifts: whether images are shifted too.
        constant: the mean squared error of the best constant image.
    """

    rebuilding: Reconstruction
    ways: tuple[int, ...]
    shifts: bool
    constant: float

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:  # noqa: ARG002 - a Task
        """See `engine.training.tasks.Task`; labels are not looked at."""
        assert isinstance(model, AnomalyDetector)
        way, *shifts = self._places(len(images), images.device, drawn=model.training)
        way = way * (WAYS // len(self.ways))
        changed = turned(images, way)
        if shifts:
            changed = shifted(changed, *shifts)
        reconstructions, logits = model.learn(self.rebuilding.seen(model, images), changed)
        loss = functional.mse_loss(reconstructions.float(), images)
        told = torch.split(logits.float(), [WAYS, SHIFTS, SHIFTS], dim=1)[: len(self._numbers)]
        doubts = [
            functional.cross_entropy(each, places) / math.log(number)
            for each, places, number in zip(told, (way, *shifts), self._numbers, strict=True)
        ]
        doubt = torch.stack(doubts).sum()
        with torch.no_grad():
            right = (told[0].argmax(1) == way).float().mean()
        return Outcome(
            loss / self.constant + doubt, {"loss": loss.detach(), "changes_loss": doubt.detach(), "turns": right}
        )

    @property
    def _numbers(self) -> tuple[int, ...]:
        """How many ways, and shifts to each side, there are."""
        return (len(self.ways), SHIFTS, SHIFTS) if self.shifts else (len(self.ways),)

    def _places(self, count: int, device: torch.device, *, drawn: bool) -> list[Tensor]:
        """Which of these `count` images get: drawn, or in turn, which is the same in each epoch."""
        if drawn:
            return [torch.randint(number, (count,), device=device) for number in self._numbers]
        places, found = torch.arange(count, device=device), []
        for number in self._numbers:
            found.append(places % number)
            places = places // number
        return found

    def rank(self, validation: Mapping[str, float]) -> list[float]:
        """By the whole objective."""
        return [validation["loss"] / self.constant + validation["changes_loss"]]


class AnomalyKind(AutoencoderKind):
    """See `Kind`; what is not said here is as of the autoencoder that it is."""

    def plan(self, spec: AnomalySpec, data: ImageData, encoder: Spec | None) -> Plan:  # type: ignore[override]  # noqa: ARG002 - as `Kind` has it
        """See `Kind`."""
        return plan_anomaly(spec, data.shape)

    def build(self, prepared: Prepared) -> AnomalyDetector:
        """See `Kind`."""
        return AnomalyDetector(_spec(prepared), prepared.data.shape)

    def task(self, prepared: Prepared) -> Any:
        """See `Kind`."""
        rebuilding = super().task(prepared)
        if not _spec(prepared).turns:
            return rebuilding
        constant = self.baseline(prepared).constant
        return ChangesToo(rebuilding, ways_of(prepared.data.shape), _shifts(prepared), max(constant or 0.0, 1e-6))

    def measure(
        self,
        prepared: Prepared,
        recorder: Recorder,
        model: Any,
        images: DeviceImages,
        stage: str,  # noqa: ARG002 - there is one
        facts: ModelFacts,  # noqa: ARG002 - nothing of it is told
    ) -> dict[str, Any]:
        """How well its scores tell odd images from normal ones, beside those of pixels without a network."""
        assert isinstance(model, AnomalyDetector)
        spec, control = _spec(prepared), recorder.control
        model.eval()
        known = evenly(prepared.training, MOST_KNOWN)
        others = evenly(others_held_back(prepared), MOST_HELD_BACK)
        by = _learn_what_is_normal(prepared, model, images, known, others, control)

        of, shown, indices = evaluated(prepared, images)
        if of == "validation":
            indices = np.sort(np.concatenate([prepared.validation, others]))
        scores = _scores(model, shown, indices, control)
        write_predictions(prepared, recorder, of, indices, errors=scores["error"], scores=scores[spec.score])
        odd = _which_are_odd(prepared, of, indices)
        threshold = float(model.odd_above)
        told = at_threshold(scores[spec.score], odd, threshold)
        both = bool(odd.any() and not odd.all())
        figures: list[Scored] = []
        if both:
            scores |= _by_pixels(spec, images, known, shown, indices, control)
            figures = [_scored(name, scores[name], odd) for name in sorted(scores, key=lambda name: name != spec.score)]
        mse = float(scores["error"][~odd if both else slice(None)].mean(dtype=np.float64))
        noise = spec.training_noise
        remarks = []
        if of == "validation" and len(others):
            remarks.append(
                "There are no test images: the figures are of the images that the threshold was found by, so precision "
                "and recall look a little better than they are."
            )
        few = len(prepared.validation)
        if not len(others) and few * (1 - spec.usual_share) < 1:
            remarks.append(
                f"{counted(few, 'normal image')} {'was' if few == 1 else 'were'} held back, too few for a share of "
                f"{percent(spec.usual_share)}: the threshold is the highest score among them."
            )
        return {
            "constant_image": _constant_image(prepared, of, indices[~odd if both else slice(None)]),
            "noise": "" if noise is None else noise_words(noise),
            "evaluated_on": of,
            "test_loss": mse if of == "test" else None,
            "test_mse": mse if of == "test" else None,
            "test_psnr": psnr(mse) if of == "test" else None,
            "auroc": figures[0].auroc if figures else None,
            "average_precision": figures[0].average_precision if figures else None,
            "scored": figures,
            "normal": list(_normal(prepared) if odd.any() else spec.learned_classes),
            "normal_images": int((~odd).sum()),
            "odd_images": int(odd.sum()),
            "known": len(known),
            "told_apart": ""
            if not spec.turns
            else "turns, flips and shifts"
            if _shifts(prepared)
            else "turns and flips",
            "threshold": threshold,
            "threshold_by": by,
            "precision": told.precision if both else None,
            "recall": told.recall if both else None,
            "f1": told.f1 if both else None,
            "false_alarms": None if odd.all() else told.false_alarms,
            "remarks": remarks,
        }


def _constant_image(prepared: Prepared, of: str, indices: NDArray[np.int64]) -> ConstantImage:
    """What the best constant image comes to, on validation images and on those of `indices` that are evaluated."""
    data = prepared.data
    sets = [data.train.take(prepared.validation)]
    if of == "test" and data.test is not None:
        sets.append(data.test.take(indices))
    found = constant_image_errors(data.train.take(prepared.training), sets)
    return constant_figures(found[0], found[-1])


def _spec(prepared: Prepared) -> AnomalySpec:
    assert isinstance(prepared.spec, AnomalySpec)
    return prepared.spec


def _shifts(prepared: Prepared) -> bool:
    """Whether it is worth telling by how much an image was shifted.

    Not where all training images were centred by their mass, as MNIST's are: where the mass lies tells the shift then,
    whatever the image shows, and an encoder that looks for that sees less else.
    """
    return not look_of(prepared).get("centred", False)


def _scores(
    model: AnomalyDetector, images: DeviceImages, indices: NDArray[np.int64], control: Control
) -> dict[str, Scores]:
    """Of these images, by the name of each score; in float32, as on every machine that the model is used on."""
    with torch.inference_mode():
        parts = [found for found, _ in images.each(indices, lambda batch, _: model.scores(batch), control)]
    return {name: joined([part[name] for part in parts]) for name in parts[0]}


def _learn_what_is_normal(
    prepared: Prepared, model: AnomalyDetector, images: DeviceImages, known: NDArray[np.int64],
    others: NDArray[np.int64], control: Control,
) -> str:  # fmt: skip
    """Give the model what it compares with, and its threshold; tells in words what that is by.

    Args:
        known: training images.
        others: odd images that were held back from training.
    """
    spec = _spec(prepared)
    with torch.inference_mode():
        parts = [found for found, _ in images.each(known, lambda batch, _: model.embedding(batch), control)]
    model.remember(torch.cat(parts).clone())
    normal = _scores(model, images, prepared.validation, control)
    distances, errors = (torch.from_numpy(normal[name]) for name in ("nearest", "error"))
    model.settle(distances, errors)
    normal["both"] = model.both(distances.to(model.usual.device), errors.to(model.usual.device)).cpu().numpy()
    count = counted(len(prepared.validation), "normal image")
    if not len(others):
        model.odd_above.fill_(usual(normal[spec.score], spec.usual_share))
        return f"which {percent(spec.usual_share)} of {count} held back from training stay below"
    odd = _scores(model, images, others, control)[spec.score]
    which = np.arange(len(normal[spec.score]) + len(odd)) >= len(normal[spec.score])
    model.odd_above.fill_(best_f1(np.concatenate([normal[spec.score], odd]), which))
    return (
        f"where F1 is highest on {count} and {len(others):,} odd ones held back from training, as if both were as many"
    )


def _normal(prepared: Prepared) -> tuple[str, ...]:
    """The classes that are normal: those that were named, else those of which there are training images."""
    data, spec = prepared.data, prepared.spec
    return spec.learned_classes or tuple(data.class_names[label] for label in data.train.occurring)


def _which_are_odd(prepared: Prepared, of: str, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of the images that are evaluated; none where that is not known."""
    data = prepared.data
    images = data.test if of == "test" and data.test is not None else data.train
    if images.labels is None or data.train.labels is None:
        return np.zeros(len(indices), bool)
    return odd_among(images.labels[indices], data.labels_called(_normal(prepared), "normal"))


def _scored(name: str, scores: Scores, odd: NDArray[np.bool_]) -> Scored:
    auroc, precision = ranked(scores, odd)
    return Scored(name=name, auroc=auroc, average_precision=precision)


def _ask(control: Control) -> None:
    if control.asked().ends:
        raise AskedToEndError


def _by_pixels(
    spec: AnomalySpec, images: DeviceImages, known: NDArray[np.int64], shown: DeviceImages, indices: NDArray[np.int64],
    control: Control,
) -> dict[str, Scores]:  # fmt: skip
    """What distances between pixels say, for what a network is worth: as they are, and over those of the neighbours."""

    def halved(batch: Tensor) -> Tensor:
        return pixels_of(functional.avg_pool2d(batch, 2, ceil_mode=True))

    def each(batch: Tensor, _: Tensor | None) -> tuple[Tensor, Tensor]:
        plain = mean_distances(pixels_of(batch), kept, spec.neighbours)
        return plain, relative_distances(halved(batch), half, own, spec.neighbours)

    with torch.inference_mode():
        parts = [found for found, _ in images.each(known, lambda batch, _: (pixels_of(batch), halved(batch)), control)]
        kept, half = (torch.cat(part) for part in zip(*parts, strict=True))
        own = own_distances(half, spec.neighbours, lambda: _ask(control))
        plain, relative = zip(*(found for found, _ in shown.each(indices, each, control)), strict=True)
    return {"pixels": joined(plain), "pixel density": joined(relative)}


KIND = AnomalyKind()
