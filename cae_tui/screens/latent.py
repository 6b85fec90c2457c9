"""The latent space of a run: a map of its images, the one under the cursor with its neighbours, decodings in between.

What is asked of the model is asked in a thread, the latest only: the map moves at once, whatever is under way.

Over 400 lines: the map, what is beside it and what is beneath it depend on one another.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.latent import Latent, LatentRun, Looked, MapView, Marked
from cae_tui.bridge.latent_numbers import NumbersView
from cae_tui.bridge.map_filter import ERRORS, LONGEST_NAME, MapFilter
from cae_tui.screens.base import Page
from cae_tui.themes import class_colours
from cae_tui.widgets.answer import PictureRow
from cae_tui.widgets.scatter import Scatter, signs_of
from cae_tui.widgets.sliders import SliderRows
from engine.errors import EngineError, MovedError
from engine.text import cell_len, class_name, counted, padded, percent, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SETTLE_SECONDS = 0.06
"""How long an image is under the cursor before the model is asked: a key that is held down passes over many."""
ROOMY = (160, 54)
"""Columns and rows from which neighbours are drawn exactly."""
A_DECODING = 16
"""Columns that a decoding in a row takes."""
FEWEST, MOST = 5, 11
"""Decodings in a row."""


class LatentScreen(Page):
    """The map and what is around it."""

    CSS_PATH = "latent.tcss"
    AUTO_FOCUS = "Scatter"
    HELP = """\
What the encoder makes of images: each is a point, and images whose latents are alike lie together.

- **Map**: the arrows go to the nearest point in that direction, a click picks one. `+` and `-` (or the wheel) zoom,
  Shift and an arrow (or a drag) move the map, `Home` shows all of it. `p` shows other images: test, validation,
  training.
- `t`: **PCA** shows the two directions along which latents differ most, and distances as they are, but only that much
  of them as its title says. **t-SNE** keeps neighbours together; how far apart its groups are, and how large, says
  nothing. It takes a while the first time, and is kept.
- **Which classes are confused?** `x` shows the images of two classes that are taken for each other, the most frequent
  pair first, `w` all wrong ones. For a classifier that is its answer; for an autoencoder, an image counts as wrong
  where most of the 5 images next to it are of another class.
- `c` and `C` show one class alone, `e` the tenth that is rebuilt worst, then best; `a` shows all again.
- **Why?** Beside the map are the image under the cursor, its reconstruction if `r` asks for it, and its 5 nearest
  neighbours, with the distance between latents. `m` marks two images: the row beneath is decoded from the straight
  line between their latents. `M` goes to the mean of the class under the cursor instead. `u` takes the marks away.
- `s` **sliders**: move the latent of the image along its principal directions (and, of a dense latent, each number)
  with left and right, and see what is decoded; `0` brings it back.
- `n` **numbers**: how well simple classifiers tell classes apart by latents, beside PCA of the same size and pixels.
- `b` shows a sign for each class in place of dots, `l` hides the names of the classes. Escape goes back.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "project", "t-SNE", id="latent.project", tooltip="Another map: PCA, or t-SNE"),
        Binding("p", "part", "Images", id="latent.part", tooltip="Test, validation or training images"),
        Binding("x", "pair", "Confused", id="latent.pair", tooltip="Two classes that are confused, then others"),
        Binding("w", "wrong", "Wrong", id="latent.wrong", show=False, tooltip="Only what is taken for another class"),
        Binding("m", "mark", "Mark", id="latent.mark", tooltip="Mark two images, to see what lies between them"),
        Binding("M,shift+m", "mean", "To mean", id="latent.mean", show=False,
                tooltip="From the marked image to the mean of the class under the cursor"),
        Binding("s", "sliders", "Sliders", id="latent.sliders", tooltip="Move along the latent's directions"),
        Binding("n", "numbers", "Numbers", id="latent.numbers", tooltip="The latent in numbers"),
        Binding("c", "class(1)", "Class", id="latent.class", tooltip="Only the next class", show=False),
        Binding("C,shift+c", "class(-1)", "Class before", id="latent.class-before", show=False,
                tooltip="Only the class before"),
        Binding("e", "error", "Error", id="latent.error", show=False,
                tooltip="Only the images that are rebuilt worst, or best"),
        Binding("a", "all", "All", id="latent.all", tooltip="Every image", show=False),
        Binding("u", "unmark", "Unmark", id="latent.unmark", tooltip="Take the marks away", show=False),
        Binding("r", "rebuilt", "Rebuilt", id="latent.rebuilt", show=False,
                tooltip="The reconstruction in place of the image, or the image"),
    ]  # fmt: skip

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self.run_view: LatentRun | None = None
        self.view: MapView | None = None
        self.looked: Looked | None = None
        self.part = ""
        self.projection = "PCA"
        self.planes: dict[tuple[str, str], NDArray[np.float32]] = {}
        self.found: NumbersView | None = None
        self.side = ""  # what is beside the map: sliders or numbers, else the image
        self.marks: list[Marked] = []
        self.chosen = MapFilter()
        self.passing = 0  # how many images pass it
        self.shows_rebuilt = False
        self.busy: set[str] = set()  # what is under way, by its name in `Latent.progress`
        self._latent: Latent | None = None
        self._wanted: tuple[float, ...] | None = None  # what sliders ask for, until it is decoded
        self._decoding = False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Latent space")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """The map, what is beside it, and the row of decodings."""
        yield Static("Reading the model…", id="waiting", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="map", classes="card"):
                yield Scatter()
                yield Static(id="legend", markup=False)
            with Vertical(id="side"):
                with Horizontal(id="image", classes="card"):
                    yield PictureRow(1, id="picture")
                    yield Static(id="words", markup=False)
                with Vertical(id="near", classes="card"):
                    yield PictureRow(3, id="near-first")
                    yield PictureRow(3, id="near-last")
                with VerticalScroll(id="side-numbers", classes="card"):
                    yield Static(id="numbers", markup=False)
                with Vertical(id="side-sliders", classes="card"):
                    yield PictureRow(1, id="decoded")
                    with VerticalScroll(id="slider-scroll", can_focus=False):
                        yield SliderRows()
        with Vertical(id="between", classes="card"):
            yield PictureRow(FEWEST, id="row")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#panes").display = self.query_one("#between").display = False
        self.query_one("#near").border_title = "Nearest"
        self.query_one("#side-numbers").border_title = "Numbers"
        self.query_one("#side-sliders").border_title = "Sliders"
        self.scatter.signs = self.app.no_color
        self._latent = self.runner.latent(self.run_id)
        self._arrange()
        self.open_run()

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        if self._latent is not None:
            self._latent.close()

    @property
    def scatter(self) -> Scatter:
        """The map."""
        return self.query_one(Scatter)

    # -- the map ---------------------------------------------------------------------------------

    @work(exclusive=True, group="long")
    async def open_run(self) -> None:
        """Read the model, then the map of the first part."""
        assert self._latent is not None
        try:
            self.run_view = await self._latent.open()
        except EngineError as error:
            why = error.what if isinstance(error, MovedError) else str(error)
            self.query_one("#waiting", Static).update(Content.styled(why, "$error"))
            if isinstance(error, MovedError) and await self.cae.ask_where_moved(error.fields, run=self.run_id):
                self.open_run()
            return
        self.show_part(self.run_view.parts[0][0])

    @work(exclusive=True, group="long")
    async def show_part(self, of: str) -> None:
        """Encode a part, and show its map."""
        assert self._latent is not None
        waiting = self.query_one("#waiting", Static)
        waiting.display = True
        timer = self.set_interval(0.1, self._tell_encoding)
        self.part = of
        self._tell_encoding()
        try:
            view = await self._latent.map(of)
        except EngineError as error:
            waiting.update(Content.styled(str(error), "$error"))
            return
        finally:
            timer.stop()
        waiting.display = False
        self.query_one("#panes").display = True
        self.view, self.looked = view, None
        self.planes[of, "PCA"] = view.plane
        self.projection = "PCA"
        self.marks, self.chosen = [], MapFilter()
        self.query_one("#between").display = False
        self.scatter.cursor = -1
        self.scatter.mark({})
        self.scatter.put(view.plane, view.labels, self._names, keep=False)
        self.filter()
        self._draw_legend()
        self._show_image()
        self.scatter.focus()
        self.refresh_keys()
        self.call_after_refresh(self.scatter.action_step, 1, 0)  # to an image in the middle
        if view.labels is not None and view.predicted is None and len(view.plane) > 1:
            self.find_neighbours()

    @work(exclusive=True, group="neighbours")
    async def find_neighbours(self) -> None:
        """While the map is looked at, find what each image is taken for by its neighbours."""
        assert self._latent is not None
        of = self.part
        self.busy.add("neighbours")
        timer = self.set_interval(0.5, self._tell_map)
        try:
            view = await self._latent.neighbours(of)
        except EngineError as error:
            self.cae.tell(str(error), "error")
            return
        finally:
            timer.stop()
            self.busy.discard("neighbours")
        self.view = view
        self._tell_map()
        if self.looked is not None:
            self._show_image()

    def _tell_encoding(self) -> None:
        self.query_one("#waiting", Static).update(f"Encoding the {self.part} images… {self._how_far('map')}")

    def _how_far(self, what: str) -> str:
        """As in `40 %`."""
        done, of = self._latent.progress.get(what, (0, 0)) if self._latent is not None else (0, 0)
        return f"{100 * done // of if of else 0} %"

    @property
    def _names(self) -> tuple[str, ...]:
        return self.run_view.class_names if self.run_view is not None else ()

    def _class_name(self, label: int | None) -> str:
        return "" if label is None else shortened(class_name(self._names, label), LONGEST_NAME)

    def action_part(self) -> None:
        """The next part that the run has."""
        if self.run_view is None:
            return
        parts = [of for of, _ in self.run_view.parts]
        if len(parts) < 2:
            self.cae.tell(f"This run has {parts[0]} images alone.")
            return
        self._leave_side()
        for group in ("neighbours", "t-SNE"):
            self.workers.cancel_group(self, group)
        self.show_part(parts[(parts.index(self.part) + 1) % len(parts)])

    def action_project(self) -> None:
        """PCA or t-SNE; what t-SNE is still busy with is given up."""
        if self.view is None or self.run_view is None:
            return
        if self.projection == "t-SNE" or "t-SNE" in self.busy:
            self.workers.cancel_group(self, "t-SNE")
            self._show_plane("PCA")
        elif (self.part, "t-SNE") in self.planes:
            self._show_plane("t-SNE")
        elif self.run_view.tsne_missing:
            self.cae.tell(self.run_view.tsne_missing, "warning")
        else:
            self.make_tsne()

    def _show_plane(self, projection: str) -> None:
        assert self.view is not None
        self.projection = projection
        self.scatter.put(self.planes[self.part, projection], self.view.labels, self._names, keep=False)
        self._tell_map()

    @work(exclusive=True, group="t-SNE")
    async def make_tsne(self) -> None:
        """Have t-SNE made, and show it as it comes."""
        assert self._latent is not None
        of = self.part
        self.busy.add("t-SNE")
        timer = self.set_interval(0.5, self._show_growing)
        self._tell_map()
        try:
            self.planes[of, "t-SNE"] = await self._latent.tsne(of)
            self._show_plane("t-SNE")
        except EngineError as error:
            self.cae.tell(str(error), "error")
        finally:
            timer.stop()
            self.busy.discard("t-SNE")
            self._tell_map()

    def _show_growing(self) -> None:
        latent = self._latent
        if latent is None or self.view is None:
            return
        if latent.growing is not None and len(latent.growing) == len(self.view.plane):
            self.scatter.put(latent.growing, self.view.labels, self._names, keep=True)
        self._tell_map()

    @on(Scatter.Moved)
    def _tell_map(self) -> None:
        """What the map shows, in the lines of its frame."""
        if self.view is None or not self.is_mounted:
            return
        card, view = self.query_one("#map"), self.view
        title = f"{self.projection} of {counted(len(view.plane), f'{view.of} image')}"
        if "t-SNE" in self.busy:
            title = f"Making t-SNE… {self._how_far('t-SNE')} (t or Esc: PCA)"
        card.border_title = title
        words = self.chosen.words(view, self._names, brief=self.has_class("-narrow"))
        if words:
            words.append(f"{self.passing:,} (a all)")
        elif self.projection == "PCA":
            words.append(f"{percent(sum(view.shares), 0)} of the variance")
        if "neighbours" in self.busy:
            words.append(f"finding neighbours {self._how_far('neighbours')}")
        if self.scatter.zoom > 1:
            words.append(f"{self.scatter.zoom:.3g}×")
        card.border_subtitle = " · ".join(words)

    def _draw_legend(self) -> None:
        """The sign of each class that has one of its own, in its colour."""
        names, line = self._names, Text(no_wrap=True, overflow="ellipsis")
        signs = signs_of(names)
        colours = class_colours(self.app, len(signs))
        for name, sign, colour in zip(names, signs, colours, strict=False):
            look = Style(color="#{:02x}{:02x}{:02x}".format(*colour), bold=True)
            line.append(sign if sign == name else f"{sign} {shortened(name, LONGEST_NAME)}", look)
            line.append("  ")
        self.query_one("#legend", Static).update(line)
        self.query_one("#legend").display = bool(names)

    # -- filters ---------------------------------------------------------------------------------

    def filter(self, **changes: Any) -> None:
        """Show only what passes the filter, with `changes`, and have the cursor on such an image."""
        import numpy as np

        view = self.view
        if view is None:
            return
        self.chosen = replace(self.chosen, **changes)
        passing = self.chosen.passing(view)
        self.passing = int(passing.sum())
        scatter = self.scatter
        scatter.only(None if passing.all() else passing)
        self._tell_map()
        if changes and self.passing and (scatter.cursor < 0 or not passing[scatter.cursor]):
            scatter.go_to(int(np.flatnonzero(passing)[0]))

    def action_pair(self) -> None:
        """The next pair of classes that are confused; after the last, all images."""
        view = self.view
        if view is None or self._no_predictions(view):
            return
        if self._refused(not view.confused, "No image is taken for another class."):
            return
        following = 0 if self.chosen.pair is None else self.chosen.pair + 1
        self.filter(pair=following if following < len(view.confused) else None, label=None, wrong=False)

    def action_wrong(self) -> None:
        if self.view is not None and not self._no_predictions(self.view):
            self.filter(wrong=not self.chosen.wrong, pair=None)

    def action_class(self, way: int) -> None:
        """The next class that an image has; after the last, all."""
        import numpy as np

        view = self.view
        if view is None or self._refused(view.labels is None, _NO_CLASSES):
            return
        assert view.labels is not None
        choices: list[int | None] = [None, *np.unique(view.labels).tolist()]
        self.filter(label=choices[(choices.index(self.chosen.label) + way) % len(choices)], pair=None)

    def action_error(self) -> None:
        """Those that are rebuilt worst, then best, then all."""
        if self.view is not None and not self._refused(self.view.errors is None, _NO_ERRORS):
            self.filter(error=ERRORS[(ERRORS.index(self.chosen.error) + 1) % len(ERRORS)])

    def action_all(self) -> None:
        self.chosen = MapFilter()
        self.filter()

    def _no_predictions(self, view: MapView) -> bool:
        """Whether it is not known what images are taken for, which is told."""
        return self._refused(view.labels is None, _NO_CLASSES) or self._refused(
            view.predicted is None,
            f"The neighbours of each image are still being found: {self._how_far('neighbours')}.",
        )

    def _refused(self, wrong: bool, why: str) -> bool:
        """Whether it cannot be done, which is told."""
        if wrong:
            self.cae.tell(why)
        return wrong

    # -- the image -------------------------------------------------------------------------------

    @on(Scatter.Picked)
    def _picked(self, message: Scatter.Picked) -> None:
        self.look(message.place)

    @work(exclusive=True, group="image")
    async def look(self, place: int) -> None:
        """Read the image under the cursor, and find its neighbours."""
        assert self._latent is not None
        self._leave_side()
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            self.looked = await self._latent.look(self.part, place)
        except EngineError as error:
            self.cae.tell(str(error), "error")
            return
        self._show_image()

    def _show_image(self) -> None:
        looked, view = self.looked, self.view
        card, row = self.query_one("#image"), self.query_one("#picture", PictureRow)
        words = self.query_one("#words", Static)
        near = [self.query_one(name, PictureRow) for name in ("#near-first", "#near-last")]
        if looked is None or view is None:
            card.border_title = "Image"
            row.pictures, near[0].pictures, near[1].pictures = (), (), ()
            near[0].note = near[1].note = ""
            words.update("")
            return
        place = looked.place
        card.border_title = f"{view.of.capitalize()} image {looked.number:,}"
        card.border_subtitle = "m mark · r rebuilt · s sliders" if self.run_view and self.run_view.decodes else ""
        rebuilt = looked.reconstruction if self.shows_rebuilt else None
        row.pictures = ((rebuilt, "reconstruction") if rebuilt is not None else (looked.picture, ""),)
        words.update(Content("\n").join(self._about(place)))
        shown = tuple((one, f"{self._class_name(label)} {far:.3g}".strip()) for one, label, far in looked.nearest)
        no_room = self.has_class("-short") and self.query_one("#between").display
        near[1].display = not no_room
        near[0].pictures, near[1].pictures = ((), ()) if no_room else (shown[:3], shown[3:])
        names = ", ".join(filter(None, (self._class_name(label) for _, label, _ in looked.nearest)))
        near[0].note = (names or "no classes") if shown else "There is no other image."
        self.query_one("#near").border_subtitle = "class, distance"

    def _about(self, place: int) -> Iterator[Content]:
        """What is known of an image, a line each."""
        view = self.view
        assert view is not None
        if view.labels is not None:
            true = int(view.labels[place])
            yield Content.styled(f"class {self._class_name(true)}", "bold")
            if view.predicted is not None:
                taken = int(view.predicted[place])
                if taken == true:
                    yield Content(f"✓ taken for it {view.by}")
                else:
                    yield Content.styled(f"✗ taken for {self._class_name(taken)} {view.by}", "$cae-attention")
        elif view.predicted is not None:
            yield Content(f"taken for {self._class_name(int(view.predicted[place]))}")
        if view.errors is not None:
            error = float(view.errors[place])
            worse = float((view.errors > error).mean())
            yield Content(f"error {formats.loss(error)}")
            yield Content.styled(f"{percent(worse, 0)} are worse", "$foreground-muted")
        if len(self.marks) == 1:
            yield Content("A is marked: m marks B")

    def action_rebuilt(self) -> None:
        if self.run_view is not None and not self.run_view.decodes:
            self.cae.tell(_NO_DECODER)
            return
        self.shows_rebuilt = not self.shows_rebuilt
        self._show_image()

    # -- in between ------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the image under the cursor; a third takes the place of the first two."""
        if not self._can_decode():
            return
        marked: Marked = ("image", self.scatter.cursor)
        if marked in self.marks:
            self.marks.remove(marked)
        else:
            self.marks = [*([] if len(self.marks) == 2 else self.marks), marked]
        self._show_marks()

    def action_mean(self) -> None:
        """From what is marked, or the image under the cursor, to the mean of a class."""
        if not self._can_decode():
            return
        if self.view is None or self.view.labels is None:
            self.cae.tell(_NO_CLASSES)
            return
        label = int(self.view.labels[self.scatter.cursor])
        first = self.marks[0] if self.marks else ("image", self.scatter.cursor)
        self.marks = [first, ("mean", label)]
        self._show_marks()

    def action_unmark(self) -> None:
        self.marks = []
        self._show_marks()

    def _can_decode(self) -> bool:
        if self.run_view is None or self.view is None:
            return False
        if not self.run_view.decodes:
            self.cae.tell(_NO_DECODER)
            return False
        return self.scatter.cursor >= 0

    def _show_marks(self) -> None:
        letters = {place: "AB"[at] for at, (what, place) in enumerate(self.marks) if what == "image"}
        self.scatter.mark(letters)
        self.query_one("#between").display = len(self.marks) == 2
        if self.looked is not None:
            self._show_image()
        if len(self.marks) == 2:
            self.call_after_refresh(self.decode_between)

    @work(exclusive=True, group="between")
    async def decode_between(self) -> None:
        """The row of decodings between the two marks."""
        assert self._latent is not None
        if len(self.marks) != 2:
            return
        first, last = self.marks
        row, card = self.query_one("#row", PictureRow), self.query_one("#between")
        count = min(max(self.size.width // A_DECODING, FEWEST), MOST)
        try:
            pictures = await self._latent.between(self.part, first, last, count)
        except EngineError as error:
            self.cae.tell(str(error), "error")
            return
        row.places = count
        captions = ["A", *(f"{round(100 * place / (count - 1))} %" for place in range(1, count - 1)), "B"]
        row.pictures = tuple(zip(pictures, captions, strict=True))
        card.border_title = f"From {self._called(first)} (A) to {self._called(last)} (B): decodings in between"
        card.border_subtitle = _BORROWED if self.run_view is not None and self.run_view.borrowed else "u takes it away"

    def _called(self, marked: Marked) -> str:
        what, at = marked
        if what == "mean":
            return f"the mean of class {self._class_name(at)}"
        label = None if self.view is None or self.view.labels is None else int(self.view.labels[at])
        return f"a {self._class_name(label)}" if label is not None else f"image {at:,}"

    # -- sliders and numbers ---------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Where there is room for it, neighbours are as large as the image."""
        super().on_resize(event)
        self.set_class(event.size.width >= ROOMY[0] and event.size.height >= ROOMY[1], "-roomy")

    def _arrange(self) -> None:
        """What is beside the map."""
        for name, shown in (
            ("#image", not self.side), ("#near", not self.side),
            ("#side-sliders", self.side == "sliders"), ("#side-numbers", self.side == "numbers"),
        ):  # fmt: skip
            self.query_one(name).display = shown

    def _leave_side(self) -> None:
        if self.side:
            self.side = ""
            self._arrange()
            self.scatter.focus()
            self.refresh_keys()

    def step_back(self) -> bool:
        """From sliders and numbers to the image, from t-SNE under way to PCA, from a filter to all."""
        if self.side:
            self.workers.cancel_group(self, "numbers")
            self._leave_side()
            return True
        if "t-SNE" in self.busy:
            self.action_project()
            return True
        return False

    def action_sliders(self) -> None:
        if self.side == "sliders":
            self._leave_side()
        elif self._can_decode():
            self.side = "sliders"
            self._arrange()
            self.open_sliders()

    @work(exclusive=True, group="sliders")
    async def open_sliders(self) -> None:
        """Find what can be changed of the latent under the cursor."""
        assert self._latent is not None
        rows, shown, card = (
            self.query_one(SliderRows),
            self.query_one("#decoded", PictureRow),
            self.query_one("#side-sliders"),
        )
        rows.put(())
        shown.pictures, shown.note = (), "Looking for the directions…"
        try:
            sliders, picture = await self._latent.sliders(self.part, self.scatter.cursor)
        except EngineError as error:
            shown.note = str(error)
            return
        if self.side != "sliders":
            return
        rows.put(sliders)
        shown.pictures = ((picture, "decoded"),)
        card.border_subtitle = (
            _BORROWED if self.run_view is not None and self.run_view.borrowed else "standard deviations"
        )
        rows.focus()
        self.refresh_keys()

    @on(SliderRows.Changed)
    def _moved(self, message: SliderRows.Changed) -> None:
        self._wanted = message.by
        if not self._decoding:
            self._decoding = True
            self.decode_latest()

    @work(group="decoding")
    async def decode_latest(self) -> None:
        """Decode what the sliders ask for, until they ask for nothing else."""
        assert self._latent is not None
        try:
            while (by := self._wanted) is not None:
                self._wanted = None
                picture = await self._latent.moved(by)
                self.query_one("#decoded", PictureRow).pictures = ((picture, "decoded"),)
        except EngineError as error:
            self.cae.tell(str(error), "error")
        finally:
            self._decoding = False

    def action_numbers(self) -> None:
        if self.run_view is None or self.view is None:
            return
        if self.side == "numbers":
            self._leave_side()
            return
        self.side = "numbers"
        self._arrange()
        if self.found is not None:
            self._show_numbers()
        else:
            self.measure()

    @work(exclusive=True, group="numbers")
    async def measure(self) -> None:
        """Measure the latent, on validation images."""
        assert self._latent is not None
        timer = self.set_interval(0.1, self._tell_measuring)
        self.busy.add("numbers")
        self._tell_measuring()
        try:
            self.found = await self._latent.numbers("validation")
            self._show_numbers()
        except EngineError as error:
            self.query_one("#numbers", Static).update(Content.styled(str(error), "$error"))
        finally:
            timer.stop()
            self.busy.discard("numbers")

    def _tell_measuring(self) -> None:
        words = f"Measuring the latent… {self._how_far('numbers')} (Esc gives up)"
        self.query_one("#numbers", Static).update(words)

    def _show_numbers(self) -> None:
        found = self.found
        if found is None:
            return
        widths = [max(map(cell_len, column)) for column in zip(found.heads, *found.rows, strict=True)]
        lines = [
            "  ".join(
                padded(cell, width, right=place > 0)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (found.heads, *found.rows)
        ]
        self.query_one("#numbers", Static).update("\n".join([*lines, *(f"\n{one}" for one in found.sentences)]))


_NO_CLASSES = "These images have no classes: there is nothing to confuse."
_NO_ERRORS = "A classifier rebuilds no images: the latent space of its autoencoder has this filter."
_NO_DECODER = "There is no decoder: the autoencoder that this classifier was built on is not kept with it."
_BORROWED = "by the autoencoder it was built on"
