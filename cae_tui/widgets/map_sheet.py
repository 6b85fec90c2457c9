"""What a layer makes of an image: a sheet of its maps, or bars of its units; a page of them at a time."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cae_tui.bridge.values import Picture
from cae_tui.widgets.image_grid import LARGEST, block_lines, cells_of, fitting, largest
from cae_tui.widgets.run_progress import bar
from engine.text import cell_len, padded, shortened

SMALL, LARGE = (16, 8), (32, 16)
"""The columns and rows that a picture of the sheet fits into."""
GAP = 2
LOW = 20
"""Rows below which there is no empty line between two rows of pictures."""
LEAST_BAR = 5
LONGEST_NAME = 16

Tile = tuple[Picture, str]
Unit = tuple[str, float]


class Paged(Widget):
    """Shows as many of its entries as fit, from the `first` on."""

    DEFAULT_CSS = "Paged { height: 1fr; width: 1fr; }"

    first: reactive[int] = reactive(0)

    class Turned(Message):
        """Others are shown, or another number of them."""

    @property
    def count(self) -> int:
        """How many entries there are."""
        raise NotImplementedError  # each has its own

    @property
    def capacity(self) -> int:
        """How many fit."""
        raise NotImplementedError  # each has its own

    @property
    def place(self) -> str:
        """Which are shown, as in `1–15 of 33`; nothing where all are."""
        last = min(self.first + self.capacity, self.count)
        return "" if not self.first and last == self.count else f"{self.first + 1:,}–{last:,} of {self.count:,}"

    def turn(self, pages: int) -> None:
        """So many pages on; beyond the first and the last there is none."""
        last = max(self.count - 1, 0) // self.capacity
        self.first = min(max(self.first // self.capacity + pages, 0), last) * self.capacity

    def watch_first(self) -> None:
        self.post_message(self.Turned())

    def on_resize(self) -> None:
        self.first = self.first // self.capacity * self.capacity
        self.post_message(self.Turned())


class MapSheet(Paged):
    """Pictures in rows, each with a line below it, small ones enlarged by whole numbers."""

    tiles: reactive[tuple[Tile, ...]] = reactive(())
    zoomed: reactive[bool] = reactive(False)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.fills = False  # whether they are as large as all of them fit
        self._lines: list[Strip] | None = None

    @property
    def count(self) -> int:
        return len(self.tiles)

    @property
    def cell(self) -> tuple[int, int]:
        """The columns and rows that each picture has: those that the largest of the first page needs."""
        if self.fills:
            return self._filling()
        columns, rows = LARGE if self.zoomed else SMALL
        below = self.size.height - 1 if self.zoomed else self.size.height // 2 - 1  # where rows are few, two of them
        columns, rows = max(min(columns, self.size.width), 1), max(min(rows, below), 1)
        shapes = {(tile.height, tile.width): tile for tile, _ in self.tiles}
        sizes = [largest(tile, columns, rows) for tile in shapes.values()] or [(columns, rows)]
        return max(width for width, _ in sizes), max(height for _, height in sizes)

    def _filling(self) -> tuple[int, int]:
        """The largest whole scale at which all have room; where none is, as large as they fit into one row."""
        for scale in range(LARGEST, 0, -1):
            sizes = [cells_of(tile, scale) for tile, _ in self.tiles]
            columns, rows = (max((size[side] for size in sizes), default=1) for side in range(2))
            across, down = (self.size.width + GAP) // (columns + GAP), self._down(rows)
            if across * down >= self.count:
                return columns, rows
        each = (self.size.width + GAP) // max(self.count, 1) - GAP
        sizes = [fitting(tile, max(each, 1), max(self.size.height - 1, 1)) for tile, _ in self.tiles]
        return max((size[0] for size in sizes), default=1), max((size[1] for size in sizes), default=1)

    @property
    def across(self) -> int:
        """How many fit beside each other."""
        return max((self.size.width + GAP) // (self._width + GAP), 1)

    @property
    def _width(self) -> int:
        """Of a picture and the line below it."""
        widest = max((cell_len(words) for _, words in self.tiles), default=0)
        return max(self.cell[0], min(widest, self.size.width))

    @property
    def capacity(self) -> int:
        _, rows = self.cell
        return self.across * max(self._down(rows), 1)

    def _down(self, rows: int) -> int:
        """How many pictures of so many rows fit below each other, each over a line of words."""
        return (self.size.height + self._space) // (rows + 1 + self._space)

    @property
    def _space(self) -> int:
        """Empty lines between two pictures."""
        return 0 if self.size.height < LOW else 1

    def _watch(self) -> None:
        self._lines = None
        self.refresh()

    def watch_tiles(self) -> None:
        self._watch()
        self.first = min(self.first, max(self.count - 1, 0)) // self.capacity * self.capacity
        self.post_message(self.Turned())

    def watch_zoomed(self) -> None:
        self._watch()
        self.first = self.first // self.capacity * self.capacity
        self.post_message(self.Turned())

    def watch_first(self) -> None:
        self._watch()
        super().watch_first()

    def on_resize(self) -> None:
        self._watch()
        super().on_resize()

    def notify_style_update(self) -> None:
        self._lines = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        if self._lines is None:
            self._lines = self._drawn()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _drawn(self) -> list[Strip]:
        base, muted = self.rich_style, Style(dim=True)
        (columns, rows), width = self.cell, self._width
        shown = self.tiles[self.first : self.first + self.capacity]
        lines: list[Strip] = []
        for start in range(0, len(shown), self.across):
            row = shown[start : start + self.across]
            drawn = [self._picture(tile, columns, rows, width + GAP) for tile, _ in row]
            lines += [Strip([part for one in drawn for part in one[line]]) for line in range(rows)]
            lines.append(
                Strip([Segment(padded(shortened(words, width), width) + " " * GAP, muted) for _, words in row])
            )
            lines += [Strip([])] * self._space
        return [line.apply_style(base).adjust_cell_length(self.size.width, base) for line in lines]

    def _picture(self, tile: Picture, columns: int, rows: int, room: int) -> list[list[Segment]]:
        """In `rows` lines of `room` columns."""
        width, height = largest(tile, columns, rows)
        lines = [[*line, Segment(" " * (room - width))] for line in block_lines(tile, width, height)]
        return [*lines, *([[Segment(" " * room)]] * (rows - height))]


class UnitBars(Paged):
    """A bar for each unit: to the right, in another colour and with a minus where it is negative."""

    units: reactive[tuple[Unit, ...]] = reactive(())

    @property
    def count(self) -> int:
        return len(self.units)

    @property
    def capacity(self) -> int:
        return max(self.size.height, 1)

    def watch_units(self) -> None:
        self.first = min(self.first, max(self.count - 1, 0)) // self.capacity * self.capacity
        self.post_message(self.Turned())

    def render(self) -> Content:
        shown: Sequence[Unit] = self.units[self.first : self.first + self.capacity]
        top = max((abs(value) for _, value in self.units), default=0.0) or 1.0
        names = min(max((cell_len(name) for name, _ in shown), default=0), LONGEST_NAME)
        values = [f"{value:.3g}" for _, value in shown]
        wide = max(map(len, values), default=0)
        room = max(self.content_size.width - names - wide - 3, LEAST_BAR)
        lines = []
        for (name, value), words in zip(shown, values, strict=True):
            filled, empty = bar(abs(value) / top, room)
            colour = "$cae-training" if value >= 0 else "$cae-validation"
            lines.append(
                Content.assemble(
                    f"{padded(name, names)} ", (filled, colour), (empty, "$border-blurred"), f" {words:>{wide}}"
                )
            )
        return Content("\n").join(lines)
