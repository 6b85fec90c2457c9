"""What the soak judges by: a figure that grows is found, one that only wavers or settles is not."""

import random

import pytest

from tests.endurance.growth import BOUNDS, growth, judge

FLAT = dict.fromkeys(BOUNDS, 100.0)


def rows(minutes: int, process: float = 0, **grown: float) -> list[dict[str, float]]:
    """A row a minute; what is named grows by so much each."""
    return [
        {**FLAT, "minute": minute, "process": process, **{name: 100 + minute * by for name, by in grown.items()}}
        for minute in range(minutes)
    ]


def test_a_figure_that_stays_is_flat() -> None:
    lines, flat = judge(rows(60))
    assert flat
    assert all(line.endswith("flat") for line in lines)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_figure_that_grows_is_named(name: str) -> None:
    lines, flat = judge(rows(60, **{name: BOUNDS[name] / 30}))
    assert not flat
    assert [line.split()[0] for line in lines if line.endswith("GROWS")] == [name]


def test_what_is_loaded_at_first_is_no_growth() -> None:
    settled = [{**row, "rss": 3e8 if row["minute"] < 15 else 9e8} for row in rows(60)]
    assert judge(settled)[1]


def test_a_few_outliers_are_no_growth() -> None:
    draw = random.Random(0)
    shaken = [{**row, "threads": 30.0 if draw.random() < 0.2 else 7.0} for row in rows(60)]
    assert judge(shaken)[1]


def test_the_processes_of_an_interrupted_soak_are_judged_each_by_itself() -> None:
    smaller = [{**row, "rss": 500e6, "minute": row["minute"] + 30} for row in rows(30, process=1)]
    assert judge([*rows(30), *smaller])[1]
    assert growth(
        [[(0, 5), (1, 6), (2, 7), (3, 8), (4, 9)], [(5, 0), (6, 1), (7, 2), (8, 3), (9, 4)]]
    ) == pytest.approx(6)


def test_too_few_rows_are_no_verdict() -> None:
    (line,), flat = judge(rows(4))
    assert not flat
    assert "at least 12 minutes" in line
