"""Tiny images and homes for faults that are made to happen, and runs that train in a thread while they do."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import jobs
from engine.protocol.control import Flag
from engine.protocol.events import Event
from engine.runs.checkpoint import read_tensors
from engine.runs.directory import Home, RunDirectory
from engine.specs.base import Spec
from tests.engine.tiny import write_files


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four IDX files of noise, by the names that specs give them."""
    return write_files(tmp_path_factory.mktemp("noise"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without runs."""
    return Home(tmp_path / "home")


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait for what a thread or a process brings about; far longer than it takes."""
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.02)


class Training:
    """A run that trains in a thread; `look` is called with each event, in that thread."""

    def __init__(
        self, work: Callable[[Callable[[Event], None], Flag], Any], look: Callable[[Event], None] = lambda event: None
    ) -> None:
        self.flag, self.events = Flag(), list[Event]()
        self.result: Any = None
        self.error: BaseException | None = None

        def emit(event: Event) -> None:
            self.events.append(event)
            look(event)

        def train() -> None:
            try:
                self.result = work(emit, self.flag)
            except BaseException as error:
                self.error = error

        self._thread = threading.Thread(target=train, daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, home: Home, spec: Spec, look: Callable[[Event], None] = lambda event: None) -> "Training":
        return cls(lambda emit, flag: jobs.start(home, spec, emit, flag), look)

    def wait_for(self, kind: type[Event]) -> Any:
        """The first event of that kind, once it was told."""

        def told() -> bool:
            return any(isinstance(event, kind) for event in self.events)

        wait_for(lambda: told() or not self._thread.is_alive(), kind.__name__)
        assert told(), f"the run ended without {kind.__name__}: {self.error or self.result.message}"
        return next(event for event in self.events if isinstance(event, kind))

    def end(self) -> Any:
        """The run's result, once it is over."""
        self._thread.join(timeout=90)
        assert not self._thread.is_alive(), "the run did not end"
        assert self.error is None, self.error
        return self.result


def train(home: Home, spec: Spec) -> tuple[RunDirectory, Any, list[Event]]:
    """The run, its result and all events that were told."""
    events: list[Event] = []
    result = jobs.start(home, spec, events.append, Flag())
    return home.find(result.id), result, events


def resume(run: RunDirectory) -> Any:
    """The result of a run that is taken up."""
    return jobs.resume(run, lambda event: None, Flag())


def assert_same_weights(one: RunDirectory, other: RunDirectory) -> None:
    """The models and the best weights of both, tensor by tensor and bit for bit."""
    names = {path.relative_to(one.path) for path in (one.model, *one.best.iterdir())}
    assert names == {path.relative_to(other.path) for path in (other.model, *other.best.iterdir())}
    for name in names:
        first, second = (read_tensors(run.path / name)[0] for run in (one, other))
        assert first.keys() == second.keys()
        for tensor in first:
            assert torch.equal(first[tensor], second[tensor]), f"{tensor} of {name}"
