"""Every study that was made here, to open, go on with, write about or delete."""

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
from cae_tui.bridge.run_titles import cut
from cae_tui.messages import ConfigureStudy, DeleteStudy, ExportStudy, OpenStudy, ResumeStudy, RunsChanged, StudyUpdated
from cae_tui.screens.base import Page
from engine.studies.records import StudyRecord
from engine.text import number

RELOAD_SECONDS = 3.0
WIDE = 90
"""Cells from which on what was picked and the time are listed too."""
MOST_DATA = 14
NUMBERS = ("trials", "time", "age")
OF_ONE = {"open": OpenStudy, "resume": ResumeStudy, "write": ExportStudy, "delete": DeleteStudy}
"""The messages that ask for what can be done with a study; the app asks before it deletes one."""
NONE_YET = """No studies yet. Press a to set one up.

A study tries several values of a hyperparameter, shows what each costs and what it gains, and picks one by a rule, \
with the reason in a sentence you can check."""


class StudiesScreen(Page):
    """All studies."""

    CSS_PATH = "studies.tcss"
    AUTO_FOCUS = "#studies"
    HELP = """
Every study that was made here. A study tries values of hyperparameters, one run each, and picks one.

## Keys

* `a`: a new study · `Enter`: open it
* `R`: resume what was stopped or cut off: finished trials are not run again
* `w`: write its document: Markdown, HTML and CSV
* `x` or `Delete`: delete it; its runs stay; you are asked first
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "new", "New study", id="studies.new", tooltip="Set up a study"),
        Binding("enter", "ask('open')", "Open", id="studies.open", tooltip="Its table and charts", priority=True),
        Binding("R,shift+r", "ask('resume')", "Resume", id="studies.resume", tooltip="Resume it"),
        Binding("w", "ask('write')", "Write", id="studies.write", tooltip="Write its document"),
        Binding("x,delete", "ask('delete')", "Delete", id="studies.delete", tooltip="Its runs stay; asks first"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._studies: list[StudyRecord] = []
        self._drawn: object = None

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Studies",)

    def compose_page(self) -> Iterator[Widget]:
        """The table, or what a study is where there is none."""
        with Vertical(classes="card", id="card"):
            yield DataTable(id="studies", cursor_type="row", cell_padding=1)
            yield Static(NONE_YET, id="none", markup=False)
        yield Static("", id="problems", markup=False)

    def on_mount(self) -> None:
        """List the studies, and look now and then for what other processes do."""
        self.query_one("#card").border_title = "Studies"
        self._reload()
        self.set_interval(RELOAD_SECONDS, self._reload)

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#studies", DataTable)

    @property
    def _study(self) -> StudyRecord | None:
        row = self._table.cursor_row
        return self._studies[row] if 0 <= row < len(self._studies) else None

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """Use the width there is."""
        self._drawn = None
        self._reload()

    @on(RunsChanged)
    @on(StudyUpdated)
    @on(ScreenResume)  # what lay over this screen may have changed a study
    def _reload(self) -> None:
        if not self.is_mounted:
            return
        self._studies = self.cae.studies.every()
        problems = self.cae.studies.problems
        told = self.query_one("#problems", Static)
        told.display = bool(problems)
        told.update(
            problems[0] + (f" And {len(problems) - 1:,} more." if len(problems) > 1 else "") if problems else ""
        )
        self.query_one("#none").display = not self._studies and not problems
        self._table.display = bool(self._studies)
        width = self._table.size.width or self.size.width - 6
        rows = self._rows(time.time(), width)
        drawn = ([[cell.plain for cell in row.values()] for row in rows], width)
        if drawn != self._drawn:
            self._drawn = drawn
            before = self._table.cursor_row
            self._table.clear(columns=True)
            for head in rows[0] if rows else ():
                self._table.add_column(Text(head, justify="right" if head in NUMBERS else "left"))
            for row in rows:
                self._table.add_row(*row.values())
            self._table.move_cursor(row=min(before, max(len(rows) - 1, 0)))
        count = len(self._studies)
        self.query_one("#card").border_subtitle = f"{count:,} {'study' if count == 1 else 'studies'}" if count else ""
        self.refresh_bindings()

    def _rows(self, now: float, width: int) -> list[dict[str, Text]]:
        """The cells of each study by their heads; what was studied and what was picked share the room that is left."""
        rows = [self._row(study, now) for study in self._studies]
        if not rows:
            return []
        if width < WIDE:
            for row in rows:
                del row["picked"], row["time"]
        sizes = {head: max(len(head), *(row[head].cell_len for row in rows)) for head in rows[0]}
        rest = width - sum(size + 2 for head, size in sizes.items() if head not in ("what", "picked")) - 1
        share = rest - 2 if "picked" not in sizes else max(rest - 4 - sizes["picked"], (rest - 4) // 2)
        sizes["what"] = max(min(sizes["what"], share), 8)
        if "picked" in sizes:
            sizes["picked"] = max(min(sizes["picked"], rest - 4 - sizes["what"]), 8)
        for row in rows:
            for head in ("what", "picked"):
                if head in row:
                    row[head] = Text(cut(row[head].plain, sizes[head]))
        return rows

    def _row(self, study: StudyRecord, now: float) -> dict[str, Text]:
        symbol, variable = formats.state_symbol(study.state)
        picked = ", ".join(f"{name} {number(value)}" for name, value in study.final.items()) or formats.NOTHING
        return {
            "study": Text(study.prefix or study.id[:4], "bold"),
            "what": Text(study.title),
            "data": Text(cut(str(study.data.get("name", formats.NOTHING)), MOST_DATA)),
            "state": Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {study.state}"),
            "trials": Text(f"{study.done}/{study.total}", justify="right"),
            "picked": Text(picked),
            "time": Text(formats.duration(study.seconds), justify="right"),
            "age": Text(formats.ago(study.created, now), justify="right"),
        }

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the study under the cursor."""
        if not self.is_mounted or action != "ask":
            return True
        study = self._study
        if study is None:
            return False
        match parameters:
            case ("resume",):
                return study.resumable
            case ("write",):
                return study.done > 0
        return True

    @on(DataTable.RowHighlighted)
    def _refresh_keys(self) -> None:
        self.refresh_bindings()

    def action_new(self) -> None:
        self.post_message(ConfigureStudy())

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        self.action_ask("open")

    def action_ask(self, what: str) -> None:
        """Ask the app for one of `OF_ONE`."""
        if (study := self._study) is not None:
            self.post_message(OF_ONE[what](study.id))
