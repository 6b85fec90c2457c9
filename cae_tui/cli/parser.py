"""The flags and commands of `cae-tui`, as argparse reads them.

The flags of `autoencoder` and `classifier` are made from the specs' fields when one of them is asked for,
which is why this is argparse and not a library that reads signatures. Nothing heavy is imported for
`--version` and `--help`.
"""

import argparse
import itertools
import os
import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from cae_tui.kinds import view_of
from cae_tui.output import complain
from engine import __version__
from engine.errors import RunError, SpecError
from engine.runs.directory import Home, default_home
from engine.specs.data_files import ROLES
from engine.specs.listed import KINDS, listed
from engine.storage.files import absolute
from engine.storage.paths import path_of

if TYPE_CHECKING:
    from engine.specs.base import Spec
    from engine.specs.fields import SpecField


ACTIONS = ("list", "show", "resume", "export", "delete")


MODES = ("guided", "grid", "search")


USAGE = """
  cae-tui study layers=10,12,14,18            one hyperparameter, the rest at the baseline
  cae-tui study guided [kernels=16,32 …]      one after the other, each pick carried on
  cae-tui study grid layers=8,10 kernels=16,32    every combination
  cae-tui study search [kernels=16..64 …] --trials 30   what Optuna proposes
  cae-tui study list | show ID | resume ID | export ID [--to FOLDER] | delete ID
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of a study itself; the baseline's are the spec's."""
    from engine.studies.spec import study_fields

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"What WHAT can be:{USAGE}"
    parser.add_argument("words", nargs="*", metavar="WHAT", help="see below")
    parser.add_argument(
        "--baseline", default=None, metavar="RUN|FILE", help="start from the spec of a run, or of a spec.json"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan with the time and memory it expects")
    parser.add_argument("--yes", action="store_true", help="for delete: do not ask")
    parser.add_argument("--to", type=path_of, default=None, metavar="FOLDER", help="for export: where to write")
    group = parser.add_argument_group("Study")
    for field in study_fields():
        text = field.description.replace("%", "%%")
        if field.choices:
            text += f" One of {', '.join(field.choices)}."
        default = "lowest in a search, else trade" if field.name == "rule" else field.default
        text += f" (default: {default})"
        if field.type is bool:
            group.add_argument(
                field.flag, dest=f"study_{field.name}", action=argparse.BooleanOptionalAction, default=None, help=text
            )
        else:
            metavar = (field.unit or field.name.rsplit("_", 1)[-1]).upper()
            group.add_argument(field.flag, dest=f"study_{field.name}", default=None, metavar=metavar, help=text)


_REQUIRED = re.compile(r"the following arguments are required: (.*)")


_NO_VALUE = re.compile(r"argument ([^:]*): expected one argument")


_VALUE = re.compile(r"argument ([^:]*): ignored explicit argument .*", re.DOTALL)


_NOT_BOTH = re.compile(r"argument ([^:]*): not allowed with argument (.*)")


def in_plain_words(message: str, program: str) -> str:
    """What argparse complains of, as a person would say it."""
    if found := _REQUIRED.fullmatch(message):
        missing = found[1].replace("RUN", "the id of a run, or its beginning (`cae-tui runs` lists them)")
        return f"`{program.removeprefix('cae-tui ')}` needs {missing}."
    if found := _NO_VALUE.fullmatch(message):
        return f"{found[1]} needs a value."
    if found := _VALUE.fullmatch(message):
        return f"{found[1]} takes no value."
    if found := _NOT_BOTH.fullmatch(message):
        return f"{found[1]} and {found[2]} cannot be used together."
    return message


BAD_USAGE, INTERRUPTED = 2, 130


_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-(inf|infinity|nan)", re.IGNORECASE)


COMMANDS = {
    **{kind: view_of(kind).command for kind in KINDS},
    "study": "find out which hyperparameters matter and pick values",
    "watch": "open the app on a run, wherever it is trained",
    "pause": "pause runs; `resume` continues them",
    "resume": "continue a run that was stopped, cut off or paused",
    "stop": "stop runs with a checkpoint, to resume or finish them later",
    "finish": "evaluate the best weights of runs now, which ends them",
    "report": "print the report of a complete run",
    "delete": "delete runs for good; asks first",
    "runs": "list the runs",
    "keys": "list the keys of the app, and the ids to change them with",
    "doctor": "print what a bug report needs",
}


GROUPS = {
    "train and study": (*KINDS, "study"),
    "one run, by its id or the beginning of it": ("watch", "pause", "resume", "stop", "finish", "report", "delete"),
}
"""How the help groups the commands; the others come last."""


OF_RUNS = ("pause", "stop", "finish", "delete")
"""Commands for one run or several."""


class Parser(argparse.ArgumentParser):
    """One that refuses in our words."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.by_command: dict[str, Parser] = {}  # of the whole command line: the parser of each command

    @property
    def flags(self) -> set[str]:
        """Every flag that it knows."""
        return set(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where the help is."""
        complain(f"{in_plain_words(message, self.prog)}\nTry `{self.prog} --help`.")
        raise SystemExit(BAD_USAGE)

    def format_help(self) -> str:
        """As argparse does, but the commands of the whole command line in groups."""
        if not self.by_command:
            return super().format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        grouped = {name for names in GROUPS.values() for name in names}
        for title, names in {**GROUPS, "more": [name for name in COMMANDS if name not in grouped]}.items():
            formatter.start_section(title)
            for name in names:
                formatter.add_argument(argparse.Action([], name, nargs=0, help=COMMANDS[name], metavar=name))
            formatter.end_section()
        formatter.start_section("flags")
        formatter.add_arguments(self._get_optional_actions())
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def make_parser(command: str | None = None, kind: str = "") -> Parser:
    """The parser, with the flags of `command` where that has a spec's: a kind of run, or a study of that `kind`."""
    epilog = "Without a command the app opens. `cae-tui COMMAND --help` lists the flags of a command."
    parser = Parser(
        prog="cae-tui",
        description="Train, study and use convolutional autoencoders in the terminal.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cae-tui {__version__}")
    parser.add_argument("--home", default=None, metavar="FOLDER", help="where runs and settings are kept")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False)
        parser.by_command[name] = sub
        # Written after the command too; SUPPRESS keeps what was given before it.
        sub.add_argument("--home", default=argparse.SUPPRESS, metavar="FOLDER", help="where runs and settings are kept")
        if name in ("report", "resume", "watch"):
            sub.add_argument("run", metavar="RUN", help="a run's id, or enough of its beginning")
        if name in ("resume", "finish"):
            for field, role in ROLES.items():
                flag = "--" + field.replace("_", "-")
                words = f"where its {role} are now, if they were moved"
                sub.add_argument(flag, dest=field, default=None, metavar="PATH", help=words)
        if name in OF_RUNS:
            sub.add_argument("runs", nargs="+", metavar="RUN", help="a run's id, or enough of its beginning")
        if name == "delete":
            sub.add_argument("--yes", action="store_true", help="delete without being asked")
        if name == "runs":
            sub.add_argument(
                "terms",
                nargs="*",
                metavar="TERM",
                help="list only runs that match all terms: words, state:finished, 'kernels>=32', 'val_loss<0.002', "
                "tag:baseline, is:hidden; after --, a - in front excludes a term",
            )
            sub.add_argument("--csv", default=None, metavar="FILE", help="write them as CSV; - is standard output")
        shape: argparse._ActionsContainer = sub
        if name == "report":
            shape = sub.add_mutually_exclusive_group()
            shape.add_argument(
                "--text", action="store_true", help="print a classifier's report as scikit-learn does, not as a table"
            )
        if name not in ("watch", "doctor"):
            shape.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        if name in (*KINDS, "resume"):
            sub.add_argument(
                "--detach", action="store_true", help="train in the background, even after the terminal is closed"
            )
        if name == command and name in KINDS:
            _add_spec_flags(sub, name)
        if name == command == "study":
            add_flags(sub)
            _add_spec_flags(sub, kind or next(iter(KINDS)), required=False)
    return parser


def flag_help(kind: str, field: "SpecField") -> str:
    """What a flag says of its field; that of the images of what takes an encoder differs from what the form says."""
    if field.name != "images":
        return field.description
    without = "the images of its encoder" if listed(kind).takes_encoder else "that MNIST"
    return f"An IDX file, plain or gzip, or mnist for the MNIST that comes with cae-tui. If left out: {without}."


def _add_spec_flags(parser: argparse.ArgumentParser, kind: str, *, required: bool = True) -> None:
    from engine.specs.base import spec_fields
    from engine.specs.fields import GROUPS
    from engine.specs.kinds import SPECS

    spec = SPECS[kind]
    names = f"{', '.join(spec.presets)} (default: recommended); the end of this help says what each is for"
    parser.add_argument("--preset", default="recommended", metavar="NAME", help=names)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # argparse would run the presets together
    parser.epilog = f"{parser.epilog}\n{_presets(spec)}" if parser.epilog else _presets(spec)
    groups = {title: parser.add_argument_group(title) for title in GROUPS}
    for field in spec_fields(spec):
        help_text = flag_help(kind, field).replace("%", "%%")
        if field.choices:
            help_text += f" One of {', '.join(field.choices)}."
        if field.default not in (None, ""):
            help_text += f" (default: {field.default})"
        if field.type is bool:
            groups[field.group].add_argument(
                field.flag, dest=field.name, action=argparse.BooleanOptionalAction, default=None, help=help_text
            )
        else:
            metavar = (field.unit or field.name.rsplit("_", 1)[-1]).upper()
            groups[field.group].add_argument(
                field.flag,
                dest=field.name,
                default=None,
                metavar=metavar,
                help=help_text,
                required=field.required and required,
            )


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


def command_of(words: Sequence[str]) -> str | None:
    """The command that is asked for, known or not; the folder after `--home` may be called as one is."""
    for before, word in itertools.pairwise(["", *words]):
        if word == "--" or (not word.startswith("-") and before != "--home"):
            return None if word == "--" else word
    return None


def home_named(words: Sequence[str]) -> Home:
    """The home that is named, before anything else is read; else the usual one.

    Raises:
        EngineError: see `home_at`.
    """
    flags = list(itertools.takewhile(lambda word: word != "--", words))
    behind = (word.removeprefix("--home=") for word in flags if word.startswith("--home="))
    named = next((word for before, word in itertools.pairwise(flags) if before == "--home"), next(behind, None))
    return home_at(named)


def home_at(named: str | None) -> Home:
    """The home in the folder `named`; the usual one where none is.

    Raises:
        EngineError: it is blank, as a variable that is not set makes it, or there is a file in its place.
    """
    if named is not None and not named.strip():
        raise SpecError({"home": "This names no folder: give a path, or leave it out."})
    path = default_home() if named is None else absolute(path_of(named))
    # A folder that cannot be looked into is told of when it is used.
    taken = next((folder for folder in (path, *path.parents) if os.path.lexists(folder)), path)
    if os.path.isfile(taken):
        told = f"{taken} is a file, not a folder: name a folder for the runs and settings."
        raise RunError(f"CAE_TUI_HOME: {told}") if named is None else SpecError({"home": told})
    return Home(path)


def flags_in(words: Sequence[str]) -> list[str]:
    """What argparse takes for flags, perhaps with a value behind `=`."""
    before = itertools.takewhile(lambda word: word != "--", words)
    return [word for word in before if len(word) > 1 and word[0] == "-" and not _NEGATIVE.fullmatch(word)]


def join_numbers(words: Sequence[str]) -> list[str]:
    """`words` with `--flag -1e-3` as `--flag=-1e-3`: argparse takes a negative number with an exponent for a flag."""
    joined: list[str] = []
    for word in words:
        flag = joined[-1] if joined else ""
        if _NEGATIVE.fullmatch(word) and flag.startswith("--") and len(flag) > 2 and "=" not in flag:
            joined[-1] = f"{flag}={word}"
        else:
            joined.append(word)
    return joined
