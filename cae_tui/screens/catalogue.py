"""The catalogue: well-known image sets, fetched at a key, and used at the next."""

import time
from collections.abc import Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList, Static
from textual.worker import Worker

from cae_tui.printing import as_typed
from cae_tui.screens.base import Host
from cae_tui.screens.dialogs import Dialog
from cae_tui.widgets.run_progress import bytes_line
from engine.errors import EngineError
from engine.specs.catalogue import CatalogueSet, catalogue
from engine.specs.data_files import shape_words
from engine.text import byte_size, counted, padded

TITLE, IMAGES, SHAPE, SIZE = 16, 8, 13, 14
"""Columns of a line."""
LOOK_SECONDS = 0.2
LONG = 80
"""Characters of a sentence that takes the place of what is told of the set."""


class CatalogueScreen(Dialog[str | None]):
    """A line on each set, and whether it is here: gives back the name of the one to use, None where none is."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="catalogue.close", tooltip="End what is fetched, else close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sets = tuple(catalogue().values())
        self._here: Mapping[str, tuple[bool, int]] = {}  # by name: whether it is here, and the bytes that have come
        self._fetching: Worker[None] | None = None
        self._wanted = ""  # of the set that is fetched
        self._begun = (0.0, 0)  # when, and what was there
        self._words = ""  # what became of the last

    @property
    def cae(self) -> Host:
        """The app, as pages know it."""
        return self.app  # type: ignore[return-value]  # it is one

    def compose(self) -> ComposeResult:
        """The sets, what the one with the cursor is, and the keys."""
        with Vertical(classes="dialog"):
            yield Label("Catalogue", classes="question", markup=False)
            yield OptionList(*(self._line(entry) for entry in self._sets), markup=False)
            yield Static("", id="about", markup=False)
            yield Label("", id="state", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Begin with the first, and look which are here."""
        self.query_one(OptionList).highlighted = 0
        self.set_interval(LOOK_SECONDS, self._tell)
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        self._here = await self.cae.runner.sets_here()
        entries = self.query_one(OptionList)
        for place, entry in enumerate(self._sets):
            entries.replace_option_prompt_at_index(place, self._line(entry))
        self._tell()

    def _line(self, entry: CatalogueSet) -> Content:
        here, come = self._here.get(entry.name, (False, 0))
        state = ("✓ here", "$success") if here else (f"{byte_size(come)} of it", "") if come else ("", "")
        columns = (
            padded(entry.title, TITLE), padded(f"{entry.images:,}", IMAGES, right=True), "  ",
            padded(shape_words(entry.shape), SHAPE), padded(entry.size_words, SIZE, right=True), "  ",
        )  # fmt: skip
        return Content.assemble("".join(columns), state)

    @property
    def _entry(self) -> CatalogueSet | None:
        place = self.query_one(OptionList).highlighted
        return None if place is None else self._sets[place]

    def _tell(self) -> None:
        """What the set with the cursor is, and what goes on."""
        entry = self._entry
        if entry is None:
            return
        classes = f", {counted(len(entry.classes), 'class')}" if entry.classes else ""
        training, validation, test = (f"{count:,}" for count in entry.counts)
        held_back = f"{validation} to validate by, " if entry.counts[1] else ""
        lines = (
            f"{entry.about}{classes}: {training} to train on, {held_back}{test} to test by.",
            f"Licence: {entry.licence}. {entry.page}",
            f"{entry.citation}.",
        )
        about = self.query_one("#about", Static)
        about.display = len(self._words) < LONG  # on a small terminal there is room for the one or the other
        about.update(as_typed("\n".join((lines[0][0].upper() + lines[0][1:], *lines[1:]))))
        self.query_one("#state", Label).update(self._state(entry))

    def _state(self, entry: CatalogueSet) -> Content:
        if self._fetching is not None and not self._fetching.is_finished:
            done, of = self.cae.runner.fetched.get(self._wanted, (0, 1))
            words = "Fetching" if of else "Waiting for another process that fetches it"
            seconds, before = time.monotonic() - self._begun[0], self._begun[1]
            return bytes_line(words, done, of, max(done - before, 0) / max(seconds, 0.1), "Esc ends it.")
        keys = (
            "Enter uses it" if self._here.get(entry.name, (False, 0))[0] else f"Enter fetches it ({entry.size_words})"
        )
        return Content(as_typed(f"{self._words} {keys}, Esc closes.".strip()))

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self._words = ""
        self._tell()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._sets[event.option_index]
        if self._here.get(entry.name, (False, 0))[0]:
            self.dismiss(entry.name)
        elif self._fetching is None or self._fetching.is_finished:
            self._wanted, self._words = entry.name, ""
            self._begun = time.monotonic(), self._here.get(entry.name, (False, 0))[1]
            self._fetching = self._fetch(entry)

    @work(group="fetch")
    async def _fetch(self, entry: CatalogueSet) -> None:
        try:
            await self.cae.runner.fetch(entry.name)
            self._words = f"{entry.title} is here."
        except EngineError as error:
            self._words = str(error)
        finally:
            self._fetching = None
        self._look()

    def action_leave(self) -> None:
        """End what is fetched, and stay; else close."""
        if self._fetching is not None and not self._fetching.is_finished:
            self._fetching.cancel()
            self._words = "Ended; what has come is kept, and gone on with the next time."
            self.call_after_refresh(self._look)
        else:
            self.dismiss(None)
