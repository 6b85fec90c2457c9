"""The command line in processes of its own, which are interrupted, detached, and left without a terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cae_tui.bridge import detached
from cae_tui.cli import console
from cae_tui.cli.main import main
from engine.runs.directory import Home
from tests.engine.conftest import files as files  # the same slice of MNIST

SMALL = ("--layers", "4", "--downsamplings", "1", "--kernels", "4", "--batch-size", "64")
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.fixture(scope="module")
def flags(files: dict[str, Path]) -> list[str]:
    return [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]


def spawn(
    *words: str, stderr: int = subprocess.PIPE, encoding: str | None = None, **variables: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cae_tui", *words],
        stdout=subprocess.PIPE, stderr=stderr, text=True, encoding=encoding, env={**BUFFERED, **variables},
    )  # fmt: skip


def wait_for(condition: Callable[[], object], what: str) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


def test_one_interrupt_stops_with_a_checkpoint_and_resume_goes_on(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    with spawn("--home", str(tmp_path), "autoencoder", "--epochs", "9999", *SMALL, *flags, "--json") as process:
        wait_for(lambda: home.list_runs() and home.list_runs()[0].epoch >= 1, "an epoch")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    result = json.loads(out)
    assert result["state"] == "stopped"
    assert result["best_validation_loss"] > 0
    assert "Resume it to continue" in err
    assert home.list_runs()[0].state == "stopped"
    with spawn("--home", str(tmp_path), "resume", result["id"]) as process:
        wait_for(lambda: home.list_runs()[0].epoch > result["epochs"], "a further epoch")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_run_that_was_stopped_while_it_was_evaluated_says_so_and_a_resume_says_that_it_is_evaluated_now(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.kinds.autoencoder import AutoencoderKind
    from engine.protocol.control import Asked, Flag

    flag = Flag()

    def stop_then_measure(*args: Any, measure: Callable[..., Any] = AutoencoderKind.measure) -> Any:
        flag.ask(Asked.STOP)
        return measure(*args)

    with monkeypatch.context() as patched:
        patched.setattr(AutoencoderKind, "measure", stop_then_measure)
        patched.setattr(console, "interruptible", lambda: nullcontext(flag))
        assert main(["--home", str(tmp_path), "autoencoder", "--epochs", "1", *SMALL, *flags]) == 130
    err = capsys.readouterr().err
    assert "Stopped while it was evaluated. Resume it to evaluate it. The weights of epoch 1, the best," in err
    (name,) = Home(tmp_path).ids()
    assert main(["--home", str(tmp_path), "resume", name]) == 0
    err = capsys.readouterr().err
    assert f"run {name} continues: training is over, and it is being evaluated" in err
    assert "after step" not in err


def test_a_second_interrupt_ends_at_once(flags: list[str], tmp_path: Path) -> None:
    home = Home(tmp_path)
    with spawn("--home", str(tmp_path), "autoencoder", "--epochs", "9999", *SMALL, *flags) as process:
        wait_for(lambda: home.list_runs() and home.list_runs()[0].epoch >= 1, "an epoch")
        process.send_signal(signal.SIGSTOP)  # so that both come before it can act on the first
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert home.list_runs()[0].state in ("stopped", "cut off")
    assert home.list_runs()[0].resumable


def test_a_detached_run_outlives_its_parent_and_can_be_stopped_from_elsewhere(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.protocol.control import Asked

    words = ("autoencoder", "--epochs", "9999", *SMALL, *flags, "--detach")
    assert main(["--home", str(tmp_path), *words]) == 0
    name = capsys.readouterr().out.strip()
    home = Home(tmp_path)
    run = home.find(name)
    wait_for(lambda: run.read_status().epoch >= 1, "an epoch")
    assert run.is_held()
    assert main(["--home", str(tmp_path), "resume", name]) == 2
    assert f"`cae-tui --home {tmp_path} watch {name}`" in capsys.readouterr().err
    run.ask(Asked.STOP)
    wait_for(lambda: run.read_status().state == "stopped", "the stop")


def test_a_detached_run_executes_no_file_of_the_current_folder(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("engine", "random", "cae_tui"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    monkeypatch.chdir(folder)
    assert main(["--home", str(tmp_path), "autoencoder", "--epochs", "1", *SMALL, *flags, "--detach"]) == 0
    run = Home(tmp_path).find(capsys.readouterr().out.strip())
    wait_for(lambda: run.read_status().state == "finished", "the end")
    assert not (tmp_path / "executed").exists()


def test_a_detached_process_is_told_of_a_checkout_that_is_run_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(detached.__file__).resolve().parents[2])
    others = [place for place in sys.path if os.path.realpath(place) != here]
    monkeypatch.setenv("PYTHONPATH", "/others")
    monkeypatch.setattr(sys, "path", [here, *others])  # as `python -m cae_tui` in the checkout has it
    assert detached.environment()["PYTHONPATH"] == os.pathsep.join([here, "/others"])
    monkeypatch.setattr(sys, "path", ["/usr/bin", *others, here])  # installed
    assert detached.environment()["PYTHONPATH"] == "/others"


def test_a_terminal_that_is_gone_does_not_fail_the_run(flags: list[str], tmp_path: Path) -> None:
    home = Home(tmp_path)
    words = ["--home", str(tmp_path), "autoencoder", "--epochs", "9999", *SMALL, *flags]
    with spawn(*words) as process:
        wait_for(lambda: home.list_runs() and home.list_runs()[0].epoch >= 1, "an epoch")
        assert process.stderr is not None
        process.stderr.close()  # nobody reads any more
        done = home.list_runs()[0].epoch
        wait_for(lambda: home.list_runs()[0].epoch > done + 1, "further epochs")
        process.send_signal(signal.SIGHUP)
        process.wait(timeout=60)
    assert home.list_runs()[0].state == "stopped"


# -- what is told, and other processes that do what is asked ------------------------------------------


def test_a_run_stopped_by_ctrl_c_says_how_it_goes_on_and_how_it_is_finished(flags: list[str], tmp_path: Path) -> None:
    home = Home(tmp_path)
    with spawn("--home", str(tmp_path), "autoencoder", "--epochs", "9999", *SMALL, *flags) as process:
        wait_for(lambda: home.list_runs() and home.list_runs()[0].epoch >= 1, "an epoch")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (name,) = home.ids()
    for command in ("resume", "finish"):
        assert f"cae-tui --home {tmp_path} {command} {name}" in err
        assert f"{command} {name}" not in out
    with spawn("--home", str(tmp_path), "finish", name, "--json") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    (result,) = json.loads(out)["runs"]
    assert result["state"] == "early-stopped"
    assert result["test_mse"] > 0
    assert f"run {name}: training ends here, and its best weights are evaluated" in err
    assert "goes on in epoch" not in err


def test_a_detached_run_is_watched_stopped_and_finished_by_what_is_told(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("autoencoder", "--epochs", "9999", *SMALL, *flags, "--detach")
    home = Home(tmp_path)
    assert main(["--home", str(tmp_path), *words]) == 0
    said = capsys.readouterr()
    (name,) = home.ids()
    assert said.out == f"{name}\n"  # for scripts, nothing else
    for command in ("watch", "stop"):
        assert f"cae-tui --home {tmp_path} {command} {name}" in said.err
    run = home.find(name)
    assert main(["--home", str(tmp_path), "pause", name]) == 0
    assert run.read_status().state == "paused"
    assert main(["--home", str(tmp_path), "resume", name]) == 0
    wait_for(lambda: run.read_status().epoch >= 1, "an epoch")
    assert main(["--home", str(tmp_path), "delete", name, "--yes"]) == 2
    assert main(["--home", str(tmp_path), "finish", name]) == 0
    out = capsys.readouterr().out
    assert f"autoencoder {name}: early-stopped" in out
    assert "Finished early at epoch" in out
    assert not run.is_held()
    assert main(["--home", str(tmp_path), "delete", name, "--yes"]) == 0
    assert home.ids() == []
