"""Every study that was made here, to open, go on with, write about or delete."""

import time
from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import DataTable, Static

from cae_tui import formats
from cae_tui.messages import (
    ConfigureStudy,
    DeleteStudy,
    ExportStudy,
    OpenStudy,
    ResumeStudy,
    RunsChanged,
    StudyUpdated,
)
from cae_tui.screens.base import Page
from engine.studies.records import StudyRecord
from engine.words import number

RELOAD_SECONDS = 3.0
NONE_YET = """No studies yet. Press a to set one up.

A study tries several values of a hyperparameter, shows what each costs and what it brings, and takes one by a rule, \
with the reason in a sentence you can check."""


class StudiesScreen(Page):
    """All studies."""

    CSS_PATH = "studies.tcss"
    AUTO_FOCUS = "#studies"
    HELP = """
Every study that was made here. A study tries values of hyperparameters, one run each, and says which one to take.

## Keys

* `a`: a new study · `Enter`: open it
* `R`: go on with what was stopped or cut off: finished trials are not run again
* `w`: write its document: Markdown, HTML and CSV
* `x` or `Delete`: delete it; its runs stay; you are asked first
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "new", "New study", id="studies.new", tooltip="Set up a study"),
        Binding("enter", "open", "Open", id="studies.open", tooltip="Its table and charts"),
        Binding("R,shift+r", "resume", "Resume", id="studies.resume", tooltip="Go on with it"),
        Binding("w", "write", "Write", id="studies.write", tooltip="Write its document"),
        Binding("x,delete", "delete", "Delete", id="studies.delete", tooltip="Its runs stay; asks first"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._studies: list[StudyRecord] = []
        self._drawn: object = None

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Where this is."""
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

    def on_screen_resume(self) -> None:
        """What lay over this screen may have changed a study."""
        self._reload()

    @on(RunsChanged)
    @on(StudyUpdated)
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
        wide = width >= 90
        now = time.time()
        rows = [self._row(study, now, wide=wide) for study in self._studies]
        drawn = ([[cell.plain for cell in row] for row in rows], width)
        if drawn != self._drawn:
            self._drawn = drawn
            before = self._table.cursor_row
            self._table.clear(columns=True)
            heads = ["study", "what", "state", "trials", *(["picked", "time"] if wide else []), "age"]
            for head in heads:
                self._table.add_column(head)
            for row in rows:
                self._table.add_row(*row)
            self._table.move_cursor(row=min(before, max(len(rows) - 1, 0)))
        count = len(self._studies)
        self.query_one("#card").border_subtitle = f"{count:,} {'study' if count == 1 else 'studies'}" if count else ""
        self.refresh_bindings()

    def _row(self, study: StudyRecord, now: float, *, wide: bool) -> list[Text]:
        symbol, variable = formats.state_mark(study.state)
        state = Text.assemble((symbol, self.app.theme_variables.get(variable, "")), f" {study.state}")
        picked = ", ".join(f"{name} {number(value)}" for name, value in study.final.items()) or formats.NOTHING
        cells = [
            Text(study.prefix or study.id[:4], "bold"),
            Text(_short(study.title, 34 if wide else 26)),
            state,
            Text(f"{study.done}/{study.total}", justify="right"),
        ]
        if wide:
            cells += [Text(_short(picked, 30)), Text(formats.duration(study.seconds), justify="right")]
        return [*cells, Text(formats.ago(study.created, now), justify="right")]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Only what can be done with the study under the cursor."""
        if not self.is_mounted or action not in ("open", "resume", "write", "delete"):
            return True
        study = self._study
        if study is None:
            return False
        return study.resumable if action == "resume" else study.done > 0 if action == "write" else True

    @on(DataTable.RowHighlighted)
    def _refresh_keys(self) -> None:
        self.refresh_bindings()

    def action_new(self) -> None:
        """The form."""
        self.post_message(ConfigureStudy())

    @on(DataTable.RowSelected)
    def action_open(self) -> None:
        """Its table and charts."""
        if (study := self._study) is not None:
            self.post_message(OpenStudy(study.id))

    def action_resume(self) -> None:
        """Go on with it."""
        if (study := self._study) is not None:
            self.post_message(ResumeStudy(study.id))

    def action_write(self) -> None:
        """Its document."""
        if (study := self._study) is not None:
            self.post_message(ExportStudy(study.id))

    def action_delete(self) -> None:
        """Delete it; the app asks."""
        if (study := self._study) is not None:
            self.post_message(DeleteStudy(study.id))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
