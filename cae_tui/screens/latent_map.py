"""The map of a latent space in its frame: which projection of which images is shown, and what the frame says of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text
from textual import on
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.bridge.latent import OWN
from cae_tui.bridge.latent_values import MapView
from cae_tui.bridge.map_filter import ERRORS, LONGEST_NAME, MapFilter
from cae_tui.themes import class_colours
from cae_tui.widgets.scatter import Scatter, signs_of
from engine.text import counted, percent, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MapCard(Vertical):
    """The points, with a legend of their classes beneath."""

    def __init__(self) -> None:
        super().__init__(id="map", classes="card")
        self.view: MapView | None = None
        self.projection = "PCA"
        self._chosen = MapFilter()
        self._passing = 0  # how many images pass it
        self._making = self._finding = ""  # what is under way

    def compose(self) -> Iterator[Widget]:
        """The points above the legend."""
        yield Scatter()
        yield Static(id="legend", markup=False)

    def on_mount(self) -> None:
        """The legend has the colours of the theme."""
        self.watch(self.app, "theme", self._draw_legend, init=False)

    @property
    def _scatter(self) -> Scatter:
        return self.query_one(Scatter)

    def begin(self, view: MapView) -> None:
        """Show the images of another part, all of them, along their principal directions."""
        self.view = view
        self._scatter.cursor = -1
        self._scatter.mark({})
        self.put(view.plane, "PCA")
        self.show_all()
        self._draw_legend()

    def put(self, plane: "NDArray[np.float32]", projection: str = "") -> None:
        """Have the points elsewhere, by another projection; without one they are still on their way."""
        assert self.view is not None
        self.projection = projection or self.projection
        self._scatter.put(plane, self.view.classes, self.view.class_names, keep=not projection)
        self._write_frame()

    # -- which images are shown ------------------------------------------------------------------

    def show_all(self) -> None:
        """Every image."""
        self._chosen = MapFilter()
        self._filter()

    def show_next_pair(self) -> None:
        """The next pair of classes that are confused; after the last, all images."""
        assert self.view is not None
        following = 0 if self._chosen.pair is None else self._chosen.pair + 1
        self._filter(pair=following if following < len(self.view.confused) else None, label=None, wrong=False)

    def show_wrong(self) -> None:
        """Those that are taken for another class, or all again."""
        self._filter(wrong=not self._chosen.wrong, pair=None)

    def show_next_class(self, way: int) -> None:
        """The next class that an image has, or the one before; after the last, all."""
        import numpy as np

        assert self.view is not None
        assert self.view.classes is not None
        choices: list[int | None] = [None, *np.unique(self.view.classes).tolist()]
        self._filter(label=choices[(choices.index(self._chosen.label) + way) % len(choices)], pair=None)

    def show_next_error(self) -> None:
        """Those that are rebuilt worst, then best, then all."""
        self._filter(error=ERRORS[(ERRORS.index(self._chosen.error) + 1) % len(ERRORS)])

    def _filter(self, **changes: Any) -> None:
        """Show only what passes the filter, with `changes`, and have the cursor on such an image."""
        import numpy as np

        assert self.view is not None
        self._chosen = replace(self._chosen, **changes)
        passing, scatter = self._chosen.passing(self.view), self._scatter
        self._passing = int(passing.sum())
        scatter.only(None if passing.all() else passing)
        self._write_frame()
        if changes and self._passing and (scatter.cursor < 0 or not passing[scatter.cursor]):
            scatter.go_to(int(np.flatnonzero(passing)[0]))

    # -- what the frame says ---------------------------------------------------------------------

    def tell(self, *, making: str, finding: str) -> None:
        """What is under way: a projection that is made, in place of the title, and neighbours that are found."""
        self._making, self._finding = making, finding
        self._write_frame()

    @on(Scatter.Moved)
    def _write_frame(self) -> None:
        view = self.view
        if view is None or not self.is_mounted:
            return
        count, zoom = len(view.plane), self._scatter.zoom
        images = f"{counted(count, 'image')} of your own" if view.of == OWN else counted(count, f"{view.of} image")
        self.border_title = self._making or f"{self.projection} of {images}"
        words = self._chosen.words(view, view.class_names, brief=self.screen.has_class("-narrow"))
        if words:
            words.append(f"{self._passing:,} (a all)")
        elif self.projection == "PCA":
            words.append(f"{percent(sum(view.shares), 0)} of the variance")
        zoomed = f"{zoom:.3g}×" if zoom > 1 else ""
        self.border_subtitle = " · ".join(filter(None, [*words, self._finding, zoomed]))

    def _draw_legend(self) -> None:
        """The sign of each class that has one of its own, in its colour."""
        names = self.view.class_names if self.view is not None else ()
        line, signs = Text(no_wrap=True, overflow="ellipsis"), signs_of(names)
        colours = class_colours(self.app, len(signs))
        for name, sign, colour in zip(names, signs, colours, strict=False):
            look = Style(color="#{:02x}{:02x}{:02x}".format(*colour), bold=True)
            line.append(sign if sign == name else f"{sign} {shortened(name, LONGEST_NAME)}", look)
            line.append("  ")
        legend = self.query_one("#legend", Static)
        legend.update(line)
        legend.display = bool(names)
