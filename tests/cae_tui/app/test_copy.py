"""Ctrl+C: copies what is selected; where nothing is, a second one asks to quit."""

import base64
from collections.abc import Mapping

import pytest
from textual.geometry import Offset
from textual.selection import Selection
from textual.widgets import Input, Static

from cae_tui.app import clipboard
from cae_tui.app.clipboard import clipboard_sequence, give_to_tmux
from cae_tui.screens.dialogs import LeaveScreen
from cae_tui.screens.runs import RunsScreen
from engine.errors import StorageError
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import MakeApp, begin, on_top, told, until
from tests.cae_tui.script import held, scripted_events

SENT = "Sent to the terminal's clipboard, and saved to {home}/copied.txt."


async def test_ctrl_c_copies_the_text_that_is_selected(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query("#none")) and app.screen.is_mounted)
        words = app.screen.query_one("#none", Static)
        app.screen.selections = {words: Selection(Offset(0, 0), Offset(14, 0))}
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.clipboard == "No studies yet")
        await until(pilot, lambda: told(app) == [SENT.format(home=home.path)])
        assert (home.path / "copied.txt").read_text() == "No studies yet\n"
        assert not app._exit


async def test_ctrl_c_copies_what_is_selected_in_a_field(make_app: MakeApp, home: Home) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("r")
        await until(pilot, on_top(app, RunsScreen))
        field = app.screen.query_one("#filter", Input)
        field.focus()
        await until(pilot, lambda: app.focused is field)
        await pilot.press("k", "e", "r", "n")
        await until(pilot, lambda: field.value == "kern")
        field.select_all()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.clipboard == "kern")
        await until(pilot, lambda: told(app) == [SENT.format(home=home.path)])


async def test_ctrl_c_twice_asks_before_a_run_that_is_on_is_stopped(make_app: MakeApp) -> None:
    trainer, gate = held(scripted_events(), EpochEnded)
    app = make_app(trainer)
    async with app.run_test() as pilot:
        await begin(app, pilot)
        await pilot.press("ctrl+c", "ctrl+c")
        await until(pilot, on_top(app, LeaveScreen))
        assert app.runner.busy
        await pilot.press("escape")
        gate.set()
        await until(pilot, lambda: bool(app.runner.current and app.runner.current.state == "finished"))
        assert not app._exit


async def test_two_ctrl_c_far_apart_do_not_quit(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0])
    app = make_app()
    async with app.run_test() as pilot:
        monkeypatch.setattr("cae_tui.app.base.time.monotonic", lambda: next(clock))
        app.action_help_quit()
        app.action_help_quit()
        monkeypatch.undo()
        await pilot.pause()
        assert not app._exit
        assert told(app) == ["Press Ctrl+C again, or Ctrl+Q, to quit."] * 2


async def test_a_copy_that_no_file_takes_is_sent_all_the_same_and_that_is_told(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(clipboard, "keep_copy", full)
    app = make_app()
    async with app.run_test() as pilot:
        app.copy_to_clipboard("text")
        await until(pilot, lambda: told(app) == ["Sent to the terminal's clipboard. The disk is full."])


# -- what is written to the terminal -------------------------------------------------------------------

ASK = b"\x1b]52;c;" + base64.b64encode("näher".encode()) + b"\x07"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-256color"}, ASK),
        ({}, ASK),
        ({"TERM": "xterm", "TMUX": "/tmp/socket,1,0"}, ASK + b"\x1bPtmux;\x1b" + ASK + b"\x1b\\"),
        ({"TERM": "tmux-256color"}, ASK + b"\x1bPtmux;\x1b" + ASK + b"\x1b\\"),
        ({"TERM": "screen-256color"}, ASK + b"\x1bPtmux;\x1b" + ASK + b"\x1b\\"),
        ({"TERM": "screen", "STY": "1.pts-0"}, b"\x1bP" + ASK + b"\x1b\\"),
    ],
)
def test_a_terminal_is_asked_for_its_clipboard_through_what_lies_between(
    environment: Mapping[str, str], expected: bytes
) -> None:
    assert clipboard_sequence("näher", environment).encode() == expected


def test_screen_gets_a_long_text_in_pieces() -> None:
    text = "x" * 3000
    written = clipboard_sequence(text, {"TERM": "screen", "STY": "1.pts-0"})
    pieces = written.removesuffix("\x1b\\").split("\x1b\\")
    assert all(piece.startswith("\x1bP") and len(piece) <= 514 for piece in pieces)
    whole = "".join(piece.removeprefix("\x1bP") for piece in pieces)
    assert whole == clipboard_sequence(text, {"TERM": "xterm"})


def test_a_text_that_no_encoding_has_is_copied_all_the_same() -> None:
    assert clipboard_sequence("a\ud800b", {}) == f"\x1b]52;c;{base64.b64encode(b'a?b').decode()}\a"


def test_without_tmux_no_tmux_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert not give_to_tmux("text")
    monkeypatch.setenv("TMUX", "/nowhere,1,0")
    assert not give_to_tmux("text")
