"""What is used of Textual that it does not promise to keep: each part behind a function of ours.

How a terminal is read is private too, and has its place in `app.terminal_input`; what Textual calls for an error that
nobody caught is overridden in `app.base`. Where a new version has changed any of it, its tests say what.
"""

from typing import Any

from textual._context import active_message_pump
from textual.app import App
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets._footer import FooterKey as FooterKey  # what a footer is made of, for its reactive `compact`


def node_at_work() -> MessagePump:
    """The widget, screen or app whose message is being handled."""
    return active_message_pump.get()


def is_being_removed(widget: Widget) -> bool:
    """Whether the widget is on its way out: it, or the screen it is on, was taken away."""
    return widget._pruning


def stands(app: App[Any]) -> bool:
    """Whether the app is there: its first screen was made, and nothing has ended it."""
    return app.is_running and app._is_mounted and not app._exit


def end_with_code(app: App[Any], code: int) -> None:
    """Have the process end with that exit code, however the app ends."""
    app._return_code = code


def replace_first_screen(app: App[Any], screen: Screen[Any]) -> None:
    """Put `screen` in the place of the app's first, which is on top."""
    first = app.screen
    if not first._result_callbacks:  # Textual gives none to its first screen, but takes one at a switch
        first._push_result_callback(first, None)
    app.switch_screen(screen)


def put_on_clipboard(app: App[Any], text: str, sequence: str) -> None:
    """Keep `text` as what was copied, for fields of Textual, and send `sequence` to the terminal, if there is one."""
    app._clipboard = text
    write_to_terminal(app, sequence)


def write_to_terminal(app: App[Any], sequence: str) -> None:
    """Send `sequence` to the terminal, if there is one."""
    if app._driver is not None:
        app._driver.write(sequence)


def key_name(character: str) -> str:
    """The name of the key that types a character: `question_mark`."""
    return _character_to_key(character)
