"""A full disk, for real: a small tmpfs where one can be mounted, a limit to the size of files everywhere."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from cae_tui.app.screenshot import save_screenshot
from engine.errors import EngineError, StorageError
from engine.exporters import export
from engine.jobs import ending
from engine.protocol.control import Asked
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    Paused,
    RunEnded,
    StageStarted,
)
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home
from engine.runs.recorder import list_checkpoints, read_checkpoint
from engine.storage.files import Put, write_json
from engine.studies.planning import create
from engine.studies.records import StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study
from tests.cae_tui.conftest import MakeApp
from tests.cae_tui.conftest import make_app as make_app
from tests.engine.studies.conftest import Watcher
from tests.engine.tiny import tiny
from tests.faults.conftest import Training, assert_same_weights, resume, train, wait_for


class Disk(Protocol):
    """A folder whose disk can be filled and emptied."""

    folder: Path

    def fill(self) -> None:
        """Leave no room."""

    def empty(self) -> None:
        """Make room again."""


class SmallTmpfs:
    """A file system of its own, of so many bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")

    def fill(self) -> None:
        """Write a file until nothing more is taken, then every last byte of the pages that files have begun."""
        with open(self.folder / "filler", "wb", buffering=0) as file:
            for size in (65536, 1):
                while True:
                    try:
                        file.write(b"\0" * size)
                    except OSError:
                        break

    def empty(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)


class LimitedFiles:
    """The disk as it is, where no file may become longer than one byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, self._before[1]))

    def empty(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@pytest.fixture(params=[SmallTmpfs, LimitedFiles])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr("engine.runs.recorder.ROOM_SECONDS", 0.05)
    disk: Disk = request.param(tmp_path / "disk")
    try:
        yield disk
    finally:
        disk.empty()
        if isinstance(disk, SmallTmpfs):
            subprocess.run(["umount", "-l", str(disk.folder)], check=True)


def once(kind: type[Event], do: Callable[[], None]) -> Callable[[Event], None]:
    """Calls `do` when the first event of that kind is told."""
    done: list[Event] = []

    def look(event: Event) -> None:
        if isinstance(event, kind) and not done:
            done.append(event)
            do()

    return look


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(StageStarted, id="checkpoint"),
        pytest.param(BatchEnded, id="event"),
        pytest.param(EpochEnded, id="samples"),
        pytest.param(EvaluationStarted, id="predictions"),
    ],
)
def test_a_run_waits_while_the_disk_is_full_and_goes_on_as_if_it_never_had_been(
    disk: Disk, home: Home, files: dict[str, Path], kind: type[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    whole, _, told = train(home, tiny(files))
    small = Home(disk.folder / "home")
    training = Training.start(small, tiny(files), once(kind, disk.fill))
    paused = training.wait_for(Paused)
    assert paused.message.startswith(
        f"The disk is full: the files of run {small.ids()[0]} no longer fit in {small.runs}."
    )
    assert "continues by itself" in paused.message
    run = small.find(small.ids()[0])
    assert all(read_tensors(checkpoint) for checkpoint in list_checkpoints(run))
    disk.empty()
    assert training.end().state == "finished"
    assert_same_weights(run, whole)
    assert run.read_status().state == "finished"
    stored = run.read_events()[0]
    kinds = [type(event) for event in stored if not isinstance(event, Paused | Continued)]
    assert kinds == [type(event) for event in told]  # each line is there once, and none of them is torn
    assert len(stored) == run.events.read_bytes().count(b"\n")
    assert isinstance(stored[-1], RunEnded)
    assert not list(run.path.rglob(".*"))


def test_a_line_that_there_is_room_for_half_of_is_taken_back(home: Home, files: dict[str, Path]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def leave_twenty_bytes() -> None:
        size = home.find(home.ids()[0]).events.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))

    try:
        training = Training.start(home, tiny(files), once(EpochEnded, leave_twenty_bytes))
        training.wait_for(Paused)
        run = home.find(home.ids()[0])
        assert run.events.read_bytes().endswith(b"}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert training.end().state == "finished"
    assert len(run.read_events()[0]) == run.events.read_bytes().count(b"\n")


def test_a_run_whose_last_word_had_to_wait_for_room_is_finished(
    disk: Disk, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_and_fill(path: Path, kind: str, values: dict[str, Any], put: Put) -> None:
        write_json(path, kind, values, put)
        disk.fill()

    monkeypatch.setattr(ending, "write_json", write_and_fill)  # of `result.json`; the status comes after it
    small = Home(disk.folder / "home")
    training = Training.start(small, tiny(files))
    training.wait_for(Paused)
    disk.empty()
    assert training.end().state == "finished"
    assert small.list_runs()[0].state == "finished"


def test_a_run_that_is_stopped_while_it_waits_for_room_goes_on_from_its_last_checkpoint_later(
    disk: Disk, home: Home, files: dict[str, Path]
) -> None:
    whole, _, _ = train(home, tiny(files))
    small = Home(disk.folder / "home")
    training = Training.start(small, tiny(files), once(EpochEnded, disk.fill))
    training.wait_for(Paused)
    training.flag.ask(Asked.STOP)
    result = training.end()
    assert result.state == "failed"
    assert "could not be written" in result.message
    assert result.message.endswith("Resume it to continue from the last checkpoint.")
    run = small.find(result.id)
    assert run.read_status().resumable
    assert read_checkpoint(run)
    disk.empty()
    assert resume(run).state == "finished"
    assert_same_weights(run, whole)


def test_a_study_waits_with_its_trial_and_goes_on_with_it(disk: Disk, files: dict[str, Path]) -> None:
    small = Home(disk.folder / "home")
    directory = create(small, make_study("one", tiny(files), {"kernels": "2,3"}))
    states: list[str] = []

    class Filler(Watcher):
        def emit(self, trial: Trial, event: Event) -> None:
            super().emit(trial, event)
            fill(event)

        def changed(self, study: StudyRecord) -> None:
            states.append(study.state)

    fill = once(EpochEnded, disk.fill)
    watcher = Filler()
    training = Training(lambda emit, flag: work_on(small, directory, watcher, flag))
    wait_for(lambda: "paused" in states, "the pause")
    disk.empty()
    assert training.end().state == "finished"
    assert [type(event) for event in watcher.events].count(Paused) == 1
    assert all(trial.state == "finished" for trial in directory.read().trials)


def test_a_run_that_there_is_no_room_for_from_the_beginning_is_refused_and_leaves_nothing(
    disk: Disk, files: dict[str, Path]
) -> None:
    small = Home(disk.folder / "home")
    small.runs.mkdir(parents=True)
    disk.fill()
    with pytest.raises(StorageError, match=r"could not be written.*Make room"):
        train(small, tiny(files))
    disk.empty()
    assert list(small.runs.iterdir()) == []


async def test_an_export_that_there_is_no_room_for_is_refused_in_words_and_leaves_nothing(
    disk: Disk, home: Home, files: dict[str, Path], make_app: MakeApp
) -> None:
    run, _, _ = train(home, tiny(files))
    app = make_app()
    async with app.run_test():
        exports: list[Callable[[], object]] = [
            lambda: export(home, "model", [run], disk.folder / "model.safetensors"),
            lambda: export(home, "csv", [run], disk.folder / "runs.csv"),
            lambda: save_screenshot(app, disk.folder / "picture.svg"),
        ]
        disk.fill()
        for write in exports:
            with pytest.raises(EngineError, match=r"could not be written: .*\. Make room"):
                write()
        disk.empty()
        assert [path.name for path in disk.folder.iterdir()] == []
        for write in exports:
            write()


def test_the_command_line_says_that_it_waits_for_room_and_ends_well_once_there_is_some(
    home: Home, files: dict[str, Path]
) -> None:
    flags = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    words = ["--epochs", "20000", "--layers", "4", "--kernels", "2", "--downsamplings", "1", "--batch-size", "8"]
    with subprocess.Popen(
        [sys.executable, "-m", "cae_tui", "--home", str(home.path), "autoencoder", *words, *flags, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        wait_for(lambda: home.list_runs() and home.list_runs()[0].epoch, "an epoch")
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        assert process.stderr is not None
        line = next(line for line in process.stderr if "The disk is full" in line)
        assert "continues by itself" in line
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        assert "continuing\n" in process.stderr
        process.terminate()
        process.communicate(timeout=90)
    assert process.returncode == 130
    assert home.list_runs()[0].state == "stopped"
