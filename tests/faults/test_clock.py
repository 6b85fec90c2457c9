"""A clock that jumps and a time zone that changes: durations and the order of events are right all the same."""

import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cae_tui import formats
from cae_tui.bridge.run_state import replay
from cae_tui.cli.main import main
from engine.protocol.control import POLL_SECONDS, Asked, Flag, RunControl
from engine.protocol.events import BatchEnded, EpochEnded, Event, EventFormat, RunEnded
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from tests.engine.tiny import tiny
from tests.faults.conftest import train

DAY = 24 * 3600.0
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin")


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the time of day finds the clock set on or back by a day or more, and another time zone."""
    real, jumps, zones = time.time, itertools.cycle((0, 400 * DAY, -DAY, 3600, -3600)), itertools.cycle(ZONES)

    def now() -> float:
        os.environ["TZ"] = next(zones)
        time.tzset()
        return real() + next(jumps)

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(time, "time", now)


@pytest.fixture(autouse=True)
def zone_as_it_was(monkeypatch: pytest.MonkeyPatch) -> object:
    """The time zone of the process, afterwards."""
    yield
    monkeypatch.undo()
    time.tzset()


def test_durations_and_the_order_of_events_do_not_follow_a_clock_that_jumps(
    home: Home, files: dict[str, Path], jumping: None
) -> None:
    begun = time.monotonic()
    run, result, told = train(home, tiny(files, epochs=4))
    passed = time.monotonic() - begun
    assert 0 < result.seconds <= passed
    assert result.seconds == pytest.approx(sum(stage.seconds for stage in result.stages))
    epochs = [event for event in told if isinstance(event, EpochEnded)]
    assert all(0 < event.seconds <= passed for event in epochs)
    assert [event.epoch for event in epochs] == [1, 2, 3, 4]
    assert run.read_status().seconds == result.seconds
    stored = run.read_events()[0]
    assert [type(event) for event in stored if not isinstance(event, BatchEnded)] == [
        type(event) for event in told if not isinstance(event, BatchEnded)
    ]
    assert isinstance(stored[-1], RunEnded)


def test_what_is_shown_of_a_run_follows_the_order_of_its_events_and_not_their_times(
    home: Home, files: dict[str, Path]
) -> None:
    run, _, _ = train(home, tiny(files))
    stored = run.read_events()[0]
    jumps = itertools.cycle((0.0, 400 * DAY, -DAY, 3600.0))
    run.events.write_text("".join(f"{EventFormat.write(replace(one, time=next(jumps)))}\n" for one in stored))
    read = run.read_events()[0]
    assert [one.time for one in read] != sorted(one.time for one in read)
    shown, before = replay(run.id, read), replay(run.id, stored)
    assert (shown.state, shown.result, shown.stage_ends()) == (before.state, before.result, before.stage_ends())
    assert [epoch.seconds for epoch in shown.epochs] == [epoch.seconds for epoch in before.epochs]


def test_a_list_shows_what_a_run_says_of_itself_while_the_clock_jumps(home: Home, jumping: None) -> None:
    run = home.create()
    for epoch in range(1, 20):
        run.write_status(RunStatus(id=run.id, kind="autoencoder", state="failed", epoch=epoch, started=time.time()))
        assert [status.epoch for status in home.list_runs()] == [epoch]


@pytest.mark.parametrize("ahead", [5.0, DAY, 400 * DAY])
def test_a_run_that_began_in_the_future_began_just_now(
    home: Home, files: dict[str, Path], ahead: float, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    assert formats.ago(now + ahead, now) == formats.ago(now, now)
    run, _, _ = train(home, tiny(files))
    status = run.read_status()
    run.write_status(RunStatus(**{name: getattr(status, name) for name in ("id", "kind", "title", "state", "seconds")},
                               started=now + ahead, epoch=2, epochs=2))  # fmt: skip
    assert main(["--home", str(home.path), "runs"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(run.id[:4]))
    assert "-" not in line.split("2/2")[1].replace("–", "")


def test_a_run_hears_what_it_is_asked_by_another_process_after_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = RunControl(Flag(), tmp_path / "control")
    assert control.asked() is Asked.RUN
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - DAY)
    RunDirectory(tmp_path).ask(Asked.STOP)
    time.sleep(1.2 * POLL_SECONDS)
    assert control.asked() is Asked.STOP


def test_a_checkpoint_is_still_written_every_minute_when_the_clock_is_set_back(
    home: Home, files: dict[str, Path], jumping: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Event] = []
    monkeypatch.setattr("engine.training.loop.TELL_SECONDS", 0.0)
    monkeypatch.setattr("engine.training.loop.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("engine.runs.recorder.Recorder.keep_state", lambda self, state: kept.append(state))
    train(home, tiny(files, epochs=1))
    assert len(kept) == 1 + 6 + 1  # at the beginning, after each step, at the end
