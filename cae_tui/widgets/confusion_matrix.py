"""Which class was taken for which: true classes down, predicted classes across, counts in the cells.

Nearly all images are on the diagonal, so the rest is shaded against the worst of the rest, not against
the row: two images of a thousand are to be seen as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cae_tui import formats
from cae_tui.themes import attention
from engine.text import LONGEST_CLASS, cell_len, padded, shortened

HEADER = 2
"""Lines above the cells: what the columns are, and the classes."""
LONGEST_HEAD, LONGEST_LABEL = 6, 16
"""Cells of a class's name over its column and beside its row; the sentence has more of it."""


class ConfusionMatrix(ScrollView, can_focus=True):
    """Counts of images by true and predicted class; the cursor moves over the cells."""

    DEFAULT_CSS = """
    ConfusionMatrix {
        background: $background;
        height: 1fr;
        scrollbar-size: 1 1;
        scrollbar-background: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "Up", id="confusion.up", tooltip="Another true class", show=False),
        Binding("down", "move(1, 0)", "Down", id="confusion.down", tooltip="Another true class", show=False),
        Binding("left", "move(0, -1)", "Left", id="confusion.left", tooltip="Another predicted class", show=False),
        Binding("right", "move(0, 1)", "Right", id="confusion.right", tooltip="Another predicted class", show=False),
        Binding("home", "row_end(0)", "First", id="confusion.home", tooltip="The first class", show=False),
        Binding("end", "row_end(-1)", "Last", id="confusion.end", tooltip="The last class", show=False),
        Binding("enter", "choose", "Images", id="confusion.choose", tooltip="The images of this cell"),
    ]

    cursor: reactive[tuple[int, int]] = reactive((0, 0))

    class Moved(Message):
        """The cursor is on another cell."""

    @dataclass
    class Chosen(Message):
        """The images of a cell are asked for."""

        true: int
        predicted: int

    def __init__(self, counts: Sequence[Sequence[int]] = (), *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.counts: list[list[int]] = []
        self.labels: list[int] = []
        self.names: list[str] = []
        self._cell = self._label = 1
        self._worst = 0.0
        self.set_counts(counts)

    def set_counts(
        self, counts: Sequence[Sequence[int]], labels: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> None:
        """Show other counts, [true class][predicted class]; the cursor goes to the most frequent mistake.

        Args:
            labels: the number of each class, where they are not 0, 1, 2 and so on: labels may have gaps.
            names: what each is called, where that is not its number.
        """
        self.counts = [list(row) for row in counts]
        classes = len(self.counts)
        self.labels = list(range(classes) if labels is None else labels)
        self.names = [str(label) for label in self.labels] if names is None else list(names)
        longest = max((cell_len(name) for name in self.names), default=1)
        largest = max((count for row in self.counts for count in row), default=0)
        self._cell = max(len(str(largest)), min(longest, LONGEST_HEAD)) + 1
        self._label = max(len("true"), min(longest, LONGEST_LABEL)) + 1
        mistakes = [
            (self.share(true, predicted), -true, -predicted)
            for true in range(classes)
            for predicted in range(classes)
            if true != predicted
        ]
        self._worst, true, predicted = max(mistakes, default=(0.0, 0, 0))
        self.virtual_size = Size(self._label + classes * self._cell + 1, HEADER + classes)
        self.cursor = (-true, -predicted) if self._worst else (0, 0)
        self.refresh()

    def share(self, true: int, predicted: int) -> float:
        """The part of a true class's images that were taken for `predicted`."""
        return self.counts[true][predicted] / (sum(self.counts[true]) or 1)

    @property
    def sentence(self) -> str:
        """The cell under the cursor in words."""
        if not self.counts:
            return ""
        true, predicted = self.cursor
        count, total = self.counts[true][predicted], sum(self.counts[true])
        if not total:
            return f"Class {self._told(true)} has no image here: other images were taken for it."
        noun = "image" if total == 1 else "images"
        images = f"{formats.count(count)} of {formats.count(total)} {noun} of class {self._told(true)}"
        verb = "was" if count == 1 else "were"
        share = formats.percent(self.share(true, predicted))
        return f"{images} {verb} taken for {self._told(predicted)} ({share})."

    def _told(self, place: int) -> str:
        return shortened(self.names[place], LONGEST_CLASS)

    # -- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: the header stays in place, and so do the names of the true classes."""
        width = self.size.width
        classes = len(self.counts)
        base = self.rich_style
        muted = base + Style(dim=True)
        if not classes:
            return Strip.blank(width, base)
        start = int(self.scroll_offset.x)
        room = max(width - self._label, 0)
        if y == 0:
            text = "predicted class →".center(min(classes * self._cell, room))
            line = Strip([Segment(" " * self._label + text, muted)])
            return line.adjust_cell_length(width, base)
        if y == 1:
            label = Segment("true".rjust(self._label - 1) + " ", muted)
            heads = (" " + padded(name, self._cell - 1, right=True) for name in self.names)
            cells = [Segment(head, base + Style(bold=True)) for head in heads]
        else:
            true = y - HEADER + int(self.scroll_offset.y)
            if true >= classes:
                return Strip.blank(width, base)
            name = padded(self.names[true], self._label - 1, right=True)
            label = Segment(f"{name} ", base + Style(bold=True))
            cells = [self._segment(true, predicted) for predicted in range(classes)]
        # A column that has not room for all of its number is left out: of 182 a 1 would be another class.
        first, end = -(-start // self._cell), (start + room) // self._cell
        gap = Segment(" " * (first * self._cell - start), base)
        return Strip([label, gap, *cells[first:end]]).adjust_cell_length(width, base)

    def _segment(self, true: int, predicted: int) -> Segment:
        count = self.counts[true][predicted]
        text = (str(count) if count else "·").rjust(self._cell)
        if self.can_focus and (true, predicted) == self.cursor:
            variables = self.app.theme_variables
            under = Color.parse(variables["primary" if self.has_focus else "border-blurred"])
            over = Color.parse(variables["background" if self.has_focus else "foreground"])
            return Segment(text, Style(color=over.rich_color, bgcolor=under.rich_color, bold=True))
        return Segment(text, self._style(true, predicted, count))

    def _style(self, true: int, predicted: int, count: int) -> Style:
        if not count:
            return self.rich_style + Style(dim=True)
        variables = self.app.theme_variables
        background, foreground = self.background_colors[1], Color.parse(variables["foreground"])
        if true == predicted:
            under = background.blend(Color.parse(variables["cae-training"]), 0.18)
            return Style(color=foreground.rich_color, bgcolor=under.rich_color, bold=True)
        return attention(variables, background, self.share(true, predicted) / (self._worst or 1))

    # -- moving ----------------------------------------------------------------------------------

    def watch_cursor(self) -> None:
        """Keep the cell in sight and tell of it."""
        if self.is_mounted:
            true, predicted = self.cursor
            region = Region(predicted * self._cell, true, self._cell + self._label, HEADER + 1)
            self.scroll_to_region(region, animate=False, force=True)
            self.refresh()
            self.post_message(self.Moved())

    def action_move(self, down: int, right: int) -> None:
        """To a neighbouring cell; the edge holds."""
        last = len(self.counts) - 1
        if last >= 0:
            true, predicted = self.cursor
            self.cursor = (min(max(true + down, 0), last), min(max(predicted + right, 0), last))

    def action_row_end(self, place: int) -> None:
        """To the first or the last cell of the row."""
        if self.counts:
            self.cursor = (self.cursor[0], place % len(self.counts))

    def action_choose(self) -> None:
        """Ask for the images under the cursor."""
        if self.counts:
            true, predicted = self.cursor
            self.post_message(self.Chosen(self.labels[true], self.labels[predicted]))

    def on_click(self, event: Click) -> None:
        """To the cell that was clicked; a click on the cursor asks for its images."""
        if not self.can_focus:
            return
        x = event.x - self._label + int(self.scroll_offset.x)
        y = event.y - HEADER + int(self.scroll_offset.y)
        cell = (y, x // self._cell)
        if event.x < self._label or event.y < HEADER or not all(0 <= place < len(self.counts) for place in cell):
            return
        if cell == self.cursor:
            self.action_choose()
        self.cursor = cell
