"""A study: its plan and progress, the table of each stage with the pick and its reason, and six charts.

What is shown is the study's record: as the worker thread tells it where this process works on it, else what its file
says, looked at each second. The trial under way is told by its epochs.

Over 400 lines: most are keys, help and what each key does on this one page.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.bridge.run_state import RunState
from cae_tui.messages import (
    CompareRuns,
    ControlStudy,
    ExportStudy,
    ResumeStudy,
    RunsChanged,
    RunUpdated,
    StudyUpdated,
    TakeValues,
)
from cae_tui.screens.run_page import SortedPage, Subject, ask_key
from cae_tui.widgets.study_chart import CHARTS, WORTH, StageView, StudyChart
from cae_tui.widgets.study_table import StudyTable
from cae_tui.widgets.study_words import lanes_words, progress, reason
from engine.errors import EngineError, StudyError
from engine.specs.data_files import shape_words
from engine.studies.records import StageRecord, StudyRecord
from engine.studies.tables import time_column

if TYPE_CHECKING:
    from engine.studies.spec import StudySpec

FOUR, VAST_WIDTH, VAST_HEIGHT = 4, 170, 50
"""Charts beside the table in a terminal of so many columns and rows."""
ONE, IMPORTANCE = 4, 4
"""Charts that say something of a single hyperparameter, the first so many; and the one that takes a while."""
LANES, LANES_WHERE_LOW, HIGH = 8, 3, 30
"""Workers that have a line of their own; in a terminal of fewer lines than the last, the second number."""
LOOK_SECONDS = 1.0
"""How often the file of a study that another process works on is looked at."""


class StudyScreen(SortedPage):
    """One study."""

    CSS_PATH = "study.tcss"
    LIST = "study"
    AUTO_FOCUS = "#points"
    HELP = """
Find the best value of a hyperparameter: every value is tried, and a rule picks one and says why.

* The table has a row for each value (a *point*): **loss** and **val_loss** of the last epoch, the **best val_loss** by
  which points are compared, and what they cost. ★ is the pick; its reason is given beneath.
* The rule *trade* goes from the fastest value to the slowest, and picks a slower one where
  ln(loss now / its loss) ≥ 0.64 × ln(its time / time now).
* Test figures are shown, but no pick looks at them.
* A guided study has several stages: each pick is carried on to the next.
* With several workers, a line each tells which trial it has. A run that is stopped on its own page (`Enter`) leaves the
  others going; the study then ends as stopped, and a resume takes that trial up.

## Keys

* `1` – `6`: the charts: curves, each value by itself, loss by value, loss by time, importance, parallel coordinates;
  of an encoder's worth `7`: accuracy by labels a class, a bar for one standard deviation to each side;
  in a narrow terminal the same key goes back to the table
* `Enter`: open the run · `v`: its curves · `n`: use its encoder for a classifier · `N`: a new study around it
* `z`: the latent space of the run
* `Space`: mark a value to compare: charts then show the marked ones only · `c`: what differs between the marked
* `d`: each seed's own numbers, and back; `c` then compares every seed of the marked
* `s` `S`: sort by the next column, reverse the order
* `←` `→`: the previous stage, the next
* `p`: pause, continue · `k`: skip the trial that is training; of several, the one under the cursor
* `x`: stop; it can be resumed · `R`: resume
* `t`: when the study waits for a pick: pick the value under the cursor
* `w`: write the document: Markdown, HTML and CSV
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "take", "Pick it", id="study.take", tooltip="Pick the value under the cursor"),
        ask_key("study.open", tooltip="The run under the cursor"),
        ask_key("study.curves", show=False),
        ask_key("study.latent", show=False),
        Binding("space", "mark", "Mark", id="study.mark", tooltip="To compare"),
        Binding("c", "compare", "Compare", id="study.compare", tooltip="What differs between the marked"),
        Binding("d", "seeds", "Seeds", id="study.seeds", tooltip="Each seed's own numbers"),
        Binding("p", "control('pause')", "Pause", id="study.pause", tooltip="Pause, or continue"),
        Binding("k", "control('skip')", "Skip", id="study.skip", tooltip="Skip the trial that is training"),
        Binding("x", "control('stop')", "Stop", id="study.stop", tooltip="Stop; it can be resumed"),
        Binding("R,shift+r", "resume", "Resume", id="study.resume", tooltip="Resume it"),
        ask_key("study.classify", description="Classifier", tooltip="Use its encoder", show=False),
        ask_key("study.around", "study", tooltip="Around this run", show=False),
        Binding("w", "write", "Write", id="study.write", tooltip="Write the document"),
        Binding("s", "sort", "Sort", id="study.sort", tooltip="Sort by the next column", show=False),
        Binding("S,shift+s", "turn", "Turn", id="study.turn", tooltip="Reverse the order", show=False),
        Binding("left", "stage(-1)", "Previous stage", id="study.before", tooltip="The previous stage", show=False),
        Binding("right", "stage(1)", "Next stage", id="study.next", tooltip="The next stage", show=False),
        *(
            Binding(
                str(number),
                f"chart({number - 1})",
                name.capitalize(),
                id=f"study.chart{number}",
                tooltip="That chart; again: back to the table, where there is room for only one",
                show=False,
            )
            for number, name in enumerate(CHARTS, start=1)
        ),
    ]

    stage: reactive[int] = reactive(0, init=False)
    """Which stage is shown."""

    def __init__(self, study: str) -> None:
        super().__init__()
        self._asked_for = study
        self._record: StudyRecord | None = None
        self._spec: StudySpec | None = None
        self._stamp = 0
        self._followed = -1  # the stage that was under way when one was last chosen by hand
        self._shares: tuple[int, dict[str, float]] = (0, {})
        self._titles = ("", "")
        self._lanes = 0  # how many are shown
        self._waited: tuple[str, int] | None = None  # as what it was last seen waiting

    # -- what it looks like ----------------------------------------------------------------------

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Studies", self.cae.study_prefix(self._record.id) if self._record else "new")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its trials; while it is being prepared, those of the form that asked for it."""
        if self._record is None:
            return self.cae.asked_data
        images = self._record.data
        return tuple(filter(None, (str(images.get("name", "")), shape_words(tuple(images.get("shape", ()))))))

    def compose_page(self) -> Iterator[Widget]:
        """Plan and progress on top; table and chart side by side."""
        with Vertical(id="head", classes="card"):
            yield Static("Preparing: loading PyTorch and the images …", id="plan", markup=False)
            yield Static("", id="progress")
            yield Static("", id="lanes", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left", classes="card"):
                yield StudyTable(self.cae.settings.orders.get(self.LIST))
                yield Static("", id="row", markup=False)
                yield Static("", id="reason", markup=False)
            with Grid(id="charts"):
                for place in range(FOUR):
                    yield StudyChart(id=f"chart-{place}")

    def on_mount(self) -> None:
        """Read the study, and look at it now and then."""
        self.query_one("#head").border_title = "Study"
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    @property
    def table(self) -> StudyTable:
        return self.query_one(StudyTable)

    def shows_run(self, run: RunState) -> bool:
        """The trial under way needs no strip."""
        return self._record is not None and any(trial.run == run.id for trial in self._record.trials)

    @property
    def _mine(self) -> bool:
        """Whether this process works on the study."""
        mine = self.cae.studies.current if self.cae.studies.busy else None
        return mine is not None and self._record is not None and self._record.id == mine.id

    def _look(self) -> None:
        """Read the file again, where another process has written it."""
        name = self._record.id if self._record else self._asked_for
        if not name or self._mine:
            return
        stamp = self.cae.studies.stamp(name)
        live = self._record is not None and self._record.live
        if stamp == self._stamp and not live:
            return
        try:
            self._stamp = stamp
            self._take(self.cae.studies.read(name))
        except EngineError as error:
            self.query_one("#plan", Static).update(str(error))

    @on(StudyUpdated)
    def _update(self, message: StudyUpdated) -> None:
        if self.place in (("study", message.study.id), ("study", "")):
            self._take(message.study)

    @on(RunUpdated)
    def _step(self) -> None:
        if self._record is not None:
            self._draw_head(self._record)

    @on(RunsChanged)
    def _changed(self) -> None:
        self._stamp = 0
        self._look()

    def _take(self, record: StudyRecord) -> None:
        first = self._record is None or self._record.id != record.id
        self._record = record
        if first:
            from engine.studies.spec import study_from_json

            try:
                self._spec = study_from_json(record.spec)
            except EngineError as error:
                self.query_one("#plan", Static).update(str(error))
                return
            self.refresh_crumbs()
            if self._spec.mode == "worth":
                self.query_one(StudyChart).chart = WORTH
        under_way = record.stage_under_way
        if under_way != self._followed:
            self._followed = under_way
            self.stage = under_way
        self._draw(record)

    def watch_stage(self) -> None:
        if self._record is not None:
            self._draw(self._record)

    @property
    def _stage(self) -> StageRecord | None:
        stages = self._record.stages if self._record else []
        return stages[min(max(self.stage, 0), len(stages) - 1)] if stages else None

    # -- drawing ---------------------------------------------------------------------------------

    def _draw(self, record: StudyRecord) -> None:
        stage = self._stage
        if stage is None or self._spec is None:
            return
        self._draw_head(record)
        names = ", ".join(name.replace("_", " ") for name in stage.names)
        of_worth = self._spec.mode == "worth"
        names = "ways to train, by labels a class" if of_worth else names
        several = len(record.stages) > 1
        title = f"Stage {self.stage + 1} of {len(record.stages)}: {names}" if several else names
        charts = f"1–{WORTH + of_worth} charts"
        offers = " · ".join(["← → other stages"] * several + [charts] * self.has_class("-narrow"))
        if self._titles != (title, offers):  # a border that is written again has all that it frames drawn again
            self._titles = (title, offers)
            left = self.query_one("#left")
            left.border_title, left.border_subtitle = title, offers
        table = self.table
        table.show(stage, self._spec.baseline.kind)
        waiting = (record.state, self.stage) if record.state == "waiting" else None
        if waiting and waiting != self._waited and stage.proposed is not None:
            table.select(stage.proposed)  # what the rule would take is what a key takes, until a person moves on
        self._waited = waiting
        self._draw_row()
        self._draw_reason(record, stage)
        self._draw_chart(stage)
        self.refresh_keys()

    def _draw_head(self, record: StudyRecord) -> None:
        machine = f" · {record.machine}" if record.machine else ""
        self._write("#plan", f"{record.title}{machine}", layout=False)
        self._write("#progress", progress(record, self.runner.current, wide=self.has_class("-wide")), layout=False)
        lanes = self.cae.studies.lanes(record) if len(record.under_way) > 1 else []
        most = LANES_WHERE_LOW if self.size.height < HIGH else LANES
        self.query_one("#lanes").display = bool(lanes)
        if lanes:
            width = max(self.query_one("#head").content_size.width or self.size.width - 6, 40)
            self._write("#lanes", lanes_words(record, lanes, width, most), layout=len(lanes) != self._lanes)
        self._lanes = len(lanes)

    def _write(self, place: str, words: str | Content, *, layout: bool = True) -> None:
        """Put words there; where they stand already, nothing is laid out or drawn for them."""
        static = self.query_one(place, Static)
        if str(static.content) != str(words):
            static.update(words, layout=layout)

    def _draw_reason(self, record: StudyRecord, stage: StageRecord) -> None:
        place = self.table.place
        point = stage.points[place] if place is not None and place < len(stage.points) else None
        labels = "" if point is None else point.values.get("labels_per_class", "")
        words, waits = reason(record, stage, mine=self._mine, labels=labels)
        self.query_one("#reason", Static).set_class(waits, "-waiting")
        self._write("#reason", words)

    def _draw_chart(self, stage: StageRecord) -> None:
        from engine.studies.spec import brief

        assert self._spec is not None
        column = time_column(self._spec.baseline.kind, stage)
        view = StageView(
            stage=stage,
            spec=self._spec,
            labels=[brief(point.values) for point in stage.points],
            times=column.times(stage),
            per=column.per,
            marked=frozenset(self.table.marked),
            shares=self._shares[1],
            each_class=float(self._record.data.get("each_class", 0.0)) if self._record else 0.0,
        )
        for chart in self._charts:
            chart.show(view)
        ended = sum(point.ended for point in stage.points)
        weighs = view.spec.mode != "worth" and any(chart.chart == IMPORTANCE for chart in self._charts)
        if weighs and len(stage.names) > 1 and ended != self._shares[0]:
            self._weigh(ended)

    @property
    def _charts(self) -> list[StudyChart]:
        """The charts that are shown: the chosen one, and where there is room the next three that say something."""
        several = self._stage is not None and len(self._stage.names) > 1
        several = several and self._spec is not None and self._spec.mode != "worth"
        first, *others = self.query(StudyChart)
        room = self.size.width >= VAST_WIDTH and self.size.height >= VAST_HEIGHT
        self.query_one("#charts").set_class(room, "-four")
        useful = [number for number in range(WORTH) if number != first.chart and (several or number < ONE)]
        for chart, number in zip(others, useful, strict=False):
            chart.chart = number
        return [first, *others] if room else [first]

    @work(exclusive=True, group="importance")
    async def _weigh(self, ended: int) -> None:
        """How much each hyperparameter matters; takes a moment, and Optuna."""
        if self._record is not None:
            self._shares = (ended, await self.cae.studies.importances(self._record))
            if (stage := self._stage) is not None:
                self._draw_chart(stage)

    # -- what keys do ----------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the study as it stands, and with the row under the cursor."""
        record = self._record
        if not self.is_mounted or action.startswith("app."):
            return True
        if record is None:
            return action == "chart"
        match action:
            case "chart":
                return parameters != (WORTH,) or (self._spec is not None and self._spec.mode == "worth")
            case "take":
                return self._mine and record.state == "waiting" and self.stage == record.stage_under_way
            case "control":
                return record.live and (parameters == ("stop",) or record.current is not None)
            case "resume":
                return record.resumable
            case "compare":
                return len(self.table.marked) > 1
            case "seeds":
                return int(record.spec.get("repeats", 1)) > 1
            case "stage":
                return len(record.stages) > 1
            case "write":
                return record.done > 0
        return super().check_action(action, parameters)

    @property
    def subject(self) -> Subject | None:
        """The run of the trial under the cursor."""
        trial, kind = self.table.trial, self._spec.baseline.kind if self._spec else ""
        if trial is None or not trial.run:
            return None
        return Subject(run=trial.run, kind=kind, trained=trial.best_loss is not None)

    def can(self, what: str) -> bool:
        """A trial without a run can be asked why that is."""
        return super().can(what) or (what == "open" and self.table.reason != "")

    @on(StudyTable.Highlighted)
    def _other_row(self) -> None:
        self._draw_row()
        if self._record is not None and (stage := self._stage) is not None:
            self._draw_reason(self._record, stage)
        self.refresh_keys()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """Other words and columns have room."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self._record is not None:
            self._draw(self._record)
        if not (self.has_class("-narrow") and self.has_class("-chart")):
            self._back_to_the_table()

    def _back_to_the_table(self) -> None:
        """A table that was hidden has lost the keyboard."""
        if self.focused is None:
            self.table.focus()

    def _draw_row(self) -> None:
        """What of the point under the cursor has no column of its own."""
        table, line = self.table, self.query_one("#row", Static)
        told = "\n".join(filter(None, (table.reason, table.left_out)))
        line.display = bool(told)
        self._write("#row", told)

    def action_ask(self, what: str) -> None:
        """Ask for it; of what has no run that could be opened, tell why."""
        reason = self.table.reason if what == "open" else ""
        if reason and not (self.subject and self.cae.has_run(self.subject.run)):
            self.cae.tell(reason, "warning", timeout=12)
        else:
            super().action_ask(what)

    def action_mark(self) -> None:
        """Mark the point under the cursor."""
        self.table.toggle_mark()
        if (stage := self._stage) is not None:
            self._draw_chart(stage)
            self.refresh_keys()

    def action_compare(self) -> None:
        """The marked points' runs side by side."""
        stage = self._stage
        if stage is None:
            return
        table = self.table
        runs = [[trial.run for trial in stage.points[place].trials if trial.run] for place in sorted(table.marked)]
        # What the table shows: each seed's own run, or of each point its first.
        shown = [run for of_point in runs for run in (of_point if table.unfolded else of_point[:1])]
        different = tuple(dict.fromkeys(shown))  # points that come to the same network share a run
        if len(different) == 1 < len(shown):
            self.cae.tell("The marked points share one run: there is nothing to compare.")
        else:
            self.post_message(CompareRuns(different))

    def action_seeds(self) -> None:
        """Each seed's own row, or not."""
        self.table.unfold()

    def action_stage(self, step: int) -> None:
        stages = self._record.stages if self._record else []
        self.stage = min(max(self.stage + step, 0), len(stages) - 1)

    def action_chart(self, number: int) -> None:
        """Another chart; where it hides the table, the same key goes back."""
        chart = self.query_one(StudyChart)
        narrow = self.has_class("-narrow")
        same = chart.chart == number
        if same and number == 2 and (not narrow or self.has_class("-chart")) and self._axes > 1:
            chart.axis = (chart.axis + 1) % self._axes
            return
        chart.chart = number
        if narrow:
            self.set_class(not (same and self.has_class("-chart")), "-chart")
            if not self.has_class("-chart"):
                self.call_after_refresh(self._back_to_the_table)
        if (stage := self._stage) is not None:
            self._draw_chart(stage)

    @property
    def _axes(self) -> int:
        return len(self._stage.names) if self._stage else 0

    def step_back(self) -> bool:
        """From a chart that hides the table, to the table."""
        if self.has_class("-narrow") and self.has_class("-chart"):
            self.remove_class("-chart")
            self.call_after_refresh(self._back_to_the_table)
            return True
        return False

    def action_control(self, what: str) -> None:
        """Wait or go on (`pause`), end the trial under way (`skip`), or `stop`, before which the app asks."""
        if self._record is not None:
            goes_on = what == "pause" and self._record.state == "paused"
            trial = self.table.trial if what == "skip" else None
            self.post_message(ControlStudy(self._record.id, "run" if goes_on else what, trial.run if trial else ""))

    def action_resume(self) -> None:
        if self._record is not None:
            self.post_message(ResumeStudy(self._record.id))

    def action_take(self) -> None:
        """Take the value under the cursor; of a long run, a number of epochs."""
        stage, place = self._stage, self.table.place
        if stage is not None and place is not None:
            if self._spec is not None and self._spec.is_long_run(stage.names[0]):
                self._ask_epochs(stage)
                return
            if not stage.points[place].complete:
                self.cae.tell("That value did not finish training, so there is nothing to carry on: pick another.")
                return
            self.post_message(TakeValues(stage.points[place].values))

    @work
    async def _ask_epochs(self, stage: StageRecord) -> None:
        """Of the long run any number of epochs can be carried on."""
        (name,), most = stage.names, max(trial.epochs for trial in stage.points[0].trials)

        def check(text: str) -> None:
            if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
                raise StudyError(f"“{text[:20]}” is not a number of epochs from 1 to {most:,}.")

        typed = await self.cae.ask_text("How many epochs are carried on?", stage.picked[name], f"1 to {most:,}", check)
        if typed is not None:
            self.post_message(TakeValues({name: str(int(typed))}))

    def action_write(self) -> None:
        """The document; the app asks where to."""
        if self._record is not None:
            self.post_message(ExportStudy(self._record.id))
