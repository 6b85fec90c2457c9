"""What a complete run came to.

A classifier: accuracy, the classification report, and the confusion matrix. An autoencoder: its errors, and what they
mean beside a constant image, PCA and earlier runs. Both: the curves of all stages, and how the run came about.
Where rows or columns are few, one of the panes is shown at a time.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static, Tab, Tabs

from cae_tui.bridge.run_state import RunState
from cae_tui.bridge.values import RunView
from cae_tui.messages import OpenGallery
from cae_tui.screens.run_page import RunPage, Subject, ask_key
from cae_tui.widgets.class_report import ClassReport, ClassRows
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.report_table import HEADS
from cae_tui.widgets.report_text import about, headline, measures, report_lines
from cae_tui.widgets.sample_strip import STACKED, SampleStripView, turn_keys
from engine.errors import EngineError
from engine.runs.report_words import report_as_text
from engine.specs.data_files import DataFiles
from engine.specs.listed import listed
from engine.specs.measures import LOSS
from engine.text import class_of_title

ROOMY = (120, 34)
"""Columns and rows from which all panes are shown at once."""
WIDE = 160
"""Columns from which the numbers get more of them."""
MOST_REMARKS = 5
"""Lines of what was found doubtful, over the panes, where there is room."""
TOP, BOTTOM = 21, 14
"""Rows of the upper panes, which more classes than ten make higher, and rows that are left to the lower ones."""
PANES = {"numbers": "#numbers", "picture": "#picture", "curves": "#charts", "about": "#about"}


class ReportScreen(RunPage):
    """The result of one run."""

    CSS_PATH = "report.tcss"
    AUTO_FOCUS = ""
    HELP = """\
The result of a complete run, measured once, on images that no choice was based on.

- **Classification report**: *precision* is how many of the images given a class truly are of it, *recall*
  how many of a class's images were found, *f1-score* their harmonic mean, *support* how many images the class has.
  There are as many decimals as tell the classes apart. What is low is shaded; the bar is the lower of precision and
  recall, on the scale in its head. `s` sorts, `Enter` shows a class's images, `t` shows scikit-learn's own text.
- **Confusion matrix**: true classes down, predicted classes across. The arrows move over the cells, `Enter` shows
  the images of one. Mistakes are shaded by their share of the row, the most frequent one strongest.
- **Measures** of an autoencoder: the mean squared error (MSE) of pixels in [0, 1]; PSNR says the same in decibels,
  higher is better.
  PCA is the best linear autoencoder with a latent of that size: a network is worth its time where it is better.
- **Is this good?** Errors and accuracies stand beside what needs no learning (one image, or class, as every answer),
  PCA, and the complete runs here of the same spec, but for its seed, on the same images. Of those, the one
  with the lowest *validation* loss counts: nothing is chosen by test figures.
- **About the run**: its data, what differs from the preset, seed, device, date, tags and note.
- **An anomaly detector** has an AUROC in place of errors: how often an odd image has a higher score than a normal one.
  `o` shows all scores and the images on both sides of the threshold.
- `g` sample predictions, `w` only the wrong ones, `z` the latent space: a map of the images, and which classes the
  encoder confuses, `v` curves, `e` the form with this run's spec, `m` save the model file, `W` write the run for other
  programs, `y` copy the report as text.
- `u` on a classifier's report: how sure it is, beside how often it is right, and how many images it answers how well.
- `P` on an autoencoder's report: what its encoder is worth, with few labels and with all, by a study; it asks first.
- `D` on a classifier's report: doubtful labels, among the images that it has not learned from. On that of an anomaly
  detector: all its images, the oddest first, to leave out what does not belong.
- In a small terminal `1` to `4` show one pane each, and the arrows, `PageDown` and `End` what is below its last line.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        ask_key("report.gallery"),
        ask_key("report.wrong"),
        ask_key("report.scores"),
        ask_key("report.sure", show=False),
        ask_key("report.try"),
        ask_key("report.latent"),
        ask_key("report.classify"),
        ask_key("report.curves", show=False, tooltip="Curves and epochs, as during training"),
        ask_key("report.worth", show=False),
        ask_key("report.again"),
        ask_key("report.save", show=False),
        ask_key("report.export"),
        Binding("y", "copy", "Copy", id="report.copy", tooltip="Copy the report as text", show=False),
        Binding("t", "text", "Text", id="report.text", tooltip="scikit-learn's own text, or the table", show=False),
        Binding("D,shift+d", "doubts", "Doubts", id="report.doubts", tooltip="Wrong labels, or odd images", show=False),
        Binding("s", "sort", "Sort", id="report.sort", tooltip="Order the classes by the next column", show=False),
        Binding("1", "pane('numbers')", "Numbers", id="report.numbers", tooltip="The numbers", show=False),
        Binding("2", "pane('picture')", "Picture", id="report.picture", tooltip="Confusion or images", show=False),
        Binding("3", "pane('curves')", "Curves", id="report.charts", tooltip="The curves", show=False),
        Binding("4", "pane('about')", "About", id="report.about", tooltip="How the run was made", show=False),
        *turn_keys("report", next_keys="right_square_bracket", previous_keys="left_square_bracket"),
        Binding("down", "enter_pane", "Into it", id="report.enter", tooltip="From the tabs into the pane", show=False),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.view: RunView | None = None
        self.measured = False
        self._pane = "numbers"
        self._as_text = False  # whether scikit-learn's text is shown

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Report")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    def shows_run(self, run: RunState) -> bool:
        """A report is of a run that is over."""
        return run.id == self.run_id

    def compose_page(self) -> Iterator[Widget]:
        """The headline, the numbers and their picture, the curves."""
        yield Static("Reading the run…", id="headline", markup=False)
        yield Tabs(
            Tab("1 Report", id="tab-numbers"),
            Tab("2 Confusion", id="tab-picture"),
            Tab("3 Curves", id="tab-curves"),
            Tab("4 About", id="tab-about"),
        )
        with Horizontal(id="top"):
            with Vertical(id="numbers"):
                yield ClassReport()
                with VerticalScroll(id="text"):
                    yield Static(id="report", markup=False)
            with Vertical(id="picture"):
                yield ConfusionMatrix(id="confusion")
                yield Static(id="cell", markup=False)
                yield SampleStripView(turned=True, id="strip")
        with Horizontal(id="bottom"):
            with Horizontal(id="charts"):
                yield LossChart(id="loss")
                yield LossChart(id="measure")
            with VerticalScroll(id="about"):
                yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        self.query_one("#top").display = self.query_one("#bottom").display = False
        self.query_one("#about").border_title = "About the run"
        self.query_one(Tabs).display = False
        self.watch(self.query_one("#strip"), "told", self.name_images, init=False)
        self.open_run()

    @work(exclusive=True, group="open")
    async def open_run(self) -> None:
        """Read what it came to."""
        try:
            view = await self.runner.open_run(self.run_id)
        except EngineError as error:
            self.query_one("#headline", Static).update(Content.styled(str(error), "$error"))
            return
        if view.result is None:
            state = view.status.state
            text = f"This run has no report: it is {state}. Press v for its curves so far."
            self.query_one("#headline", Static).update(Content.styled(text, "$cae-attention"))
            return
        self.show(view)

    def show(self, view: RunView) -> None:
        self.view, result = view, view.result
        assert result is not None
        self.measured = bool(result.evaluated_on)  # a run that diverged is over, but there is nothing to measure
        report = result.report
        classes = report is not None
        self.set_class(classes, "-classes")
        picture = self.query_one("#picture")
        picture.border_title = "Confusion matrix" if classes else STACKED
        self.query_one("#strip").display = not classes
        self.query_one("#confusion").display = self.query_one("#cell").display = classes
        tabs = self.query_one(Tabs)
        tabs.query_one("#tab-numbers", Tab).label = "1 Report" if classes else "1 Measures"
        tabs.query_one("#tab-picture", Tab).label = "2 Confusion" if classes else "2 Images"
        if report is not None and self.measured:
            names = [class_of_title(row.name) for row in report.rows]
            self.query_one(ConfusionMatrix).set_counts(report.confusion, [row.label or 0 for row in report.rows], names)
            self.show_cell()
            self.query_one(ClassReport).show(report, result.averaging)
        second = self.query_one("#measure", LossChart)
        second.measure = listed(result.kind).followed
        self._arrange()
        for chart in self.query(LossChart):
            if chart is not second or second.measure is not LOSS:
                chart.show(view.state)
        if view.state.samples is not None and not classes:
            strip = self.query_one("#strip", SampleStripView)
            strip.read(self.runner, self.run_id, [view.state.samples], "The images")
        self.refresh_keys()

    def action_doubts(self) -> None:
        """Look for labels that may be wrong, by this classifier, or for images that are odd, by this detector."""
        from cae_tui.screens.doubts import DoubtsScreen

        result = None if self.view is None else self.view.result
        if self.view is None or result is None or (result.report is None and not listed(result.kind).tells_odd):
            self.notify("Only a classifier, or an anomaly detector, that was evaluated has doubts.")
        else:
            odd = listed(result.kind).tells_odd
            self.app.push_screen(DoubtsScreen(DataFiles(), self.view.status.data, self.run_id, odd=odd))

    @on(ConfusionMatrix.Moved)
    def show_cell(self) -> None:
        """The cell under the cursor in words."""
        matrix = self.query_one(ConfusionMatrix)
        self.query_one("#cell", Static).update(Content.styled(matrix.sentence, "$foreground-muted"))

    @on(ConfusionMatrix.Chosen)
    def open_cell(self, message: ConfusionMatrix.Chosen) -> None:
        """The images of one cell."""
        self.post_message(OpenGallery(self.run_id, "all", message.true, message.predicted))

    # -- panes -----------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """All panes at once, or one."""
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, width: int = 0, height: int = 0) -> None:
        if self.view is None:
            return
        width, height = width or self.size.width, height or self.size.height
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        self.set_class(roomy, "-roomy")
        self.set_class(width >= WIDE, "-vast")
        self._show_numbers()
        second = self.query_one("#measure", LossChart)
        second.display = second.measure is not LOSS and width >= 60
        if not self.measured:
            self.query_one("#top").display = self.query_one(Tabs).display = False
            self.query_one("#bottom").display = self.query_one("#charts").display = True
            self.query_one("#about").display = roomy
            return
        self.query_one(Tabs).display = not roomy
        for name, selector in PANES.items():
            self.query_one(selector).display = roomy or self._pane == name
        top, bottom = self.query_one("#top"), self.query_one("#bottom")
        top.display = roomy or self._pane in ("numbers", "picture")
        bottom.display = roomy or self._pane in ("curves", "about")
        report = self.view.result.report if self.view.result is not None else None
        rows = 0 if report is None else len(report.rows)
        top.styles.height = max(TOP, min(rows + TOP - 10, height - BOTTOM - 4)) if roomy else "1fr"
        if self.focused is None or not all(node.display for node in self.focused.ancestors_with_self):
            self.action_enter_pane()

    def _show_numbers(self) -> None:
        """The table of classes or scikit-learn's text, or an autoencoder's measures, as wide as their pane will be."""
        assert self.view is not None
        result, facts = self.view.result, self.view.facts
        assert result is not None
        table = result.report is not None and self.measured
        title = "Measures"
        if table:
            order = self.query_one(ClassReport).order_words
            title = "scikit-learn's report" if self._as_text else f"Classification report{order and ' · '}{order}"
        numbers = self.query_one("#numbers")
        numbers.border_title = title
        keys = "t table" if self._as_text else "t scikit-learn's text · s sort"
        numbers.border_subtitle = keys if table else ""
        self.query_one(ClassReport).display = table and not self._as_text
        self.query_one("#text").display = not table or self._as_text
        width = max(self.size.width - 5, 30)
        if self.has_class("-roomy"):
            width = 75 if self.has_class("-vast") else 55
        self.query_one("#report", Static).update(report_lines(result) if table else measures(result, facts, width))
        width = 54 if self.has_class("-vast") else 40 if self.has_class("-roomy") else width
        self.query_one("#facts", Static).update(about(result, facts, width))
        most = MOST_REMARKS if self.has_class("-roomy") else 2
        self.query_one("#headline", Static).update(headline(result, facts, self.size.width - 2, most))

    def action_enter_pane(self) -> None:
        """Give the keyboard to the confusion matrix where it is shown; else to the numbers, which arrows scroll."""
        if self.has_class("-classes") and self.query_one("#picture").display:
            self.query_one(ConfusionMatrix).focus()
            return
        numbers = (ClassRows, "#text") if self.query_one("#numbers").display else ("#about",)
        for pane in numbers:
            found = self.query_one(pane)
            if all(node.display for node in found.ancestors_with_self):
                found.focus()
                return

    @on(Tabs.TabActivated)
    def tab_chosen(self, event: Tabs.TabActivated) -> None:
        self._pane = (event.tab.id or "tab-numbers").removeprefix("tab-")
        self._arrange()

    def action_pane(self, name: str) -> None:
        """Show one of the panes, and move to it."""
        self.query_one(Tabs).active = f"tab-{name}"
        self._pane = name
        self._arrange()
        self.action_enter_pane()

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that do something for this run are shown."""
        if action in ("text", "sort"):
            return self._tells_classes and (action == "text" or not self._as_text)
        if action == "turn":
            return self.view is not None and not self.has_class("-classes")
        if action == "copy":
            return self.measured
        return super().check_action(action, parameters)

    @property
    def _tells_classes(self) -> bool:
        """Whether there is a report of classes to see."""
        return self.measured and self.has_class("-classes")

    @property
    def subject(self) -> Subject:
        kind = self.view.status.kind if self.view is not None else ""
        return Subject(run=self.run_id, kind=kind, trained=self.measured)

    def can(self, what: str) -> bool:
        """What there is to see depends on what was measured."""
        if what in ("again", "curves"):
            return True
        if what == "wrong":
            return self._tells_classes
        return self.measured and super().can(what)

    def action_turn(self, pages: int) -> None:
        self.query_one("#strip", SampleStripView).turn(pages)

    def name_images(self, told: str) -> None:
        """Say at the border which images are in sight, and how large."""
        picture, strip = self.query_one("#picture"), self.query_one("#strip", SampleStripView)
        if strip.display:
            picture.border_title, picture.border_subtitle = strip.border_title, told

    def action_text(self) -> None:
        """scikit-learn's own text in place of the table, or the table again."""
        had_it = self.query_one("#numbers") in (self.focused.ancestors if self.focused else ())
        self._as_text = not self._as_text
        self._show_numbers()
        if had_it:
            self.query_one("#text" if self._as_text else ClassRows).focus()
        self.refresh_keys()

    def action_sort(self) -> None:
        """The classes by the next column, the lowest first."""
        self.query_one(ClassReport).sort_next()
        self._show_numbers()

    @on(ClassRows.Selected)
    def open_class(self) -> None:
        """The images of the class under the cursor."""
        line = self.query_one(ClassRows).here
        if line is not None:
            self.post_message(OpenGallery(self.run_id, "all", line.label))

    @on(ClassRows.HeadClicked)
    def sort_by(self, message: ClassRows.HeadClicked) -> None:
        """The classes by the column that was clicked."""
        if message.column in HEADS:
            self.query_one(ClassReport).sort(message.column)
            self._show_numbers()

    def action_copy(self) -> None:
        if self.view is not None and self.view.result is not None:
            self.app.copy_to_clipboard(report_as_text(self.view.result, self.view.facts))
