"""What of Textual is private: that it is there, and does what we took it to do.

Where one of these fails, `cae_tui.textual_private`, or for an error that nobody caught `cae_tui.app.recovery`, has to
follow a new version of Textual.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.drivers.headless_driver import HeadlessDriver
from textual.message_pump import MessagePump
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widgets import Collapsible, Footer, Static
from textual.widgets.collapsible import CollapsibleTitle

from cae_tui.textual_private import (
    FooterKey,
    end_with_code,
    is_being_removed,
    key_name,
    node_at_work,
    put_on_clipboard,
    replace_first_screen,
    stands,
)
from tests.cae_tui.conftest import until


class Node(Static):
    seen: MessagePump | None = None

    def on_mount(self) -> None:
        self.seen = node_at_work()


async def test_the_node_at_work_is_the_one_whose_message_is_handled() -> None:
    app: App[None] = App()
    async with app.run_test():
        node = Node()
        await app.mount(node)
        assert node.seen is node


async def test_a_widget_that_is_taken_away_is_on_its_way_out_and_one_that_was_not_is_not() -> None:
    app: App[None] = App()
    async with app.run_test():
        there, gone = Static(), Static()
        await app.mount(there, gone)
        assert not is_being_removed(gone)
        await gone.remove()
        assert is_being_removed(gone)
        assert not is_being_removed(there)


async def test_an_app_stands_from_its_first_screen_until_something_ends_it() -> None:
    app: App[None] = App()
    assert not stands(app)
    async with app.run_test():
        assert stands(app)
        app.exit()
        assert not stands(app)


async def test_the_process_ends_with_the_code_that_was_set() -> None:
    app: App[None] = App()
    async with app.run_test():
        end_with_code(app, 3)
        assert app.return_code == 3


async def test_the_first_screen_is_replaced_more_than_once() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        for _ in range(2):
            before, screen = app.screen, Screen[None]()
            replace_first_screen(app, screen)
            await pilot.pause()
            assert app.screen_stack == [screen]
            assert not before.is_running


async def test_what_is_copied_is_kept_for_fields_and_its_sequence_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    app: App[None] = App()
    put_on_clipboard(app, "before there is a driver", "\a")
    async with app.run_test():
        written: list[str] = []
        monkeypatch.setattr(HeadlessDriver, "write", lambda _, data: written.append(data))
        put_on_clipboard(app, "text", "\x1b]52;c;dGV4dA==\a")
        assert app.clipboard == "text"
        assert written == ["\x1b]52;c;dGV4dA==\a"]


@pytest.mark.parametrize(("character", "name"), [("?", "question_mark"), ("/", "slash"), ("a", "a"), ("R", "R")])
def test_a_character_has_the_name_of_its_key(character: str, name: str) -> None:
    assert key_name(character) == name


class WithFooter(App[None]):
    def compose(self) -> ComposeResult:
        yield Footer()


async def test_a_footer_is_made_of_keys_that_can_be_compact() -> None:
    app = WithFooter()
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.query(FooterKey)))
        assert isinstance(FooterKey.compact, Reactive)


def test_the_title_of_a_collapsible_may_be_styled() -> None:
    group = Collapsible(Static())
    title = Content.styled("two to fix", "bold")
    group.title = title  # type: ignore[assignment]  # it draws that too
    assert next(part for part in group.compose() if isinstance(part, CollapsibleTitle)).label == title


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (MessagePump._pre_process, ("self._dispatch_message(events.Compose())", "self.app._handle_exception(error)")),
        (MessagePump._process_messages_loop, ("self._dispatch_message(message)", "self.app._handle_exception(error)")),
        (App._handle_exception, ("self._return_code = 1", "self.panic(error)", "self._fatal_error()")),
        (App._fatal_error, ("self._close_messages_no_wait()",)),
        (App.panic, ("self._exit_renderables", "self._close_messages_no_wait()")),
    ],
)
def test_textual_still_handles_an_error_as_we_took_it_to(function: Callable[..., Any], words: tuple[str, ...]) -> None:
    source = inspect.getsource(function)
    missing = [word for word in words if word not in source]
    assert not missing, f"{function.__qualname__} of Textual no longer has {', '.join(missing)}"
