"""Images in a terminal: half blocks, two pixels a cell.

`▀` shows its foreground above and its background below, so a 28×28 image is exact at 28×14 cells, in every
terminal with 24-bit colour. At two, three or four times that every pixel is a square of its own; at any other size
pixels are averaged by area, which keeps thin strokes.
Pure Python on bytes: Home draws its digits without numpy.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

if TYPE_CHECKING:
    from cae_tui.bridge.values import Picture

Rgb = tuple[int, int, int]
Cell = tuple[Rgb, Rgb | None]  # the upper pixel, and the lower where there is one

UPPER_HALF = "▀"
LARGEST = 4
"""How many times larger than exact an image is drawn at most: beyond that its squares are all one sees."""


def cells_of(picture: "Picture", scale: int = 1) -> tuple[int, int]:
    """The columns and rows at which `picture` is exact, each pixel a square of `scale` by `scale`."""
    return scale * picture.width, (scale * picture.height + 1) // 2


def scale_of(picture: "Picture", width: int, height: int) -> int:
    """The scale at which those columns and rows are exact; 0 where pixels are averaged."""
    scale = width // picture.width
    return scale if scale and cells_of(picture, scale) == (width, height) else 0


def largest(picture: "Picture", columns: int, rows: int) -> tuple[int, int]:
    """The columns and rows of the largest whole scale that fits into those given; `fitting` where none does."""
    for scale in range(LARGEST, 0, -1):
        width, height = cells_of(picture, scale)
        if width <= columns and height <= rows:
            return width, height
    return fitting(picture, columns, rows)


def scale_words(picture: "Picture", width: int, height: int) -> str:
    """How large it is drawn there: `exact`, `3× as large`, or `averaged to 14×14`."""
    scale = scale_of(picture, width, height)
    return "exact" if scale == 1 else f"{scale}× as large" if scale else f"averaged to {2 * height}×{width}"


def fitting(picture: "Picture", columns: int, rows: int) -> tuple[int, int]:
    """The largest columns and rows, no more than given and no more than exact, that keep the picture's shape."""
    scale = min(1.0, columns / picture.width, 2 * rows / picture.height)
    return max(1, int(picture.width * scale)), max(1, int(picture.height * scale / 2 + 0.5))


def half_blocks(picture: "Picture", *, width: int | None = None, height: int | None = None) -> Text:
    """`picture` as text of `width` columns and `height` rows; exact where neither is given.

    Where only one is given the other follows from the picture's shape.
    """
    exact_width, exact_height = cells_of(picture)
    if width is None and height is None:
        width, height = exact_width, exact_height
    elif width is None:
        width = max(1, round(2 * (height or 1) * picture.width / picture.height))
    elif height is None:
        height = max(1, round(width * picture.height / picture.width / 2))
    assert width is not None
    assert height is not None
    return _draw(picture, max(1, width), max(1, height)).copy()


@lru_cache(maxsize=1024)
def _draw(picture: "Picture", width: int, height: int) -> Text:
    text = Text(no_wrap=True, end="")
    for row, line in enumerate(block_lines(picture, width, height)):
        if row:
            text.append("\n")
        for segment in line:
            text.append(segment.text, segment.style)
    return text


def block_lines(picture: "Picture", width: int, height: int) -> list[list[Segment]]:
    """`picture` at `width` × `height` cells as lines of segments, for what is drawn anew many times a second."""
    scale = scale_of(picture, width, height)
    rows = _enlarged(_rows(picture), scale) if scale else _averaged(picture, width, 2 * height)
    lines = []
    for upper in range(0, len(rows), 2):
        lower: Sequence[Rgb | None] = rows[upper + 1] if upper + 1 < len(rows) else [None] * width
        cells = groupby(zip(rows[upper], lower, strict=True))
        lines.append([Segment(UPPER_HALF * len(list(run)), _style(cell)) for cell, run in cells])
    return lines


@lru_cache(maxsize=65536)
def _style(cell: Cell) -> Style:
    upper, lower = cell
    return Style(color=Color.from_rgb(*upper), bgcolor=None if lower is None else Color.from_rgb(*lower))


def _rows(picture: "Picture") -> list[list[Rgb]]:
    pixels, width = picture.pixels, picture.width
    if picture.channels == 1:
        return [
            [(value, value, value) for value in pixels[start : start + width]]
            for start in range(0, width * picture.height, width)
        ]
    flat = [(pixels[at], pixels[at + 1], pixels[at + 2]) for at in range(0, 3 * width * picture.height, 3)]
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _enlarged(rows: list[list[Rgb]], scale: int) -> list[list[Rgb]]:
    return (
        rows if scale == 1 else [[pixel for pixel in row for _ in range(scale)] for row in rows for _ in range(scale)]
    )


def _shares(pixels: int, wanted: int) -> list[list[tuple[int, float]]]:
    """For each of `wanted` equal parts of a line of pixels: the pixels under it, and the share of each."""
    parts = []
    for part in range(wanted):
        start, end = part * pixels / wanted, (part + 1) * pixels / wanted
        under = []
        at = int(start)
        while at < end - 1e-9 and at < pixels:
            under.append((at, (min(at + 1, end) - max(at, start)) / (end - start)))
            at += 1
        parts.append(under)
    return parts


def _averaged(picture: "Picture", width: int, height: int) -> list[list[Rgb]]:
    """The mean colour under each of `width` × `height` equal areas; first along rows, then along columns."""
    across, down = _shares(picture.width, width), _shares(picture.height, height)
    channels, pixels = picture.channels, picture.pixels
    line = picture.width * channels
    planes = []
    for channel in range(channels):
        narrow = [
            [sum(pixels[row * line + at * channels + channel] * share for at, share in under) for under in across]
            for row in range(picture.height)
        ]
        planes.append(
            [[sum(narrow[at][column] * share for at, share in under) for column in range(width)] for under in down]
        )
    first, last = planes[0], planes[-1]
    middle = planes[min(1, channels - 1)]
    return [[(round(first[y][x]), round(middle[y][x]), round(last[y][x])) for x in range(width)] for y in range(height)]


def beside(pictures: "Sequence[Picture]", *, width: int, height: int, gap: int = 1) -> Text:
    """Several pictures in a row, each at `width` × `height` cells, `gap` columns apart."""
    drawn = [half_blocks(picture, width=width, height=height).split("\n") for picture in pictures]
    text = Text(no_wrap=True, end="")
    for row in range(height if drawn else 0):
        if row:
            text.append("\n")
        for place, lines in enumerate(drawn):
            if place:
                text.append(" " * gap)
            text.append_text(lines[row])
    return text


class PictureView(Static):
    """One picture, as large as fits into the widget; nothing while there is none."""

    DEFAULT_CSS = """
    PictureView {
        width: 28;
        height: 14;
    }
    """

    picture: "reactive[Picture | None]" = reactive(None)

    def render(self) -> Text:
        """The picture at the widget's size."""
        if self.picture is None or not self.content_size.width or not self.content_size.height:
            return Text()
        columns, rows = largest(self.picture, *self.content_size)
        return half_blocks(self.picture, width=columns, height=rows)
