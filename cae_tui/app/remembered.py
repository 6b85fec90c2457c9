"""The part of the app that keeps what is remembered between two uses: the theme, keys, orders of lists, data sets."""

import asyncio
from dataclasses import replace
from typing import Any

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.settings import Order, change_settings, read_settings, settings_path
from engine.errors import EngineError


class Remembered:
    """Reads the settings once, and writes each change of them at once."""

    def __init__(self, app: BaseApp) -> None:
        self._app, self._home = app, app.home
        self.settings, self._problems = read_settings(app.home.path)

    def begin(self) -> None:
        """Tell of settings that could not be read, and use the keys in them."""
        for problem in self._problems:
            self._app.tell(problem, "warning", timeout=12)
        if self.settings.keys:
            self._app.run_worker(self._use_keys())

    def remember(self, **changes: Any) -> None:
        """Keep those parts of the settings for the next use; see `Settings`."""
        self.settings = replace(self.settings, **changes)
        try:
            change_settings(self._home.path, **changes)
        except EngineError as error:
            self._app.tell(str(error), "warning")

    async def _use_keys(self) -> None:
        """Put the keys of the settings in the place of ours, and tell which could not be."""

        def check() -> tuple[dict[str, str], list[str]]:
            from cae_tui.app.keys import check_keymap  # with every screen, which takes a moment

            return check_keymap(self.settings.keys)

        keymap, problems = await asyncio.to_thread(check)
        self._app.changed_keys = keymap
        self._app.set_keymap(keymap)
        for problem in problems:
            self._app.tell(f"{settings_path(self._home.path)}: {problem}", "warning", timeout=12)

    @acts_on(messages.PinBaseline)
    def _pin_baseline(self, message: messages.PinBaseline) -> None:
        self.remember(baseline=message.run)
        if page := self._app.page:
            page.post_message(messages.RunsChanged())

    @acts_on(messages.ListSorted)
    def _keep_order(self, message: messages.ListSorted) -> None:
        order = Order(message.column, message.backwards)
        self.remember(orders={**self.settings.orders, message.name: order})
