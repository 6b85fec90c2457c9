"""The arithmetic of presets in a form: what each has, which one is nearest, what differs. Without widgets."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from engine.specs.base import Spec, preset_changes, spec_fields
from engine.specs.fields import write_value


class Presets:
    """The presets of a kind of spec, as text by field."""

    def __init__(self, kind: type[Spec]) -> None:
        self.fields = {field.name: field for field in spec_fields(kind)}
        self.titles = {name: kind.preset_titles[name] for name in kind.presets}
        self.values = {
            name: {
                field.name: write_value(values[field.name]) if field.name in values else field.default or ""
                for field in self.fields.values()
            }
            for name, values in kind.presets.items()
        }
        self.own = {name: frozenset(values) for name, values in kind.presets.items()}  # the fields that each names
        self.named = tuple(sorted({field for values in kind.presets.values() for field in values}))
        """The fields that some preset names: those a choice of preset sets, all others stay as they are."""
        self._lengths = frozenset(kind.lengths)

    def same(self, field: str, one: str, other: str) -> bool:
        """Whether two texts mean one value: `0.001` and `1e-3` do."""
        if one.strip() == other.strip():
            return True
        if self.fields[field].type is float:
            with suppress(ValueError):
                return float(one) == float(other)
        return False

    def differences(self, preset: str, values: Mapping[str, str], among: Iterable[str]) -> list[str]:
        """The fields `among` which `values` are not as the preset has them."""
        has = self.values[preset]
        return [name for name in among if not self.same(name, values.get(name, has[name]), has[name])]

    def recognise(self, values: Mapping[str, str]) -> tuple[str, bool]:
        """The nearest preset, and whether the fields that presets name are exactly as it has them.

        How long one trains makes another preset only of one that names it; of those that fit, the one that says most.
        """
        counts = {name: len(self.differences(name, values, self._told_by(name))) for name in self.values}
        nearest = min(counts, key=lambda name: (counts[name], -len(self.own[name])))
        return nearest, counts[nearest] == 0

    def _told_by(self, preset: str) -> list[str]:
        """The fields by which it is recognised."""
        return [name for name in self.named if name in self.own[preset] or name not in self._lengths]

    def chosen(self, preset: str, before: str, values: Mapping[str, str]) -> dict[str, str]:
        """What a choice of preset sets where `before` was chosen and `values` stand.

        How long one trains stays as a person has typed it, where the preset does not name it.
        """
        typed = {
            name for name in self._lengths - self.own[preset] if self.differences(before, values, [name])
        }  # fmt: skip
        return {name: self.values[preset][name] for name in self.named if name not in typed}


def about_preset(kind: type[Spec], name: str) -> str:
    """What a preset is for, and what it changes."""
    changes = ", ".join(f"{field.title.lower()} {value}" for field, value in preset_changes(kind, name).items())
    told = f"It sets {changes}." if changes else "It changes nothing: these are the defaults."
    return f"{kind.preset_purposes[name]} {told}"
