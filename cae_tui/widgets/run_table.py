"""Every run, one a row, sorted by any column.

Columns are left out where the table is narrow, the least needed first, so that no word or number is cut.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from cae_tui import formats
from cae_tui.bridge.run_titles import common_data, cut, natural, shared_by_kind, shorten, spec_words
from cae_tui.settings import Order
from cae_tui.widgets.line_table import ASCENDING, DESCENDING, Head, SortedTable
from cae_tui.widgets.run_lines import BASELINE, DELTA, from_baseline, several_states, spread_cells
from engine.runs.by_spec import OneSpec
from engine.runs.status import TEST, RunStatus
from engine.specs.listed import every_measure
from engine.specs.measures import Measure
from engine.text import counted, fitting

Key = Callable[[RunStatus], float | str | tuple[tuple[str, int], ...] | None]
MARK, SOME, STAR = "✓", "-", "★"


@dataclass(frozen=True, slots=True)
class RunColumn:
    """One column: what it shows and what it is sorted by."""

    name: str
    width: int
    needed: int  # columns are left out from the highest number on
    key: Key
    right: bool = False
    descending: bool = False  # the order in which what is sought is first


def _tested(measure: str, run: RunStatus) -> float | None:
    return run.measure(TEST, measure)


def run_columns() -> tuple[RunColumn, ...]:
    """Every column that there is; of what a run is measured by, those of all kinds."""
    return _columns_with(every_measure())


@cache
def _columns_with(measures: tuple[Measure, ...]) -> tuple[RunColumn, ...]:
    return (
        RunColumn("run", 5, 0, lambda run: run.id),
        RunColumn("kind", 11, 7, lambda run: run.kind),
        RunColumn("spec", 18, 0, lambda run: natural(spec_words(run, {}))),
        RunColumn("data", 5, 8, lambda run: natural(run.data) if run.data else None),
        RunColumn("val loss", 8, 1, lambda run: run.best_loss, right=True),
        RunColumn("last", 8, 6, lambda run: run.last_loss, right=True),
        *(
            RunColumn(f"test {m.short}", 8, 2, partial(_tested, m.name), right=True, descending=m.higher)
            for m in measures
        ),
        RunColumn(f"{DELTA}val loss", 8, 3, lambda run: run.best_loss, right=True),
        *(
            RunColumn(f"{DELTA}test {m.short}", 8, 3, partial(_tested, m.name), right=True, descending=m.higher)
            for m in measures
        ),
        RunColumn("epochs", 6, 4, lambda run: run.epoch, right=True, descending=True),
        RunColumn("time", 7, 5, lambda run: run.seconds, right=True),
        RunColumn("state", 15, 0, lambda run: run.state),
        RunColumn("age", 6, 3, lambda run: -run.started, right=True),
    )


AGE = "age"
MOST_SPEC, MOST_DATA = 48, 14


class RunTable(SortedTable):
    """The runs; `order` and `backwards` say how they are sorted.

    Args:
        order: how they are at first; else the newest is on top.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="run-table.open", tooltip="Its report, or its training"),
    ]

    def __init__(self, order: Order | None = None) -> None:
        super().__init__(id="runs")
        known = order is not None and any(column.name == order.column for column in run_columns())
        self.order, self.backwards = (order.column, order.backwards) if order is not None and known else (AGE, False)
        self.marked: set[str] = set()
        self.rows: list[RunStatus] = []
        self._of_one: dict[str, OneSpec] = {}  # lines of several runs of one spec, by the id of the first
        self._baseline: RunStatus | None = None
        self._specs: Mapping[str, Mapping[str, Any]] = {}
        self._prefixes: dict[str, str] = {}
        self._shared: dict[str, Counter[str]] = {}  # how many titles of a kind say a part
        self.same_data = ""  # what all runs that are listed were trained on; empty where those are several data sets
        self._empty: set[str] = set()  # columns of measures that no run has which is listed
        self._wide: dict[str, int] = {}  # columns whose width is that of what is in them

    @property
    def _under_cursor(self) -> RunStatus | None:
        """What is under the cursor: a run, or the line of several."""
        return self.rows[self.cursor_row] if 0 <= self.cursor_row < len(self.rows) else None

    @property
    def run(self) -> RunStatus | None:
        """The one under the cursor; none where that is on the line of several."""
        line = self._under_cursor
        return None if line is None or line.id in self._of_one else line

    @property
    def several(self) -> OneSpec | None:
        """The runs of one spec whose line is under the cursor."""
        line = self._under_cursor
        return None if line is None else self._of_one.get(line.id)

    @property
    def listed(self) -> list[RunStatus]:
        """All runs that are listed, each of those that are one line too."""
        return [run for line in self.rows for run in self._runs_of(line)]

    @property
    def chosen(self) -> list[RunStatus]:
        """The marked ones that are listed, in order; where none is, what is under the cursor."""
        marked = [run for run in self.listed if run.id in self.marked]
        line = self._under_cursor
        return marked or ([] if line is None else list(self._runs_of(line)))

    @property
    def marked_count(self) -> int:
        """How many of those that are listed are marked."""
        return sum(run.id in self.marked for run in self.listed)

    def _runs_of(self, line: RunStatus) -> Sequence[RunStatus]:
        return self._of_one[line.id].runs if line.id in self._of_one else (line,)

    def show(self, lines: Sequence[RunStatus | OneSpec], prefixes: dict[str, str]) -> None:
        """List runs, and runs of one spec as a line; the cursor stays on its line. `prefixes` are those of all runs."""
        self._prefixes = prefixes
        self.marked &= set(prefixes)
        self._of_one = {each.line.id: each for each in lines if isinstance(each, OneSpec)}
        self._sort([each.line if isinstance(each, OneSpec) else each for each in lines])

    def hold_against(self, baseline: RunStatus | None, specs: Mapping[str, Mapping[str, Any]]) -> None:
        """Tell differences to `baseline` from the next `show` on; `specs` are what each run was asked for, as JSON."""
        self._baseline, self._specs = baseline, specs

    def _differences(self, line: RunStatus) -> dict[str, str]:
        """How far a line is from the baseline, by column."""
        if self._baseline is None:
            return {}
        return from_baseline(self._of_one.get(line.id, line), self._baseline, self._specs)

    def beside(self, line: RunStatus) -> str:
        """The differences of a line for which there is no column, in words."""
        if self._baseline is None:
            return ""
        its = self._prefixes.get(self._baseline.id, self._baseline.prefix)
        if any(run.id == self._baseline.id for run in self._runs_of(line)):
            return f"{BASELINE} the baseline" if line.id not in self._of_one else f"with the baseline, {BASELINE} {its}"
        shown = {head.name for head in self.heads()}
        told = [f"{name} {words}" for name, words in self._differences(line).items() if DELTA + name not in shown]
        return f"to {BASELINE} {its}: {', '.join(told)}" if told else ""

    def orders(self) -> list[str]:
        """The columns that are shown."""
        return [column.name for column in self.columns()]

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        self.order, self.backwards = order, backwards
        self._sort(self.rows)

    def toggle_mark(self) -> None:
        """Mark what is under the cursor, or take the mark away, and go on to the next."""
        if (line := self._under_cursor) is not None:
            self._mark({run.id for run in self._runs_of(line)})
            self.action_move(1)
            self.refresh()

    def mark_all(self) -> None:
        """Mark every run that is listed; where all are, take the marks away."""
        self._mark({run.id for run in self.listed})
        self.refresh()

    def _mark(self, runs: set[str]) -> None:
        """All of them, or none where all are."""
        self.marked = self.marked - runs if runs <= self.marked else self.marked | runs

    def _sort(self, runs: Sequence[RunStatus]) -> None:
        before, row = self._under_cursor, self.cursor_row
        self.rows = sorted_runs(runs, self.order, backwards=self.backwards)
        places = {run.id: place for place, run in enumerate(self.rows)}
        self._wide = {
            "run": max((len(self._prefix(run)) for run in runs), default=0),
            "epochs": max((len(_epochs(run)) for run in runs), default=0),
            "data": min(max((len(run.data) for run in runs), default=0), MOST_DATA),
        }
        for several in self._of_one.values():
            for name, text in spread_cells(several).items():
                self._wide[name] = max(self._wide.get(name, 0), len(text))
        self._empty = {column.name for column in run_columns() if column.name.startswith(DELTA)}
        for run in runs:
            self._empty -= {DELTA + name for name in self._differences(run)}
        measures = [m for m in every_measure() if all(run.measure(TEST, m.name) is None for run in runs)]
        self._empty |= {f"test {m.short}" for m in measures}
        self._shared = shared_by_kind(runs, self._prefixes)
        self.same_data = common_data(runs)
        self.place_rows(places.get(before.id if before else "", row))

    # -- what is drawn ---------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def columns(self) -> list[RunColumn]:
        """Those for which there is room; of measures those alone that a run here has, or that rows are sorted by."""
        columns = [self._needed(column) for column in run_columns() if column.name not in self._empty - {self.order}]
        give_way = sorted((column for column in columns if column.needed), key=lambda column: -column.needed)
        sizes = {column.name: self._width(column) + self.PADDING for column in columns}
        left = fitting(sizes, (column.name for column in give_way), self.room + self.PADDING)
        return [column for column in columns if column.name in left]

    def _needed(self, column: RunColumn) -> RunColumn:
        """Where runs of several data sets are listed, each line has to name its own."""
        return replace(column, needed=0) if column.name == "data" and not self.same_data else column

    def _width(self, column: RunColumn) -> int:
        return max(column.width, self._wide.get(column.name, 0), len(self._title(column)))

    def _title(self, column: RunColumn) -> str:
        """Its name, and behind that of the column which rows are sorted by whether the smallest comes first."""
        if column.name != self.order:
            return column.name
        return f"{column.name}{ASCENDING if self.backwards == column.descending else DESCENDING}"

    def heads(self) -> list[Head]:
        """The columns; what width is left goes to the spec, as far as that can use it."""
        columns = self.columns()
        needed = sum(self._width(column) + self.PADDING for column in columns) - self.PADDING
        rest = max(self.room - needed, 0)
        heads = []
        for column in columns:
            width = min(column.width + rest, MOST_SPEC) if column.name == "spec" else self._width(column)
            heads.append(Head(column.name, self._title(column), width, column.right))
        return heads

    def margin(self, row: int) -> Text:
        """Its mark and its star."""
        run, attention = self.rows[row], self.app.theme_variables.get("cae-attention", "")
        marks = [one.id in self.marked for one in self._runs_of(run)]
        mark, star = MARK if all(marks) else SOME if any(marks) else " ", STAR if run.notes.star else " "
        is_baseline = self._baseline is not None and any(one.id == self._baseline.id for one in self._runs_of(run))
        return Text.assemble((mark, "bold"), (star, attention), (BASELINE if is_baseline else " ", "bold"))

    def cells(self, row: int) -> list[str | Text]:
        """What is known of a run."""
        return [self._cell(self.rows[row], head) for head in self.heads()]

    def _cell(self, run: RunStatus, head: Head) -> str | Text:
        if head.name.startswith(DELTA):
            return self._differences(run).get(head.name.removeprefix(DELTA), formats.NOTHING)
        several = self._of_one.get(run.id)
        if several is not None:
            told = spread_cells(several)
            if head.name in told:
                return told[head.name]
            if head.name == "state" and not run.state:
                return several_states(several)
        match head.name:
            case "run":
                return Text(self._prefix(run), "bold")
            case "kind":
                return run.kind
            case "spec":
                return self._spec(run, head.width)
            case "data":
                return cut(run.data, head.width) if run.data else formats.NOTHING
            case "val loss":
                return formats.loss(run.best_loss)
            case "last":
                return formats.loss(run.last_loss)
            case "epochs":
                return _epochs(run)
            case "time":
                return formats.duration(run.seconds)
            case "state":
                symbol, variable = formats.state_symbol(run.state)
                return Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {run.state}")
            case "age":
                return formats.ago(run.started, time.time())
        measure = next(m for m in every_measure() if head.name == f"test {m.short}")
        return measure.write(run.measure(TEST, measure.name))

    def _prefix(self, run: RunStatus) -> str:
        if run.id in self._of_one:
            return f"×{len(self._of_one[run.id].runs)}"
        return self._prefixes.get(run.id, run.prefix or run.id[:4])

    def left_out(self, run: RunStatus) -> str:
        """What the columns would say of a run for which there is no room, in one line."""
        shown = {head.name for head in self.heads()}
        if (several := self._of_one.get(run.id)) is not None:
            return " · ".join(f"{name} {words}" for name, words in spread_cells(several).items() if name not in shown)
        of = [m for m in every_measure() if run.measure(TEST, m.name) is not None]
        told = {
            "kind": run.kind,
            "data": run.data and f"on {run.data}",
            **{
                f"test {m.short}": f"test {m.short if len(of) > 1 else ''} {m.write(value)}".replace("  ", " ")
                for m in every_measure()
                if (value := run.measure(TEST, m.name)) is not None
            },
            "epochs": f"{run.epoch:,} of {counted(run.epochs, 'epoch')}",
            "time": formats.duration(run.seconds or None),
            "last": f"last {formats.loss(run.last_loss)}",
        }
        return " · ".join(text for name, text in told.items() if text and name not in shown)

    def _spec(self, run: RunStatus, width: int) -> Text:
        """The essentials, and as many of the tags as there is room for."""
        text = Text(shorten(spec_words(run, self._prefixes), width, self._shared[run.kind]))
        words = ["(hidden)"] if run.notes.hidden else []
        for word in (*words, *(f"#{tag}" for tag in run.notes.tags)):
            if text.cell_len + 1 + len(word) > width:
                break
            text.append(f" {word}", self.muted)
        return text


def _epochs(run: RunStatus) -> str:
    return f"{run.epoch:,}/{run.epochs:,}"


def sorted_runs(runs: Sequence[RunStatus], order: str, *, backwards: bool = False) -> list[RunStatus]:
    """By the column of that name, what is sought first; runs without a value are last either way."""
    column = next(column for column in run_columns() if column.name == order)
    having = [run for run in runs if column.key(run) is not None]
    lacking = [run for run in runs if column.key(run) is None]
    ordered = sorted(having, key=column.key, reverse=column.descending != backwards)  # type: ignore[arg-type]  # those with None are left out
    return ordered + lacking
