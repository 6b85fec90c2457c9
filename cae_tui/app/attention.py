"""Calling a person who looks elsewhere: by the terminal's bell, its title, and a notification of the desktop."""

import os
from typing import TYPE_CHECKING

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.app.remembered import Remembered
from cae_tui.printing import notification, title
from cae_tui.settings import NOTIFY
from cae_tui.textual_private import write_to_terminal

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState
    from engine.studies.records import StudyRecord

NAMES = {"off": "Notifications off", "bell": "Notifications by bell", "both": "Notifications by bell and desktop"}


class Attention:
    """Tells outside of the screen how it goes."""

    def __init__(self, app: BaseApp, remembered: Remembered) -> None:
        self._app, self._remembered = app, remembered
        self._title = ""

    def call(self, sentence: str, *, seen: bool) -> None:
        """Something has ended, or waits for the person; `seen` where its page is on top.

        A page that is on top is seen only while the terminal has the focus, as far as that says.
        """
        how = self._remembered.settings.notify
        if how == "off" or (seen and self._app.app_focus):
            return
        self._app.bell()
        if how == "both":
            write_to_terminal(self._app, notification("cae-tui", sentence, os.environ))

    def name_run(self, run: "RunState") -> None:
        """In the title: how far it is, and its latest validation loss."""
        self._name(run.progress_words)

    def name_study(self, study: "StudyRecord") -> None:
        """In the title: which trial of how many."""
        live = study.state in ("running", "paused", "waiting")
        self._name(f"trial {min(study.done + 1, study.total)}/{study.total}" if live else "")

    def _name(self, words: str) -> None:
        if words != self._title:
            self._title = words
            write_to_terminal(self._app, title(words))

    @acts_on(messages.CallBy)
    def _choose(self, message: messages.CallBy) -> None:
        assert message.how in NOTIFY
        self._remembered.remember(notify=message.how)
        self._app.tell(f"{NAMES[message.how]}.")
