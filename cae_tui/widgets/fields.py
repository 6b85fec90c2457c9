"""One line of a form: its title, its control, a note, and beneath it what is wrong.

A field of a spec that takes one of a few words is a `Choice`, a control of one line that the arrow keys
turn; every other field is a text box. Both hold text as it is typed: what it means is decided by
`engine.specs.base.parse` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Label, Static
from textual.widgets.collapsible import CollapsibleTitle

from cae_tui import formats
from cae_tui.printing import as_typed
from cae_tui.widgets.line import Line
from cae_tui.widgets.path_suggester import PathSuggester
from engine.specs.data_files import LABELS_FROM, MNIST, PATHS, set_names
from engine.specs.fields import SpecField

CHANGED = "•"
"""Stands before the title of a field that is not as its preset has it."""

YES_NO = ("yes", "no")


def field_keys(form: str) -> tuple[Binding, ...]:
    """The keys that lead through the fields of a form, which acts on `move(step, by)`.

    Where `is_left_by` allows it with priority: a key that comes behind these in one burst, as they do on a slow line,
    must find the focus moved already.
    """
    keys = (
        ("enter", 1, "Next field", "next"),
        ("down", 1, "Field below", "below"),  # an id of its own: from the title of a group, Enter does not go on
        ("up", -1, "Previous field", "before"),
    )
    return tuple(
        Binding(
            key,
            f"move({step}, {by!r})",
            title,
            id=f"{form}.{way}",
            tooltip=f"To the {title.lower()}",
            show=key == "enter",
            priority=by != "",
        )
        for key, step, title, way in keys
        for by in ("", "leave" if key == "enter" else "pass by")
    )


def is_left_by(parameters: Sequence[object], control: Widget | None) -> bool:
    """Whether `move` with these leads away from the control with the focus, or that has its own use of the key."""
    _, by = parameters
    title_of_group = control is not None and isinstance(control.parent, Group)
    return not by or isinstance(control, Input | Choice) or (by == "pass by" and title_of_group)


class Choice(Widget, can_focus=True):
    """One of a few words: left and right turn it, a letter goes to the next word that begins with it.

    Args:
        choices: the words, in order.
        value: the one that stands; it may be another, as it comes from an older file.
    """

    DEFAULT_CSS = """
    Choice {
        height: 1;
        width: auto;
        padding: 0 1;
        background: $surface;
        color: $foreground;
        pointer: pointer;
    }
    Choice:hover { background: $panel; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "turn(1)", "Next", id="choice.next", tooltip="The next choice", show=False),
        Binding("left", "turn(-1)", "Previous", id="choice.previous", tooltip="The previous choice", show=False),
    ]

    value: reactive[str] = reactive("", layout=True)

    @dataclass
    class Changed(Message):
        """Another word stands."""

        choice: "Choice"
        value: str

    def __init__(self, choices: Sequence[str], value: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(id=id)
        self.choices = tuple(choices)
        self.set_reactive(Choice.value, value)

    def render(self) -> Content:
        """`‹ word ›`."""
        return Content(f"‹ {self.value} ›")

    def get_content_width(self, container: object, viewport: object) -> int:  # noqa: ARG002 - as Textual calls it
        """As wide as the longest word, so that a turn moves nothing."""
        return 4 + max(len(word) for word in (*self.choices, self.value))

    def choose(self, value: str) -> None:
        """Put `value` there, and tell of it where it is another than before."""
        if value != self.value:
            self.value = value
            self.post_message(self.Changed(self, value))

    def action_turn(self, step: int) -> None:
        """To the next word or the one before, round the ends."""
        place = self.choices.index(self.value) if self.value in self.choices else (-1 if step > 0 else 0)
        self.choose(self.choices[(place + step) % len(self.choices)])

    def on_key(self, event: events.Key) -> None:
        """A letter goes to the next word that begins with it."""
        letter = (event.character or "").casefold()
        if not letter.isalnum():
            return
        place = self.choices.index(self.value) if self.value in self.choices else -1
        for word in (*self.choices[place + 1 :], *self.choices[: place + 1]):
            if word.casefold().startswith(letter):
                event.stop()
                self.choose(word)
                return

    def on_click(self, event: events.Click) -> None:
        """The left arrow turns back, everything else on."""
        self.action_turn(-1 if event.x <= 2 else 1)


def is_box(field: SpecField) -> bool:
    """Whether its value is a line of free text, which wants all the width there is."""
    return field.is_place or field.name == "classes"


class FieldRow(Vertical):
    """A field of a spec in a form.

    Args:
        field: what the spec says of it.
        value: as it is typed.
    """

    DEFAULT_CSS = """
    FieldRow {
        height: auto;
        width: 1fr;
        .line { height: 1; width: 1fr; }
        .title { width: 27; height: 1; }
        Input { width: 16; }
        Input.-textual-compact { padding: 0 1; scrollbar-size: 0 0; }
        &.-box Input { width: 1fr; }
        .note { width: 1fr; height: 1; padding: 0 0 0 1; color: $text-muted; }
        &.-box .note { display: none; }
        .problem { display: none; width: 1fr; height: auto; padding: 0 0 0 2; color: $text-error; }
        &.-problem .problem { display: block; }
        &.-problem .title { color: $text-error; }
        &.-problem Input, &.-problem Choice { background-tint: $error 20%; }
        /* What follows the focus is found by a rule of its own, and what is in it restyled with it. */
        &:focus-within { text-style: none; }
        &:focus-within .title { text-style: bold; }
    }
    """

    def __init__(self, field: SpecField, value: str) -> None:
        super().__init__(classes="-box" if is_box(field) else "")
        self.field = field
        words = YES_NO if field.type is bool else field.choices
        self.control: Choice | Input = (
            Choice(words, value, id=f"field-{field.name}")
            if words
            else Line(
                value,
                path=field.is_place,
                compact=True,
                id=f"field-{field.name}",
                placeholder="none" if field.is_place and not field.required else "",
                suggester=PathSuggester((MNIST.lower(), *set_names()) if field.name == "data" else ())
                if field.name in (*PATHS, LABELS_FROM)
                else None,
            )
        )
        self._title = Label(Content(f"  {field.title}"), classes="title")
        self._note = Label(Content(field.unit), classes="note")
        self._problem = Static("", classes="problem", markup=False)

    def on_resize(self) -> None:
        """A sentence that comes or goes beneath the control with the focus stays in sight with it."""
        if self.control.has_focus:
            self.call_after_refresh(self.scroll_visible, animate=False)

    def compose(self) -> ComposeResult:
        """One line, and one for what is wrong."""
        with Horizontal(classes="line"):
            yield self._title
            yield self.control
            yield self._note
        yield self._problem

    def mark(self, changed: bool, note: str) -> None:
        """Show whether it is as the preset has it, and a note beside the control."""
        sign = Content.styled(f"{CHANGED} ", "$primary") if changed else Content("  ")
        self._title.update(sign + Content(self.field.title))
        self._note.update(Content(note or self.field.unit))

    def tell(self, problem: str) -> None:
        """Show a sentence beneath it; none where it is empty."""
        self.set_class(bool(problem), "-problem")
        self._problem.update(as_typed(formats.without_flags(problem)))


class Group(Collapsible):
    """A part of a form that folds away; right and left open and close it too."""

    DEFAULT_CSS = """
    Group {
        padding: 0;
        border: none;
        background: transparent;
        &:focus-within { background-tint: $foreground 0%; }
        CollapsibleTitle { padding: 0; width: 1fr; text-overflow: ellipsis; text-wrap: nowrap; }
        Contents { padding: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "turn", "Open, close", id="group.turn", tooltip="Show or fold these fields", priority=True),
        Binding("right", "fold(False)", "Open", id="group.open", tooltip="Show these fields", show=False),
        Binding("left", "fold(True)", "Close", id="group.close", tooltip="Fold these fields away", show=False),
    ]

    def __init__(self, name: str, rows: Sequence[Widget]) -> None:
        super().__init__(
            *rows,
            title=name,
            collapsed_symbol="▸",
            expanded_symbol="▾",
            id=f"group-{name.lower().replace(' ', '-')}",
            classes="-collapsed",  # from the beginning, or the styles of everything in it are worked out twice
        )
        self.group = name
        self._problems = 0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Fields in it have their own use of the key."""
        focused = self.screen.focused
        return action != "turn" or (isinstance(focused, CollapsibleTitle) and focused.parent is self)

    def action_turn(self) -> None:
        """Open it, or close it."""
        self.collapsed = not self.collapsed

    def action_fold(self, away: bool) -> None:
        self.collapsed = away

    def scroll_visible(self, *arguments: Any, **named: Any) -> None:
        """Textual calls it as the group opens; where it opens by itself, the control with the focus stays in sight."""
        focused = self.screen.focused
        row = None if focused is None else next((one for one in focused.ancestors if isinstance(one, FieldRow)), None)
        if row is not None:  # with the sentence beneath it
            row.scroll_visible(animate=False)
        else:
            super().scroll_visible(*arguments, **named)

    def tell(self, changes: Sequence[str], problems: int) -> None:
        """Say in its title what is not as the preset has it; open it when a field in it begins to be wrong."""
        if problems > self._problems:
            self.collapsed = False
        self._problems = problems
        title = Content(self.group)
        if problems:
            title += Content.styled(f"  {problems} to fix", "$text-error")
        if changes:
            title += Content.styled(f"  {CHANGED} ", "$primary") + Content.styled(", ".join(changes), "$secondary")
        self.title = title  # type: ignore[assignment]  # it hands it to a label, which takes this too
