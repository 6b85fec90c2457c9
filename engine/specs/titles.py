"""A spec's essentials in a few words, for a list of runs: what tells two runs apart is in them.

A title is parts joined by commas. The first says which network it is, the next the size of a dense latent, the others
what else was asked: a preset by its name, then each field that is not as that has it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.specs.data_files import FIELDS
from engine.specs.fields import show_value, write_value

if TYPE_CHECKING:
    from engine.specs.base import Spec

_SHORT: Mapping[str, str] = {
    "batch_size": "b{}",
    "learning_rate": "lr {}",
    "finetune_learning_rate": "fine-tuning lr {}",
    "weight_decay": "decay {}",
    "label_smoothing": "smoothing {}",
    "validation_fraction": "validation {}",
    "frozen_epochs": "frozen {}",
}
_YES: Mapping[str, str] = {"sub_pixel": "sub-pixel", "residual": "residual", "augmentation": "augmentation"}
_SPEAK_FOR_THEMSELVES = ("optimizer", "schedule", "activation", "downsampling", "upsampling", "output")
_ELSEWHERE = (
    *FIELDS, "encoder", "epochs", "finetune_epochs", "device", "precision", "threads", "patience",
)  # fmt: skip
"""What lists tell in other columns, or what changes no number."""


def with_changes(spec: "Spec", essentials: Sequence[str], told: Collection[str]) -> str:
    """A title: `essentials`, which tell of the fields `told`, and what else is not as it usually is."""
    spec = spec.asked_again()
    usual = {name: field.default for name, field in type(spec).model_fields.items()}
    values = {name: getattr(spec, name) for name in usual}
    followed = _preset_of(spec)
    parts = list(essentials)
    if followed and not set(spec.presets[followed]) <= set(told):
        parts.append(spec.preset_titles[followed])
        usual |= {name: values[name] for name in spec.presets[followed]}  # as it has them
    for name, value in values.items():
        if name not in told and name not in _ELSEWHERE and name != "kind" and value != usual[name]:
            parts.append(_words(name, value))
    return ", ".join(parts)


def _preset_of(spec: "Spec") -> str:
    """The preset with the most values that a spec has all of; none where it has those of none."""
    has = {
        name: len(values)
        for name, values in spec.presets.items()
        if values and all(write_value(getattr(spec, field)) == write_value(value) for field, value in values.items())
    }
    return max(has, key=lambda name: has[name], default="")


def _words(name: str, value: object) -> str:
    if name in _YES:
        return _YES[name] if value else f"no {_YES[name]}"
    if name == "normalisation" and value == "none":
        return "no normalisation"
    if name in _SPEAK_FOR_THEMSELVES:
        return str(value)
    return _SHORT.get(name, f"{name.replace('_', ' ')} {{}}").format(show_value(value))
