"""How the app ends: by the person or by a signal; what it does about an error is in `recovery`.

A run that is on is never lost. Quitting asks first; then, as for a hang-up and for a request to end, the run
is stopped, its checkpoint is waited for, and only then the program is over.
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
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import App
from textual.driver import Driver
from textual.notifications import SeverityLevel

from cae_tui.app.terminal_input import steady
from cae_tui.output import as_typed, complain
from engine.runs.directory import Home

if TYPE_CHECKING:
    from cae_tui.bridge.runner import Runner

SECOND_PRESS_SECONDS = 2.0
"""Two Ctrl+C within this time ask to quit."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDED_BY_ERROR = "Something went wrong in cae-tui, and it had to end. {log} has the details, for a bug report."

log = logging.getLogger("cae_tui")


class EndingApp(App[None]):
    """An app with a runner, whose end waits for the run that is on."""

    home: Home

    def __init__(self) -> None:
        super().__init__()
        self._asking = False  # whether to quit
        self._leaving = False
        self.at_once = False  # whether to leave a run behind that does not come to its end
        self._interrupted = float("-inf")
        self._hang_up_before: Callable[[int, FrameType | None], Any] | int | None = signal.SIG_DFL

    @property
    def runner(self) -> "Runner":
        """The bridge to the engine."""
        raise NotImplementedError  # `CaeApp` has it: the app is in layers, and this is the lowest

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
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)
        with suppress(ValueError):
            signal.signal(signal.SIGHUP, self._hang_up_before)

    def tell(self, sentence: str, severity: SeverityLevel = "information", timeout: float | None = None) -> None:
        """Show a sentence for a while; it is never read as markup."""
        self.notify(as_typed(sentence), severity=severity, timeout=timeout, markup=False)

    async def confirm(self, question: str, detail: str, yes: str) -> bool:
        """Ask a question whose safe answer is no; only from a worker."""
        from cae_tui.screens.dialogs import ConfirmScreen

        return await self.push_screen_wait(ConfirmScreen(question, detail, yes))

    @property
    def under_way(self) -> str:
        """What would be stopped, in a word."""
        return "run"

    async def action_quit(self) -> None:
        """Quit: at once where nothing trains, else ask, stop the run and wait for its checkpoint."""
        if self._leaving or not self.runner.busy:
            self.at_once = True
            self.exit()
        elif not self._asking:
            self._ask_to_quit()

    @work
    async def _ask_to_quit(self) -> None:
        self._asking = True
        try:
            yes = await self.confirm(
                f"A {self.under_way} is running. Stop it, keep its checkpoint, and quit?",
                "It can be resumed later from where it stops.",
                "Stop and quit",
            )
        finally:
            self._asking = False
        if yes:
            await self._leave()

    async def _leave(self, return_code: int = 0) -> None:
        if self._leaving:
            return
        self._leaving = True
        if self.runner.busy:
            from cae_tui.screens.dialogs import StoppingScreen

            why = "It was stopped because cae-tui was asked to end." if return_code else ""
            self.runner.stop_at_once(why)
            self.push_screen(StoppingScreen())
            await self.runner.wait_for_end()
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


def run_to_the_end(app: EndingApp) -> int:
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
        # The interpreter's own end would cross the thread that trains, and wait for one that loads torch.
        if app.runner.busy or app.runner.reading:
            logging.shutdown()
            os._exit(code)
    return code
