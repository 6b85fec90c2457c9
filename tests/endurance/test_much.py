"""Thousands of runs, epochs and trials: what is read, kept and drawn is counted, and has bounds that do not grow."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from textual.widget import Widget

from benchmarks.run_list import fill
from benchmarks.study_screen import made_up
from cae_tui.screens.study import StudyScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.chart import Chart
from cae_tui.widgets.curves import Curve, Curves
from cae_tui.widgets.epoch_log import LINES_KEPT, EpochLog
from cae_tui.widgets.loss_chart import LossChart, Points
from cae_tui.widgets.run_table import RunTable
from cae_tui.widgets.study_chart import WORTH
from cae_tui.widgets.study_table import StudyTable
from engine.runs.directory import Home, RunDirectory
from tests.cae_tui.conftest import MakeApp, make_app, on_top, until
from tests.cae_tui.script import AUTOENCODER, scripted_events, write_run

__all__ = ["home", "make_app"]

RUNS, EPOCHS, TRIALS = 2000, 10_000, 1000
WIDGETS = 150
"""More than any screen needs, and fewer than a widget for each of so many."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty one."""
    return Home(tmp_path / "home")


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: "Counter[str]") -> None:
    original = getattr(owner, name)

    def call(*words: Any, **more: Any) -> Any:
        calls[name] += 1
        return original(*words, **more)

    monkeypatch.setattr(owner, name, call)


async def test_of_2000_runs_each_is_read_once_and_only_what_is_on_the_screen_is_drawn(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home, RUNS)
    calls: Counter[str] = Counter()
    counted(monkeypatch, RunDirectory, "read_status", calls)
    counted(monkeypatch, RunDirectory, "read_spec", calls)
    counted(monkeypatch, RunDirectory, "read_events", calls)
    counted(monkeypatch, RunTable, "cells", calls)
    monkeypatch.setattr("engine.runs.directory._SETTLED_SECONDS", 0)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(
            pilot, lambda: bool(app.screen.query(RunTable)) and len(app.screen.query_one(RunTable).rows) == RUNS
        )
        await pilot.pause()
        assert calls["read_status"] == RUNS
        assert (calls["read_spec"], calls["read_events"]) == (0, 0)
        assert 0 < calls["cells"] < 40 * 12
        calls.clear()
        await pilot.press("end", "home", "pagedown")
        await pilot.pause()
        assert 0 < calls["cells"] < 40 * 12
        app.runner.list_runs()
        assert calls["read_status"] == 0
        assert len(app.screen.query(Widget)) < WIDGETS


async def test_of_10000_epochs_the_log_keeps_the_latest_and_the_chart_draws_as_many_points_as_it_has_room_for(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(home, scripted_events(epochs=EPOCHS, steps=1))
    calls: Counter[str] = Counter()
    counted(monkeypatch, EpochLog, "write", calls)
    points: list[int] = []
    curve = LossChart._curve

    def drawn(self: LossChart, curves: Curves, lines: list[Points], *words: Any, **more: Any) -> Curve:
        points.append(sum(len(line) for line in lines))
        return curve(self, curves, lines, *words, **more)

    monkeypatch.setattr(LossChart, "_curve", drawn)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.run_acts.open_training(AUTOENCODER)
        await until(pilot, lambda: on_top(app, TrainingScreen)() and app.screen.state is not None)  # type: ignore[attr-defined]  # that screen is on top
        await pilot.pause(0.5)
        (log,) = [log for log in app.screen.query(EpochLog) if log.display]
        assert len(log.lines) == LINES_KEPT
        assert f"{EPOCHS}" in log.lines[-1].text
        assert calls["write"] <= 3 * LINES_KEPT
        assert points
        assert max(points) <= 2 * 120
        assert len(app.screen.query(Widget)) < WIDGETS
        state = app.screen.state  # type: ignore[attr-defined]  # that screen is on top
        assert len(state.batches) <= 2000


async def test_a_study_of_1000_trials_draws_the_rows_on_the_screen_and_the_best_curves(
    make_app: MakeApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = made_up(home, TRIALS, 20)
    calls: Counter[str] = Counter()
    counted(monkeypatch, StudyTable, "cells", calls)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.study_acts.open(record.id)
        await until(pilot, lambda: on_top(app, StudyScreen)() and app.screen.query_one(StudyTable).row_count == TRIALS)
        await pilot.pause(0.5)
        assert 0 < calls["cells"] < 40 * 12
        for number in range(1, WORTH + 1):  # all that such a study has
            await pilot.press(str(number))
            await pilot.pause()
        await until(pilot, lambda: not app.screen.query(Chart).first().stale)
        redraws = [chart.redraws for chart in app.screen.query(Chart)]
        assert any(redraws)
        assert len(app.screen.query(Widget)) < WIDGETS
        for _ in range(5):
            app.refresh()
            for chart in app.screen.query(Chart):
                chart.refresh()
            await pilot.pause(0.2)
        assert [chart.redraws for chart in app.screen.query(Chart)] == redraws  # nothing new, nothing drawn
