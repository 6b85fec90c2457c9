"""Write docs/hyperparameters.md from the specs: `python docs/make_reference.py`. A test keeps it current."""

from pathlib import Path

from engine.fields import write_value
from engine.spec import SPECS, spec_fields

PAGE = Path(__file__).with_name("hyperparameters.md")


def reference() -> str:
    """The whole page."""
    lines = [
        "# Hyperparameters",
        "",
        "Every field of the forms is a flag of the command line, and the other way round: both are made from",
        "`engine/spec.py`, and so is this page (`python docs/make_reference.py`). Where a preset differs from the",
        "default, its value stands in its column.",
    ]
    for kind, spec in SPECS.items():
        others = [name for name in spec.presets if name != "recommended"]
        titles = [spec.preset_titles[name] for name in others]
        lines += ["", f"## `cae-tui {kind}`"]
        group = ""
        for field in spec_fields(spec):
            if field.group != group:
                group = field.group
                heads = ["flag", "default", *titles, "what it is"]
                lines += ["", f"### {group}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
            own = [write_value(spec.presets[name].get(field.name, "")) for name in others]
            choices = f" One of {', '.join(field.choices)}." if field.choices else ""
            default = "needed" if field.default is None else field.default
            unit = f" {field.unit}" if field.unit and default else ""
            cells = [f"`{field.flag}`", default + unit, *own, field.description + choices]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
