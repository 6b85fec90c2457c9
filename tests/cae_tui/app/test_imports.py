"""Files of a person that are called as modules are: ours are imported, and none of theirs is executed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cae_tui import imports
from engine.runs.directory import Home
from tests.cae_tui.script import scripted_events, write_run

CHECKOUT = Path(imports.OURS)
THEIRS = (
    "engine", "random", "argparse", "dataclasses", "logging", "json", "gzip", "uuid", "rich", "textual", "numpy",
    "torch", "pydantic", "utils", "assets",
)  # fmt: skip
"""Modules that a folder may have. What Python itself imports before any program begins cannot be ours."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a file for each of these, and a package, that leave a trace and end the program."""
    folder = tmp_path / "project"
    for name in THEIRS:
        if name in ("engine", "numpy"):
            (folder / name).mkdir(parents=True)
            file = folder / name / "__init__.py"
        else:
            file = folder / f"{name}.py"
        file.write_text(f"open({str(folder / 'executed')!r}, 'a').write(__file__); raise SystemExit(7)")
    (folder / "assets").mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With a run."""
    home = Home(tmp_path / "home")
    write_run(home, scripted_events())
    return home


def prints_the_runs(home: Home, folder: Path, *program: str, pythonpath: str = "") -> None:
    """Whether that way in works and executes nothing of the folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*program, "--home", str(home.path), "runs"],
        cwd=folder, env=environment | ({"PYTHONPATH": pythonpath} if pythonpath else {}),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    executed = folder / "executed"
    assert not executed.exists(), executed.read_text()
    assert done.returncode == 0, done.stderr
    assert "autoencoder" in done.stdout


def only(folder: Path, *names: str) -> Path:
    """The folder with those modules alone."""
    for path in folder.iterdir():
        if path.stem not in names:
            path.rename(folder.parent / f"{path.name}.away")
    return folder


COMMAND = str(Path(sys.executable).parent / "cae-tui")
PROGRAM = "import sys; from cae_tui.cli.main import command; command()"


@pytest.mark.parametrize("program", [["-m", "cae_tui"], ["-P", "-m", "cae_tui"], ["-m", "cae_tui.__main__"]])
def test_a_folder_that_python_is_started_in_is_not_looked_into(home: Home, folder: Path, program: list[str]) -> None:
    prints_the_runs(home, folder, sys.executable, *program)


def test_the_command_does_not_look_into_the_folder_either(home: Home, folder: Path) -> None:
    prints_the_runs(home, folder, COMMAND)


@pytest.mark.parametrize("way", ["-m", "-P", "the command"])
def test_a_folder_of_pythonpath_comes_after_what_is_ours_and_pythons(home: Home, folder: Path, way: str) -> None:
    program = {"-m": [sys.executable, "-m", "cae_tui"], "-P": [sys.executable, "-P", "-m", "cae_tui"]}.get(
        way, [COMMAND]
    )
    for pythonpath in (str(folder), f"{os.pathsep}.", "."):
        prints_the_runs(home, folder, *program, pythonpath=pythonpath)


def test_a_program_that_imports_us_gets_our_engine_all_the_same(home: Home, folder: Path) -> None:
    prints_the_runs(home, only(folder, "engine"), sys.executable, "-c", PROGRAM)


def test_an_engine_that_is_imported_already_is_replaced_by_ours(home: Home, folder: Path) -> None:
    (only(folder, "engine") / "engine" / "__init__.py").write_text("")
    (folder / "engine" / "text.py").write_text(f"open({str(folder / 'executed')!r}, 'w')")
    prints_the_runs(home, folder, sys.executable, "-c", f"import engine; {PROGRAM}")


def test_a_checkout_that_is_run_in_place_finds_itself(home: Home) -> None:
    code = f"""
import sys
sys.path[:] = [place for place in sys.path[1:] if place != {str(CHECKOUT)!r}]
import runpy
sys.path.insert(0, {str(CHECKOUT)!r})
sys.argv = ["-m", "--home", {str(home.path)!r}, "runs"]
runpy._run_module_as_main("cae_tui")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "autoencoder" in done.stdout


def test_a_program_that_is_not_ours_keeps_its_own_places(folder: Path) -> None:
    only(folder, "utils")
    (folder / "utils.py").write_text("")
    code = "import sys; before = list(sys.path); import cae_tui.cli.main; assert sys.path == before; import utils"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
