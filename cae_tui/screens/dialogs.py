"""Questions and explanations that lie over a screen: yes or no, a line of text, help, and waiting for the end.

The safe answer has the focus, Escape gives it, and nothing that comes from a file or a person is read as
markup.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Button, Input, Label, Markdown, OptionList, Static

from cae_tui.data_sets import DataSet
from cae_tui.printing import as_typed
from cae_tui.screens.base import Steady
from cae_tui.widgets.line import Line
from engine.text import counted

EVERYWHERE = """
## Everywhere

* `Tab` `Shift+Tab`: the next, the previous part of the screen
* `Esc`: the previous screen; a run keeps training
* `Ctrl+T`: the run that is training
* `Q`: the queue, with what waits for its turn while something trains
* `Ctrl+P`: every command, by its name
* `F1` `?`: this help (`?` outside of text fields)
* `Ctrl+Q`: quit; while a run is training, asks whether to stop it or to leave it training
"""
"""What is added to every page's help."""


MOST_LEFT_OUT = 1_000
"""Files of which the reason is shown."""


class Dialog(Steady, ModalScreen[ScreenResultType]):
    """What lies over a screen until it is answered."""

    CSS_PATH = "dialogs.tcss"


class ConfirmScreen(Dialog[bool]):
    """A question whose safe answer is the default: gives back whether the person said yes."""

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "dismiss(False)", "No", id="confirm.no", tooltip="Leave everything as it is"),
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("left,right,up,down", "other", "Choose", id="confirm.other", tooltip="The other answer", show=False),
    ]

    def __init__(self, question: str, detail: str = "", yes: str = "Yes", no: str = "No") -> None:
        super().__init__()
        self._question, self._detail, self._yes, self._no = question, detail, yes, no

    def compose(self) -> ComposeResult:
        """The question, what it means, the two answers."""
        with Vertical(classes="dialog"):
            yield Label(self._question, classes="question", markup=False)
            if self._detail:
                with VerticalScroll(classes="detail", can_focus=False):
                    yield Static(self._detail, markup=False)
            with Horizontal(classes="answers"):
                yield Button(f"{self._yes} (y)", id="yes", variant="error")
                yield Button(f"{self._no} (n)", id="no", variant="primary")

    @on(Button.Pressed)
    def answered(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_other(self) -> None:
        self.focus_next(Button)


class StopScreen(Dialog[str]):
    """How a run is to end: gives back `finish`, `skip`, `stop`, or nothing where it is to go on.

    Args:
        name: of the run.
        best: the weights that a finish would evaluate, in words; empty where there are none.
        study: the study that the run is a trial of; it is not finished early, but may be skipped.
        others: whether other trials of the study are trained beside it.
    """

    AUTO_FOCUS = "#on"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "dismiss('finish')", "Finish now", id="stop.finish", tooltip="Evaluate the best weights"),
        Binding("k", "dismiss('skip')", "Skip", id="stop.skip", tooltip="Continue with the next trial"),
        Binding("s", "dismiss('stop')", "Stop", id="stop.stop", tooltip="Stop it, to resume later"),
        Binding("escape,g,n", "dismiss('')", "Go on", id="stop.on", tooltip="Leave everything as it is"),
        Binding("left,up", "app.focus_previous", "Choose", id="stop.left", tooltip="The previous answer", show=False),
        Binding("right,down", "app.focus_next", "Choose", id="stop.right", tooltip="The next answer", show=False),
    ]

    def __init__(self, name: str, best: str, study: str = "", *, others: bool = False) -> None:
        super().__init__()
        self._called, self._best, self._study, self._others = name, best, study, others

    def compose(self) -> ComposeResult:
        """The question, what each answer does, the answers."""
        with Vertical(classes="dialog"):
            yield Label(f"End run {self._called}?", classes="question", markup=False)
            with VerticalScroll(classes="detail", can_focus=False):
                yield Static("\n\n".join(self._details()), markup=False)
            with Horizontal(classes="answers"):
                if self._study:
                    yield Button("Skip trial (k)", id="skip")
                elif self._best:
                    yield Button("Finish now (f)", id="finish")
                yield Button("Stop (s)", id="stop")
                yield Button("Go on (g)", id="on", variant="primary")

    def _details(self) -> list[str]:
        if self._study:
            return [
                f"It is a trial of study {self._study}, which compares runs that were trained to the end.",
                "Skip: the study continues with the next trial.",
                "Stop: the study continues with the others, and takes this one up when it is resumed."
                if self._others
                else "Stop: the study stops too. It can be resumed later.",
            ]
        finish = f"Finish now: {self._best} are evaluated. The run gets its report and ends."
        return [
            finish if self._best else "It can be finished once its first epoch is over.",
            "Stop: training stops here. The run can be resumed or finished later.",
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the answers that are there."""
        match action, parameters:
            case "dismiss", ("finish",):
                return bool(self._best) and not self._study
            case "dismiss", ("skip",):
                return bool(self._study)
        return True

    @on(Button.Pressed)
    def answered(self, event: Button.Pressed) -> None:
        self.dismiss("" if event.button.id == "on" else event.button.id)


class AskTextScreen(Dialog[str | None]):
    """A line of text: gives back what was typed, None where the person would not.

    Args:
        title: what is asked for.
        value: what stands there at first.
        problem: what was wrong with `value`.
        hint: what stands there while nothing does.
        path: whether it is for a path.
        yes: what the button says that takes it.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="text.cancel", tooltip="Leave everything as it is"),
    ]

    def __init__(
        self, title: str, value: str, problem: str, hint: str, *, path: bool = False, yes: str = "Save"
    ) -> None:
        super().__init__()
        self._title, self._value, self._problem, self._hint = title, value, problem, hint
        self._path, self._yes = path, yes

    def compose(self) -> ComposeResult:
        """The title, the text, the two answers."""
        with Vertical(classes="dialog"):
            yield Label(self._title, classes="question", markup=False)
            yield Line(self._value, path=self._path, placeholder=self._hint, select_on_focus=False)
            if self._problem:
                yield Label(f"✗ {self._problem}", classes="problem", markup=False)
            with Horizontal(classes="answers"):
                yield Button(self._yes, id="save", variant="primary")
                yield Button("Cancel", id="cancel")

    @on(Input.Submitted)
    @on(Button.Pressed, "#save")
    def save(self) -> None:
        """The text as it stands."""
        self.dismiss(self.query_one(Input).value.strip())

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Nothing."""
        self.dismiss(None)


class DataSetsScreen(Dialog[DataSet | None]):
    """The data sets used last: gives back the one that was chosen, None where none was."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="data_sets.cancel", tooltip="Leave everything as it is"),
    ]

    def __init__(self, known: Sequence[DataSet], current: DataSet) -> None:
        super().__init__()
        self._known, self._current = known, current

    def compose(self) -> ComposeResult:
        """One a line, with where its files are beneath."""
        with Vertical(classes="dialog"):
            yield Label("Last used", classes="question", markup=False)
            yield OptionList(*map(self._line, self._known), markup=False)
            yield Label("Enter uses it, Esc leaves everything as it is.", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Begin with the one in use."""
        places = {one.files: place for place, one in enumerate(self._known)}
        self.query_one(OptionList).highlighted = places.get(self._current.files, 0)

    def _line(self, one: DataSet) -> Content:
        mark = "● " if one.files == self._current.files else "  "
        gone = one.files.gone
        where = f"{gone} is missing" if gone else str(one.files.whole or "comes with cae-tui")
        name = Content.styled(one.words[0], "bold") + Content("".join(f" · {word}" for word in one.words[1:]))
        return Content(mark) + name + Content.styled(f"\n  {where}", "$text-muted")

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """That one."""
        self.dismiss(self._known[event.option_index])


class LeftOutScreen(Dialog[None]):
    """The files that are not among the images, each with the reason."""

    AUTO_FOCUS = ".detail"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,s,q", "dismiss", "Close", id="left_out.close", tooltip="Back to the data"),
    ]

    def __init__(self, left_out: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._left_out = left_out

    def compose(self) -> ComposeResult:
        """As many as can be read, and how many more there are."""
        lines = [f"{name} {reason}" for name, reason in self._left_out[:MOST_LEFT_OUT]]
        if len(self._left_out) > MOST_LEFT_OUT:
            lines.append(f"and {len(self._left_out) - MOST_LEFT_OUT:,} more")
        with Vertical(classes="dialog"):
            yield Label(f"{len(self._left_out):,} left out", classes="question", markup=False)
            with VerticalScroll(classes="detail"):
                yield Static(as_typed("\n".join(lines)), markup=False)
            yield Label("A run keeps them as skipped.csv. Esc closes.", classes="hint", markup=False)


class HelpScreen(Dialog[None]):
    """What a screen is for and what its keys do."""

    AUTO_FOCUS = "#help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "dismiss", "Close", id="help.close", tooltip="Back to the screen"),
    ]

    def __init__(self, title: str, markdown: str) -> None:
        super().__init__()
        self._title, self._markdown = title, markdown

    def compose(self) -> ComposeResult:
        """The explanation, to scroll in."""
        with VerticalScroll(id="help", classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "Esc closes"
            yield Markdown(self._markdown, open_links=False)


class LeaveScreen(Dialog[str]):
    """How the app is to be left while something trains: gives back `stop`, `leave`, or nothing where it is not.

    Args:
        what: trains, as `run` or `study`.
        queued: how many runs wait in the queue.
        can_go_on: whether it can be left training; not what is to finish, or has only begun to be prepared.
        count: how many runs train.
    """

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss('stop')", "Stop and quit", id="leave.stop", tooltip="Keep its checkpoint, and quit"),
        Binding("l", "dismiss('leave')", "Leave it", id="leave.leave", tooltip="Quit; it goes on in the background"),
        Binding("escape,n", "dismiss('')", "No", id="leave.no", tooltip="Leave everything as it is"),
        Binding("left,up", "app.focus_previous", "Choose", id="leave.left", tooltip="The previous answer", show=False),
        Binding("right,down", "app.focus_next", "Choose", id="leave.right", tooltip="The next answer", show=False),
    ]

    def __init__(self, what: str, queued: int, *, can_go_on: bool = True, count: int = 1) -> None:
        super().__init__()
        self._what, self._queued, self._can_go_on, self._count = what, queued, can_go_on, count

    def compose(self) -> ComposeResult:
        """The question, what each answer does, the answers."""
        with Vertical(classes="dialog"):
            one = f"A {self._what} is running." if self._count == 1 else f"{self._count:,} runs are running."
            yield Label(f"{one} Do you want to quit?", classes="question", markup=False)
            with VerticalScroll(classes="detail", can_focus=False):
                yield Static("\n\n".join(self._details()), markup=False)
            with Horizontal(classes="answers"):
                yield Button("Stop and quit (y)", id="stop", variant="error")
                if self._can_go_on:
                    yield Button(f"Leave {'it' if self._count == 1 else 'them'} training (l)", id="leave")
                yield Button("No (n)", id="no", variant="primary")

    def _details(self) -> list[str]:
        runs = counted(self._queued, "queued run")
        stays = f" {runs} {'stays' if self._queued == 1 else 'stay'} queued." if self._queued else ""
        it, goes, keeps = ("it", "it goes", "it keeps its checkpoint")
        if self._count > 1:
            it, goes, keeps = ("them", "they go", "each keeps its checkpoint")
        follow = f" {runs} {'follows' if self._queued == 1 else 'follow'} {it}." if self._queued else ""
        show = f"`cae-tui watch` shows {it}"
        stop = f"Stop and quit: {keeps} and can be resumed later.{stays}"
        after = follow if self._what == "run" else stays
        leave = f"Leave {it} training: {goes} on in the background, and {show}.{after}"
        return [stop, leave] if self._can_go_on else [stop]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the answers that are there."""
        return self._can_go_on or (action, parameters) != ("dismiss", ("leave",))

    @on(Button.Pressed)
    def answered(self, event: Button.Pressed) -> None:
        self.dismiss("" if event.button.id == "no" else event.button.id)


class StoppingScreen(Dialog[None]):
    """Stands while what was on comes to its end, before the program does.

    Args:
        goes_on: whether it is left training.
        count: how many runs it is.
    """

    def __init__(self, *, goes_on: bool = False, count: int = 1) -> None:
        super().__init__()
        self._goes_on, self._count = goes_on, count

    def compose(self) -> ComposeResult:
        """What is waited for, and the way not to wait."""
        then = "then the program quits."
        if self._goes_on:
            then = "another process goes on from there, and the program quits."
        what = "The run stops at its next step and writes its checkpoint"
        if self._count > 1:
            what = f"{self._count:,} runs stop at their next step and write their checkpoints"
        with Vertical(classes="dialog"):
            yield Label("Handing over …" if self._goes_on else "Stopping …", classes="question")
            yield Static(
                f"{what}; {then}\nCtrl+Q again quits at once: what came after the last checkpoint is lost.",
                classes="detail",
            )


class ErrorScreen(Dialog[None]):
    """Tells of an error of the program's own that a screen had, which was taken away.

    Args:
        place: where it was, as the top line has it; empty where it was on no screen.
        error: what was raised.
        log: the file that has the details.
        busy: whether a run is on, which the error does not touch.
    """

    AUTO_FOCUS = "#on"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Continue", id="error.close", tooltip="To the previous screen"),
    ]

    def __init__(self, place: str, error: BaseException, log: str, busy: bool) -> None:
        super().__init__()
        self._question = f"Something went wrong on the screen {place}" if place else "Something went wrong"
        words = str(error).split("\n", 1)[0][:200]
        self._detail = (
            f"{type(error).__name__}{': ' if words else ''}{words}\n\n"
            f"This is a mistake in cae-tui, not yours. {log} has the details, for a bug report."
            + (" The run keeps training." if busy else "")
        )

    def compose(self) -> ComposeResult:
        """What happened, where the details are, and the way on."""
        with Vertical(classes="dialog"):
            yield Label(self._question, classes="question", markup=False)
            with VerticalScroll(classes="detail", can_focus=False):
                yield Static(self._detail, markup=False)
            with Horizontal(classes="answers"):
                yield Button("Continue", id="on", variant="primary")

    @on(Button.Pressed)
    def action_close(self) -> None:
        """To what is left."""
        self.dismiss(None)
