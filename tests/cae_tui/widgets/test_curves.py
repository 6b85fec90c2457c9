"""Lines and marks on one raster: what is drawn in each cell, for many values and sizes."""

import math
import random
from collections import Counter

import pytest

from cae_tui.widgets.curves import Curves, Point

SIZES = [(1, 1), (2, 3), (17, 5), (31, 12), (60, 15), (140, 40)]


def many_points(seed: int, count: int) -> list[Point]:
    draw = random.Random(seed)
    return [(float(x), draw.choice([draw.random(), draw.gauss(0.5, 0.01), 0.5])) for x in range(count)]


def bounds(points: list[Point]) -> tuple[float, float]:
    low, high = min(y for _, y in points), max(y for _, y in points)
    return low, high


def signs(curves: Curves) -> Counter[str]:
    return Counter(sign for sign, _ in curves.cells().values())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 7, 50, 400])
def test_every_mark_stands_on_its_line(size: tuple[int, int], count: int) -> None:
    for seed in range(20):
        points = many_points(seed, count)
        ends = (points[0][0], points[-1][0]), bounds(points)
        line = Curves(*size, *ends)
        line.curve("blue", [points])
        marked = Curves(*size, *ends)
        marked.curve("blue", [points], points, "●")
        through = line.cells()
        markers = [cell for cell, (sign, _) in marked.cells().items() if sign == "●"]
        assert markers
        assert all(cell in through for cell in markers)


def test_a_line_has_no_gap() -> None:
    curves = Curves(40, 12, (0.0, 30.0), (0.0, 1.0))
    curves.curve("blue", [many_points(3, 31)])
    dots = {
        (2 * column + across, 4 * row + up)
        for (column, row), (sign, _) in curves.cells().items()
        for up, bits in enumerate(((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08)))
        for across, bit in enumerate(bits)
        if (ord(sign) - 0x2800) & bit
    }
    reached, edge = set(), {min(dots)}
    while edge:
        reached |= edge
        edge = {
            (x + right, y + up) for x, y in edge for right in (-1, 0, 1) for up in (-1, 0, 1)
        } & dots - reached  # fmt: skip
    assert reached == dots
    assert {0, 79} <= {x for x, _ in dots}


@pytest.mark.parametrize("size", SIZES[2:])
@pytest.mark.parametrize("number", [2, 3, 5])
def test_of_curves_that_coincide_each_has_marks_and_colour(size: tuple[int, int], number: int) -> None:
    for points in ([(0.0, 0.3)], many_points(1, 12), many_points(2, 60), [(float(x), 0.5) for x in range(9)]):
        curves = Curves(*size, (0.0, 60.0), (0.0, 1.0))
        names = "●▲■◆▼"[:number]
        for name in names:
            curves.curve(f"colour of {name}", [points], points[:: max(len(points) // 6, 1)], name)
        assert all(signs(curves)[name] for name in names)
        colours = {colour for _, colour in curves.cells().values()}
        assert colours == {f"colour of {name}" for name in names}


def test_where_lines_cross_the_dots_of_both_are_drawn() -> None:
    crossing = Curves(1, 1, (0.0, 1.0), (0.0, 1.0))
    crossing.curve("blue", [[(0.0, 0.0), (1.0, 0.0)]])
    crossing.curve("orange", [[(0.0, 1.0), (1.0, 1.0)]])
    (sign, _) = crossing.cells()[0, 0]
    assert sign == "⣉"


def test_nothing_hides_a_pin_and_a_pin_hides_no_other_curve() -> None:
    curves = Curves(30, 8, (0.0, 1.0), (0.0, 1.0))
    curves.curve("blue", markers=[(0.5, 0.5)], marker="●")
    curve = curves.curve("orange", markers=[(0.5, 0.5)], marker="▲")
    curves.pin(curve, (0.5, 0.5), "★", "default")
    assert signs(curves) == Counter("★●")
    assert curves.cells()[curves.cell((0.5, 0.5))] == ("★", "default")
    (moved,) = [cell for cell, (sign, _) in curves.cells().items() if sign == "●"]
    assert moved[1] == curves.row(0.5)


@pytest.mark.parametrize("value", [-1e300, 1e300, 1.2, -0.2])
def test_what_lies_outside_is_left_out(value: float) -> None:
    curves = Curves(10, 4, (0.0, 1.0), (0.0, 1.0))
    curves.curve("blue", [[(0.5, value)]], [(0.5, value)], "●")
    curves.pin(curves.curve("blue"), (0.5, value), "★", "default")
    assert curves.cells() == {}


def test_a_rule_lies_under_the_curves() -> None:
    curves = Curves(9, 5, (0.0, 1.0), (0.0, 1.0))
    curves.rule(0.5, "gray")
    curves.curve("blue", markers=[(0.5, 0.5)], marker="●")
    column = [curves.cells()[4, row][0] for row in range(5)]
    assert column == ["│", "│", "●", "│", "│"]
    curves.rule(0.0, "gray", (0.25, 0.75))
    assert [row for row in range(5) if (0, row) in curves.cells()] == [1, 2, 3]


def test_an_even_axis_without_extent_is_drawn_in_its_middle() -> None:
    curves = Curves(9, 5, (1.0, 1.0), (2.0, 2.0))
    assert curves.cell((1.0, 2.0)) == (4, 2)
    assert math.isfinite(curves.row(2.0))
