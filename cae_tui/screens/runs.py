"""Every run that was made here, to sort, open, repeat, resume, use or delete."""

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import DataTable, Static

from cae_tui.messages import (
    Configure,
    ConfigureAgain,
    DeleteRun,
    OpenRun,
    OpenTraining,
    ResumeRun,
    RunsChanged,
    RunUpdated,
)
from cae_tui.screens.base import Page
from cae_tui.widgets.run_table import COLUMNS, RunTable

RELOAD_SECONDS = 3.0
"""How often the list looks for what other processes did."""

NONE_YET = "No runs yet. Press a to train an autoencoder."


class RunsScreen(Page):
    """All runs."""

    CSS_PATH = "runs.tcss"
    AUTO_FOCUS = "#runs"
    HELP = """
Every run that was made here, and how it stands.

* **val loss** is the lowest validation loss, **last** that of the last epoch.
* **test acc** is measured once, at the end.
* States: ● running, ‖ paused, ✓ finished or early-stopped, ■ stopped or cut off (both can be resumed),
  ✗ diverged or failed (the run's own screen says why).

## Keys

* `Enter`: open it: its report where it is complete, its training otherwise
* `v`: its curves · `e`: open the form with its spec, to run again with changes
* `R`: resume what was stopped or cut off · `n`: use an autoencoder for a classifier
* `s`: sort by the next column · `S`: turn the order round · or click a column's head
* `x` or `Delete`: delete it; you are asked first
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="runs.open", tooltip="Its report, or its training"),
        Binding("v", "curves", "Curves", id="runs.curves", tooltip="Its training"),
        Binding("e", "again", "Re-run", id="runs.again", tooltip="Open the form with its spec"),
        Binding("R,shift+r", "resume", "Resume", id="runs.resume", tooltip="Go on from the last checkpoint"),
        Binding("n", "classify", "Classifier", id="runs.classify", tooltip="Use its encoder for a classifier"),
        Binding("s", "sort", "Sort", id="runs.sort", tooltip="Sort by the next column"),
        Binding("S,shift+s", "turn", "Turn", id="runs.turn", tooltip="Turn the order round", show=False),
        Binding("x,delete", "delete", "Delete", id="runs.delete", tooltip="Take it away for good; asks first"),
        Binding(
            "a", "app.configure('autoencoder')", "Train", id="runs.train", tooltip="Train an autoencoder", show=False
        ),
    ]

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Where this is."""
        return ("Runs",)

    def compose_page(self) -> Iterator[Widget]:
        """The table, or what to do where there is nothing to list."""
        with Vertical(classes="card", id="card"):
            yield RunTable()
            yield Static(NONE_YET, id="none", markup=False)

    def on_mount(self) -> None:
        """List the runs, and look now and then for what other processes do."""
        super().on_mount()
        self.query_one("#card").border_title = "Runs"
        self._reload()
        self.set_interval(RELOAD_SECONDS, self._reload)

    @property
    def _table(self) -> RunTable:
        return self.query_one(RunTable)

    @on(RunsChanged)
    def _reload(self) -> None:
        runs = self.runner.list_runs()
        self.query_one("#none").display = not runs
        self._table.display = bool(runs)
        self._table.show(runs)
        count = f"{len(runs):,} run{'s' if len(runs) != 1 else ''}" if runs else ""
        self.query_one("#card").border_subtitle = count
        self.refresh_bindings()

    def on_screen_resume(self) -> None:
        """What lay over this screen may have changed a run."""
        self._reload()

    @on(RunUpdated)
    def _update(self, message: RunUpdated) -> None:
        if message.epoch:
            self._reload()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what can be done with the run under the cursor."""
        if not self.is_mounted or action not in (
            "open",
            "curves",
            "again",
            "resume",
            "classify",
            "sort",
            "turn",
            "delete",
        ):
            return True
        run = self._table.run
        if run is None:
            return False
        if action == "resume":
            return run.resumable
        if action == "classify":
            return run.kind == "autoencoder" and run.best_loss is not None
        return True

    @on(DataTable.RowHighlighted)
    def _refresh_keys(self) -> None:
        self.refresh_bindings()

    @on(DataTable.RowSelected)
    def action_open(self) -> None:
        """Its report, or its training."""
        if (run := self._table.run) is not None:
            self.post_message(OpenRun(run.id))

    def action_curves(self) -> None:
        """Its training."""
        if (run := self._table.run) is not None:
            self.post_message(OpenTraining(run.id))

    def action_again(self) -> None:
        """The form, filled in."""
        if (run := self._table.run) is not None:
            self.post_message(ConfigureAgain(run.id))

    def action_resume(self) -> None:
        """Go on with it."""
        if (run := self._table.run) is not None:
            self.post_message(ResumeRun(run.id))

    def action_classify(self) -> None:
        """A classifier on its encoder."""
        if (run := self._table.run) is not None:
            self.post_message(Configure("classifier", {"encoder": run.id}))

    def action_delete(self) -> None:
        """Delete it; the app asks."""
        if (run := self._table.run) is not None:
            self.post_message(DeleteRun(run.id))

    def action_sort(self) -> None:
        """By the next column that is shown."""
        shown = self._table.shown
        place = shown.index(self._table.order) if self._table.order in shown else -1
        self._table.sort_by(shown[(place + 1) % len(shown)])

    def action_turn(self) -> None:
        """The other way round."""
        self._table.sort_by(self._table.order, backwards=not self._table.backwards)

    @on(DataTable.HeaderSelected)
    def _sort_by_head(self, event: DataTable.HeaderSelected) -> None:
        name = event.column_key.value or ""
        if any(column.name == name for column in COLUMNS):
            again = name == self._table.order
            self._table.sort_by(name, backwards=again and not self._table.backwards)
