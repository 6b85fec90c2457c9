"""What the shell offers when Tab is pressed, asked as its script asks."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.runs.directory import Home
from tests.cae_tui.script import AUTOENCODER, CLASSIFIER, scripted_events, write_run
from tests.cae_tui.study_script import guided, write_study


def offered(line: str, tmp_path: Path, home: Home) -> set[str]:
    file = tmp_path / "offered"
    asked = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "bash", "COMP_TYPE": "9",
        "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(file),
        "CAE_TUI_HOME": str(home.path),
    }  # fmt: skip
    program = "import sys\nfrom cae_tui.cli.main import main\nsys.argv[0] = 'cae-tui'\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {word.strip() for word in file.read_text().split("\n")}


@pytest.fixture
def full(home: Home) -> Home:
    """A finished autoencoder, a classifier that was stopped, and a study."""
    write_run(home, scripted_events())
    write_run(home, scripted_events("classifier", state="stopped"))
    write_study(home, guided())
    return home


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("cae-tui st", {"study", "stop"}, {"runs"}),
        ("cae-tui report ", {AUTOENCODER, CLASSIFIER}, set()),
        ("cae-tui watch ", {AUTOENCODER, CLASSIFIER, "4s6y000000"}, set()),
        ("cae-tui resume ", {CLASSIFIER}, {AUTOENCODER}),
        ("cae-tui finish c", {CLASSIFIER}, {AUTOENCODER}),
        ("cae-tui stop ", {"--json"}, {AUTOENCODER, CLASSIFIER}),
        ("cae-tui delete ", {AUTOENCODER, CLASSIFIER}, set()),
        (f"cae-tui delete {AUTOENCODER} ", {CLASSIFIER}, {AUTOENCODER}),
        ("cae-tui classifier --encoder ", {AUTOENCODER}, {CLASSIFIER}),
        ("cae-tui predict ", {CLASSIFIER}, {AUTOENCODER}),
        ("cae-tui encode ", {AUTOENCODER, CLASSIFIER}, set()),
        ("cae-tui inside ", {AUTOENCODER, CLASSIFIER}, set()),
        ("cae-tui reconstruct --be", {"--beside"}, {"--json"}),
        ("cae-tui predict --centre ", {"auto", "yes", "no"}, {"--json"}),
        ("cae-tui evaluate --part ", {"train", "validation", "test", "all"}, set()),
        ("cae-tui autoencoder --learn", {"--learning-rate"}, {"--layers"}),
        ("cae-tui autoencoder --optimizer ", {"adam", "sgd"}, {"--layers"}),
        ("cae-tui autoencoder --preset r", {"recommended", "report"}, {"bottleneck"}),
        ("cae-tui study s", {"show", "search"}, {"4s6y000000"}),
        ("cae-tui study show ", {"4s6y000000"}, {"search"}),
        ("cae-tui study --encoder a7f3 --froz", {"--frozen-epochs"}, set()),
        ("cae-tui study --froz", set(), {"--frozen-epochs"}),
        ("cae-tui 'open", set(), {"runs"}),
    ],
)
def test_tab_offers_what_may_come_next(full: Home, tmp_path: Path, line: str, some: set[str], none: set[str]) -> None:
    words = offered(line, tmp_path, full)
    assert some <= words
    assert not none & words


def test_tab_looks_into_the_home_that_the_line_names(home: Home, full: Home, tmp_path: Path) -> None:
    elsewhere = Home(tmp_path / "elsewhere")
    other = write_run(elsewhere, scripted_events(run="b7f3000000"))
    other.write_status(replace(other.read_status(), id="b7f3000000"))
    words = offered(f"cae-tui --home {elsewhere.path} report ", tmp_path, full)
    assert "b7f3000000" in words
    assert AUTOENCODER not in words


def test_nothing_of_it_is_loaded_where_no_shell_asks() -> None:
    program = (
        "import sys\nfrom cae_tui.cli.main import main\ncode = main(['--help'])\n"
        "late = {'argcomplete', 'cae_tui.cli.completion', 'cae_tui.cli.mistakes'}\n"
        "sys.exit('it was' if late & set(sys.modules) else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
