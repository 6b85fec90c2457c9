"""The flags that are made from the fields of a spec or of a study, and what a help page says of presets."""

import argparse
import shutil
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.specs.listed import listed

if TYPE_CHECKING:
    from engine.specs.base import Spec
    from engine.specs.fields import SpecField

USAGE = """
  cae-tui study layers=10,12,14,18               one hyperparameter by itself
  cae-tui study guided [kernels=16,32 …]         one by one, each pick carried on
  cae-tui study grid layers=8,10 kernels=16,32   every combination
  cae-tui study search [kernels=16..64 …]        what Optuna proposes
  cae-tui study worth RUN                        what an encoder is worth, with few labels and many
  cae-tui study list | show ID | stop ID | resume ID | export ID [--to FOLDER] | delete ID
"""


def flag_help(kind: str, field: "SpecField") -> str:
    """What a flag says of its field; that of the images of what takes an encoder differs from what the form says."""
    if field.name == "data" and listed(kind).takes_encoder:
        return field.description.replace("If left out: MNIST.", "If left out: the images of its encoder.")
    return field.description


def add_study_flags(parser: argparse.ArgumentParser) -> None:
    """What a study itself is asked; the baseline's flags are the spec's."""
    from engine.studies.spec import study_fields

    parser.description = f"{parser.description} WHAT is one of:\n{USAGE.rstrip()}"
    group = parser.add_argument_group("Study")
    group.add_argument("words", nargs="*", metavar="WHAT", help="see above")
    group.add_argument("--dry-run", action="store_true", help="print the plan with the time and memory it expects")
    for field in study_fields():
        default = "lowest in a search, else trade" if field.name == "rule" else field.default
        add_field(group.add_argument, field, field.description, default, f"study_{field.name}")


def add_spec_flags(parser: argparse.ArgumentParser, kind: str, *, of_study: bool = False) -> None:
    """The flags of a kind of run, or of the baseline of a study of that kind."""
    from engine.specs.base import spec_fields
    from engine.specs.fields import GROUPS
    from engine.specs.kinds import SPECS

    spec = SPECS[kind]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # argparse would run the presets together
    parser.epilog = _presets(spec)
    first = parser.add_argument_group("Baseline" if of_study else "Preset")
    if of_study:
        words = "start from the spec of a run, or of a spec.json"
        first.add_argument("--baseline", default=None, metavar="RUN|FILE", help=words)
    names = f"{', '.join(spec.presets)} (default: recommended); the end of this help says what each is for"
    first.add_argument("--preset", default="recommended", metavar="NAME", help=names)
    groups = {title: parser.add_argument_group(title) for title in GROUPS}
    needed = ["WHAT ..."] if of_study else []
    for field in spec_fields(spec):
        required = field.required and not of_study
        add = groups[field.group].add_argument
        add_field(add, field, flag_help(kind, field), field.default, field.name, required=required)
        if required:
            needed.append(f"{field.flag} {_metavar(field)}")
    parser.usage = " ".join(["%(prog)s", *needed, "[FLAG ...]"])


class _Names(argparse.Action):
    """Names with commas between them, and after `--class` one name, which may have commas in it."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        from engine.specs.preprocessing import names_in

        more = (values,) if option == "--class" else names_in(values) or (values,)
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), *more])


def add_field(
    add: Callable[..., argparse.Action],
    field: "SpecField",
    words: str,
    default: object,
    name: str,
    *,
    required: bool = False,
) -> None:
    """Add the flag of a field, which says `words`, by `add`; its value goes to `name`."""
    if field.choices:
        words += f" One of {', '.join(field.choices)}."
    if default not in (None, ""):
        words += f" (default: {default})"
    values: dict[str, Any] = {"dest": name, "default": None, "help": words.replace("%", "%%")}
    if field.name == "classes":
        values["help"] += " --class takes one name as it is, and can be given several times."
        add(field.flag, "--class", action=_Names, metavar="NAME", **values)
    elif field.name == "table_shape":
        add(field.flag, "--shape", metavar="SIZE", **values)
    elif field.type is bool:
        add(field.flag, action=argparse.BooleanOptionalAction, **values)
    else:
        add(field.flag, metavar=_metavar(field), required=required, **values)


def _metavar(field: "SpecField") -> str:
    return (field.unit or field.name.rsplit("_", 1)[-1]).upper()


def _presets(spec: "type[Spec]") -> str:
    """What each preset is for and what it changes, for the end of a help page."""
    from engine.specs.base import preset_changes

    width = max(shutil.get_terminal_size().columns - 2, 40)
    told = ["presets:"]
    for name in spec.presets:
        changes = [field.asks(value) for field, value in preset_changes(spec, name).items()]
        text = f"{spec.preset_purposes[name]} Changes: {', '.join(changes) or 'nothing; it is the default'}."
        lines = textwrap.wrap(text, width - 18, break_on_hyphens=False)
        told += [f"  {name if number == 0 else '':<15} {line}" for number, line in enumerate(lines)]
    return "\n".join(told)
