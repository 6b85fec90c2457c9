"""`cae-tui export`: a run for other programs by one command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from engine.exporters import EXPORTERS, exporter_named
from engine.runs.directory import Home

Export = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    small = ["--epochs", "1", "--layers", "4", "--kernels", "4"]
    assert main(["--home", str(home.path), "autoencoder", "--data", "digits", *small]) == 0
    return home


@pytest.fixture
def export(trained: Home, capsys: pytest.CaptureFixture[str]) -> Export:
    (run,) = trained.list_runs()

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main(["--home", str(trained.path), "export", run.prefix, *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_everything_goes_into_one_new_folder_with_a_line_for_each(
    export: Export, trained: Home, tmp_path: Path
) -> None:
    code, out, err = export("--to", tmp_path / "it")
    assert code == 0
    there = {path.name for path in (tmp_path / "it").iterdir()}
    missing = [sentence for name in EXPORTERS if (sentence := exporter_named(name).missing())]
    lines = out.splitlines()
    assert len(lines) == len(there) == len(EXPORTERS) - len(missing)
    assert all(" kB, " in line or " B, " in line for line in lines)
    assert sum("compared with the run's own" in line for line in lines) >= 2
    assert all(sentence in err for sentence in missing)


def test_one_form_is_written_to_the_place_itself(export: Export, trained: Home, tmp_path: Path) -> None:
    (run,) = trained.list_runs()
    code, out, _ = export("--as", "predictions", "--to", tmp_path / "mine.csv")
    assert (code, out.startswith(f"The predictions were written to {tmp_path / 'mine.csv'}. ")) == (0, True)
    code, _, err = export("--as", "predictions", "--to", tmp_path / "mine.csv")
    assert (code, "mine.csv already exists and is not overwritten: choose another name." in err) == (2, True)
    code, out, _ = export("--as", "tensorboard", "--to", tmp_path, "--json")
    found = json.loads(out)
    (one,) = found["written"]
    assert (one["as"], one["path"]) == ("tensorboard", str(tmp_path / f"cae-tui-{run.id}-tensorboard"))
    assert one["bytes"] == sum(path.stat().st_size for path in Path(one["path"]).iterdir())
    assert (found["run"], found["folder"], found["left_out"]) == (run.id, None, {})


def test_several_forms_are_written_into_a_folder_and_each_once(export: Export, tmp_path: Path) -> None:
    code, out, _ = export("--as", "text", "csv", "text", "--to", tmp_path / "two", "--json")
    found = json.loads(out)
    assert (code, found["folder"]) == (0, str(tmp_path / "two"))
    assert [one["as"] for one in found["written"]] == ["text", "csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--as", "jpg"), "--as: “jpg” is not known: choose csv, document, embeddings"),
        (("--to", "/nowhere/at/all", "--as", "text"), "Its folder is not there"),
        (("--to", "/nowhere/at/all"), "/nowhere/at/all could not be written"),
        (("--to", " "), "--to names no place: give a path."),
        (("--to", ""), "--to names no place: give a path."),
        (("--as",), "--as"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    export: Export, words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = export(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_there_is_told(trained: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(trained.path), "export", "zzzz"]) == 2
    assert "No run begins with “zzzz”" in capsys.readouterr().err


def test_an_interrupt_leaves_nothing(trained: Home, tmp_path: Path) -> None:
    (run,) = trained.list_runs()
    words = ["--home", str(trained.path), "export", run.id, "--to", str(tmp_path / "it")]
    # Its end is waited for in the middle of the work: when the file of the second form is there.
    with subprocess.Popen(
        [sys.executable, "-m", "cae_tui", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not list(tmp_path.glob(".it.*/cae-tui-*.safetensors")):
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Interrupted." in err
    assert list(tmp_path.iterdir()) == []
