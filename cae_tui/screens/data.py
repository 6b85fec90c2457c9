"""The data: how many images, how evenly over the classes, how a seed splits them, and what they look like.

The files, the seed and the part held back are those fields of the autoencoder's form, so that what is
looked at here can be trained on with one key.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Label

from cae_tui import formats
from cae_tui.bridge.values import DataView
from cae_tui.data_sets import DataSet
from cae_tui.messages import Configure, DataSetChanged, TryFiles, UseDataSet
from cae_tui.printing import as_typed
from cae_tui.screens.choosing import ChoosesSet
from cae_tui.screens.configure import PAUSE_SECONDS
from cae_tui.screens.data_words import found_words, summary
from cae_tui.screens.typing_pause import typing_rests
from cae_tui.widgets.class_table import ClassTable
from cae_tui.widgets.image_sheet import ImageSheet
from cae_tui.widgets.remarks import Remarks
from cae_tui.widgets.run_progress import reading_line
from cae_tui.widgets.spec_form import SpecForm
from engine.errors import EngineError
from engine.specs import data_files
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import PREPROCESSING
from engine.text import LONGEST_CLASS, shortened

FIELDS = (
    *data_files.PATHS[:2], data_files.LABELS_FROM, "validation_fraction", "seed", *data_files.IDX_FIELDS, *PREPROCESSING
)  # fmt: skip

LAST_VALID = "for the last valid values"


class DataScreen(ChoosesSet):
    """Counts, the split and images of a data set."""

    CSS_PATH = "data.tcss"
    AUTO_FOCUS = "#classes"
    BESIDE = "-images"
    HELP = """
What a model learns from. Training images are split by the seed: it learns from one part, and the other,
**validation**, is held back to choose by; every class gives the same share. **Test** images are used once, at
the end. The bars compare the classes: blue is training, orange is validation.

| key | what it does |
|---|---|
| `↑` `↓` `←` `→` `0` – `9` | a class; the row `all` is every image |
| `n` `p` `PgDn` `PgUp` | the next, the previous page of images |
| `z` | show every pixel, or small images |
| `F2` | show the images, or the counts again |
| `m` | the mean image of each class, and examples beside it; or all images again |
| `o` | open a folder of pictures, an archive or a file; `F3` does so in the field *Data* |
| `g` | the catalogue: well-known sets, fetched at a key and checked; choose one to use it |
| `l` | the data sets used last; choose one to use it again |
| `s` | the files that were left out, and why |
| `k` | check every picture before training: copies, leaks, classes mixed up, pictures that show nothing |
| `d` | doubtful labels: those that may be wrong, to keep, correct or leave out |
| `F5` | look at every file again: what was changed, added or taken away |
| `a` `c` | open the form of an autoencoder, or of a classifier, with this data and split; `Ctrl+R` from a field too |

**Data** is a folder of pictures, a zip or tar of one, arrays of NumPy, CSV, Parquet, the binary CIFAR, SVHN's files,
IDX, or a name: `mnist`, `digits` or one of the catalogue. Pictures of several sizes need a **Size** that all are
brought to. Nothing in your folder is ever changed; what was decoded is kept, so that it is read at once the next time.
The data shown here is the **data set in use**: the top line names it, every form starts with it, and it is remembered.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "other_pane", "Images", id="data.images", tooltip="Show the images, or the counts again"),
        Binding("left", "step_class(-1)", "Class", key_display="←→", id="data.before", tooltip="The previous class"),
        Binding("right", "step_class(1)", "Next class", id="data.after", tooltip="The next class", show=False),
        Binding("n,pagedown", "turn(1)", "Next", id="data.next", tooltip="More images of the class", show=False),
        Binding("p,pageup", "turn(-1)", "Previous page", id="data.previous", tooltip="The previous images", show=False),
        Binding("z", "zoom", "Zoom", id="data.zoom", tooltip="Show every pixel, or small images", show=False),
        Binding(
            "m",
            "overview",
            "Means",
            id="data.overview",
            show=False,
            tooltip="The mean image of each class, and examples",
        ),
        Binding("k", "check", "Check", id="data.check", tooltip="Look for copies, leaks and bad pictures"),
        Binding("d", "doubts", "Doubts", id="data.doubts", show=False, tooltip="Labels that may be wrong"),
        Binding("f5", "again", "Read again", id="data.again", show=False, tooltip="Look at every file again"),
        Binding("s", "left_out", "Left out", id="data.left_out", show=False, tooltip="Files left out, and why"),
        Binding("a,ctrl+r", "train('autoencoder')", "Train", id="data.train", tooltip="Train an autoencoder on it"),
        Binding("c", "train('classifier')", "Classifier", id="data.classify", show=False, tooltip="Train a classifier"),
        *(
            Binding(
                str(name), f"choose({name})", f"Class {name}", id=f"data.class{name}", show=False, tooltip="Its images"
            )
            for name in range(10)
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._data: DataView | None = None
        self._files = DataFiles()  # what `_data` was read from
        self._named = DataFiles()  # what the form names
        self._split_by: Spec = AutoencoderSpec()  # whose fraction and seed were right last
        self._class: int | None = None
        self._first = 0  # of the images of the class, the one that stands top left
        self._row = 0  # of the classes there, the first that is shown
        self._overview = False  # whether a row for each class is shown, its mean image first

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Data",) if self._data is None else ("Data", self._data.name)

    def compose_page(self) -> Iterator[Widget]:
        """Files and split, classes, images."""
        with Horizontal(id="panes"):
            with Vertical(id="counts"):
                yield SpecForm(
                    AutoencoderSpec, self.cae.draft("data"), only=FIELDS, title="Files and split", id="files"
                )
                yield Label("", id="words", markup=False)
                with VerticalScroll(id="found"):
                    yield Remarks(most=1000)
                with Vertical(id="balance", classes="card"):
                    yield ClassTable()
                    yield Label("", id="no-labels", markup=False)
            with Vertical(id="sheet", classes="card"):  # its border says of which class the images are
                yield ImageSheet(id="images")

    def on_mount(self) -> None:
        """Read what the form names."""
        self.query_one("#balance").border_title = "Reading the images …"
        self.set_interval(0.25, self._tell_progress)
        self._named = self.query_one(SpecForm).files
        self._read()

    def _tell_progress(self) -> None:
        """How far a set is that takes a while."""
        done, of = self.runner.progress.get(self._named, (0, 0))
        if of and self._files != self._named:
            told = reading_line(done, of)
            self.query_one("#balance").border_title = told
            if self._data is None:
                self.query_one(ImageSheet).word = f"{told.plain} …"

    def on_screen_suspend(self) -> None:
        """Where the screen was left before the files in the form came into use, have the app look at them."""
        if self._named in self.runner.progress:
            return  # a set that takes long to read is given up
        if self not in self.app.screen_stack and self._named != self.cae.data_set.files:
            self.app.post_message(TryFiles(self._named))

    def on_screen_resume(self) -> None:
        """What lies there may have changed meanwhile; a reading that goes on will tell."""
        reads = (worker for worker in self.workers if worker.node is self and worker.group == "read")
        if self._data is not None and all(worker.is_finished for worker in reads):
            self._read(again=True)

    # -- the data and its split ------------------------------------------------------------------

    @on(SpecForm.Changed)
    def _changed(self) -> None:
        values = self.query_one(SpecForm).values
        named = self.query_one(SpecForm).files
        self._named = named
        self.cae.keep_draft("data", {name: values[name] for name in FIELDS})
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self, again: bool = False, told: bool = False) -> None:
        """Read what the form names, when typing rests.

        Args:
            again: at once, and look at every file anew.
            told: say so where nothing has changed.
        """
        form = self.query_one(SpecForm)
        files, right = form.files, form.spec is not None
        if form.spec is not None:
            self._split_by = form.spec
        if again:
            await self.runner.look_anew()
        else:
            await typing_rests(form, PAUSE_SECONDS if self._data else 0)
        try:
            data = await self.runner.data(files)
            # The files are taken whatever the other fields are; a second look takes none that were not in use.
            if not again or self.cae.data_set.files == files.absolute():
                self.post_message(UseDataSet(DataSet.of(files, data.name, data.shape)))
            split = await self.runner.split(self._split_by.validation_fraction, self._split_by.seed, files, data.digest)
        except EngineError as error:
            form.show_data_problems({getattr(error, "field", "data"): str(error)})
            self._not_read(str(error))
            if self.picked == files:  # what a person is asked for can be typed at once
                form.focus_problem()
            return
        form.show_data_problems({})
        if told and self._data == data:
            self.notify("Nothing has changed.")
        if self._data != data:
            self._class, self._first = None, 0
        self._data, self._files = data, files
        self.refresh_crumbs()
        self.query_one("#balance").border_title = Content(summary(data))
        words = self.query_one("#words", Label)
        words.update(as_typed(found_words(data)))
        words.display = bool(data.words)
        self.query_one("#balance").border_subtitle = "" if right else LAST_VALID
        self.query_one(ClassTable).show(data, split)
        self.query_one(ClassTable).choose(self._class)
        remarks = self.query_one(Remarks)
        remarks.sentences = (*data.remarks, *split.remarks)
        self.query_one("#found").display = bool(remarks.sentences)
        labels = self.query_one("#no-labels", Label)
        labels.display = not data.classes
        labels.update("No classes: sort pictures into a folder for each, or name a file of training labels.")
        self._draw()

    def _not_read(self, why: str) -> None:
        """The form says what is wrong; what was read before stays, and says so."""
        balance = self.query_one("#balance")
        if self._data is None:
            balance.border_title = "No images yet"
            self.query_one(ImageSheet).word = why
        else:
            balance.border_title = Content(summary(self._data))
            balance.border_subtitle = LAST_VALID

    # -- images ----------------------------------------------------------------------------------

    @property
    def _of_class(self) -> int:
        """How many training images there are of the class that is shown."""
        assert self._data is not None
        return self._data.training if self._class is None else self._data.training_counts[self._class]

    @property
    def _on_page(self) -> int:
        assert self._data is not None
        across, down = self.query_one(ImageSheet).room(*self._data.shape[:2])
        return across * down

    @work(exclusive=True, group="images")
    async def _draw(self) -> None:
        """Fetch the page of images that is to be seen, and say which it is."""
        sheet, frame = self.query_one(ImageSheet), self.query_one("#sheet")
        if self._data is None or not sheet.content_size.width:
            return
        if self._overview and self._data.occurring:
            await self._draw_overview(sheet, frame)
            return
        count, total = self._on_page, self._of_class
        self._first = min(self._first, max(total - 1, 0)) // count * count
        name = "all" if self._class is None else f"class {shortened(self._data.name_of(self._class), LONGEST_CLASS)}"
        last = min(self._first + count, total)
        frame.border_title = Content(f"Training images · {name}")
        frame.border_subtitle = Content(
            f"{self._first + 1:,} – {last:,} of {total:,} · {self._scale()}" if total else "none"
        )
        try:
            sheet.pictures = await self.runner.class_images(
                self._class, self._first, count, self._files, self._data.digest
            )
            sheet.word = "This class has no training images."
        except EngineError as error:
            sheet.pictures, sheet.word = (), str(error)

    async def _draw_overview(self, sheet: ImageSheet, frame: Widget) -> None:
        """A row for each class: its mean image, then its first images."""
        assert self._data is not None
        across, down = sheet.room(*self._data.shape[:2])
        labels = self._data.occurring
        self._row = min(self._row, max(len(labels) - 1, 0)) // down * down
        shown = labels[self._row : self._row + down]
        names = ", ".join(shortened(self._data.name_of(label), LONGEST_CLASS) for label in shown)
        frame.border_title = Content("The mean of each class, then images of it")
        frame.border_subtitle = Content(shortened(f"from above: {names}", max(frame.size.width - 6, 10)))
        try:
            sheet.pictures = await self.runner.class_means(shown, across, self._files, self._data.digest)
        except EngineError as error:
            sheet.pictures, sheet.word = (), str(error)

    def _scale(self) -> str:
        """How large the images stand, where not every pixel is seen."""
        assert self._data is not None
        height, width, _ = self._data.shape
        columns, _ = self.query_one(ImageSheet).cell(height, width)
        return "every pixel" if columns == width else f"at {formats.percent(columns / width, 0)}"

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - as Textual calls it
        """As many images as fit now."""
        self.call_after_refresh(self._draw)

    @on(ClassTable.Chosen)
    def _chosen(self, message: ClassTable.Chosen) -> None:
        if message.label != self._class:
            self._class, self._first = message.label, 0
            self._draw()

    # -- keys ------------------------------------------------------------------------------------

    def action_choose(self, label: int | None) -> None:
        """Show a class, where there is one of that label."""
        if self._data is not None and (label is None or label in self._data.occurring):
            self.query_one(ClassTable).choose(label)

    def action_step_class(self, step: int) -> None:
        """The next class or the one before, round the ends; before the first one stand all of them."""
        if self._data is not None:
            labels = (None, *self._data.occurring)
            self.action_choose(labels[(labels.index(self._class) + step) % len(labels)])

    def action_turn(self, step: int) -> None:
        """The next page of images or the one before."""
        if self._data is not None and self._overview:
            self._row = max(self._row + step * self.query_one(ImageSheet).room(*self._data.shape[:2])[1], 0)
            self._draw()
        elif self._data is not None:
            first = self._first + step * self._on_page
            if 0 <= first < self._of_class:
                self._first = first
                self._draw()

    def action_zoom(self) -> None:
        """Show every pixel, or small images; the one that stands first stays in sight."""
        sheet = self.query_one(ImageSheet)
        sheet.exact = not sheet.exact
        self._draw()

    def action_other_pane(self) -> None:
        """To the images, or back to the counts."""
        sheet = self.query_one(ImageSheet)
        there = self.has_class("-images") if self.has_class("-narrow") else sheet.has_focus
        self.set_class(not there, "-images")
        self.call_after_refresh((self.query_one(ClassTable) if there else sheet).focus)
        self.call_after_refresh(self._draw)

    def action_overview(self) -> None:
        """A row for each class, or all images again."""
        self._overview = not self._overview
        self._draw()

    def action_again(self) -> None:
        """Look at every file again, and say so where nothing has changed."""
        self._read(again=True, told=True)

    def action_check(self) -> None:
        """Look at every picture for what is wrong with it."""
        from cae_tui.screens.check import CheckScreen

        if self._data is not None:
            self.app.push_screen(CheckScreen(self._files, self._data.name))

    def action_doubts(self) -> None:
        """Look for labels that may be wrong."""
        from cae_tui.screens.doubts import DoubtsScreen

        if self._data is not None and not self._data.classes:
            self.notify("These images have no classes, so there is no label to doubt.")
        elif self._data is not None:
            self.app.push_screen(DoubtsScreen(self._files, self._data.name))

    def action_left_out(self) -> None:
        """The files that are not among the images, where there are any."""
        if self._data is not None and self._data.left_out:
            from cae_tui.screens.dialogs import LeftOutScreen

            self.app.push_screen(LeftOutScreen(self._data.left_out))
        else:
            self.notify("No file was left out.")

    @on(DataSetChanged)
    def _take_over(self, message: DataSetChanged) -> None:
        """Another set came into use elsewhere: show that one. A set chosen here stays as it was typed."""
        form = self.query_one(SpecForm)
        if form.files == message.before:
            form.put(self.cae.data_set.files.text)

    def action_train(self, kind: str) -> None:
        """Open a form on this data and split."""
        values = self.query_one(SpecForm).values
        self.post_message(Configure(kind, {name: values[name] for name in FIELDS}))
