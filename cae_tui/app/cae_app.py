"""The App: puts its parts together, and offers pages what they need of it. Its parts own state; nothing else does.

Screens post what a person asked for (`cae_tui.messages`); it bubbles up to here, and the part that acts on it does, by
the `Runner`. The runner's threads tell what happens by messages too, which are folded and passed on to the page on top,
and to any other page once that is on top again. Only the home screen is imported before the first paint; every other
screen is imported when it is first opened.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.reactive import reactive
from textual.screen import Screen

from cae_tui import messages
from cae_tui.app.acting import Acts
from cae_tui.app.attention import Attention
from cae_tui.app.base import BaseApp
from cae_tui.app.data_in_use import DataInUse
from cae_tui.app.exports import Exports
from cae_tui.app.lists import Lists
from cae_tui.app.moved import Moved
from cae_tui.app.questions import ask_text
from cae_tui.app.queue_acts import QueueActs
from cae_tui.app.remembered import Remembered
from cae_tui.app.run_acts import RunActs
from cae_tui.app.study_acts import StudyActs
from cae_tui.app.tour import Tour
from cae_tui.data_sets import DataSet
from cae_tui.messages import RunsChanged, RunUpdated, StudyUpdated
from cae_tui.screens.base import Page
from cae_tui.screens.home import HomeScreen
from cae_tui.settings import Settings
from cae_tui.textual_private import put_on_clipboard
from cae_tui.themes import DARK, THEMES, data_variables
from engine.errors import EngineError
from engine.runs.directory import Home

if TYPE_CHECKING:
    from cae_tui.bridge.runner import Trainer
    from cae_tui.bridge.study_runner import StudyTrainer
    from cae_tui.screens.base import Host

    def _is_host(app: "CaeApp") -> Host:
        return app  # what pages take it for


class CaeApp(BaseApp):
    """The terminal application.

    Args:
        home: the folder with the runs and the settings.
        trainer: what trains; the engine, but for tests.
        open_first: what opens the page to show at once.
        study_trainer: what does studies; the engine, but for tests.
        tour: whether to begin with the tour.
    """

    TITLE = "cae-tui"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "../screens/home.tcss"]  # both are parsed at once

    device: reactive[str] = reactive("")
    """The device that a run would train on, in words; empty until it is known."""

    def __init__(
        self,
        home: Home,
        trainer: "Trainer | None" = None,
        open_first: messages.ForApp | None = None,
        study_trainer: "StudyTrainer | None" = None,
        *,
        tour: bool = False,
    ) -> None:
        super().__init__(home, trainer, study_trainer)
        self.remembered = Remembered(self)
        self.data = DataInUse(self, self.remembered)
        self.lists = Lists(self)
        self.moved = Moved(self, self.lists)
        self.exports = Exports(self, self.lists)
        self.attention = Attention(self, self.remembered)
        self.tour = Tour(self)
        self.study_acts = StudyActs(self, self.lists, self.moved, self.attention)
        self.queue_acts = QueueActs(self, self.lists)
        self.run_acts = RunActs(
            self, self.lists, self.moved, self.study_acts, self.queue_acts, self.attention, self.tour
        )
        self.acts = Acts(
            self,
            self.remembered,
            self.data,
            self.lists,
            self.exports,
            self.study_acts,
            self.queue_acts,
            self.run_acts,
            self.attention,
            self.tour,
        )
        # What pages need of the parts: see `Host`.
        self.drafts, self.draft, self.keep_draft = self.data.drafts, self.data.draft, self.data.keep_draft
        self.run_prefix, self.study_prefix = self.lists.run_prefix, self.lists.study_prefix
        self.last_runs = self.lists.latest
        self.has_run, self.data_of_run = self.lists.has_run, self.lists.data_of_run
        self.ask_where_moved = self.moved.ask
        self._open_first, self._tour_first = open_first, tour
        self._finding_device = False
        self._began_without_gc = False  # as the command has it, which loads nothing else into this process
        for theme in THEMES:
            self.register_theme(theme)
        self._begin_with(self.settings.theme if self.settings.theme in self.available_themes else DARK.name)

    @on(messages.ForApp)
    def _act(self, message: messages.ForApp) -> None:
        self.acts.act_on(message)

    # -- beginning ---------------------------------------------------------------------------------

    def get_default_screen(self) -> HomeScreen:
        """The screen under all others."""
        return HomeScreen()

    def on_mount(self) -> None:
        """Tell of settings that could not be read, and open the page that was asked for."""
        self.remembered.begin()
        self.data.begin()
        if not gc.isenabled():
            self._began_without_gc = True
            self.call_after_refresh(_look_for_garbage)
        if self._open_first is not None:
            self.post_message(self._open_first)
        if self._tour_first:
            self.post_message(messages.BeginTour())
        self.call_after_refresh(self.queue_acts.begin)

    def find_device(self) -> None:
        """Learn which device a run would train on, once; loads torch in a thread."""
        if not self.device and not self._finding_device:
            self._finding_device = True
            self._find_device()

    @work
    async def _find_device(self) -> None:
        try:
            self.device = await self.runner.device()
            if self._began_without_gc:
                gc.freeze()  # PyTorch is loaded: to look through it for garbage holds up the screen for 0.2 s
        except EngineError as error:
            self.tell(str(error), "warning")
        finally:
            self._finding_device = False

    def watch_device(self, device: str) -> None:
        """Tell it in the top line of every page; one that opens later asks."""
        for page in self.pages:
            if page.is_mounted:
                page.show_device(device)

    # -- what pages need: see `Host` ---------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What is remembered between two uses."""
        return self.remembered.settings

    @property
    def data_set(self) -> DataSet:
        """The one that forms begin with."""
        return self.data.current

    @property
    def asked_data(self) -> tuple[str, ...]:
        """Those of the form that asked."""
        return self.asked_by.data_words if self.asked_by is not None else self.data_set.words

    async def ask_text(self, title: str, value: str, hint: str, check: Callable[[str], Any]) -> str | None:
        """A line of text that `check` does not refuse; None where the person would not. Only from a worker."""
        return await ask_text(self, title, value, hint, check)

    @property
    def called_by(self) -> str:
        """How a person is called who looks elsewhere."""
        return self.settings.notify

    @property
    def runs_at_once(self) -> int:
        """How many single runs are trained at once."""
        return self.settings.workers

    @property
    def on_tour(self) -> bool:
        """Whether somebody is on the tour."""
        return self.tour.is_on

    def leave_tour(self) -> bool:
        """No more lines of the tour; whether somebody was on it."""
        was = self.on_tour
        if was:
            self.tour.leave()
        return was

    def page_shown(self, page: Page) -> None:
        """Tell a page that has just come on top what happened meanwhile."""
        self.tour.tell()
        if self._runner is not None and self._runner.current is not None:
            page.post_message(RunUpdated(self._runner.current))
        if self._studies is not None and self._studies.busy and self._studies.current is not None:
            page.post_message(StudyUpdated(self._studies.current))
        if page.runs_version not in (-1, self.lists.version):
            page.post_message(RunsChanged())
        page.runs_version = self.lists.version

    # -- what keys and the palette do --------------------------------------------------------------

    def action_configure(self, kind: str) -> None:
        self.run_acts.configure(messages.Configure(kind))

    def action_runs(self) -> None:
        """Open the list of all runs."""
        from cae_tui.screens.runs import RunsScreen

        self.go(("runs", ""), RunsScreen)

    def action_queue(self) -> None:
        """Open the queue."""
        from cae_tui.screens.queue import QueueScreen

        self.go(("queue", ""), QueueScreen)

    def action_studies(self) -> None:
        """Open the list of studies."""
        from cae_tui.screens.studies import StudiesScreen

        self.go(("studies", ""), StudiesScreen)

    def action_data(self) -> None:
        from cae_tui.screens.data import DataScreen

        self.go(("data", ""), DataScreen)

    def action_go_to_run(self) -> None:
        """Open the run that this process trains."""
        run = self.runner.current
        if not self.runner.busy:
            if run is not None and run.id:
                self.post_message(messages.OpenRun(run.id))
            else:
                self.tell("No run is training.")
        elif self.studies.busy:
            self.study_acts.open(self.studies.current.id if self.studies.current else "")
        else:
            self.run_acts.open_training(run.id if run else "")

    def action_save_screenshot(self) -> None:
        """Save a picture of the screen, once the palette is gone from it."""
        from cae_tui.app.screenshot import save_screenshot

        def save() -> None:
            path = self.home.path / "pictures" / f"{time.strftime('%Y-%m-%d-%H%M%S')}.svg"
            try:
                self.tell(f"The picture was saved to {save_screenshot(self, path)}.")
            except EngineError as error:
                self.tell(str(error), "error")

        self.set_timer(0.1, save)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """The screen as SVG, without links to fonts elsewhere."""
        from cae_tui.app.screenshot import without_font_links

        return without_font_links(super().export_screenshot(title=title, simplify=simplify))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: everything that can be done on the screen, and from everywhere."""
        from cae_tui.app.commands import commands

        yield from commands(self, screen)

    # -- the theme -------------------------------------------------------------------------------

    def _begin_with(self, theme: str) -> None:
        """Have the first parsing of the styles use the theme; to set it as usual would parse everything again."""
        self.set_reactive(CaeApp.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of data, for themes that know nothing of them."""
        return data_variables(self.current_theme.dark)

    def watch_theme(self, theme: str) -> None:
        """Remember the theme."""
        if self.is_running and theme != self.settings.theme:
            self.remembered.remember(theme=theme)

    # -- the clipboard ---------------------------------------------------------------------------

    def copy_to_clipboard(self, text: str) -> None:
        """Ask the terminal to take `text`, keep it in a file too, and say what was tried."""
        from cae_tui.app.clipboard import clipboard_sequence

        put_on_clipboard(self, text, clipboard_sequence(text))
        self._keep_copy(text)

    @work
    async def _keep_copy(self, text: str) -> None:
        from cae_tui.app.clipboard import give_to_tmux, keep_copy

        given = await asyncio.to_thread(give_to_tmux, text)
        sent = f"Sent to the terminal's clipboard{' and to the buffer of tmux' if given else ''}"
        try:
            self.tell(f"{sent}, and saved to {await asyncio.to_thread(keep_copy, self.home.path, text)}.")
        except EngineError as error:
            self.tell(f"{sent}. {error}", "warning")


def _look_for_garbage() -> None:
    """From now on, and never among what was loaded until now."""
    gc.freeze()
    gc.enable()
