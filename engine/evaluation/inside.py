"""What goes on inside a network: an image on its way through it, layer by layer, and what its maps look for.

A convolutional layer gives maps: a number for each place, large where the layer finds what it looks for. Layers are
seen as the next one gets them, after normalisation, activation, residual sum and pooling, by the names and shapes of
the plan.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.data.datasets import ImageSet
from engine.errors import ModelFileError
from engine.evaluation.model import Images, Model, Told
from engine.network.architecture import Layer, Plan
from engine.specs.listed import listed

PIXELS_AT_ONCE = 1 << 17
"""Of images that pass the network together: what is under way can be given up between two lots."""
PATCHES = 4
"""Patches that are found for each map."""
LOOKED_THROUGH = 500
"""Training images that patches are looked for in, spread evenly."""


@dataclass(frozen=True, slots=True)
class Field:
    """Which pixels a number of a layer depends on: a square, cut where the image ends."""

    side: int  # pixels
    step: int  # pixels from one square to the next
    start: int  # of the first one; what is before 0 is padding

    def square(self, row: int, column: int) -> tuple[int, int]:
        """Top and left of the square that the number at that place of a map sees."""
        return self.start + row * self.step, self.start + column * self.step

    def covers(self, height: int, width: int) -> bool:
        """Whether each number may see the whole of an image of that size, wherever it is."""
        return self.side >= 2 * max(height, width)


@dataclass(frozen=True)
class SeenLayer:
    """What one layer makes of one image."""

    layer: Layer  # on paper
    part: str  # encoder, decoder or head
    maps: NDArray[np.float32]  # (maps, height, width); (units, 1, 1) of a dense layer
    field: Field | None  # None behind a dense layer, and in a decoder

    @property
    def is_dense(self) -> bool:
        """Whether its numbers have no place."""
        return self.maps.shape[1:] == (1, 1) and self.layer.kind == "dense"

    @property
    def strengths(self) -> NDArray[np.float32]:
        """How much each map answers: the mean absolute value of its numbers; shape (maps,)."""
        found: NDArray[np.float32] = np.abs(self.maps).mean((1, 2))
        return found

    @property
    def order(self) -> NDArray[np.int64]:
        """The maps, the strongest first; of the numbers that classes are chosen by, the largest."""
        chooses = self.part == "head" and not self.layer.activated
        return np.argsort(-(self.maps.mean((1, 2)) if chooses else self.strengths), kind="stable")

    @property
    def silent(self) -> int:
        """How many of its maps answer nowhere."""
        return int((self.strengths == 0).sum())

    def peak(self, number: int) -> tuple[int, int]:
        """Row and column, in that map, of its largest absolute value."""
        row, column = divmod(int(np.abs(self.maps[number]).argmax()), self.maps.shape[2])
        return row, column


@dataclass(frozen=True)
class Rebuilt:
    """What an autoencoder gives back of an image."""

    image: Images  # (height, width, channels)
    error: float  # mean squared, pixels in [0, 1]
    difference: NDArray[np.float32]  # (height, width), grey levels: its brightness minus the image's

    @property
    def largest(self) -> float:
        """The largest difference at a pixel, whichever way, in grey levels from 0 to 255."""
        return float(np.abs(self.difference).max())


@dataclass(frozen=True)
class Inside:
    """An image and all that a network makes of it on its way."""

    image: Images  # (height, width, channels)
    layers: Sequence[SeenLayer]
    kernels: NDArray[np.float32] | None  # (maps, height, width, channels) of the first layer, as it applies them
    rebuilt: Rebuilt | None  # None where no autoencoder is at hand


def look_inside(model: Model, image: Images) -> Inside:
    """An image on its way through `model`.

    Args:
        model: of a kind that tells which modules its layers are.
        image: shape (height, width, channels), that of the model.

    Raises:
        ModelFileError: its kind does not tell.
    """
    plan = model.network.plan
    with _listening(model) as heard, torch.inference_mode():
        model.network(_batch(image[None]))
    parts = ["encoder"] * len(plan.encoder) + ["head" if model.classes else "decoder"] * len(plan.decoder)
    fields = fields_of(plan)
    layers = [
        SeenLayer(layer, part, _maps(layer, output)[0], field)
        for layer, part, output, field in zip(plan.layers, parts, heard, fields, strict=True)
    ]
    return Inside(image, layers, kernels_of(model), rebuilt_by(model, image))


def rebuilt_by(model: Model, image: Images) -> Rebuilt | None:
    """What the autoencoder of `model` makes of an image; None where there is none."""
    autoencoder = model.rebuilds
    if autoencoder is None or not listed(autoencoder.spec.kind).rebuilds:
        return None
    found = autoencoder.reconstruct(image[None])[0]
    difference = found.astype(np.float32).mean(2) - image.astype(np.float32).mean(2)
    return Rebuilt(found, float(autoencoder.errors(image[None])[0]), difference)


def kernels_of(model: Model) -> NDArray[np.float32] | None:
    """The weights by which the first layer looks at pixels, with the sign that its normalisation gives them.

    Shape (maps, kernel, kernel, channels); None where the first layer is no convolution.
    """
    if not model.network.layer_modules or model.network.plan.layers[0].kind != "conv":
        return None
    first: Any = model.network.layer_modules[0]
    weight = first.convolution.weight.detach().permute(0, 2, 3, 1)
    if first.normalisation is not None:
        sign = torch.where(first.normalisation.weight.detach() < 0, -1.0, 1.0)
        weight = weight * sign[:, None, None, None]
    found: NDArray[np.float32] = weight.float().numpy()
    return found


def fields_of(plan: Plan) -> list[Field | None]:
    """Which pixels the numbers of each layer depend on: of the convolutions of the encoder."""
    found: list[Field | None] = []
    side, step, start = 1, 1, 0
    for place, layer in enumerate(plan.layers):
        if place >= len(plan.encoder) or layer.kind != "conv":
            found.append(None)
            continue
        side += (layer.kernel - 1) * step
        start -= (layer.kernel - 1) // 2 * step
        step *= layer.stride
        if layer.pool:
            side += step
            step *= 2
        found.append(Field(side, step, start))
    return found


# -- what maps look for ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Patches:
    """For each map of a layer the places in training images at which it answers most, the strongest first."""

    values: NDArray[np.float32]  # (maps, PATCHES) absolute answers; 0 where there are fewer images
    rows: NDArray[np.int64]  # (maps, PATCHES), images of the set; no image twice for one map
    places: NDArray[np.int64]  # (maps, PATCHES, 2), row and column in the map


def patches_of(model: Model, images: ImageSet, rows: NDArray[np.int64], told: Told | None = None) -> list[Patches]:
    """For each convolution of the encoder, as far as none is dense, what its maps answer to most.

    Args:
        model: see `look_inside`.
        images: a set.
        rows: those of its images that are looked through.
        told: is told how many are done, and of how many; what it raises ends the work.
    """
    fields = fields_of(model.network.plan)
    count = next((place for place, field in enumerate(fields) if field is None), len(fields))
    # Made beforehand: small arrays kept between large ones that come and go would hold on to all of that memory.
    maps = [layer.shape[2] for layer in model.network.plan.encoder[:count]]
    found = [(np.empty((len(rows), of), np.float32), np.empty((len(rows), of, 2), np.int64)) for of in maps]
    lot = at_once(model)
    for start in range(0, len(rows), lot):
        if told is not None:
            told(start, len(rows))
        part = slice(start, start + lot)
        with _listening(model, count) as heard, torch.inference_mode():
            model.network(_batch(images.take(rows[part])))
        for (values, places), output in zip(found, heard, strict=True):
            best, place = output.abs().flatten(2).max(2)  # (images, maps)
            values[part] = best.numpy()
            places[part] = np.stack(np.divmod(place.numpy(), output.shape[3]), 2)
    return [_strongest(values, places, rows) for values, places in found]


def _strongest(values: NDArray[np.float32], places: NDArray[np.int64], rows: NDArray[np.int64]) -> Patches:
    order = np.argsort(-values, axis=0, kind="stable")[:PATCHES].T  # (maps, at most PATCHES)
    maps = np.arange(len(order))[:, None]
    return Patches(values[order, maps], rows[order], places[order, maps])


def cut_out(image: Images, field: Field, place: Sequence[int]) -> Images:
    """The square of pixels, (side, side, channels), that a number of a layer sees; black where it sees padding."""
    top, left = field.square(int(place[0]), int(place[1]))
    height, width, channels = image.shape
    found = np.zeros((field.side, field.side, channels), np.uint8)
    above, before = max(top, 0), max(left, 0)
    part = image[above : min(top + field.side, height), before : min(left + field.side, width)]
    found[above - top : above - top + part.shape[0], before - left : before - left + part.shape[1]] = part
    return found


def mosaics(found: Patches, field: Field, images: ImageSet, maps: NDArray[np.int64]) -> Images:
    """For each of `maps` its patches in a square, two by two with a line of grey between: (n, size, size, channels)."""
    size = 2 * field.side + 1
    channels = images.images.shape[-1]
    shown = np.full((len(maps), size, size, channels), 128, np.uint8)
    for one, number in zip(shown, maps, strict=True):
        for place, image in enumerate(images.take(found.rows[number])):
            top, left = ((field.side + 1) * half for half in divmod(place, 2))
            one[top : top + field.side, left : left + field.side] = cut_out(image, field, found.places[number, place])
    return shown


def together(seen: SeenLayer, plan: Plan) -> NDArray[np.float32]:
    """Where the maps of a layer answer at all: their mean absolute numbers, at the size of the image."""
    height, width, _ = plan.image
    mean = torch.from_numpy(np.abs(seen.maps).mean(0))[None, None]
    large = functional.interpolate(mean, plan.padded[:2], mode="bilinear", align_corners=False)[0, 0]
    found: NDArray[np.float32] = large[:height, :width].numpy()
    return found


def at_once(model: Model) -> int:
    """How many images pass the network together where somebody waits for an answer."""
    height, width, _ = model.image
    return max(PIXELS_AT_ONCE // (height * width), 1)


# -- passes ---------------------------------------------------------------------------------------


@contextmanager
def _listening(model: Model, count: int | None = None) -> Iterator[list[Tensor]]:
    """What each layer, or the first so many, gives in the pass that is made meanwhile, in the order of the plan."""
    modules = model.network.layer_modules
    if len(modules) != len(model.network.plan.layers):
        raise ModelFileError(f"{model.name} is a {model.spec.kind}: this version cannot look inside such a model.")
    heard: list[Tensor] = []

    def hear(_: nn.Module, __: Any, output: Tensor) -> None:
        heard.append(output.detach().float().clone())  # what comes next may overwrite it

    hooks = [module.register_forward_hook(hear) for module in modules[:count]]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _maps(layer: Layer, output: Tensor) -> NDArray[np.float32]:
    """(n, maps, height, width), also of numbers that a decoder arranges as maps."""
    height, width, channels = layer.shape
    found: NDArray[np.float32] = output.reshape(len(output), channels, height, width).numpy()
    return found


def _batch(images: Images) -> Tensor:
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(255)
