"""Why a classifier answers as it does: which parts of an image its answer hangs on.

Two ways of telling. *Occlusion* hides a square of the image at a time and looks how much less probable a class becomes:
it asks the model itself, and says what would happen. *LayerCAM* takes one layer's maps, each place weighted by how much
the class would gain there (Jiang and others, 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for
Localization"): one pass forward and one back. `benchmarks/why.py` compares them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ModelFileError
from engine.evaluation.inside import at_once
from engine.evaluation.model import Images, Model, Told
from engine.network.architecture import Plan

PART = 4
"""The side of what is hidden is one of so many parts of the image's shorter side."""
STEPS = 3.5
"""Steps in which a square moves by its own side."""
FINE = 12
"""Rows and columns that maps have at least where LayerCAM looks: coarser ones do not find what matters."""


@dataclass(frozen=True)
class Hidden:
    """The most important square: what the answer comes to without it."""

    top: int
    left: int
    side: int
    probability: float  # of the class, with the square hidden
    predicted: int  # what it is taken for then


@dataclass(frozen=True)
class Occlusion:
    """What a classifier answers while one square of an image after another is hidden."""

    shape: tuple[int, int]  # of the image
    side: int  # of the squares
    corners: NDArray[np.int64]  # (squares, 2), top and left
    before: NDArray[np.float32]  # (classes,) probabilities of the whole image
    after: NDArray[np.float32]  # (squares, classes)

    def falls(self, label: int) -> NDArray[np.float32]:
        """How much less probable a class becomes, shape (height, width): the mean of the squares over each pixel.

        Negative where it becomes more probable.
        """
        total, count = np.zeros(self.shape, np.float32), np.zeros(self.shape, np.float32)
        for (top, left), fall in zip(self.corners, self.before[label] - self.after[:, label], strict=True):
            over = np.s_[top : top + self.side, left : left + self.side]
            total[over] += fall
            count[over] += 1
        return total / count

    def most(self, label: int) -> Hidden:
        """The square without which a class is least probable."""
        place = int(self.after[:, label].argmin())
        top, left = self.corners[place].tolist()
        return Hidden(top, left, self.side, float(self.after[place, label]), int(self.after[place].argmax()))


def occlusion(model: Model, image: Images, told: Told | None = None) -> Occlusion:
    """Hide squares of an image, each under the image's mean colour.

    Args:
        model: a classifier.
        image: shape (height, width, channels), that of the model.
        told: is told how many squares are done, and of how many; what it raises ends the work.

    Raises:
        ModelFileError: the model tells no classes apart.
    """
    refuse_without_classes(model)
    height, width, _ = image.shape
    side = max(round(min(height, width) / PART), 1)
    step = max(round(side / STEPS), 1)
    corners = np.array([(top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)])
    colour = np.rint(image.mean((0, 1))).astype(np.uint8)
    after = []
    lot = at_once(model)
    for start in range(0, len(corners), lot):
        if told is not None:
            told(start, len(corners))
        part = corners[start : start + lot]
        hidden = np.repeat(image[None], len(part), axis=0)
        for one, (top, left) in zip(hidden, part, strict=True):
            one[top : top + side, left : left + side] = colour
        after.append(model.probabilities(hidden))
    return Occlusion((height, width), side, corners, model.probabilities(image[None])[0], np.concatenate(after))


def _starts(length: int, side: int, step: int) -> list[int]:
    """Where squares begin along a side, the last at its end."""
    return [*range(0, length - side, step), length - side]


def layer_cam(model: Model, image: Images, label: int, place: int | None = None) -> NDArray[np.float32]:
    """LayerCAM for a class, shape (height, width), not negative.

    Args:
        model: a classifier.
        image: shape (height, width, channels), that of the model.
        label: the class.
        place: which convolution of the encoder, from 0; see `usual_layer`.

    Raises:
        ModelFileError: the model tells no classes apart.
    """
    refuse_without_classes(model)
    plan = model.network.plan
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        kept.append(output)

    module = model.network.layer_modules[usual_layer(plan) if place is None else place]
    hook = module.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            pixels = torch.from_numpy(np.array(image[None])).permute(0, 3, 1, 2).float().div_(255).requires_grad_()
            logits: Tensor = model.network(pixels)
            (gradient,) = torch.autograd.grad(logits[0, label], kept[0])
    finally:
        hook.remove()
    weighted = (gradient.relu() * kept[0].detach()).sum(1, keepdim=True).relu()
    height, width, _ = plan.image
    large = functional.interpolate(weighted, plan.padded[:2], mode="bilinear", align_corners=False)
    found: NDArray[np.float32] = large[0, 0, :height, :width].numpy()
    return found


def usual_layer(plan: Plan) -> int:
    """Which convolution of the encoder LayerCAM looks at: the last whose maps are not too coarse, or else the first."""
    fine = [place for place, layer in enumerate(plan.encoder) if layer.kind == "conv" and min(layer.shape[:2]) >= FINE]
    return max(fine, default=0)


def refuse_without_classes(model: Model) -> None:
    """Refuse a model that gives no answer to explain.

    Raises:
        ModelFileError: it tells no classes apart.
    """
    if not model.classes or len(model.network.layer_modules) != len(model.network.plan.layers):
        raise ModelFileError(f"{model.name} is a {model.spec.kind}, which tells no classes apart: name a classifier.")
