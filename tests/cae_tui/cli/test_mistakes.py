"""A command line that cannot be read: what was probably meant, and the page that explains it."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from cae_tui.cli.mistakes import OTHER_FLAGS, OTHER_WORDS, nearest
from cae_tui.cli.parser import COMMANDS, command_of, make_parser

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path))

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.mark.parametrize(
    ("words", "meant", "page"),
    [
        (["clasifier"], "Did you mean `cae-tui classifier`?", "cae-tui --help"),
        (["autoencoders", "--epochs", "3"], "Did you mean `cae-tui autoencoder`?", "cae-tui --help"),
        (["ls"], "Did you mean `cae-tui runs`?", "cae-tui --help"),
        (["trian"], "Did you mean `cae-tui autoencoder`?", "cae-tui --help"),
        (["explain"], "Did you mean `cae-tui inside`?", "cae-tui --help"),
        (["inside", "a7f3", "1.png", "2.png"], "takes one model and one picture", "cae-tui inside --help"),
        (["lst"], "Did you mean `cae-tui runs`?", "cae-tui --help"),
        (["rm", "a7f3"], "Did you mean `cae-tui delete`?", "cae-tui --help"),
        (["help"], "Did you mean `cae-tui --help`?", "cae-tui --help"),
        (["layers=8,10"], "Did you mean `cae-tui study layers=8,10`?", "cae-tui --help"),
        (["a7f3"], "To open a run or a study: `cae-tui watch a7f3`.", "cae-tui --help"),
        (["foo", "runs"], "“foo” is not a command.", "cae-tui --help"),
        (["--kernels", "8"], "--kernels belongs to `autoencoder`, `anomaly` and `study`", "cae-tui --help"),
        (["--json", "runs"], "--json goes after the command", "cae-tui runs --json"),
        (["--vesion"], "Did you mean --version?", "cae-tui --help"),
        (["autoencoder", "--learning", "1"], "Did you mean --learning-rate?", "cae-tui autoencoder --help"),
        (["autoencoder", "--batch_size", "8"], "Did you mean --batch-size?", "cae-tui autoencoder --help"),
        (["autoencoder", "--batch_size=8"], "Did you mean --batch-size?", "cae-tui autoencoder --help"),
        (["autoencoder", "-epochs", "3"], "Did you mean --epochs?", "cae-tui autoencoder --help"),
        (["autoencoder", "--Epochs", "3"], "Did you mean --epochs?", "cae-tui autoencoder --help"),
        (["autoencoder", "--lr", "3"], "Did you mean --learning-rate?", "cae-tui autoencoder --help"),
        (["autoencoder", "--encoder", "a7f3"], "--encoder belongs to `classifier`", "cae-tui autoencoder --help"),
        (["classifier", "--encodr", "a7f3"], "Did you mean --encoder?", "cae-tui classifier --help"),
        (["classifier", "--kernels", "8"], "--kernels belongs to `autoencoder`, `anomaly` and `study`", "--help"),
        (["study", "--kernls", "8", "layers=8,10"], "Did you mean --kernels?", "cae-tui study --help"),
        (["study", "layers=8,10", "--frozen-epochs", "1"], "--frozen-epochs belongs to `classifier`", "study --help"),
        (["runs", "--jsn"], "Did you mean --json?", "cae-tui runs --help"),
        (["watch", "--json", "a7f3"], "--json belongs to other commands", "cae-tui watch --help"),
        (["delete", "--force", "a7f3"], "Did you mean --yes?", "cae-tui delete --help"),
        (["stop", "a7f3", "--detach"], "--detach belongs to", "cae-tui stop --help"),
        (["report", "a7f3", "b7f3"], "“b7f3” is not expected here", "cae-tui report --help"),
        (["autoencoder", "kernels=32"], "Write --kernels 32.", "cae-tui autoencoder --help"),
        (["autoencoder", "ten"], "“ten” is not expected here", "cae-tui autoencoder --help"),
        (["report", "a7f3", "--text", "--json"], "--json and --text cannot be used together.", "report --help"),
        (["report"], "needs the id of a run, or its beginning (`cae-tui runs` lists them)", "cae-tui report --help"),
        (["autoencoder", "--json=3"], "--json takes no value.", "cae-tui autoencoder --help"),
        (["study", "reusme", "4s6y"], "Did you mean `cae-tui study resume`?", "show ID"),
        (["study", "lst"], "Did you mean `cae-tui study list`?", "show ID"),
        (["study", "serach", "kernels=4..8"], "Did you mean `cae-tui study search`?", "show ID"),
        (["study", "rm", "4s6y"], "Did you mean `cae-tui study delete`?", "show ID"),
        (["study", "pause", "4s6y"], "`cae-tui study stop ID` keeps a checkpoint of every trial", "show ID"),
        (["study", "layers", "8,10"], "`cae-tui study layers=8,10,12`", "show ID"),
        (["runs", "delete", "a7f3"], "Did you mean `cae-tui delete a7f3`?", "cae-tui runs -- delete a7f3"),
        (["runs", "rm", "a7f3", "b7f3"], "Did you mean `cae-tui delete a7f3 b7f3`?", "cae-tui runs -- rm a7f3 b7f3"),
        (["runs", "stop", "a7f3", "--json"], "Did you mean `cae-tui stop a7f3`?", "cae-tui runs -- stop a7f3"),
        (["runs", "delete"], "Did you mean `cae-tui delete RUN`?", "cae-tui runs -- delete"),
        (["runs", "list"], "`cae-tui runs` alone lists every run.", "cae-tui runs -- list"),
    ],
)  # fmt: skip
def test_a_mistake_gets_what_was_meant_and_the_page_that_explains_it(
    run: Run, words: list[str], meant: str, page: str
) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("cae-tui: ")
    assert meant in err
    assert page in err


@pytest.mark.parametrize(
    "words",
    [["runs", "stop"], ["runs", "finish"], ["runs", "--", "delete", "a7f3"], ["runs", "delete", "val_loss<0.1"],
     ["runs", "adam"], ["runs", "autoencoder"]],
)  # fmt: skip
def test_what_may_be_a_filter_is_one(run: Run, words: list[str]) -> None:
    assert run(*words)[::2] == (0, "")


def test_a_far_word_is_not_taken_for_a_near_one(run: Run) -> None:
    for word in ("xylophone", "foo", "s"):
        assert "Did you mean" not in run(word)[2]
    assert "Did you mean" not in run("doctor", "--xylophone")[2]
    assert nearest("--force", ["--home", "--json"], 0.7) == ""


def test_what_other_programs_say_leads_to_what_there_is() -> None:
    assert set(OTHER_WORDS.values()) <= set(COMMANDS)
    assert not set(OTHER_WORDS) & set(COMMANDS)
    flags = {flag for name in COMMANDS for flag in make_parser(name).by_command[name].flags}
    assert set(OTHER_FLAGS.values()) <= flags


def test_the_command_is_the_first_word_that_is_no_flag_and_no_folder() -> None:
    assert command_of(["--home", "runs", "report", "stop"]) == "report"
    assert command_of(["--home=x", "runs"]) == "runs"
    assert command_of(["--version"]) is None
    assert command_of(["--", "runs"]) is None


def test_the_help_names_every_command_once_in_its_group(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    lines = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.split()]
    assert all(lines.count(name) == 1 for name in COMMANDS)
    assert lines.index("study") < lines.index("stop") < lines.index("doctor")


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (["stdin"], "its input is not one."),
        (["stdout", "stderr"], "its output and error output are not one."),
        (["stdin", "stdout", "stderr"], "its input, output and error output are not one."),
    ],
)
def test_the_app_names_the_streams_that_are_no_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: list[str], named: str
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda name=name: name not in missing)
        monkeypatch.setattr(sys, f"__{name}__", stream)
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err == (
        f"cae-tui: the app needs a terminal, but {named} Open it in a terminal, or use a command: `cae-tui --help` "
        "lists them.\n"
    )
