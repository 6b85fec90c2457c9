"""What the page of the queue looks like; what its keys do is in tests/cae_tui/app/test_queue.py."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.protocol.states import QUEUED, RUNNING
from engine.runs.directory import Home
from engine.studies.queue import LAST, RunQueue
from tests.cae_tui.conftest import MakeApp
from tests.cae_tui.script import BEGAN, scripted_events, scripted_status, write_run


@pytest.fixture
def filled(home: Home) -> Iterator[Home]:
    """A run that trains, and three that wait, one of them with a part of its training done."""
    waiting = ("b1c2000000", "c01b000000", "d4e5000000")
    for name, kind, state, epoch, data in (
        ("a7f3000000", "autoencoder", RUNNING, 7, "MNIST"),
        (waiting[0], "autoencoder", QUEUED, 0, "MNIST"),
        (waiting[1], "classifier", QUEUED, 0, "Fashion-MNIST"),
        (waiting[2], "autoencoder", QUEUED, 12, "my-plankton"),
    ):
        events = scripted_events(kind, run=name)
        status = replace(scripted_status(events), id=name, state=state, epoch=epoch, epochs=20, data=data)
        write_run(home, events, status=replace(status, started=BEGAN, updated=BEGAN + 3600))
    for name in waiting:
        RunQueue(home).move(name, LAST)
    with home.find("a7f3").locked():
        yield home


@pytest.fixture(autouse=True)
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes, and no sentence lies over the page."""
    monkeypatch.setattr("cae_tui.screens.queue.time.time", lambda: BEGAN + 7200)
    monkeypatch.setattr("cae_tui.app.queue_acts.QueueActs.begin", lambda _: None)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_queue_looks_right(make_app: MakeApp, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(), press=["Q", "down", "down"], terminal_size=size)


def test_an_empty_queue_says_what_one_is(make_app: MakeApp, snap_compare: Any) -> None:
    assert snap_compare(make_app(), press=["Q"], terminal_size=(80, 24))
