"""A form for any spec, made from `engine.specs.base.spec_fields`: to add a field to a spec is to add it here.

The form holds text as it was typed, by field. After each change it asks `engine.specs.base.parse` what that text
means and shows either nothing or one sentence beneath each field that is wrong; a page adds what only the
data can tell by `show_data_problems`.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from cae_tui.formats import NOTHING
from cae_tui.widgets.field_form import FieldForm
from cae_tui.widgets.fields import YES_NO, Choice, FieldRow, Group, field_keys, is_left_by
from cae_tui.widgets.presets import Presets, about_preset
from engine.errors import SpecError
from engine.specs.base import Spec, parse
from engine.specs.data_files import FIELDS, IDX_FIELDS, PATHS, DataFiles, data_of, set_title
from engine.specs.fields import GROUPS, SpecField
from engine.storage.paths import pasted_path
from engine.text import number

SELDOM = ("Images", "IDX files")
"""Groups that fold away in a form of few fields too."""
CUSTOM = "Custom"
"""What stands where a preset would, when the fields that presets name are as none has them."""


def compression(latent: int, pixels: int) -> str:
    """What a latent of that size does to an image of that size, in two words."""
    if latent >= pixels:
        return "compresses nothing"
    times = pixels / latent
    return f"compresses {times:,.{1 if times < 9.95 else 0}f} times"


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The lines of a form; up and down belong to the form, which moves the focus and so scrolls."""


class SpecForm(Vertical, FieldForm):
    """A form that makes a spec.

    Args:
        kind: the spec to make.
        values: text by field, put over the first preset's.
        only: the fields to show, in that order and but for `SELDOM` in no groups; all of them where it is empty.
        below: a widget to stand beneath a field, by the field's name.
        title: what stands in the border.
    """

    DEFAULT_CSS = """
    SpecForm {
        Fields { height: 1fr; scrollbar-size-vertical: 1; }
        #preset-line, #latent-line { height: auto; }
        #preset-line .title, #latent-line .title { width: 27; }
        #latent { padding: 0 0 0 1; width: 1fr; height: auto; }
        #after-preset { height: 1; }
        #preset-note { padding: 0 0 0 1; color: $text-muted; width: 1fr; height: 1; }
        #about { height: auto; min-height: 2; max-height: 7; color: $text-muted; padding: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*field_keys("form")]

    def __init__(
        self,
        kind: type[Spec],
        values: Mapping[str, str],
        *,
        only: Collection[str] = (),
        below: Mapping[str, Widget] | None = None,
        title: str = "Hyperparameters",
        id: str | None = None,  # noqa: A002 - Textual calls it so
    ) -> None:
        super().__init__(id=id, classes="card")
        self.border_title = title
        self.kind = kind
        self.presets = Presets(kind)
        self._flat = bool(only)
        self._fields = [field for field in self.presets.fields.values() if not only or field.name in only]
        if only:
            self._fields.sort(key=lambda field: list(only).index(field.name))
        self._below = dict(below or {})
        first = next(iter(self.presets.values.values()))
        known = {name: value for name, value in values.items() if name in first}
        self.values = {**first, **known}
        self.base, fits = self.presets.recognise(self.values)
        self._custom = None if fits else self._named_values()
        self.rows = {field.name: FieldRow(field, self.values[field.name]) for field in self._fields}
        self._choice = Choice(self._preset_titles(), self._preset_title(), id="preset")
        self.spec: Spec | None = None
        """What the text means; None while a field is wrong in itself."""
        self._problems: dict[str, str] = {}
        self._data_problems: dict[str, str] = {}
        # Nobody has had the time to fill these in: they are needed, and not wrong. Where no images are named, MNIST is.
        self._fresh = {field.name for field in self._fields if self._is_unfilled(field.name)}
        self._parse()

    def _is_unfilled(self, name: str) -> bool:
        """Whether a field that a run may need is empty."""
        needed = self.presets.fields[name].required or (name in PATHS and name not in ("data", "images"))
        return needed and not self.values[name].strip()

    # -- what it looks like ----------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The presets, the fields by group, and a sentence about the field that has the focus."""
        with Fields():
            if not self._flat and len(self.presets.titles) > 1:
                with Horizontal(id="preset-line"):
                    yield Label("  Preset", classes="title")
                    yield self._choice
                    yield Label("", id="preset-note")
                if "latent" in self.presets.fields:
                    with Horizontal(id="latent-line"):
                        yield Label("  Numbers, image → latent", classes="title")
                        yield Static(NOTHING, id="latent", markup=False)
                yield Static("", id="after-preset")
            open_ = [field for field in self._fields if self._is_open(field)]
            yield from self._lines(open_)
            for group in GROUPS:
                lines = list(
                    self._lines(field for field in self._fields if field.group == group and field not in open_)
                )
                if lines:
                    yield Group(group, lines)
        if not self._flat:
            yield Static("", id="about", markup=False)

    def _is_open(self, field: SpecField) -> bool:
        """Whether it stands at the top, where nothing folds it away."""
        return field.group not in SELDOM if self._flat else field.group == GROUPS[0]

    def _lines(self, fields: Iterable[SpecField]) -> Iterable[Widget]:
        for field in fields:
            yield self.rows[field.name]
            if field.name in self._below:
                yield self._below[field.name]

    def on_mount(self) -> None:
        """Show what the values that were given mean."""
        self._refresh()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is that has the focus now."""
        field = next((row.field for row in self.rows.values() if row.control is event.widget), None)
        for name, widget in self._below.items():
            if widget in event.widget.ancestors_with_self:
                field = self.rows[name].field
        words, about = "", ""
        if field is not None:
            words = " · ".join(YES_NO if field.type is bool else field.choices)
            about = field.description
        elif event.widget is self._choice:
            words, about = f"another of {len(self.presets.titles)} presets", self._about_preset()
        elif isinstance(event.widget.parent, Group):
            group = event.widget.parent.group
            titles = (field.title.lower() for field in self._fields if field.group == group)
            about = f"{group}: {', '.join(titles)}."
        self._tell_about(about)
        self.border_subtitle = Content(f"←→ {words}" if words else "")

    def _about_preset(self) -> str:
        """What the preset is for and what it changes, for as long as the focus is on it."""
        if self._choice.value == CUSTOM:
            return "These values match no preset. ← and → choose one, or come back to these."
        return about_preset(self.kind, self.base)

    def _tell_about(self, text: str) -> None:
        for place in self.query("#about").results(Static):
            place.update(text)

    def show_latent(self, latent: int, pixels: int) -> None:
        """Say beneath the preset how many numbers an image becomes, which a loss means nothing without.

        Args:
            latent: how many the encoder makes of one image; 0 where that is not known.
            pixels: how many an image has.
        """
        told = f"{pixels:,} → {latent:,}: {compression(latent, pixels)}" if latent else NOTHING
        for place in self.query("#latent").results(Static):  # of a kind that has one
            place.update(told)

    # -- what is typed ---------------------------------------------------------------------------

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_move(1)

    def take(self, control: str, value: str) -> None:
        """What stands in a control; that of the presets sets many fields."""
        if control == self._choice.id:
            self._choose(value)
        else:
            super().take(control, value)

    def _choose(self, title: str) -> None:
        """Take up a preset, or go back to what was there before one was chosen."""
        if title == CUSTOM:
            values = self._custom or {}
            self.base, _ = self.presets.recognise({**self.values, **values})
        else:
            before, self.base = self.base, next(name for name, known in self.presets.titles.items() if known == title)
            values = self.presets.chosen(self.base, before, self.values)
        self.put(values)

    def defaults(self, offered: Mapping[str, str]) -> None:
        """Put every field back to what a new form has: the preset's values and what is `offered`; images stay."""
        values = {**self.presets.values[self.base], **offered}
        self.put({name: value for name, value in values.items() if name not in FIELDS})
        self._fresh |= {name for name in self.presets.fields if self._is_unfilled(name) and name not in FIELDS}
        self._refresh()

    def _named_values(self) -> dict[str, str]:
        return {name: self.values[name] for name in self.presets.named}

    def _preset_titles(self) -> tuple[str, ...]:
        return (*self.presets.titles.values(), *([CUSTOM] if self._custom else []))

    def _preset_title(self) -> str:
        _, fits = self.presets.recognise(self.values)
        return self.presets.titles[self.base] if fits else CUSTOM

    def changed(self, names: tuple[str, ...]) -> None:
        """Find out what the values mean, and draw that, before it is told."""
        self._fresh -= set(names)
        if any(name in self.presets.named for name in names):
            nearest, fits = self.presets.recognise(self.values)
            if fits:
                self.base = nearest
            else:
                self._custom = self._named_values()
        for name in names:
            self._data_problems.pop(name, None)
            if name in FIELDS:  # what is wrong with the data may be mended by any of these
                for other in self._data_problems.keys() & set(FIELDS):
                    del self._data_problems[other]
        self._parse()
        self._refresh()
        super().changed(names)

    # -- what it means ---------------------------------------------------------------------------

    def _parse(self) -> None:
        try:
            self.spec, self._problems = parse(self.kind, self._absolute()), {}
        except SpecError as error:
            self.spec, self._problems = None, error.problems

    def _absolute(self) -> dict[str, str]:
        """What was typed, with the paths as they are for another folder too: a run can be resumed from there."""
        values = dict(self.values)
        for name, value in values.items():
            field = self.presets.fields[name]
            if not value.strip() or not field.is_place or (name == "data" and _is_set_name(value)):
                continue
            path = pasted_path(value)
            # A run's id is no path.
            if name != "encoder" or os.sep in path or path.endswith(".safetensors"):
                values[name] = os.path.abspath(path)
        return values

    @property
    def files(self) -> DataFiles:
        """The files of images that are named, from the root."""
        return DataFiles.of(self._absolute())

    @property
    def problems(self) -> dict[str, str]:
        """A sentence for each field that is wrong, in the order of the fields."""
        found = {**self._data_problems, **self._problems}
        order = {field.name: place for place, field in enumerate(self._fields)}
        return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))

    @property
    def missing(self) -> list[str]:
        """Of the fields with problems, those that a new form leaves to be filled in."""
        return [name for name in self.problems if name in self._fresh]

    def show_missing(self) -> None:
        """Show fields that were never filled in as wrong too: a start was asked for."""
        self._fresh.clear()
        self._refresh()

    def show_data_problems(self, problems: Mapping[str, str]) -> None:
        """Show what of the values does not fit the data; replaces what was shown of that."""
        # What is wrong with one part of a whole set is to be mended where that is named.
        found = {"data" if self._is_of_set(name) else name: sentence for name, sentence in problems.items()}
        if found != self._data_problems:
            self._data_problems = found
            self._refresh()
            self.keep_in_sight()

    def _is_of_set(self, name: str) -> bool:
        named = bool(self.values["data"].strip())
        return (name in IDX_FIELDS and named) or (name == "images" and not self.values["images"].strip())

    def _refresh(self) -> None:
        """Draw marks, notes, problems and the titles of groups again."""
        problems = {name: text for name, text in self.problems.items() if name not in self._fresh}
        base = self.presets.values[self.base]
        changed = set(self.presets.differences(self.base, self.values, (field.name for field in self._fields)))
        for name, row in self.rows.items():
            row.tell(problems.get(name, ""))
            if isinstance(row.control, Input) and name in PATHS:
                row.control.placeholder = "none" if name != "data" or self.values["images"].strip() else "MNIST"
            is_changed = name in changed and not row.field.required
            row.mark(is_changed, self._note(name, base[name] if is_changed else ""))
        for group in self.query(Group):
            mine = [field for field in self._fields if field.group == group.group]
            wrong = [field for field in mine if field.name in problems]
            different = [field for field in mine if field.name in changed]
            words = [f"{field.title.lower()} {number(self.values[field.name])}".strip() for field in different]
            group.tell(words, len(wrong))
        self._choice.choices = self._preset_titles()
        self._choice.value = self._preset_title()
        if self._choice.has_focus:
            self._tell_about(self._about_preset())
        for note in self.query("#preset-note").results(Label):
            custom = any(name in self.presets.named for name in changed)
            note.update(Content(f"near {self.presets.titles[self.base]}" if custom else ""))

    def _note(self, name: str, preset: str) -> str:
        """What stands beside a control: how the preset has it, or what the value comes to."""
        if name == "layers" and self.values[name].strip().isdecimal() and name not in self.problems:
            half = int(self.values[name]) // 2
            return f"{half} + {half}" + (f" · preset {preset}" if preset else "")
        if self.values[name] == "auto" and self.spec is not None and (words := self.spec.auto_words.get(name)):
            return words
        return f"preset {preset}" if preset else self.presets.fields[name].unit

    # -- moving ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other controls have their own use of the key first."""
        return action != "move" or is_left_by(parameters, self.screen.focused)

    def action_move(self, step: int, by: str = "") -> None:  # noqa: ARG002 - as the keys have it
        """To the next place that takes the focus, or the one before."""
        stops = [widget for widget in self.screen.focus_chain if self in widget.ancestors]
        here = self.screen.focused
        place = stops.index(here) + step if here in stops else 0
        if 0 <= place < len(stops):
            self.screen.set_focus(stops[place])  # at once: `focus` waits, and keys typed fast would get lost
        elif step > 0:
            self.screen.focus_next()

    def focus_last(self) -> None:
        """To the last place that takes the focus."""
        stops = [widget for widget in self.screen.focus_chain if self in widget.ancestors]
        if stops:
            self.screen.set_focus(stops[-1])

    def focus_problem(self) -> None:
        """Go to the first field that is wrong, and show it."""
        self.show_field(self.problems)


def _is_set_name(value: str) -> bool:
    named = data_of(value)
    return named is None or set_title(named) is not None
