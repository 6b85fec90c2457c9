"""What the app does about an error that nobody caught: it lives on, without the screen that has it.

A run is the engine's and goes on whatever happens to a screen. So the screen that an error comes from, be it from a
handler, its composition, a worker or its drawing, is taken away with all that lies over it; the person reads what
happened and where the details are, and is on the screen before. The first screen is made anew in its place. Only where
the first screen, or the app itself, fails again and again does the program end, as it does by any error before it
stands: the run is stopped with a checkpoint, and one sentence says so.
"""

import io
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from weakref import WeakSet

from rich.console import Console, RenderableType
from textual.app import App
from textual.css.query import NoMatches
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed, get_current_worker

from cae_tui import textual_private

log = logging.getLogger("cae_tui")

GIVE_UP_AFTER, WITHIN_SECONDS = 5, 60.0
"""So many errors of the first screen or of the app within this time end the program."""


class Recovery:
    """What becomes of errors in the screens of an app.

    Args:
        app: the one that lives on.
        log_file: has the details.
        trains: whether a run is on, which goes on whatever happens here.
    """

    def __init__(self, app: App[None], log_file: Path, trains: Callable[[], bool]) -> None:
        self._app, self._log_file, self._trains = app, log_file, trains
        self._given_up: WeakSet[Screen[Any]] = WeakSet()  # screens that had an error, until they are taken away
        self._failed: deque[float] = deque(maxlen=GIVE_UP_AFTER)  # when the first screen or the app had errors

    def outlives(self, error: Exception) -> bool:
        """Whether the app lives on after an error that nobody caught; the screen that has it is taken away then."""
        app = self._app
        cause: BaseException = error
        node = textual_private.node_at_work()
        if isinstance(error, WorkerFailed):
            cause, node = error.error, get_current_worker().node
        if isinstance(cause, NoMatches) and self._was_left(node):
            return True
        screen = self._screen_of(cause, node)
        where = type(screen).__name__ if screen is not None else "the app"
        if screen is not None and screen in self._given_up:
            log.error("Another error of %s, which is being taken away: %r", where, cause)
            return True
        log.error("An error that nobody caught, in %s.", where, exc_info=cause)
        if not textual_private.stands(app) or self._fails_again_and_again(screen):
            return False
        if screen is not None:
            self._given_up.add(screen)
        app.call_later(self._recover, screen, cause)
        return True

    def _screen_of(self, cause: BaseException, node: MessagePump) -> Screen[Any] | None:
        """The screen that an error comes from: of the innermost widget on the way to it, else of the node at work."""
        nodes: list[object] = [node]
        trace = cause.__traceback__
        while trace is not None:
            nodes.append(trace.tb_frame.f_locals.get("self"))
            trace = trace.tb_next
        for each in reversed(nodes):
            if isinstance(each, Widget):
                screen = next((above for above in each.ancestors_with_self if above in self._app.screen_stack), None)
                if isinstance(screen, Screen):
                    return screen
        return None

    def _was_left(self, node: MessagePump) -> bool:
        """Whether `node` is, or is on, a screen that was left, or is being left as the app ends.

        Such a screen loses its widgets before it stops to take messages, its own Mount among them, and then
        does not find them. Nobody would have seen what it was about to do.
        """
        if not isinstance(node, Widget):
            return False
        screens = [above for above in node.ancestors_with_self if above in self._app.screen_stack]
        return not screens or textual_private.is_being_removed(screens[-1])

    def _fails_again_and_again(self, screen: Screen[Any] | None) -> bool:
        from cae_tui.screens.dialogs import ErrorScreen

        if screen is not None and screen is not self._app.screen_stack[0] and not isinstance(screen, ErrorScreen):
            return False  # it is taken away, and what is left has no part in it
        now = time.monotonic()
        self._failed.append(now)
        return len(self._failed) == GIVE_UP_AFTER and now - self._failed[0] < WITHIN_SECONDS

    def _recover(self, screen: Screen[Any] | None, cause: BaseException) -> None:
        """Take the screen away, with all that lies over it, and tell the person."""
        from cae_tui.screens.dialogs import ErrorScreen

        title = ""
        if screen is not None and screen in self._app.screen_stack:
            title = " › ".join(getattr(screen, "crumbs", ()))
            first = self._app.screen_stack[0]
            while screen in self._app.screen_stack and self._app.screen is not first:
                self._app.screen.dismiss()  # whoever waits for an answer has none
            if screen is first:
                self._app.workers.cancel_node(first)
                textual_private.replace_first_screen(self._app, self._app.get_default_screen())
        if not any(isinstance(each, ErrorScreen) for each in self._app.screen_stack):
            self._app.push_screen(ErrorScreen(title, cause, str(self._log_file), self._trains()))


def log_panic(renderables: Iterable[RenderableType]) -> None:
    """What a driver of Textual would put on the screen after an error of its own, a traceback."""
    console = Console(file=io.StringIO(), width=120, color_system=None)
    with console.capture() as shown:
        console.print(*renderables)
    log.error("An error ends the app.\n%s", shown.get())
