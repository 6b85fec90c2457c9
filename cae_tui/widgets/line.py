"""A text box of one line that does not lose without a word what was pasted into it."""

import os
from typing import Any

from textual import events
from textual.widgets import Input

from engine.storage.paths import pasted_path


class Line(Input):
    """An `Input` that takes several pasted lines as one.

    Args:
        path: whether it is for a path, of which there is one a line.
    """

    def __init__(self, value: str = "", *, path: bool = False, **options: Any) -> None:
        super().__init__(value, **options)
        self._path = path

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
