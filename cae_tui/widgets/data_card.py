"""The data set in a card: how many images, one of each class, and how many each class has.

The place of everything is kept from the first paint on, so that nothing jumps when the data arrive.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from cae_tui import formats
from cae_tui.widgets.image_grid import beside
from engine.specs.data_files import shape_words
from engine.text import cell_len, padded

if TYPE_CHECKING:
    from cae_tui.bridge.values import DataView

SHOWN = 10
"""Classes that are shown; a data set with more says so in its summary."""


VAST = 54
"""Rows of a terminal from which the last runs have room beneath the largest tiles."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the classes are laid out: tiles in a row, rows of tiles, and the cells of an image."""

    across: int
    down: int
    width: int
    height: int
    gap: int  # columns between tiles
    summary: int  # lines of words above
    spaced: bool  # whether a line is left empty above each row of tiles


def tiles_for(width: int, tall: bool, *, vast: bool = False) -> Tiles:
    """The largest tiles that a card of `width` columns can hold, in a terminal that is `tall`, or has rows to spare."""
    if width >= 5 * 28 + 8 and vast:  # an image of 28×28 pixels is exact
        return Tiles(5, 2, 28, 14, min((width - 5 * 28) // 4, 4), 1, spaced=True)
    if width >= 5 * 14 + 4 and tall:
        return Tiles(5, 2, 14, 7, min((width - 5 * 14) // 4, 4), 1, spaced=True)
    if width >= 10 * 7 + 9:
        return Tiles(10, 1, 7, 4, 1, 1, spaced=tall)
    if width >= 5 * 8 + 4:
        return Tiles(5, 2, 8, 4, min((width - 5 * 8) // 4, 3), 2, spaced=tall)
    return Tiles(max(1, (width + 1) // (7 + 1)), 1, 7, 4, 1, 2, spaced=False)


def bar(share: float, cells: int) -> str:
    """A bar of `cells` columns, `share` of it filled, to an eighth of a column."""
    eighths = round(share * cells * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(cells)[:cells]


class DataCard(Widget):
    """The data set at a glance; a click opens it."""

    DEFAULT_CSS = "DataCard { height: auto; pointer: pointer; }"

    data: "reactive[DataView | None]" = reactive(None)
    problem: reactive[str] = reactive("", layout=True)

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.border_title = Content(name)
        self.tooltip = "Look at the data"

    def show(self, data: "DataView") -> None:
        """Another data set, or the first."""
        self.data, self.problem = data, ""

    def refuse(self, name: str, problem: str) -> None:
        """The set of that name cannot be read, and why."""
        self.data, self.problem = None, problem
        self.border_title = Content(name)

    def watch_data(self, data: "DataView | None") -> None:
        """The card bears the data set's name."""
        if data is not None:
            self.border_title = Content(data.name)

    def _tiles(self, width: int) -> Tiles:
        return tiles_for(width, tall=self.screen.has_class("-tall"), vast=self.screen.size.height >= VAST)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as Textual calls it
        """The same before and after the data are there."""
        tiles = self._tiles(width)
        return tiles.summary + tiles.down * (tiles.height + 1 + tiles.spaced)

    def render(self) -> Content:
        """The summary over the tiles."""
        tiles = self._tiles(self.content_size.width)
        if self.problem:
            return Content.styled("✗ ", "$error") + Content(self.problem)
        rows = [self._row(tiles, row * tiles.across) for row in range(tiles.down)]
        return Content("\n").join([self._summary(tiles), *rows])

    def _summary(self, tiles: Tiles) -> Content:
        data = self.data
        if data is None:
            return Content.styled("reading the images …" + "\n" * (tiles.summary - 1), "$foreground-muted")
        images = f"{formats.count(data.training)} training · {formats.count(data.test)} test"
        kinds = shape_words(data.shape)
        if data.classes:
            many = len(data.occurring)
            kinds += f" · {many} {'class' if many == 1 else 'classes'}"
        return Content(images + (" · " if tiles.summary == 1 else "\n") + kinds)

    def _row(self, tiles: Tiles, first: int) -> Content:
        gap = Content(" " * tiles.gap)
        above = [Content("")] * tiles.spaced
        if self.data is None:
            empty = Content.styled(" " * tiles.width, "on $surface")
            line = gap.join([empty] * min(tiles.across, SHOWN - first))
            return Content("\n").join([*above, *[line] * tiles.height, Content("")])
        pictures = self.data.examples[first : first + tiles.across]
        drawn = Content.from_rich_text(beside(pictures, width=tiles.width, height=tiles.height, gap=tiles.gap))
        labels = [self._label(tiles, first + place) for place in range(len(pictures))]
        return Content("\n").join([*above, drawn, gap.join(labels)])

    def _label(self, tiles: Tiles, place: int) -> Content:
        counts = self.data.training_counts if self.data else ()
        names = self.data.example_classes if self.data else ()
        if place >= len(names):
            return Content(" " * tiles.width)
        assert self.data is not None
        name, number = self.data.name_of(names[place]), formats.count(counts[names[place]])
        label = Content.styled(name, "bold")
        # All have a bar of the same scale, or none has: a class without one would look the smallest.
        longest = max(cell_len(self.data.name_of(each)) + len(formats.count(counts[each])) for each in names)
        cells = tiles.width - longest - 2
        if longest >= tiles.width:  # nor has any its number where one has no room for it
            return Content.styled(padded(name, tiles.width), "bold")
        if cells < 3:
            return (label + Content(f" {number}")).pad_right(max(0, tiles.width - cell_len(f"{name} {number}")))
        filled = Content.styled(bar(counts[names[place]] / max(*counts, 1), cells), "$cae-training")
        line = label + Content(" ") + filled
        return line + Content(number.rjust(tiles.width - line.cell_length))

    async def on_click(self, event: Click) -> None:
        event.stop()
        await self.run_action("app.data")
