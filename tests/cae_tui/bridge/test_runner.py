"""The bridge to the real engine: what it trains, follows and reads."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cae_tui.bridge.run_state import News, RunState, replay
from cae_tui.bridge.runner import DRAWING_SECONDS, Runner, Trainer
from cae_tui.kinds import view_of
from cae_tui.widgets.run_progress import advice
from engine.errors import MovedError, RunError
from engine.protocol.control import Asked
from engine.protocol.events import BatchEnded, Event, RunStarted, SamplesSaved, Warned
from engine.runs.directory import Home, RunDirectory
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from tests.cae_tui.conftest import Errors
from tests.engine.conftest import files as files
from tests.engine.conftest import small, small_classifier


class Heard:
    """A listener that counts, and takes in what is new at once."""

    runner: Runner

    def __init__(self) -> None:
        self.steps = self.epochs = 0
        self.state: RunState | None = None
        self.refused: list[tuple[str, dict[str, str]]] = []
        self.threads: set[str] = set()

    def run_told(self, news: News) -> None:
        self.state = self.runner.fold(news)
        self.threads.add(threading.current_thread().name)
        if news.epoch:
            self.epochs += 1
        else:
            self.steps += 1

    def run_refused(self, error: str, problems: dict[str, str], *, moved: MovedError | None = None) -> None:
        self.refused.append((error, problems))


def listening(home: Home, heard: Heard, trainer: Trainer | None = None) -> Runner:
    """A runner that `heard` hears of."""
    heard.runner = Runner(home, heard, trainer)
    return heard.runner


def until(condition: Callable[[], object]) -> None:
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.025)
    raise AssertionError("it did not come about")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def trained(home: Home, files: dict[str, Path]) -> tuple[str, str]:
    """The ids of an autoencoder and of a classifier on it, trained through the runner."""
    heard = Heard()
    runner = listening(home, heard)
    runner.start(small(files))
    until(lambda: not runner.busy)
    assert heard.state is not None
    first = heard.state
    assert first.state == "finished"
    assert heard.threads == {"training"}
    runner.start(small_classifier(files, first.id))
    until(lambda: not runner.busy)
    assert heard.state is not first
    assert not heard.refused
    return first.id, heard.state.id


def test_a_run_told_live_is_the_run_replayed_from_its_file(home: Home, trained: tuple[str, str]) -> None:
    runner = listening(home, Heard())
    for run in trained:
        view = asyncio.run(runner.open_run(run))
        assert not view.mine
        assert view.result is not None
        assert view.state.state == view.result.state == "finished"
        assert view.state.result == view.result
        assert len(view.state.epochs) == 2
        assert view.status.prefix == "" or view.status.id.startswith(view.status.prefix)


def test_predictions_are_those_of_the_report(home: Home, trained: tuple[str, str]) -> None:
    runner = listening(home, Heard())
    view = asyncio.run(runner.predictions(trained[1]))
    result: Any = asyncio.run(runner.open_run(trained[1])).result
    assert sum(bool(one.right) for one in view.predictions) == result.correct
    assert (view.of, view.classes, len(view.predictions)) == ("test", 10, 200)
    images = asyncio.run(runner.images(trained[1], [3, 5]))
    assert [(image.height, image.width, image.channels, len(image.pixels)) for image in images] == [
        (28, 28, 1, 784)
    ] * 2
    one = asyncio.run(runner.image(trained[1], 3))
    assert one.picture == images[0]
    assert one.reconstruction is not None
    assert abs(sum(one.probabilities) - 1) < 1e-5
    assert max(one.probabilities) == view.predictions[3].confidence


def test_an_autoencoders_predictions_are_errors(home: Home, trained: tuple[str, str]) -> None:
    runner = listening(home, Heard())
    view = asyncio.run(runner.predictions(trained[0]))
    result: Any = asyncio.run(runner.open_run(trained[0])).result
    mean = sum(one.error or 0 for one in view.predictions) / len(view.predictions)
    assert mean == pytest.approx(result.test_mse, rel=1e-5)
    assert asyncio.run(runner.image(trained[0], 0)).probabilities == ()


def test_the_files_of_a_run_are_told_by_field(home: Home, trained: tuple[str, str], files: dict[str, Path]) -> None:
    runner = listening(home, Heard())
    assert {name: path for name, path in runner.data_files(trained[0]).items() if name in files} == {
        name: str(path) for name, path in files.items()
    }
    assert runner.data_files("zzzz") == runner.data_files("/no/file") == {}


def test_the_samples_of_an_epoch_are_pairs(home: Home, trained: tuple[str, str]) -> None:
    there, gone = (SamplesSaved(stage="", epoch=epoch, file=f"samples/epoch-{epoch:04d}.npz") for epoch in (2, 7))
    strip = asyncio.run(listening(home, Heard()).samples(trained[0], [gone, there]))  # the first that is there
    assert len(strip.originals) == len(strip.reconstructions) == 10
    assert strip.epoch == 2


def test_a_name_of_samples_that_climbs_leads_out_of_no_run(home: Home, trained: tuple[str, str]) -> None:
    outside = home.path / "outside.npz"
    np.savez(outside, originals=np.zeros((1, 2, 2, 1), np.uint8), reconstructions=np.zeros((1, 2, 2, 1), np.uint8))
    for name in (f"../../{outside.name}", str(outside)):
        with pytest.raises(RunError, match="No such file"):
            asyncio.run(listening(home, Heard()).samples(trained[0], [SamplesSaved(stage="", epoch=1, file=name)]))


def test_data_split_and_class_images_are_counted_alike(home: Home, files: dict[str, Path]) -> None:
    runner = listening(home, Heard())
    spec = preset(AutoencoderSpec, "recommended", **files)
    data = asyncio.run(runner.data(spec.files))
    split = asyncio.run(runner.split(0.1, 0, spec.files))
    assert (data.training, data.test, data.classes, data.shape) == (600, 200, 10, (28, 28, 1))
    assert len(data.examples) == 10
    assert (split.training, split.validation) == (540, 60)
    assert [a + b for a, b in zip(split.training_counts, split.validation_counts, strict=True)] == list(
        data.training_counts
    )
    assert len(asyncio.run(runner.class_images(7, 0, 1000, spec.files))) == data.training_counts[7]


def test_what_does_not_fit_the_data_is_told_by_field(home: Home, files: dict[str, Path]) -> None:
    runner = listening(home, Heard())

    def check(**values: object) -> dict[str, str]:
        return asyncio.run(runner.check(preset(AutoencoderSpec, "recommended", **{**files, **values})))

    assert check() == {}
    assert "541 is more than the 540 images" in check(batch_size=541)["batch_size"]
    assert "/nowhere does not exist" in check(images="/nowhere")["images"]


def test_a_plan_needs_no_torch_and_a_classifiers_plan_reads_its_encoder(
    home: Home, files: dict[str, Path], trained: tuple[str, str]
) -> None:
    runner = Runner(home, Heard())
    at_once = view_of("autoencoder").plan(AutoencoderSpec(), (28, 28, 1))
    assert at_once is not None
    assert at_once.parameters == 75_748
    plan = asyncio.run(runner.plan(small_classifier(files, trained[0])))
    assert plan.decoder[-1].outputs == 10
    with pytest.raises(RunError):
        asyncio.run(runner.plan(small_classifier(files, "zzzz")))


def test_a_second_run_at_a_time_is_refused_and_a_stopped_one_goes_on(tmp_path: Path, files: dict[str, Path]) -> None:
    heard = Heard()
    runner = listening(Home(tmp_path), heard)
    runner.start(small(files, epochs=9999))
    with pytest.raises(RunError, match="A run is already training"):
        runner.start(small(files))
    until(lambda: runner.current and len(runner.current.epochs) >= 2)
    assert runner.current is not None
    run = runner.current.id
    runner.ask(run, Asked.STOP)
    until(lambda: not runner.busy)
    assert runner.current.state == "stopped"
    done = len(runner.current.epochs)
    runner.resume(run)
    until(lambda: runner.current and len(runner.current.epochs) > done)
    assert len(runner.current.epochs) > done
    assert runner.current.live
    runner.stop_at_once()
    until(lambda: not runner.busy)


def test_a_run_of_another_process_is_followed_and_controlled(tmp_path: Path, files: dict[str, Path]) -> None:
    home = Home(tmp_path)
    trains, heard = listening(home, Heard()), Heard()
    trains.start(small(files, epochs=9999))
    until(lambda: trains.current and trains.current.epochs)
    assert trains.current is not None
    run = trains.current.id
    watches = listening(home, heard)
    watches.follow(run)
    until(lambda: heard.state is not None and len(heard.state.epochs) >= 2)
    watches.ask(run, Asked.PAUSE)
    until(lambda: heard.state is not None and heard.state.state == "paused")
    watches.ask(run, Asked.RUN)
    until(lambda: heard.state is not None and heard.state.state == "running")
    watches.ask(run, Asked.STOP)
    until(lambda: heard.state is not None and heard.state.ended is not None)
    assert heard.state is not None
    assert heard.state.state == "stopped"
    until(lambda: not trains.busy)
    with pytest.raises(RunError, match="is not training"):
        watches.ask(run, Asked.PAUSE)


def test_a_bug_met_while_a_run_is_followed_is_told_and_logged(
    home: Home, trained: tuple[str, str], monkeypatch: pytest.MonkeyPatch, errors: Errors
) -> None:
    def broken(run: RunDirectory, offset: int) -> None:
        raise ZeroDivisionError(f"{run} {offset}")

    monkeypatch.setattr(RunDirectory, "read_events", broken)
    heard = Heard()
    listening(home, heard).follow(trained[0])
    until(lambda: heard.refused)
    assert "nexpected error: ZeroDivisionError" in heard.refused[0][0]
    assert f"{home.log} has the details" in heard.refused[0][0]
    (logged,) = errors.met
    assert "ZeroDivisionError" in logged
    errors.met.clear()


def test_a_spec_that_cannot_begin_is_refused_with_its_fields(tmp_path: Path, files: dict[str, Path]) -> None:
    heard = Heard()
    runner = listening(Home(tmp_path), heard)
    runner.start(small(files, batch_size=600))
    until(lambda: heard.refused)
    assert heard.refused[0][1].keys() == {"batch_size"}
    assert not runner.home.ids()


def test_drawing_is_seldom_interrupted_while_a_run_trains_and_python_is_given_back_as_it_was(tmp_path: Path) -> None:
    seen: list[float] = []

    class Fails:
        def start(self, home: Home, spec: object, emit: Callable[[Event], None], flag: object) -> None:
            seen.append(sys.getswitchinterval())
            raise RunError("It ends by an error.")

        def resume(self, run: RunDirectory, emit: Callable[[Event], None], flag: object) -> None:
            raise NotImplementedError

        finish = resume

    before = sys.getswitchinterval()
    runner = listening(Home(tmp_path), Heard(), Fails())
    runner.start(preset(AutoencoderSpec, "recommended"))
    until(lambda: not runner.busy)
    assert seen == [pytest.approx(DRAWING_SECONDS)]
    assert sys.getswitchinterval() == before


def test_steps_are_told_at_most_four_times_a_second_and_everything_else_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(step: int) -> Event:
        return BatchEnded(
            stage="autoencoder", epoch=1, step=step, steps=500, metrics={"loss": 1.0}, learning_rate=0.1,
            ms_per_step=1.0, images_per_second=1.0, memory=1,
        )  # fmt: skip

    class Script:
        def start(self, home: Home, spec: object, emit: Callable[[Event], None], flag: object) -> None:
            emit(RunStarted(
                run="a7f3000000", kind="autoencoder", title="", stages=("autoencoder",), epochs=(1,), batch_size=1,
                patience=0, training_images=1, validation_images=1, test_images=1, image_shape=(28, 28, 1),
                parameters=1, latent=1, device="cpu",
            ))  # fmt: skip
            for step in range(1, 501):
                emit(event(step))
            emit(Warned(message="The steps that were not told are told with the next news."))

        def resume(self, run: RunDirectory, emit: Callable[[Event], None], flag: object) -> None:
            raise NotImplementedError

        finish = resume

    clock = iter(range(10_000))
    monkeypatch.setattr("cae_tui.bridge.runner.time.monotonic", lambda: next(clock) / 100)
    heard = Heard()
    runner = listening(Home(tmp_path), heard, Script())
    runner.start(AutoencoderSpec())
    until(lambda: not runner.busy)
    assert heard.epochs == 2
    assert 16 <= heard.steps <= 21  # 500 steps in five seconds of this clock
    assert runner.current is not None
    assert runner.current.batch is not None
    assert runner.current.batch.step == 500


def test_a_run_is_changed_by_nobody_but_who_folds_the_news_of_it(tmp_path: Path, files: dict[str, Path]) -> None:
    class Keeps(Heard):
        def run_told(self, news: News) -> None:
            told.append(news)

    told: list[News] = []
    runner = listening(Home(tmp_path), Keeps())
    runner.start(small(files))
    until(lambda: not runner.busy)
    run = told[0].run
    assert runner.current is None
    assert (run.epochs, run.ended) == ([], None)
    for news in told:
        assert runner.fold(news) is run is runner.current
    assert run.ended is not None
    written = replay(run.id, runner.home.find(run.id).read_events()[0])
    assert run.epochs == written.epochs
    # What is told late, of a run before the one that is prepared, is not of that one.
    runner.start(small(files, batch_size=600))
    runner.fold(told[-1])
    assert runner.current is None
    until(lambda: not runner.busy)


def test_a_refused_resume_leaves_the_run_that_is_on_as_it_was(tmp_path: Path, files: dict[str, Path]) -> None:
    runner = listening(Home(tmp_path), Heard())
    runner.start(small(files, epochs=9999))
    until(lambda: runner.current and runner.current.epochs)
    before = runner.current
    other = runner.home.create()
    with pytest.raises(RunError, match="A run is already training"):
        runner.resume(other.id)
    assert runner.current is before
    runner.stop_at_once()
    until(lambda: not runner.busy)


def test_a_followed_run_that_dies_is_told_as_cut_off(tmp_path: Path, files: dict[str, Path]) -> None:
    home = Home(tmp_path)
    heard = Heard()
    process = spawn_training(home, files)
    until(lambda: home.list_runs() and home.list_runs()[0].epoch >= 1)
    listening(home, heard).follow(home.list_runs()[0].id)
    until(lambda: heard.state is not None and heard.state.epochs)
    process.kill()
    process.wait()
    until(lambda: heard.state is not None and heard.state.state == "cut off")


def test_a_run_whose_folder_is_gone_is_told_as_gone_by_who_trains_it_and_by_who_watches(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    home = Home(tmp_path)
    trains, heard = listening(home, Heard()), Heard()
    trains.start(small(files, epochs=9999))
    until(lambda: trains.current and trains.current.epochs)
    assert trains.current is not None
    watches = listening(home, heard)
    watches.follow(trains.current.id)
    until(lambda: heard.state is not None and heard.state.epochs)
    (tmp_path / "runs" / trains.current.id).rename(tmp_path / "elsewhere")
    until(lambda: heard.state is not None and heard.state.state == "gone")
    until(lambda: not trains.busy)
    for state in (heard.state, trains.current):
        assert state is not None
        assert (state.state, state.live) == ("gone", False)
        told, _ = advice(state)
        assert told == "✗ Gone. Its folder was deleted or moved, so it cannot be continued."


def spawn_training(home: Home, files: dict[str, Path]) -> "subprocess.Popen[bytes]":
    flags = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    small_one = ["--layers", "4", "--downsamplings", "1", "--kernels", "4", "--batch-size", "64", "--epochs", "9999"]
    words = [sys.executable, "-m", "cae_tui", "--home", str(home.path), "autoencoder", *small_one, *flags]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
