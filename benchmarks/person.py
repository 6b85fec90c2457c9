"""Who presses keys in the app, waits for what is to be seen, and looks at the clock."""

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp

MOST_SECONDS = 300.0
"""After which what did not come is given up."""


class Person:
    """The app, the keys, and the seconds from the first of them until each thing was seen."""

    def __init__(self, app: CaeApp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot
        self.begun = time.perf_counter()
        self.seen: dict[str, float] = {}

    async def sees(self, condition: Callable[[], bool], words: str = "") -> None:
        """Wait until something is to be seen; with words for it, the time is kept."""
        end = time.monotonic() + MOST_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"On {self.app.screen} this did not come: {words or 'the next page'}. {self.seen}")
            await self.pilot.pause(0.02)
        if words:
            self.seen[words] = time.perf_counter() - self.begun

    def on(self, page: type[Any]) -> Callable[[], bool]:
        """Whether that page stands, and is ready for keys."""
        return lambda: isinstance(self.app.screen, page) and self.app.screen.is_running
