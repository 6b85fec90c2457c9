"""The classification report on the screen: a row a class, the averages and the weakest class always in sight.

What stands in the cells is decided by `cae_tui.widgets.report_table`, which the command line prints too.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from cae_tui.themes import attention
from cae_tui.widgets.line_table import Head, LineTable
from cae_tui.widgets.report_table import BAR_CELLS, HEADS, Line, ReportTable
from engine.results.result import ClassificationReport
from engine.runs.report_words import wrapped

LEAST_NAME = 12
"""Cells of the longest name of an average."""
MOST_GAP = 3
"""Blanks that a column gets where there is room, besides the one between any two."""
BENEATH = 5
"""Lines beneath the rows: a blank one, three averages, a sentence."""


class ClassRows(LineTable):
    """A row for each class that occurs."""

    MARGIN = 0
    PADDING = 1
    DEFAULT_CSS = "ClassRows { scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Images", id="report.class", tooltip="The images of this class"),
    ]

    class Resized(Message):
        """There is another width."""

    def __init__(self) -> None:
        super().__init__(id="class-rows")
        self.table: ReportTable | None = None
        self.lines: Sequence[Line] = ()

    @property
    def row_count(self) -> int:
        return len(self.lines)

    def on_resize(self) -> None:
        """The columns move with the width."""
        super().on_resize()
        self.post_message(self.Resized())

    def place(self, table: ReportTable, lines: Sequence[Line]) -> None:
        """Show the classes of `table` in the order of `lines`; the cursor stays on its class."""
        here = self.here
        self.table, self.lines = table, lines
        self.place_rows(next((row for row, line in enumerate(lines) if here and line.label == here.label), 0))

    @property
    def here(self) -> Line | None:
        """The class under the cursor."""
        return self.lines[self.cursor_row] if self.cursor_row < len(self.lines) else None

    @property
    def widths(self) -> tuple[int, ...]:
        """What the columns need; long names give way where there is no room for them."""
        assert self.table is not None
        name, *others = self.table.widths
        room = self.room - sum(others) - len(HEADS) - 1
        return (min(name, max(room, LEAST_NAME)), *others)

    @property
    def bar(self) -> int:
        """Cells of a bar; none where there is no room for its head."""
        assert self.table is not None
        cells = min(self.room - sum(self.widths) - len(HEADS) - 1, BAR_CELLS)
        return cells if cells >= max(len(self.table.bar_head), 6) else 0

    def heads(self) -> Sequence[Head]:
        """The columns, as far apart as there is room for."""
        if self.table is None:
            return ()
        name, *others = self.widths
        bar = self.bar
        gap = (self.room - sum(self.widths) - len(HEADS) - 1 - bar) // len(others)
        gap = min(max(gap, 0), MOST_GAP)
        heads = [Head("class", "class", name)]
        heads += [Head(head, head, width + gap, right=True) for head, width in zip(HEADS[1:], others, strict=True)]
        return [*heads, *([Head("bar", f" {self.table.bar_head}", bar + 1)] if bar else [])]

    def cells(self, row: int) -> Sequence[str | Text]:
        """What stands in a row."""
        return self.cells_of(self.lines[row])

    def cells_of(self, line: Line) -> list[Text]:
        """What stands in the row of a class or of an average."""
        assert self.table is not None
        bar = self.bar
        colour = self.app.theme_variables["cae-training"]
        cells = self.table.cells(line, self._shade, bar, colour, self.widths[0])
        return [*cells[:5], *(Text(" ") + cell for cell in cells[5:])]

    def text_line(self, line: Line) -> Text:
        """A line beneath the rows, in their columns."""
        return self._line(Text(), self.heads(), self.cells_of(line))

    def _shade(self, level: float) -> Style:
        if not level:
            return Style()
        return attention(self.app.theme_variables, self.background_colors[1], level)


class ClassReport(Vertical):
    """The rows, and beneath them what is true of all classes together."""

    DEFAULT_CSS = """
    ClassReport {
        ClassRows { height: auto; min-height: 2; }
        #averages, #weakest { height: auto; }
        #averages { margin: 1 0 0 0; }
        #weakest { color: $foreground-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="class-report")
        self.table: ReportTable | None = None
        self.note = ""
        self.order = "class"

    def compose(self) -> ComposeResult:
        yield ClassRows()
        yield Static(id="averages", markup=False)
        yield Static(id="weakest", markup=False)

    @property
    def rows(self) -> ClassRows:
        return self.query_one(ClassRows)

    def show(self, report: ClassificationReport, note: str = "") -> None:
        """Show a report, and a note beneath it where there is room."""
        self.table = ReportTable(report)
        self.note = note
        self.sort(self.order)

    def sort(self, head: str) -> None:
        """Order the classes by a column, the lowest first."""
        if self.table is not None:
            self.order = head
            self.rows.place(self.table, self.table.sorted(head))
            self.draw()

    def sort_next(self) -> None:
        """Order the classes by the next column."""
        self.sort(HEADS[(HEADS.index(self.order) + 1) % len(HEADS)])

    @property
    def order_words(self) -> str:
        """The order in words; nothing for that of the classes themselves."""
        return "" if self.order == "class" else f"lowest {self.order} first"

    def on_resize(self) -> None:
        """The rows scroll, so that what is beneath them is always seen."""
        self.rows.styles.max_height = max(self.content_size.height - BENEATH, 2)
        self.draw()

    @on(ClassRows.Resized)
    def draw(self) -> None:
        """Draw what stands beneath the rows."""
        if self.table is not None:
            lines = [self.rows.text_line(line) for line in self.table.averages]
            self.query_one("#averages", Static).update(Text("\n").join(lines))
            room = self.content_size.height - BENEATH - len(self.table.lines) - 1
            note = "\n".join(wrapped(self.note, max(self.content_size.width, 1)))
            told = self.table.weakest_in(max(self.content_size.width, 1))
            told = f"{told}\n{note}" if note.count("\n") < room else told
            self.query_one("#weakest", Static).update(told)
