"""The first screen: what can be done, the last runs, and the data set.

It stands before torch, numpy or pydantic are loaded: menu, keys and last runs are there at the first
paint; digits, counts and the device fill places that are kept for them, from a thread, afterwards.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import ScreenResume
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cae_tui.data_sets import DataSet
from cae_tui.kinds import every_view
from cae_tui.messages import (
    BeginTour,
    DataSetChanged,
    DataSetRead,
    OpenRun,
    OpenStudy,
    ResumeRun,
    ResumeStudy,
    RunsChanged,
    RunUpdated,
    StudyUpdated,
    TryModel,
)
from cae_tui.screens.base import Page
from cae_tui.widgets.data_card import DataCard
from cae_tui.widgets.last_runs import LastRuns
from engine.errors import EngineError

RELOAD_SECONDS = 3.0
"""How often the list looks for what other processes did."""

KINDS_HERE = [(kind, view, f"app.configure('{kind}')") for kind, view in every_view() if view.key]
MENU = (
    *((view.key, view.title, action) for _, view, action in KINDS_HERE),
    ("T", "Try a model", "screen.try_out"),
    ("s", "Study hyperparameters", "app.studies"),
    ("r", "Runs", "app.runs"),
    ("Q", "Queue", "app.queue"),
    ("d", "Data", "app.data"),
    ("t", "Two-minute tour", "screen.tour"),
    ("?", "Help", "app.help"),
    ("q", "Quit", "app.quit"),
)
"""Key, words and action of everything that can be begun here."""


class StartMenu(OptionList):
    """The menu: arrow keys and Enter, the mouse, or each line's key from anywhere on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Choose", id="menu.choose", tooltip="Do what the line under the cursor says"),
    ]

    def __init__(self) -> None:
        lines = [Option(Content.styled(f"{key}  ", "bold") + Content(words), id=action) for key, words, action in MENU]
        super().__init__(*lines, id="menu", classes="card")
        self.border_title = "Start"

    def highlight(self, action: str) -> None:
        """Put the cursor on the line that does that."""
        self.highlighted = self.get_option_index(action)


class HomeScreen(Page):
    """What can be done, the last runs, the data set."""

    CSS_PATH = "home.tcss"
    AUTO_FOCUS = "#menu"
    NAMES_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (66, "-narrow"), (100, "-wide")]  # noqa: RUF012 - declared as Textual does
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-short"), (32, "-tall")]  # noqa: RUF012 - declared as Textual does
    HELP = """
A convolutional autoencoder learns to turn an image into numbers (the *latent*) and to rebuild it from them. With the
preset *Recommended* these are more numbers than the image has; the *Bottleneck* presets squeeze it into 16, 32 or 64.
What the encoder has learnt can then serve a classifier. Both start here.

* **Train an autoencoder** (`a`): choose its hyperparameters, watch it learn, look at what it reconstructs.
* **Train a classifier** (`c`): put the encoder of a trained autoencoder to work; first frozen, then fine-tuned.
* **Study hyperparameters** (`s`): try several values of one or more; see which ones matter, and which
  value is picked and why.
* **Runs** (`r`): everything that was trained here; filter, compare, resume, delete.
* **Queue** (`Q`): the runs that wait for their turn, and their order.
* **Try a model** (`T`): draw, and see at once what the best model here makes of it.
* **Data** (`d`): the images, their classes, and how they are split.
* **Two-minute tour** (`t`): an autoencoder and a classifier are trained, with a sentence about what one sees.

**Last runs** lists the latest ones, and studies with all of their trials in one line. *val* is the validation
loss; a percentage is the test accuracy.

## Keys

* `↑` `↓` `Enter`: choose in the menu or in the list
* `←` `→`: from the menu to the list and back
* `T`: try the model of the run under the cursor, or from the menu the best one here
* `R`: resume the run or study under the cursor, or from the menu the latest that was stopped or cut off
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(view.key, action, kind.title(), id=f"home.{kind}", tooltip=view.title, show=False)
            for kind, view, action in KINDS_HERE
        ),
        Binding(
            "T,shift+t",
            "screen.try_out",
            "Try",
            id="home.try",
            show=False,
            tooltip="Draw, and see what the best model here makes of it",
        ),
        Binding("s", "app.studies", "Studies", id="home.studies", tooltip="Study hyperparameters", show=False),
        Binding("r", "app.runs", "Runs", id="home.runs", tooltip="All runs", show=False),
        Binding("d", "app.data", "Data", id="home.data", tooltip="The data set", show=False),
        Binding(
            "t",
            "screen.tour",
            "Tour",
            id="home.tour",
            show=False,
            tooltip="An autoencoder, a classifier and a digit of your own, in two minutes",
        ),
        Binding("left", "focus('#runs')", "Last runs", id="home.left", tooltip="Go to the last runs", show=False),
        Binding("right", "focus('#menu')", "Menu", id="home.right", tooltip="Go to the menu", show=False),
        Binding("R,shift+r", "resume", "Resume", id="home.resume", tooltip="Resume what was stopped or cut off"),
        Binding("q", "app.quit", "Quit", id="home.quit", tooltip="Quit; asks first while a run is training"),
    ]

    _looked = False  # whether the runs were listed

    def compose_page(self) -> Iterator[Widget]:
        """Data and last runs on the left, the menu on the right."""
        with Horizontal():
            with Vertical(id="left"):
                yield DataCard(self.cae.data_set.name, id="data", classes="card")
                yield LastRuns(id="runs", classes="card")
            yield StartMenu()

    def on_mount(self) -> None:
        """List the runs at once; look for the rest after the first paint."""
        self._reload()
        self.call_after_refresh(self._look_at_data)
        self.set_interval(RELOAD_SECONDS, self._reload)

    @on(DataSetChanged)
    @work(exclusive=True, group="data")
    async def _look_at_data(self) -> None:
        """The data, which take a moment, and then the device, which takes seconds."""
        card, known = self.query_one(DataCard), self.cae.data_set
        try:
            data = await self.runner.data(known.files)
            card.show(data)
            self.post_message(DataSetRead(DataSet.of(known.files, data.name, data.shape)))
        except EngineError as error:
            card.refuse(known.name, str(error))
        self.cae.find_device()

    @on(RunsChanged)
    @on(StudyUpdated)
    @on(ScreenResume)  # other processes may have trained meanwhile
    def _reload(self) -> None:
        if self.is_current or not self.is_mounted:
            listed = self.query_one(LastRuns)
            runs = self.cae.last_runs()
            if not runs and not self._looked:  # whoever is new here begins with the tour
                self.query_one(StartMenu).highlight("screen.tour")
            self._looked = True
            listed.show(runs, self.run_prefix)
            self.refresh_keys()

    @on(RunUpdated)
    def _update(self, message: RunUpdated) -> None:
        if message.epoch:
            self._reload()

    @on(OptionList.OptionSelected, "#menu")
    async def _begin(self, event: OptionList.OptionSelected) -> None:
        if event.option_id:
            await self.run_action(event.option_id)

    @on(OptionList.OptionSelected, "#runs")
    def _open(self) -> None:
        run = self.query_one(LastRuns).run
        if run is not None:
            self.post_message(OpenStudy(run.id) if run.kind == "study" else OpenRun(run.id))

    @on(OptionList.OptionHighlighted, "#runs")
    def _other_run(self) -> None:
        self.refresh_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Only what was stopped or cut off can be resumed."""
        if action == "resume":
            listed = self.query(LastRuns)
            return bool(listed) and listed.first().resumable is not None
        return True

    def action_tour(self) -> None:
        """Train an autoencoder and a classifier, and say what one sees."""
        self.post_message(BeginTour())

    def action_try_out(self) -> None:
        """The model of the run under the cursor, or from the menu the best one here."""
        run = self.query_one(LastRuns).run if self.query_one(LastRuns).has_focus else None
        self.post_message(TryModel(run.id if run is not None and run.kind != "study" else ""))

    def action_resume(self) -> None:
        """Take up the run under the cursor, or the latest that can be."""
        if (run := self.query_one(LastRuns).resumable) is not None:
            self.post_message(ResumeStudy(run.id) if run.kind == "study" else ResumeRun(run.id))
