"""A stage of a study as the report's table: one row a point, or, unfolded, one a seed.

Columns are left out where the table is narrow, the least needed first, so that no word or number is cut.
"""

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.color import Color

from cae_tui import formats
from cae_tui.settings import Order
from cae_tui.widgets.line_table import ASCENDING, DESCENDING, Head, SortedTable
from cae_tui.widgets.study_chart import PICK_MARKER, colour_of, marker_of
from engine.protocol.states import DIVERGED, FAILED
from engine.studies.records import StageRecord, Trial
from engine.studies.tables import Column, Row, columns, fit, measure_of, rows, sort_rows
from engine.text import NOTHING, duration, loss, seconds

TRIED = "#"
"""The order in which points were tried."""
LEAST_REASON, SOME_WORDS, ENOUGH_WORDS = 13, 8, 24
"""Cells for the beginning of a reason: the fewest that tell something, and those that are given up others for."""


class StudyTable(SortedTable):
    """The points of a stage; `place` is the point under the cursor, `marked` those to compare.

    Args:
        order: how they are sorted at first, where the stage has that column; else as they were tried.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="points.open", tooltip="The run under the cursor"),
    ]
    MARGIN = 4
    PADDING = 1

    def __init__(self, order: Order | None = None) -> None:
        super().__init__(id="points")
        self.order, self.backwards, self.unfolded = TRIED, False, False
        self._wanted = order or Order(TRIED)
        self.marked: set[int] = set()
        self._stage: StageRecord | None = None
        self._kind = ""
        self._found: dict[int, Row] = {}  # by the point's place
        self._sizes: dict[str, int] = {}
        self._fitting: tuple[object, list[Column]] | None = None
        self._state_room = 0  # cells for a state, and for the reason behind it
        self._longest = self._ended = 0
        self._shown: list[tuple[int, Trial | None]] = []  # a row each: a point, or one of its trials

    @property
    def place(self) -> int | None:
        """The point under the cursor."""
        return self._shown[self.cursor_row][0] if 0 <= self.cursor_row < len(self._shown) else None

    @property
    def trial(self) -> Trial | None:
        """The trial under the cursor: of a folded point, its first that has a run."""
        if not 0 <= self.cursor_row < len(self._shown) or self._stage is None:
            return None
        place, trial = self._shown[self.cursor_row]
        trials = self._stage.points[place].trials
        return trial or next((trial for trial in trials if trial.run), None)

    def show(self, stage: StageRecord, kind: str) -> None:
        """List the points of `stage`; the cursor stays on its point."""
        if stage is not self._stage and (self._stage is None or stage.names != self._stage.names):
            self.marked.clear()
            known = any(column.name == self._wanted.column for column in columns(stage, kind))
            order = self._wanted if known else Order(TRIED)
            self.order, self.backwards = order.column, order.backwards
        self._stage, self._kind = stage, kind
        self._fill()

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        self._wanted = Order(order, backwards)
        self.order, self.backwards = order, backwards
        self._fill()

    def orders(self) -> list[str]:
        """As the points were tried, and the columns that are shown."""
        return [TRIED, *(column.name for column in self._columns())]

    def toggle_mark(self) -> None:
        """Mark the point under the cursor for comparing, or take the mark away."""
        if (place := self.place) is not None:
            self.marked ^= {place}
            self.refresh()

    def unfold(self) -> None:
        """One row a seed, or one a point again."""
        self.unfolded = not self.unfolded
        self._fill()

    def _fill(self) -> None:
        stage = self._stage
        if stage is None:
            return
        place, row_before = self.place, self.cursor_row
        found = rows(stage, self._kind)
        self._found = {row.place: row for row in found}
        self._sizes = {
            column.name: max(
                len(column.title) + (column.name == self.order),
                2 * (column.name == "state") + max((len(row.cells.get(column.name, "")) for row in found), default=0),
            )
            for column in columns(stage, self._kind)
        }
        self._longest = max((len(row.reason) + 2 for row in found if _is_failure(row)), default=0)
        self._ended = sum(point.ended for point in stage.points)  # by what these came to, columns matter
        ordered = found if self.order == TRIED else sort_rows(found, self.order, backwards=self.backwards)
        self._shown = []
        for row in ordered:
            self._shown.append((row.place, None))
            if self.unfolded:
                self._shown += [(row.place, trial) for trial in stage.points[row.place].trials]
        places = {where: at for at, (where, trial) in enumerate(self._shown) if trial is None}
        self.place_rows(places.get(place, row_before) if place is not None else 0)

    # -- what is drawn ---------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """One a point, or, unfolded, one a seed besides."""
        return len(self._shown)

    def _columns(self) -> list[Column]:
        """Those for which there is room; worked out once for a width and what is listed, for each row asks."""
        if self._stage is None:
            return []
        key = (self.room, self.order, tuple(self._sizes.values()), self._longest, self._ended)
        if self._fitting is None or self._fitting[0] != key:
            self._fitting = (key, self._fit(self._stage, self.room + 1))
        return self._fitting[1]

    def _fit(self, stage: StageRecord, room: int) -> list[Column]:
        """What fits. Behind a state there is the reason of a failure, for which less needed columns give way."""
        sizes = {name: size + self.PADDING for name, size in self._sizes.items()}
        shown = fit(stage, self._kind, sizes, room)
        longest = self._longest
        for wanted in ENOUGH_WORDS, SOME_WORDS:
            fewer = fit(stage, self._kind, {**sizes, "state": sizes["state"] + min(longest, wanted)}, room)
            given_up = [column for column in shown if column not in fewer]
            if all(column.needed and measure_of(column.name) is None for column in given_up):
                shown = fewer
                break
        others = sum(sizes[column.name] for column in shown if column.name != "state")
        self._state_room = min(room - others - self.PADDING, self._sizes["state"] + longest)
        return shown

    def select(self, place: int) -> None:
        """Put the cursor on that point."""
        self.cursor_row = next((at for at, (where, _) in enumerate(self._shown) if where == place), self.cursor_row)

    @property
    def left_out(self) -> str:
        """What the columns for which there is no room would say of the point under the cursor."""
        if self._stage is None or (place := self.place) is None:
            return ""
        shown = {column.name for column in self._columns()}
        cells = self._found[place].cells
        missing = [column for column in columns(self._stage, self._kind) if column.name not in shown]
        told = [column for column in missing if cells[column.name] != NOTHING]
        return " · ".join(f"{column.title} {cells[column.name]}" for column in told)

    @property
    def reason(self) -> str:
        """Why what is under the cursor was not trained to its end; nothing where it was."""
        if self._stage is None or not 0 <= self.cursor_row < len(self._shown):
            return ""
        place, trial = self._shown[self.cursor_row]
        point = self._stage.points[place]
        state, why = (point.state, point.reason) if trial is None else (trial.state, trial.reason)
        said = "" if why.lower().startswith(state) else f"{state}: "
        return f"{formats.state_symbol(state)[0]} {said}{why}" if why else ""

    def heads(self) -> list[Head]:
        """The columns of the report's table."""
        heads: list[Head] = []
        rest = self.room + 1  # beside the bar
        for column in self._columns():
            arrow = (DESCENDING if self.backwards else ASCENDING) if column.name == self.order else ""
            size = self._state_room if column.name == "state" else self._sizes[column.name]
            width = max(min(size, rest), 0)  # the last one may find less room than it needs
            heads.append(Head(column.name, f"{column.title}{arrow}", width, column.numeric))
            rest -= width + self.PADDING
        return heads

    def margin(self, row: int) -> Text:
        """Whether it is marked, the marker of its curve, and the star of the pick."""
        place, trial = self._shown[row]
        if trial is not None:
            return super().margin(row)
        picked = self._found[place].picked
        return Text.assemble(
            "✓" if place in self.marked else " ",
            (marker_of(place), Color(*colour_of(self.app, place)).hex),
            (PICK_MARKER if picked else " ", "bold"),
            " ",
        )

    def cells(self, row: int) -> list[str | Text]:
        """What was measured of a point, or of one of its trials."""
        place, trial = self._shown[row]
        shown = self._columns()
        if trial is not None:
            own = _of_seed(trial, shown[0].name)
            return [Text(own.get(column.name, ""), self.muted) for column in shown]
        point = self._found[place]
        cells: list[str | Text] = []
        for column in shown:
            text = point.cells[column.name]
            if column.name == "state":
                symbol, variable = formats.state_symbol(str(point.keys["state"]))
                if _is_failure(point) and point.reason:
                    text = _with_reason(text, point.reason, self._state_room - 2)
                cells.append(Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {text}"))
            else:
                cells.append(Text(text, "bold" if point.picked else ""))
        return cells


def _is_failure(row: Row) -> bool:
    """Whether it failed or diverged; why one was pruned or skipped is told in the line beneath alone."""
    return row.keys["state"] in (FAILED, DIVERGED)


def _with_reason(state: str, reason: str, width: int) -> str:
    """`failed: No memory was left…`, in little room without the word, for the sign before it says the same."""
    if width >= len(state) + 2 + SOME_WORDS:
        return _cut(f"{state}: {reason}", width)
    return _cut(reason, width) if width >= LEAST_REASON else state


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _of_seed(trial: Trial, first: str) -> dict[str, Any]:
    """The cells of a trial, by column; `first` is the one that says which it is."""
    return {
        "loss": loss(trial.train_loss),
        "val_loss": loss(trial.last_loss),
        "best": loss(trial.best_loss),
        **{name: m.write(value) for name, value in trial.measures.items() if (m := measure_of(name)) is not None},
        "ms_per_step": seconds(trial.ms_per_step),
        "epoch_seconds": seconds(trial.epoch_seconds),
        "seconds": duration(trial.seconds or None),
        "state": f"  {trial.state}",
        first: f"seed {trial.seed}",
    }
