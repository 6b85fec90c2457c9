"""The last runs, one a line: what, how good, how it stands, how long ago."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cae_tui import formats
from cae_tui.bridge.run_titles import common_data, cut, shared_by_kind, shorten, shorten_study, spec_words
from cae_tui.widgets.frame import state_content
from engine.runs.status import REPORT, TEST, VALIDATION
from engine.specs.listed import listed
from engine.specs.measures import LOSS
from engine.text import WHOLE_RUNS, counted

if TYPE_CHECKING:
    from engine.runs.status import RunStatus

LISTED = 30
"""Runs that are listed; the screen of all runs has the others."""

WIDE = 70
"""Columns from which on kind, progress and age are shown too."""

ENOUGH_TITLE = 24
"""Cells of a title for which other columns give way."""
LEAST_DATA, MOST_DATA = 5, 14
"""Cells of the name of the data, which stands in each line where there are several."""

NONE_YET = "No runs yet. Press Enter for the two-minute tour, or a to train an autoencoder."


class LastRuns(OptionList):
    """The latest runs; the ids of its options are those of the runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "select",
            "Open",
            id="last-runs.open",
            tooltip="Its report, or its training where it is not complete",
        ),
    ]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(markup=False, **arguments)
        self.border_title = "Last runs"
        self._runs: Sequence[RunStatus] = ()
        self._encoders: dict[str, str] = {}  # their prefixes
        self._drawn: tuple[object, ...] = ()

    @property
    def run(self) -> "RunStatus | None":
        """The one under the cursor."""
        place = self.highlighted
        return self._runs[place] if place is not None and place < len(self._runs) else None

    @property
    def resumable(self) -> "RunStatus | None":
        """The one under the cursor, where it can be resumed; from elsewhere on the screen, the latest that can."""
        if self.has_focus:
            return self.run if self.run is not None and self.run.resumable else None
        return next((run for run in self._runs if run.resumable), None)

    def show(self, runs: "Sequence[RunStatus]", run_prefix: Callable[[str], str] = str) -> None:
        """List `runs`; the cursor stays on its run. `run_prefix` gives that of a run which is not listed."""
        chosen = self.run.id if self.run else ""
        self._runs = runs[:LISTED]
        self._encoders = {
            run.encoder: run_prefix(run.encoder) for run in self._runs if run.encoder and "/" not in run.encoder
        }
        self._draw(chosen)

    def on_resize(self) -> None:
        self._draw(self.run.id if self.run else "")

    def _draw(self, chosen: str) -> None:
        width = self.scrollable_content_region.width - 2
        if width <= 0:
            return
        now = time.time()
        lines = run_lines(self._runs, width, now, self._encoders)
        # Where all are of one data set, it stands here once and not in every line.
        data = common_data(self._runs)  # nothing where there is no run, or several data sets
        self.border_title = Content(f"Last runs on {data}" if data else "Last runs")
        drawn = (*((run.id, line) for run, line in zip(self._runs, lines, strict=True)),)
        if drawn == self._drawn and self.option_count:
            return
        self._drawn = drawn
        self.can_focus = bool(lines)
        offers = ["Enter opens"] * bool(lines) + ["R resumes what was cut off"] * any(
            run.resumable for run in self._runs
        )
        self.border_subtitle = " · ".join(offers)
        self.clear_options()
        if not lines:
            if self.has_focus:
                self.screen.focus_next()
            self.add_option(Option(Content.styled(NONE_YET, "$foreground-muted"), disabled=True))
            return
        self.add_options(Option(line, id=run.id) for run, line in zip(self._runs, lines, strict=True))
        places = {run.id: place for place, run in enumerate(self._runs)}
        self.highlighted = places.get(chosen, 0)


def run_lines(
    runs: "Sequence[RunStatus]", width: int, now: float, encoders: Mapping[str, str] | None = None
) -> list[Content]:
    """One line a run, its columns aligned; what is least needed is left out where `width` is small.

    Args:
        encoders: the prefixes of runs that others are built on.
    """
    prefixes = {**(encoders or {}), **{run.id: run.prefix or run.id[:4] for run in runs}}
    shared, wide = shared_by_kind(runs, prefixes), width >= WIDE
    several = len({(run.data, run.data_digest) for run in runs}) > 1
    rows = []
    for run in runs:
        row = {"run": Content.styled(prefixes[run.id], "bold")}
        if wide:
            row["kind"] = Content(run.kind)
        row["title"] = Content(spec_words(run, prefixes))
        if several:
            row["data"] = Content(run.data or formats.NOTHING)
        row["measure"] = Content(_measure(run, wide=wide))
        row["state"] = _state(run, wide=wide)
        if wide:
            row["ago"] = Content.styled(formats.ago(run.started, now), "$foreground-muted")
        rows.append(row)
    if not rows:
        return []
    widths = {name: max(row[name].cell_length for row in rows) for name in rows[0]}
    wanted = min(widths["title"], ENOUGH_TITLE)

    def room() -> int:
        """Cells for the title beside all else."""
        return width - (sum(widths.values()) - widths["title"] + 2 * (len(widths) - 1))

    if wide and room() < wanted:  # a classifier is told by its encoder too
        del widths["kind"]
    if several:
        spare = widths["data"] + min(room() - wanted, 0)
        widths["data"] = max(min(widths["data"], MOST_DATA, spare), LEAST_DATA)
    widths["title"] = max(4, min(widths["title"], room()))
    return [
        _line(row, widths, partial(shorten_study if run.kind == "study" else shorten, shared=shared[run.kind]))
        for run, row in zip(runs, rows, strict=True)
    ]


def _line(row: dict[str, Content], widths: dict[str, int], shorter: Callable[[str, int], str]) -> Content:
    cells = []
    for name in widths:
        shown = cell = row[name]
        if name == "title":
            shown = Content(shorter(cell.plain, widths[name]))
        elif name == "data":
            shown = Content(cut(cell.plain, widths[name]))
        missing = widths[name] - shown.cell_length
        cells.append(shown.pad_left(missing) if name in ("measure", "ago") else shown.pad_right(missing))
    return Content("  ").join(cells)


def _measure(run: "RunStatus", *, wide: bool) -> str:
    main = listed(run.kind).main
    if main is not LOSS:
        if (tested := run.measure(TEST, main.name)) is not None:
            return main.write(tested)
        # Until its report is there, the best epoch's is all that is known. Only a test figure stands without a word.
        found = (run.measure(of, main.name) for of in (REPORT, VALIDATION))
        told = next((value for value in found if value is not None), None)
        return formats.NOTHING if told is None else f"val {main.write(told)}"
    label = "val " if wide and run.best_loss is not None else ""
    return label + formats.loss(run.best_loss)


def _state(run: "RunStatus", *, wide: bool) -> Content:
    if not wide and run.state == "early-stopped":
        return state_content(run.state, "early")  # five cells more for the title, in every line
    if not wide or run.state in ("finished", "early-stopped") or not run.epochs:
        return state_content(run.state)
    # Where each stage counts its own epochs, a number of all stages together is told as a number of epochs.
    staged = run.stage and run.stage not in WHOLE_RUNS
    where = f"after {run.epoch} of {counted(run.epochs, 'epoch')}" if staged else f"at {run.epoch}/{run.epochs}"
    return state_content(run.state, f"{run.state} {where}")
