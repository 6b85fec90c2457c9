"""Choosing a set or a picture on the disk: a path is typed, completed from the folder, or found by a walk by keys."""

import os
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from cae_tui.printing import as_typed
from cae_tui.screens.dialogs import Dialog
from cae_tui.widgets.line import Line
from cae_tui.widgets.path_suggester import in_own_thread, listed
from engine.specs.data_files import MNIST, set_title
from engine.storage.paths import pasted_path

HERE, UP = "here", "up"
_ANEW = re.compile(r"""(?<![:/])/(?=["']?(?:/|~(?:/|$)|file://))""")
"""Before a whole path that is typed or pasted behind a folder: it begins anew there, as in the prompts of editors."""


class OpenScreen(Dialog[str | None]):
    """Gives back a path or the name of a set; None where nothing was chosen.

    Args:
        start: where to begin: a path, of which the folder is shown.
        picture: whether one picture is wanted, and no set.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="open.cancel", tooltip="Leave everything as it is"),
        Binding("tab", "complete", "Complete", id="open.complete", tooltip="Complete the name", priority=True),
        Binding("down", "into_list", "List", id="open.list", tooltip="Into the list", show=False),
    ]

    def __init__(self, start: str, *, picture: bool = False) -> None:
        super().__init__()
        self._picture = picture
        path = os.path.abspath(pasted_path(start) or os.getcwd())
        self._start = os.path.join(path if os.path.isdir(path) else os.path.dirname(path), "")
        self._names: list[tuple[str, bool]] = []
        self._before = 0  # lines of the list before these
        self._listed = ("", "")  # the folder and the beginning that these are of
        self._ahead: list[str] = []  # keys for a list that is yet to come
        self._hint, self._missing = "", ""

    def compose(self) -> ComposeResult:
        """The path, and what is in its folder."""
        with Vertical(classes="dialog"):
            wanted = "a picture" if self._picture else "a folder of pictures, an archive or a file"
            yield Label(f"Open {wanted}", classes="question", markup=False)
            yield Line(self._start, path=True, select_on_focus=False, id="path")
            yield OptionList(id="entries", markup=False)
            yield Label("", id="more", classes="hint", markup=False)

    def on_mount(self) -> None:
        """List the folder."""
        self._list()

    @property
    def _typed(self) -> tuple[str, str]:
        """The folder that is typed, and the beginning of a name in it."""
        return os.path.split(os.path.expanduser(self.query_one(Input).value))

    @on(Input.Changed)
    def _list_again(self, event: Input.Changed) -> None:
        last = _ANEW.split(event.value)[-1]
        if last != event.value:
            self._type(last)  # which lists it
        else:
            self._list()

    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        folder, beginning = of = self._typed
        names: list[tuple[str, bool]] = []
        try:
            names, more = await in_own_thread(lambda: listed(folder or ".", beginning, pictures=self._picture))
            words = f"{more:,} more: type the beginning of a name." if more else ""
        except OSError as error:
            words = f"{folder} cannot be looked into: {error.strerror or error}."
        except ValueError as error:  # a null byte was pasted
            words = f"This is no path: {error}."
        self._show(names, words, of)

    def _show(self, names: Sequence[tuple[str, bool]], words: str, of: tuple[str, str]) -> None:
        """List the names of the folder and the beginning `of` which they are, where that is what is typed."""
        if not self.is_mounted or of != self._typed:
            return
        self._names, self._listed = list(names), of
        beginning = of[1]
        entries = self.query_one(OptionList)
        options = [] if beginning else [Option("↑ ..", id=UP)]
        if options and not self._picture:
            options.insert(0, Option(Content.styled("✓ use this folder", "bold"), id=HERE))
        self._before = len(options)
        options += [Option(f"▸ {name}/" if is_folder else f"  {name}") for name, is_folder in names]
        entries.clear_options()
        entries.add_options(options)
        ahead, self._ahead = self._ahead, []
        if self.focused is entries and options:
            entries.highlighted = 0
            self._go_on(entries, ahead)
        if not names and not words:
            words = self._nothing(beginning)
        hint = "↓ leads into the list, Tab completes, Enter takes what is typed, Esc leaves everything as it is."
        self._hint = f"{words} {hint}".strip()
        self._tell()

    def _nothing(self, beginning: str) -> str:
        """Why a list is empty."""
        wanted = "folder or picture" if self._picture else "folder, archive or file of images"
        return f"No {wanted} here begins with “{beginning}”." if beginning else f"There is no {wanted} here."

    def _go_on(self, entries: OptionList, keys: Sequence[str]) -> None:
        """What was pressed before the list was there."""
        for key in keys:
            place = entries.highlighted or 0
            if key == "enter":
                entries.action_select()
                return
            if key == "up" and not place:
                self.set_focus(self.query_one(Input))
                return
            entries.highlighted = min(max(place + (1 if key == "down" else -1), 0), entries.option_count - 1)

    def _tell(self) -> None:
        """What hinders, for as long as it stands in the field; else what there is, and the keys."""
        typed = self.query_one(Input).value.strip()
        missing = f"{typed} is not there: {'choose below, or ' * bool(self._names)}correct it."
        self.query_one("#more", Label).update(as_typed(missing if typed and typed == self._missing else self._hint))

    def action_complete(self) -> None:
        """Complete the name as far as all that begin so agree."""
        folder, beginning = self._typed
        try:
            names = [name for name, _ in listed(folder or ".", beginning, pictures=self._picture)[0]]
        except (OSError, ValueError):
            return
        if not names:
            return
        pairs = takewhile(lambda characters: len(set(characters)) == 1, zip(*names, strict=False))
        common = "".join(characters[0] for characters in pairs)
        if len(common) < len(beginning):
            return
        whole = os.path.join(folder, common)
        self._type(os.path.join(whole, "") if len(names) == 1 and os.path.isdir(whole) else whole)

    def _type(self, path: str) -> None:
        box = self.query_one(Input)
        box.value = path
        box.cursor_position = len(path)

    def action_into_list(self) -> None:
        """To the list, from the path."""
        entries = self.query_one(OptionList)
        if self.focused is not entries:
            entries.highlighted = 0
            self.set_focus(entries)  # at once: a list that comes a moment later is to have its first line chosen
        else:
            entries.action_cursor_down()

    def on_key(self, event: events.Key) -> None:
        """From the first line of the list, up leads back to the path. Keys for a list that is yet to come wait."""
        entries = self.query_one(OptionList)
        if self.focused is entries and self._listed != self._typed and event.key in ("up", "down", "enter"):
            event.stop()
            self._ahead.append(event.key)
        elif event.key == "up" and self.focused is entries and not entries.highlighted:
            event.stop()
            self.set_focus(self.query_one(Input))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if not typed:
            return
        if not self._picture and (typed.lower() == MNIST.lower() or set_title(typed.lower())):
            self.dismiss(typed.lower())
        elif os.path.isdir(path := pasted_path(typed)) and self._picture:
            self._go(path)
        elif os.path.exists(path):
            self.dismiss(os.path.abspath(path))
        else:
            self._missing = typed
            self._tell()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        folder, _ = self._listed
        if event.option_id == HERE:
            self.dismiss(os.path.abspath(folder or "."))
        elif event.option_id == UP:
            self._go(str(Path(os.path.abspath(folder or ".")).parent))
        else:
            name, is_folder = self._names[event.option_index - self._before]
            path = os.path.abspath(os.path.join(folder, name))
            if is_folder:
                self._go(path)
            else:
                self.dismiss(path)

    def _go(self, folder: str) -> None:
        """Into another folder; the list stays where the focus is."""
        self._type(os.path.join(folder, ""))
