"""Homes that cannot be written, lie elsewhere, have odd names, or are used by two processes at once."""

import ctypes
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cae_tui.cli.main import main
from engine import jobs, preparation
from engine.errors import StorageError
from engine.exporters import export
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import LONGEST_NAME
from tests.engine.tiny import tiny, write_files
from tests.faults.conftest import assert_same_weights, resume, train, wait_for

ROOT = Path(__file__).parents[2]
SMALL = ("--layers", "4", "--kernels", "2", "--downsamplings", "1", "--batch-size", "8", "--epochs", "2")
DROP_FROM_BOUNDING_SET, PASS_OVER_WRITING, PASS_OVER_READING = 24, 1, 2  # as linux/prctl.h and capability.h have them


def flags(files: dict[str, Path]) -> list[str]:
    return [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]


def as_anybody() -> None:
    """Let no file mode be passed over, as root may, in what is executed next."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for right in (PASS_OVER_WRITING, PASS_OVER_READING):
            assert libc.prctl(DROP_FROM_BOUNDING_SET, right, 0, 0, 0) == 0


def spawn(home: str | bytes, *words: str | bytes) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cae_tui", "--home", home, *words], cwd=ROOT, preexec_fn=as_anybody, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def call(home: str | bytes, *words: str | bytes) -> tuple[int, str, str]:
    with spawn(home, *words) as process:
        out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert "nexpected error" not in err
    return process.returncode, out, err


# -- a home that cannot be written ----------------------------------------------------------------


@pytest.fixture
def locked_up(home: Home, files: dict[str, Path]) -> Iterator[tuple[Home, RunDirectory, RunDirectory]]:
    """A home with a complete and a stopped run, in which nothing may be written."""
    done, _, _ = train(home, tiny(files))
    flag = Flag()

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded):
            flag.ask(Asked.STOP)

    stopped = home.find(jobs.start(home, tiny(files), stop, flag).id)
    places = [home.path, *(path for path in home.path.rglob("*"))]
    modes = {path: path.stat().st_mode for path in places}
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield home, done, stopped
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_home_that_cannot_be_written_can_be_read_and_what_would_write_says_why_not(
    locked_up: tuple[Home, RunDirectory, RunDirectory], files: dict[str, Path]
) -> None:
    home, done, stopped = locked_up
    code, out, err = call(str(home.path), "runs")
    assert (code, err) == (0, "")
    assert done.id[:4] in out
    assert stopped.id[:4] in out
    code, out, _ = call(str(home.path), "report", done.id)
    assert code == 0
    assert "finished" in out
    for words in (["autoencoder", *SMALL, *flags(files)], ["resume", stopped.id], ["resume", stopped.id, "--detach"]):
        code, out, err = call(str(home.path), *words)
        assert (code, out) == (2, ""), err
        if "--detach" in words:
            assert f"could not be started: `cae-tui --home {home.path} resume {stopped.id}` shows why" in err
        else:
            assert f"{home.path}" in err
            assert "could not be written: Permission denied" in err
    assert set(home.ids()) == {done.id, stopped.id}


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "mine").mkdir(mode=0o555)
    code, _, err = call(str(tmp_path / "mine" / "home"), "autoencoder", *SMALL, *flags(files))
    assert code == 2
    assert "Permission denied. Choose another folder, or make this one writable" in err
    assert call(str(tmp_path / "mine" / "home"), "runs")[0] == 0


# -- a home elsewhere, with odd names -------------------------------------------------------------


def test_a_home_on_another_file_system_behind_a_link_works(
    tmp_path: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    there = next((Path(place) for place in ("/dev/shm", "/run", "/var/tmp") if other_disk(place, tmp_path)), None)
    if there is None:
        pytest.skip("there is no other file system that may be written here")
    folder = there / f"cae-tui-{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        (tmp_path / "link").symlink_to(folder)
        assert main(["--home", str(tmp_path / "link"), "autoencoder", *SMALL, *flags(files)]) == 0
        home = Home(tmp_path / "link")
        (run,) = (home.find(name) for name in home.ids())
        assert export(home, "model", [run], tmp_path / "model.safetensors").path.exists()
        home.delete(run)
        assert list((folder / "runs").iterdir()) == []
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def other_disk(place: str, than: Path) -> bool:
    """Whether a folder is on another file system and may be written."""
    return os.path.isdir(place) and os.access(place, os.W_OK) and os.stat(place).st_dev != than.stat().st_dev


NAMES = {
    "spaces and quotes": " a 'quoted' \"home\" ",
    "markup": "[red]home[b]",
    "a new line": "two\nlines",
    "other scripts": "家ホームдом🏠",
    "a dash": "-home",
    "200 characters": "x" * 200,
    "255 bytes": "é" * 127 + "x",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_home_and_images_of_any_name_work(
    name: str, tmp_path: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / NAMES[name]
    folder.mkdir()
    own = write_files(folder)
    home = Home(folder / NAMES[name])
    plain = Home(tmp_path / "plain")
    for place, named in ((plain, files), (home, own)):
        words = [f"--{field.replace('_', '-')}={path}" for field, path in named.items()]
        assert main([f"--home={place.path}", "autoencoder", *SMALL, "--json", *words]) == 0
    whole, run = (place.find(place.ids()[0]) for place in (plain, home))
    assert_same_weights(run, whole)
    assert run.read_spec()["spec"]["images"] == str(own["images"])
    for command in (["runs"], ["report", run.id], ["runs", "--csv", str(folder / "runs.csv")], ["doctor"]):
        assert main([f"--home={home.path}", *command]) == 0
    assert export(home, "model", [run], folder / f"{NAMES[name][:100]}.safetensors").path.exists()
    run.result.unlink()
    assert resume(run).state == "finished"


def test_names_that_are_not_utf_8_are_refused_in_words(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    assert main(["--home", str(folder), "autoencoder", *SMALL]) == 2
    assert "caf? is not valid UTF-8: rename it, or choose another folder." in capsys.readouterr().err
    own = write_files(folder)
    assert main(["--home", str(home.path), "autoencoder", *SMALL, "--images", str(own["images"])]) == 2
    assert "is not valid UTF-8: rename" in capsys.readouterr().err


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["--home", LONG, "runs"],
        ["--home", LONG, "autoencoder", *SMALL],
        ["autoencoder", *SMALL, "--images", LONG],
        ["classifier", "--encoder", LONG],
        ["classifier", "--encoder", f"there/{LONG}.safetensors"],
        ["runs", "--csv", LONG],
    ],
)
def test_a_name_that_no_file_can_have_is_refused_in_words(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path))
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "too long" in said or "a name has at most" in said
    assert "nexpected error" not in said


def test_a_model_is_saved_under_the_longest_name_that_a_file_can_have_and_under_no_longer_one(
    home: Home, files: dict[str, Path]
) -> None:
    run, _, _ = train(home, tiny(files))
    with pytest.raises(StorageError, match=r"The name xxxx.* has 300 bytes.*Choose a shorter one"):
        export(home, "model", [run], home.path / LONG)
    longest = home.path / f"{'🏠' * 60}xxx.safetensors"
    assert len(longest.name.encode()) == LONGEST_NAME
    assert export(home, "model", [run], longest).path.exists()


# -- a home of two processes ----------------------------------------------------------------------


def test_of_two_processes_that_take_up_one_run_one_trains_it_and_the_other_says_who_does(
    home: Home, files: dict[str, Path]
) -> None:
    whole, _, _ = train(home, tiny(files, epochs=40, patience=0))
    flag = Flag()
    flag.ask(Asked.STOP)
    run = home.find(jobs.start(home, tiny(files, epochs=40, patience=0), lambda event: None, flag).id)
    both = [spawn(str(home.path), "resume", run.id) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    for code, (_, err) in zip(codes, said, strict=True):
        assert "Traceback" not in err
        if code:
            assert code == 2
            # It came while the other trained, or after that.
            assert f"cae-tui --home {home.path} watch {run.id}" in err or "nothing left to resume" in err
    assert sorted(codes) == [0, 2]
    assert run.read_status().state == "finished"
    assert_same_weights(run, whole)
    epochs = [event.epoch for event in run.read_events()[0] if isinstance(event, EpochEnded)]
    assert epochs == list(range(1, 41))


def test_a_lock_that_a_dead_process_left_is_taken_over(home: Home, files: dict[str, Path]) -> None:
    spec = tiny(files, epochs=40, patience=0)
    run = preparation.create(home, spec).run
    with spawn(str(home.path), "resume", run.id) as process:
        wait_for(lambda: run.read_status().epoch, "an epoch")
        assert run.is_held()
        process.kill()
        process.communicate(timeout=60)
    assert run.lock.exists()
    assert run.read_status().state == "cut off"
    assert resume(run).state == "finished"
    whole, _, _ = train(home, spec)
    assert_same_weights(run, whole)


def test_two_processes_begin_runs_in_one_home_at_once(home: Home, files: dict[str, Path]) -> None:
    several = [spawn(str(home.path), "autoencoder", *SMALL, *flags(files), "--json") for _ in range(3)]
    results = [json.loads(process.communicate(timeout=120)[0]) for process in several]
    assert len({result["id"] for result in results}) == 3
    assert {run.id for run in home.list_runs()} == {result["id"] for result in results}
    assert {run.state for run in home.list_runs()} == {"finished"}
    assert home.unreadable == ()
