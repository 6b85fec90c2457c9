"""Every run, one a row, sorted by any column.

Only the lines on the screen are ever drawn, so that thousands of runs cost no more than a page of them: a table that
makes its rows beforehand takes a second for two thousand. Columns are left out where the table is narrow, the least
needed first, so that no word or number is cut.
"""

import time
from collections.abc import Callable, Sequence
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

from cae_tui import formats
from cae_tui.views import RunStatus
from cae_tui.widgets.last_runs import shorten

Key = Callable[[RunStatus], float | str | None]
MARK, STAR = "✓", "★"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it shows and what it is sorted by."""

    name: str
    width: int
    needed: int  # columns are left out from the highest number on
    key: Key
    right: bool = False
    descending: bool = False  # the order in which what is sought is first


COLUMNS = (
    Column("run", 5, 0, lambda run: run.id),
    Column("kind", 11, 5, lambda run: run.kind),
    Column("spec", 18, 0, lambda run: run.title),
    Column("val loss", 8, 1, lambda run: run.best_loss, right=True),
    Column("last", 8, 6, lambda run: run.last_loss, right=True),
    Column("test acc", 8, 2, lambda run: run.test_accuracy, right=True, descending=True),
    Column("epochs", 9, 4, lambda run: run.epoch, right=True, descending=True),
    Column("time", 8, 7, lambda run: run.seconds, right=True),
    Column("state", 15, 0, lambda run: run.state),
    Column("age", 6, 3, lambda run: run.started, right=True, descending=True),
)
AGE = "age"
PADDING = 2  # between two columns
GUTTER = 3  # the mark and the star, in front
MOST_SPEC = 48


class RunTable(ScrollView, can_focus=True):
    """The runs; `order` and `backwards` say how they are sorted, at first the newest on top."""

    DEFAULT_CSS = """
    RunTable {
        height: 1fr;
        background: transparent;
        & > .run-table--row { color: $foreground; }
        & > .run-table--header { color: $text-muted; }
        & > .run-table--muted { color: $text-muted; }
        & > .run-table--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
        }
        &:focus > .run-table--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-table--row", "run-table--header", "run-table--muted", "run-table--cursor"
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", id="run-table.up", show=False),
        Binding("down", "move(1)", "Down", id="run-table.down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="run-table.pageup", show=False),
        Binding("pagedown", "page(1)", "Page down", id="run-table.pagedown", show=False),
        Binding("home", "move(-1000000)", "First", id="run-table.first", show=False),
        Binding("end", "move(1000000)", "Last", id="run-table.last", show=False),
    ]

    cursor_row: reactive[int] = reactive(0)

    @dataclass
    class Highlighted(Message):
        """Another run is under the cursor, or none."""

    @dataclass
    class Selected(Message):
        """The run under the cursor was clicked."""

    @dataclass
    class HeadClicked(Message):
        """The head of a column was."""

        column: str

    def __init__(self) -> None:
        super().__init__(id="runs")
        self.order, self.backwards = AGE, False
        self.marked: set[str] = set()
        self.rows: list[RunStatus] = []
        self._prefixes: dict[str, str] = {}

    @property
    def run(self) -> RunStatus | None:
        """The one under the cursor."""
        return self.rows[self.cursor_row] if 0 <= self.cursor_row < len(self.rows) else None

    @property
    def chosen(self) -> list[RunStatus]:
        """The marked ones that are listed, in order; where none is, the one under the cursor."""
        marked = [run for run in self.rows if run.id in self.marked]
        return marked or ([self.run] if self.run is not None else [])

    def show(self, runs: Sequence[RunStatus], prefixes: dict[str, str]) -> None:
        """List `runs`; the cursor stays on its run. `prefixes` are the short names of all runs, listed or not."""
        self._prefixes = prefixes
        self._arrange(runs)

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        self.order, self.backwards = order, backwards
        self._arrange(self.rows)

    def toggle_mark(self) -> None:
        """Mark the run under the cursor, or take its mark away, and go on to the next."""
        if (run := self.run) is not None:
            self.marked ^= {run.id}
            self.action_move(1)
            self.refresh()

    def mark_all(self) -> None:
        """Mark every run that is listed; where all are, take the marks away."""
        every = {run.id for run in self.rows}
        self.marked = set() if every <= self.marked else every
        self.refresh()

    def _arrange(self, runs: Sequence[RunStatus]) -> None:
        before, row = self.run, self.cursor_row
        self.rows = sorted_runs(runs, self.order, backwards=self.backwards)
        places = {run.id: place for place, run in enumerate(self.rows)}
        self.marked &= set(places)
        self.virtual_size = Size(0, len(self.rows) + 1)
        self.cursor_row = places.get(before.id if before else "", min(row, max(len(self.rows) - 1, 0)))
        self.refresh()
        self._show_cursor()

    def watch_cursor_row(self) -> None:
        """Keep it on the screen, and tell of it."""
        self.refresh()
        self._show_cursor()
        self.post_message(self.Highlighted())

    def _show_cursor(self) -> None:
        if self.size.height > 1:
            # The head covers the topmost line: the one above the cursor has to be on the screen too.
            self.scroll_to_region(Region(0, self.cursor_row, 1, 2), animate=False, force=True)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._show_cursor()

    # -- keys and mouse --------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """So many rows down, or up."""
        self.cursor_row = min(max(self.cursor_row + rows, 0), max(len(self.rows) - 1, 0))

    def action_page(self, pages: int) -> None:
        """A page down, or up."""
        self.action_move(pages * max(self.size.height - 2, 1))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; one on the cursor opens; one on a head sorts."""
        if event.y == 0:
            left = GUTTER
            for column, width in self._widths():
                if left <= event.x < left + width + PADDING:
                    self.post_message(self.HeadClicked(column.name))
                left += width + PADDING
            return
        row = round(self.scroll_offset.y) + event.y - 1
        if row == self.cursor_row:
            self.post_message(self.Selected())
        elif row < len(self.rows):
            self.cursor_row = row

    # -- drawing ---------------------------------------------------------------------------------

    @property
    def shown(self) -> list[str]:
        """The names of the columns for which there is room."""
        return [column.name for column in self._columns()]

    def _columns(self) -> list[Column]:
        room = (self.scrollable_content_region.width or 80) - GUTTER - 1  # the bar has a blank beside it
        columns = list(COLUMNS)
        while _total(columns) > room and any(column.needed for column in columns):
            columns.remove(max(columns, key=lambda column: column.needed))
        return columns

    def _widths(self) -> list[tuple[Column, int]]:
        """The columns with their widths: what is left goes to the spec, as far as that can use it."""
        columns = self._columns()
        width = self.scrollable_content_region.width
        rest = max(width - GUTTER - _total(columns) - 1, 0)
        return [
            (column, min(column.width + rest, MOST_SPEC) if column.name == "spec" else column.width)
            for column in columns
        ]

    def render_line(self, y: int) -> Strip:
        """The heads on top, and beneath them as many runs as there is room for."""
        width = self.scrollable_content_region.width
        row = round(self.scroll_offset.y) + y - 1
        if y == 0:
            return self._strip(self._head(), width, self.get_component_rich_style("run-table--header"))
        style = self.get_component_rich_style("run-table--cursor" if row == self.cursor_row else "run-table--row")
        if row >= len(self.rows):
            return Strip.blank(width, style)
        return self._strip(self._row(self.rows[row]), width, style)

    def _strip(self, line: Text, width: int, style: Style) -> Strip:
        """`line` in `style` where it has none of its own, cut or filled up to `width`."""
        segments = Segment.apply_style(line.render(self.app.console), style)
        return Strip(segments).adjust_cell_length(width, style)

    def _head(self) -> Text:
        line = Text(" " * GUTTER)
        for column, width in self._widths():
            arrow = ("▲" if self.backwards != column.descending else "▼") if column.name == self.order else ""
            line.append_text(_cell(f"{column.name}{arrow}", width, right=column.right))
        return line

    def _row(self, run: RunStatus) -> Text:
        attention = self.app.theme_variables.get("cae-attention", "")
        line = Text.assemble(
            (MARK if run.id in self.marked else " ", "bold"), (STAR if run.marks.star else " ", attention), " "
        )
        for column, width in self._widths():
            line.append_text(_cell(self._text(run, column.name, width), width, right=column.right))
        return line

    def _text(self, run: RunStatus, column: str, width: int) -> str | Text:
        match column:
            case "run":
                return Text(self._prefixes.get(run.id, run.prefix or run.id[:4]), "bold")
            case "kind":
                return run.kind
            case "spec":
                return self._spec(run, width)
            case "val loss":
                return formats.loss(run.best_loss)
            case "last":
                return formats.loss(run.last_loss)
            case "test acc":
                return formats.percent(run.test_accuracy)
            case "epochs":
                return f"{run.epoch:,}/{run.epochs:,}"
            case "time":
                return formats.duration(run.seconds)
            case "state":
                symbol, variable = formats.state_mark(run.state)
                return Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {run.state}")
            case _:
                return formats.ago(run.started, time.time())

    def _spec(self, run: RunStatus, width: int) -> Text:
        """The essentials, and as many of the tags as there is room for."""
        text = Text(shorten(spec_words(run, self._prefixes), width))
        muted = self.get_component_rich_style("run-table--muted", partial=True)
        words = ["(hidden)"] if run.marks.hidden else []
        for word in (*words, *(f"#{tag}" for tag in run.marks.tags)):
            if text.cell_len + 1 + len(word) > width:
                break
            text.append(f" {word}", muted)
        return text


def spec_words(run: RunStatus, prefixes: dict[str, str]) -> str:
    """A spec's essentials; a classifier's with the encoder it was built on."""
    if run.kind != "classifier" or not run.encoder:
        return run.title
    return f"{run.title} on {prefixes.get(run.encoder) or run.encoder.rsplit('/', 1)[-1][:16]}"


def sorted_runs(runs: Sequence[RunStatus], order: str, *, backwards: bool = False) -> list[RunStatus]:
    """By the column of that name, what is sought first; runs without a value are last either way."""
    column = next(column for column in COLUMNS if column.name == order)
    having = [run for run in runs if column.key(run) is not None]
    lacking = [run for run in runs if column.key(run) is None]
    ordered = sorted(having, key=column.key, reverse=column.descending != backwards)  # type: ignore[arg-type]
    return ordered + lacking


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width + PADDING for column in columns) - PADDING


def _cell(content: str | Text, width: int, *, right: bool) -> Text:
    text = content if isinstance(content, Text) else Text(content)
    missing = max(width - text.cell_len, 0)
    if right:
        text.pad_left(missing)
    else:
        text.pad_right(missing)
    text.pad_right(PADDING)
    return text
