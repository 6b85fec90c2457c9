"""Trials in workers: they come to what they come to here, whatever befalls worker or driver, and leave nothing."""

import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine import preparation
from engine.errors import StorageError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Continued, EpochEnded, Event, Paused, RunStarted, Warned
from engine.protocol.frames import Frame, pack, read_frame
from engine.runs.directory import Home
from engine.storage import files as storage
from engine.studies.executors import HERE, WORKERS, mirror, worker_process, workers
from engine.studies.executors.executor import Assignment, Wanted
from engine.studies.journal import Journal
from engine.studies.planning import create
from engine.studies.records import Studies, StudyRecord, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import StudySpec, make_study
from engine.worker import folder_of, sweep
from tests.engine.studies.conftest import Watcher, do, table
from tests.engine.tiny import tiny, tiny_classifier, write_encoder, write_files

Then = Callable[[Trial, Event], None]


class Hearing(Watcher):
    """Calls `then` with each event of a trial."""

    def __init__(self, then: Then = lambda trial, event: None) -> None:
        super().__init__()
        self.then = then
        self.study = StudyRecord(id="")
        self.most = 0

    def changed(self, study: StudyRecord) -> None:
        super().changed(study)
        self.study = study
        self.most = max(self.most, len(study.under_way))

    def emit(self, trial: Trial, event: Event) -> None:
        super().emit(trial, event)
        self.then(trial, event)

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, and no file in the folder for temporary ones."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*given: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(real(*given, **options))  # type: ignore[call-overload]  # as it is called
        return started[-1]

    monkeypatch.setattr(worker_process.subprocess, "Popen", start)  # type: ignore[attr-defined]  # as it is used there
    yield
    assert not [path for path in place.rglob("*") if "cae-tui" in str(path.relative_to(place))]
    assert all(process.poll() is not None for process in started)


@pytest.fixture(autouse=True)
def heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.protocol.control.POLL_SECONDS", 0.0)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return write_files(tmp_path)


def study(files: dict[str, Path], values: str = "2,3", **settings: object) -> StudySpec:
    """A study of tiny autoencoders with one thread."""
    baseline = {name: settings.pop(name) for name in ("epochs",) if name in settings}
    return make_study("one", tiny(files, threads=1, **baseline), {"kernels": values}, **settings)


def worker_of(home: Home, trial: Trial) -> int:
    """The process that trains a trial."""
    return home.find(trial.run).read_status().process


def test_a_study_comes_to_the_same_with_two_workers(home: Home, files: dict[str, Path]) -> None:
    """Of classifiers, whose encoder and stages go along; the run's files are those of one that was trained here."""
    baseline = tiny_classifier(files, write_encoder(files["images"].with_name("encoder.safetensors"), files), threads=1)
    spec = make_study("one", baseline, {"fc_units": "3,4,5"}, workers=2)
    directory, watcher = create(home, spec), Hearing()
    done = work_on(home, directory, watcher, Flag())
    assert (done.state, watcher.most, {trial.worker for trial in done.trials}) == ("finished", 2, {1, 2})
    alone = create(home, spec)
    whole = work_on(home, alone, Watcher(), Flag(), HERE)
    assert table(done) == table(whole)

    def of(trial: Trial) -> dict[str, int]:
        run = home.find(trial.run)
        sizes = {str(path.relative_to(run.path)): path.stat().st_size for path in run.path.rglob("*") if path.is_file()}
        return {name: size for name, size in sizes.items() if path_is_exact(name)}

    def path_is_exact(name: str) -> bool:
        return name.startswith(("best", "samples")) or name == "predictions.npz"

    assert [of(trial) for trial in done.trials] == [of(trial) for trial in whole.trials]
    for trial in done.trials:
        run = home.find(trial.run)
        assert not run.is_held()
        assert str(home.path.parent / "temporary") not in run.events.read_text() + run.status.read_text()


def test_a_search_prunes_and_proposes_the_same_with_two_workers(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.studies.journal.RANDOM_TRIALS", 3)
    looked_at: set[tuple[int, frozenset[int]]] = set()
    real = Journal.is_hopeless

    def is_hopeless(self: Journal, number: int, told: set[int]) -> bool:
        looked_at.add((number, frozenset(told)))
        found = real(self, number, told)
        if found:
            threading.Event().wait(0.3)  # a worker that did not wait for the answer would be an epoch further by now
        return found

    monkeypatch.setattr(Journal, "is_hopeless", is_hopeless)
    values = {"kernels": "2..8", "learning_rate": "0.0001..0.03"}
    spec = make_study("search", tiny(files, epochs=4, threads=1), values, trials=14, workers=2)
    done = work_on(home, create(home, spec), Watcher(), Flag())
    assert done.window == 4
    assert "pruned" in {trial.state for trial in done.trials}
    assert looked_at == {(place, frozenset(range(max(place - 3, 0)))) for place in range(14)}  # whatever had ended
    directory, flag = create(home, spec), Flag()

    def stop(trial: Trial, event: Event) -> None:
        if trial.number == 8:
            flag.ask(Asked.STOP)

    assert work_on(home, directory, Hearing(stop), flag, HERE).state == "stopped"
    directory.journal.unlink()  # written anew, it knows no more than it did
    again = work_on(home, directory, Watcher(), Flag(), HERE)
    assert table(again) == table(done)


@pytest.mark.parametrize("how", ["killed", "hung", "torn"])
def test_a_worker_that_fails_is_replaced_and_its_trial_goes_on(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    spec = study(files, epochs=4)
    _, whole = do(home, spec)
    before = set(home.ids())
    monkeypatch.setattr(workers, "SILENT_SECONDS", 4.0)
    failed: list[int] = []
    real = read_frame
    torn: list[bool] = []

    def read(pipe: object) -> Frame | None:
        frame = real(pipe)  # type: ignore[arg-type]  # as it is called
        if torn and frame is not None:
            torn.clear()
            return None
        return frame

    monkeypatch.setattr(worker_process, "read_frame", read)

    def fail(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and (trial.number, event.epoch) == (1, 2) and not failed:
            failed.append(worker_of(home, trial))
            if how == "torn":
                torn.append(True)
            else:
                os.kill(failed[0], signal.SIGKILL if how == "killed" else signal.SIGSTOP)

    watcher = Hearing(fail)
    done = work_on(home, create(home, spec), watcher, Flag(), WORKERS)
    assert done.state == "finished"
    assert table(done) == table(whole)
    assert len(set(home.ids()) - before) == 2
    (told,) = [sentence for sentence in watcher.warnings if "Worker 1" in sentence]
    words = {"killed": "was killed (signal 9)", "hung": "said nothing for 4 s", "torn": "told what cannot be read"}
    assert words[how] in told
    assert "goes on from its last checkpoint" in told
    events = home.find(done.trials[0].run).read_events()[0]
    epochs = [event.epoch for event in events if isinstance(event, EpochEnded)]
    assert epochs == [1, 2, 3, 4]


def test_a_trial_whose_workers_die_again_and_again_has_failed_and_the_others_go_on(
    home: Home, files: dict[str, Path]
) -> None:
    """It is not tried for ever, and can be resumed with the study."""
    spec = study(files, "2,3")
    _, whole = do(home, spec)
    killed: list[int] = []

    def fail(trial: Trial, event: Event) -> None:
        if trial.number == 1 and not isinstance(event, EpochEnded) and worker_of(home, trial) not in killed:
            killed.append(worker_of(home, trial))
            os.kill(killed[-1], signal.SIGKILL)

    directory = create(home, spec)
    done = work_on(home, directory, Hearing(fail), Flag(), WORKERS)
    first, second = done.trials
    assert len(killed) == mirror.FRUITLESS
    assert (first.state, second.state) == ("failed", "finished")
    assert "Worker 1 was killed (signal 9), as a system does that has no memory left, 3 times" in first.message
    run = home.find(first.run)
    assert (run.read_status().state, run.read_status().message) == ("failed", first.message)
    assert table(done)[1] == table(whole)[1]


def test_a_trial_that_has_no_memory_fails_in_words_and_the_others_go_on(home: Home, files: dict[str, Path]) -> None:
    """What a worker asks for in vain is told by its run; the worker itself goes on."""

    def starve(trial: Trial, event: Event) -> None:
        process = worker_of(home, trial)
        if isinstance(event, RunStarted):
            pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
            room = pages * resource.getpagesize() + (100 << 20) if trial.number == 1 else resource.RLIM_INFINITY
            resource.prlimit(process, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))

    spec = make_study("one", tiny(files, threads=1, epochs=1, batch_size=30), {"kernels": "1024,2"})
    done = work_on(home, create(home, spec), Hearing(starve), Flag(), WORKERS)
    first, second = done.trials
    assert (first.state, second.state) == ("failed", "finished")
    assert "The cpu is out of memory at batch size 30" in first.message


def test_a_worker_that_cannot_start_ends_the_study_in_words(
    home: Home, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no module named torch' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    spec = study(files)
    directory = create(home, spec)
    failed = work_on(home, directory, Watcher(), Flag(), WORKERS)
    assert failed.state == "failed"
    assert failed.message == (
        "Worker 1 cannot be started: it ended with code 3: no module named torch. Train with `--workers 1`."
    )
    monkeypatch.undo()
    assert work_on(home, directory, Watcher(), Flag(), HERE).state == "finished"


def test_where_the_disk_of_the_driver_is_full_the_trial_waits_and_goes_on(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study(files, epochs=3)
    _, whole = do(home, spec)
    monkeypatch.setattr(mirror, "ROOM_SECONDS", 0.05)
    real, refused = storage.write_bytes, [0]

    def write(path: Path, data: bytes) -> None:
        if "checkpoints" in path.parts and refused[0] < 5:
            refused[0] += 1
            raise StorageError(f"{path} could not be written.", full=True)
        real(path, data)

    monkeypatch.setattr("engine.runs.directory.write_bytes", write)
    watcher = Hearing()
    done = work_on(home, create(home, spec), watcher, Flag(), WORKERS)
    assert refused[0] == 5
    assert table(done) == table(whole)
    told = [event for event in watcher.events if isinstance(event, Paused | Continued)]
    assert [type(event) for event in told] == [Paused, Continued]
    assert "The disk is full" in told[0].message  # type: ignore[union-attr]  # the first is a pause


def test_each_trial_is_asked_on_its_own_and_all_by_the_study(home: Home, files: dict[str, Path]) -> None:
    """Two pause by their own files, one goes on, the other is stopped; then the study is, by its file."""
    spec = study(files, "2,3,4,5", epochs=3, workers=2)
    _, whole = do(home, spec.model_copy(update={"workers": 1}))
    directory = create(home, spec)

    def ask(trial: Trial, event: Event) -> None:
        match event:
            case EpochEnded(epoch=1) if trial.number in (1, 2):
                home.find(trial.run).ask(Asked.PAUSE)
            case Paused() if trial.number == 2:
                home.find(trial.run).ask(Asked.RUN)
            case Continued():
                home.find(watcher.study.trials[0].run).ask(Asked.STOP)
            case EpochEnded(epoch=1) if trial.number == 3:
                directory.ask(Asked.STOP)

    watcher = Hearing(ask)
    stopped = work_on(home, directory, watcher, Flag())
    assert stopped.state == "stopped"
    assert [type(event) for event in watcher.events if isinstance(event, Paused | Continued)].count(Continued) == 1
    states = [trial.state for trial in stopped.trials]
    assert (states[0], states[2]) == ("stopped", "stopped")
    done = work_on(home, directory, Watcher(), Flag(), workers=2)
    assert (done.state, table(done)) == ("finished", table(whole))


DRIVER = """
import sys
from pathlib import Path
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from engine.studies.records import Studies
from engine.studies.scheduler import work_on

class Watcher:
    def changed(self, study): pass
    def choose(self, study, stage): return stage.picked
    def emit(self, trial, event):
        if isinstance(event, EpochEnded):
            processes.add(home.find(trial.run).read_status().process)
            if len(processes) == 2:  # each worker has trained: which of them is how far is left to chance
                print(*processes, flush=True)
                sys.stdin.read()

processes = set()
home = Home(Path(sys.argv[1]))
directory = Studies(home).find(Studies(home).ids()[0])
work_on(home, directory, Watcher(), Flag())
"""


def test_a_driver_that_is_killed_leaves_no_process_and_its_study_is_resumed(
    home: Home, files: dict[str, Path], tmp_path: Path
) -> None:
    spec = study(files, "2,3,4", epochs=4, workers=2)
    _, whole = do(Home(tmp_path / "alone"), spec)
    directory = create(home, spec)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    processes = [int(number) for number in driver.stdout.readline().split()]
    assert len(processes) == 2
    driver.kill()
    driver.communicate()
    for process in processes:
        while os.path.exists(f"/proc/{process}"):
            pass
    while [path for path in (tmp_path / "temporary").iterdir() if "cae-tui" in path.name]:
        pass
    record = directory.read()
    states = {trial.state for trial in record.trials}
    assert record.state == "cut off"
    assert "cut off" in states <= {"cut off", "waiting", "finished"}
    done = work_on(home, Studies(home).find(directory.id), Watcher(), Flag())
    assert (done.state, table(done)) == ("finished", table(whole))
    assert len(home.ids()) == 3


def test_a_worker_that_was_killed_and_that_no_parent_has_heard_of_is_gone(tmp_path: Path) -> None:
    """The last one takes the folder of all away; it is not held up by what is left of another."""
    killed = subprocess.Popen(["sleep", "60"])
    folder_of(tmp_path / "all", killed.pid).mkdir(parents=True)
    sweep(tmp_path / "all")
    assert (tmp_path / "all").exists()  # it works
    killed.kill()
    while "Z" not in Path(f"/proc/{killed.pid}/stat").read_text().rpartition(")")[2]:
        pass
    sweep(tmp_path / "all")
    assert not (tmp_path / "all").exists()
    killed.wait()


@pytest.mark.parametrize("swept", [False, True])
def test_a_worker_whose_driver_dies_before_it_has_begun_leaves_nothing(tmp_path: Path, swept: bool) -> None:
    """It was told where the images are, which the last worker before it took away; or it comes when all is gone."""
    folder = tmp_path / "all"
    folder.mkdir()
    data = {"frame": "data", "set": "a", "place": str(folder / "set-1"), "files": {"data": "mnist"}, "by_hand": {},
            "corrections": {}, "corrected": ""}  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "engine.worker", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdout.close()
    if swept:
        folder.rmdir()
    worker.stdin.write(pack(Frame(data)))
    worker.stdin.close()
    assert worker.wait() == 0
    assert not folder.exists()


def test_late_frames_of_an_earlier_attempt_are_dropped(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would cut the run's events, say that it is over, and write over its status."""
    spec = study(files, epochs=3)
    _, whole = do(home, spec)
    real, late, killed = read_frame, list[Frame](), list[int]()

    def read(pipe: object) -> Frame | None:
        if killed and late:
            return late.pop(0)
        return real(pipe)  # type: ignore[arg-type]  # as it is called

    def kill(trial: Trial, event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 2 and not killed:
            killed.append(worker_of(home, trial))
            os.kill(killed[0], signal.SIGKILL)
        elif killed and isinstance(event, Warned) and trial.number == 1:
            about = {"run": trial.run, "attempt": 1}
            kinds = ({"frame": "cut", "length": 0}, {"frame": "put", "name": "status.json"}, {"frame": "end"})
            late.extend(Frame({**about, **kind}) for kind in kinds)

    monkeypatch.setattr(worker_process, "read_frame", read)
    done = work_on(home, create(home, spec), Hearing(kill), Flag(), WORKERS)
    assert not late
    assert table(done) == table(whole)


@pytest.mark.parametrize("how", ["held", "a folder"])
def test_a_run_that_cannot_be_taken_does_not_stand_in_the_way_of_the_others(
    home: Home, files: dict[str, Path], how: str
) -> None:
    executor = workers.Workers(Wanted(workers=2))
    runs = [preparation.create(home, tiny(files, kernels=kernels, epochs=1, threads=1)) for kernels in ("2", "3")]
    with ExitStack() as stack:
        stack.callback(executor.close)
        if how == "held":
            stack.enter_context(runs[0].run.locked())
        else:
            runs[0].run.events.mkdir()
        for number, prepared in enumerate(runs, start=1):
            executor.submit(Assignment(number, prepared, Flag()))
        ended = [executor.wait(lambda number, event: None) for _ in runs]
    first, second = sorted((one for one in ended if one is not None), key=lambda one: one.number)
    assert first.error is not None
    assert second.error is None
    assert runs[1].run.read_status().state == "finished"


def test_who_says_nothing_is_seen_while_another_tells_much(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub:
        ready, waits, said, silent = True, False, 0, 0.0
        killed = ""

        def kill(self, why: str) -> None:
            self.killed = why

    now = [0.0]
    executor = workers.Workers(Wanted(workers=2))
    busy, hung = Stub(), Stub()
    for lane, process in zip(executor._lanes, (busy, hung), strict=True):
        lane.process = process  # type: ignore[assignment]  # all that is asked of it
    monkeypatch.setattr(workers.time, "monotonic", lambda: now[0])  # type: ignore[attr-defined]  # as it is used there
    executor._looked = 0.0
    for _ in range(400):
        now[0] += 0.1
        busy.said += 3
        executor._look(lambda number, event: None)
    assert (busy.killed, hung.killed) == ("", "said nothing for 30 s and was killed")
    monkeypatch.undo()
    for lane in executor._lanes:
        lane.process = None
    executor.close()


def test_no_frame_leads_out_of_the_run(home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    real = read_frame

    def read(pipe: object) -> Frame | None:
        frame = real(pipe)  # type: ignore[arg-type]  # as it is called
        if frame is not None and frame.head.get("name") == "result.json":
            return Frame({**frame.head, "name": "checkpoints/../../../escaped"}, b"")
        return frame

    monkeypatch.setattr(worker_process, "read_frame", read)
    failed = work_on(home, create(home, study(files, epochs=1)), Watcher(), Flag(), WORKERS)
    assert failed.state == "failed"
    assert "which is no file of a run" in failed.message
    assert not list(home.path.parent.rglob("escaped"))


def test_frames_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    whole = pack(Frame({"frame": "put", "name": "a"}, b"body"))
    damaged = [whole[:3], whole[:10], whole[:-1], b"\xff" * 40, pack(Frame({}))[:8] + b"[]"]
    path = tmp_path / "pipe"
    for data in damaged:
        path.write_bytes(data)
        with path.open("rb") as pipe:
            assert read_frame(pipe) is None
    path.write_bytes(whole + whole[:-1])
    with path.open("rb") as pipe:
        assert read_frame(pipe) == Frame({"frame": "put", "name": "a"}, b"body")
        assert read_frame(pipe) is None


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
