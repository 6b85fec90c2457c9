"""Every run, one a row, sorted by any column.

Columns are left out where the table is narrow, the least needed first, so that no word or number is cut.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable

from cae_tui import formats
from cae_tui.views import RunStatus
from cae_tui.widgets.last_runs import shorten

Key = Callable[[RunStatus], float | str | None]


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
    Column("run", 6, 0, lambda run: run.id),
    Column("kind", 11, 5, lambda run: run.kind),
    Column("spec", 18, 0, lambda run: run.title),
    Column("val loss", 8, 1, lambda run: run.best_loss, right=True),
    Column("last", 8, 6, lambda run: run.last_loss, right=True),
    Column("test acc", 8, 2, lambda run: run.test_accuracy, right=True, descending=True),
    Column("epochs", 9, 4, lambda run: run.epoch, right=True, descending=True),
    Column("time", 8, 7, lambda run: run.seconds, right=True),
    Column("state", 15, 0, lambda run: run.state),
    Column("age", 7, 3, lambda run: run.started, right=True, descending=True),
)
AGE = "age"
PADDING = 2  # between two columns


class RunTable(DataTable[Text]):
    """The runs; `sort_by` and `reversed` say their order, at first the newest on top."""

    DEFAULT_CSS = """
    RunTable {
        height: 1fr;
        background: transparent;
        & > .datatable--header { background: transparent; color: $text-muted; text-style: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="runs", cursor_type="row", cell_padding=0)
        self.order = AGE
        self.backwards = False
        self._runs: Sequence[RunStatus] = ()
        self._rows: list[RunStatus] = []
        self._drawn: object = None

    @property
    def run(self) -> RunStatus | None:
        """The one under the cursor."""
        return self._rows[self.cursor_row] if 0 <= self.cursor_row < len(self._rows) else None

    def show(self, runs: Sequence[RunStatus]) -> None:
        """List `runs`; the cursor stays on its run."""
        self._runs = runs
        self._draw()

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        self.order, self.backwards = order, backwards
        self._draw()

    def on_resize(self) -> None:
        """Use the width there is."""
        self._draw()

    @property
    def shown(self) -> list[str]:
        """The names of the columns for which there is room."""
        room = self.content_size.width or 80
        names = list(COLUMNS)
        while sum(column.width + PADDING for column in names) > room and any(column.needed for column in names):
            names.remove(max(names, key=lambda column: column.needed))
        return [column.name for column in names]

    def _draw(self) -> None:
        shown, width = self.shown, self.content_size.width
        drawn = (tuple(self._runs), self.order, self.backwards, width, int(time.time() // 60))
        if drawn == self._drawn or not width:
            return
        self._drawn = drawn
        chosen, row = (self.run.id if self.run else None), self.cursor_row
        columns = [column for column in COLUMNS if column.name in shown]
        rest = width - sum(column.width + PADDING for column in columns)
        widths = {
            column.name: column.width + (max(min(rest, 30), 0) if column.name == "spec" else 0) for column in columns
        }
        self._rows = sorted_runs(self._runs, self.order, backwards=self.backwards)
        self.clear(columns=True)
        for column in columns:
            arrow = ("▲" if self.backwards != column.descending else "▼") if column.name == self.order else ""
            head = f"{column.name}{arrow}"
            self.add_column(_cell(head, widths[column.name], right=column.right), key=column.name)
        now = time.time()
        prefixes = {run.id: run.prefix or run.id[:4] for run in self._runs}
        for run in self._rows:
            texts = self._texts(run, prefixes, widths["spec"], now)
            cells = [_cell(texts[column.name], widths[column.name], right=column.right) for column in columns]
            self.add_row(*cells, key=run.id)
        places = {run.id: place for place, run in enumerate(self._rows)}
        self.move_cursor(row=places.get(chosen or "", min(row, max(len(self._rows) - 1, 0))))

    def _texts(self, run: RunStatus, prefixes: dict[str, str], spec_width: int, now: float) -> dict[str, str | Text]:
        symbol, variable = formats.state_mark(run.state)
        return {
            "run": Text(prefixes[run.id], style="bold"),
            "kind": run.kind,
            "spec": shorten(spec_words(run, prefixes), spec_width),
            "val loss": formats.loss(run.best_loss),
            "last": formats.loss(run.last_loss),
            "test acc": formats.percent(run.test_accuracy),
            "epochs": f"{run.epoch:,}/{run.epochs:,}",
            "time": formats.duration(run.seconds),
            "state": Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {run.state}"),
            "age": formats.ago(run.started, now),
        }


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


def _cell(content: str | Text, width: int, *, right: bool) -> Text:
    text = content if isinstance(content, Text) else Text(content)
    missing = max(width - text.cell_len, 0)
    if right:
        text.pad_left(missing)
    else:
        text.pad_right(missing)
    text.pad_right(PADDING)
    return text
