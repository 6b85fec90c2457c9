"""The autoencoders whose encoder a classifier can be built on, to choose one from.

Enter, space or a click chooses; moving the cursor alone does not, so that one can pass through the table
with the arrow keys on the way to the next field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable, Label

from cae_tui import formats
from cae_tui.views import RunStatus
from engine.states import EARLY_STOPPED, FINISHED, STOPPED

CHOSEN = "●"
NO_ENCODER = "No autoencoder yet. Press Ctrl+N to train one."

WIDTHS = {"": 2, "run": 6, "layers × kernels": 19, "val loss": 10, "epochs": 8, "state": 17, "ended": 12}
FROM_LEFT = ("", "run", "layers × kernels", "state")


def encoders(runs: Sequence[RunStatus]) -> list[RunStatus]:
    """The runs among `runs` that are autoencoders with a model."""
    return [
        run
        for run in runs
        if run.kind == "autoencoder" and run.state in (FINISHED, EARLY_STOPPED, STOPPED) and run.best_loss is not None
    ]


class EncoderTable(DataTable[Text]):
    """A run a row; the one that is chosen is marked. Where there is no room, the time of its end is left out."""

    DEFAULT_CSS = """
    EncoderTable {
        height: 1;
        max-height: 6;
        background: transparent;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & > .datatable--header { background: transparent; color: $text-muted; text-style: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select_cursor", "Choose", id="encoders.choose", tooltip="Build on this one", show=False),
        Binding("down", "step(1)", "Down", id="encoders.down", tooltip="The next run, then the next field", show=False),
        Binding("up", "step(-1)", "Up", id="encoders.up", tooltip="The run before, or the field", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """A run was chosen."""

        run: str

    def __init__(self) -> None:
        super().__init__(id="encoders", cursor_type="row", cell_padding=0)
        self._runs: list[RunStatus] = []
        self._now: float | None = None
        self._chosen = ""
        self._drawn_for = 0  # columns

    def show(self, runs: Sequence[RunStatus], now: float | None = None) -> None:
        """List the autoencoders among `runs`, at the time `now` (seconds since 1970)."""
        self._runs, self._now = encoders(runs), now
        self._draw()

    def on_resize(self) -> None:
        """Use the width there is."""
        if self.content_size.width not in (0, self._drawn_for):
            self._draw()

    def _draw(self) -> None:
        row = self.cursor_row
        self.clear(columns=True)
        # Said outright: the height that the table finds out by itself comes late, and until then it is not there.
        self.styles.height = 1 + len(self._runs)
        widths = dict(WIDTHS)
        room = self._drawn_for = self.content_size.width
        if room < sum(widths.values()):
            del widths["ended"]
        widths["layers × kernels"] = min(max(19, 19 + room - sum(widths.values())), 40)
        for head, width in widths.items():
            text = f"  {head}" if head == "state" else head
            self.add_column(Text(text if head in FROM_LEFT else f"{text:>{width}}"), width=width, key=head)
        for run in self._runs:
            symbol, variable = formats.state_mark(run.state)
            title = Text(run.title)
            title.truncate(widths["layers × kernels"], overflow="ellipsis")
            cells = {
                "": Text(self._mark(run)),
                "run": Text(run.prefix or run.id[:4]),
                "layers × kernels": title,
                "val loss": Text(f"{formats.loss(run.best_loss):>10}"),
                "epochs": Text(f"{run.epoch:>8,}"),
                "state": Text.assemble("  ", (symbol, self.app.theme_variables.get(variable, "")), f" {run.state}"),
                "ended": Text(f"{formats.ago(run.updated, self._now):>12}"),
            }
            self.add_row(*(cells[head] for head in widths), key=run.id)
        self.move_cursor(row=row)
        self.mark(self._chosen)

    def mark(self, encoder: str) -> None:
        """Mark the run whose id, or the beginning of it, is `encoder`."""
        self._chosen = encoder.strip()
        for row, run in enumerate(self._runs):
            mark = self._mark(run)
            self.update_cell_at(Coordinate(row, 0), Text(mark))
            if mark and not self.has_focus:
                self.move_cursor(row=row)

    def _mark(self, run: RunStatus) -> str:
        return CHOSEN if len(self._chosen) >= 4 and run.id.startswith(self._chosen.lower()) else ""

    def action_step(self, by: int) -> None:
        """Move the cursor, or leave the table at its ends."""
        if 0 <= self.cursor_row + by < self.row_count:
            self.move_cursor(row=self.cursor_row + by)
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    @on(DataTable.RowSelected)
    def _select(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Chosen(event.row_key.value))


class EncoderPicker(Vertical):
    """The table, or what to do where it would be empty."""

    DEFAULT_CSS = """
    EncoderPicker {
        height: auto;
        margin: 0 0 0 2;
        Label { color: $text-warning; display: none; }
        EncoderTable { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """Both; neither is shown before it is known which."""
        yield EncoderTable()
        yield Label(NO_ENCODER, id="no-encoder", markup=False)

    def show(self, runs: Sequence[RunStatus], now: float | None = None) -> None:
        """List the autoencoders among `runs`, at the time `now` (seconds since 1970)."""
        table = self.query_one(EncoderTable)
        table.display = bool(encoders(runs))
        self.query_one("#no-encoder").display = not table.display
        table.show(runs, now)
