"""The classifier: a fully connected head on the encoder of an autoencoder, first alone, then both."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.data.batches import DeviceImages
from engine.data.datasets import ImageData
from engine.data.remarks import on_pixels
from engine.errors import DatasetError
from engine.evaluation.baselines import largest_class, of_answers
from engine.evaluation.calibration import RIGHT, calibration, find_temperature, tempered, threshold_for
from engine.evaluation.predictions import classification_report
from engine.evaluation.results import evaluated, look_of, write_predictions
from engine.network.architecture import Plan, plan_classifier
from engine.network.autoencoder import ConvAutoencoder
from engine.network.classifier import ConvClassifier, network
from engine.network.views import views
from engine.runs.model_facts import ModelFacts
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.classifier import ClassifierSpec
from engine.text import class_words
from engine.training.baseline import Baseline
from engine.training.tasks import Classification, balanced_weights

NEAREST = 5
"""Training images that have a voice in what the nearest answer."""


class ClassifierKind:
    """See `Kind`."""

    def check_data(self, data: ImageData) -> None:
        """There must be two or more classes to tell apart."""
        labels = data.train.labels
        if labels is None:
            if data.files.data is not None:
                raise DatasetError(
                    f"{data.name} has no classes: a classifier needs them. Sort the pictures into a folder for each "
                    "class, or name a set with labels.",
                    "data",
                )
            raise DatasetError(
                f"{data.name} has no labels: a classifier needs them. Name a file of training labels (--labels).",
                "labels",
            )
        if data.train.occurring.size < 2:
            raise DatasetError(
                f"All labels of {data.name} are {class_words(data.class_names, labels[0])}: "
                "a classifier needs images of two or more classes.",
                "labels" if data.files.data is None else "data",
            )

    def plan(self, spec: ClassifierSpec, data: ImageData, encoder: Spec | None) -> Plan:
        """See `Kind`."""
        assert isinstance(encoder, AutoencoderSpec)
        return plan_classifier(spec, encoder, data.shape, data.classes)

    def build(self, prepared: Prepared) -> ConvClassifier:
        """See `Kind`; the encoder's weights are copied, but from scratch."""
        assert isinstance(prepared.spec, ClassifierSpec)
        assert prepared.encoder is not None
        model = network(prepared.spec, prepared.encoder.encoder_spec, prepared.data.shape, prepared.data.classes)
        if not prepared.spec.from_scratch:
            pretrained = prepared.encoder.build()
            assert isinstance(pretrained, ConvAutoencoder)
            model.encoder.load_state_dict(pretrained.encoder.state_dict())
        return model

    def enter(self, model: nn.Module, stage: str) -> None:
        """Freeze the encoder, or let it learn too."""
        assert isinstance(model, ConvClassifier)
        model.freeze(stage == "frozen")

    def task(self, prepared: Prepared) -> Classification:
        """See `Kind`."""
        spec, labels = prepared.spec, prepared.data.train.labels
        assert isinstance(spec, ClassifierSpec)
        assert labels is not None
        weights = None
        if spec.class_weights == "balanced":
            found = balanced_weights(labels[prepared.training], prepared.data.classes)
            weights = torch.tensor(found, dtype=torch.float32, device=prepared.device.torch_device)
        return Classification(spec.label_smoothing, weights)

    def baseline(self, prepared: Prepared) -> Baseline:
        """Always answering the largest class."""
        labels = prepared.data.train.labels
        assert labels is not None
        largest = largest_class(labels[prepared.training], labels[prepared.validation], prepared.data.class_names)
        return Baseline(spec=prepared.spec, pixels=on_pixels(prepared.data), largest=largest)

    def samples(self, prepared: Prepared, images: DeviceImages) -> None:
        """What was taken for what is counted by its task."""

    def so_far(self, best_loss: float, baseline: Baseline) -> dict[str, Any]:  # noqa: ARG002 - as `Kind` has it
        """Nothing more."""
        return {}

    def facts(
        self, prepared: Prepared, recorder: Recorder, model: ConvClassifier, images: DeviceImages, stage: str
    ) -> ModelFacts:
        """What its classes are called, its temperature, and from which probability on an answer is sure."""
        labels = prepared.data.train.labels
        assert labels is not None
        _, averaged = _answers(prepared, recorder, model, images, prepared.validation, stage)
        true = labels[prepared.validation]
        temperature = find_temperature(averaged.numpy(), true)
        return ModelFacts(
            class_names=prepared.data.class_names,
            views=prepared.spec.augments(stage),
            temperature=temperature,
            unsure_below=threshold_for(tempered(averaged.exp().numpy(), temperature), true, RIGHT),
            **look_of(prepared),
        )

    def measure(
        self,
        prepared: Prepared,
        recorder: Recorder,
        model: ConvClassifier,
        images: DeviceImages,
        stage: str,
        facts: ModelFacts,
    ) -> dict[str, Any]:
        """The report of its answers, averaged over views where the weights were trained on such."""
        own = images
        of, images, indices = evaluated(prepared, images)
        each, averaged = _answers(prepared, recorder, model, images, indices, stage)
        trained = prepared.data.train.labels
        labels = prepared.data.test.labels if of == "test" and prepared.data.test is not None else trained
        assert labels is not None
        assert trained is not None
        true = torch.from_numpy(labels[indices].astype("int64"))
        loss = nn.functional.nll_loss(averaged, true).item()
        probabilities = averaged.exp().float().numpy()
        write_predictions(prepared, recorder, of, indices, probabilities=probabilities)
        names = prepared.data.class_names
        report = classification_report(labels[indices], probabilities, names)
        largest = largest_class(trained[prepared.training], labels[indices], names)
        return {
            "evaluated_on": of,
            "test_loss": loss if of == "test" else None,
            "test_accuracy": report.accuracy if of == "test" else None,
            "accuracy": report.accuracy,
            "correct": report.correct,
            "incorrect": report.incorrect,
            "views": len(each),
            "one_view_accuracy": (each[0].argmax(1) == true).double().mean().item(),
            "report": report,
            "calibration": calibration(
                probabilities,
                labels[indices],
                temperature=facts.temperature,
                fitted_on=len(prepared.validation),
                own_threshold=facts.unsure_below,
            ),
            "largest_class": largest,
            **_by_nearest(prepared, recorder, model, own, images, indices),
            "remarks": of_answers(of, report, largest, names),
        }


def _by_nearest(
    prepared: Prepared, recorder: Recorder, model: ConvClassifier, own: DeviceImages, images: DeviceImages,
    indices: NDArray[np.int64],
) -> dict[str, float]:  # fmt: skip
    """Of a linear probe, what the nearest training images in the same latent answer: nothing is trained for it.

    Args:
        own: the images of training and validation.
        images: those that it is evaluated on, at `indices`.
    """
    spec, labels, control = prepared.spec, prepared.data.train.labels, recorder.control
    assert isinstance(spec, ClassifierSpec)
    if not spec.is_linear_probe or labels is None:
        return {}

    def encoded(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        found: torch.Tensor = model.encoder(batch).float().flatten(1)
        return found

    def latents(of: DeviceImages, rows: NDArray[np.int64]) -> torch.Tensor:
        return torch.cat([found for found, _ in of.each(rows, encoded, control)])

    with torch.inference_mode():
        known = latents(own, prepared.training)
        classes = torch.from_numpy(labels[prepared.training].astype("int64")).to(known.device)

        def right(of: DeviceImages, rows: NDArray[np.int64]) -> float:
            hits = 0
            for (found, true), _ in of.each(rows, lambda batch, true: (encoded(batch, None), true), control):
                assert true is not None
                hits += int((votes(found, known, classes, prepared.data.classes).argmax(1) == true).sum())
            return hits / max(len(rows), 1)

        return {"nearest_validation": right(own, prepared.validation), "nearest_accuracy": right(images, indices)}


def votes(points: torch.Tensor, known: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """For each of `points` (m, d) how much its `NEAREST` of `known` (n, d) speak for each class; (m, classes).

    A neighbour counts for one over its distance, so that with one label a class the nearest decides.
    """
    nearest = torch.cdist(points, known).topk(min(NEAREST, len(known)), largest=False)
    weights = 1 / nearest.values.clamp_min(1e-12)
    found: torch.Tensor = points.new_zeros(len(points), classes).scatter_add_(1, labels[nearest.indices], weights)
    return found


def _answers(
    prepared: Prepared, recorder: Recorder, model: ConvClassifier, images: DeviceImages,
    indices: NDArray[np.int64], stage: str,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """The logarithms of the probabilities of each view (views, n, classes), and of their average (n, classes)."""
    averages = prepared.spec.augments(stage)

    def logits_of(batch: torch.Tensor, _: torch.Tensor | None) -> torch.Tensor:
        """Of each view: (views, n, classes)."""
        return torch.stack([model(view).float().cpu() for view in (views(batch) if averages else (batch,))])

    model.eval()
    with torch.inference_mode(), prepared.device.autocast():
        outputs = [output for output, _ in images.each(indices, logits_of, recorder.control)]
    each = torch.cat(outputs, dim=1).double().log_softmax(2)
    return each, each.logsumexp(0) - math.log(len(each))


KIND = ClassifierKind()
