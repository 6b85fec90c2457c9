"""A table of which only the lines on the screen are ever made, however many rows it has.

Textual's own table makes every row beforehand, and again at each change: a second for two thousand rows, and for a
hundred that change while a run is on more than all else on the screen together. A table here says how many rows it
has, and what the cells of one are when that is to be drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

FAR = 1_000_000
ASCENDING, DESCENDING = "▲", "▼"
"""Behind the head of the column by which rows are sorted: the smallest first, or the largest."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column. `_line` cuts what is wider than it: make room for an arrow in `width`."""

    name: str
    title: str
    width: int
    right: bool = False


class LineTable(ScrollView, can_focus=True):
    """Rows under a line of heads, with a cursor; left of the first column is a margin for marks."""

    DEFAULT_CSS = """
    LineTable {
        height: 1fr;
        background: transparent;
        & > .line-table--row { color: $foreground; }
        & > .line-table--head { color: $text-muted; }
        & > .line-table--muted { color: $text-muted; }
        & > .line-table--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
        }
        &:focus > .line-table--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--row", "line-table--head", "line-table--muted", "line-table--cursor",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="table.open", tooltip="What is under the cursor"),
        Binding("up", "move(-1)", "Up", id="table.up", tooltip="Go up one row", show=False),
        Binding("down", "move(1)", "Down", id="table.down", tooltip="Go down one row", show=False),
        Binding("pageup", "page(-1)", "Page up", id="table.pageup", tooltip="Go up one page", show=False),
        Binding("pagedown", "page(1)", "Page down", id="table.pagedown", tooltip="Go down one page", show=False),
        Binding("home", f"move(-{FAR})", "First", id="table.first", tooltip="The first row", show=False),
        Binding("end", f"move({FAR})", "Last", id="table.last", tooltip="The last row", show=False),
    ]
    MARGIN: ClassVar[int] = 3
    PADDING: ClassVar[int] = 2  # between two columns

    cursor_row: reactive[int] = reactive(0)

    class Highlighted(Message):
        """Another row is under the cursor, or none."""

    class Selected(Message):
        """The row under the cursor is chosen."""

    @dataclass
    class HeadClicked(Message):
        """The head of a column was clicked."""

        column: str

    # -- what a table says of itself -------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError  # each table has its own

    def heads(self) -> Sequence[Head]:
        """The columns for which there is room, from left to right."""
        raise NotImplementedError  # each table has its own

    def margin(self, row: int) -> Text:  # noqa: ARG002 - for tables that mark rows
        """What stands left of a row, `MARGIN` cells wide."""
        return Text(" " * self.MARGIN)

    def cells(self, row: int) -> Sequence[str | Text]:
        """The cells of a row, one for each of `heads`."""
        raise NotImplementedError  # each table has its own

    # -- what it does ----------------------------------------------------------------------------

    def place_rows(self, cursor: int) -> None:
        """The rows are others than before: draw them, with the cursor on that one."""
        self.virtual_size = Size(0, self.row_count + 1)
        self.cursor_row = min(max(cursor, 0), max(self.row_count - 1, 0))
        self.refresh()
        self._show_cursor()

    @property
    def room(self) -> int:
        """Cells for columns; the bar has a blank beside it."""
        return (self.scrollable_content_region.width or 80) - self.MARGIN - 1

    def watch_cursor_row(self, before: int, after: int) -> None:
        """Keep it on the screen, and tell of it."""
        for row in (before, after):
            self.refresh_line(row + 1)
        self._show_cursor()
        self.post_message(self.Highlighted())

    def _show_cursor(self) -> None:
        if self.size.height > 1:
            # The heads cover the topmost line: the one above the cursor has to be on the screen too.
            self.scroll_to_region(Region(0, self.cursor_row, 1, 2), animate=False, force=True)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self.refresh()
        self._show_cursor()

    def action_move(self, rows: int) -> None:
        """So many rows down, or up."""
        self.cursor_row = min(max(self.cursor_row + rows, 0), max(self.row_count - 1, 0))

    def action_page(self, pages: int) -> None:
        """A page down, or up."""
        self.action_move(pages * max(self.size.height - 2, 1))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Of an empty table nothing can be chosen."""
        return self.row_count > 0 if action == "select" else True

    def action_select(self) -> None:
        """Choose the row under the cursor."""
        if self.row_count:
            self.post_message(self.Selected())

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; one on the cursor chooses; one on a head sorts."""
        if event.y == 0:
            left = self.MARGIN
            for head in self.heads():
                if left <= event.x < left + head.width + self.PADDING:
                    self.post_message(self.HeadClicked(head.name))
                left += head.width + self.PADDING
            return
        row = round(self.scroll_offset.y) + event.y - 1
        if row == self.cursor_row:
            self.action_select()
        elif row < self.row_count:
            self.cursor_row = row

    # -- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The heads on top, and beneath them as many rows as there is room for."""
        width = self.scrollable_content_region.width
        row = round(self.scroll_offset.y) + y - 1
        if y == 0:
            heads = self.heads()
            line = self._line(Text(" " * self.MARGIN), heads, [head.title for head in heads])
            return self._strip(line, width, self.get_component_rich_style("line-table--head"))
        style = self.get_component_rich_style("line-table--cursor" if row == self.cursor_row else "line-table--row")
        if row >= self.row_count:
            return Strip.blank(width, self.get_component_rich_style("line-table--row"))
        return self._strip(self._line(self.margin(row), self.heads(), self.cells(row)), width, style)

    def text_of(self, row: int) -> list[str]:
        """The cells of a row as plain text."""
        return [cell if isinstance(cell, str) else cell.plain for cell in self.cells(row)]

    def _line(self, line: Text, heads: Sequence[Head], cells: Sequence[str | Text]) -> Text:
        for head, cell in zip(heads, cells, strict=True):
            text = cell.copy() if isinstance(cell, Text) else Text(cell)
            text.truncate(head.width, overflow="ellipsis")  # or every column behind it would stand elsewhere
            missing = head.width - text.cell_len
            if head.right:
                line.append(" " * missing)
            line.append_text(text)
            line.append(" " * (self.PADDING + (0 if head.right else missing)))
        return line

    def _strip(self, line: Text, width: int, style: Style) -> Strip:
        """`line` in `style` where it has none of its own, cut or filled up to `width`."""
        segments = Segment.apply_style(line.render(self.app.console), style)
        return Strip(segments).adjust_cell_length(width, style)

    @property
    def muted(self) -> Style:
        """Of what matters less, on whatever background."""
        return self.get_component_rich_style("line-table--muted", partial=True)


class SortedTable(LineTable):
    """A table that a person sorts by one of its columns."""

    order: str
    """The column that rows are sorted by."""
    backwards: bool
    """Whether they stand the other way round."""

    def orders(self) -> Sequence[str]:
        """What it can be sorted by, one after the other."""
        raise NotImplementedError  # each table has its own

    @property
    def next_order(self) -> str:
        """The one after the order in which rows stand; after the last, the first."""
        orders = self.orders()
        return orders[(orders.index(self.order) + 1) % len(orders) if self.order in orders else 0]

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        raise NotImplementedError  # each table has its own
