"""What stands between a chart's axes: lines of braille dots, and markers, on one raster.

plotext rounds a line to dots, of which a row has four, and a marker to whole rows, so a marker can stand a row off its
own line; and what it draws later hides what was there before. Here a marker takes the cell that its line goes through.
Where curves meet in a cell their dots are drawn together, and colours and markers take turns: neither curve vanishes,
with colours or without.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cae_tui.themes import Rgb

Colour = Rgb | str
"""Red, green and blue, or a colour by plotext's name for it."""
Point = tuple[float, float]
Cell = tuple[int, int]  # column from the left, row from below
Ends = tuple[float, float]

ACROSS, UP = 2, 4
"""Dots of a cell."""
_BITS = ((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08))
"""The bit of each dot of a braille sign, by row from below and column."""
_BRAILLE = 0x2800


@dataclass(slots=True)
class Curve:
    """One curve: the dots of its line, and the cells of its markers."""

    colour: Colour
    marker: str
    dots: dict[Cell, int] = field(default_factory=dict)
    markers: list[Cell] = field(default_factory=list)
    pins: set[Cell] = field(default_factory=set)


class Curves:
    """The raster of a chart.

    Args:
        columns: cells across, at least 1.
        rows: cells up, at least 1.
        across: the values at the left and at the right end.
        up: those below and on top.
    """

    def __init__(self, columns: int, rows: int, across: Ends, up: Ends) -> None:
        self.columns, self.rows = columns, rows
        self._across, self._up = across, up
        self._curves: list[Curve] = []
        self._under: dict[Cell, tuple[str, Colour]] = {}
        self._over: dict[Cell, tuple[str, Colour]] = {}

    def column(self, x: float) -> int:
        """The cell across that a line goes through at `x`; outside of the raster for a value beyond its ends."""
        return _dot(x, self._across, ACROSS * self.columns) // ACROSS

    def row(self, y: float) -> int:
        """The cell up from the bottom that a line goes through at `y`, as `column` has it across."""
        return _dot(y, self._up, UP * self.rows) // UP

    def cell(self, point: Point) -> Cell:
        """The cell of a point."""
        return self.column(point[0]), self.row(point[1])

    def _holds(self, cell: Cell) -> bool:
        return 0 <= cell[0] < self.columns and 0 <= cell[1] < self.rows

    # -- drawing ---------------------------------------------------------------------------------

    def curve(
        self, colour: Colour, lines: Iterable[Sequence[Point]] = (), markers: Iterable[Point] = (), marker: str = ""
    ) -> Curve:
        """A curve: `lines` through the points of each, and `marker` at some of them; a line of one point is a dot."""
        curve = Curve(colour, marker)
        for line in lines:
            for x, y in self._dots(line):
                cell = (x // ACROSS, y // UP)
                if self._holds(cell):
                    curve.dots[cell] = curve.dots.get(cell, 0) | _BITS[y % UP][x % ACROSS]
        curve.markers = [cell for cell in dict.fromkeys(map(self.cell, markers)) if self._holds(cell)]
        self._curves.append(curve)
        return curve

    def pin(self, curve: Curve, point: Point, marker: str, colour: Colour) -> None:
        """Another marker on a curve, which nothing hides."""
        cell = self.cell(point)
        if self._holds(cell):
            self._over[cell] = (marker, colour)
            curve.pins.add(cell)

    def rule(self, x: float, colour: Colour, ends: Ends | None = None) -> None:
        """A line straight up, under all curves: over the whole height, or from one value to another."""
        low, high = (0, self.rows - 1) if ends is None else map(self.row, ends)
        column = self.column(x)
        for row in range(low, high + 1):
            if self._holds((column, row)):
                self._under[column, row] = ("│", colour)

    def _dots(self, points: Sequence[Point]) -> Iterator[tuple[int, int]]:
        """The dots through `points`, one after the other without a gap."""
        width, height = ACROSS * self.columns, UP * self.rows
        dots = [(_dot(x, self._across, width), _dot(y, self._up, height)) for x, y in points]
        yield from dots[:1]
        for place in range(1, len(dots)):
            (x0, y0), (x1, y1) = dots[place - 1], dots[place]
            steps = max(abs(x1 - x0), abs(y1 - y0))
            for step in range(1, steps + 1):
                yield x0 + _rounded(step * (x1 - x0), steps), y0 + _rounded(step * (y1 - y0), steps)

    # -- what is seen ----------------------------------------------------------------------------

    def cells(self) -> dict[Cell, tuple[str, Colour]]:
        """What is drawn in each cell: a sign and its colour."""
        drawn = dict(self._under)
        lines = self._among(curve.dots for curve in self._curves)
        for cell, chosen in self._in_turn(lines).items():
            bits = 0
            for place in lines[cell]:
                bits |= self._curves[place].dots[cell]
            drawn[cell] = (chr(_BRAILLE + bits), self._curves[chosen].colour)
        markers = self._in_turn(self._among(curve.markers for curve in self._curves))
        for cell, chosen in markers.items():
            drawn[cell] = (self._curves[chosen].marker, self._curves[chosen].colour)
        drawn |= self._over
        taken = {*markers, *self._over}
        for place, curve in enumerate(self._curves):
            if not self._is_seen(place, curve, markers):
                self._beside(curve, drawn, taken)
        return drawn

    @staticmethod
    def _among(parts: Iterable[Iterable[Cell]]) -> dict[Cell, list[int]]:
        """The curves that are in each cell, by their places."""
        found: dict[Cell, list[int]] = {}
        for place, cells in enumerate(parts):
            for cell in cells:
                found.setdefault(cell, []).append(place)
        return found

    @staticmethod
    def _in_turn(cells: dict[Cell, list[int]]) -> dict[Cell, int]:
        """Whose each cell is: of several curves, from left to right, the one that came off worst so far."""
        owners = {cell: among[0] for cell, among in cells.items() if len(among) == 1}
        turns: Counter[int] = Counter()
        for cell in sorted(cells.keys() - owners.keys()):
            chosen = min(reversed(cells[cell]), key=lambda place: turns[place])
            turns[chosen] += 1
            owners[cell] = chosen
        return owners

    def _is_seen(self, place: int, curve: Curve, markers: dict[Cell, int]) -> bool:
        if curve.pins:
            return True
        if curve.markers:  # which tell it apart without colours too
            return any(cell not in self._over and markers[cell] == place for cell in curve.markers)
        return not curve.dots or any(cell not in self._over and cell not in markers for cell in curve.dots)

    def _beside(self, curve: Curve, drawn: dict[Cell, tuple[str, Colour]], taken: set[Cell]) -> None:
        """Show a curve of which nothing is left to see in the nearest free cell of its row."""
        column, row = next(iter(curve.markers or curve.dots))
        sign = curve.marker if curve.markers else chr(_BRAILLE + curve.dots[column, row])
        for step in range(1, self.columns):
            for cell in ((column + step, row), (column - step, row)):
                if self._holds(cell) and cell not in taken:
                    taken.add(cell)
                    drawn[cell] = (sign, curve.colour)
                    return


def _dot(value: float, ends: Ends, dots: int) -> int:
    """The dot at `value`, where the first of so many is at one end and the last at the other."""
    low, high = ends
    share = (value - low) / (high - low) if high > low else 0.5
    share = min(max(share, -1.0), 2.0)  # what lies outside is not drawn, however far out
    # Rounded first, so that 9.9999999 is 10 and not 9.
    return math.floor(round(0.5 + (dots - 1) * share, 8))


def _rounded(number: int, by: int) -> int:
    """A quotient as a whole number; halves go up."""
    return (2 * number + by) // (2 * by)
