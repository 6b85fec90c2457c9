"""Several runs side by side: validation curves in one chart, and the fields in which their specs differ."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import DataTable

from cae_tui import formats
from cae_tui.bridge.values import RunView
from cae_tui.screens.run_page import RunPage, Subject, ask_key
from cae_tui.widgets.run_lines import BASELINE
from cae_tui.widgets.sample_strip import SampleStripView
from cae_tui.widgets.study_chart import Curve, StudyChart, colour_of, marker_of
from engine.errors import EngineError
from engine.runs.baseline import differences as from_baseline
from engine.runs.status import TEST
from engine.specs.data_files import DataFiles, told_apart
from engine.specs.fields import write_value
from engine.specs.listed import KINDS, every_measure, listed
from engine.text import numbers

MOST = 12
TALL = 36
"""Rows from which there is room for images too."""


class CompareScreen(RunPage):
    """The curves of some runs on one chart, and a table of what differs."""

    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = "#differences"
    HELP = """
Runs side by side. The chart has the validation loss of each by epoch, on a logarithmic scale where possible, and there
is one for each loss: a mean squared error and a cross-entropy cannot be held against each other. The table has a column
for each run, with its results and every field in which the specs differ.

Where a run is pinned as the baseline (`◆`, by `b` on *Runs*), the rows of what they came to tell in brackets how far
each is from it.

* `←` `→`: from run to run · `Enter`: open the one under the cursor
* `i`: of two runs, the same images through both: where they differ, and each image large
* `,` `.`: back in time, epoch by epoch, for all runs in step, and on; `<` `>` ten at a time; the mouse points at an
  epoch. The legend tells each run's validation loss then, and of two runs whose images are kept, both are shown at that
  epoch, or at the last one before it that was kept.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        ask_key("compare.open", tooltip="The run under the cursor", priority=True),
        Binding("i", "both", "Same images", id="compare.both", tooltip="The same images through both runs"),
        Binding("comma", "move(-1)", "Earlier", id="compare.earlier", tooltip="An epoch back, of all runs"),
        Binding("full_stop", "move(1)", "Later", id="compare.later", tooltip="An epoch on, of all runs", show=False),
        Binding("less_than_sign", "move(-10)", "Ten earlier", id="compare.earlier-ten", tooltip="Ten back", show=False),
        Binding("greater_than_sign", "move(10)", "Ten later", id="compare.later-ten", tooltip="Ten on", show=False),
    ]

    def __init__(self, runs: tuple[str, ...]) -> None:
        super().__init__()
        self._ids = runs[:MOST]
        self._left = len(runs) - len(self._ids)
        self._runs: list[RunView] = []
        self._baseline: RunView | None = None

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Compare", f"{len(self._ids)} runs")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of all of them, or that there are several."""
        found = {self.cae.data_of_run(run) for run in self._ids}
        return found.pop() if len(found) == 1 else (f"{len(found)} data sets",)

    def compose_page(self) -> Iterator[Widget]:
        with Horizontal(id="charts"):
            for number in range(len({kind.loss for kind in KINDS.values()}) + 1):
                yield StudyChart(id=f"chart-{number}")
        with Horizontal(id="images"):
            yield SampleStripView(id="first")
            yield SampleStripView(id="second")
        with Vertical(id="card", classes="card"):
            yield DataTable(id="differences", cursor_type="cell", cell_padding=1)

    def on_mount(self) -> None:
        self.query_one("#card").border_title = "What differs"
        if self._left:
            self.cae.tell(f"The first {MOST} are compared: more cannot be told apart. {self._left:,} are left out.")
        self._read()

    @work
    async def _read(self) -> None:
        for name in self._ids:
            try:
                self._runs.append(await self.runner.open_run(name))
            except EngineError as error:
                self.cae.tell(str(error), "warning")
        if pinned := self.cae.settings.baseline:
            with suppress(EngineError):  # it may be gone
                self._baseline = await self.runner.open_run(pinned)
        self._draw_curves()
        self._fill()
        self._show_images()
        self.refresh_keys()

    def _draw_curves(self) -> None:
        """A chart for each loss: a mean squared error and a cross-entropy have no axis in common."""
        by_loss: dict[str, list[Curve]] = {}
        for place, run in enumerate(self._runs):
            title = f"{self.run_prefix(run.status.id)} {run.status.title}"
            state = run.state
            curve = Curve(title, state.series("train"), state.series("validation"), place, stages=state.stage_counts())
            by_loss.setdefault(listed(run.status.kind).loss, []).append(curve)
        charts = list(self.query(StudyChart))
        for chart in charts[max(len(by_loss), 1) :]:
            chart.display = False
        for chart, (loss, curves) in zip(charts, by_loss.items() or [("", [])], strict=False):
            chart.loss = loss if len(by_loss) > 1 else ""
            chart.show_curves(curves)

    @property
    def _cursor(self) -> int | None:
        """The epoch that all charts tell."""
        return next(iter(self.query(StudyChart))).cursor

    # -- back in time ----------------------------------------------------------------------------

    @property
    def _epochs(self) -> int:
        """Those of the longest run."""
        return max((len(run.state.epochs) for run in self._runs), default=0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where no epoch is over, there is no time to go back in."""
        if action == "both":
            return len(self._runs) == 2
        return self._epochs > 0 if action == "move" else super().check_action(action, parameters)

    def action_both(self) -> None:
        """The same images through both."""
        from cae_tui.screens.both import BothScreen

        first, second = (run.status.id for run in self._runs)
        self.app.push_screen(BothScreen((first, second)))

    def action_move(self, steps: int) -> None:
        """All runs so many epochs on; behind the last each shows its latest."""
        now = self._cursor or self._epochs
        self._go_to(max(now + steps, 1))

    @on(StudyChart.Pointed)
    def _point(self, message: StudyChart.Pointed) -> None:
        self._go_to(message.epoch)

    def _go_to(self, epoch: int) -> None:
        for chart in self.query(StudyChart):
            chart.cursor = epoch if epoch < self._epochs else None
        self._show_images()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """There may be room for images, or none."""
        self._show_images()

    def _show_images(self) -> None:
        """Of two runs what they made of images at that epoch, side by side, where there is room."""
        two = len(self._runs) == 2 and all(run.state.saved for run in self._runs) and self.size.height >= TALL
        self.query_one("#images").display = two
        moment = self._cursor or self._epochs
        for name, run in zip(("#first", "#second"), self._runs if two else (), strict=False):
            saved = run.state.samples_at(moment)
            if saved:
                unread = f"The images of run {self.run_prefix(run.status.id)}"
                strip = self.query_one(name, SampleStripView)
                strip.whose = self.run_prefix(run.status.id)
                strip.read(self.runner, run.status.id, saved, unread)

    def _fill(self) -> None:
        table: DataTable[Text] = self.query_one("#differences", DataTable)
        table.add_column("")
        for place, run in enumerate(self._runs):
            marker = Text(marker_of(place), Color(*colour_of(self.app, place)).hex)
            is_it = self._baseline is not None and run.status.id == self._baseline.status.id
            pinned = f" {BASELINE}" * is_it
            table.add_column(Text.assemble(marker, (f" {self.run_prefix(run.status.id)}", "bold"), pinned))
        for name, cells in differences(self._runs):
            beside = self._beside(name)
            told = (f"{cell} {words}".rstrip() for cell, words in zip(cells, beside, strict=True))
            table.add_row(Text(name), *map(Text, told))

    def _beside(self, row: str) -> list[str]:
        """How far each run is from the baseline, in the rows of what they came to."""
        baseline = self._baseline
        if baseline is None:
            return [""] * len(self._runs)
        short = next((f"test {m.short}" for m in every_measure() if row == f"test {m.name}"), row)
        column = "val loss" if row == "best val_loss" else short
        words = []
        for run in self._runs:
            told = from_baseline(run.status, _asked(run), baseline.status, _asked(baseline))
            words.append(f"({told[column]})" if column in told else "")
        return words

    @property
    def subject(self) -> Subject | None:
        """The run under the cursor."""
        column = self.query_one("#differences", DataTable).cursor_column
        return Subject(run=self._runs[column - 1].status.id) if 1 <= column <= len(self._runs) else None

    def can(self, what: str) -> bool:  # noqa: ARG002 - there is but one key
        """Where the names of the rows are under the cursor, it does nothing."""
        return True

    @on(DataTable.CellSelected)
    def _open(self) -> None:
        self.action_ask("open")


def _asked(run: RunView) -> dict[str, Any]:
    """The values of its spec; none where they cannot be read."""
    found = run.spec.get("spec")
    return found if isinstance(found, dict) else {}


def differences(runs: list[RunView]) -> list[tuple[str, list[str]]]:
    """What the runs came to, and then each field whose values are not all the same, in words."""
    rows: list[tuple[str, list[str]]] = [
        ("data", _data_of(runs)),
        ("state", [run.status.state for run in runs]),
        ("best val_loss", [formats.loss(run.status.best_loss) for run in runs]),
        ("test loss", [formats.loss(run.status.test_loss) for run in runs]),
    ]
    for measure in every_measure():
        tested = [run.status.measure(TEST, measure.name) for run in runs]
        if any(value is not None for value in tested):
            rows.append((f"test {measure.name}", [measure.write(value) for value in tested]))
    rows += [
        ("epochs", [f"{run.status.epoch}/{run.status.epochs}" for run in runs]),
        ("ms/step", [formats.seconds(run.status.ms_per_step) for run in runs]),
        ("time", [formats.duration(run.status.seconds) for run in runs]),
    ]
    specs: list[dict[str, Any]] = [_asked(run) for run in runs]
    for name in dict.fromkeys(name for spec in specs for name in spec):
        values = [write_value(spec[name]) if name in spec else formats.NOTHING for spec in specs]
        if len(set(values)) > 1 and name not in ("epochs",):
            rows.append((name.replace("_", " "), numbers(values)))
    return rows


def _data_of(runs: list[RunView]) -> list[str]:
    """What each run's images are called; the same images at two places are one set."""
    places: dict[str, Path | None] = {}
    for run in runs:
        places.setdefault(run.status.data_digest, DataFiles.of(run.spec.get("spec", {})).absolute().images)
    return told_apart([(run.status.data or formats.NOTHING, places[run.status.data_digest]) for run in runs])
