"""An app on an empty home whose data, device and training are scripted: nothing loads torch."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from textual.pilot import Pilot

from cae_tui.app.cae_app import CaeApp
from cae_tui.bridge.runner import Trainer
from cae_tui.bridge.study_runner import StudyTrainer
from cae_tui.bridge.values import DataView
from cae_tui.messages import Start
from cae_tui.screens import data
from cae_tui.screens.training import TrainingScreen
from engine.data import cache
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from tests.cae_tui.script import (
    AUTOENCODER,
    BEGAN,
    CLASSIFIER,
    ScriptedTrainer,
    data_view,
    held,
    scripted_events,
    scripted_result,
    write_run,
)

__all__ = [
    "AUTOENCODER", "BEGAN", "CLASSIFIER", "MakeApp", "ScriptedTrainer", "data_view", "held", "scripted_events",
    "scripted_result", "until", "write_run",
]  # fmt: skip

DEVICE = "cpu · 2 threads · float32"


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait for what a thread brings about."""
    for _ in range(6000):  # far longer than it takes, for a machine that has much else to do
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


class MakeApp(Protocol):
    """Makes an app on the test's home."""

    def __call__(self, trainer: Trainer | None = None, study_trainer: StudyTrainer | None = None) -> CaeApp:
        """With `trainer` and `study_trainer` in place of the engine."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without runs."""
    return Home(tmp_path / "home")


class Errors(logging.Handler):
    """Keeps what was logged with an error that nobody caught."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.met: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.met.append(self.format(record))


@pytest.fixture(autouse=True)
def errors() -> Iterator[Errors]:
    """The errors that the app met and lived on after: a test in which there are any fails, but where they are meant."""
    logger, handler = logging.getLogger("cae_tui"), Errors()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    assert not handler.met, "\n".join(handler.met)


@pytest.fixture(autouse=True)
def no_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests keeps what is in the buffer of their tmux."""
    monkeypatch.delenv("TMUX", raising=False)


@pytest.fixture
def errors_are_meant(errors: Errors) -> Iterator[None]:
    """For tests that make errors."""
    yield
    assert errors.met
    errors.met.clear()


@pytest.fixture
def make_app(home: Home, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Apps that know their device and the sizes of MNIST at once; a `ScriptedTrainer` trains, if nothing else does."""

    async def data(files: object = None) -> DataView:
        return data_view()

    async def remarks(spec: object) -> tuple[str, ...]:
        return ()

    async def device() -> str:
        return DEVICE

    monkeypatch.setattr("cae_tui.bridge.runner.BATCH_SECONDS", 0.0)  # a script's steps come all at once: each is told

    def make(trainer: Trainer | None = None, study_trainer: StudyTrainer | None = None) -> CaeApp:
        app = CaeApp(home, trainer or ScriptedTrainer(), study_trainer=study_trainer)
        monkeypatch.setattr(app.runner, "data", data)
        monkeypatch.setattr(app.runner, "remarks", remarks)
        monkeypatch.setattr(app.runner, "device", device)
        app.device = DEVICE
        return app

    return make


def on_top(app: CaeApp, screen: type) -> Callable[[], bool]:
    """Whether a screen of that kind is on top and stands."""
    return lambda: isinstance(app.screen, screen) and app.screen.is_mounted


def told(app: CaeApp) -> list[str]:
    """The sentences that the app shows for a while."""
    return [notice.message for notice in app._notifications]


async def begin(app: CaeApp, pilot: Pilot[None]) -> None:
    """A run, as a form would ask for it."""
    app.screen.post_message(Start(AutoencoderSpec()))
    await until(pilot, lambda: app.runner.current is not None and isinstance(app.screen, TrainingScreen))
    await pilot.pause()


@pytest.fixture
def reading_app(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[CaeApp]:
    """An app that reads images from disk, as the real one does, and never rests while one types."""
    made = CaeApp(home)

    async def device() -> str:
        return DEVICE

    monkeypatch.setattr(made.runner, "device", device)
    monkeypatch.setattr(data, "PAUSE_SECONDS", 0.0)
    made.device = DEVICE
    yield made
    keep_in(None)
    cache.forget()
