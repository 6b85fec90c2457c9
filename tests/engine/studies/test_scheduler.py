"""Studies from plan to pick: every kind, stopped and taken up, with wrong files."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import optuna
import pytest

from engine.data import cache
from engine.data.datasets import ImageData, load_dataset
from engine.data.reading import Reading
from engine.errors import DatasetError, EngineError, StudyError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, Paused, RunStarted
from engine.runs.directory import Home
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import DataFiles
from engine.studies.optuna_trials import importances
from engine.studies.planning import create, plan
from engine.studies.records import StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study, study_from_json
from tests.engine.conftest import small, small_classifier
from tests.engine.studies.conftest import Watcher, do, study, table
from tests.engine.tiny import tiny, write_files

Trials = list[optuna.trial.FrozenTrial]


def journal(directory: StudyDirectory) -> Trials:
    """What Optuna itself reads of it, as its dashboard does."""
    backend = optuna.storages.journal.JournalFileBackend(str(directory.journal))
    (name,) = optuna.get_all_study_names(optuna.storages.JournalStorage(backend))
    return optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend)).trials


class Stopper(Watcher):
    """Asks to stop in the middle of a trial; `at` counts completed epochs over all trials."""

    def __init__(self, flag: Flag, at: int, what: Asked = Asked.STOP) -> None:
        super().__init__()
        self.flag, self.at, self.what = flag, at, what

    def emit(self, trial: Trial, event: Event) -> None:
        super().emit(trial, event)
        if isinstance(event, EpochEnded):
            self.at -= 1
            if self.at == 0:
                self.flag.ask(self.what)


def test_one_at_a_time(home: Home, files: dict[str, Path]) -> None:
    planned = plan(home, study(files))
    assert [point.parameters for point in planned.stages[0].points] != [0, 0]
    directory, done = do(home, study(files))
    assert done.state == "finished"
    (stage,) = done.stages
    assert [point.values for point in stage.points] == [{"kernels": "4"}, {"kernels": "8"}]
    assert stage.points[0].parameters < stage.points[1].parameters
    assert stage.pick is not None
    assert "kernels: val_loss" in stage.reason
    assert (done.done, done.total, done.eta) == (2, 2, 0.0)
    runs = {run.trial: run for run in home.list_runs()}
    for number, trial in enumerate(done.trials, start=1):
        assert runs[number].study == done.id
        assert runs[number].id == trial.run
        assert runs[number].best_loss == trial.best_loss == min(trial.validation)
        assert trial.test_loss is not None
        assert len(trial.train) == 2
    assert table(directory.read()) == table(done)
    assert [(t.params, t.value) for t in journal(directory)] == [
        (({"kernels": int(p.values["kernels"])}), p.loss) for p in stage.points
    ]
    with pytest.raises(StudyError, match="nothing left to resume"):
        work_on(home, directory, Watcher(), Flag())


def test_the_pick_never_looks_at_the_test_set(home: Home, files: dict[str, Path]) -> None:
    """With other test images every number but the test losses is the same, and so is the pick's loss."""
    others = {**files, "test_images": files["images"], "test_labels": files["labels"]}
    (_, one), (_, other) = do(home, study(files, rule="lowest")), do(home, study(others, rule="lowest"))
    assert one.stages[0].pick == other.stages[0].pick
    assert [point.loss for point in one.stages[0].points] == [point.loss for point in other.stages[0].points]
    assert one.trials[0].test_loss != other.trials[0].test_loss


def test_repeats_have_seeds_of_their_own(home: Home, files: dict[str, Path]) -> None:
    _, done = do(home, study(files, values={"kernels": "4"}, repeats=2, epochs=1))
    (point,) = done.stages[0].points
    first, second = (trial.best_loss for trial in point.trials)
    assert [trial.seed for trial in point.trials] == [0, 1]
    assert first is not None
    assert second is not None
    assert first != second
    assert point.loss == pytest.approx((first + second) / 2)
    assert point.deviation("best_loss") == pytest.approx(abs(first - second) / 2**0.5)


def test_guided_carries_each_pick_on_and_trains_nothing_twice(home: Home, files: dict[str, Path]) -> None:
    values = {"kernels": "4,8", "batch_size": "64,128", "epochs": "7"}
    watcher = Watcher()
    _, done = do(home, study(files, "guided", values, schedule="constant", rule="lowest"), watcher)
    kernels, batch, epochs = done.stages
    assert kernels.picked == {"kernels": "8"}
    assert batch.base == {"kernels": "8"}
    assert batch.points[0].trials[0].shared
    assert batch.points[0].trials[0].run == kernels.points[1].trials[0].run
    assert sum(isinstance(event, RunStarted) for event in watcher.events) == 4
    # One long run, read off at an epoch.
    assert len(epochs.points) == 1
    assert epochs.points[0].trials[0].epochs == 7
    assert 1 <= int(epochs.picked["epochs"]) <= 7
    assert done.final == {**kernels.picked, **batch.picked, **epochs.picked}
    assert watcher.asked == []


@pytest.mark.parametrize(
    ("mode", "values", "trained", "shared"),
    [
        ("one", {"downsamplings": "auto,1"}, 1, [False, True]),
        ("grid", {"downsamplings": "1,auto,0", "batch_size": "8,9"}, 4, [False, False, True, True, False, False]),
        ("search", {"downsamplings": "auto,1"}, 1, [False, True]),
        ("guided", {"downsamplings": "auto,1", "batch_size": "8,9"}, 2, [False, True, True, False]),
        ("grid", {"precision": "auto,float32"}, 1, [False, True]),
        ("guided", {"layers": "4", "kernels": "3,3-3", "precision": "float32,auto"}, 2, [False] * 2 + [True] * 3),
    ],
)
def test_points_of_one_and_the_same_network_are_trained_once(
    home: Home, tmp_path: Path, mode: str, values: dict[str, str], trained: int, shared: list[bool]
) -> None:
    """Two layers halve at most once, so that is what `auto` comes to; a processor computes in float32 by itself."""
    spec = make_study(mode, tiny(write_files(tmp_path), layers=2, epochs=1), values, trials=4)
    watcher = Watcher()
    _, done = do(home, spec, watcher)
    assert sum(isinstance(event, RunStarted) for event in watcher.events) == len(home.ids()) == trained
    assert [trial.shared for trial in done.trials] == shared
    assert {trial.state for trial in done.trials} == {"finished"}
    assert len({trial.best_loss for trial in done.trials}) == trained


def test_what_auto_came_to_on_another_machine_is_not_known(home: Home, tmp_path: Path) -> None:
    directory = create(home, make_study("one", tiny(write_files(tmp_path), epochs=1), {"precision": "auto,float32"}))
    record = directory.read()
    record.device = "cuda · another machine · bfloat16"
    directory.write(record)
    done = work_on(home, directory, Watcher(), Flag())
    assert [trial.shared for trial in done.trials] == [False, False]


def test_a_person_may_choose_another_value(home: Home, files: dict[str, Path]) -> None:
    watcher = Watcher({"kernels": "4"})
    directory = create(home, study(files, "guided", {"kernels": "4,8"}, ask=True, rule="lowest"))
    done = work_on(home, directory, watcher, Flag())
    assert watcher.asked == ["waiting"]
    (stage,) = done.stages
    assert (stage.proposed, stage.pick, stage.picked) == (1, 0, {"kernels": "4"})
    assert stage.reason.startswith("4 kernels: chosen by hand. The rule would pick: 8 kernels: val_loss")


def test_who_does_not_choose_is_asked_again(home: Home, files: dict[str, Path]) -> None:
    class Away(Watcher):
        def choose(self, study: StudyRecord, stage: StageRecord) -> Mapping[str, str] | None:
            return None

    directory = create(home, study(files, "guided", {"kernels": "4,8"}, ask=True, epochs=1))
    assert work_on(home, directory, Away(), Flag()).state == "stopped"
    done = work_on(home, directory, Watcher(), Flag())
    assert done.state == "finished"
    assert len(home.ids()) == 2


def test_a_grid_tells_what_matters(home: Home, files: dict[str, Path]) -> None:
    spec = study(files, "grid", {"kernels": "2,8", "learning_rate": "0.00001,0.02"}, epochs=3)
    directory, done = do(home, spec)
    assert len(done.stages[0].points) == 4
    shares = importances(done, spec)
    assert next(iter(shares)) == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)
    assert len(journal(directory)) == 4


SEARCH = {"kernels": "2..8", "learning_rate": "0.00001..0.1"}


def test_a_search_prunes_and_is_the_same_again_and_after_a_stop(home: Home, files: dict[str, Path]) -> None:
    spec = study(files, "search", SEARCH, trials=7, epochs=3)
    directory, whole = do(home, spec)
    assert whole.state == "finished"
    assert len(whole.trials) == 7
    pruned = [trial for trial in whole.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.epochs < 3 for trial in pruned)
    states = [trial.state.name for trial in journal(directory)]
    assert states.count("PRUNED") == len(pruned)
    assert states.count("COMPLETE") == 7 - len(pruned)

    again = create(home, spec)
    for at in (2, 5, 4):
        flag = Flag()
        assert work_on(home, again, Stopper(flag, at), flag).state == "stopped"
    resumed = work_on(home, again, Watcher(), Flag())
    assert table(resumed) == table(whole)


def test_a_time_limit_ends_a_search(home: Home, files: dict[str, Path]) -> None:
    _, done = do(home, study(files, "search", SEARCH, trials=50, epochs=1, minutes=0.01))
    assert done.state == "finished"
    assert 1 <= len(done.trials) < 50


def test_what_a_study_was_paused_is_no_time_of_it(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("engine.studies.clock.time.monotonic", lambda: now[0])
    flag, seen = Flag(), []

    class Pauser(Watcher):
        def emit(self, trial: Trial, event: Event) -> None:
            super().emit(trial, event)
            if isinstance(event, EpochEnded):
                now[0] += 5
                flag.ask(Asked.PAUSE)
            elif isinstance(event, Paused):
                now[0] += 3600
                flag.ask(Asked.RUN)
                seen.append(event)

    done = work_on(home, create(home, study(files, epochs=2)), Pauser(), flag)
    assert done.state == "finished"
    assert seen
    assert done.seconds == 5 * 2 * 2  # two trials of two epochs, whatever was waited in between


def test_a_trial_skipped_while_it_is_paused_leaves_the_study_running(home: Home, files: dict[str, Path]) -> None:
    flag = Flag()
    states: list[str] = []

    class Skipper(Watcher):
        def emit(self, trial: Trial, event: Event) -> None:
            super().emit(trial, event)
            if isinstance(event, EpochEnded) and not states:
                flag.ask(Asked.PAUSE)
            elif isinstance(event, Paused):
                states.append(directory.read().state)
                flag.ask(Asked.SKIP)

        def changed(self, study: StudyRecord) -> None:
            super().changed(study)
            if states:
                states.append(study.state)

    directory = create(home, study(files, epochs=2))
    done = work_on(home, directory, Skipper(), flag)
    assert [trial.state for trial in done.trials] == ["skipped", "finished"]
    assert states[0] == "paused"
    assert "running" in states
    assert states.index("running") < len(states) - 2
    assert "paused" not in states[states.index("running") :]


@pytest.mark.parametrize("repeats", [1, 2])
def test_stopped_in_its_second_trial_it_ends_as_one_left_alone(
    home: Home, files: dict[str, Path], repeats: int
) -> None:
    spec = study(files, repeats=repeats, epochs=3)
    _, whole = do(home, spec)
    directory, flag = create(home, spec), Flag()
    stopped = work_on(home, directory, Stopper(flag, 4), flag)
    assert stopped.state == "stopped"
    assert stopped.trials[1].state == "stopped"
    watcher = Watcher()
    resumed = work_on(home, directory, watcher, Flag())
    assert not any(isinstance(event, RunStarted) and event.run == resumed.trials[0].run for event in watcher.events)
    assert table(resumed) == table(whole)
    assert len(home.ids()) == 2 * 2 * repeats


@pytest.mark.parametrize("written", [True, False])
def test_the_trials_of_a_study_have_the_split_that_it_began_with(
    home: Home, files: dict[str, Path], written: bool
) -> None:
    directory = create(home, study(files, epochs=1))
    record = directory.read()
    if not written:  # as version 0.1.0 wrote it
        del record.data["split"]
    directory.write(record)
    work_on(home, directory, Watcher(), Flag())
    rules = {home.find(trial.run).read_spec()["split"] for trial in directory.read().trials}
    assert rules == {2 if written else 1}


def test_a_trial_can_be_skipped(home: Home, files: dict[str, Path]) -> None:
    flag = Flag()
    directory = create(home, study(files, epochs=3))
    done = work_on(home, directory, Stopper(flag, 1, Asked.SKIP), flag)
    assert done.state == "finished"
    assert [trial.state for trial in done.trials] == ["skipped", "finished"]
    assert done.stages[0].pick == 1
    assert home.find(done.trials[0].run).read_status().state == "skipped"
    assert "skipped" in done.trials[0].message.lower()


def test_a_diverged_trial_is_infinitely_bad(home: Home, files: dict[str, Path]) -> None:
    spec = make_study(
        "one", small(files, optimizer="sgd", normalisation="none", epochs=1), {"learning_rate": "0.01,10"}
    )
    directory, done = do(home, spec)
    assert [trial.state for trial in done.trials] == ["finished", "diverged"]
    assert done.stages[0].pick == 0
    assert done.stages[0].points[1].loss == float("inf")
    assert [trial.state.name for trial in journal(directory)] == ["COMPLETE", "FAIL"]


def test_a_classifier_s_study(trained_home: Home, autoencoder: tuple[object, ...], files: dict[str, Path]) -> None:
    encoder = trained_home.list_runs()[-1]
    baseline = small_classifier(files, encoder.prefix)
    _, done = do(trained_home, make_study("one", baseline, {"fc_units": "8,16"}))
    assert study_from_json(done.spec).baseline.built_on == encoder.id
    assert all(trial.measures.keys() == {"validation_accuracy", "test_accuracy"} for trial in done.trials)
    assert "a run" in done.stages[0].reason


def test_a_study_whose_encoder_was_deleted_says_so(home: Home, files: dict[str, Path]) -> None:
    from tests.engine.conftest import train

    run, _, _ = train(home, small(files, epochs=1))
    directory = create(home, make_study("one", small_classifier(files, run.id), {"fc_units": "8,16"}))
    home.delete(run)
    with pytest.raises(StudyError, match=f"The study needs its encoder, run {run.id}"):
        work_on(home, directory, Watcher(), Flag())
    assert directory.read().state == "cut off"


def test_a_deleted_trial_is_trained_anew_and_an_ended_one_is_not_needed(home: Home, files: dict[str, Path]) -> None:
    directory, flag = create(home, study(files)), Flag()
    stopped = work_on(home, directory, Stopper(flag, 3), flag)
    for trial in stopped.trials:
        home.delete(home.find(trial.run))
    done = work_on(home, directory, Watcher(), Flag())
    assert done.state == "finished"
    assert len(home.ids()) == 1


def test_points_that_no_run_could_begin_with_are_refused_before_anything_is_written(
    home: Home, files: dict[str, Path]
) -> None:
    with pytest.raises(EngineError, match="batch_size=600 cannot be trained: 600 is more than the 540 images"):
        create(home, study(files, values={"batch_size": "64,600"}))
    with pytest.raises(EngineError, match="No run begins with"):
        create(home, make_study("one", ClassifierSpec(encoder="nope", **files), {"fc_units": "8,16"}))
    assert Studies(home).ids() == []


def test_two_processes_on_one_study(home: Home, files: dict[str, Path]) -> None:
    directory = create(home, study(files))
    with directory.locked(), pytest.raises(StudyError, match="running in another process"):
        work_on(home, directory, Watcher(), Flag())
    with directory.locked(), pytest.raises(StudyError, match="stop it first"):
        Studies(home).delete(directory)
    Studies(home).delete(directory)
    assert Studies(home).ids() == []


def test_a_torn_journal_and_a_stale_lock_do_not_block(home: Home, files: dict[str, Path]) -> None:
    directory, flag = create(home, study(files)), Flag()
    work_on(home, directory, Stopper(flag, 3), flag)
    with open(directory.journal, "ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","tri')
    directory.journal.with_name("journal.log.lock").symlink_to("nothing")
    work_on(home, directory, Watcher(), Flag())
    assert [trial.state.name for trial in journal(directory)] == ["COMPLETE", "COMPLETE"]
    for line in directory.journal.read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 2, "kind": "study"}', '{"kind": "study", "stages": [{"points": 3}]}']
)
def test_a_damaged_study_is_one_sentence(home: Home, files: dict[str, Path], content: str) -> None:
    directory = create(home, study(files))
    directory.study.write_text(content)
    with pytest.raises(StudyError, match=r"study\.json cannot be read .*: restore the file"):
        work_on(home, directory, Watcher(), Flag())
    assert Studies(home).list() == []
    assert directory.study.read_text() == content


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("stages", 0, "pick"), 99),
        (("stages", 0, "names"), ["layers"]),
        (("stages", 0, "points", 0, "values"), {"kernels": 4}),
        (("stages", 0, "points", 0, "trials", 0, "best_loss"), "x"),
        (("stages", 0, "points", 0, "trials", 0, "validation"), ["x"]),
        (("stages", 0, "points", 0, "trials", 0, "epochs"), True),
        (("seconds",), "abc"),
        (("created",), None),
        (("spec", "baseline"), None),
        (("spec", "trials"), "many"),
        (("format",), 9),
    ],
)
def test_a_study_with_a_wrong_value_is_one_sentence_and_the_others_are_listed(
    home: Home, files: dict[str, Path], where: tuple[str | int, ...], value: object
) -> None:
    good, bad = create(home, study(files)), create(home, study(files))
    content = json.loads(bad.study.read_text())
    place = content
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    bad.study.write_text(json.dumps(content))
    found, problems = Studies(home).read_all()
    assert [record.id for record in found] == [good.id]
    assert len(problems) == 1
    assert f"{bad.study} cannot be read" in problems[0]
    with pytest.raises(StudyError, match="restore the file"):
        work_on(home, bad, Watcher(), Flag())


def test_a_budget_is_the_time_of_an_epoch(home: Home, files: dict[str, Path]) -> None:
    _, done = do(home, study(files, rule="budget", budget=1e-6, epochs=1))
    assert "No value stays within" in done.stages[0].problem
    assert "an epoch" in done.stages[0].problem
    _, done = do(home, study(files, rule="budget", budget=1000, epochs=1))
    assert done.stages[0].pick is not None


def test_other_images_than_it_began_with_are_refused(home: Home, files: dict[str, Path], tmp_path: Path) -> None:
    mine = {name: tmp_path / name for name in files}
    for name, path in files.items():
        shutil.copy(path, mine[name])
    directory = create(home, study(mine))
    data = bytearray(mine["images"].read_bytes())
    data[-1] ^= 255
    mine["images"].write_bytes(data)
    with pytest.raises(DatasetError, match=r"are not the ones study .* began with: their number and shape are right"):
        work_on(home, directory, Watcher(), Flag())
    mine["images"].unlink()
    with pytest.raises(DatasetError):
        work_on(home, directory, Watcher(), Flag())


# -- images ---------------------------------------------------------------------------------------


def test_the_images_are_read_once_for_all_trials(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    few = write_files(folder)
    for path in few.values():  # what was written just now may change unseen, and is read each time
        os.utime(path, (1_700_000_000, 1_700_000_000))
    cache.forget()
    read: list[Path | None] = []

    def counted(files: DataFiles, reading: Reading) -> ImageData:
        read.append(files.images)
        return load_dataset(files, reading)

    monkeypatch.setattr(cache, "load_dataset", counted)
    _, done = do(home, make_study("one", tiny(few, epochs=1), {"kernels": "1,2,3"}))
    assert [trial.state for trial in done.trials] == ["finished"] * 3
    assert read == [few["images"]]
    cache.forget()
