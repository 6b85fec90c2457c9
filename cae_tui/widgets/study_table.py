"""A stage of a study as the report's table: one row a point, or, unfolded, one a seed.

Columns are left out where the table is narrow, the least needed first, so that no word or number is cut.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.widgets import DataTable

from cae_tui import formats
from cae_tui.themes import series_colours
from cae_tui.widgets.study_chart import MARKS, PICK_MARK
from engine import words
from engine.studies.records import StageRecord, Trial
from engine.studies.tables import Column, Row, columns, rows, sort_rows

PADDING = 1
TRIED = "#"
"""The order in which points were tried."""


class StudyTable(DataTable[Text]):
    """The points of a stage; `place` is the point under the cursor, `marked` those to compare."""

    DEFAULT_CSS = """
    StudyTable {
        height: 1fr;
        background: transparent;
        & > .datatable--header { background: transparent; color: $text-muted; text-style: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", id="points.open", tooltip="The run under the cursor"),
    ]

    def __init__(self) -> None:
        super().__init__(id="points", cursor_type="row", cell_padding=0)
        self.order, self.backwards, self.unfolded = TRIED, False, False
        self.marked: set[int] = set()
        self._stage: StageRecord | None = None
        self._kind = "autoencoder"
        self._shown: list[tuple[int, Trial | None]] = []
        self._drawn: object = None

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
            self.order = TRIED
        self._stage, self._kind = stage, kind
        self._draw()

    def sort_by(self, order: str, *, backwards: bool = False) -> None:
        """Sort by the column of that name."""
        self.order, self.backwards = order, backwards
        self._draw()

    def next_order(self) -> None:
        """Sort by the next column, and after the last as they were tried."""
        if self._stage is None:
            return
        names = [TRIED, *(column.name for column in self._columns())]
        self.sort_by(names[(names.index(self.order) + 1) % len(names) if self.order in names else 0])

    def toggle_mark(self) -> None:
        """Mark the point under the cursor for comparing, or take the mark away."""
        if (place := self.place) is not None:
            self.marked ^= {place}
            self._draw()

    def unfold(self) -> None:
        """One row a seed, or one a point again."""
        self.unfolded = not self.unfolded
        self._draw()

    def on_resize(self) -> None:
        """Use the width there is."""
        self._draw()

    def _sizes(self, found: Sequence[Row]) -> dict[str, int]:
        assert self._stage is not None
        return {
            column.name: max(
                len(column.title) + (column.name == self.order),
                2 * (column.name == "state") + max((len(row.cells.get(column.name, "")) for row in found), default=0),
            )
            for column in columns(self._stage, self._kind)
        }

    def _columns(self) -> list[Column]:
        """Those for which there is room."""
        if self._stage is None:
            return []
        found = rows(self._stage, self._kind)
        sizes = self._sizes(found)
        shown = columns(self._stage, self._kind)
        room = (self.content_size.width or 80) - 4
        while sum(sizes[column.name] + PADDING for column in shown) > room and any(column.needed for column in shown):
            shown.remove(max(shown, key=lambda column: column.needed))
        return shown

    def _draw(self) -> None:
        stage, width = self._stage, self.content_size.width
        if stage is None or not width:
            return
        found = rows(stage, self._kind)
        drawn = (
            [row.cells for row in found], stage.pick, self.order, self.backwards, self.unfolded, frozenset(self.marked),
            width, self.app.theme,
        )  # fmt: skip
        if drawn == self._drawn:
            return
        self._drawn = drawn
        place, row_before = self.place, self.cursor_row
        shown, sizes = self._columns(), self._sizes(found)
        ordered = found if self.order == TRIED else sort_rows(found, self.order, backwards=self.backwards)
        self.clear(columns=True)
        self.add_column(Text("    "), key="mark")
        for column in shown:
            arrow = ("▲" if self.backwards else "▼") if column.name == self.order else ""
            self.add_column(_cell(f"{column.title}{arrow}", sizes[column.name], right=column.numeric), key=column.name)
        self._shown = []
        for row in ordered:
            self._add(row, shown, sizes)
            self._shown.append((row.place, None))
            if self.unfolded:
                for trial in stage.points[row.place].trials:
                    self._add_seed(trial, shown, sizes)
                    self._shown.append((row.place, trial))
        places = {where: at for at, (where, trial) in enumerate(self._shown) if trial is None}
        self.move_cursor(row=places.get(place, min(row_before, len(self._shown) - 1)) if place is not None else 0)

    def _add(self, row: Row, shown: Sequence[Column], sizes: dict[str, int]) -> None:
        colours = series_colours(self.app)
        mark = Text.assemble(
            "✓" if row.place in self.marked else " ",
            (MARKS[row.place % len(MARKS)], Color(*colours[row.place % len(colours)]).hex),
            (PICK_MARK if row.picked else " ", "bold"),
            " ",
        )
        style = "bold" if row.picked else ""
        cells: list[Text] = [mark]
        for column in shown:
            text = row.cells[column.name]
            if column.name == "state":
                symbol, variable = formats.state_mark(text.split(" ")[0])
                words_ = Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {text}")
                cells.append(_cell(words_, sizes[column.name], right=False))
            else:
                cells.append(_cell(Text(text, style), sizes[column.name], right=column.numeric))
        self.add_row(*cells)

    def _add_seed(self, trial: Trial, shown: Sequence[Column], sizes: dict[str, int]) -> None:
        own: dict[str, Any] = {
            "loss": words.loss(trial.train_loss),
            "val_loss": words.loss(trial.last_loss),
            "best": words.loss(trial.best_loss),
            "accuracy": formats.percent(trial.accuracy),
            "test_accuracy": formats.percent(trial.test_accuracy),
            "ms_per_step": words.seconds(trial.ms_per_step),
            "epoch_seconds": words.seconds(trial.epoch_seconds),
            "seconds": words.duration(trial.seconds or None),
            "state": f"  {trial.state}",
        }
        first = shown[0].name
        own[first] = f"seed {trial.seed}"
        cells = [Text("    ")]
        for column in shown:
            text = Text(own.get(column.name, ""), self.app.theme_variables.get("foreground-muted", ""))
            cells.append(_cell(text, sizes[column.name], right=column.numeric))
        self.add_row(*cells)


def _cell(content: str | Text, width: int, *, right: bool) -> Text:
    text = content if isinstance(content, Text) else Text(content)
    missing = max(width - text.cell_len, 0)
    if right:
        text.pad_left(missing)
    else:
        text.pad_right(missing)
    text.pad_right(PADDING)
    return text
