"""A text box of one line that does not lose without a word what was pasted into it."""

import os
from typing import Any

from textual import events
from textual.binding import Binding
from textual.widgets import Input

from engine.storage.paths import pasted_path

_EDITS = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and binding.action != "submit"
    for key in binding.key.split(",")
}


class Line(Input):
    """An `Input` that takes several pasted lines as one, and what is typed fast in the order in which it came.

    Args:
        path: whether it is for a path, of which there is one a line.
    """

    def __init__(self, value: str = "", *, path: bool = False, **options: Any) -> None:
        super().__init__(value, **options)
        self._path = path

    async def on_key(self, event: events.Key) -> None:
        """Erase and move at once: Textual does so after the characters that came in the same moment."""
        if action := _EDITS.get(event.key):
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    def on_paste(self, event: events.Paste) -> None:
        """Put it in as one line, and say what of it is not there."""
        event.prevent_default()
        event.stop()
        lines = [line for line in event.text.splitlines() if line.strip()]
        if not lines:
            return
        line = " ".join(line.strip() for line in lines) if len(lines) > 1 else lines[0]
        if self._path and len(lines) > 1:
            line = "".join(lines)  # a long path that a terminal broke into lines
            if not os.path.lexists(pasted_path(line)):
                line = lines[0]
                self.notify(
                    f"{len(lines):,} lines were pasted. This field takes one path: the first line is in it.",
                    severity="warning",
                )
        self.replace(line, *self.selection)
