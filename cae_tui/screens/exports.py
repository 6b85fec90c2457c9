"""The questions of an export: as what a run is to be written, and the wait until it is."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList, ProgressBar
from textual.widgets.option_list import Option

from cae_tui.bridge.values import Progress
from cae_tui.screens.dialogs import Dialog

EVERYTHING = ""
"""The answer that asks for all of them."""
LOOKS_A_SECOND = 4


class Form(NamedTuple):
    """As what a run can be written."""

    name: str
    title: str
    missing: str  # what has to be installed first, as a sentence


class ExportScreen(Dialog[str | None]):
    """The ways to write a run: gives back the name of one, `EVERYTHING`, or None where none was chosen."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="export.cancel", tooltip="Leave everything as it is"),
    ]

    def __init__(self, prefix: str, forms: Sequence[Form]) -> None:
        super().__init__()
        self._prefix, self._forms = prefix, forms

    def compose(self) -> ComposeResult:
        """All at once first, then each; what something is missing for says so and cannot be chosen."""
        options = [Option("Everything, into one new folder", EVERYTHING or "everything"), None]
        options += [Option(self._line(form), form.name, bool(form.missing)) for form in self._forms]
        with Vertical(classes="dialog"):
            yield Label(f"Write run {self._prefix} for other programs", classes="question", markup=False)
            yield OptionList(*options, markup=False)
            yield Label("Enter asks where to, Esc leaves everything as it is.", classes="hint", markup=False)

    def _line(self, form: Form) -> Content:
        words = Content(form.title)
        return words + Content.styled(f"\n  {form.missing}", "$text-muted") if form.missing else words

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """That one."""
        names = [form.name for form in self._forms]
        self.dismiss(event.option_id if event.option_id in names else EVERYTHING)


class WritingScreen(Dialog[None]):
    """Stands while something is written that takes a while.

    Args:
        title: what is done.
        progress: how far it is.
        give_up: ends it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Give up", id="writing.give_up", tooltip="End it; nothing of it is kept"),
    ]

    def __init__(self, title: str, progress: Progress, give_up: Callable[[], object]) -> None:
        super().__init__()
        self._title, self._progress, self._give_up = title, progress, give_up

    def compose(self) -> ComposeResult:
        """What is done, how far it is, and the way out."""
        with Vertical(classes="dialog"):
            yield Label(f"{self._title} …", classes="question", markup=False)
            yield ProgressBar(show_eta=False)
            yield Label("Esc gives up: nothing of it is kept.", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Look how far it is from time to time."""
        self.set_interval(1 / LOOKS_A_SECOND, self._show)
        self._show()

    def leave_when_over(self) -> None:
        """Take it away; one that something lies over goes when that has gone."""
        if self._progress.over and self.app.screen is self:
            self.dismiss()

    def _show(self) -> None:
        self.leave_when_over()
        total = self._progress.total or None
        # One of one thing is known when it is over: until then the bar moves.
        self.query_one(ProgressBar).update(total=None if total == 1 else total, progress=self._progress.done)

    def action_give_up(self) -> None:
        """End it; who waits for it takes this away."""
        self._give_up()
