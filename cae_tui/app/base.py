"""What the App of Textual has to do otherwise here: how it ends, what becomes of errors, where one is.

A run that is on is never lost. Quitting asks first; then, as for a hang-up and for a request to end, the run
is stopped, its checkpoint is waited for, and only then the program is over; where it is left training, another process
goes on with it from there (`hand_over`). What an error costs is in `recovery`.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from rich.console import RenderableType
from rich.text import Text
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.screen import Screen

from cae_tui.app.recovery import Recovery, log_panic
from cae_tui.app.terminal_input import steady
from cae_tui.messages import Refused, RunTold, StudyUpdated
from cae_tui.printing import as_typed, complain
from cae_tui.screens.base import Page
from cae_tui.textual_private import end_with_code
from engine.errors import MovedError
from engine.runs.directory import Home

if TYPE_CHECKING:
    from cae_tui.app.hand_over import HandOver
    from cae_tui.bridge.run_state import News
    from cae_tui.bridge.runner import Runner, Trainer
    from cae_tui.bridge.study_runner import StudyRunner, StudyTrainer
    from engine.studies.records import StudyRecord

SECOND_PRESS_SECONDS = 2.0
"""Two Ctrl+C within this time ask to quit."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDED_BY_ERROR = "Something went wrong in cae-tui, and it had to end. {log} has the details, for a bug report."

log = logging.getLogger("cae_tui")


class BaseApp(App[None]):
    """An app with pages, which an error in one of them does not end, and whose end waits for the run that is on.

    Args:
        home: the folder with the runs and the settings.
        trainer: what trains; the engine, but for tests.
        study_trainer: what does studies; the engine, but for tests.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What this screen is for, and its keys"),
        Binding("ctrl+t", "go_to_run", "Run", id="app.run", tooltip="Go to the run that is training", show=False),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", show=False, priority=True,
                tooltip="Quit; asks first while a run is training"),
        Binding("ctrl+c", "help_quit", "Copy, quit", id="app.copy", show=False, system=True,
                tooltip="Copy what is selected; twice to quit"),
        Binding("ctrl+p", "command_palette", "Commands", id="app.commands", show=False, priority=True,
                tooltip="Every command of the screen, by its name"),
    ]  # fmt: skip

    asked_by: Page | None = None
    """The form that asked for the run or study which is being prepared."""

    def __init__(
        self, home: Home, trainer: "Trainer | None" = None, study_trainer: "StudyTrainer | None" = None
    ) -> None:
        super().__init__()
        self.home = home
        self._trainer, self._study_trainer = trainer, study_trainer
        self._runner: Runner | None = None
        self._studies: StudyRunner | None = None
        self._recovery = Recovery(self, home.log, lambda: self.runner.busy)
        self._broken = False
        self.changed_keys: dict[str, str] = {}  # by their ids, once they were looked through
        self._spent: WeakSet[Screen[Any]] = WeakSet()  # forms whose run began
        self._asking = False  # whether to quit
        self._leaving = False
        self.hand_over: HandOver | None = None  # of what is left training
        self.farewell: Callable[[], None] = lambda: None  # says what there is to say once the screen is gone
        self.at_once = False  # whether to leave a run behind that does not come to its end
        self._interrupted = float("-inf")
        self._hang_up_before: Callable[[int, FrameType | None], Any] | int | None = signal.SIG_DFL

    # -- the engine ------------------------------------------------------------------------------

    @property
    def runner(self) -> "Runner":
        """The bridge to the engine; made when it is first asked for, for the first screen does without."""
        from cae_tui.bridge.runner import Runner

        if self._runner is None:
            self._runner = Runner(self.home, self, self._trainer)
            self._runner.workers = self.runs_at_once
        return self._runner

    @property
    def studies(self) -> "StudyRunner":
        """What does studies, and reads them; made when it is first asked for."""
        from cae_tui.bridge.study_runner import StudyRunner

        if self._studies is None:
            self._studies = StudyRunner(self.runner, self, self._study_trainer)
        return self._studies

    @property
    def under_way(self) -> str:
        """What would be stopped, in a word: a trial's end is not the study's."""
        return "study" if self.studies.busy else "run"

    def run_told(self, news: "News") -> None:
        """See `bridge.runner.Listener`: from its threads."""
        self.post_message(RunTold(news))

    def run_refused(self, error: str, problems: dict[str, str], *, moved: MovedError | None = None) -> None:
        """See `bridge.runner.Listener`: from its threads."""
        self.post_message(Refused(error, problems, moved))

    def study_changed(self, study: "StudyRecord") -> None:
        """See `bridge.study_runner.StudyListener`: from the worker thread."""
        self.post_message(StudyUpdated(study))

    def tell(self, sentence: str, severity: SeverityLevel = "information", timeout: float | None = None) -> None:
        """Show a sentence for a while; it is never read as markup."""
        self.notify(as_typed(sentence), severity=severity, timeout=timeout, markup=False)

    # -- pages -----------------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        """The topmost page, whatever dialogs lie over it."""
        return next(reversed(self.pages), None)

    @property
    def pages(self) -> list[Page]:
        """All that are open, the first screen first."""
        return [screen for screen in self.screen_stack if isinstance(screen, Page)]

    def go(self, place: tuple[str, str], make: Callable[[], Page]) -> None:
        """Show the page that is `place`: the one that is open already, or a new one on top."""
        there = next((page for page in self.pages if page.place == place), None)
        if there is not None:
            while self.screen is not there:
                self.pop_screen()
            return
        page = make()
        page.place = place
        self.push_screen(page)

    def pop_screen(self) -> AwaitComplete:
        """Leave the screen on top; what it still waits for is not waited for, as its widgets go first."""
        self.workers.cancel_node(self.screen)
        return super().pop_screen()

    async def action_back(self) -> None:
        """The screen before; a form whose run began is behind one too."""
        if isinstance(self.screen, Page) and (self.leave_tour() or self.screen.step_back()):
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()
        while len(self.screen_stack) > 1 and self.screen in self._spent:
            self.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """There is no way back from the first screen."""
        if action != "back":
            return True
        return self.is_running and (len(self.pages) > 1 or self.on_tour)

    @property
    def called_by(self) -> str:
        """How a person is called who looks elsewhere: see `Settings.notify`."""
        return ""

    @property
    def runs_at_once(self) -> int:
        """How many single runs are trained at once: see `Settings.workers`."""
        return 1

    @property
    def on_tour(self) -> bool:
        """Whether somebody is on the tour."""
        return False

    def leave_tour(self) -> bool:
        """End the tour; whether somebody was on it."""
        return False

    def form_served(self, kind: str, name: str) -> None:
        """What the form asked for began: its page has a name, and going back does not lead to the form."""
        if self.asked_by is not None:
            self._spent.add(self.asked_by)
            self.asked_by = None
        for page in self.pages:
            if page.place == (kind, ""):
                page.place = (kind, name)

    async def close_pages_of(self, name: str) -> None:
        """Close the pages on top that are of the run or the study of that id, which is gone."""
        while len(self.screen_stack) > 1 and getattr(self.screen, "place", ("", ""))[1] == name:
            await self.pop_screen()

    def action_help(self) -> None:
        """Explain the page on top."""
        if (page := self.page) is not None and self.screen is page:
            from cae_tui.screens.dialogs import EVERYWHERE, HelpScreen

            self.push_screen(HelpScreen(" › ".join(page.crumbs) or self.title, f"{page.HELP}\n\n{EVERYWHERE}"))

    def on_resize(self) -> None:
        """Draw everything again, also where a size was left and come back to: what a terminal kept of it nobody knows.

        Textual passes over a size that it has already, and draws what has changed since.
        """
        if self.screen_stack:
            self.screen.refresh()

    # -- the end ---------------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver, but for a terminal one that no byte ends."""
        return steady(super().get_driver_class())

    def on_mount(self) -> None:
        """Take signals."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            # Where a system has no such signals, and in tests, whose app is not in the main thread.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._signalled, number)
        with suppress(ValueError):
            self._hang_up_before = signal.signal(signal.SIGHUP, self._hung_up)

    def on_unmount(self) -> None:
        """Give the signals back; nothing is read any more."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with suppress(NotImplementedError, RuntimeError, ValueError):  # where none were taken, as above
                loop.remove_signal_handler(number)
        with suppress(ValueError):
            signal.signal(signal.SIGHUP, self._hang_up_before)
        if self._runner is not None:
            self._runner.close()

    async def action_quit(self) -> None:
        """Quit: at once where nothing trains, else ask, stop the run and wait for its checkpoint."""
        if self._leaving or not self.runner.busy:
            self.at_once = True
            self.exit()
        elif not self._asking:
            self.run_worker(self._ask_to_quit())

    async def _ask_to_quit(self) -> None:
        from cae_tui.app.hand_over import can_go_on
        from cae_tui.screens.dialogs import LeaveScreen

        self._asking = True
        try:
            queued, goes_on = len(self.runner.queue.waiting()), can_go_on(self.runner, self.studies)
            question = LeaveScreen(self.under_way, queued, can_go_on=goes_on, count=self._training)
            answer = await self.push_screen_wait(question)
        finally:
            self._asking = False
        if answer:
            await self._leave(goes_on=answer == "leave")

    @property
    def _training(self) -> int:
        """How many runs this process trains, or studies: a study's trials are not counted."""
        return 1 if self.studies.busy else max(sum(run.live for run in self.runner.runs.values()), 1)

    async def _leave(self, return_code: int = 0, *, goes_on: bool = False) -> None:
        if self._leaving:
            return
        self._leaving = True
        if self.runner.busy:
            from cae_tui.screens.dialogs import StoppingScreen

            if goes_on:
                from cae_tui.app.hand_over import HandOver

                self.hand_over = HandOver(self.runner, self.studies)
            why = "It was stopped because cae-tui was asked to end." if return_code else ""
            self.runner.stop_at_once(why)
            self.push_screen(StoppingScreen(goes_on=goes_on, count=self._training))
            await self.runner.wait_for_end()
            if self.hand_over is not None:
                await asyncio.to_thread(self.hand_over.do)
        self.exit(return_code=return_code)

    def _signalled(self, number: int) -> None:
        """A request to end takes the same road as quitting, without the question."""
        self.run_worker(self._leave(128 + number))

    def _hung_up(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """Without a terminal there is nothing to ask, to draw or to restore: only the run is seen to its end.

        Not on the event loop, which may wait already for a terminal that takes nothing more: Textual's
        output thread ends at the first failed write, and its queue is bounded.
        """
        threading.Thread(target=self.terminal_gone, name="hang-up").start()

    def terminal_gone(self) -> None:
        """See the run to its end, and end the program; not on the event loop."""
        log.info("The terminal is gone.")
        self.runner.stop_at_once("It was stopped because the terminal was closed.")
        while self.runner.busy:
            time.sleep(0.05)
        if self.hand_over is not None:  # it was left training a moment ago
            self.hand_over.do()
        logging.shutdown()
        os._exit(128 + signal.SIGHUP)

    def action_help_quit(self) -> None:
        """Ctrl+C where there is nothing to copy: a second one soon after asks to quit."""
        now = time.monotonic()
        if now - self._interrupted < SECOND_PRESS_SECONDS:
            self._interrupted = float("-inf")
            self.call_later(self.action_quit)
        else:
            self._interrupted = now
            self.tell("Press Ctrl+C again, or Ctrl+Q, to quit.")

    # -- errors ----------------------------------------------------------------------------------

    async def _dispatch_message(self, message: Message) -> None:
        """As in Textual, whose loop of messages is left by an error; that of the app has to go on."""
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        # Textual has no public hook for what nobody caught; it calls this for each such error.
        if not self._recovery.outlives(error):
            super()._handle_exception(error)

    def input_failed(self, error: BaseException) -> None:
        """The thread that reads the terminal has ended: no key will come any more. Called by that thread."""
        self.call_later(self._end_by_error, error)

    def panic(self, *renderables: RenderableType) -> None:
        """What a driver of Textual does after an error of its own, with a traceback for the screen: it is logged."""
        if not self._broken:
            log_panic(renderables)
            end_with_code(self, 1)
            self._fatal_error()

    def _end_by_error(self, error: BaseException) -> None:
        log.error("An error ends the app.", exc_info=error)
        super()._handle_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _fatal_error(self) -> None:
        if self._broken:
            return  # one sentence is enough
        self._broken = True
        self.runner.stop_at_once("It was stopped because cae-tui ended with an error; its log has the details.")
        super().panic(Text(ENDED_BY_ERROR.format(log=self.home.log)))


def run_to_the_end(app: BaseApp) -> int:
    """Run the app, wait for a run that is still on to write its checkpoint, and give the exit status."""
    code = 1  # of an error that leaves `app.run`
    try:
        app.run()
        code = app.return_code or 0
    except Exception as error:
        log.error("The app ended with an error.", exc_info=error)
        complain(ENDED_BY_ERROR.format(log=app.home.log))
    finally:
        app.runner.stop_at_once()
        if not app.at_once:  # after an error of the app's own, too, the run may still be at its last step
            asyncio.run(app.runner.wait_for_end())
        app.farewell()
        # The interpreter's own end would cross the thread that trains, and wait for one that loads torch.
        if app.runner.busy or app.runner.reading:
            logging.shutdown()
            os._exit(code)
    return code
