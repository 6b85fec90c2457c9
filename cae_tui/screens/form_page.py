"""What the pages with a form have in common: beside it is what follows from it, beneath it what hinders the start."""

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Static

from cae_tui.screens.base import Page
from cae_tui.widgets.remarks import Remarks


class FormPage(Page):
    """A form and what follows from it: side by side, or one at a time where the page is narrow."""

    BESIDE: ClassVar[str]
    """The class of the page while what stands beside the form is shown, in place of it where the page is narrow."""

    def compose_page(self) -> Iterator[Widget]:
        """Both, what was found doubtful, and the start."""
        with Horizontal(id="panes"):
            yield from self.compose_panes()
        yield Remarks(most=5, elsewhere="the Data screen shows them", id="found")
        with Horizontal(id="start-line"):
            yield Static("", id="word", markup=False)
            yield Button("Start", id="start", variant="primary", compact=True)

    def compose_panes(self) -> Iterator[Widget]:
        """The form, and what follows from it."""
        raise NotImplementedError  # each page has its own

    def say(self, sentence: str, *, wrong: bool = False) -> None:
        """What hinders the start, or how to start."""
        word = self.query_one("#word", Static)
        word.set_class(wrong, "-problem")
        word.update(sentence)

    @on(Button.Pressed, "#start")
    def _press(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        """Begin, or go to what is wrong."""
        raise NotImplementedError  # each page has its own

    def action_other_pane(self) -> None:
        """Show what is beside the form, or the form again."""
        raise NotImplementedError  # each page has its own

    def step_back(self) -> bool:
        """From what hides the form to the form."""
        hidden = self.has_class("-narrow") and self.has_class(self.BESIDE)
        if hidden:
            self.action_other_pane()
        return hidden
