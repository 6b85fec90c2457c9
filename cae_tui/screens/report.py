"""What a complete run came to.

A classifier: accuracy, the classification report as scikit-learn prints it, and the confusion matrix. An
autoencoder: its errors, and what they mean beside the size of the latent. Both: the curves of all stages.
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

from cae_tui.messages import Configure, ConfigureAgain, OpenGallery, OpenTraining, SaveModel
from cae_tui.run_state import RunState
from cae_tui.screens.base import Page
from cae_tui.views import RunView
from cae_tui.widgets.confusion_matrix import ConfusionMatrix
from cae_tui.widgets.loss_chart import LossChart
from cae_tui.widgets.report_text import as_text, headline, numbers_of
from cae_tui.widgets.sample_strip import STACKED, SampleStripView
from engine.errors import EngineError

ROOMY = (120, 34)
"""Columns and rows from which all panes are shown at once."""
PANES = {"numbers": "#numbers", "picture": "#picture", "curves": "#charts"}


class ReportScreen(Page):
    """The result of one run."""

    CSS_PATH = "report.tcss"
    AUTO_FOCUS = ""
    HELP = """\
What a complete run came to, measured once on images that nothing was chosen by.

- **Classification report**: *precision* is how many of the images given a class truly are of it, *recall*
  how many of a class's images were found, *f1-score* their harmonic mean, *support* how many images the class has.
- **Confusion matrix**: true classes down, predicted classes across. The arrows move over the cells, `Enter` shows
  the images of one. Mistakes are shaded by their share of the row, the most frequent one strongest.
- **Autoencoder**: the mean squared error (MSE) of pixels in [0, 1]; PSNR says the same in decibels, higher is better.
  PCA is the best linear autoencoder with a latent of that size: a network is worth its time where it is better.
- `g` sample predictions, `w` only the wrong ones, `v` curves, `e` the form with this run's spec,
  `m` save the model file, `y` copy the report as text.
- In a small terminal `1` `2` `3` show one pane each, and the arrows, `PageDown` and `End` what is below its last line.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "gallery('all')", "Samples", id="report.gallery", tooltip="Sample predictions"),
        Binding("w", "gallery('incorrect')", "Wrong", id="report.wrong", tooltip="Only the wrong predictions"),
        Binding("n", "classify", "Classify", id="report.classify", tooltip="Use its encoder for a classifier"),
        Binding(
            "v", "training", "Curves", id="report.curves", show=False, tooltip="Curves and epochs, as when it learnt"
        ),
        Binding("e", "again", "Re-run", id="report.again", tooltip="Open the form with this run's spec"),
        Binding("m", "save", "Save", id="report.save", tooltip="Copy the model file"),
        Binding("y", "copy", "Copy", id="report.copy", tooltip="Copy the report as text"),
        Binding("1", "pane('numbers')", "Numbers", id="report.numbers", tooltip="The numbers", show=False),
        Binding("2", "pane('picture')", "Picture", id="report.picture", tooltip="Confusion or images", show=False),
        Binding("3", "pane('curves')", "Curves", id="report.charts", tooltip="The curves", show=False),
        Binding("down", "enter_pane", "Into it", id="report.enter", tooltip="From the tabs into the pane", show=False),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.view: RunView | None = None
        self.measured = False
        self._pane = "numbers"

    @property
    def crumbs(self) -> tuple[str, ...]:
        """Its run."""
        return ("Runs", self.short(self.run_id), "Report")

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
            Tab("1 Report", id="tab-numbers"), Tab("2 Confusion", id="tab-picture"), Tab("3 Curves", id="tab-curves")
        )
        with Horizontal(id="top"):
            with VerticalScroll(id="numbers"):
                yield Static(id="report", markup=False)
            with Vertical(id="picture"):
                yield ConfusionMatrix(id="confusion")
                yield Static(id="cell", markup=False)
                yield SampleStripView(id="strip")
        with Horizontal(id="charts"):
            yield LossChart(id="loss")
            yield LossChart("accuracy", id="accuracy")

    def on_mount(self) -> None:
        """Read the run."""
        self.query_one("#top").display = self.query_one("#charts").display = False
        self.query_one(Tabs).display = False
        self.open_run()

    @work(exclusive=True, group="open")
    async def open_run(self) -> None:
        """Read what it came to."""
        try:
            view = await self.runner.open_run(self.run_id)
        except EngineError as error:
            self.query_one("#headline", Static).update(Content.styled(str(error), "$error"))
            return
        if not view.result:
            state = view.status.state
            text = f"This run has no report: it is {state}. Press v for its curves so far."
            self.query_one("#headline", Static).update(Content.styled(text, "$cae-attention"))
            return
        self.show(view)

    def show(self, view: RunView) -> None:
        """Draw the result."""
        self.view, result = view, view.result
        self.measured = "evaluated_on" in result  # a run that diverged is over, but there is nothing to measure
        classifier = result.get("kind") == "classifier"
        self.set_class(classifier, "-classifier")
        numbers, picture = self.query_one("#numbers"), self.query_one("#picture")
        numbers.border_title = "Classification report" if classifier else "Measures"
        picture.border_title = "Confusion matrix" if classifier else STACKED
        self.query_one("#strip").display = not classifier
        self.query_one("#confusion").display = self.query_one("#cell").display = classifier
        tabs = self.query_one(Tabs)
        tabs.query_one("#tab-numbers", Tab).label = "1 Report" if classifier else "1 Measures"
        tabs.query_one("#tab-picture", Tab).label = "2 Confusion" if classifier else "2 Images"
        if classifier and self.measured:
            report = result["report"]
            self.query_one(ConfusionMatrix).set_counts(report["confusion"], [row["label"] for row in report["rows"]])
            self.show_cell()
        self._arrange()
        for chart in self.query(LossChart):
            if chart.metric == "loss" or classifier:
                chart.show(view.state)
        if view.state.samples is not None and not classifier:
            self.read_samples()
        self.refresh_keys()

    @work(exclusive=True, group="samples")
    async def read_samples(self) -> None:
        """Draw what it made of images after its last epoch."""
        assert self.view is not None
        samples, strip = self.view.state.samples, self.query_one("#strip", SampleStripView)
        assert samples is not None
        try:
            strip.strip = await self.runner.samples(self.run_id, samples.file, samples.epoch)
        except EngineError as error:
            strip.note = f"The images cannot be read: {error}"

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
        room = 54 if roomy else max(width - 6, 30)
        # Where there is room the line above has what one view gives, for the report fills its pane to the last line.
        self.query_one("#headline", Static).update(headline(self.view.result, one_view=roomy))
        numbers = numbers_of(self.view.result, self.view.status.image_shape, room, with_views=not roomy)
        self.query_one("#report", Static).update(numbers)
        self.set_class(roomy, "-roomy")
        self.query_one("#accuracy").display = self.has_class("-classifier") and width >= 60
        if not self.measured:
            self.query_one("#top").display = self.query_one(Tabs).display = False
            self.query_one("#charts").display = True
            return
        self.query_one(Tabs).display = not roomy
        for name, selector in PANES.items():
            self.query_one(selector).display = roomy or self._pane == name
        self.query_one("#top").display = roomy or self._pane != "curves"
        if self.focused is None or not all(node.display for node in self.focused.ancestors_with_self):
            self.action_enter_pane()

    def action_enter_pane(self) -> None:
        """Give the keyboard to the confusion matrix where it is shown; else to the numbers, which arrows scroll."""
        if self.has_class("-classifier") and self.query_one("#picture").display:
            self.query_one(ConfusionMatrix).focus()
        elif self.query_one("#numbers").display:
            self.query_one("#numbers").focus()

    @on(Tabs.TabActivated)
    def tab_chosen(self, event: Tabs.TabActivated) -> None:
        """Another pane."""
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
        """Only the keys that do something for this kind of run are shown."""
        kind = self.view.result.get("kind") if self.view and self.measured else None
        if action == "classify":
            return kind == "autoencoder"
        if action == "gallery":
            return kind == "classifier" if parameters == ("incorrect",) else kind is not None
        if action in ("save", "copy"):
            return kind is not None
        return True

    def action_gallery(self, show: str) -> None:
        """Its predictions."""
        self.post_message(OpenGallery(self.run_id, show))

    def action_classify(self) -> None:
        """The form of a classifier on its encoder."""
        self.post_message(Configure("classifier", {"encoder": self.run_id}))

    def action_training(self) -> None:
        """Its curves, with the log."""
        self.post_message(OpenTraining(self.run_id))

    def action_again(self) -> None:
        """The form with its spec."""
        self.post_message(ConfigureAgain(self.run_id))

    def action_save(self) -> None:
        """Its model file; the app asks where to."""
        self.post_message(SaveModel(self.run_id))

    def action_copy(self) -> None:
        """The report as text."""
        if self.view is not None:
            self.app.copy_to_clipboard(as_text(self.view.result, self.view.status.image_shape))
