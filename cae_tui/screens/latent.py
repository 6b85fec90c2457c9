"""The latent space of a run: a map of its images, the one under the cursor with its neighbours, decodings in between.

What is asked of the model is asked in a thread, the latest only: the map moves at once, whatever is under way.

Over 400 lines: the map, what is beside it and what is beneath it depend on one another.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.bridge.latent import OWN, Latent
from cae_tui.bridge.latent_values import LatentRun, Looked, MapView, Marked
from cae_tui.messages import LookInside
from cae_tui.screens.base import Page
from cae_tui.screens.latent_map import MapCard
from cae_tui.screens.latent_side import BetweenPane, ImagePane, NumbersPane, SlidersPane
from cae_tui.widgets.scatter import Scatter
from engine.errors import EngineError, MovedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")

SETTLE_SECONDS = 0.06
"""How long an image is under the cursor before the model is asked: a key that is held down passes over many."""
ROOMY = (160, 54)
"""Columns and rows from which neighbours are drawn exactly."""


class LatentScreen(Page):
    """The map and what is around it."""

    CSS_PATH = "latent.tcss"
    AUTO_FOCUS = "Scatter"
    HELP = """\
What the encoder makes of images: each is a point, and images whose latents are alike lie together.

- **Map**: the arrows go to the nearest point in that direction, a click picks one. `+` and `-` (or the wheel) zoom,
  Shift and an arrow (or a drag) move the map, `Home` shows all of it. `p` shows other images: test, validation,
  training; `o` opens your own: a folder, whose folders are its classes, an archive, a picture, a set.
- `t`: **PCA** shows the two directions along which latents differ most, and distances as they are, but only that much
  of them as its frame says. **t-SNE** keeps neighbours together; how far apart its groups are, and how large, says
  nothing. It takes a while the first time, and is kept.
- **Which classes are confused?** `x` shows the images of two classes that are taken for each other, the most frequent
  pair first, `w` all wrong ones. For a classifier that is its answer; for an autoencoder, an image counts as wrong
  where most of the 5 images next to it are of another class.
- `c` and `C` show one class alone, `e` the tenth that is rebuilt worst, then best; `a` shows all again.
- **Why?** Beside the map are the image under the cursor, its reconstruction if `r` asks for it, and its 5 nearest
  neighbours, with the distance between latents. `m` marks two images: the row beneath is decoded from the straight
  line between their latents. `M` goes to the mean of the class under the cursor instead. `u` takes the marks away.
  `Enter` follows the image through the network, layer by layer; `y` shows what a classifier's answer hangs on.
- `s` **sliders**: move the latent of the image along its principal directions (and, of a dense latent, each number)
  with left and right, and see what is decoded; `0` brings it back.
- `n` **numbers**: how well simple classifiers tell classes apart by latents, beside PCA of the same size and pixels.
- A denoiser's map, errors and reconstructions here are of images without noise.
- `b` shows a sign for each class in place of dots, `l` hides the names of the classes. Escape goes back.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "project", "t-SNE", id="latent.project", tooltip="Another map: PCA, or t-SNE"),
        Binding("p", "part", "Images", id="latent.part", tooltip="Test, validation or training images"),
        Binding("o", "own", "Own", id="latent.own", tooltip="Images of your own: a folder, a picture, a set"),
        Binding("enter", "look(False)", "Inside", id="latent.look", tooltip="Follow the image through the network"),
        Binding("y", "look(True)", "Why", id="latent.why", show=False,
                tooltip="What the answer on the image hangs on"),
        Binding("x", "pair", "Confused", id="latent.pair", tooltip="Two classes that are confused, then others"),
        Binding("w", "wrong", "Wrong", id="latent.wrong", show=False, tooltip="Only what is taken for another class"),
        Binding("m", "mark", "Mark", id="latent.mark", show=False,
                tooltip="Mark two images, to see what lies between them"),
        Binding("M,shift+m", "mean", "To mean", id="latent.mean", show=False,
                tooltip="From the marked image to the mean of the class under the cursor"),
        Binding("s", "sliders", "Sliders", id="latent.sliders", show=False,
                tooltip="Move along the latent's directions"),
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
        self.coming: tuple[str, str] | None = None  # the part that is to take its place, and what is done for it
        self.planes: dict[tuple[str, str], NDArray[np.float32]] = {}
        self.side = ""  # what is beside the map: sliders or numbers, else the image
        self.own = ""  # the path of the images of one's own
        self.marks: list[Marked] = []
        self.shows_rebuilt = False
        self.busy: set[str] = set()  # what is under way, by its name in `Latent.progress`
        self._latent: Latent | None = None

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
            yield MapCard()
            with Vertical(id="side"):
                yield ImagePane()
                yield NumbersPane()
                yield SlidersPane()
        yield BetweenPane()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#panes").display = self.query_one("#between").display = False
        self.scatter.signs = self.app.no_color
        self._latent = self.runner.latent(self.run_id)
        self._arrange()
        self.open_run()

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        if self._latent is not None:
            self._latent.close()

    @property
    def map(self) -> MapCard:
        """The map in its frame."""
        return self.query_one(MapCard)

    @property
    def scatter(self) -> Scatter:
        """Its points."""
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
        view = await self._come(f"the {of} images", "Encoding", self._latent.map(of))
        if view is not None:
            self._take(view)

    def _take(self, view: MapView) -> None:
        """Show the map of a part."""
        of = view.of
        self.query_one("#panes").display = True
        self.workers.cancel_group(self, "image")
        for group in ("neighbours", "t-SNE"):
            self.workers.cancel_group(self, group)
        self._leave_side()
        self.part, self.view, self.looked = of, view, None
        self.planes[of, "PCA"] = view.plane
        self.marks = []
        self.query_one("#between").display = False
        self.map.begin(view)
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
        self.view = self.map.view = view
        self._tell_map()
        if self.looked is not None:
            self._show_image()

    async def _come(self, what: str, doing: str, work: Awaitable[T]) -> T | None:
        """Wait for a part and tell how far it is; where it cannot be had, None, why is told, and the map stays."""
        waiting = self.query_one("#waiting", Static)
        mine = self.coming = (what, doing)

        def tell() -> None:
            escape = "" if self.view is None else " (Esc gives up)"
            waiting.update(f"{doing} {what}… {self._how_far('map')}{escape}")

        waiting.display = True
        timer = self.set_interval(0.1, tell)
        tell()
        why = ""
        try:
            return await work
        except EngineError as error:
            why = str(error)
            if self.view is not None:
                self.cae.tell(why, "error")
            else:
                waiting.update(Content.styled(why, "$error"))
            return None
        finally:
            timer.stop()
            if self.coming is mine:
                self.coming = None
                waiting.display = bool(why) and self.view is None

    def _how_far(self, what: str) -> str:
        return self._latent.how_far(what) if self._latent is not None else ""

    def action_part(self) -> None:
        """The next part that the run has."""
        if self.run_view is None:
            return
        parts = [of for of, _ in self.run_view.parts]
        if len(parts) < 2:
            self.cae.tell(f"This run has {parts[0]} images alone; o opens your own.")
            return
        self.show_part(parts[(parts.index(self.part) + 1) % len(parts) if self.part in parts else 0])

    def action_own(self) -> None:
        if not self._no_map_yet():
            self._choose()

    @work(exclusive=True, group="choosing")
    async def _choose(self) -> None:
        from cae_tui.screens.open_dialog import OpenScreen

        if path := await self.app.push_screen_wait(OpenScreen(self.own)):
            self.open_own(path)

    @on(events.Paste)
    def _pasted(self, event: events.Paste) -> None:
        """The path of images."""
        event.stop()
        lines = [line.strip() for line in event.text.splitlines() if line.strip()]
        if lines and not self._no_map_yet():
            self.open_own(lines[0])

    @work(exclusive=True, group="long")
    async def open_own(self, path: str) -> None:
        """Read images of a person's own, and show their map."""
        assert self._latent is not None
        found = await self._come("your images", "Reading and encoding", self._latent.own(path))
        if found is None:
            return
        self.own = path
        self.run_view, view, words = found
        self.planes.pop((OWN, "t-SNE"), None)
        if words:
            self.cae.tell(words, "warning")
        self._take(view)

    def _no_map_yet(self) -> bool:
        """Whether there is nothing to choose from yet, which is told."""
        return self._refused(self.view is None, "The map is still being made.")

    def action_project(self) -> None:
        """PCA or t-SNE; what t-SNE is still busy with is given up."""
        if self._no_map_yet() or self.run_view is None:
            return
        if self.map.projection == "t-SNE" or "t-SNE" in self.busy:
            self.workers.cancel_group(self, "t-SNE")
            self._show_plane("PCA")
        elif (self.part, "t-SNE") in self.planes:
            self._show_plane("t-SNE")
        elif self.run_view.tsne_missing:
            self.cae.tell(self.run_view.tsne_missing, "warning")
        else:
            self.make_tsne()

    def _show_plane(self, projection: str) -> None:
        self.map.put(self.planes[self.part, projection], projection)

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
            self.map.put(latent.growing)
        self._tell_map()

    def _tell_map(self) -> None:
        """What is under way, in the frame of the map."""
        making = f"Making t-SNE… {self._how_far('t-SNE')} (t or Esc: PCA)" if "t-SNE" in self.busy else ""
        finding = f"finding neighbours {self._how_far('neighbours')}" if "neighbours" in self.busy else ""
        self.map.tell(making=making, finding=finding)

    # -- filters ---------------------------------------------------------------------------------

    def action_pair(self) -> None:
        """The next pair of classes that are confused; after the last, all images."""
        view = self.view
        if self._no_map_yet() or view is None or self._no_predictions(view):
            return
        if self._refused(not view.confused, "No image is taken for another class."):
            return
        self.map.show_next_pair()

    def action_wrong(self) -> None:
        view = self.view
        if self._no_map_yet() or view is None or self._no_predictions(view):
            return
        if not self._refused(not view.confused, "No image is taken for another class."):
            self.map.show_wrong()

    def action_class(self, way: int) -> None:
        """The next class that an image has; after the last, all."""
        if self._no_map_yet() or self.view is None:
            return
        if not self._refused(self.view.classes is None, _NO_CLASSES):
            self.map.show_next_class(way)

    def action_error(self) -> None:
        """Those that are rebuilt worst, then best, then all."""
        if self._no_map_yet() or self.view is None:
            return
        if not self._refused(self.view.errors is None, _NO_ERRORS):
            self.map.show_next_error()

    def action_all(self) -> None:
        if not self._no_map_yet():
            self.map.show_all()

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
        if self.view is None:
            return
        self.query_one(ImagePane).show(
            self.view, self.looked, decodes=self.run_view is not None and self.run_view.decodes,
            rebuilt=self.shows_rebuilt, marked=len(self.marks),
        )  # fmt: skip

    def action_look(self, why: bool) -> None:
        """Follow the image through the network, or why it is answered so."""
        if self._no_map_yet() or self.run_view is None:
            return
        if why and not self.run_view.borrowed:
            self.cae.tell("Only a classifier gives answers to explain. Enter follows the image through the network.")
            return
        self._follow(why)

    @work(exclusive=True, group="follow")
    async def _follow(self, why: bool) -> None:
        """Look at the image under the cursor, which may not be shown yet."""
        assert self._latent is not None
        place, looked = self.scatter.cursor, self.looked
        if place < 0:
            return
        try:
            if looked is None or looked.place != place:
                looked = await self._latent.look(self.part, place)
        except EngineError as error:
            self.cae.tell(str(error), "error")
            return
        self.post_message(
            LookInside(self.run_id, picture=looked.picture, name=looked.name, label=looked.label, why=why)
        )

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
        if self._no_map_yet() or self.run_view is None:
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
            self.call_after_refresh(self._show_image)
        if len(self.marks) == 2:
            self.call_after_refresh(self._decode_between)

    def _decode_between(self) -> None:
        if len(self.marks) == 2 and self.view is not None and self._latent is not None and self.run_view is not None:
            first, last = self.marks
            self.query_one(BetweenPane).open(self._latent, self.view, first, last, borrowed=self.run_view.borrowed)

    # -- sliders and numbers ---------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Where there is room for it, neighbours are as large as the image."""
        super().on_resize(event)
        self.set_class(event.size.width >= ROOMY[0] and event.size.height >= ROOMY[1], "-roomy")
        self.call_after_refresh(self._show_image)

    def _arrange(self) -> None:
        """What is beside the map."""
        self.set_class(self.side == "numbers", "-numbers")
        for name, shown in (
            ("#side-image", not self.side), ("#side-sliders", self.side == "sliders"),
            ("#side-numbers", self.side == "numbers"),
        ):  # fmt: skip
            self.query_one(name).display = shown

    def _leave_side(self) -> None:
        if self.side:
            self.side = ""
            self._arrange()
            self.scatter.focus()
            self.refresh_keys()

    def step_back(self) -> bool:
        """From images that are coming to those there are, from sliders and numbers to the image, from t-SNE to PCA."""
        if self.coming is not None and self.view is not None:
            self.workers.cancel_group(self, "long")
            return True
        if self.side:
            self.query_one(NumbersPane).give_up()
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
            assert self._latent is not None
            assert self.run_view is not None
            self.side = "sliders"
            self._arrange()
            self.query_one(SlidersPane).open(
                self._latent, self.part, self.scatter.cursor, borrowed=self.run_view.borrowed
            )

    def action_numbers(self) -> None:
        if self._no_map_yet() or self._latent is None:
            return
        if self.side == "numbers":
            self._leave_side()
            return
        self.side = "numbers"
        self._arrange()
        self.query_one(NumbersPane).open(self._latent)
        self.query_one(NumbersPane).focus()


_NO_CLASSES = "These images have no classes."
_NO_ERRORS = "A classifier rebuilds no images: the latent space of its autoencoder has this filter."
_NO_DECODER = "There is no decoder: the autoencoder that this classifier was built on is not kept with it."
