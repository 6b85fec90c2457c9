"""Lines of plotext as strips."""

from rich.color import Color
from rich.style import Style

from cae_tui.widgets.chart import Axis, Chart, strips_of

RED = Style(color=Color.from_rgb(255, 0, 0))


def test_colours_hold_until_they_are_reset_and_never_past_their_line() -> None:
    first, second, empty = strips_of("ab\x1b[38;2;255;0;0mcd\x1b[0me\x1b[38;2;255;0;0mf\ng\n")
    assert [(part.text, part.style) for part in first] == [("ab", None), ("cd", RED), ("e", Style()), ("f", RED)]
    assert [(part.text, part.style) for part in second] == [("g", None)]
    assert (empty.text, empty.cell_length) == ("", 0)


def test_codes_that_follow_one_another_are_one_style() -> None:
    (line,) = strips_of("\x1b[48;2;0;0;255m\x1b[38;2;255;0;0m\x1b[1m世\x1b[0m")
    (part,) = line
    assert part.style == Style(color=Color.from_rgb(255, 0, 0), bgcolor=Color.from_rgb(0, 0, 255), bold=True)
    assert line.cell_length == 2
    assert line.adjust_cell_length(1).cell_length == 1


def test_a_chart_may_be_larger_than_the_terminal_it_was_begun_in() -> None:
    """Where this fails, `Chart.begin`, which uses plotext's private `_set_size`, has to follow a new version of it."""
    chart = Chart()
    lines = chart.built(chart.begin(400, 150, Axis(0.0, 1.0), Axis(0.0, 1.0)))
    assert (max(line.cell_length for line in lines), len(lines)) == (400, 150)
