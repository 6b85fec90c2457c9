"""`--notify COMMAND` runs a person's own command once what was trained has ended."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cae_tui.cli import notify
from cae_tui.cli.main import main
from tests.engine.tiny import write_files


@pytest.fixture(autouse=True)
def none_before() -> None:
    notify.notify_by(None)


def ended(capfd: pytest.CaptureFixture[str], command: str, message: str = "") -> str:
    notify.notify_by(command)
    notify.ended("run a7f3", "failed", message)
    return "".join(capfd.readouterr())


def test_the_command_is_given_a_sentence_and_finds_what_ended_and_how(capfd: pytest.CaptureFixture[str]) -> None:
    script = """sh -c 'echo "$CAE_TUI_NAME|$CAE_TUI_STATE|$1|$2"' own first"""
    assert ended(capfd, script, "The disk\nis full.") == "run a7f3|failed|first|run a7f3 failed. The disk is full.\n"


def test_what_a_message_says_is_one_word_and_never_run(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    message = f"$(touch {mark}) `touch {mark}`; touch {mark}"
    assert ended(capfd, "echo", message) == f"run a7f3 failed. {message}\n"
    assert not mark.exists()


def test_without_a_command_nothing_is_run(capfd: pytest.CaptureFixture[str]) -> None:
    notify.ended("run a7f3", "failed", "")
    assert notify.flags() == []
    assert capfd.readouterr().err == ""


def test_a_command_that_fails_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert ended(capfd, "sh -c 'exit 3'") == "cae-tui: --notify: the command ended with exit code 3.\n"


def test_a_command_that_does_not_end_is_ended(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_SECONDS", 0.2)
    assert "the command was ended after" in ended(capfd, "sh -c 'exec sleep 60'")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("notify-nobody --loud", "there is no command “notify-nobody” here"),
        ("echo 'a", "a quotation mark that is not closed"),
        (" ", "--notify names no command"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_before_anything_is_trained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    home = tmp_path / "home"
    assert main(["--home", str(home), "autoencoder", *words_of(tmp_path / "files"), "--notify", command]) == 2
    assert words in capfd.readouterr().err
    assert not (home / "runs").exists()


def words_of(folder: Path) -> list[str]:
    folder.mkdir()
    files = write_files(folder)
    few = ["--layers", "2", "--kernels", "2", "--batch-size", "8", "--downsamplings", "1", "--epochs", "1"]
    return [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))] + few


@pytest.mark.parametrize("notified", [True, False])
def test_a_run_of_the_command_line_tells_its_end_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], notified: bool
) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    command = ["--notify", f"""sh -c 'echo "$0" >> {log}'"""] if notified else []
    words = ["--home", str(home), "autoencoder", *words_of(tmp_path / "files"), *command, "--json"]
    assert main(words) == 0
    run = json.loads(capfd.readouterr().out.splitlines()[-1])["id"]
    if notified:
        assert log.read_text() == f"run {run} finished.\n"
    else:
        assert not log.exists()


def test_a_detached_run_tells_it_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    fifo = tmp_path / "ended"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    command = f"""sh -c 'echo "$CAE_TUI_STATE" >> {log}; echo done > {fifo}'"""
    words = ["--home", str(tmp_path / "home"), "autoencoder", *words_of(tmp_path / "files"), "--detach"]
    done = subprocess.run(
        [sys.executable, "-m", "cae_tui", *words, "--notify", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert fifo.read_text() == "done\n"  # waits until the other process has written
    assert log.read_text() == "finished\n"
