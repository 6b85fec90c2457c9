"""Every run that was made here: to filter and sort, to mark, tag and note, and to open, compare, repeat or delete.

Over 400 lines: a quarter is what the page says of itself, its help and its keys.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from cae_tui.kinds import view_of
from cae_tui.messages import MarkRuns, PinBaseline, RunsChanged, RunUpdated
from cae_tui.screens.run_page import SortedPage, Subject, ask_key
from cae_tui.widgets.line import Line
from cae_tui.widgets.run_preview import HIGH, WIDE, RunPreview
from cae_tui.widgets.run_table import STAR, RunTable
from engine.errors import EngineError
from engine.protocol.states import PAUSED, RUNNING
from engine.runs.by_spec import of_one_spec
from engine.runs.filter import EVERYTHING, EXAMPLES, Filter, FilterError, parse_filter
from engine.runs.status import RunStatus
from engine.specs.listed import KINDS
from engine.text import counted

RELOAD_SECONDS = 3.0
"""How often the list looks for what other processes did."""

REST_SECONDS = 0.15
"""So long the cursor rests on a run before that is read to be shown at a glance."""

NONE_YET = "No runs yet. Press a to train an autoencoder."
NONE_MATCHES = "No run matches the filter. Esc clears it."
ALL_HIDDEN = "All runs are hidden. Press / and write is:hidden to list them."
NONE_INSIDE = "None of these runs is listed any more. Esc goes back to all."
OF_ALL = ("open", "compare", "delete", "tags", "note", "write")
"""What can be asked for the line of several runs: it is for all of them."""
OF_A_RUN = ("sort", "turn", "mark", "mark_all", "star", "hide")
"""Actions of this page alone for which a run has to be under the cursor."""


class FilterInput(Line):
    """The field of the filter; the footer says what Enter does in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "To the list", id="runs.to_list", tooltip="From the filter to the runs it lists"),
    ]


class RunsScreen(SortedPage):
    """All runs."""

    CSS_PATH = "runs.tcss"
    LIST = "runs"
    AUTO_FOCUS = "#runs"
    HELP = """
Every run that was made here, and its state.

* **val loss** is the validation loss of the best epoch, **last** that of the last one.
* **test acc** is measured once, at the end.
* **data** are the images a run was trained on; if all listed runs are on the same, the frame says so.
* In a large terminal the run under the cursor is shown beneath: its curve, what it makes of images, its numbers.
* States: ○ queued (`Q` shows the queue), ● running, ‖ paused, ✓ finished or early-stopped, ■ stopped or cut off (both
  can be resumed), ✗ diverged or failed (the run's own screen says why).

## Keys

* `Enter`: open it: its report where it is complete, its training otherwise
* `v`: its curves · `e`: open the form with its spec, to run again with changes
* `R`: resume what was stopped or cut off · `F`: finish it now, with its best weights
* `n`: use an autoencoder for a classifier · `N`: a study around it
* `z`: its latent space: a map of the images, and which classes its encoder confuses
* `s`: sort by the next column · `S`: reverse the order · or click a column's head
* `g`: runs that differ in nothing but the seed as one line, `×5`, with means and standard deviations; `Enter` lists
  them, `Esc` goes back. What is done to such a line (mark, compare, delete …) is done to all of its runs
* `b`: pin it as the baseline, `◆`, or unpin it: the list and comparisons tell how far each other run is from it, losses
  in per cent, accuracies in points. Test figures are compared on the same images, validation losses where the
  validation part is the same too, as with one seed. Other kinds, images or noise have no difference
* `Space`: mark it · `A`: mark all that are listed · `c`: compare the marked: curves, and what differs

These are for all marked runs, or for the one under the cursor where none is marked:

* `f`: add a star, or remove it · `t`: tags · `o`: a note · `h`: hide it from this list, or show it again
* `w`: write it as CSV, with every field of its spec (where nothing is marked, all that are listed)
* `x` or `Delete`: delete it; you are asked first

## Filter

`/` goes to the filter. Only runs that match all of its terms are listed; `Esc` goes back to the list, and from
there clears marks and filter.

* a word: in the id, kind, spec, data, state, tags or note; `"two words"` in quotation marks
* `field` and `<` `<=` `>` `>=` `=` `!=` and a number: `kernels>=32` (of a list the smallest), `val_loss<0.002`,
  `test_accuracy>=99%`, `time<5m`, `age<2d`, `parameters<100,000`, or any field of a spec, named as its flag is
* `field:word`: `state:finished`, `kind:classifier`, `data:fashion`, `tag:baseline`, `optimizer:adamw`,
  `from_scratch:yes`
* `is:starred`, `is:hidden`, `is:resumable` · `-` in front excludes a term: `-tag:old`
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        ask_key("runs.open"),
        Binding("slash", "filter", "Filter", key_display="/", id="runs.filter", tooltip="List only some runs"),
        Binding("space", "mark", "Mark", id="runs.mark", tooltip="To compare, tag, write or delete several"),
        ask_key("runs.compare"),
        ask_key("runs.again", tooltip="Open the form with its spec"),
        ask_key("runs.resume"),
        ask_key("runs.finish", show=False),
        ask_key("runs.try"),
        ask_key("runs.latent", show=False),
        ask_key("runs.classify"),
        ask_key("runs.delete", show=False),
        ask_key("runs.study", show=False),
        ask_key("runs.tags", show=False),
        Binding("f", "star", "Star", id="runs.star", tooltip="Add a star, or remove it", show=False),
        Binding("s", "sort", "Sort", id="runs.sort", tooltip="Sort by the next column", show=False),
        ask_key("runs.curves", show=False),
        Binding("S,shift+s", "turn", "Turn", id="runs.turn", tooltip="Reverse the order", show=False),
        Binding(
            "A,shift+a", "mark_all", "Mark all", id="runs.mark_all", tooltip="Mark all that are listed", show=False
        ),
        Binding("g", "by_spec", "By spec", id="runs.by_spec", tooltip="Runs that differ in the seed as one line"),
        Binding("b", "baseline", "Baseline", id="runs.baseline", tooltip="Tell differences to it", show=False),
        ask_key("runs.note", show=False),
        Binding("h", "hide", "Hide", id="runs.hide", tooltip="Hide it from this list, or show it again", show=False),
        ask_key("runs.write", show=False),
        Binding(
            "a", "app.configure('autoencoder')", "Train", id="runs.train", tooltip="Train an autoencoder", show=False
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunStatus] = []
        self._complained: set[str] = set()  # of runs that cannot be listed, each once
        self._specs: dict[str, Mapping[str, Any]] = {}
        self._filter: Filter = EVERYTHING
        self._previewed: object = None  # the run that is shown at a glance, as it was then
        self._by_spec = False  # whether runs of one spec are one line
        self._inside: frozenset[str] = frozenset()  # those of the line that was opened; empty where none is

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", *([f"{counted(len(self._inside), 'run')} of one spec"] if self._inside else []))

    def compose_page(self) -> Iterator[Widget]:
        """The filter, the table, or what to do where there is nothing to list, and a line about the run in it."""
        with Horizontal(id="filter-line"):
            yield Label("Filter /")
            yield FilterInput(compact=True, id="filter", placeholder=EXAMPLES)
        yield Static("", id="filter-problem", markup=False)
        with Vertical(classes="card", id="card"):
            yield RunTable(self.cae.settings.orders.get(self.LIST))
            yield Static(NONE_YET, id="none", markup=False)
        yield RunPreview()
        yield Static("", id="about")

    def on_mount(self) -> None:
        """List the runs, and look now and then for what other processes do."""
        self._reload()
        self.set_interval(RELOAD_SECONDS, self._reload)

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)

    # -- what is listed --------------------------------------------------------------------------

    @on(RunsChanged)
    @on(ScreenResume)  # what lay over this screen may have changed a run
    def _reload(self) -> None:
        self._runs = self.runner.list_runs()
        for sentence in self.runner.home.unreadable:
            if sentence not in self._complained:
                self._complained.add(sentence)
                self.cae.tell(sentence, "warning", timeout=12)
        self._list()

    @on(RunUpdated)
    def _update(self, message: RunUpdated) -> None:
        if message.epoch:
            self._reload()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        """What is listed follows the filter; while that cannot be read, everything is listed."""
        try:
            self._filter = parse_filter(event.value)
            problem = ""
        except FilterError as error:
            self._filter, problem = EVERYTHING, str(error)
        self.query_one("#filter-problem", Static).update(problem)
        self.set_class(bool(problem), "-problem")
        self._list()

    def _list(self) -> None:
        baseline = next((run for run in self._runs if run.id == self.cae.settings.baseline), None)
        needs_spec = self._filter.needs_spec or self._by_spec or baseline is not None
        if needs_spec and any(run.id not in self._specs for run in self._runs):
            self._read_specs()
            return
        shown = [run for run in self._runs if self._filter.matches(run, self._specs.get(run.id))]
        if self._inside:
            shown = [run for run in shown if run.id in self._inside]
        lines = of_one_spec(shown, self._specs) if self._by_spec and not self._inside else shown
        hidden = sum(run.notes.hidden for run in self._runs)
        table, none = self.table, self.query_one("#none", Static)
        none.display = not shown
        typed = self.query_one("#filter", Input).value.strip()
        none.update(
            NONE_INSIDE if self._inside else NONE_YET if not self._runs else NONE_MATCHES if typed else ALL_HIDDEN
        )
        if not shown and table.has_focus:
            self.set_focus(None)
        table.display = bool(shown)
        if shown and self.focused is None:
            table.focus()
        table.hold_against(baseline, self._specs)
        table.show(lines, {run.id: run.prefix or run.id[:4] for run in self._runs})
        self._count(len(shown), hidden)
        self._tell_about()
        self._preview()
        self.refresh_keys()

    @work(exclusive=True, group="preview")
    async def _preview(self) -> None:
        """Show the run under the cursor at a glance, where there is room, once the cursor rests."""
        run = self.table.run if self.table.display else None
        preview = self.query_one(RunPreview)
        preview.display = run is not None and self.size.height >= HIGH and self.size.width >= WIDE
        if run is None or not preview.display:
            self._previewed = None
            return
        seen = (run.id, run.updated, run.notes)
        if seen == self._previewed:
            return
        await asyncio.sleep(REST_SECONDS)
        try:
            view = await self.runner.open_run(run.id)
        except EngineError as error:
            preview.complain(str(error))
            return
        self._previewed = seen
        rebuilds = run.kind in KINDS and view_of(run.kind).rebuilds_images
        noted = replace(view, status=replace(view.status, notes=run.notes))
        preview.show(noted, self.run_prefix(run.id), self.runner, images=rebuilds)

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """There may be room for the preview, or none."""
        self._previewed = None
        self._preview()

    @work(exclusive=True, group="specs")
    async def _read_specs(self) -> None:
        self._specs |= await self.runner.specs([run.id for run in self._runs if run.id not in self._specs])
        self._list()

    def _count(self, shown: int, hidden: int) -> None:
        every = len(self._runs)
        parts = []
        if every:
            parts.append(counted(every, "run") if shown == every else f"{shown:,} of {counted(every, 'run')}")
        if marked := self.table.marked_count:
            parts.append(f"{marked:,} marked")
        if hidden:
            parts.append(f"{hidden:,} hidden")
        if self._by_spec and not self._inside:
            parts.append("by spec")
        data = self.table.same_data
        self.query_one("#card").border_title = Content(f"Runs on {data}" if data else "Runs")
        self.query_one("#card").border_subtitle = " · ".join(parts)

    def _tell_about(self) -> None:
        """What was noted about the run under the cursor, and why it ended, where not all went well."""
        run, several = self.table.run, self.table.several
        parts: list[Content] = []
        if several is not None:
            beside = self.table.beside(several.line)
            told = self.table.left_out(several.line)
            parts = [Content(words) for words in (several.words, told, beside) if words]
            parts.append(Content.styled("Enter lists them", "$foreground-muted"))
        if run is not None:
            notes = run.notes
            told = self.table.left_out(run)
            parts += [Content(told)] * bool(told)
            beside = self.table.beside(run)
            parts += [Content(beside)] * bool(beside)
            parts += [Content.styled(STAR, "$cae-attention")] * notes.star
            parts += [Content(" ".join(f"#{tag}" for tag in notes.tags))] * bool(notes.tags)
            parts += [Content.styled(notes.note, "$foreground")] * bool(notes.note)
            parts += [Content(run.message)] * bool(run.message)
            if not (notes.star or notes.tags or notes.note or run.message):
                parts.append(Content("z latent · f star · t tags · o note · h hide · w CSV · x delete"))
        self.query_one("#about", Static).update(Content("  ").join(parts))

    # -- what keys do ----------------------------------------------------------------------------

    def step_back(self) -> bool:
        """From the filter to the list; then marks and filter are cleared before the screen is left."""
        filter_box = self.query_one("#filter", Input)
        if filter_box.has_focus and self.table.display:
            self.table.focus()
            return True
        if self._inside:
            self._go_inside(frozenset())
            return True
        if self.table.marked:
            self.table.marked.clear()
            self._list()
            self.table.refresh()
            return True
        if filter_box.value:
            filter_box.value = ""
            self._filter = EVERYTHING
            self._list()
            self.table.focus()
            return True
        return False

    @property
    def subject(self) -> Subject | None:
        """The run under the cursor."""
        if not self.table.display:
            return None
        if (several := self.table.several) is not None:
            return Subject(run=several.line.id, kind=several.line.kind)
        run = self.table.run
        if run is None:
            return None
        return Subject(run=run.id, kind=run.kind, state=run.state, trained=run.best_epoch > 0)

    def can(self, what: str) -> bool:
        """Only what can be done with the run under the cursor, or the marked ones."""
        marked = self.table.marked_count
        if self.table.several is not None and what not in OF_ALL:  # no run is named
            return False
        match what:
            case "compare":
                return len(self.table.chosen) > 1 and super().can(what)
            case "delete":
                going = any(chosen.state in (RUNNING, PAUSED) for chosen in self.table.chosen)
                return not going and super().can(what)
            case "finish":
                return not marked and not self.runner.busy and super().can(what)
            case "resume" | "classify" | "again" | "curves" | "study":
                return not marked and super().can(what)
        return super().can(what)

    def chosen(self, what: str) -> tuple[str, ...]:
        """The marked ones, or the one under the cursor; all that are listed are written where none is marked."""
        everything = what == "write" and not self.table.marked_count
        return tuple(run.id for run in (self.table.listed if everything else self.table.chosen))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with what is listed."""
        if not self.is_mounted:
            return True
        if action in OF_A_RUN:
            return self.subject is not None
        if action == "filter":
            return bool(self._runs)
        if action == "baseline":
            return self.table.run is not None and self.table.display
        return super().check_action(action, parameters)

    def action_ask(self, what: str) -> None:
        """The line of several runs is opened here: they are listed alone."""
        several = self.table.several
        if what == "open" and several is not None:
            self._go_inside(frozenset(several.ids))
        else:
            super().action_ask(what)

    def action_by_spec(self) -> None:
        """Runs that differ in nothing but the seed as one line, or each as its own."""
        self._by_spec = not self._by_spec
        self._go_inside(frozenset())

    def action_baseline(self) -> None:
        """Tell differences to the run under the cursor, or to none any more."""
        run = self.table.run
        if run is not None:
            self.post_message(PinBaseline("" if run.id == self.cae.settings.baseline else run.id))

    def _go_inside(self, runs: frozenset[str]) -> None:
        self._inside = runs
        self.refresh_crumbs()
        self._list()

    @on(RunTable.Highlighted)
    def _other_run(self) -> None:
        self._tell_about()
        self._preview()
        self.refresh_keys()

    @on(Input.Submitted, "#filter")
    def action_filter(self) -> None:
        """From the list to the filter, and back."""
        filter_box = self.query_one("#filter", Input)
        if filter_box.has_focus:
            if self.table.display:
                self.table.focus()
        else:
            filter_box.focus()

    def action_mark(self) -> None:
        """Mark it, or take the mark away."""
        self.table.toggle_mark()
        self._list()

    def action_mark_all(self) -> None:
        """Mark all that are listed."""
        self.table.mark_all()
        self._list()

    def action_star(self) -> None:
        """A star for all, or none where all have one."""
        self._switch("star", [run.notes.star for run in self.table.chosen])

    def action_hide(self) -> None:
        """Hide all, or list them again where all are hidden."""
        self._switch("hidden", [run.notes.hidden for run in self.table.chosen])

    def _switch(self, what: str, having: list[bool]) -> None:
        self.post_message(MarkRuns(self.chosen(what), what, not all(having)))
