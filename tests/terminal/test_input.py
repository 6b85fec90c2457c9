"""Bytes that no keyboard sends, in a real terminal: the app stands. And should it crash all the same, it says so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.endurance import seeds
from tests.terminal.conftest import Terminal

Open = Callable[..., Terminal]
READY = ("Last runs", "60,000", "cpu")

CRASH = """
import cae_tui.app.cae_app, cae_tui.app.terminal_input
from cae_tui.cli.main import command

read, pass_on = cae_tui.app.terminal_input.SteadyParser.take, cae_tui.app.cae_app.CaeApp.on_event

def take(parser, text):
    if "!" in text:
        raise ZeroDivisionError("a bug of ours")
    return read(parser, text)

broken = []

async def on_event(app, event):
    if broken or getattr(event, "character", "") == "!":
        broken.append(event)
        raise ZeroDivisionError("a bug of ours")
    await pass_on(app, event)

{patch}
command()
"""
CRASHES = {
    "the thread that reads keys": "cae_tui.app.terminal_input.SteadyParser.take = take",
    "the app's loop of messages": "cae_tui.app.cae_app.CaeApp.on_event = on_event",
}


def test_bytes_that_no_keyboard_sends_leave_the_app_standing(terminal: Open) -> None:
    app = terminal(100, 30)
    app.wait_for(*READY)
    app.press("r")
    app.wait_for("Filter /")
    for sent in (
        b"\xe9b", b"\x1b[MC\xa00", b"\x1bMC\xa00", b"\x1b[200~caf\xe9\x1b[201~", b"\x1b[97;5:3u", b"\x1b[48;0;0;0;0t",
        b"\x1b[<35;7;3M", b"\x1b[?62;22c", b"\x1b[55296u", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x11\x03\x03q" * 20,
    ):  # fmt: skip
        app.send(sent)
        app.read(0.3)  # so that they come one after the other
    app.press("escape")
    app.wait_for(*READY)
    app.press("d")
    app.wait_for("Files and split")
    app.press("ctrl+q")
    assert app.wait_for_end() == 0


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Opens the app with a bug that `!` brings out."""
    opened: list[Terminal] = []

    def open_one(patch: str) -> Terminal:
        program = ("-c", CRASH.format(patch=patch))
        opened.append(Terminal(tmp_path / "home", 100, 30, program=program))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_is_told_logged_and_no_success_and_the_run_says_why_it_stopped(
    where: str, crashing: Callable[[str], Terminal], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    seeds.plant(home, tmp_path / "images")
    app = crashing(CRASHES[where])
    app.wait_for(*READY)
    app.press("R")
    app.wait_for("● training")
    app.press("!")
    assert app.wait_for_end() == 1
    said = " ".join(app.text.split())
    assert "Something went wrong in cae-tui, and it had to end." in said
    assert "Traceback" not in said
    log = home.log.read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError: a bug of ours" in log
    (run,) = [run for run in home.list_runs() if run.state == "stopped"]
    assert "cae-tui ended with an error" in run.message
