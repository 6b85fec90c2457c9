"""The classification report as a table: what stands in each cell, for the app and the command line alike.

scikit-learn's own text has two decimals, and so is a wall of 1.00 for every good classifier. Here there are as many as
tell the classes apart, nothing is rounded up to 1 that is not 1, and what is low is shaded, drawn as a short bar and
named in a sentence: none of the three is needed to read the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.style import Style
from rich.table import Table
from rich.text import Text

from engine.results.result import ClassificationReport, ReportRow
from engine.text import cell_len, class_of_title, shortened

FEWEST_DECIMALS, MOST_DECIMALS = 3, 6
SCORES = ("precision", "recall", "f1-score")
HEADS = ("class", *SCORES, "support")
LONGEST_NAME, LONGEST_SENTENCE = 30, 100
BAR_CELLS = 20
"""More would say no more."""
FEWEST_BAR_CELLS = 8
_FLOORS = (0.9998, 0.9995, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)
_NOISE = 1e-12
"""What arithmetic may add to, or take from, a mean of ratios."""

Shade = Callable[[float], Style]
"""The style of a value that is so low: 0 for the best one, 1 for the lowest of the table."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: a class, or an average."""

    name: str
    scores: tuple[float | None, float | None, float | None]  # precision, recall and F1
    support: int
    label: int | None  # of a class

    @property
    def weakest(self) -> float:
        """The lowest of the three: F1 lies between the other two."""
        return min((score for score in self.scores if score is not None), default=1.0)


class ReportTable:
    """A classification report as a table.

    Args:
        report: of a result.
    """

    def __init__(self, report: ClassificationReport) -> None:
        self.lines = [_line(row) for row in report.rows]
        accuracy = Line("accuracy", (None, None, report.accuracy), report.weighted.support, None)
        self.averages = [accuracy, _line(report.macro), _line(report.weighted)]
        # Of a class without an image every score is 0, which says nothing of how well it is recognised.
        self._tested = [line for line in self.lines if line.support] or self.lines
        self.lowest = min(line.weakest for line in self._tested)
        self.floor = next((floor for floor in _FLOORS if floor < self.lowest), 0.0)
        """Where bars begin."""
        self.decimals = next(
            (count for count in range(FEWEST_DECIMALS, MOST_DECIMALS) if self._tells_apart(count)), MOST_DECIMALS
        )

    def _tells_apart(self, decimals: int) -> bool:
        """Whether with so many decimals no two different rows look alike, nor a value like the lowest, 0 or 1."""
        exact = {tuple(map(_exact, line.scores)) for line in self.lines}
        shown = {tuple(share(score, decimals) for score in line.scores) for line in self.lines}
        scores = [score for line in (*self.lines, *self.averages) for score in line.scores if score is not None]
        lowest = share(self.lowest, decimals)
        like_it = {_exact(score) for line in self.lines for score in line.scores if share(score, decimals) == lowest}
        cut = any(f"{score:.{decimals}f}" != share(score, decimals) for score in scores)
        return len(shown) == len(exact) and len(like_it) == 1 and not cut

    # -- cells -----------------------------------------------------------------------------------

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """What the columns of `HEADS` need."""
        every = (*self.lines, *self.averages)
        name = min(max(cell_len(line.name) for line in every), LONGEST_NAME)
        scores = (max(len(head), self.decimals + 2) for head in SCORES)
        return (name, *scores, max(len("support"), *(len(f"{line.support:,}") for line in every)))

    @property
    def bar_head(self) -> str:
        """What a bar goes from and to."""
        return f"{self.floor:g}–1"

    def cells(
        self, line: Line, shade: Shade, bar: int = 0, bar_style: Style | str = "", name: int = LONGEST_NAME
    ) -> list[Text]:
        """A line's cells, one for each of `HEADS`, and its bar, `bar` cells long, where there is room for one.

        The class is called in at most `name` cells.
        """
        strong = "bold" if line.label is None else ""
        cells = [Text(shortened(line.name, name), strong)]
        for score in line.scores:
            style = shade(self.level(score)) if line.label is not None and score is not None else strong
            cells.append(Text(share(score, self.decimals), style))
        cells.append(Text(f"{line.support:,}", strong))
        if bar:
            cells.append(Text(self._bar(line, bar), bar_style))
        return cells

    def level(self, score: float) -> float:
        """How low a score is: 0 for 1, 1 for the lowest of the table."""
        if score >= 1 - _NOISE or self.lowest >= 1 - _NOISE:
            return 0.0
        return min(max((1 - score) / (1 - self.lowest), 0.0), 1.0)

    def _bar(self, line: Line, cells: int) -> str:
        """The weakest of a class's scores as a length from `floor` to 1; of an average there is none."""
        if line.label is None:
            return ""
        halves = round(2 * cells * min(max((line.weakest - self.floor) / (1 - self.floor), 0.0), 1.0))
        return "━" * (halves // 2) + "╸" * (halves % 2)

    def sorted(self, head: str) -> list[Line]:
        """The classes with the lowest of a column first; by `class` as they are numbered."""
        if head not in HEADS[1:]:
            return list(self.lines)
        if head == "support":
            return sorted(self.lines, key=lambda line: line.support)
        place = SCORES.index(head)
        return sorted(self.lines, key=lambda line: line.scores[place] or 0.0)

    # -- words -----------------------------------------------------------------------------------

    @property
    def weakest(self) -> str:
        """`weakest: 9 (recall 0.9921)`: the class with the lowest precision or recall."""
        return self.weakest_in(LONGEST_SENTENCE)

    def weakest_in(self, width: int) -> str:
        """The same in so many cells, with names as short as that takes."""
        if self.lowest >= 1 - _NOISE:
            every = "every value is 1" if len(self._tested) == len(self.lines) else "all classes with images are at 1"
            return f"weakest: none, {every}"
        found = [line for line in self._tested if line.weakest <= self.lowest + _NOISE]
        score = next(name for name, value in zip(SCORES, found[0].scores, strict=True) if value == found[0].weakest)
        rest = f" and {len(found) - 3} more" if len(found) > 3 else ""
        told = ""
        for room in range(LONGEST_NAME, 3, -1):
            names = ", ".join(shortened(class_of_title(line.name), room) for line in found[:3])
            told = f"weakest: {names}{rest} ({score} {share(self.lowest, self.decimals)})"
            if cell_len(told) <= width:
                break
        return told


def share(score: float | None, decimals: int) -> str:
    """A score in [0, 1] with so many decimals, but never 1 or 0 unless it is."""
    if score is None:
        return ""
    text, step = f"{score:.{decimals}f}", 10.0**-decimals
    if score < 1 - _NOISE <= float(text):
        return f"{1 - step:.{decimals}f}"
    if score > _NOISE >= float(text):
        return f"{step:.{decimals}f}"
    return text


class PrintedReport:
    """The table as rich prints it: never narrower than its numbers, and with a bar where the console has room for it.

    Args:
        report: of a result.
    """

    def __init__(self, report: ClassificationReport) -> None:
        self.table = ReportTable(report)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, and beneath it the weakest class and what the bars are."""
        table = self.table
        printed = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
        room = options.max_width - sum(table.widths) - 3 * len(table.widths)
        bar = min(room, BAR_CELLS) if room >= FEWEST_BAR_CELLS else 0
        printed.add_column("class", no_wrap=True)
        for head in HEADS[1:]:
            printed.add_column(head, no_wrap=True, justify="right")
        if bar:
            printed.add_column(table.bar_head, no_wrap=True)
        for line in table.lines:
            printed.add_row(*table.cells(line, ansi_shade, bar, "blue"))
        printed.add_section()
        for line in table.averages:
            printed.add_row(*table.cells(line, ansi_shade, bar))
        printed.width = Measurement.get(console, options.update(width=1_000), printed).maximum
        yield printed
        yield Text(f"\n{table.weakest}", no_wrap=True)
        if bar:
            yield Text(
                f"Each bar shows the lower of precision and recall, from {table.floor:g} to 1.", "dim", no_wrap=True
            )


def ansi_shade(level: float) -> Style:
    """Colours of any terminal's own sixteen, for its background is not known."""
    if level < 1 / 3:
        return Style()
    return Style(color="magenta", bold=level > 2 / 3)


def _line(row: ReportRow) -> Line:
    return Line(row.name, (row.precision, row.recall, row.f1), row.support, row.label)


def _exact(score: float | None) -> float | None:
    return None if score is None else round(score, 9)
