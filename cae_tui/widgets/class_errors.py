"""The errors of each class over the epochs of a run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.color import Color
from textual.reactive import reactive
from textual.strip import Strip

from cae_tui.widgets.chart import Axis, Chart
from cae_tui.widgets.loss_chart import epoch_axis, linear_ticks, stage_spans
from cae_tui.widgets.study_chart import MARKERS, colour_of, marker_of
from engine.runs.class_errors import class_errors
from engine.text import class_name, percent, shortened

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState

MOST = len(MARKERS)
"""Classes that are drawn: those with the most errors now."""
LONGEST_NAME = 14
LEAST_WIDTH, LEAST_HEIGHT = 24, 8
NONE_YET = "Errors are counted once an epoch is complete."
NONE_KEPT = "The errors of each class were not counted: there are more than 64, or an earlier version trained it."


class ClassErrorChart(Chart):
    """A curve for each of the classes with the most errors, with its marker and its name beneath."""

    cursor: reactive[float | None] = reactive(None)
    """A moment of the run, in epochs since it began, whose values are told; None for the latest."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self._run: RunState | None = None
        self._counted = 0

    def show(self, run: "RunState") -> None:
        """Draw `run` at the next tick of the timer, where more was counted."""
        if run is not self._run or len(run.counted) != self._counted:
            self._run, self._counted, self.stale = run, len(run.counted), True

    watch_cursor = Chart.redraw_now

    def write_title(self) -> None:
        """What is drawn."""
        self.border_title = "Errors of each class, validation images"
        self.border_subtitle = "c the curves again"

    def draw(self) -> list[Strip]:
        """The curves, or words where there are none."""
        run, (width, height) = self._run, self.size
        if run is None:
            return []
        every = class_errors(run.epochs, run.counted)
        series = dict(list(every.items())[:MOST])
        if not series:
            return self.written(Text(NONE_YET if run.live or not run.epochs else NONE_KEPT, style="dim"))
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return self.written(Text("Too little room for a chart.", style="dim"))
        legend = self._legend(series, run.class_names, len(every), width)
        most = max(share for values in series.values() for _, share in values)
        top = 100 * min(most * 1.05 + 1e-3, 1)
        ticks = linear_ticks(0, top, max((height - len(legend) - 2) // 3, 2))
        digits = 0 if all(abs(tick - round(tick)) < 1e-6 for tick in ticks) else 2
        up = Axis(0.0, top, list(ticks), [f"{tick:.{digits}f} %".rjust(7) for tick in ticks])
        spans = stage_spans(run, by_batch=False)
        last = float(max(len(run.epochs), 2))
        curves = self.begin(width, height - len(legend), epoch_axis(spans, 1.0, last, width), up)
        if self.cursor is not None:
            curves.rule(self.cursor, "default")
        for place, values in reversed(list(enumerate(series.values()))):
            points = [(float(epoch), 100 * share) for epoch, share in values]
            lines = [[point for point in points if span.start < point[0] <= span.end] for span in spans]
            curves.curve(colour_of(self.app, place), [line for line in lines if line], points, marker_of(place))
        self.write_stages(curves, spans, 0.5)
        return [*self.built(curves), *self.written(legend)]

    def _legend(
        self, series: Mapping[int, Sequence[tuple[int, float]]], names: tuple[str, ...], classes: int, width: int
    ) -> list[Text]:
        """Marker, name and value of each class, at the cursor or now; what is not drawn, in words."""
        lines = [Text()]
        for place, (label, values) in enumerate(series.items()):
            until = [share for epoch, share in values if self.cursor is None or epoch <= self.cursor]
            told = percent(until[-1], 1) if until else "–"
            marker = (marker_of(place), Color(*colour_of(self.app, place)).hex)
            entry = Text.assemble(marker, f" {shortened(class_name(names, label), LONGEST_NAME)} ", (told, "bold"))
            if lines[-1].cell_len and lines[-1].cell_len + entry.cell_len + 2 > width:
                lines.append(Text())
            if lines[-1].cell_len:
                lines[-1].append("  ")
            lines[-1].append_text(entry)
        if classes > len(series):
            lines.append(Text(f"Those of {classes} classes with the most errors.", style="dim"))
        return lines
