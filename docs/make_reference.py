"""Write docs/hyperparameters.md from the specs: `.venv/bin/python docs/make_reference.py`. A test keeps it current."""

from pathlib import Path

from cae_tui.cli.spec_flags import flag_help
from engine.specs.base import Spec, preset_changes, spec_fields
from engine.specs.kinds import SPECS

PAGE = Path(__file__).with_name("hyperparameters.md")


def presets(spec: type[Spec]) -> list[str]:
    """What each preset is for, and which defaults it changes."""
    lines = ["", "### Presets", "", "| `--preset` | what it is for | what it changes |", "|---|---|---|"]
    for name in spec.presets:
        changes = [f"`{field.asks(value)}`" for field, value in preset_changes(spec, name).items()]
        told = ", ".join(changes) or "nothing: it is the default"
        lines.append(f"| `{name}`, *{spec.preset_titles[name]}* | {spec.preset_purposes[name]} | {told} |")
    return lines


def reference() -> str:
    """The whole page."""
    lines = [
        "# Hyperparameters",
        "",
        "Every field of the forms is a flag of the command line, and the other way round: both are made from the",
        "specs in `engine/specs`, and so is this page (`.venv/bin/python docs/make_reference.py`).",
    ]
    for kind, spec in SPECS.items():
        lines += ["", f"## `cae-tui {kind}`", *presets(spec)]
        group = ""
        for field in spec_fields(spec):
            if field.group != group:
                group = field.group
                lines += ["", f"### {group}", "", "| flag | default | what it is |", "|---|---|---|"]
            choices = f" One of {', '.join(field.choices)}." if field.choices else ""
            default = "needed" if field.default is None else field.default
            unit = f" {field.unit}" if field.unit and default else ""
            lines.append(f"| `{field.flag}` | {default}{unit} | {flag_help(kind, field)}{choices} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
