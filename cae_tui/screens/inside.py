"""A look inside: one image on its way through a network, layer by layer, and what a classifier's answer hangs on.

What can be looked at is a list on the left; the line under its cursor is asked about in a thread, the latest only.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from cae_tui import formats
from cae_tui.bridge.looking import WAYS, InsideView, LayerView, Looking, NearOf, WhyView
from cae_tui.bridge.values import Picture
from cae_tui.screens.base import Page
from cae_tui.widgets.inside_words import about_words, kernel_words, layer_words, patch_words, rebuilt_words
from cae_tui.widgets.layer_list import IMAGE, KERNELS, WHY, Entry, LayerList, entries_of
from cae_tui.widgets.map_sheet import MapSheet, Paged, UnitBars
from cae_tui.widgets.run_progress import reading_line
from cae_tui.widgets.why_pane import WhyPane, why_words
from engine.errors import EngineError
from engine.text import class_name, shortened

Shown = tuple[tuple[int, int | None], ...]
"""Images by their indices, with their classes where those are known."""
Known = tuple[str, int | None]

NEAR = "Looking through training images"
LONGEST_NAME = 16


class InsideScreen(Page):
    """What a model makes of an image.

    Args:
        run: whose model it is.
        asked: images that the run was measured on, or a picture.
        at: which of the images comes first.
        known: of a picture, its name, and its class where that is known.
        why: whether one begins with what the answer hangs on.
    """

    CSS_PATH = "inside.tcss"
    AUTO_FOCUS = "LayerList"
    HELP = """\
One image on its way through the network. `↑` `↓` go from layer to layer; `←` `→` take another image of those that one
came from; `n` and `p` (or `]` and `[`, `PgDn` and `PgUp`) turn the page where not all has room; `z` zooms.

- **A layer** of convolutions gives *maps*, one for each kernel: small pictures that are bright where the layer finds
  what that kernel looks for. The strongest come first; below each stand its number and its mean answer. The first
  picture has all maps together, laid over the image: where the layer looks.
- `t`: **what a map looks for**. In its place stand the four pieces of training images that it answers to most. What
  these have in common, an edge that leans to the left, the end of a stroke, is what the map looks for; how large the
  pieces are is how much of an image the layer sees at a time.
- **A dense layer** has no places: a bar for each of its units, the strongest first.
- **image**: the original, its reconstruction, and the difference of the two with its scale; of a run that was measured
  on noisy images the noisy one, what was made of it, the clean one, and what was changed of the noisy one.
- **kernels**: the weights of the first layer, in the order of its maps: a map is bright where the image has that
  pattern.
- **why**, of a classifier: what its answer hangs on. One square of the image after another is hidden (*occlusion*):
  where that makes the class less probable, the image is orange; where it makes it more probable, blue. `m` takes
  LayerCAM instead, which weighs the maps of a layer; `c` takes another class. Below are the nearest training images of
  the true and the predicted class, by the distance of their latents; where the answer is right, those of the class
  that comes next in line.

On the command line: `cae-tui inside RUN`, with `--json`, and `--to FOLDER` for pictures.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "why", "Why", id="inside.why", tooltip="What the answer hangs on"),
        Binding("m", "way", "Method", id="inside.way", tooltip="Occlusion, or LayerCAM"),
        Binding("c", "other_class", "Class", id="inside.class", tooltip="Why another class: true, predicted, next"),
        Binding("t", "patches", "Looks for", id="inside.patches",
                tooltip="What each map answers to most in training images, or the maps again"),
        Binding("n,right_square_bracket", "turn(1)", "Next", id="inside.next", tooltip="More of them"),
        Binding("p,left_square_bracket", "turn(-1)", "Previous", id="inside.previous", tooltip="Those before",
                show=False),
        Binding("z", "zoom", "Zoom", id="inside.zoom", tooltip="Larger pictures, or small ones", show=False),
    ]  # fmt: skip

    def __init__(
        self, run: str, asked: Shown | Picture, at: int = 0, *, known: Known = ("", None), why: bool = False
    ) -> None:
        super().__init__()
        self.run_id = run
        self.images: Shown = () if isinstance(asked, Picture) else asked
        self.picture = asked if isinstance(asked, Picture) else None
        self.at, self._known = at, known
        self.wants_why = why
        self.view: InsideView | None = None
        self.shown = ""  # the name of the entry that is drawn
        self.way = WAYS[0]  # of why
        self.label: int | None = None  # of which class; None is the predicted one
        self.by_patches = False
        self._layers: dict[int, LayerView] = {}
        self._patches: dict[int, tuple[Picture, ...]] = {}
        self._whys: dict[tuple[str, int | None], WhyView] = {}
        self._near: dict[int, NearOf] = {}
        self._looking: Looking | None = None
        self._progress: Timer | None = None
        self._words = ""  # what is being done

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", self.run_prefix(self.run_id), "Look inside")

    @property
    def data_words(self) -> tuple[str, ...]:
        """Those of its run."""
        return self.cae.data_of_run(self.run_id)

    def compose_page(self) -> Iterator[Widget]:
        """The list of layers, and what is shown of one."""
        yield Static("Reading the model… the first time takes a few seconds.", id="about", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="layers-card", classes="card"):
                yield LayerList(id="layers")
            with Vertical(id="shown", classes="card"):
                yield Static(id="caption", markup=False)
                yield MapSheet(id="sheet")
                yield UnitBars(id="units")
                yield WhyPane(id="why")

    def on_mount(self) -> None:
        self.query_one("#panes").display = False
        self.query_one("#layers-card").border_title = "Layers"
        self._looking = self.runner.looking(self.run_id, colours=not self.app.no_color)
        self._progress = self.set_interval(0.2, self._tell_progress, pause=True)
        self.look()

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        if self._looking is not None:
            self._looking.close()

    @property
    def true(self) -> int | None:
        """The class of the image, where it is known."""
        return self.images[self.at][1] if self.images else self._known[1]

    @property
    def entry(self) -> Entry | None:
        """What is under the cursor."""
        return self.query_one(LayerList).entry

    # -- an image --------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Send the image through the model; the line of the list stays the same."""
        assert self._looking is not None
        self.workers.cancel_group(self, "entry")  # what it looks for in training images holds up the next image
        asked = self.picture if self.picture is not None else self.images[self.at][0]
        try:
            view = await self._looking.look(asked)
        except EngineError as error:
            self.query_one("#about", Static).update(Content.styled(str(error), "$error"))
            self.query_one("#panes").display = False
            return
        first = self.view is None
        self.view, self.label = view, None
        for known in (self._layers, self._patches, self._whys, self._near):
            known.clear()
        self.query_one("#panes").display = True
        self.query_one("#about", Static).update(self._about(view))
        layers = self.query_one(LayerList)
        entries = entries_of(view)
        begins = 0 if self.wants_why or not view.class_names else 1
        layers.show(entries, begins if first else layers.cursor_row)
        if first:
            layers.focus()
        self.show_entry()

    def _about(self, view: InsideView) -> Content:
        name = f"image {self.images[self.at][0]:,}" if self.images else self._known[0]
        about = Content.styled(about_words(view, name, self.true), "bold")
        if len(self.images) > 1:
            place = f"  {formats.count(self.at + 1)} of {formats.count(len(self.images))}"
            about += Content.styled(place, "$foreground-muted")
        return about

    def _class_name(self, label: int) -> str:
        return shortened(class_name(self.view.class_names if self.view else (), label), LONGEST_NAME)

    # -- an entry of the list --------------------------------------------------------------------

    @on(LayerList.Highlighted)
    def show_entry(self) -> None:
        """Show what is under the cursor; what was asked for before is given up."""
        if self.view is not None and self.entry is not None:
            self._show(self.entry)
            self.refresh_keys()

    @work(exclusive=True, group="entry")
    async def _show(self, entry: Entry) -> None:
        view, looking = self.view, self._looking
        if view is None or looking is None:
            return
        self._end_progress()  # of what was given up
        try:
            if entry.name == WHY:
                await self._show_why(view, looking)
            elif entry.name == IMAGE:
                self._show_image(view)
            elif entry.name == KERNELS:
                self._show_kernels(view)
            elif entry.layer is not None:
                await self._show_layer(view, looking, entry.layer)
        except EngineError as error:
            self._draw(entry.name, Content.styled(str(error), "$error"), "")
        self._end_progress()
        self.shown = entry.name
        self.refresh_keys()

    def _draw(self, name: str, caption: Content | str, part: str) -> None:
        """Show one part of the pane, under a caption."""
        card = self.query_one("#shown")
        card.border_title = name
        self.query_one("#caption", Static).update(caption)
        for each in ("sheet", "units", "why"):
            self.query_one(f"#{each}").display = each == part
        self._tell_place()

    def _show_image(self, view: InsideView) -> None:
        sheet = self.query_one(MapSheet)
        shown = [(view.picture, "original" if view.clean is None else "noisy")]
        if view.reconstruction is not None and view.difference is not None:
            shown.append((view.reconstruction, "rebuilt"))
            if view.clean is not None:
                shown.append((view.clean, "clean"))
            shown.append((view.difference, "difference"))
        sheet.fills, sheet.tiles = True, tuple(shown)
        self._draw(IMAGE, rebuilt_words(view, colours=not self.app.no_color), "sheet")

    def _show_kernels(self, view: InsideView) -> None:
        sheet = self.query_one(MapSheet)
        numbers = (f"#{number}" for number in view.kernel_numbers)
        sheet.fills, sheet.tiles = False, tuple(zip(view.kernels, numbers, strict=True))
        self._draw(KERNELS, kernel_words(view), "sheet")

    async def _show_layer(self, view: InsideView, looking: Looking, place: int) -> None:
        line = view.layers[place]
        if place not in self._layers:
            self._layers[place] = await looking.layer(place)
        found = self._layers[place]
        if not found.maps:
            names = view.class_names if place == len(view.layers) - 1 and line.part == "head" else ()
            self.query_one(UnitBars).units = tuple(
                (self._class_name(number - 1) if names else f"unit {number}", strength)
                for number, strength in zip(found.numbers, found.strengths, strict=True)
            )
            self._draw(line.name, layer_words(view, place, found), "units")
            return
        sheet = self.query_one(MapSheet)
        sheet.fills = False
        if self.by_patches and found.field:
            if place not in self._patches:
                self._draw(line.name, "", "")
                self._begin_progress("Looking through training images ")
                self._patches[place] = await looking.patches(place)
                self._end_progress()
            sheet.tiles = tuple(zip(self._patches[place], (f"#{number}" for number in found.numbers), strict=True))
            self._draw(line.name, patch_words(found), "sheet")
            return
        words = (f"#{number} {strength:.2g}" for number, strength in zip(found.numbers, found.strengths, strict=True))
        tiles = list(zip(found.maps, words, strict=True))
        if found.together is not None:
            tiles.insert(0, (found.together, "all maps"))
        sheet.tiles = tuple(tiles)
        self._draw(line.name, layer_words(view, place, found), "sheet")

    async def _show_why(self, view: InsideView, looking: Looking) -> None:
        asked = (self.way, self.label)
        if asked not in self._whys:
            self._draw(WHY, "", "")
            self._begin_progress("Hiding one square after another ")
            self._whys[asked] = await looking.why(self.way, self.label)
            self._end_progress()
        found, pane = self._whys[asked], self.query_one(WhyPane)
        labels = self._two_classes(found)
        self._show_near(labels, "Reading the training images…")
        caption = why_words(found, view.class_names, colours=not self.app.no_color)
        self._draw(f"{WHY} {self._class_name(found.label)} · {found.way}", caption, "why")
        pane.show(found, view.class_names, self.true)
        for label in labels:
            if label not in self._near:
                self._begin_progress(NEAR)
                try:
                    self._near[label] = await looking.near(label)
                except EngineError as error:
                    self._show_near(labels, str(error))
                    return
                self._show_near(labels, "Reading the training images…")

    def _show_near(self, labels: tuple[int, ...], note: str) -> None:
        self.query_one(WhyPane).show_near(labels, self._near, note)

    def _two_classes(self, found: WhyView) -> tuple[int, ...]:
        """The true class and the predicted one; where they are one, or the true one is not known, the next in line."""
        shares = found.probabilities
        order = sorted(range(len(shares)), key=lambda label: -shares[label])
        true = self.true
        if true is not None and true != found.predicted and true < len(shares):
            return true, found.predicted
        return tuple(order[:2])

    # -- what takes long -------------------------------------------------------------------------

    def _begin_progress(self, words: str) -> None:
        self._words = words
        if words != NEAR:
            self.query_one("#caption", Static).update(f"{words}…")
        if self._progress is not None:
            self._progress.resume()

    def _end_progress(self) -> None:
        self._words = ""
        if self._progress is not None:
            self._progress.pause()

    def _tell_progress(self) -> None:
        if self._words and self._looking is not None:
            done, of = self._looking.progress
            if self._words == NEAR:
                if of:
                    self._show_near(self.query_one(WhyPane).labels, f"{NEAR}: {100 * done // of} %")
                return
            words = reading_line(done, of, self._words) if of else f"{self._words}…"
            self.query_one("#caption", Static).update(words)

    # -- keys ------------------------------------------------------------------------------------

    @property
    def paged(self) -> Paged | None:
        """What has pages of what is shown."""
        return next((part for part in self.query(Paged) if part.display), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What there is something to do for."""
        entry = self.entry if self.is_mounted else None
        if action == "why":
            return self.view is not None and bool(self.view.class_names)
        if action in ("way", "other_class"):
            return entry is not None and entry.name == WHY
        if action == "patches":
            return entry is not None and entry.layer is not None and bool(self._field(entry.layer))
        if action == "step":
            return len(self.images) > 1
        if action == "turn":
            return entry is not None and self.paged is not None and bool(self.paged.place)
        if action == "zoom":
            return entry is not None and isinstance(self.paged, MapSheet) and entry.name != IMAGE
        return super().check_action(action, parameters)

    def _field(self, place: int) -> int:
        found = self._layers.get(place)
        return 0 if found is None else found.field

    @on(Paged.Turned)
    def _tell_place(self) -> None:
        paged = self.paged
        self.query_one("#shown").border_subtitle = f"{paged.place} · n p" if paged is not None and paged.place else ""
        self.refresh_keys()

    def action_why(self) -> None:
        self.query_one(LayerList).cursor_row = 0

    def action_way(self) -> None:
        self.way = WAYS[(WAYS.index(self.way) + 1) % len(WAYS)]
        self.show_entry()

    def action_other_class(self) -> None:
        """From the predicted class to the true one, or to the one next in line, and back."""
        found = self._whys.get((self.way, self.label))
        if found is not None:
            other = next(label for label in self._two_classes(found) if label != found.label)
            self.label = None if other == found.predicted else other
            self.show_entry()

    def action_patches(self) -> None:
        self.by_patches = not self.by_patches
        self.show_entry()

    def action_turn(self, pages: int) -> None:
        if (paged := self.paged) is not None:
            paged.turn(pages)

    def action_zoom(self) -> None:
        sheet = self.query_one(MapSheet)
        sheet.zoomed = not sheet.zoomed

    def action_step(self, steps: int) -> None:
        at = min(max(self.at + steps, 0), len(self.images) - 1)
        if at != self.at:
            self.at = at
            self.look()
