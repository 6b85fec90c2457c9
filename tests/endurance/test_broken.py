"""A first screen with an error, in a real terminal while a run is on: told once; again and again, it ends in order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.endurance import seeds
from tests.endurance.person import HOME
from tests.terminal.conftest import Terminal

Open = Callable[[str], Terminal]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With a run that can be resumed."""
    home = Home(tmp_path / "home")
    seeds.plant(home, tmp_path / "images")
    return home


@pytest.fixture
def training(home: Home) -> Iterator[Open]:
    """Opens the app, on its first screen, with a run that is on."""
    opened: list[Terminal] = []

    def open_app(how: str) -> Terminal:
        app = Terminal(home.path, 80, 24, program=("-m", "tests.endurance.broken", how))
        opened.append(app)
        app.wait_for(HOME)
        app.press("R")
        app.wait_for("● training")
        app.press("escape")
        app.wait_for(HOME, "Ctrl+T shows it")
        return app

    yield open_app
    for app in opened:
        app.close()


def test_one_error_is_told_and_the_run_goes_on(training: Open, home: Home) -> None:
    app = training("once")
    (home.path / "break").touch()
    app.wait_for("ZeroDivisionError: a bug of the first screen", "The run keeps training.", "cae-tui.log")
    app.press("\r")
    app.wait_for_no("ZeroDivisionError")
    app.wait_for(HOME, "Ctrl+T shows it")
    (run,) = [run for run in home.list_runs() if run.state == "running"]
    app.wait_until(lambda _: home.find(run.id).read_status().epoch > run.epoch, "another epoch")
    assert "ZeroDivisionError: a bug of the first screen" in home.log.read_text()
    app.press("ctrl+q")
    app.wait_for("A run is running")
    app.press("y")
    assert app.wait_for_end() == 0


def test_errors_again_and_again_end_the_program_with_a_checkpoint_and_the_terminal_as_it_was(
    training: Open, home: Home
) -> None:
    app = training("always")
    (run,) = [run for run in home.list_runs() if run.state == "running"]
    (home.path / "break").touch()
    assert app.wait_for_end(120) == 1
    said = "".join(app.text.split())
    assert "Somethingwentwrongincae-tui,andithadtoend." in said
    assert "Traceback" not in app.text
    assert HOME not in app.text  # the alternate screen was left
    assert not app.screen.cursor.hidden
    ended = home.find(run.id).read_status()
    assert ended.state == "stopped"
    assert ended.epoch >= run.epoch
    assert list(home.find(run.id).checkpoints.iterdir())
    assert "a bug of the first screen" in home.log.read_text()
