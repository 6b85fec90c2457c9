"""What a search tries: nothing twice, and nothing that is left out as long as there is something left."""

import json
from pathlib import Path

import pytest

from engine.documents.study import write_report
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, RunStarted
from engine.runs.directory import Home
from engine.studies.planning import create, plan
from engine.studies.records import Studies, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study
from tests.engine.studies.conftest import Watcher, do, table
from tests.engine.tiny import tiny, write_files


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sixty images of eight by eight pixels."""
    return write_files(tmp_path_factory.mktemp("few"))


def begun(watcher: Watcher) -> int:
    return sum(isinstance(event, RunStarted) for event in watcher.events)


def values(record: StudyRecord, name: str) -> list[str]:
    return [point.values[name] for point in record.stages[0].points]


def test_a_search_tries_every_value_once_and_says_that_it_has_tried_all(home: Home, few: dict[str, Path]) -> None:
    spec = make_study("search", tiny(few, epochs=4), {"kernels": "1..11"}, trials=27)
    assert plan(home, spec).total == 11
    watcher = Watcher()
    directory, done = do(home, spec, watcher)
    assert begun(watcher) == 11
    assert sorted(map(int, values(done, "kernels"))) == list(range(1, 12))
    assert "pruned" in {trial.state for trial in done.trials}  # those count as tried
    assert (done.state, done.done, done.total) == ("finished", 11, 11)
    assert done.message == "All 11 combinations were tried, so the search ended early."
    assert directory.read().message == done.message
    assert done.message in write_report(home, directory, done)[0].read_text()
    assert done.stages[0].pick is not None


@pytest.mark.parametrize(("kernels", "words"), [("2", "The only combination was"), ("1,2", "Both combinations were")])
def test_a_search_of_one_or_two_combinations_counts_them_in_words(
    home: Home, few: dict[str, Path], kernels: str, words: str
) -> None:
    _, done = do(home, make_study("search", tiny(few, epochs=1), {"kernels": kernels}, trials=6))
    assert done.message == f"{words} tried, so the search ended early."


def test_every_combination_of_a_small_space_is_tried_with_each_of_its_seeds(home: Home, few: dict[str, Path]) -> None:
    space = {"kernels": "1,2", "activation": "relu,silu", "batch_size": "8..9", "residual": "no"}
    watcher = Watcher()
    _, done = do(home, make_study("search", tiny(few, epochs=1), space, trials=20, repeats=2, prune="no"), watcher)
    assert len({tuple(point.values.values()) for point in done.stages[0].points}) == len(done.stages[0].points) == 8
    assert begun(watcher) == len(done.trials) == 16
    assert done.total == 16


def test_fewer_trials_than_there_are_combinations_are_all_different(home: Home, few: dict[str, Path]) -> None:
    _, done = do(home, make_study("search", tiny(few, epochs=1), {"kernels": "1..14"}, trials=13, prune="no"))
    assert len(set(values(done, "kernels"))) == 13
    assert done.message == ""


def test_a_space_without_an_end_is_searched_to_the_last_trial(home: Home, few: dict[str, Path]) -> None:
    space = {"kernels": "1,2", "dropout": "0..0.5"}
    _, done = do(home, make_study("search", tiny(few, epochs=1), space, trials=3))
    assert (len(done.trials), done.total, done.message) == (3, 3, "")


def test_a_search_that_replaces_what_repeats_is_the_same_after_each_stop(home: Home, few: dict[str, Path]) -> None:
    spec = make_study("search", tiny(few, epochs=2), {"kernels": "1..3", "activation": "relu,silu"}, trials=30)
    _, whole = do(home, spec)
    assert len(whole.trials) == 6

    class Stopper(Watcher):
        def emit(self, trial: Trial, event: Event) -> None:
            super().emit(trial, event)
            if sum(isinstance(heard, EpochEnded) for heard in self.events) == 3:
                flag.ask(Asked.STOP)

    directory = create(home, spec)
    for _ in range(30):
        flag = Flag()
        if (resumed := work_on(home, directory, Stopper(), flag)).state == "finished":
            break
    assert table(resumed) == table(whole)
    assert resumed.message == whole.message


def test_a_point_that_an_older_version_proposed_again_is_not_trained_again(home: Home, few: dict[str, Path]) -> None:
    """Version 0.1.0 wrote points down that were there before; a pruned one it trained anew."""
    spec = make_study("search", tiny(few, epochs=4), {"kernels": "1..6", "learning_rate": "0.00001..0.3"}, trials=12)
    directory, done = do(home, spec)
    pruned = next(point for point in done.stages[0].points if point.state == "pruned")
    content = json.loads(directory.study.read_text())
    last = content["stages"][0]["points"][-1]
    first = last["trials"][0]
    home.delete(home.find(first["run"]))
    last["values"] = pruned.values
    last["trials"] = [{name: first[name] for name in ("number", "seed", "planned")}]
    content["state"] = "stopped"
    content["stages"][0] |= {"pick": None, "proposed": None, "picked": {}, "reason": ""}
    directory.study.write_text(json.dumps(content))
    watcher = Watcher()
    resumed = work_on(home, directory, watcher, Flag())
    assert begun(watcher) == 0
    again = resumed.trials[-1]
    assert (again.state, again.run, again.shared) == ("pruned", pruned.trials[0].run, True)
    assert again.validation == pruned.trials[0].validation
    assert Studies(home).find(directory.id).read().state == "finished"


def test_a_time_limit_that_ends_a_search_is_told(home: Home, few: dict[str, Path]) -> None:
    spec = make_study("search", tiny(few, epochs=1), {"learning_rate": "0.0001..0.01"}, trials=900, minutes=0.01)
    _, done = do(home, spec)
    count = len(done.trials)
    assert 1 <= count < 900
    assert done.message == f"The time limit of 0.01 min was reached after {count} of 900 trials."
    assert done.total == count
