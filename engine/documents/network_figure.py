"""The drawing of a network: what each layer gives, as a block as high, deep and thick as its numbers are many."""

import math
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from engine.documents.page import COLOURS, INK, MIDDLE
from engine.documents.style import STYLE, WIDEST
from engine.network.architecture import Plan, Shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TALLEST = 1.15
"""Inches: what the image is drawn as."""
_SLANT = 0.3  # how far what goes into the page goes to the right and up, of its length
_LEAST = 0.05  # inches: what has no height would not be seen


def network(plan: Plan) -> Figure:
    """The image, and what each layer makes of it, from left to right; the latent is orange."""
    last = len(plan.encoder) - 1
    blocks: list[tuple[str, Shape, str]] = [("image", plan.image, MIDDLE)]
    for place, layer in enumerate(plan.layers):
        colour = COLOURS[0] if place < last else COLOURS[1] if place == last else COLOURS[2]
        blocks.append((layer.name, layer.shape, colour))
    scale = TALLEST / max(max(shape[:2]) for _, shape, _ in blocks)
    thick = [_thickness(shape) for _, shape, _ in blocks]
    deep = [_SLANT * _side(shape, 1, scale) for _, shape, _ in blocks]
    gap = max(min((WIDEST - sum(thick) - sum(deep)) / len(blocks), 0.6), 0.06)
    upright = gap + min(thick) + min(deep) < 0.72
    squeeze = min(1.0, (WIDEST - gap * len(blocks)) / (sum(thick) + sum(deep)))  # a very long one is narrower

    with mpl.rc_context(STYLE):
        width = sum(thick) * squeeze + sum(deep) * squeeze + gap * len(blocks)
        below, above = (0.62, 0.75) if upright else (0.3, 0.3)
        height = TALLEST * (1 + _SLANT) + below + above
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(-below - TALLEST / 2, height - below - TALLEST / 2))
        axes.axis("off")
        left = gap / 2
        for (name, shape, colour), along, into in zip(blocks, thick, deep, strict=True):
            tall = _side(shape, 0, scale)
            _block(axes, left, tall, along * squeeze, into * squeeze, into, colour)
            middle = left + along * squeeze / 2
            axes.text(middle, -TALLEST / 2 - 0.08, name, fontsize=7, ha="center", va="top", color=INK,
                      rotation=90 if upright else 0)  # fmt: skip
            axes.text(middle + into * squeeze / 2, tall / 2 + into + 0.07, _words(shape), fontsize=7, ha="center",
                      va="bottom", color=INK, rotation=90 if upright else 0)  # fmt: skip
            left += (along + into) * squeeze + gap
    return figure


def _thickness(shape: Shape) -> float:
    """Inches, growing with each doubling of the channels; numbers without a place are thin and high."""
    height, width, channels = shape
    return 0.1 if height == width == 1 else 0.06 + 0.045 * math.log2(max(channels, 1))


def _side(shape: Shape, axis: int, scale: float) -> float:
    """Inches of the height or the width; of numbers without a place a height by their count."""
    if shape[0] == shape[1] == 1:
        return max(min(0.11 * math.log2(shape[2] + 1), TALLEST), _LEAST) if axis == 0 else _LEAST
    return max(shape[axis] * scale, _LEAST)


def _block(axes: "Axes", left: float, tall: float, along: float, into: float, up: float, colour: str) -> None:
    """A block about the middle line, its front to the left."""
    low, high = -tall / 2, tall / 2
    faces = {
        1.0: [(left, low), (left + along, low), (left + along, high), (left, high)],
        0.6: [(left, high), (left + along, high), (left + along + into, high + up), (left + into, high + up)],
        0.8: [(left + along, low), (left + along + into, low + up), (left + along + into, high + up),
              (left + along, high)],
    }  # fmt: skip
    for light, corners in faces.items():
        axes.add_patch(Polygon(corners, facecolor=_lighter(colour, light), edgecolor=INK, linewidth=0.5))


def _lighter(colour: str, share: float) -> str:
    """The colour itself, or one that is lighter."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return colour if share == 1 else to_hex((red, green, blue))


def _words(shape: Shape) -> str:
    height, width, channels = shape
    return f"{channels:,}" if height == width == 1 else f"{height}×{width}×{channels}"
