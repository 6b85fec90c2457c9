"""A look before training: what is wrong with the pictures of a set, and which of them are left out."""

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Label, OptionList, Static

from cae_tui.bridge.set_check import SetCheck
from cae_tui.bridge.values import CheckView, FindingView
from cae_tui.printing import as_typed
from cae_tui.screens.base import Page
from cae_tui.widgets.group_grid import GroupGrid
from cae_tui.widgets.run_progress import reading_line
from engine.errors import EngineError
from engine.specs.data_files import DataFiles
from engine.text import counted


class CheckScreen(Page):
    """Findings on the left, their pictures on the right.

    Args:
        files: the set.
        name: what it is called.
    """

    CSS_PATH = "check.tcss"
    AUTO_FOCUS = "#findings"
    HELP = """
Every picture of the set was looked at. Each line on the left is something to look at yourself: how many, a sentence,
and the pictures on the right, those that belong together side by side. Under each stand its place, of
test images with a T, and its class.

| key | what it does |
|---|---|
| `↑` `↓` | another finding; among the pictures the cursor |
| `Tab` `F2` | from the findings to the pictures, and back |
| `n` `p` `PgDn` `PgUp` | the next, the previous page of pictures |
| `x` | leave the picture with the cursor out, or take it back |
| `X` | leave all out that are spare, as copies are but for the first; again: take them back |

What is left out (`✗`) stays where it is: only a note is kept in the home. A run that begins from now on does without
it, its report says how many are left out, and the set has another digest. Runs that have begun keep what they have.

**Copies** are pixel by pixel the same, **nearly the same** is what was saved anew, resized or made a little brighter.
**Blurred**, **very dark** and **very bright** are measured by the other pictures of the set. On the command line:
`cae-tui data check`, with `--to FILE.html` for a page, and `--json`.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "other_pane", "Pictures", id="check.pictures", tooltip="To the pictures, or the findings"),
        Binding("n,pagedown", "turn(1)", "Next", id="check.next", tooltip="More pictures of the finding"),
        Binding("p,pageup", "turn(-1)", "Previous", id="check.previous", tooltip="The pictures before", show=False),
        Binding("x", "leave_out", "Leave out", id="check.leave_out", tooltip="Leave the picture out, or take it back"),
        Binding(
            "X", "leave_spare", "All spare", id="check.spare", tooltip="Leave out all that are spare, or take them back"
        ),
    ]

    def __init__(self, files: DataFiles, name: str) -> None:
        super().__init__()
        self._files, self._called = files, name
        self._check: SetCheck | None = None
        self.view: CheckView | None = None
        self.out: frozenset[int] = frozenset()  # places of the pictures that are left out
        self._written = self.out  # as it is written down
        self._writing = False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Data", self._called, "Check")

    def compose_page(self) -> Iterator[Widget]:
        """Findings, and pictures."""
        with Horizontal(id="panes"):
            with Vertical(id="found", classes="card"):
                yield OptionList(id="findings", markup=False)
                yield Static("", id="sentence", markup=False)
                yield Label("", id="left-out", markup=False)
            with Vertical(id="shown", classes="card"):
                yield GroupGrid(id="pictures")

    def on_mount(self) -> None:
        """Begin to look."""
        self._check = SetCheck(self.runner, self._files)
        self.query_one("#found").border_title = "Findings"
        self.query_one("#shown").border_title = "Pictures"
        self._timer = self.set_interval(0.2, self._tell_progress)
        self._look()

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._check is not None:
            self._check.close()

    def _tell_progress(self) -> None:
        if self._check is None:
            return
        done, of = self._check.progress
        read, reads = self._check.reading
        words = self.query_one("#sentence", Static)
        if of:
            words.update(reading_line(done // 2, of // 2, "Looking at the pictures "))
        elif reads:
            words.update(reading_line(read, reads))
        else:
            words.update("Reading the pictures …")

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        assert self._check is not None
        try:
            view = await self._check.look()
        except EngineError as error:
            self._timer.stop()
            self.query_one("#sentence", Static).update(as_typed(str(error)))
            return
        self._timer.stop()
        self.view, self.out, self._written = view, view.out, view.out
        findings = self.query_one("#findings", OptionList)
        findings.add_options(
            [
                *(Content.assemble(f"▲ {one.title}  ", (f"{one.number:,}", "bold")) for one in view.findings),
                Content(f"  {view.classes.title}"),
            ]
        )
        findings.highlighted = 0
        self._tell_out()

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def finding(self) -> FindingView | None:
        """The one with the cursor."""
        place = self.query_one("#findings", OptionList).highlighted
        if self.view is None or place is None:
            return None
        return (*self.view.findings, self.view.classes)[place]

    @on(OptionList.OptionHighlighted)
    def _chosen(self) -> None:
        if (finding := self.finding) is not None:
            assert self.view is not None
            clean = "" if self.view.findings else (
                f"✓ {self.view.images:,} pictures were looked at: nothing was found that is out of the ordinary.\n\n"
            )  # fmt: skip
            self.query_one("#sentence", Static).update(as_typed(clean + finding.sentence))
            self.query_one(GroupGrid).show(finding.groups, "These are numbers: no picture stands for them.")
            self._draw()

    @on(OptionList.OptionSelected)
    def _to_pictures(self) -> None:
        self.query_one(GroupGrid).focus()

    @on(GroupGrid.Resized)
    @on(GroupGrid.Turned)
    def _draw_again(self) -> None:
        self._draw()

    @work(exclusive=True, group="draw")
    async def _draw(self) -> None:
        grid = self.query_one(GroupGrid)
        if self._check is None or self.view is None or not grid.size.width:
            return
        places = [place for line in grid.shown for place in line]
        self._tell_page()
        if missing := [place for place in places if place not in grid.pictures]:
            read = await self._check.pictures(missing)
            grid.pictures = {place: picture for place, picture in grid.pictures.items() if place in places} | read
        grid.refresh()

    def _tell_page(self) -> None:
        grid = self.query_one(GroupGrid)
        pages = grid.pages
        self.query_one("#shown").border_subtitle = f"page {grid.page + 1:,} of {pages:,}" if pages > 1 else ""

    def _tell_out(self) -> None:
        self.query_one(GroupGrid).out = self.out
        self.query_one(GroupGrid).refresh()
        words = f"✗ {counted(len(self.out), 'picture')} left out by hand." if self.out else ""
        self.query_one("#left-out", Label).update(words)

    # -- keys ------------------------------------------------------------------------------------

    def action_other_pane(self) -> None:
        """To the pictures, or back to the findings."""
        grid = self.query_one(GroupGrid)
        (self.query_one("#findings") if grid.has_focus else grid).focus()

    def action_turn(self, pages: int) -> None:
        """The next page of pictures, or the one before."""
        self.query_one(GroupGrid).turn(pages)
        self._draw()

    def action_leave_out(self) -> None:
        """The picture with the cursor, or take it back."""
        place = self.query_one(GroupGrid).place
        if place is not None and place >= 0 and self.view is not None:
            self._leave_out(self.out ^ {place})

    def action_leave_spare(self) -> None:
        """All that are spare of the finding, or take them back where all of them are left out."""
        finding = self.finding
        if finding is None or not finding.spare:
            self.notify("Nothing of it is spare: x leaves out the picture with the cursor.")
            return
        spare = frozenset(finding.spare)
        self._leave_out(self.out - spare if spare <= self.out else self.out | spare)

    def _leave_out(self, places: frozenset[int]) -> None:
        self.out = places  # at once: the next key may come before it is written
        self._tell_out()
        if not self._writing:
            self._write()

    @work(group="write")
    async def _write(self) -> None:
        """Write down what is left out, until that is what the page says."""
        assert self._check is not None
        self._writing = True
        try:
            while self._written != self.out:
                places = self.out
                await self._check.leave_out(places)
                self._written = places
        except EngineError as error:
            self.out = self._written
            self._tell_out()
            self.notify(str(error), severity="warning")
        finally:
            self._writing = False
