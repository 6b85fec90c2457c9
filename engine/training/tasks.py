"""How a batch becomes a loss and its metrics: the only difference between the two kinds of training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.data.noise import Noise

CLASSES_COUNTED = 64
"""Up to so many classes what was taken for what is counted in each validation: a table of more nobody looks through."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch is measured by: scalars, but for the confusion of shape (classes, classes)."""

    objective: Tensor  # what the gradient is taken of
    metrics: dict[str, Tensor]  # means over the batch, detached; "loss" is always there
    confusion: Tensor | None = None  # counts of images by true and predicted class, where a task evaluates classes


class Task(Protocol):
    """A loss, and what is measured beside it."""

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:
        """The outcome of a batch: images (n, channels, height, width) in [0, 1], labels (n,)."""
        ...

    def rank(self, validation: Mapping[str, float]) -> list[float]:
        """What an epoch is judged by, first things first: the one with the lowest is the best."""
        ...


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Mean squared error between an image and what the autoencoder makes of it, or of it with noise.

    Args:
        noise: what is put on the images that the network is given in training; the target stays clean.
        measured: what is put on those of a validation, always the same for an image.
        seed: what that follows from, beside the image.
    """

    noise: Noise | None = None
    measured: Noise | None = None
    seed: int = 0

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:  # noqa: ARG002 - a Task
        """See `Task`; labels are not looked at."""
        loss = functional.mse_loss(model(self.seen(model, images)).float(), images)
        return Outcome(loss, {"loss": loss.detach()})

    def seen(self, model: nn.Module, images: Tensor) -> Tensor:
        """The images as the network is given them."""
        if model.training:
            return images if self.noise is None else self.noise.drawn(images)
        return images if self.measured is None else self.measured.fixed(images, self.seed)

    def rank(self, validation: Mapping[str, float]) -> list[float]:
        """By the loss."""
        return [validation["loss"]]


@dataclass(frozen=True, slots=True)
class Classification:
    """Cross-entropy. The objective is smoothed and weighted in training; the loss that is told never is.

    Args:
        label_smoothing: the part of each label that is spread over all classes.
        weights: how much an image of each class counts, shape (classes,), on the device; all alike without.
    """

    label_smoothing: float = 0.0
    weights: Tensor | None = field(default=None, compare=False)

    def __call__(self, model: nn.Module, images: Tensor, labels: Tensor | None) -> Outcome:
        """See `Task`.

        Raises:
            ValueError: there are no labels.
        """
        if labels is None:
            raise ValueError("classification needs labels")
        logits = model(images).float()
        loss = functional.cross_entropy(logits, labels)
        objective = loss
        if model.training and (self.label_smoothing or self.weights is not None):
            each = functional.cross_entropy(
                logits,
                labels,
                label_smoothing=self.label_smoothing,
                reduction="none" if self.weights is not None else "mean",
            )
            objective = each if self.weights is None else (each * self.weights[labels]).mean()
        with torch.no_grad():
            predicted = logits.argmax(1)
            accuracy = (predicted == labels).float().mean()
        counted = not model.training and logits.shape[1] <= CLASSES_COUNTED
        confusion = count_pairs(labels, predicted, logits.shape[1]) if counted else None
        metrics = {"loss": loss.detach(), "accuracy": accuracy}
        if self.weights is not None:
            with torch.no_grad():
                each = functional.cross_entropy(logits, labels, reduction="none")
                metrics["weighted_loss"] = (each * self.weights[labels]).mean()
        return Outcome(objective, metrics, confusion)

    def rank(self, validation: Mapping[str, float]) -> list[float]:
        """By the mistakes, and among epochs of as many by the loss; with weighted classes by the loss so weighted.

        The loss alone would not do: a network that learned smoothed labels is as unsure as those, and how unsure moves
        the loss more than mistakes do.
        """
        if "weighted_loss" in validation:
            return [validation["weighted_loss"]]
        return [round(1 - validation["accuracy"], 6), validation["loss"]]


def balanced_weights(labels: NDArray[np.uint8], classes: int) -> list[float]:
    """How much an image of each class counts so that all classes count alike, and an image 1 on average.

    The rule is scikit-learn's: images / (classes that occur · images of the class). A class without images counts 0.
    """
    counts = np.bincount(labels, minlength=classes)
    occurring = int((counts > 0).sum())
    return [len(labels) / (occurring * count) if count else 0.0 for count in counts.tolist()]


def count_pairs(true: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """How many images of each class (rows) were taken for which (columns): shape (classes, classes), int64.

    Args:
        true: integers in [0, classes), shape (n,).
        predicted: the same.
    """
    pairs = true * classes + predicted
    counts = torch.zeros(classes * classes, dtype=torch.int64, device=pairs.device)
    # Not bincount, for which a GPU would have to wait until the largest is known.
    return counts.index_add_(0, pairs, torch.ones_like(pairs)).view(classes, classes)
