"""What can be done with a run, or with several, from any page that is about some: keys, and when they do something."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.binding import Binding
from textual.message import Message

from cae_tui.messages import (
    ChooseExport,
    CompareRuns,
    Configure,
    ConfigureAgain,
    ConfigureStudy,
    ContinueRun,
    DeleteRuns,
    Export,
    FinishRun,
    ListSorted,
    MeasureWorth,
    NoteRuns,
    OpenGallery,
    OpenLatent,
    OpenRun,
    OpenScores,
    OpenSure,
    OpenTraining,
    PauseRun,
    ResumeRun,
    StopRun,
    TagRuns,
    TryModel,
)
from cae_tui.screens.base import Page
from cae_tui.widgets.line_table import SortedTable
from engine.protocol.states import PAUSED, QUEUED, RESUMABLE, RUNNING
from engine.specs.listed import kinds_that_take_encoders, listed


class _Ask(NamedTuple):
    """Something to ask for, with the key that it has where a page gives it no other."""

    key: str
    title: str
    tooltip: str
    message: Callable[[Any], Message]  # of the run's id; of several, of a tuple of them


_MODEL, _CSV = "model", "csv"
KEY_OF = {_MODEL: "save", _CSV: "write"}
"""What asks for an exporter by a key, on the pages that have it; the palette asks for the others."""


def _on_its_encoder(run: str) -> Message:
    return Configure(kinds_that_take_encoders()[0], {"encoder": run})


def _model(run: str) -> Message:
    return Export(_MODEL, (run,))


def _wrong_ones(run: str) -> Message:
    return OpenGallery(run, "incorrect")


OF_ONE = {
    "open": _Ask("enter", "Open", "Its report, or its training", OpenRun),
    "curves": _Ask("v", "Training", "Its training", OpenTraining),
    "gallery": _Ask("g", "Samples", "Sample predictions", OpenGallery),
    "wrong": _Ask("w", "Wrong", "Only the wrong predictions", _wrong_ones),
    "try": _Ask("T,shift+t", "Try", "Draw, and see what its model makes of it", TryModel),
    "latent": _Ask("z", "Latent", "A map of what its encoder makes of images", OpenLatent),
    "scores": _Ask("o", "Odd ones", "Scores, the threshold, and the images on both sides of it", OpenScores),
    "sure": _Ask("u", "How sure", "Whether it is right as often as it is sure", OpenSure),
    "again": _Ask("e", "Re-run", "Open the form with this run's spec", ConfigureAgain),
    "pause": _Ask("space", "Pause", "Pause the run; its state is kept", PauseRun),
    "go_on": _Ask("space", "Continue", "Continue the paused run", ContinueRun),
    "stop": _Ask("s", "Stop", "Finish it now, or stop it; asks which", StopRun),
    "resume": _Ask("R,shift+r", "Resume", "Continue from the last checkpoint", ResumeRun),
    "finish": _Ask("F,shift+f", "Finish", "Evaluate its best weights; asks first", FinishRun),
    "classify": _Ask("n", "Classify", "Use its encoder for a classifier", _on_its_encoder),
    "study": _Ask("N,shift+n", "New study", "A study around it", ConfigureStudy),
    "worth": _Ask("P,shift+p", "Worth", "What its encoder is worth, by labels a class; asks first", MeasureWorth),
    "export": _Ask("W,shift+w", "Export", "Write it for other programs; asks as what", ChooseExport),
    "save": _Ask("m", "Save", "Copy the model file", _model),
}
OF_SEVERAL = {
    "compare": _Ask("c", "Compare", "Curves of the marked, and what differs", CompareRuns),
    "delete": _Ask("x,delete", "Delete", "Delete it for good; asks first", DeleteRuns),
    "tags": _Ask("t", "Tags", "Words of your own to find it by", TagRuns),
    "note": _Ask("o", "Note", "A sentence of your own", NoteRuns),
    "write": _Ask("w", "Write", "Write it as CSV", partial(Export, _CSV)),
}


def ask_key(name: str, what: str = "", **others: Any) -> Binding:
    """The key by which a page asks for `what`: the last part of its id `name`, where that says it.

    `others` are what this page has otherwise: see `textual.binding.Binding`.
    """
    what = what or name.rpartition(".")[2]
    ask = {**OF_ONE, **OF_SEVERAL}[what]
    usual = {"key": ask.key, "description": ask.title, "tooltip": ask.tooltip}
    return Binding(**{**usual, "action": f"ask('{what}')", "id": name, **others})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The run that the keys of a page are for, as far as they depend on it."""

    run: str
    kind: str = ""
    state: str = ""
    trained: bool = False  # there are weights of an epoch that is over


class RunPage(Page):
    """A page whose keys are for a run: one that it shows, or the one under its cursor."""

    @property
    def subject(self) -> Subject | None:
        """That run, where there is one."""
        return None

    def chosen(self, what: str) -> tuple[str, ...]:  # noqa: ARG002 - for pages where several can be marked
        """The runs that what can be done with several is for."""
        return (self.subject.run,) if self.subject else ()

    def can(self, what: str) -> bool:
        """Whether that can be done now; pages add what only they know."""
        run = self.subject
        if run is None:
            return False
        match what:
            case "resume":
                return run.state in RESUMABLE or (run.state == QUEUED and not self.runner.busy)
            case "finish":
                return run.state in RESUMABLE and run.trained
            case "try":
                return run.trained and run.state not in (RUNNING, PAUSED)
            case "scores":
                return listed(run.kind).tells_odd and run.trained
            case "sure":
                return listed(run.kind).tells_classes and run.trained
            case "classify" | "worth":
                return listed(run.kind).gives_encoder and run.trained
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the run as it is."""
        if action == "ask":
            return self.can(str(parameters[0]))
        return super().check_action(action, parameters)

    def action_ask(self, what: str) -> None:
        """Ask the app for it."""
        if what in OF_SEVERAL:
            self.post_message(OF_SEVERAL[what].message(self.chosen(what)))
        elif (run := self.subject) is not None:
            self.post_message(OF_ONE[what].message(run.run))


class SortedPage(RunPage):
    """A page of runs in a table that its keys sort; which order was chosen is remembered."""

    LIST: ClassVar[str]  # what the order is remembered by

    @property
    def table(self) -> SortedTable:
        """That table."""
        return self.query_one(SortedTable)

    @on(SortedTable.Selected)
    def _open(self) -> None:
        self.action_ask("open")

    def action_sort(self) -> None:
        """By the next column."""
        self._sort(self.table.next_order)

    def action_turn(self) -> None:
        """The other way round."""
        self._sort(self.table.order, backwards=not self.table.backwards)

    @on(SortedTable.HeadClicked)
    def _sort_by_head(self, event: SortedTable.HeadClicked) -> None:
        again = event.column == self.table.order
        self._sort(event.column, backwards=again and not self.table.backwards)

    def _sort(self, column: str, *, backwards: bool = False) -> None:
        self.table.sort_by(column, backwards=backwards)
        self.post_message(ListSorted(self.LIST, column, backwards))
