import itertools
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.app import App, ComposeResult

from cae_tui.bridge.run_state import RunState, replay
from cae_tui.themes import THEMES, data_variables
from cae_tui.widgets.curves import Curve, Curves
from cae_tui.widgets.loss_chart import (
    LossChart,
    drawable,
    epoch_ticks,
    linear_ticks,
    log_ticks,
    pieces,
    smooth,
    stage_best,
    thin,
    tick_label,
)
from engine.protocol.events import BatchEnded, EpochEnded, Event
from engine.specs.measures import ACCURACY, LOSS, Measure
from tests.cae_tui.script import scripted_events, until


class Host(App[None]):
    """A screen with nothing but a chart."""

    def __init__(self, chart: LossChart) -> None:
        super().__init__()
        self.chart = chart
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return data_variables(True)

    def compose(self) -> ComposeResult:
        yield self.chart


def drawn(chart: LossChart) -> str:
    return chart.text


def test_a_thinned_series_keeps_its_ends() -> None:
    points = [(float(x), 1.0) for x in range(1000)]
    thinned = thin(points, 120)
    assert len(thinned) == 120
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert thin(points[:5], 120) == points[:5]


def test_what_a_logarithm_cannot_show_is_left_out() -> None:
    points = [(1.0, 0.0), (2.0, math.nan), (3.0, math.inf), (4.0, 0.1)]
    assert drawable(points, log=True) == [(4.0, 0.1)]
    assert drawable(points, log=False) == [(1.0, 0.0), (4.0, 0.1)]


@pytest.mark.parametrize(
    ("first", "last", "most", "ticks"),
    [
        (1, 5, 10, [1, 2, 3, 4, 5]),
        (1, 20, 10, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]),
        (0, 1, 10, [0, 1]),
        (1, 100_000, 3, [50_000, 100_000]),
    ],
)
def test_ticks_under_a_chart_are_whole_epochs(first: int, last: int, most: int, ticks: list[int]) -> None:
    assert epoch_ticks(first, last, most) == ticks


@pytest.mark.parametrize(("low", "high"), [(1e-4, 0.1), (3e-4, 4e-4), (1e-9, 1e9), (0.5, 0.5001)])
def test_ticks_beside_a_logarithmic_axis_lie_on_it_and_are_few(low: float, high: float) -> None:
    ticks = log_ticks(low, high, 6)
    assert 2 <= len(ticks) <= 6
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.03), (97.1, 99.6), (0.0, 1.0), (80.0, 100.0)])
def test_ticks_beside_an_even_axis_are_round_and_few(low: float, high: float) -> None:
    ticks = linear_ticks(low, high, 5)
    assert 2 <= len(ticks) <= 5
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_labels_beside_an_axis_are_short() -> None:
    assert [tick_label(value) for value in (0.05, 0.002, 5e-4, 2.5e-5, 0.0, 1.0)] == [
        "0.05", "0.002", "5e-04", "2.5e-05", "0", "1",
    ]  # fmt: skip


def test_each_stage_has_its_best_epoch() -> None:
    assert stage_best(replay("a", scripted_events("classifier"))) == [3, 6]


async def test_an_epoch_that_ends_while_the_chart_is_drawn_waits_for_the_next_drawing() -> None:
    class Growing(RunState):
        """A run whose thread ends an epoch, the best so far, whenever its stages are asked for."""

        def stage_ends(self) -> list[tuple[str, int]]:
            latest = self.epochs[-1]
            self.epochs.append(replace(latest, epoch=latest.epoch + 1, best_epoch=latest.epoch + 1))
            return super().stage_ends()

    run = Growing("a")
    for event in scripted_events("autoencoder"):
        run.apply(event)
    chart = LossChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        epochs = len(run.epochs)
        chart.show(run)
        await pilot.pause()
        assert len(run.epochs) > epochs
        assert "validation" in str(chart.border_subtitle)
        assert "▲" in drawn(chart)


async def test_an_empty_chart_says_whether_there_is_more_to_come() -> None:
    chart = LossChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "first steps are being taken" in drawn(chart)
        stopped = RunState("a")
        stopped.state = "stopped"
        chart.show(stopped)
        await pilot.pause()
        assert drawn(chart) == "It ended before anything was measured."


async def test_both_curves_their_marks_and_the_best_epoch_are_drawn() -> None:
    chart = LossChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(replay("a", scripted_events(epochs=12)))
        await pilot.pause()
        text = drawn(chart)
        assert "●" in text
        assert "▲" in text
        assert text.count("★") == 1
        assert " 12" in text
        assert "log scale" in str(chart.border_title)


async def test_batches_stand_in_until_two_epochs_are_complete() -> None:
    before, rest = until(scripted_events(), EpochEnded, 1)
    run = replay("a", before)
    chart = LossChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(run)
        await pilot.pause()
        assert chart.shown_by == "batch"
        for event in rest:
            run.apply(event)
        assert chart.shown_by == "epoch"
        chart.by = "batch"
        assert chart.shown_by == "batch"
        await pilot.pause()
        assert "by batch" in str(chart.border_title)


async def test_both_stages_are_on_one_chart_with_their_border() -> None:
    chart = LossChart(ACCURACY)
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(replay("a", scripted_events("classifier")))
        await pilot.pause()
        text = drawn(chart)
        assert "frozen" in text
        assert "fine-tuning" in text
        assert "%" in text
        assert "log" not in str(chart.border_title)


@pytest.mark.parametrize("by", ["epoch", "batch"])
async def test_news_of_what_is_shown_are_drawn_by_the_timer_and_nothing_is_drawn_twice(by: str) -> None:
    before, after = until(scripted_events(epochs=4), EpochEnded, 3)
    epochs, steps = until(after, BatchEnded, 2)
    run = replay("a", before)
    chart = LossChart(by=by)
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(run)
        await pilot.pause()
        drawn(chart)
        drawings = chart.redraws
        for event in epochs:  # of the steps of another epoch
            run.apply(event)
            chart.show(run)
        assert chart.redraws == drawings
        await pilot.pause(1.2)
        assert chart.redraws == drawings + (by == "batch")
        drawings = chart.redraws
        for event in steps:
            run.apply(event)
            chart.show(run)
        await pilot.pause(1.2)
        assert chart.redraws == drawings + 1
        for _ in range(20):
            chart.show(run)
        await pilot.pause(0.6)
        drawn(chart)
        assert chart.redraws == drawings + 1


def diverged() -> list[Event]:
    events = list(scripted_events(epochs=3))
    place = next(place for place, event in enumerate(events) if isinstance(event, EpochEnded))
    first = events[place]
    assert isinstance(first, EpochEnded)
    events[place] = EpochEnded(
        stage=first.stage, epoch=1, train={"loss": math.nan}, validation={"loss": math.inf}, seconds=1.0,
        ms_per_step=1.0, images_per_second=1.0, learning_rate=1.0, best=False, best_epoch=0, best_loss=math.inf,
        patience_left=None,
    )  # fmt: skip
    return events


@pytest.mark.parametrize("size", [(20, 5), (30, 8), (80, 24), (200, 60)])
@pytest.mark.parametrize("log", [True, False])
async def test_no_size_and_no_loss_breaks_it(size: tuple[int, int], log: bool) -> None:
    constant = [event for event in scripted_events(epochs=1) if not isinstance(event, BatchEnded)]
    runs = [RunState("a"), replay("a", diverged()), replay("a", constant), replay("a", scripted_events(epochs=200))]
    chart = LossChart()
    async with Host(chart).run_test(size=size) as pilot:
        chart.log_scale = log
        for run in runs:
            chart.show(run)
            await pilot.pause()
            assert drawn(chart)


def remade(events: list[Event], change: Callable[[EpochEnded], dict[str, Any]]) -> RunState:
    """The run of `events` with other numbers in its epochs."""
    return replay("a", [replace(one, **change(one)) if isinstance(one, EpochEnded) else one for one in events])


def noisy(seed: int, kind: str, epochs: int) -> RunState:
    draw = random.Random(seed)
    steep = draw.choice([0.0, 1.0, 3.0])

    def change(epoch: EpochEnded) -> dict[str, Any]:
        loss = 0.1 / epoch.epoch**steep
        return {
            "train": {"loss": loss * draw.uniform(0.5, 1.5), "accuracy": draw.uniform(0.2, 0.99)},
            "validation": {"loss": loss * draw.uniform(0.5, 1.5), "accuracy": draw.uniform(0.2, 0.99)},
            "best_epoch": max(epochs // 2, 1),
        }

    return remade(scripted_events(kind, epochs=epochs, steps=1), change)


def cells_with(text: str, wanted: Callable[[str], bool]) -> set[tuple[int, int]]:
    return {(x, y) for y, line in enumerate(text.split("\n")) for x, sign in enumerate(line) if wanted(sign)}


@pytest.mark.parametrize("size", [(30, 9), (46, 16), (80, 24), (160, 50)])
@pytest.mark.parametrize(("metric", "log"), [(LOSS, True), (LOSS, False), (ACCURACY, True)])
async def test_every_mark_stands_on_its_line(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], metric: Measure, log: bool
) -> None:
    chart, curve = LossChart(metric, by="epoch"), Curves.curve
    async with Host(chart).run_test(size=size) as pilot:
        chart.log_scale = log
        for seed, epochs in enumerate((1, 2, 3, 8, 20, 75, 500)):
            chart.show(noisy(seed, "classifier", epochs))
            await pilot.pause()
            marks = cells_with(chart.text, lambda sign: sign in "●▲★")
            assert "★" in chart.text
            with monkeypatch.context() as bare:
                bare.setattr(Curves, "pin", lambda *_: None)
                bare.setattr(
                    Curves, "curve", lambda self, colour, lines=(), marks=(), mark="": curve(self, colour, lines)
                )
                chart.stale = True
                lines = cells_with(chart.text, lambda sign: "\u2800" < sign <= "\u28ff")
            assert marks
            assert marks <= lines


def test_a_line_does_not_lead_over_what_cannot_be_drawn() -> None:
    points = [(1.0, 0.1), (2.0, math.nan), (3.0, 0.2), (4.0, 0.0), (5.0, 0.3), (6.0, math.inf)]
    assert pieces(points, log=True) == [[(1.0, 0.1)], [(3.0, 0.2)], [(5.0, 0.3)]]
    assert pieces(points, log=False) == [[(1.0, 0.1)], [(3.0, 0.2), (4.0, 0.0), (5.0, 0.3)]]
    assert pieces([], log=True) == []


async def test_a_gap_in_the_numbers_is_a_gap_in_the_curve_and_what_stands_alone_is_seen() -> None:
    def change(epoch: EpochEnded) -> dict[str, Any]:
        gone = {"loss": math.nan}
        return {"train": gone, "validation": {"loss": 0.1} if epoch.epoch in (1, 2, 10, 19, 20) else gone}

    chart = LossChart(by="epoch")
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(remade(scripted_events(epochs=20), change))
        await pilot.pause()
        columns = sorted(x for x, _ in cells_with(chart.text, lambda sign: sign in "▲★" or "\u2800" < sign <= "\u28ff"))
        jumps = [right - left for left, right in itertools.pairwise(columns) if right - left > 1]
        assert len(jumps) == 2


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
@pytest.mark.parametrize("epochs", [1, 2, 9, 40])
@pytest.mark.parametrize("constant", [True, False])
async def test_curves_that_coincide_are_both_seen(kind: str, epochs: int, constant: bool) -> None:
    def change(epoch: EpochEnded) -> dict[str, Any]:
        same = {"loss": 0.1 if constant else 0.1 / epoch.epoch, "accuracy": 0.9}
        return {"train": same, "validation": same}

    for measure in (LOSS, ACCURACY) if kind == "classifier" else (LOSS,):
        chart = LossChart(measure, by="epoch")
        async with Host(chart).run_test(size=(60, 16)) as pilot:
            chart.show(remade(scripted_events(kind, epochs=epochs), change))
            await pilot.pause()
            assert "●" in chart.text
            assert "★" in chart.text
            assert epochs < 9 or chart.text.count("▲") > 1
            colours = {
                part.style.color.triplet for line in chart.lines for part in line if part.style and part.style.color
            }
            assert len({colour for colour in colours if colour is not None and len(set(colour)) > 1}) >= 1 + (
                epochs > 2
            )


async def test_a_best_epoch_that_thinning_would_leave_out_is_on_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    def change(epoch: EpochEnded) -> dict[str, Any]:
        loss = 0.001 if epoch.epoch == 777 else 0.1
        return {"train": {"loss": 0.2}, "validation": {"loss": loss}, "best_epoch": 777}

    drawn_lines: list[Any] = []
    curve = Curves.curve

    def keep(self: Curves, colour: Any, lines: Any = (), marks: Any = (), mark: str = "") -> Curve:
        drawn_lines.append(list(lines))
        return curve(self, colour, lines, marks, mark)

    monkeypatch.setattr(Curves, "curve", keep)
    chart = LossChart(by="epoch")
    async with Host(chart).run_test(size=(60, 16)) as pilot:
        chart.show(remade(scripted_events(epochs=1500, steps=1), change))
        await pilot.pause()
        assert chart.text.count("★") == 1
        (validation,) = drawn_lines[1]
        assert (777.0, -3.0) in validation
        assert len(validation) < 150


async def test_each_stage_counts_its_epochs_from_one_under_the_chart() -> None:
    def change(epoch: EpochEnded) -> dict[str, Any]:
        return {}

    for by, first in (("epoch", "1"), ("batch", "0")):
        chart = LossChart(by=by)
        async with Host(chart).run_test(size=(80, 24)) as pilot:
            chart.show(remade(scripted_events("classifier", epochs=4), change))
            await pilot.pause()
            *_, names = chart.text.split("\n")
            assert names.split() == [first, *"1234"[by == "epoch" :], *"1234"]
            assert all(name in chart.text for name in ("frozen", "fine-tuning"))


async def test_the_epoch_under_way_of_a_stage_that_has_begun_is_its_first_by_batch() -> None:
    events = scripted_events("classifier", epochs=3)
    before = until(events, EpochEnded, 3)[0]
    after = [event for event in events[len(before) :] if isinstance(event, BatchEnded)][:2]
    began = [event for event in events[len(before) :] if type(event).__name__ == "StageStarted"][:1]
    chart = LossChart(by="batch")
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(replay("a", [*before, *began, *after]))
        await pilot.pause()
        assert chart.text.split("\n")[-1].split() == ["0", "1", "2", "3", "1"]
        assert "fine-tuning" in chart.text


def test_a_moving_average_begins_at_the_first_value_and_passes_over_what_is_none() -> None:
    points = [(1.0, 4.0), (2.0, 4.0), (3.0, math.nan), (4.0, 2.0)]
    found = smooth(points, 0.5)
    assert [x for x, _ in found] == [1.0, 2.0, 3.0, 4.0]
    assert found[0][1] == pytest.approx(4.0)
    assert found[1][1] == pytest.approx(4.0)
    assert math.isnan(found[2][1])
    assert found[3][1] == pytest.approx((4 * 0.125 + 4 * 0.25 + 2 * 0.5) / 0.875)
    assert smooth([], 0.9) == []
