"""Studies whose trials are trained in other ways than one after the other: each comes to what it would come to here."""

import queue
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from engine import jobs
from engine.errors import RunError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import EpochEnded, Event, Paused
from engine.runs.directory import Home
from engine.studies.executors import EXECUTORS, HERE, executor_of
from engine.studies.executors.executor import Assignment, Ended, Executor, Hear, Wanted
from engine.studies.planning import create
from engine.studies.records import StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study
from tests.engine.studies.conftest import Watcher, do, table
from tests.engine.tiny import tiny, write_files

WANTED = Wanted()


class LastFirst:
    """Takes on several trials, and trains the one first that came last."""

    room = 3

    def __init__(self, wanted: Wanted = WANTED) -> None:
        self.trials: list[Assignment] = []
        self.closed = False

    def submit(self, trial: Assignment) -> int:
        self.trials.append(trial)
        assert len(self.trials) <= self.room
        return len(self.trials)

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:
        trial = self.trials.pop()
        jobs.begin(trial.prepared, partial(hear, trial.number), trial.flag)
        return Ended(trial.number)

    def close(self) -> None:
        self.closed = True


class InTurns:
    """Two trials under way at once, each in its own thread: after each epoch, or a pause, the other has its turn."""

    room = 2

    def __init__(self, wanted: Wanted = WANTED) -> None:
        self._turns: dict[int, threading.Semaphore] = {}
        self._told: queue.SimpleQueue[Event | Ended] = queue.SimpleQueue()

    def submit(self, trial: Assignment) -> int:
        turn = self._turns[trial.number] = threading.Semaphore(0)
        assert len(self._turns) <= self.room

        def emit(event: Event) -> None:
            self._told.put(event)
            turn.acquire()

        def train() -> None:
            turn.acquire()
            jobs.begin(trial.prepared, emit, trial.flag)
            self._told.put(Ended(trial.number))

        threading.Thread(target=train, daemon=True).start()
        return len(self._turns)

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:
        while True:
            number, turn = next(iter(self._turns.items()))
            turn.release()
            told = self._told.get(timeout=120)
            if isinstance(told, Ended):
                del self._turns[number]
                return told
            if isinstance(told, EpochEnded | Paused):
                self._turns[number] = self._turns.pop(number)
            hear(number, told)

    def close(self) -> None:
        assert not self._turns


class FirstRefused(LastFirst):
    """Cannot train the first trial of a study."""

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:
        first = next((trial for trial in self.trials if trial.number == 1), None)
        if first is None:
            return super().wait(hear, seconds)
        self.trials.remove(first)
        return Ended(1, RunError("Its machine is gone."))


class AheadOfItsEvents(LastFirst):
    """Trains a trial to its end before it tells anything of it."""

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:
        trial, told = self.trials.pop(), list[Event]()
        jobs.begin(trial.prepared, told.append, trial.flag)
        for event in told:
            hear(trial.number, event)
        return Ended(trial.number)


class Gone(LastFirst):
    """Is no longer there."""

    def wait(self, hear: Hear, seconds: float | None = None) -> Ended:
        raise RunError("The cluster is gone.")


Toy = Callable[[Wanted], Executor]
Use = Callable[[Toy], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes `toy` the name of an executor."""

    def enter(kind: Toy) -> None:
        monkeypatch.setitem(cast(dict[str, str], EXECUTORS), "toy", __name__)
        monkeypatch.setattr(f"{__name__}.EXECUTOR", kind, raising=False)

    return enter


class Together(Watcher):
    """Hears how many trials were under way at once, and calls `then` with each event of a trial."""

    def __init__(self, then: Callable[[Trial, Event], None] = lambda trial, event: None) -> None:
        super().__init__()
        self.then, self.most, self.heard = then, 0, list[tuple[int, Event]]()

    def changed(self, study: StudyRecord) -> None:
        super().changed(study)
        self.study = study
        self.most = max(self.most, sum(trial.state == "running" for trial in study.trials))

    def emit(self, trial: Trial, event: Event) -> None:
        super().emit(trial, event)
        self.heard.append((trial.number, event))
        self.then(trial, event)

    def count(self, kind: type[Event], trial: int) -> int:
        return sum(number == trial and isinstance(event, kind) for number, event in self.heard)


@pytest.fixture(autouse=True)
def heard_at_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written into a control file."""
    monkeypatch.setattr("engine.protocol.control.POLL_SECONDS", 0.0)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return write_files(tmp_path)


def study(files: dict[str, Path], mode: str = "one", values: str = "2,3,4", **settings: object) -> StudySpec:
    """A study of tiny autoencoders; `values` are those of kernels."""
    baseline = {name: settings.pop(name) for name in ("epochs", "schedule") if name in settings}
    return make_study(mode, tiny(files, **baseline), {"kernels": values}, **settings)


TOYS = pytest.mark.parametrize("toy", [LastFirst, InTurns])


def test_each_executor_is_made_by_its_name() -> None:
    for name in EXECUTORS:
        one, other = executor_of(WANTED, name), executor_of(WANTED, name)
        assert one is not other
        assert one.room >= 1
        one.close()
        other.close()
    assert executor_of(WANTED, HERE).room == 1


@TOYS
def test_a_guided_study_picks_and_carries_on_the_same(home: Home, files: dict[str, Path], use: Use, toy: Toy) -> None:
    values = {"kernels": "2,3,4", "batch_size": "8,9", "epochs": "3"}
    spec = make_study("guided", tiny(files, schedule="constant"), values, rule="lowest")
    _, whole = do(home, spec)
    use(toy)
    watcher = Together()
    done = work_on(home, create(home, spec), watcher, Flag(), "toy")
    assert done.state == "finished"
    assert watcher.most == toy(WANTED).room
    assert table(done) == table(whole)
    assert [(stage.pick, stage.picked, stage.base) for stage in done.stages] == [
        (stage.pick, stage.picked, stage.base) for stage in whole.stages
    ]
    assert [trial.shared for trial in done.trials] == [trial.shared for trial in whole.trials]
    assert done.message == ""


@TOYS
def test_twins_and_further_seeds_wait_for_the_trials_that_they_depend_on(
    home: Home, tmp_path: Path, files: dict[str, Path], use: Use, toy: Toy
) -> None:
    """Two layers halve at most once, so that is what `auto` comes to."""
    baseline = tiny(files, layers=2, epochs=1)
    spec = make_study("grid", baseline, {"downsamplings": "1,auto,0", "batch_size": "8,9"}, repeats=2)
    use(toy)
    done = work_on(home, create(home, spec), Watcher(), Flag(), "toy")
    assert [trial.shared for trial in done.trials] == [False] * 4 + [True] * 4 + [False] * 4
    assert len(home.ids()) == 8
    _, whole = do(Home(tmp_path / "alone"), spec)
    assert table(done) == table(whole)


@TOYS
def test_where_the_first_seed_does_not_end_well_there_is_no_second(
    home: Home, files: dict[str, Path], use: Use, toy: Toy
) -> None:
    baseline = tiny(files, optimizer="sgd", normalisation="none", epochs=1)
    use(toy)
    spec = make_study("one", baseline, {"learning_rate": "0.01,10"}, repeats=2)
    done = work_on(home, create(home, spec), Watcher(), Flag(), "toy")
    assert [trial.state for trial in done.trials] == ["finished", "finished", "diverged", "diverged"]
    assert (done.trials[3].run, done.trials[3].message) == ("", "As with the first seed.")


def test_what_a_search_tries_does_not_depend_on_which_trial_ends_first(
    home: Home, files: dict[str, Path], use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Others(LastFirst):
        room = 2

    def stop(flag: Flag, trial: Trial, event: Event) -> None:
        if trial.number == 4:
            flag.ask(Asked.STOP)

    monkeypatch.setattr("engine.studies.journal.RANDOM_TRIALS", 2)
    values = {"kernels": "2..8", "learning_rate": "0.0001..0.03"}
    spec = make_study("search", tiny(files, epochs=1), values, trials=6, prune=False, workers=2)
    found = []
    for toy in (Others, InTurns):
        use(toy)
        directory = create(home, spec)
        watcher = Together()
        found.append(work_on(home, directory, watcher, Flag(), "toy"))
        assert watcher.most == 2
        again, flag = create(home, spec), Flag()
        stopping = Together(partial(stop, flag))
        assert work_on(home, again, stopping, flag, "toy").state == "stopped"
        found.append(work_on(home, again, Watcher(), Flag(), "toy"))
        for one in (directory, again):
            assert {path.name for path in one.path.glob("journal*")} == {"journal.log"}
    assert [len(record.trials) for record in found] == [6] * 4
    assert all(table(record) == table(found[0]) for record in found)


@pytest.mark.parametrize("then", ["toy", HERE])
@pytest.mark.parametrize("by", ["study", "trial"])
def test_stopped_with_two_trials_under_way_it_ends_as_one_left_alone(
    home: Home, files: dict[str, Path], use: Use, by: str, then: str
) -> None:
    """Asked of one trial alone, by its control file, a stop means that trial: the others go on meanwhile."""
    spec = study(files, epochs=3)
    _, whole = do(home, spec)
    use(InTurns)
    directory, flag = create(home, spec), Flag()

    def stop(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and (trial.number, trial.epochs) == (2, 2):
            if by == "study":
                flag.ask(Asked.STOP)
            else:
                home.find(trial.run).ask(Asked.STOP)

    stopped = work_on(home, directory, Together(stop), flag, "toy")
    assert stopped.state == "stopped"
    states = [trial.state for trial in stopped.trials]
    if by == "study":
        assert stopped.message == "Stopped. Resume the study to continue."
        assert states[1:] == ["stopped", "waiting"]
    else:
        assert stopped.message == "Trial 2 was stopped. Resume the study to continue."
        assert states == ["finished", "stopped", "finished"]
    assert not any(run.state == "running" for run in home.list_runs())
    done = work_on(home, directory, Watcher(), Flag(), then)
    assert done.state == "finished"
    assert table(done) == table(whole)
    assert len(home.ids()) == 2 * 3


def test_a_trial_is_skipped_beside_one_that_goes_on(home: Home, files: dict[str, Path], use: Use) -> None:
    use(InTurns)
    flag = Flag()

    def skip(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and (trial.number, trial.epochs) == (2, 1):
            flag.ask(Asked.SKIP)

    done = work_on(home, create(home, study(files)), Together(skip), flag, "toy")
    assert [trial.state for trial in done.trials] == ["skipped", "finished", "finished"]
    assert done.stages[0].pick != 0


def test_a_study_is_paused_while_all_of_its_trials_are(home: Home, files: dict[str, Path], use: Use) -> None:
    use(InTurns)
    flag = Flag()
    directory = create(home, study(files, values="2,3"))
    states: list[tuple[str, list[str]]] = []

    def pause(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and (trial.number, trial.epochs) == (2, 1):
            flag.ask(Asked.PAUSE)
        elif isinstance(event, Paused):
            written = directory.read()
            states.append((written.state, [trial.state for trial in written.trials]))
            if len(states) == 2:
                flag.ask(Asked.RUN)

    done = work_on(home, directory, Together(pause), flag, "toy")
    assert states == [("running", ["paused", "running"]), ("paused", ["paused", "paused"])]
    assert [trial.state for trial in done.trials] == ["finished", "finished"]


def test_one_trial_pauses_beside_one_that_goes_on(home: Home, files: dict[str, Path], use: Use) -> None:
    """As another process asks it: by the control file of its run."""
    use(InTurns)
    seen: list[tuple[str, str]] = []

    def pause(trial: Trial, event: Event) -> None:
        first = watcher.study.trials[0]
        if trial is first and isinstance(event, EpochEnded) and trial.epochs == 1:
            home.find(first.run).ask(Asked.PAUSE)
        elif trial is not first and isinstance(event, EpochEnded) and first.state == "paused":
            seen.append((watcher.study.state, trial.state))
            home.find(first.run).ask(Asked.RUN)

    watcher = Together(pause)
    done = work_on(home, create(home, study(files, values="2,3", epochs=4)), watcher, Flag(), "toy")
    assert seen == [("running", "running")]
    assert (watcher.count(Paused, 1), watcher.count(Paused, 2)) == (1, 0)
    assert [trial.state for trial in done.trials] == ["finished", "finished"]


def test_where_one_trial_cannot_be_trained_the_others_are_stopped_and_can_be_resumed(
    home: Home, files: dict[str, Path], use: Use
) -> None:
    spec = study(files)
    _, whole = do(home, spec)
    use(FirstRefused)
    directory = create(home, spec)
    failed = work_on(home, directory, Watcher(), Flag(), "toy")
    assert (failed.state, failed.message) == ("failed", "Its machine is gone.")
    assert [trial.state for trial in failed.trials[1:]] == ["stopped", "stopped"]
    done = work_on(home, directory, Watcher(), Flag())
    assert table(done) == table(whole)
    assert len(home.ids()) == 2 * 3


def test_epochs_that_are_told_late_are_counted_once(home: Home, files: dict[str, Path], use: Use) -> None:
    use(AheadOfItsEvents)
    found: list[tuple[int, int]] = []
    watcher = Together(lambda trial, event: found.append((trial.epochs, len(trial.validation))))
    spec = make_study("search", tiny(files, epochs=2), {"kernels": "2..8"}, trials=3)
    done = work_on(home, create(home, spec), watcher, Flag(), "toy")
    assert done.state == "finished"
    assert set(found) == {(2, 2)}  # its files are there before its first event


def test_a_study_whose_executor_is_gone_fails_in_its_words(home: Home, files: dict[str, Path], use: Use) -> None:
    use(Gone)
    failed = work_on(home, create(home, study(files)), Watcher(), Flag(), "toy")
    assert (failed.state, failed.message) == ("failed", "The cluster is gone.")


def test_a_study_is_paused_while_all_trials_that_have_begun_are(home: Home, files: dict[str, Path], use: Use) -> None:
    use(LastFirst)
    flag, states = Flag(), list[str]()

    def then(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and not states:
            flag.ask(Asked.PAUSE)
        elif isinstance(event, Paused):
            states.append(watcher.study.state)
            flag.ask(Asked.RUN)

    watcher = Together(then)
    assert work_on(home, create(home, study(files)), watcher, flag, "toy").state == "finished"
    assert states == ["paused"]
