"""Doubtful labels: ranked by classifiers that have not learned from the image, and decided about by keys.

Or images that do not belong, ranked by an anomaly detector: the same decisions, but that no class is suggested.

Over 400 lines: most are keys, help and what each key does on this one page.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Label, OptionList, Static

from cae_tui import formats
from cae_tui.bridge.doubts import KEEP, OUT, DoubtsView, LabelDoubts
from cae_tui.data_sets import DataSet
from cae_tui.messages import Configure, UseDataSet
from cae_tui.printing import as_typed
from cae_tui.screens.base import Page
from cae_tui.screens.dialogs import ConfirmScreen, Dialog
from cae_tui.widgets.doubt_images import DoubtImages
from cae_tui.widgets.doubt_table import DoubtTable
from cae_tui.widgets.line_table import LineTable
from cae_tui.widgets.run_progress import reading_line
from engine.errors import EngineError
from engine.specs.data_files import DataFiles
from engine.specs.listed import KINDS, kinds_that_take_encoders
from engine.storage.paths import pasted_path
from engine.text import class_name, counted, percent, shortened

LOOK_SECONDS = 0.2
HIGH = 30
"""Lines of a terminal that has room for what is told of the ranking."""
SETTLED = 0.05
"""The part of the work after which the time that is left can be told."""


class DoubtsScreen(Page):
    """The ranking, and the image under its cursor.

    Args:
        files: the set.
        name: what it is called.
        run: the finished classifier, or anomaly detector, that is asked; quick classifiers are trained if none is.
        odd: whether that is a detector.
    """

    CSS_PATH = "doubts.tcss"
    AUTO_FOCUS = "#doubts"
    HELP = """
Labels that may be wrong, the most doubtful first. The training images are cut into five parts; for each a quick
classifier learns from the others and is asked about this one, so no image is judged by what has learned from it. A
finished classifier (`D` on its report) is asked about its validation and test images. What stands first is not
always wrong: look, and decide. An anomaly detector (`D` on its report) puts the images first that do not belong,
among all that it has, those that it was trained on too; it suggests no class.

| key | what it does |
|---|---|
| `↑` `↓` `PgUp` `PgDn` | another image |
| `n` | the next image that nothing is decided about |
| `k` | keep the label that it has; again: take that back |
| `r` | give it the suggested class; again: take that back |
| `o` | give it another class, chosen from a list; again: take that back |
| `x` | leave it out; again: take that back |
| `w` | write what was decided to a file of labels; asks where |
| `a` `c` | train an autoencoder, or a classifier, with that file: the form opens, filled in |

**sure** is the probability of the suggested class. Nothing of your folder is touched: what is decided is in the file of
labels alone, a CSV that a spreadsheet opens too. A run takes it by its field *Labels from*; it is part of the data's
digest, and every report counts what it changed. Forms that begin with this set begin with the file that `w` wrote. On
the command line: `cae-tui doubts`.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "decide('keep')", "Keep", id="doubts.keep", tooltip="Keep the label, or take that back"),
        Binding("r", "decide('relabel')", "Relabel", id="doubts.relabel", tooltip="The suggested class, or back"),
        Binding("o", "other", "Other", id="doubts.other", tooltip="Another class, or take it back"),
        Binding("x", "decide('out')", "Leave out", id="doubts.leave_out", tooltip="Leave it out, or take it back"),
        Binding("n", "next", "Next", id="doubts.next", tooltip="The next image that is not decided", show=False),
        Binding("w", "write", "Write", id="doubts.write", tooltip="Write what was decided to a file of labels"),
        Binding("a", "train(False)", "Train", id="doubts.train", tooltip="An autoencoder, with these labels"),
        Binding(
            "c", "train(True)", "Classifier", id="doubts.classify", show=False,
            tooltip="A classifier, with these labels",
        ),
        Binding("R,shift+r", "again", "Look again", id="doubts.again", tooltip="Begin the look at the labels again"),
    ]  # fmt: skip

    def __init__(self, files: DataFiles, name: str, run: str = "", *, odd: bool = False) -> None:
        super().__init__()
        self._files, self._called, self._run, self.odd = files, name, run, odd
        self._looks: LabelDoubts | None = None
        self._begun = 0.0
        self.view: DoubtsView | None = None
        self.decisions: dict[int, int] = {}
        self.written: dict[int, int] = {}  # as the file has them
        self.path: Path | None = None  # of that file

    @property
    def crumbs(self) -> tuple[str, ...]:
        if self._run:
            return ("Runs", self.run_prefix(self._run), self._title)
        return ("Data", self._called, "Doubtful labels")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run, where it is of one."""
        return self.cae.data_of_run(self._run) if self._run else super().data_words

    @property
    def _title(self) -> str:
        return "Odd images" if self.odd else "Doubtful labels"

    @property
    def unwritten(self) -> bool:
        """Whether something was decided that no file has."""
        return self.decisions != self.written

    def compose_page(self) -> Iterator[Widget]:
        """The ranking, and the image."""
        with Horizontal(id="panes"):
            with Vertical(id="ranked", classes="card"):
                yield Static("", id="waiting", markup=False)
                yield DoubtTable(id="doubts")
                yield Label("", id="decided", markup=False)
            with Vertical(id="looked", classes="card"):
                yield Static("", id="about", markup=False)
                yield DoubtImages(id="images")

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#ranked").border_title = self._title
        self.query_one("#looked").border_title = "Image"
        self.query_one(DoubtTable).display = False
        self.set_interval(LOOK_SECONDS, self._tell_progress)
        self._look()

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        self._give_up()

    def on_screen_suspend(self) -> None:
        """Nothing is trained for a page that is not on top: another may begin a run, which must be alone.

        What only lies over it, help or a question, begins none.
        """
        if isinstance(self.app.screen, ModalScreen):
            return
        if self.view is None and not self._run:
            self._give_up()

    def _give_up(self) -> None:
        if self._looks is not None:
            self._looks.close()

    # -- the look ----------------------------------------------------------------------------------

    def _tell_progress(self) -> None:
        if self._looks is None or self.view is not None:
            return
        (done, of), (read, reads) = self._looks.progress, self._looks.reading
        words = self.query_one("#waiting", Static)
        if of:
            now = time.monotonic()
            self._begun = self._begun or now
            left = ""
            if done >= SETTLED * of:
                left = f", {formats.duration((now - self._begun) * (of - done) / done)} left"
            own = "Looking at the images\n" if self.odd else "Looking at the labels\n"
            head = own if self._run else "Training quick classifiers\n"
            unit = "images" if self._run else "steps"
            words.update(reading_line(done, of, head) + Content(f" {unit}{left}\n\nEsc ends it."))
        elif reads:
            words.update(reading_line(read, reads))
        else:
            words.update("Reading the pictures …")

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        words, table = self.query_one("#waiting", Static), self.query_one(DoubtTable)
        if self.runner.busy and not self._run:
            words.update("A run is training: press R once it has ended. Both at once would take twice as long.")
            return
        self._looks, self._begun = LabelDoubts(self.runner, self.runner.home, self._files, self._run), 0.0
        looks = self._looks
        try:
            view = await looks.look()
        except EngineError as error:
            self._looks = None
            words.update(as_typed(f"{error}\n\nPress R to look again."))
            self.refresh_keys()
            return
        self.view, self._files = view, looks.files
        self.decisions, self.written = dict(view.decisions), dict(view.decisions)
        self.path = (view.decisions and self._files.labels_from) or None
        self.query_one("#ranked").border_title = Content(
            f"{counted(len(view.lines), 'image')}, the oddest first"
            if self.odd
            else f"{counted(len(view.lines), 'label')}, the most doubtful first"
        )
        told = " ".join((view.how, view.likely, *view.remarks))
        words.update(as_typed(told))
        words.display = self.size.height >= HIGH
        if not words.display:  # in short where there is no room
            self.query_one("#ranked").border_subtitle = f"{view.count:,} {'odd' if self.odd else 'may be wrong'}"
            for remark in view.remarks:
                self.cae.tell(remark)
        table.lines, table.names = view.lines, view.class_names
        table.display = True
        table.decide(self.decisions)
        table.place_rows(0)
        table.focus()
        self._tell_decided()
        self._draw()
        self.refresh_keys()

    def action_again(self) -> None:
        """Begin the look again, where there is nothing yet."""
        if self.view is None and self._looks is None:
            self._look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done while there is nothing to decide about, and once there is."""
        if action == "again":
            return self.view is None and self._looks is None
        if action == "other" or (action == "decide" and parameters == ("relabel",)):
            return self.view is not None and bool(self.view.class_names) and not (self.odd and action == "decide")
        if action in ("decide", "next", "write", "train"):
            return self.view is not None
        return super().check_action(action, parameters)

    # -- what is shown -----------------------------------------------------------------------------

    @on(LineTable.Highlighted)
    def _moved(self) -> None:
        self._draw()

    @work(exclusive=True, group="draw")
    async def _draw(self) -> None:
        line = self.query_one(DoubtTable).line
        if self.view is None or self._looks is None or line is None:
            return
        table = self.query_one(DoubtTable)
        given, suggested = (table.class_called(label) for label in (line.given, line.suggested))
        found = await self._looks.pictures(line.row, line.given, line.suggested)
        room = max(self.query_one("#about").size.width - 12, 8)
        words = Content.assemble((shortened(line.called, room + 12), "bold"))
        if line.probabilities is None:
            words += Content(f"\ngiven      {shortened(given, room)}" if given else "")
            words += Content(f"\nscore      {table.score_words(line)}")
        else:
            classes = (("given", given), ("suggested", suggested))
            for (title, name), share in zip(classes, line.probabilities, strict=True):
                words += Content(f"\n{title:<11}{shortened(name, max(room - 6, 4))} {percent(share, 1)}")
        decision = self.decisions.get(line.row)
        decided = "not decided" if decision is None else table.decision_words(decision)
        words += Content(f"\ndecision   {shortened(decided, room)}\n")
        self.query_one("#about", Static).update(words)
        self.query_one("#looked").border_title = f"Image {table.cursor_row + 1:,}"
        self.query_one(DoubtImages).show(found, given, suggested)

    def _tell_decided(self) -> None:
        decided = list(self.decisions.values())
        keep, out = decided.count(KEEP), decided.count(OUT)
        relabelled = len(decided) - keep - out
        parts = [f"✓ {keep:,} kept"] * bool(keep) + [f"→ {relabelled:,} relabelled"] * bool(relabelled)
        parts += [f"✗ {out:,} left out"] * bool(out)
        where = "" if self.path is None else f" in {shortened(self.path.name, 30)}"
        end = "" if not decided and not self.written else " · w writes them" if self.unwritten else f" · written{where}"
        hint = "k keeps, x leaves out" if self.odd else "k keeps, r relabels, x leaves out"
        words = " · ".join(parts) or f"Nothing is decided: {hint}."
        self.query_one("#decided", Label).update(words + end)

    # -- decisions -----------------------------------------------------------------------------------

    def action_decide(self, what: str) -> None:
        """Decide that of the image under the cursor, or take it back where that is decided."""
        line = self.query_one(DoubtTable).line
        if line is not None:
            self._decide(line.row, {"keep": KEEP, "out": OUT}.get(what, line.suggested))

    def _decide(self, row: int, decision: int) -> None:
        if self.decisions.get(row) == decision:
            del self.decisions[row]
        else:
            self.decisions[row] = decision
        self.query_one(DoubtTable).decide(self.decisions)
        self._tell_decided()
        self._draw()

    @work
    async def action_other(self) -> None:
        """Another class for the image under the cursor; where it has one that was chosen so, take that back."""
        line = self.query_one(DoubtTable).line
        if line is None or self.view is None:
            return
        now = self.decisions.get(line.row)
        if now is not None and now >= 0 and now != line.suggested:
            self._decide(line.row, now)
            return
        labels = [label for label in range(len(self.view.class_names)) if label != line.given]
        chosen = await self.app.push_screen_wait(ClassScreen(self.view.class_names, labels, line.suggested))
        if chosen is not None and self.decisions.get(line.row) != chosen:
            self._decide(line.row, chosen)

    def action_next(self) -> None:
        """To the next image that nothing is decided about; behind the last, from the first on."""
        table = self.query_one(DoubtTable)
        count = table.row_count
        for step in range(1, count + 1):
            row = (table.cursor_row + step) % count
            if table.lines[row].row not in self.decisions:
                table.cursor_row = row
                return
        self.notify("All of them are decided.")

    # -- the file ------------------------------------------------------------------------------------

    @work
    async def action_write(self) -> None:
        """Write what was decided; asks where."""
        if not self.decisions and not self.written:
            self.notify("Nothing is decided yet.")
        else:
            await self._write()

    async def _write(self) -> bool:
        """Ask for a path until the file is written; whether it was. Only from a worker."""
        from cae_tui.screens.dialogs import AskTextScreen

        assert self._looks is not None
        known = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in self._called or "labels")
        value, problem = str(self.path or f"./{known}-labels.csv"), ""
        while True:
            title = f"Write {counted(len(self.decisions), 'decision')} to a file of labels"
            typed = await self.app.push_screen_wait(AskTextScreen(title, value, problem, "a file.csv", path=True))
            place = None if typed is None else pasted_path(typed)
            if not place:
                return False
            path = Path(place).expanduser().absolute()
            decisions = dict(self.decisions)
            try:
                self.path = await self._looks.write(path, decisions, replaces=path == self.path)
            except EngineError as error:
                value, problem = str(typed), str(error)
                continue
            self.written = decisions
            self._tell_decided()
            self.cae.tell(f"{counted(len(decisions), 'decision')} written to {self.path}.")
            self._use()
            return True

    def _use(self) -> None:
        """Have forms begin with the file that was written, where they begin with this set."""
        now = self.cae.data_set
        if now.files.as_given == self._files.as_given.absolute():
            labels = self.path if self.written else None
            self.post_message(UseDataSet(DataSet.of(now.files._replace(labels_from=labels), now.name, now.shape)))

    @work
    async def action_train(self, on_encoder: bool) -> None:
        """Open a form on this set with what was decided, which is written first."""
        if not self.decisions:
            self.notify("Nothing is decided yet: k keeps an image, x leaves it out.")
            return
        if (self.unwritten or self.path is None) and not await self._write():
            return
        files = self._files._replace(labels_from=self.path)
        self.post_message(Configure(kinds_that_take_encoders()[0] if on_encoder else next(iter(KINDS)), files.text))

    def step_back(self) -> bool:
        """Where something was decided that no file has, ask before it is lost."""
        if not self.unwritten:
            return super().step_back()
        self._ask_before_leaving()
        return True

    @work(exclusive=True, group="leave")
    async def _ask_before_leaving(self) -> None:
        changed = sum(self.decisions.get(row) != self.written.get(row) for row in {*self.decisions, *self.written})
        question = f"Leave without writing {counted(changed, 'decision')}?"
        detail = "They are lost then. w writes them to a file of labels."
        if await self.app.push_screen_wait(ConfirmScreen(question, detail, "Leave")):
            self.decisions = dict(self.written)
            await self.run_action("app.back")


class ClassScreen(Dialog[int | None]):
    """The classes of a set: gives back the label of the one that was chosen, None where none was.

    Args:
        names: of all classes, by label.
        labels: of those that can be chosen.
        first: of the one with the cursor.
    """

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="classes_of.cancel", tooltip="Leave everything as it is"),
    ]

    def __init__(self, names: tuple[str, ...], labels: list[int], first: int) -> None:
        super().__init__()
        self._names, self._labels, self._first = names, labels, first

    def compose(self) -> ComposeResult:
        """One a line."""
        with Vertical(classes="dialog"):
            yield Label("Which class is it?", classes="question", markup=False)
            yield OptionList(*(class_name(self._names, label) for label in self._labels), markup=False)
            yield Label("Enter takes it, Esc leaves everything as it is.", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Begin with the suggested one."""
        if self._first in self._labels:
            self.query_one(OptionList).highlighted = self._labels.index(self._first)

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """That one."""
        self.dismiss(self._labels[event.option_index])
