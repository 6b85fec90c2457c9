"""What every screen has: a line on top, the strip of a run that is on, the keys at the bottom, help.

A screen is a `Page`: it fills `compose_page`, names its place in `crumbs`, explains itself in `HELP`, and
takes in `RunUpdated` and `RunsChanged` where it shows runs. Each page has the classes `-narrow` (fewer than
100 columns) or `-wide`, and `-short` (fewer than 32 rows) or `-tall`, for its style sheet.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from cae_tui.messages import RunUpdated
from cae_tui.widgets.frame import KeyLine, RunStrip, TopBar, TourLine

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState
    from cae_tui.bridge.runner import Runner
    from cae_tui.bridge.study_runner import StudyRunner
    from cae_tui.data_sets import DataSet
    from cae_tui.settings import Settings
    from engine.runs.status import RunStatus


class Host(Protocol):
    """What pages need of the app that they are open in: to ask it something, or to have it tell something.

    What it is to do they ask for by the messages of `cae_tui.messages`.
    """

    drafts: dict[str, dict[str, str]]  # what was typed into forms, by kind and field

    @property
    def settings(self) -> "Settings":
        """What is remembered between two uses."""

    @property
    def runner(self) -> "Runner":
        """The bridge to the engine."""

    @property
    def studies(self) -> "StudyRunner":
        """What does studies, and reads them."""

    @property
    def data_set(self) -> "DataSet":
        """The data set in use."""

    @property
    def device(self) -> str:
        """The device that a run would train on, in words; empty until it is known."""

    @property
    def asked_data(self) -> tuple[str, ...]:
        """Which images the run or study that is being prepared is about: their name and their shape."""

    def tell(self, sentence: str, severity: SeverityLevel = "information", timeout: float | None = None) -> None:
        """Show a sentence for a while."""

    def run_prefix(self, run: str) -> str:
        """The shortest prefix of a run's id that no other run has."""

    def has_run(self, run: str) -> bool:
        """Whether there still is a run of that id."""

    def study_prefix(self, study: str) -> str:
        """The shortest prefix of a study's id that no other study has."""

    def data_of_run(self, run: str) -> tuple[str, ...]:
        """What the images of a run are called, and their shape in words; nothing where that is not known."""

    def last_runs(self) -> "list[RunStatus]":
        """Runs and studies, the latest first."""

    def draft(self, form: str) -> dict[str, str]:
        """What a form of that kind begins with."""

    def keep_draft(self, form: str, values: Mapping[str, str], offered: Collection[str] = ()) -> None:
        """Keep what was typed into a form."""

    def find_device(self) -> None:
        """Learn which device a run would train on, once."""

    def page_shown(self, page: "Page") -> None:
        """Tell a page that has just come on top what happened meanwhile."""

    async def ask_text(self, title: str, value: str, hint: str, check: Callable[[str], Any]) -> str | None:
        """A line of text that `check` does not refuse; None where the person would not. Only from a worker."""

    async def ask_where_moved(self, fields: Collection[str], *, run: str = "", study: str = "") -> bool:
        """Ask where the images of a run or a study are now, and write it down. Only from a worker."""


class Steady:
    """For screens: passes over a size that the terminal no longer has.

    A screen that is laid out posts its new size to itself. Where two sizes are on their way at once, as when a person
    drags a window's edge while a run is on, each of them would call the other back for ever.
    """

    def on_resize(self, event: events.Resize) -> None:
        """Before Textual lays out anything."""
        if event.size != cast("Screen[Any]", self).app.size:
            event.prevent_default()
            event.stop()


class Page(Steady, Screen[None]):
    """A screen of the app."""

    DEFAULT_CSS = """
    Page {
        layout: vertical;
        #page { height: 1fr; width: 1fr; }
    }
    """
    HELP: ClassVar[str] = ""  # Markdown: what the screen is for, and what its keys do
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "Back", id="page.back", tooltip="Go to the previous screen"),
        Binding("question_mark", "app.help", "Help", id="page.help", tooltip="What is here", show=False),
        Binding("Q,shift+q", "app.queue", "Queue", id="page.queue", tooltip="What waits for its turn", show=False),
    ]
    AUTO_FOCUS = "*"
    BESIDE: ClassVar[str] = ""
    """Of a page of two panes: its class while the second is shown, in place of the first where the page is narrow."""
    NAMES_PALETTE: ClassVar[bool] = False  # whether the footer has room to name the palette of commands
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - declared as Textual does
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - declared as Textual does

    _offered: Sequence[object] = ()
    _was_shown = False
    place: tuple[str, str] = ("", "")  # what the app opened it as: ("training", "<run>")
    runs_version: int = -1  # of the app's list of runs, when it was last told of it

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Where this is: `("Runs", "a7f3")`."""
        return ()

    @property
    def data_words(self) -> tuple[str, ...]:
        """Which images it is about: their name and their shape. Those in use, but for pages about one run."""
        return self.cae.data_set.words

    @property
    def cae(self) -> Host:
        """The app, as pages know it."""
        return cast("Host", self.app)

    @property
    def runner(self) -> "Runner":
        """The bridge to the engine."""
        return self.cae.runner

    def compose(self) -> ComposeResult:
        """The frame around `compose_page`.

        The classes for the size come first: Textual finds them once all is there, and works out all styles again.
        """
        width, height = self.app.size
        for size, breakpoints in ((width, self.HORIZONTAL_BREAKPOINTS), (height, self.VERTICAL_BREAKPOINTS)):
            self.add_class(max((least, name) for least, name in breakpoints if least <= size)[1])
        yield TopBar()
        with Container(id="page"):
            yield from self.compose_page()
        yield RunStrip()
        yield TourLine()
        yield KeyLine(show_command_palette=self.NAMES_PALETTE)

    def compose_page(self) -> Iterator[Widget]:
        """What is between the top line and the bottom lines."""
        raise NotImplementedError  # each page has its own

    def on_mount(self) -> None:
        self.refresh_crumbs()
        self.show_device(self.cae.device)

    def watch_focused(self, before: Widget | None, now: Widget | None) -> None:
        """Draw the card with the focus apart from the others.

        `:focus-within` would do so too, and work out the styles of everything in both cards at each move of the focus:
        in a form that is a tenth of a second for each field.
        """
        cards = [_card_of(widget) for widget in (before, now)]
        if cards[0] is not cards[1]:
            for card in filter(None, cards):
                card.set_class(card is cards[1], "-focused", update=False)
            self.app.stylesheet.update_nodes(card for card in cards if card is not None and card.is_attached)

    @on(events.ScreenResume)
    def keep_new_styles(self, event: events.ScreenResume) -> None:
        """Work out the styles again where it was under another screen; a new page has those that there are now."""
        event.refresh_styles = event.refresh_styles and self._was_shown
        self._was_shown = True

    def on_screen_resume(self) -> None:
        """Have the app tell what has happened while another screen was on top."""
        self.cae.page_shown(self)

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """As in Textual, but nothing is called for a page that was left meanwhile.

        Textual calls back whoever asked after the refresh of the screen that is on top by then, and a page that was
        left has lost its widgets.
        """

        def call() -> Any:
            return callback(*args, **kwargs) if self in self.app.screen_stack else None

        return super().call_after_refresh(call)

    def refresh_crumbs(self) -> None:
        """Write the top line again, after `crumbs` or `data_words` has changed.

        A page that is not composed yet does so once it is.
        """
        for bar in self.query(TopBar):
            bar.crumbs, bar.data = self.crumbs, self.data_words

    def refresh_keys(self) -> None:
        """Draw the footer again, which costs as much as a table, only where other keys work than before."""
        offered = [(key, active.binding.description, active.enabled) for key, active in self.active_bindings.items()]
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def show_device(self, device: str) -> None:
        """Tell in the top line on which device one would train. To `watch` the app would keep a page that was left."""
        for bar in self.query(TopBar):
            bar.device = device

    def run_prefix(self, run: str) -> str:
        """The shortest prefix of a run's id that no other run has."""
        return self.cae.run_prefix(run)

    def show_tour(self, place: str, words: str) -> None:
        """Tell where on the tour this is, and what one sees here; nothing where nobody is on it."""
        for line in self.query(TourLine):
            line.show(place, words)

    def step_back(self) -> bool:
        """One step back within the screen; whether there was one, so that Escape does not leave it."""
        hidden = bool(self.BESIDE) and self.has_class("-narrow") and self.has_class(self.BESIDE)
        if hidden:
            self.call_next(self.run_action, "other_pane")
        return hidden

    def shows_run(self, run: "RunState") -> bool:  # noqa: ARG002 - for screens that do
        """Whether the screen itself tells how `run` goes, so that it needs no strip."""
        return False

    @on(RunUpdated)
    def show_in_strip(self, message: RunUpdated) -> None:
        """Keep the strip up to date with the run that this process trains."""
        strip = self.query_one(RunStrip)
        if message.run is not self.runner.current:
            return
        if self.shows_run(message.run):
            strip.display = False
        else:
            name = self.run_prefix(message.run.id) if message.run.id else ""
            study = self.cae.studies.current if self.cae.studies.busy else None
            if study is not None and (trial := study.current) is not None:
                name = f"{name} · trial {trial.number} of {study.total}"
            strip.show(message.run, name)


def _card_of(widget: Widget | None) -> Widget | None:
    """The card that a widget is, or is in."""
    around = () if widget is None else widget.ancestors_with_self
    return next((node for node in around if isinstance(node, Widget) and node.has_class("card")), None)
