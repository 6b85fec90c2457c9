"""An error that nobody foresaw, anywhere in the engine: told in words, written to the log, and the app stays usable."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Markdown

from cae_tui.app.cae_app import CaeApp
from cae_tui.cli.logs import open_log
from cae_tui.cli.main import main
from cae_tui.messages import ResumeRun, Start
from cae_tui.screens.dialogs import HelpScreen
from cae_tui.screens.training import TrainingScreen
from engine import jobs
from engine.errors import EngineError
from engine.protocol.control import Flag
from engine.protocol.events import Event, RunEnded
from engine.runs.directory import Home
from tests.cae_tui.conftest import on_top, told, until
from tests.engine.tiny import tiny
from tests.faults.conftest import assert_same_weights, resume, train

PLACES = (
    "engine.kinds.autoencoder.AutoencoderKind.build",
    "engine.jobs.device_images",
    "engine.kinds.autoencoder.constant_image_errors",
    "engine.kinds.autoencoder.AutoencoderKind.measure",
    "engine.jobs.ending.write_model",
    "engine.training.loop.make_optimizer",
    "engine.training.loop.evaluate",
    "engine.training.loop._Loop.train_epoch",
    "engine.training.loop._Loop.end_epoch",
    "engine.training.tasks.Reconstruction.__call__",
    "engine.data.batches.DeviceImages.batch",
    "engine.runs.recorder.Recorder.keep_best",
    "engine.runs.recorder.Recorder.keep_epoch",
    "engine.runs.recorder.Recorder.keep_state",
    "engine.runs.recorder.write_arrays",
    "engine.kinds.autoencoder.pca_errors",
)
BEFORE = (
    "engine.preparation.choose_device",
    "engine.preparation.split_for",
    "engine.kinds.autoencoder.plan_autoencoder",
)


def break_down(*_: object, **__: object) -> None:
    raise ZeroDivisionError("nobody [bold]foresaw[/] this")


@pytest.fixture
def log(home: Home) -> Iterator[Path]:
    logger = logging.getLogger("cae_tui")
    before = (list(logger.handlers), logger.propagate, logging.raiseExceptions)
    open_log(home)
    yield home.log
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.propagate, logging.raiseExceptions = before


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_meets_an_error_fails_in_words_with_its_details_in_the_log_and_goes_on_when_it_is_mended(
    home: Home, log: Path, files: dict[str, Path], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _, _ = train(home, tiny(files))
    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setattr(place, break_down)
        result = jobs.start(home, tiny(files), events.append, Flag())
    assert result.state == "failed"
    assert result.message.startswith("Unexpected error: ZeroDivisionError: nobody")
    assert str(log) in result.message
    assert "Traceback" not in result.message
    assert "break_down" in result.details
    written = log.read_text()
    assert f"run {result.id} failed" in written
    assert "ZeroDivisionError: nobody [bold]foresaw[/] this" in written
    assert isinstance(events[-1], RunEnded)
    run = home.find(result.id)
    assert run.read_status().resumable
    assert resume(run).state == "finished"
    assert_same_weights(run, whole)


@pytest.mark.parametrize("place", BEFORE)
def test_an_error_before_a_run_begins_leaves_nothing_and_is_told_by_the_command_line_in_words(
    home: Home, log: Path, files: dict[str, Path], place: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    flags = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    monkeypatch.setattr(place, break_down)
    assert main(["--home", str(home.path), "autoencoder", "--batch-size", "8", *flags]) == 1
    said = capsys.readouterr().err
    assert "unexpected error: ZeroDivisionError: nobody [bold]foresaw[/] this" in said
    assert "Traceback" not in said
    assert "Traceback" in log.read_text()
    assert home.ids() == []


async def test_the_app_tells_of_an_error_shows_its_details_and_trains_the_next_run(
    home: Home, log: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        with monkeypatch.context() as patch:
            patch.setattr("engine.training.tasks.Reconstruction.__call__", break_down)
            app.screen.post_message(Start(tiny(files)))
            await until(pilot, lambda: app.runner.current is not None and app.runner.current.ended is not None)
        await until(pilot, on_top(app, TrainingScreen))
        run = app.runner.current
        assert run is not None
        await pilot.press("d")
        await until(pilot, on_top(app, HelpScreen))
        shown = app.screen.query_one(Markdown).source
        assert "Unexpected error: ZeroDivisionError" in shown
        assert "in break_down" in shown
        assert "nobody [bold]foresaw[/] this" in shown
        await pilot.press("escape")
        await until(pilot, on_top(app, TrainingScreen))
        app.screen.post_message(ResumeRun(run.id))
        await until(pilot, lambda: app.runner.current is not None and app.runner.current.state == "finished")


async def test_the_app_tells_of_an_error_before_a_run_begins_and_stays_usable(
    home: Home, log: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        with monkeypatch.context() as patch:
            patch.setattr("engine.preparation.choose_device", break_down)
            app.screen.post_message(Start(tiny(files)))
            await until(pilot, lambda: any("nexpected error" in sentence for sentence in told(app)))
        assert any(str(log) in sentence for sentence in told(app))
        app.screen.post_message(Start(tiny(files)))
        await until(pilot, lambda: app.runner.current is not None and app.runner.current.state == "finished")


def test_an_error_that_was_foreseen_has_no_details(home: Home, files: dict[str, Path]) -> None:
    def refuse(*_: object) -> None:
        raise EngineError("It was foreseen.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.kinds.autoencoder.AutoencoderKind.build", refuse)
        result = jobs.start(home, tiny(files), lambda event: None, Flag())
    assert result.message == "It was foreseen."
    assert result.details == ""


def test_a_log_that_cannot_be_written_writes_nothing_over_the_screen(
    home: Home, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.mkdir(parents=True)  # in the way
    try:
        break_down()
    except ZeroDivisionError:
        logging.getLogger("cae_tui").exception("it failed")
    assert capsys.readouterr() == ("", "")
