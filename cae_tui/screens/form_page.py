"""What the pages with a form have in common: beside it is what follows from it, beneath it what hinders the start."""

from collections.abc import Iterator

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from cae_tui.screens.base import Page
from cae_tui.widgets.remarks import Remarks


class FormPage(Page):
    """A form and what follows from it: side by side, or one at a time where the page is narrow.

    Each page has an `action_start`, which begins or goes to what is wrong.
    """

    def around(self, form: Widget, beside: Widget) -> Iterator[Widget]:
        """Both, what was found doubtful, and the start."""
        yield Horizontal(form, beside, id="panes")
        yield Remarks(most=5, elsewhere="the Data screen shows them", id="found")
        yield Horizontal(
            Static("", id="word", markup=False),
            Button("Start", id="start", variant="primary", compact=True),
            id="start-line",
        )

    def say(self, sentence: str | Content, *, wrong: bool = False) -> None:
        """What hinders the start, or how to start."""
        word = self.query_one("#word", Static)
        word.set_class(wrong, "-problem")
        word.update(sentence)

    @on(Button.Pressed, "#start")
    async def _press(self) -> None:
        await self.run_action("start")
