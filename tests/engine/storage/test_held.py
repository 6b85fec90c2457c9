"""Folders that one process holds: those of runs and those of studies alike."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import EngineError, RunError, StudyError
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.storage.held import LEFT_OVER_SECONDS, HeldFolder, HeldFolders, new_id, shortest_prefixes
from engine.studies.records import StageRecord, Studies, StudyDirectory, StudyRecord

RUNNING = RunStatus(id="", kind="autoencoder", title="a", state="running")
STUDY = {"mode": "one", "trials": 1, "repeats": 1, "baseline": {"kind": "autoencoder"}}


class Kind:
    """The folders of one kind in a home."""

    def __init__(self, folders: HeldFolders[RunDirectory] | HeldFolders[StudyDirectory], error: type[EngineError]):
        self.folders, self.error = folders, error

    def create(self) -> RunDirectory | StudyDirectory:
        """A new one, at work by what is written in it."""
        if isinstance(self.folders, Home):
            return self.folders.create(lambda run: run.write_status(RUNNING))
        assert isinstance(self.folders, Studies)
        return self.folders.create(
            lambda study: study.write(
                StudyRecord(id=study.id, spec=STUDY, stages=[StageRecord(names=["layers"], points=[])])
            )
        )

    def delete(self, one: RunDirectory | StudyDirectory) -> None:
        self.folders.delete(one)  # type: ignore[arg-type]  # it is one of these folders


def state_of(one: HeldFolder) -> str:
    return one.read_status().state if isinstance(one, RunDirectory) else one.read().state  # type: ignore[attr-defined]  # the other has read()


@pytest.fixture(params=["runs", "studies"])
def kind(home: Home, request: pytest.FixtureRequest) -> Kind:
    return Kind(home, RunError) if request.param == "runs" else Kind(Studies(home), StudyError)


def test_ids_have_ten_characters_and_are_found_by_their_beginning(kind: Kind) -> None:
    made = [kind.create() for _ in range(20)]
    assert sorted(one.id for one in made) == kind.folders.ids()
    assert all(len(one.id) == 10 for one in made)
    prefixes = shortest_prefixes(kind.folders.ids())
    for one in made:
        assert kind.folders.find(prefixes[one.id]).path == one.path
        assert kind.folders.find(one.id.upper()).path == one.path


def test_no_seed_makes_two_ids_alike() -> None:
    random.seed(0)
    one = new_id()
    random.seed(0)
    assert new_id() != one


def test_the_shortest_prefix_has_at_least_four_characters_and_is_unique() -> None:
    ids = ["aaaa000000", "aaaa100000", "aaaa1b0000", "bbbb000000"]
    assert shortest_prefixes(ids) == {
        "aaaa000000": "aaaa0",
        "aaaa100000": "aaaa10",
        "aaaa1b0000": "aaaa1b",
        "bbbb000000": "bbbb",
    }


@pytest.mark.parametrize("prefix", ["", "zzzz", "../../etc", "a/b", "[red]", "{id}", "\x1b]0;x\x07"])
def test_an_unknown_one_is_refused_in_words(kind: Kind, prefix: str) -> None:
    kind.create()
    with pytest.raises(kind.error, match=r"No (run|study) begins with") as refused:
        kind.folders.find(prefix)
    assert "\x1b" not in str(refused.value)
    assert f"in {kind.folders.folder}: `cae-tui " in str(refused.value)


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        (lambda home: home, "2 runs begin with “aaaa” (aaaa000000, aaaa100000): type more of the id."),
        (Studies, "2 studies begin with “aaaa” (aaaa000000, aaaa100000): give more of the id."),
    ],
)
def test_an_ambiguous_prefix_names_them(
    home: Home, folders: Callable[[Home], HeldFolders[HeldFolder]], sentence: str
) -> None:
    for name in ("aaaa000000", "aaaa100000"):
        (folders(home).folder / name).mkdir(parents=True)
    with pytest.raises(EngineError) as refused:
        folders(home).find("aaaa")
    assert str(refused.value) == sentence


def test_one_that_could_not_be_filled_is_not_there(home: Home) -> None:
    def fails(study: StudyDirectory) -> None:
        assert Studies(home).ids() == []
        raise StudyError("It cannot be written.")

    with pytest.raises(StudyError, match="cannot be written"):
        Studies(home).create(fails)
    assert list(Studies(home).folder.iterdir()) == []


def test_what_a_killed_process_left_half_made_or_half_deleted_is_taken_away_a_day_later(kind: Kind) -> None:
    one = kind.create()
    new, old, others = (kind.folders.folder / name for name in (".0a1b2c3d", f".{one.id}.0a1b2c3d", ".mine"))
    for folder in (new, old, others):
        (folder / "inner").mkdir(parents=True)
    long_ago = time.time() - LEFT_OVER_SECONDS - 60
    for folder in (old, others):
        os.utime(folder, (long_ago, long_ago))
    kind.create()
    assert new.exists()
    assert not old.exists()
    assert others.exists()
    assert one.path.exists()


def test_one_belongs_to_one_process_and_a_dead_one_leaves_it_free(kind: Kind) -> None:
    one = kind.create()
    program = (
        "import sys, pathlib; from engine.storage.held import HeldFolder\n"
        "with HeldFolder(pathlib.Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(one.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert one.is_held()
        with pytest.raises(kind.error, match="in another process"), one.locked():
            pass
        with pytest.raises(kind.error, match="stop it first"):
            kind.delete(one)
        process.kill()
    assert not one.is_held()
    with one.locked():
        pass
    kind.delete(one)
    assert list(kind.folders.folder.iterdir()) == []


def test_whether_one_is_alive_is_asked_of_one_place(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """What works elsewhere holds no lock here: where something else says that it is alive, everybody believes it."""
    one, cut_off = kind.create(), kind.create()
    assert (one.is_held(), state_of(one)) == (False, "cut off")
    monkeypatch.setattr("engine.storage.held.is_alive", lambda folder: folder == one.path)
    assert (one.is_held(), state_of(one)) == (True, "running")
    listed = kind.folders.list_runs() if isinstance(kind.folders, Home) else Studies.list(kind.folders)  # type: ignore[arg-type]  # it is one of the two
    assert {found.id: found.state for found in listed} == {one.id: "running", cut_off.id: "cut off"}
    with pytest.raises(kind.error, match="stop it first"):
        kind.delete(one)
