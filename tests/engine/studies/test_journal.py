"""Optuna's journal of a study: whatever becomes of the file, `study.json` has all that was trained."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, RunStarted
from engine.runs.directory import Home
from engine.studies.journal import RANDOM_TRIALS
from engine.studies.planning import create
from engine.studies.records import Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study
from tests.engine.studies.conftest import Watcher, table
from tests.engine.tiny import tiny, write_files

TRIALS = RANDOM_TRIALS + 4
SPACE = {"kernels": "1..6", "learning_rate": "0.00001..0.1"}


class Stopper(Watcher):
    """Asks to stop once so many epochs were completed, over all trials."""

    def __init__(self, flag: Flag, at: int) -> None:
        super().__init__()
        self.flag, self.at = flag, at

    def emit(self, trial: Trial, event: Event) -> None:
        super().emit(trial, event)
        if sum(isinstance(heard, EpochEnded) for heard in self.events) == self.at:
            self.flag.ask(Asked.STOP)


@dataclass
class Halfway:
    """A search that was stopped in a trial which TPE proposed, and the same one as it ends when it is left alone."""

    home: Home
    id: str
    whole: StudyRecord

    def copy(self, folder: Path) -> tuple[Home, StudyDirectory]:
        """One to spoil."""
        shutil.copytree(self.home.path, folder)
        home = Home(folder)
        return home, Studies(home).find(self.id)


def search(files: dict[str, Path]) -> StudySpec:
    return make_study("search", tiny(files, epochs=4), SPACE, trials=TRIALS)


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Halfway:
    folder = tmp_path_factory.mktemp("halfway")
    files = write_files(folder)
    alone, home = Home(folder / "alone"), Home(folder / "home")
    whole = work_on(alone, create(alone, search(files)), Watcher(), Flag())
    epochs = sum(trial.epochs for trial in whole.trials[: TRIALS - 2]) + 1
    assert {"pruned", "finished"} <= {trial.state for trial in whole.trials}
    directory, flag = create(home, search(files)), Flag()
    stopped = work_on(home, directory, Stopper(flag, epochs), flag)
    assert (stopped.state, len(stopped.trials)) == ("stopped", TRIALS - 1)
    return Halfway(home, directory.id, whole)


def lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines(keepends=True)


def in_the_middle(text: str) -> Callable[[Path], None]:
    def spoil(journal: Path) -> None:
        found = lines(journal)
        journal.write_text("".join([*found[:9], text, *found[9:]]))

    return spoil


def tear_a_line(journal: Path) -> None:
    found = lines(journal)
    journal.write_text("".join([*found[:20], found[20][:25], *found[21:]]))


def leave_out_every_other_line(journal: Path) -> None:
    journal.write_text("".join(lines(journal)[::2]))


def leave_out_a_reported_loss(journal: Path) -> None:
    found = lines(journal)
    at = next(place for place, line in enumerate(found) if '"intermediate_value"' in line)
    journal.write_text("".join([*found[:at], *found[at + 1 :]]))


def tell_other_numbers(journal: Path) -> None:
    entries = [json.loads(line) for line in lines(journal)]
    for entry in entries:
        if entry.get("values"):
            entry["values"] = [1 - value for value in entry["values"]]
    assert any(entry.get("values") for entry in entries)
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def put_a_folder_there(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()
    (journal / "note").touch()


def put_another_study_there(journal: Path) -> None:
    journal.unlink()
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    other = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="other")
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)


def put_the_same_name_there(journal: Path) -> None:
    journal.unlink()
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    optuna.create_study(storage=storage, study_name=journal.parent.name, direction="maximize")


def put_a_link_to_nothing_there(journal: Path) -> None:
    journal.unlink()
    journal.symlink_to("gone")


def put_a_pipe_there(journal: Path) -> None:
    journal.unlink()
    os.mkfifo(journal)


def put_a_folder_for_its_lock(journal: Path) -> None:
    journal.with_name("journal.log.lock").mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "removed": lambda journal: journal.unlink(),
    "emptied": lambda journal: journal.write_bytes(b""),
    "blank": lambda journal: journal.write_text("\n\n \n"),
    "a blank line": in_the_middle("\n"),
    "words": in_the_middle("# kept by hand\n"),
    "another program's line": in_the_middle('{"level":"info","message":"hello"}\n'),
    "an entry of no kind": in_the_middle('{"op_code":99,"worker_id":"x"}\n'),
    "an entry of no trial": in_the_middle('{"op_code":6,"worker_id":"x","trial_id":999,"state":1,"values":[1]}\n'),
    "a line that is too deep": in_the_middle("[" * 100_000 + "\n"),
    "a torn line": tear_a_line,
    "no end of the last line": lambda journal: journal.write_bytes(journal.read_bytes()[:-1]),
    "half of its lines": leave_out_every_other_line,
    "without a loss": leave_out_a_reported_loss,
    "other numbers": tell_other_numbers,
    "noise": lambda journal: journal.write_bytes(bytes(range(256)) * 50),
    "a folder": put_a_folder_there,
    "another study": put_another_study_there,
    "a study of the same name": put_the_same_name_there,
    "a link to nothing": put_a_link_to_nothing_there,
    "a pipe": put_a_pipe_there,
    "a folder for its lock": put_a_folder_for_its_lock,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_became_of_its_journal_a_search_goes_on_as_one_left_alone(
    halfway: Halfway, tmp_path: Path, damage: str
) -> None:
    home, directory = halfway.copy(tmp_path / "home")
    DAMAGE[damage](directory.journal)
    watcher = Watcher()
    done = work_on(home, directory, watcher, Flag())
    assert table(done) == table(halfway.whole)
    assert sum(isinstance(event, RunStarted) for event in watcher.events) == 1  # the last, which had not begun
    assert len(home.ids()) == TRIALS
    backend = optuna.storages.journal.JournalFileBackend(str(directory.journal))
    storage = optuna.storages.JournalStorage(backend)
    assert optuna.get_all_study_names(storage) == [directory.id]
    trials = optuna.load_study(study_name=directory.id, storage=storage).trials
    points = done.stages[0].points
    assert [trials[point.optuna or 0].params["learning_rate"] for point in points] == [
        float(point.values["learning_rate"]) for point in points
    ]
    assert [trials[point.optuna or 0].value for point in points if point.complete] == [
        point.loss for point in points if point.complete
    ]
    assert [trial.state.name for trial in trials].count("PRUNED") == [t.state for t in done.trials].count("pruned")


def test_a_journal_that_is_right_is_left_as_it_is(halfway: Halfway, tmp_path: Path) -> None:
    home, directory = halfway.copy(tmp_path / "home")
    before = directory.journal.read_bytes()
    work_on(home, directory, Watcher(), Flag())
    assert directory.journal.read_bytes().startswith(before)
    assert not list(directory.path.glob("journal.log.*"))


def test_what_stood_in_place_of_a_journal_is_kept_beside_it(halfway: Halfway, tmp_path: Path) -> None:
    home, directory = halfway.copy(tmp_path / "home")
    directory.journal.write_bytes(b'{"op_code":99,"worker_id":"x"}\n')
    work_on(home, directory, Watcher(), Flag())
    assert directory.journal.with_name("journal.log.damaged-1").read_bytes() == b'{"op_code":99,"worker_id":"x"}\n'


@pytest.mark.parametrize("damage", ["removed", "emptied", "a blank line", "half of its lines", "noise"])
def test_so_does_a_grid(tmp_path: Path, damage: str) -> None:
    spec = make_study("grid", tiny(write_files(tmp_path), epochs=1), {"kernels": "1,2,3", "activation": "relu,silu"})
    home = Home(tmp_path / "home")
    directory, flag = create(home, spec), Flag()
    assert work_on(home, directory, Stopper(flag, 5), flag).state == "stopped"
    DAMAGE[damage](directory.journal)
    done = work_on(home, directory, Watcher(), Flag())
    assert done.state == "finished"
    assert len(home.ids()) == 6
    backend = optuna.storages.journal.JournalFileBackend(str(directory.journal))
    trials = optuna.load_study(study_name=directory.id, storage=optuna.storages.JournalStorage(backend)).trials
    assert {trial.user_attrs["point"]: trial.value for trial in trials} == {
        f"1.{place}": point.loss for place, point in enumerate(done.stages[0].points, start=1)
    }
    assert len(trials) == 6


def test_a_failure_that_was_mended_is_mended_in_the_journal_too(halfway: Halfway, tmp_path: Path) -> None:
    home, directory = halfway.copy(tmp_path / "home")
    content = json.loads(directory.study.read_text())
    trial = content["stages"][0]["points"][0]["trials"][0]
    home.delete(home.find(trial["run"]))
    kept = {name: trial[name] for name in ("number", "seed", "planned")}
    content["stages"][0]["points"][0]["trials"][0] = {**kept, "state": "failed", "message": "No memory."}
    directory.study.write_text(json.dumps(content))
    done = work_on(home, directory, Watcher(), Flag())
    assert done.trials[0].epochs > 0
    backend = optuna.storages.journal.JournalFileBackend(str(directory.journal))
    trials = optuna.load_study(study_name=directory.id, storage=optuna.storages.JournalStorage(backend)).trials
    assert trials[0].state.name == {"finished": "COMPLETE", "pruned": "PRUNED"}[done.trials[0].state]
