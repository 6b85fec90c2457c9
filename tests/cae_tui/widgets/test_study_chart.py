"""Curves and marks of a study's charts, and of runs that are compared, cell by cell."""

import math
import random
from dataclasses import replace

import pytest
from textual.app import App, ComposeResult

from cae_tui.themes import THEMES, data_variables
from cae_tui.widgets.curves import Curves
from cae_tui.widgets.study_chart import TOGETHER, Curve, StageView, StudyChart, marker_of
from engine.studies.records import StageRecord
from engine.studies.spec import study_from_json
from tests.cae_tui.study_script import guided, trial

SIZES = [(40, 12), (80, 24), (150, 50)]


class Host(App[None]):
    """A screen with nothing but a chart."""

    def __init__(self, chart: StudyChart) -> None:
        super().__init__()
        self.chart = chart
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return data_variables(True)

    def compose(self) -> ComposeResult:
        yield self.chart


def cells_with(text: str, wanted: str) -> set[tuple[int, int]]:
    return {(x, y) for y, line in enumerate(text.split("\n")) for x, sign in enumerate(line) if sign in wanted}


BRAILLE = "".join(map(chr, range(0x2801, 0x2900)))


def view_of(stage: StageRecord, times: list[float]) -> StageView:
    spec = study_from_json(guided().spec)
    return StageView(stage, spec, [point.values["kernels"] for point in stage.points], times)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("zero", [False, True])
async def test_every_mark_of_compared_runs_stands_on_its_line(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], zero: bool
) -> None:
    draw = random.Random(7)
    runs = [
        Curve(f"run {place}", (), [draw.uniform(0.001, 0.1) * (not zero or at != 3) for at in range(count)], place)
        for place, count in enumerate((1, 4, 9, 30))
    ]
    chart = StudyChart()
    async with Host(chart).run_test(size=size) as pilot:
        chart.show_curves(runs)
        await pilot.pause()
        *_, legend = chart.text.split("\n")
        marks = cells_with(chart.text.removesuffix(legend), "".join(map(marker_of, range(4))))
        curve = Curves.curve
        monkeypatch.setattr(
            Curves, "curve", lambda self, colour, lines=(), marks=(), mark="": curve(self, colour, lines)
        )
        chart.show_curves(runs)
        assert marks
        assert marks <= cells_with(chart.text, BRAILLE)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [2, 4, 8])
async def test_of_compared_runs_that_are_the_same_each_is_seen(size: tuple[int, int], number: int) -> None:
    for losses in ([0.1], [0.3, 0.2, 0.1], [0.1] * 30, [0.1, math.nan, 0.1]):
        chart = StudyChart()
        async with Host(chart).run_test(size=size) as pilot:
            chart.show_curves([Curve(f"run {place}", (), losses, place) for place in range(number)])
            await pilot.pause()
            marks = [marker_of(place) for place in range(number)]
            plot = chart.text[: chart.text.rindex("└")]
            assert [mark for mark in marks if mark not in plot] == []


async def axis_of(curves: list[Curve]) -> tuple[list[str], str]:
    """The epochs written under the curves, and everything above."""
    chart = StudyChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show_curves(curves)
        await pilot.pause()
        plot, _, below = chart.text.partition("└")
        return below.split("\n")[1].split(), plot


async def test_runs_of_the_same_stages_count_the_epochs_of_each_from_one() -> None:
    whole = Curve("a", (), [0.5, 0.4, 0.3, 0.2, 0.1], 0, stages={"frozen": 2, "fine-tuning": 3})
    begun = Curve("b", (), [0.6], 1, stages={"frozen": 1})
    epochs, plot = await axis_of([begun, whole])
    assert epochs == ["1", "2", "1", "2", "3"]
    assert "frozen" in plot
    assert "fine-tuning" in plot


async def test_runs_of_other_stages_count_all_epochs_and_say_so() -> None:
    one = Curve("a", (), [0.5, 0.4, 0.3, 0.2, 0.1], 0, stages={"frozen": 2, "fine-tuning": 3})
    other = Curve("b", (), [0.6, 0.5, 0.4], 1, stages={"frozen": 1, "fine-tuning": 2})
    epochs, plot = await axis_of([one, other])
    assert epochs == ["1", "2", "3", "4", "5"]
    assert TOGETHER in plot
    scratch = replace(other, stages={"from scratch": 3})
    epochs, plot = await axis_of([replace(one, stages={"autoencoder": 5}), scratch])
    assert epochs == ["1", "2", "3", "4", "5"]
    assert TOGETHER not in plot


@pytest.mark.parametrize("chart_number", [2, 3])
async def test_points_of_one_loss_and_time_are_all_seen_and_the_pick_on_its_place(chart_number: int) -> None:
    stage = guided().stages[0]
    stage.points = [
        replace(point, trials=[trial(number, 0.002, 20.0)]) for number, point in enumerate(stage.points, start=1)
    ]
    chart = StudyChart()
    async with Host(chart).run_test(size=(80, 24)) as pilot:
        chart.show(view_of(stage, [20.0] * 4))
        chart.chart = chart_number
        await pilot.pause()
        plot = chart.text[: chart.text.rindex("└")]
        shown = [
            sum(line.count(sign) for line in plot.split("\n"))
            for sign in (marker_of(0), "★", marker_of(2), marker_of(3))
        ]
        assert shown == [1, 1, 1, 1]
        rows = {y for _, y in cells_with(plot, "".join((marker_of(0), "★", marker_of(2), marker_of(3))))}
        assert len(rows) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_the_charts_of_a_value_draw_both_of_its_curves(size: tuple[int, int]) -> None:
    stage = guided().stages[0]
    for point in stage.points:
        point.trials[0].train = list(point.trials[0].validation)
    chart = StudyChart()
    async with Host(chart).run_test(size=size) as pilot:
        chart.show(view_of(stage, [1.0] * 4))
        chart.chart = 1
        await pilot.pause()
        plot = chart.text[: chart.text.rindex("└")]
        assert "●" in plot
        assert "▲" in plot
