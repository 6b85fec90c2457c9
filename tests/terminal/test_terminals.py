"""Terminals of all kinds: few colours or none, other locales, tmux, sizes that change all the time, and no terminal."""

import os
import pty
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runs.directory import Home
from tests.cae_tui.script import scripted_events, write_run
from tests.endurance import seeds
from tests.terminal.conftest import Terminal

Open = Callable[..., Terminal]
COMMAND = [sys.executable, "-m", "cae_tui"]
READY = ("Last runs", "60,000", "cpu")


def home_screen(terminal: Terminal) -> str:
    """The first screen, once everything that comes later is there and nothing changes any more."""
    before = terminal.wait_for(*READY)
    for _ in range(40):
        terminal.read(0.5)
        if terminal.text == before:
            return before
        before = terminal.text
    raise AssertionError(f"the screen does not come to rest:\n{before}")


def colours(terminal: Terminal) -> set[str]:
    """All that are on the screen, by name or as six hexadecimal digits."""
    lines = terminal.screen.buffer.values()
    return {colour for line in lines for cell in line.values() for colour in (cell.fg, cell.bg)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With a run that ended."""
    home = Home(tmp_path / "home")
    write_run(home, scripted_events())
    return home


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first screen as a usual terminal has it, of a home with the same run."""
    home = Home(tmp_path_factory.mktemp("usual") / "home")
    write_run(home, scripted_events())
    variables = {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
    terminal = Terminal(home.path, 80, 24, variables=variables)
    try:
        return home_screen(terminal)
    finally:
        terminal.close()


def test_sixteen_colours_show_the_same_screen(terminal: Open, home: Home, usual: str) -> None:
    plain = terminal(80, 24, home=home.path, COLORTERM="", TERM="xterm-16color", TEXTUAL_COLOR_SYSTEM="standard")
    assert home_screen(plain) == usual
    assert len(colours(plain)) > 3
    assert not [colour for colour in colours(plain) if len(colour) == 6 and set(colour) <= set("0123456789abcdef")]


def test_without_colours_the_screen_is_the_same_in_grey(terminal: Open, home: Home, usual: str) -> None:
    plain = terminal(80, 24, home=home.path, COLORTERM="truecolor", TERM="xterm-256color", NO_COLOR="1")
    assert home_screen(plain) == usual
    found = colours(plain) - {"default"}
    assert len(found) > 1
    assert all(colour[:2] == colour[2:4] == colour[4:] for colour in found), found


@pytest.mark.parametrize("variables", [{"LANG": "C", "LC_ALL": ""}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}])
def test_the_c_locale_shows_the_same_screen(terminal: Open, home: Home, usual: str, variables: dict[str, str]) -> None:
    assert home_screen(terminal(80, 24, home=home.path, **variables)) == usual


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
)
def test_an_encoding_that_is_not_utf_8_is_refused_in_a_sentence(
    terminal: Open, home: Home, variables: dict[str, str]
) -> None:
    refused = terminal(80, 24, home=home.path, **variables)
    assert refused.wait_for_end() == 2
    said = "".join(refused.text.split())  # it is wrapped at the terminal's width
    encoding = "iso8859-1" if "PYTHONIOENCODING" in variables else "ascii"
    assert f"theencodingofthisterminalisgivenas{encoding}.SetLC_ALL=C.UTF-8" in said
    assert "Lastruns" not in said


@pytest.mark.parametrize("missing", ["stdin", "stdout", "stderr"])
def test_the_app_wants_all_three_streams_to_be_a_terminal(home: Home, missing: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with (tmp_path / "other").open("w+") as other:
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), theirs) | {missing: other}
        process = subprocess.Popen([*COMMAND, "--home", str(home.path)], **streams)
        end = time.monotonic() + 60
        while process.poll() is None and not home.log.exists() and time.monotonic() < end:
            time.sleep(0.05)
        process.kill()
        code = process.wait()
    os.close(theirs)
    said = (tmp_path / "other").read_text() if missing == "stderr" else os.read(ours, 65536).decode()
    os.close(ours)
    assert not home.log.exists()  # as the app, once it is opened, writes it
    assert code == 2
    name = {"stdin": "input", "stdout": "output", "stderr": "error output"}[missing]
    assert f"the app needs a terminal, but its {name} is not one." in said
    assert "\x1b[?1049h" not in said


# -- sizes -------------------------------------------------------------------------------------------


def test_a_size_that_was_left_and_come_back_to_while_the_app_was_busy_is_drawn_again(terminal: Open) -> None:
    app = terminal(80, 24)
    before = home_screen(app)
    with app.standing_still():
        app.resize(30, 8)  # which takes away most of what is on the screen
        app.resize(80, 24)
        assert app.text != before
    app.wait_until(lambda screen: screen == before, "the screen as it was")


def test_a_thousand_sizes_while_training_leave_no_garbage(terminal: Open, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    seeds.plant(home, tmp_path / "images")
    app = terminal(80, 24, home=home.path)
    app.wait_for(*READY)
    app.press("R")
    app.wait_for("● training")
    draw = random.Random(0)
    for number in range(1000):
        columns, rows = (1, 1) if number % 30 == 15 else (draw.randint(1, 200), draw.randint(1, 60))
        app.resize(columns, rows)
        app.read(0.005)
    app.resize(80, 24)
    app.wait_for("● training", "best ", "epoch")
    app.press("s")
    app.wait_for("End run")
    app.press("s")
    app.wait_for("■ stopped")
    app.press("escape")
    after = home_screen(app)
    app.press("ctrl+q")
    assert app.wait_for_end() == 0
    assert after == home_screen(terminal(80, 24, home=home.path))
    assert not [line for line in home.log.read_text().splitlines() if " ERROR " in line or " CRITICAL " in line]


# -- tmux --------------------------------------------------------------------------------------------


class Tmux:
    """A server of its own, with one session."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "socket"

    def __call__(self, *words: str) -> str:
        """What a command of tmux prints."""
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), "-f", "/dev/null", *words], capture_output=True, text=True, check=False
        )
        return done.stdout

    def wait_for(self, *texts: str) -> str:
        """Until all are on the screen; gives it back."""
        for _ in range(900):
            screen = self("capture-pane", "-p", "-t", "s")
            if all(text in screen for text in texts):
                return "\n".join(line.rstrip() for line in screen.splitlines())
            time.sleep(0.1)
        raise AssertionError(f"waited for {texts}, but the screen was:\n{screen}")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """It ends with the test."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed here (apt-get install tmux, brew install tmux)")
    server = Tmux(tmp_path)
    yield server
    server("kill-server")


def test_inside_tmux_the_screen_is_the_same_and_the_shell_comes_back(tmux: Tmux, home: Home, usual: str) -> None:
    tmux("new-session", "-d", "-s", "s", "-x", "80", "-y", "24", "sh")
    tmux("set-option", "-g", "status", "off")
    tmux("resize-window", "-t", "s", "-x", "80", "-y", "24")
    tmux(
        "send-keys", "-t", "s", f"PS1='ready> '; clear; {' '.join(COMMAND)} --home {home.path}; echo ended $?", "Enter"
    )
    shown = ""
    for _ in range(40):
        before, shown = shown, tmux.wait_for(*READY)
        if shown == before == usual:
            break
        time.sleep(0.5)
    assert shown == usual
    for columns, rows in ((30, 8), (1, 1), (120, 40), (80, 24)):
        tmux("resize-window", "-t", "s", "-x", str(columns), "-y", str(rows))
        time.sleep(0.3)
    tmux("send-keys", "-t", "s", "r")
    tmux.wait_for("Filter /", "✓ finished")
    tmux("send-keys", "-t", "s", "Escape")
    tmux.wait_for(*READY)
    tmux("send-keys", "-t", "s", "C-c")
    tmux.wait_for("Press Ctrl+C again")
    tmux("send-keys", "-t", "s", "C-c")
    after = tmux.wait_for("ended 0")
    assert "Last runs" not in after


def test_a_copy_inside_tmux_is_in_its_buffer_and_in_a_file(tmux: Tmux, home: Home) -> None:
    tmux("new-session", "-d", "-s", "s", "-x", "120", "-y", "40", "sh")
    tmux("send-keys", "-t", "s", f"clear; {' '.join(COMMAND)} --home {home.path}", "Enter")
    tmux.wait_for(*READY)
    tmux("send-keys", "-t", "s", "r")
    tmux.wait_for("Filter /", "✓ finished")
    tmux("send-keys", "-t", "s", "Enter")
    tmux.wait_for("Export")
    tmux("send-keys", "-t", "s", "y")
    tmux.wait_for("Sent to the", "tmux")  # it is wrapped; once it says so, it is done
    copied = (home.path / "copied.txt").read_text()
    assert copied.startswith("autoencoder")
    assert tmux("show-buffer").strip() == copied.strip()
