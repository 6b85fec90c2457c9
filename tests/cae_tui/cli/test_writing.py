"""What the commands that write files have in common when something comes in between."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cae_tui.cli import main as cli
from cae_tui.cli.main import WRITING, main
from engine.runs.directory import Home
from engine.storage.files import written_whole

Trained = tuple[Home, dict[str, str], Path]


def run(home: Home, *words: str) -> int:
    return main(["--home", str(home.path), *words])


def test_a_pipe_that_is_closed_ends_the_printing_and_not_the_writing(trained: Trained, tmp_path: Path) -> None:
    home, ids, new = trained
    rebuilt = tmp_path / "rebuilt"
    command = [sys.executable, "-m", "cae_tui", "--home", str(home.path)]
    words = ["reconstruct", ids["autoencoder"], str(new), "--to", str(rebuilt)]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()  # nobody reads
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait() == 0, said
    assert "could not be written" not in said
    assert len(list(rebuilt.rglob("*.png"))) == 10


@pytest.mark.parametrize("csv", ["rebuilt", "rebuilt/x.csv"])
def test_a_csv_in_the_way_of_the_folder_is_refused_at_once(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], csv: str
) -> None:
    home, ids, new = trained
    words = [
        "reconstruct",
        ids["autoencoder"],
        str(new),
        "--to",
        str(tmp_path / "rebuilt"),
        "--csv",
        f"{tmp_path}/{csv}",
    ]
    assert run(home, *words) == 2
    assert "are in each other's way" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("report", "{classifier}", "--to", " "),
        ("encode", "{classifier}", "{new}", "--to", ""),
        ("reconstruct", "{classifier}", "{new}", "--to", ""),
        ("predict", "{classifier}", "{new}", "--csv", ""),
        ("predict", "{classifier}", "{new}", "--csv", "{there}/"),
        ("predict", "{classifier}", ""),
        ("predict", "{classifier}", "{new}", "mnist"),
    ],
)
def test_an_empty_place_is_refused_in_a_sentence(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    home, ids, new = trained
    monkeypatch.chdir(tmp_path)
    assert run(home, *(word.format(classifier=ids["classifier"], new=new, there=tmp_path) for word in words)) == 2
    said = capsys.readouterr().err
    assert "names no" in said or "is empty" in said or "is a set: name it alone" in said
    assert not list(tmp_path.iterdir())


def test_where_no_picture_can_be_read_no_answers_are_written(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, _ = trained
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a\nb\x1b[2J.png").write_bytes(b"no picture")
    answers = tmp_path / "answers.csv"
    assert run(home, "predict", ids["classifier"], str(tmp_path / "bad"), "--csv", str(answers)) == 2
    said = capsys.readouterr().err
    assert "nothing was written" in said
    assert "\x1b" not in said
    assert len([line for line in said.splitlines() if "is not in a picture format" in line and "a" in line]) == 1
    assert not answers.exists()


def test_a_name_of_two_lines_stays_in_its_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    (tmp_path / "some").mkdir()
    for number, picture in enumerate(sorted(new.rglob("*.png"))[:2]):
        shutil.copy(picture, tmp_path / "some" / f"{number}\nx.png")
    assert run(home, "reconstruct", ids["autoencoder"], str(tmp_path / "some"), "--to", str(tmp_path / "out")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("0." in line or "e-" in line for line in lines)


def test_whoever_is_asked_to_end_leaves_nothing_half_written(tmp_path: Path) -> None:
    def write() -> None:
        with written_whole(tmp_path / "x.csv") as sibling:
            sibling.write_text("half")
            cli._end_in_order(signal.SIGTERM, None)

    with pytest.raises(SystemExit):
        write()
    assert not list(tmp_path.iterdir())


def test_the_commands_that_write_take_requests_to_end(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, ids, new = trained
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    taken: dict[int, Any] = {}
    given = signal.signal

    def take(number: int, handler: Any) -> Any:
        taken.setdefault(number, handler)
        return given(number, handler)

    monkeypatch.setattr("cae_tui.cli.main.signal.signal", take)
    assert run(home, "predict", ids["classifier"], str(new)) == 0
    assert taken == {signal.SIGTERM: cli._end_in_order, signal.SIGHUP: cli._end_in_order}
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
    assert "predict" in WRITING
    assert "autoencoder" not in WRITING
    assert capsys.readouterr().out
