"""The part of the App that keeps what is remembered between two uses, and what is copied.

A layer under `CaeApp`, as `RunListApp` is, only so that no file is too long to be read in one sitting.
"""

import asyncio
from dataclasses import replace
from typing import Any

from textual import on, work
from textual.binding import Binding

from cae_tui import messages
from cae_tui.app.navigation import NavigatingApp
from cae_tui.settings import Order, change_settings, read_settings, settings_path
from cae_tui.textual_private import put_on_clipboard
from cae_tui.themes import DARK, THEMES, data_variables
from engine.errors import EngineError
from engine.runs.directory import Home


class SettingsApp(NavigatingApp):
    """Theme, keys, orders of lists, and the clipboard.

    Args:
        home: the folder with the runs and the settings.
    """

    def __init__(self, home: Home) -> None:
        super().__init__()
        self.home = home
        self.settings, self._settings_problems = read_settings(home.path)
        self.changed_keys: dict[str, str] = {}  # by their ids, once they were looked through
        for theme in THEMES:
            self.register_theme(theme)
        self._begin_with(self.settings.theme if self.settings.theme in self.available_themes else DARK.name)

    def begin_with_settings(self) -> None:
        """Tell of settings that could not be read, and use the keys in them."""
        for problem in self._settings_problems:
            self.tell(problem, "warning", timeout=12)
        if self.settings.keys:
            self._use_keys()

    def remember(self, **changes: Any) -> None:
        """Keep those parts of the settings for the next use; see `Settings`."""
        self.settings = replace(self.settings, **changes)
        try:
            change_settings(self.home.path, **changes)
        except EngineError as error:
            self.tell(str(error), "warning")

    # -- the theme ------------------------------------------------------------------------------

    def _begin_with(self, theme: str) -> None:
        """Have the first parsing of the styles use the theme; to set it as usual would parse everything again."""
        self.set_reactive(SettingsApp.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of data, for themes that know nothing of them."""
        return data_variables(self.current_theme.dark)

    def watch_theme(self, theme: str) -> None:
        """Remember the theme."""
        if self.is_running and theme != self.settings.theme:
            self.remember(theme=theme)

    # -- keys and orders ------------------------------------------------------------------------

    @work
    async def _use_keys(self) -> None:
        """Put the keys of the settings in the place of ours, and tell which could not be."""

        def check() -> tuple[dict[str, str], list[str]]:
            from cae_tui.app.keys import check_keymap  # with every screen, which takes a moment

            return check_keymap(self.settings.keys)

        keymap, problems = await asyncio.to_thread(check)
        self.changed_keys = keymap
        self.set_keymap(keymap)
        for problem in problems:
            self.tell(f"{settings_path(self.home.path)}: {problem}", "warning", timeout=12)

    @on(messages.ListSorted)
    def _keep_order(self, message: messages.ListSorted) -> None:
        order = Order(message.column, message.backwards)
        self.remember(orders={**self.settings.orders, message.name: order})

    def shown_key(self, binding: Binding) -> str:
        """The first of its keys, as the footer shows it."""
        remapped = self.changed_keys.get(binding.id or "")
        key = (remapped or binding.key).split(",")[0]
        return self.get_key_display(binding.with_key(key, None if remapped else binding.key_display))

    # -- the clipboard --------------------------------------------------------------------------

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
