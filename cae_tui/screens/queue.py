"""The queue: what trains, and the runs that wait for their turn, in the order in which they are trained."""

import time
from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize, ScreenResume
from textual.widget import Widget
from textual.widgets import DataTable, Static

from cae_tui import formats
from cae_tui.bridge.run_queue import QueueView
from cae_tui.bridge.run_titles import cut, shared_by_kind, shorten, spec_words
from cae_tui.messages import MoveQueued, RemoveQueued, RunsChanged, RunUpdated, StartQueue
from cae_tui.screens.run_page import RunPage, Subject, ask_key
from engine.protocol.states import QUEUED
from engine.runs.status import RunStatus
from engine.text import counted, fitting

RELOAD_SECONDS = 3.0
"""How often the list looks for what other processes did."""
NUMBERS = ("", "epochs", "since")
MOST_DATA, LEAST_SPEC = 14, 24
GIVE_WAY = ("kind", "data", "epochs")
"""Columns that are left out where the spec would have less than `LEAST_SPEC` cells, in this order."""
NONE_YET = """Nothing waits.

A run that you start while another one trains is not refused: it waits here, and begins when its turn comes. So does a \
stopped run that is resumed. The queue outlives the app: what is left in it can be started here, or by \
`cae-tui queue start`."""
BY_ITSELF = "What waits is trained one after the other, by itself, once what trains now has ended."
ELSEWHERE = "Another process trains what waits, one after the other."
NOBODY = "Nobody trains what waits. Ctrl+R starts it."


class QueueScreen(RunPage):
    """What trains and what waits."""

    CSS_PATH = "queue.tcss"
    AUTO_FOCUS = "#queue"
    HELP = """
What trains (●), and the runs that wait for their turn (○), in the order in which they are trained.

A run that is started or resumed while another one trains waits here. When that has ended, however it did, the next one
begins. One that cannot begin, because its images are gone, has failed and says why, and the others go on. The order and
the runs are kept when the app is closed.

`workers` in `settings.json` says how many runs are trained at once: 1 at first.

## Keys

* `K` `J`: move the run up, or down · `1`: to the top
* `x` or `Delete`: take it out of the queue: it is stopped then, and can be resumed; you are asked first
* `Enter`: open it
* `Ctrl+R`: train what waits, where nothing trains
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask('open')", "Open", id="queue.open", tooltip="Its training", priority=True),
        Binding("K,shift+k,ctrl+up", "move('up')", "Up", key_display="K", id="queue.up", tooltip="One place up"),
        Binding("J,shift+j,ctrl+down", "move('down')", "Down", key_display="J", id="queue.down",
                tooltip="One place down"),
        Binding("1", "move('first')", "First", id="queue.first", tooltip="Its turn comes next"),
        Binding("x,delete", "remove", "Take out", id="queue.remove", tooltip="Out of the queue; asks first"),
        ask_key("queue.again", tooltip="Open the form with its spec", show=False),
        Binding("ctrl+r", "start", "Start", id="queue.start", tooltip="Train what waits"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._view = QueueView((), (), worked_off=False)
        self._drawn: object = None

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Queue",)

    def compose_page(self) -> Iterator[Widget]:
        """The table, or what the queue is where it is empty, and who trains what waits."""
        with Vertical(classes="card", id="card"):
            yield DataTable(id="queue", cursor_type="row", cell_padding=1)
            yield Static(NONE_YET, id="none", markup=False)
        yield Static("", id="about", markup=False)

    def on_mount(self) -> None:
        """List the runs, and look now and then for what other processes do."""
        self.query_one("#card").border_title = "Queue"
        self._reload()
        self.set_interval(RELOAD_SECONDS, self._reload)

    # -- what is listed --------------------------------------------------------------------------

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#queue", DataTable)

    @property
    def _runs(self) -> tuple[RunStatus, ...]:
        return (*self._view.training, *self._view.queued)

    @property
    def _run(self) -> RunStatus | None:
        row = self._table.cursor_row
        return self._runs[row] if 0 <= row < len(self._runs) else None

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """Use the width there is."""
        self._drawn = None
        self._reload()

    @on(RunUpdated)
    def _update(self, message: RunUpdated) -> None:
        if message.epoch:
            self._reload()

    @on(RunsChanged)
    @on(ScreenResume)  # what lay over this screen may have changed a run
    def _reload(self) -> None:
        if not self.is_mounted:
            return
        before = self._run
        self._view = self.runner.queue.read()
        runs = self._runs
        self.query_one("#none").display = not self._view.queued
        self._table.display = bool(runs)
        width = self._table.size.width or self.size.width - 6
        rows = self._rows(time.time(), width)
        drawn = ([[cell.plain for cell in row.values()] for row in rows], width)
        if drawn != self._drawn:
            self._drawn = drawn
            row = self._table.cursor_row
            self._table.clear(columns=True)
            for head in rows[0] if rows else ():
                self._table.add_column(Text(head, justify="right" if head in NUMBERS else "left"))
            for cells in rows:
                self._table.add_row(*cells.values())
            self._table.styles.height = len(rows) + 1
            places = {run.id: place for place, run in enumerate(runs)}
            self._table.move_cursor(row=places.get(before.id if before else "", min(row, max(len(rows) - 1, 0))))
        waiting = len(self._view.queued)
        self.query_one("#card").border_subtitle = f"{counted(waiting, 'run')} waiting" if waiting else ""
        self.query_one("#about", Static).update(self._about() if waiting else "")
        self.refresh_keys()

    def _about(self) -> str:
        if self.runner.elsewhere:
            return ELSEWHERE
        return BY_ITSELF if self.runner.busy else NOBODY

    def _rows(self, now: float, width: int) -> list[dict[str, Text]]:
        """The cells of each run by their heads; what width is left goes to the spec."""
        runs = self._runs
        prefixes = {run.id: run.prefix or run.id[:4] for run in runs}
        shared = shared_by_kind(runs, prefixes)
        rows = [self._row(run, place, now) for place, run in enumerate(runs, start=1 - len(self._view.training))]
        if not rows:
            return []
        specs = [
            f"trial {run.trial} of study {self.cae.study_prefix(run.study)}" if run.study else spec_words(run, prefixes)
            for run in runs
        ]
        sizes = {head: max(len(head), *(row[head].cell_len for row in rows)) + 2 for head in rows[0]}
        del sizes["spec"]
        shown = fitting(sizes, GIVE_WAY, width - min(LEAST_SPEC, max(map(len, specs))) - 2)
        room = width - sum(shown.values()) - 3
        for run, row, spec in zip(runs, rows, specs, strict=True):
            row["spec"] = Text(shorten(spec, max(room, 8), shared[run.kind]))
            for head in set(row) - {"spec", *shown}:
                del row[head]
        return rows

    def _row(self, run: RunStatus, place: int, now: float) -> dict[str, Text]:
        symbol, variable = formats.state_symbol(run.state)
        colour = self.app.theme_variables.get(variable, "")
        since = run.updated if run.state == QUEUED else run.started
        return {
            "": Text(f"{place:,}" if place > 0 else "", justify="right"),
            "run": Text(run.prefix or run.id[:4], "bold"),
            "kind": Text(run.kind),
            "spec": Text(""),
            "data": Text(cut(run.data or formats.NOTHING, MOST_DATA)),
            "epochs": Text(f"{run.epoch:,}/{run.epochs:,}", justify="right"),
            "state": Text.assemble((symbol, colour), f" {run.state}"),
            "since": Text(formats.ago(since, now), justify="right"),
        }

    # -- what keys do ----------------------------------------------------------------------------

    @property
    def subject(self) -> Subject | None:
        """The run under the cursor."""
        run = self._run
        return None if run is None else Subject(run=run.id, kind=run.kind, state=run.state, trained=run.best_epoch > 0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the run under the cursor, and with the queue as it is."""
        if not self.is_mounted:
            return True
        run, queued = self._run, self._view.queued
        match action:
            case "move":
                if run is None or run not in queued:
                    return False
                return run is not (queued[-1] if parameters == ("down",) else queued[0])
            case "remove":
                return run is not None and run in queued
            case "start":
                return bool(queued) and not self.runner.busy and not self._view.worked_off
        return super().check_action(action, parameters)

    @on(DataTable.RowHighlighted)
    def _other_run(self) -> None:
        self.refresh_keys()

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        self.action_ask("open")

    def action_move(self, where: str) -> None:
        if (run := self._run) is not None:
            self.post_message(MoveQueued(run.id, where))

    def action_remove(self) -> None:
        if (run := self._run) is not None:
            self.post_message(RemoveQueued(run.id))

    def action_start(self) -> None:
        self.post_message(StartQueue())
