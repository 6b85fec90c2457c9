"""A form of any fields: it holds their text and says when that changes; what the text means, a kind of form knows."""

from collections.abc import Collection, Iterable, Mapping

from textual import on
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from cae_tui.widgets.fields import Choice, FieldRow, Group


class FieldForm(Widget):
    """What every form of `FieldRow`s has. A kind of form fills in `values` and `rows`, and posts `Changed`."""

    values: dict[str, str]
    """Every field's text, as it was typed."""
    rows: dict[str, FieldRow]
    """Those that are shown, by field."""
    _typed_in = ""  # the field whose text a person changed last; empty where it was put there

    class Changed(Message):
        """What was typed has changed."""

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.take(event.input.id or "", event.input.value)  # one that comes late tells a value of before

    @on(Choice.Changed)
    def _turned(self, event: Choice.Changed) -> None:
        event.stop()
        self.take(event.choice.id or "", event.choice.value)

    def take(self, control: str, value: str) -> None:
        """What stands in a control, by its id."""
        name = control.removeprefix("field-")
        if name in self.rows and self.values[name] != value:  # else the form put it there itself
            self.values[name] = value
            self._typed_in = name
            self.changed((name,))

    def is_typing_in(self, names: Collection[str]) -> bool:
        """Whether what changed last was typed into one of these fields, which still has the focus."""
        return self._typed_in in names and self._typed_in in self.rows and self.rows[self._typed_in].control.has_focus

    def put(self, values: Mapping[str, str]) -> None:
        """Put text into fields, as if it had been typed."""
        names = tuple(name for name, value in values.items() if self.values[name] != value)
        self._typed_in = ""
        for name in names:
            self.values[name] = values[name]
            if name in self.rows:
                self.rows[name].control.value = values[name]
        if names:
            self.changed(names)

    def changed(self, names: tuple[str, ...]) -> None:  # noqa: ARG002 - for forms that ask which
        """The text of these fields is another."""
        self.post_message(self.Changed())

    def show_field(self, names: Iterable[str]) -> None:
        """Go to the first of these fields that the form has, and show it."""
        row = next((self.rows[name] for name in names if name in self.rows), None)
        if row is not None:
            for group in row.ancestors:
                if isinstance(group, Group):
                    group.collapsed = False
            self.call_after_refresh(self._go_to, row)

    def _go_to(self, row: FieldRow) -> None:
        row.control.focus(scroll_visible=False)
        self.call_after_refresh(row.scroll_visible, animate=False)  # with the sentence beneath it

    def keep_in_sight(self) -> None:
        """Show the field with the focus, and what is said beneath it, once lines have come or gone above it."""
        row = next((row for row in self.rows.values() if row.control.has_focus), None)
        if row is not None:
            self.call_after_refresh(row.scroll_visible, animate=False)
