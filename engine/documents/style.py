"""What the figures of all documents have in common: how a chart looks, and how a figure becomes SVG.

Every curve has a marker of its own besides its colour. Text stays text, so that it can be searched. With the figures
themselves, the only modules that import matplotlib.
"""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from PIL import Image

from engine.documents.page import COLOURS, GRID, INK, MIDDLE, PAGE
from engine.text import cell_len, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
TRAINING, VALIDATION = COLOURS[0], COLOURS[1]
WIDEST = 7.0
"""Inches: what A4 has between its margins."""

STYLE: Any = {  # matplotlib types its settings one by one
    "svg.fonttype": "none",
    "text.parse_math": False,  # a $ in a name is a $
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that layouts are the same everywhere
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": PAGE,
    "axes.facecolor": PAGE,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element, the same each time; `name` keeps its ids apart from other figures'."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # Text stays text: what the font lacks is drawn by whoever shows it.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return text[text.index("<svg") :]


def standing_alone(svg: str) -> str:
    """The content of a file with such an element."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'


def chart(width: float, height: float) -> tuple[Figure, "Axes"]:
    """A figure of that size in inches with one chart."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def style(position: int) -> dict[str, Any]:
    """Colour and marker of the curve at that position; lines are dashed where the colours begin again."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "marker": MARKERS[position % len(MARKERS)],
        "linestyle": "-" if position < len(COLOURS) else "--",
    }


class _PlainNumbers(LogFormatter):
    """Names the ticks that `LogFormatter` would, but as `0.01`: matplotlib writes mathematics, a text of signs."""

    def __call__(self, value: float, position: int | None = None) -> str:
        return f"{value:g}" if super().__call__(value, position) else ""


def logarithmic(axes: "Axes", values: Sequence[float]) -> None:
    """Have the upright axis, on which `values` are, grow by factors, where all are above 0."""
    if values and min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_PlainNumbers())
        axes.yaxis.set_minor_formatter(_PlainNumbers())


# -- images ---------------------------------------------------------------------------------------

_CELL, _GAP, _LINE = 0.56, 0.1, 0.145  # inches: an image, between two, a line of a title
_MOST_PIXELS = 96  # on a side, of an image that is shown so small
_TALLEST = 8.5  # inches of all rows together
_FEW_ROWS = 7  # more of them are smaller
_LABEL_WIDTH = 24  # columns of text


def images(
    rows: Sequence[NDArray[np.uint8]], labels: Sequence[str], titles: Sequence[Sequence[str]] | None = None
) -> Figure:
    """Rows of images, each (n, height, width, 1 or 3), with a label before each row, and titles over its images.

    All of them are one picture with nothing between them: a hundred charts would take seconds to lay out.
    """
    titles = titles or [[] for _ in rows]
    labels = [shortened(label, _LABEL_WIDTH) for label in labels]
    across = max((len(row) for row in rows), default=1) or 1
    rows = [_small(row) for row in rows]
    height, width = next((row.shape[1:3] for row in rows if len(row)), (1, 1))
    before = 0.064 * max(map(cell_len, labels), default=0) + 0.1
    usual = _CELL if len(rows) <= _FEW_ROWS else 0.75 * _CELL
    cell = min(usual * max(1.0, (width / height) ** 0.5), (WIDEST - before) / across - _GAP)
    above = [_LINE * max((title.count("\n") + 1 for title in each), default=0) for each in titles]
    tall = min(cell * height / width, (_TALLEST - sum(above)) / max(len(rows), 1) - _GAP)
    cell = tall * width / height
    size = before + across * (cell + _GAP), sum(above) + len(rows) * (tall + _GAP)

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, size[0]), ylim=(size[1], 0))  # inches, from the upper left
        axes.axis("off")
        scale = width / cell  # pixels of an inch
        canvas = np.zeros((round(size[1] * scale), round((size[0] - before) * scale), 4), np.uint8)
        frames: list[Path] = []
        top = 0.0
        for row, label, each, room in zip(rows, labels, titles, above, strict=True):
            top += room
            for place, image in enumerate(row):
                left = place * (cell + _GAP)
                x, y = round(left * scale), round(top * scale)
                canvas[y : y + height, x : x + width, :3] = image[: len(canvas) - y]
                canvas[y : y + height, x : x + width, 3] = 255
                frames.append(
                    Path.unit_rectangle().transformed(Affine2D().scale(cell, tall).translate(before + left, top))
                )
                if place < len(each):
                    axes.text(before + left + cell / 2, top - 0.04, each[place], fontsize=7, linespacing=1.1,
                              ha="center", va="bottom")  # fmt: skip
            axes.text(before - 0.1, top + tall / 2, label, fontsize=8, ha="right", va="center")
            top += tall + _GAP
        # An image may be as dark or as light as the page. In one path, for a hundred are larger than their images.
        every = Path.make_compound_path(*frames)
        axes.add_patch(PathPatch(every, fill=False, edgecolor=MIDDLE, linewidth=0.4))
        extent = (before, before + canvas.shape[1] / scale, canvas.shape[0] / scale, 0.0)
        axes.imshow(canvas, extent=extent, interpolation="none", aspect="auto")
        axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    return figure


def _small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same with three channels, and no larger than they are shown."""
    height, width = images.shape[1:3]
    found = images.repeat(3, axis=3) if images.shape[3] == 1 else images
    if max(height, width) <= _MOST_PIXELS or not len(images):
        return found
    share = _MOST_PIXELS / max(height, width)
    size = max(round(width * share), 1), max(round(height * share), 1)
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in found])
