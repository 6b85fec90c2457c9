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
from textual.reactive import reactive
from textual.widgets import DataTable, Label

from cae_tui import formats
from cae_tui.bridge.run_titles import common_data, cut, shared_parts, shorten
from cae_tui.widgets.bare_table import BareTable
from engine.protocol.states import DIVERGED, EARLY_STOPPED, FINISHED, STOPPED
from engine.runs.status import RunStatus
from engine.specs.listed import listed
from engine.text import fitting

CHOSEN = "●"
NO_ENCODER = "No autoencoder yet. Press Ctrl+N to train one."

WIDTHS = {"": 2, "run": 6, "layers × kernels": 19, "data": 12, "val loss": 10, "epochs": 8, "state": 17, "ended": 12}
FROM_LEFT = ("", "run", "layers × kernels", "data", "state")
GIVE_WAY = ("ended", "epochs")
"""Columns that are left out where there is no room, in this order."""
MOST_LINES = 6
"""Lines of the table, its heads among them; the style has the same."""
LEAST_TITLE, SHORT_STATE = 10, 12
COMPLETE = (FINISHED, EARLY_STOPPED)


def encoders(runs: Sequence[RunStatus], digest: str = "") -> list[RunStatus]:
    """The runs among `runs` that give an encoder, the best for the training images of that digest first.

    First come those that learned from these images: finished ones before trials of a study, and those before runs that
    were stopped or diverged, each by their loss. The others follow as they stand in `runs`.
    """
    having = (FINISHED, EARLY_STOPPED, STOPPED, DIVERGED)
    found = [
        run for run in runs if listed(run.kind).gives_encoder and run.state in having and run.best_loss is not None
    ]

    def rank(run: RunStatus) -> tuple[int, float]:
        if not digest or run.images_digest != digest:
            return 3, 0.0
        return 2 if run.state not in COMPLETE else 1 if run.study else 0, run.best_loss or 0.0

    return sorted(found, key=rank)


def best_encoder(runs: Sequence[RunStatus], digest: str) -> RunStatus | None:
    """The finished autoencoder of those training images with the lowest loss; a trial where there is no other."""
    found = encoders(runs, digest)
    return found[0] if found and found[0].state in COMPLETE and digest and found[0].images_digest == digest else None


class EncoderTable(BareTable):
    """A run a row; the one that is chosen is marked. Where there is no room, the time of its end is left out."""

    DEFAULT_CSS = "EncoderTable { height: 1; max-height: 6; scrollbar-size: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "select_cursor", "Choose", id="encoders.choose", tooltip="Build on this one"),
        Binding("down", "step(1)", "Down", id="encoders.down", tooltip="The next run, then the next field", show=False),
        Binding(
            "up", "step(-1)", "Up", id="encoders.up", tooltip="The previous run, or the previous field", show=False
        ),
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

    def show(self, found: Sequence[RunStatus], now: float | None = None) -> None:
        """List `found`, at the time `now` (seconds since 1970)."""
        self._runs, self._now = list(found), now
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
        self._drawn_for = self.content_size.width
        scrolled = len(self._runs) + 1 > MOST_LINES  # then the scrollbar has one column
        room = self._drawn_for - scrolled
        if common_data(self._runs):  # then it says nothing
            del widths["data"]
        widths = fitting(widths, GIVE_WAY, room)
        narrow = room < sum(widths.values())
        if narrow:
            widths["state"] = SHORT_STATE
        if room < sum(widths.values()) - WIDTHS["layers × kernels"] + LEAST_TITLE:
            del widths["val loss"]
        widths["layers × kernels"] = min(max(LEAST_TITLE, 19 + room - sum(widths.values())), 40)
        for head, width in widths.items():
            text = f"  {head}" if head == "state" else head
            self.add_column(Text(text if head in FROM_LEFT else f"{text:>{width}}"), width=width, key=head)
        shared = shared_parts(run.title for run in self._runs)
        for run in self._runs:
            symbol, variable = formats.state_symbol(run.state)
            state = "early" if narrow and run.state == EARLY_STOPPED else run.state
            title = Text(shorten(run.title, widths["layers × kernels"] - 1, shared))
            cells = {
                "": Text(self._mark(run)),
                "run": Text(run.prefix or run.id[:4]),
                "layers × kernels": title,
                "data": Text(cut(run.data or formats.NOTHING, WIDTHS["data"] - 1)),
                "val loss": Text(f"{formats.loss(run.best_loss):>10}"),
                "epochs": Text(f"{run.epoch:>8,}"),
                "state": Text.assemble("  ", (symbol, self.app.theme_variables.get(variable, "")), f" {state}"),
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
    """The table, and what is to be said of it: that there is no encoder to offer, or what kind of one was chosen."""

    DEFAULT_CSS = """
    EncoderPicker {
        height: auto;
        margin: 0 0 0 2;
        Label { color: $text-warning; display: none; width: 1fr; }
        EncoderTable { display: none; }
    }
    """

    remarks: reactive[tuple[str, ...]] = reactive(())
    """Sentences on the encoder that is chosen."""

    def compose(self) -> ComposeResult:
        """All of it; nothing is shown before it is known what."""
        yield EncoderTable()
        yield Label(NO_ENCODER, id="no-encoder", markup=False)
        yield Label("", id="encoder-remarks", markup=False)

    def show(self, found: Sequence[RunStatus], data: str, *, best: bool, now: float | None = None) -> None:
        """List `found`, at the time `now` (seconds since 1970); `best`: whether one of them is offered for `data`."""
        table, none = self.query_one(EncoderTable), self.query_one("#no-encoder", Label)
        table.display = bool(found)
        none.display = not best
        none.update(
            f"No finished autoencoder of {data} yet: press Ctrl+N to train one, or choose one of those above."
            if found
            else NO_ENCODER
        )
        table.show(found, now)

    def watch_remarks(self, remarks: tuple[str, ...]) -> None:
        """Show them, each on a line."""
        for label in self.query("#encoder-remarks").results(Label):
            label.display = bool(remarks)
            label.update("\n".join(f"! {remark}" for remark in remarks))
