"""The flags and commands of `cae-tui`, as argparse reads them.

The flags of `autoencoder` and `classifier` are made from the specs' fields when one of them is asked for,
which is why this is argparse and not a library that reads signatures. Nothing heavy is imported for
`--version` and `--help`.
"""

import argparse
import itertools
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from cae_tui.cli import notify, use_cli
from cae_tui.cli.spec_flags import add_spec_flags, add_study_flags
from cae_tui.cli.use_cli import USES
from cae_tui.kinds import view_of
from cae_tui.printing import complain
from engine import __version__
from engine.errors import RunError, SpecError
from engine.runs.directory import Home, default_home
from engine.specs.data_files import ROLES, names_mnist, refuse_blank
from engine.specs.listed import KINDS, listed
from engine.storage.files import absolute
from engine.storage.paths import path_of

if TYPE_CHECKING:
    pass


ACTIONS = ("list", "show", "stop", "resume", "export", "delete")
MODES = ("guided", "grid", "search", "worth")

_REQUIRED = re.compile(r"the following arguments are required: (.*)")
_IN_PLAIN_WORDS = (
    (re.compile(r"argument ([^:]*): expected one argument"), r"\1 needs a value."),
    (re.compile(r"argument ([^:]*): ignored explicit argument .*", re.DOTALL), r"\1 takes no value."),
    (re.compile(r"argument ([^:]*): not allowed with argument (.*)"), r"\1 and \2 cannot be used together."),
)
"""What argparse says of a flag, and what is said instead."""


def in_plain_words(message: str, program: str) -> str:
    """What argparse complains of, as a person would say it."""
    if found := _REQUIRED.fullmatch(message):
        missing = found[1].replace("RUN", "the id of a run, or its beginning (`cae-tui runs` lists them)")
        return f"`{program.removeprefix('cae-tui ')}` needs {missing}."
    for known, words in _IN_PLAIN_WORDS:
        if found := known.fullmatch(message):
            return found.expand(words)
    return message


BAD_USAGE, INTERRUPTED = 2, 130
_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-(inf|infinity|nan)", re.IGNORECASE)

COMMANDS = {
    **{kind: view_of(kind).command for kind in KINDS},
    "tour": "see it all in two minutes: an autoencoder, a classifier, a digit that you draw",
    "study": "find out which hyperparameters matter and pick values",
    "queue": "list the runs that wait for their turn, train them, change their order",
    "watch": "open the app on a run or a study, wherever it is trained",
    "pause": "pause runs; `resume` continues them",
    "resume": "continue a run that was stopped, cut off or paused, or begin a queued one",
    "stop": "stop runs with a checkpoint, to resume or finish them later",
    "finish": "evaluate the best weights of runs now, which ends them",
    "report": "print the report of a complete run, or write the document of any",
    "probe": "measure the latent of a run: how well it tells classes apart, and how many dimensions it uses",
    "export": "write a run for other programs",
    "doubts": "rank the labels of an image set by how doubtful they are, to correct them",
    **USES,
    "delete": "delete runs for good; asks first",
    "data": "look at an image set, write it for other programs, see and free what is kept of sets",
    "runs": "list the runs",
    "keys": "list the keys of the app, and the ids to change them with",
    "doctor": "print what a bug report needs",
}

GROUPS = {
    "train and study": (*KINDS, "study", "queue"),
    "put a model to work": tuple(USES),
    "one run, by its id or the beginning of it": (
        "watch",
        "pause",
        "resume",
        "stop",
        "finish",
        "report",
        "probe",
        "export",
        "delete",
    ),
}
"""How the help groups the commands; the others come last."""
HOME_HELP = "where runs and settings are kept"
HELP_HELP = "show this help and exit"
DETACH_HELP = "train in the background, even after the terminal is closed"
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
        return {flag for argument in arguments_of(self) for flag in argument.option_strings}

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where the help is."""
        complain(f"{in_plain_words(message, self.prog)}\nTry `{self.prog} --help`.")
        raise SystemExit(BAD_USAGE)

    def format_help(self) -> str:
        """As argparse does, but the commands of the whole command line in groups."""
        if not self.by_command:
            return super().format_help()
        usage = "%(prog)s [FLAG ...] [COMMAND ...]"
        page = argparse.ArgumentParser(self.prog, usage, self.description, self.epilog, add_help=False)
        grouped = {name for names in GROUPS.values() for name in names}
        for title, names in {**GROUPS, "more": [name for name in COMMANDS if name not in grouped]}.items():
            group = page.add_argument_group(title)
            for name in names:
                group.add_argument(name, help=COMMANDS[name])
        _add_general_flags(page)
        return page.format_help()


def arguments_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a parser reads: argparse does not tell it."""
    return parser._actions


def make_parser(command: str | None = None, kind: str = "") -> Parser:
    """The parser, with the flags of `command` where that has a spec's: a kind of run, or a study of that `kind`."""
    parser = Parser(
        prog="cae-tui",
        description="Train, study and use convolutional autoencoders in the terminal.",
        epilog="Without a command the app opens. `cae-tui COMMAND --help` lists the flags of a command.",
        allow_abbrev=False,
        add_help=False,
    )
    _add_general_flags(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        sub = commands.add_parser(name, description=description, allow_abbrev=False, add_help=False)
        parser.by_command[name] = sub
        _add_positionals(sub, name)
        if name == command == "study":
            add_study_flags(sub)
            add_spec_flags(sub, kind or next(iter(KINDS)), of_study=True)
        elif name == command == "queue":
            from cae_tui.cli.queue_cli import add_flags as add_queue_flags

            add_queue_flags(sub)
        elif name == command == "data":
            from cae_tui.cli.data_cli import add_flags

            add_flags(sub)
        elif name == command == "doubts":
            from cae_tui.cli.doubts_cli import add_flags as add_doubts_flags

            add_doubts_flags(sub, sub.add_argument_group("what is asked").add_argument)
        elif name == command and name in KINDS:
            add_spec_flags(sub, name)
        _add_flags(sub, name, "other flags" if sub.usage else "flags")
    return parser


def _add_general_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("flags")
    group.add_argument("--home", default=None, metavar="FOLDER", help=HOME_HELP)
    group.add_argument(
        "--version", action="version", version=f"cae-tui {__version__}", help="show the version and exit"
    )
    group.add_argument("-h", "--help", action="help", help=HELP_HELP)


def _add_positionals(parser: argparse.ArgumentParser, command: str) -> None:
    group = parser.add_argument_group("arguments")
    if command == "watch":
        group.add_argument("id", metavar="ID", help="the id of a run or of a study, or enough of its beginning")
    if command in ("report", "resume", "export", "probe"):
        group.add_argument("run", metavar="RUN", help="a run's id, or enough of its beginning")
    if command == "doubts":
        from cae_tui.cli.doubts_cli import add_positionals

        add_positionals(group.add_argument)
    if command in USES:
        use_cli.add_positionals(group.add_argument, command)
    if command in OF_RUNS:
        group.add_argument("runs", nargs="+", metavar="RUN", help="a run's id, or enough of its beginning")
    if command == "runs":
        words = (
            "list only runs that match all terms: words, state:finished, 'kernels>=32', 'val_loss<0.002', "
            "tag:baseline, is:hidden; after --, a - in front excludes a term"
        )
        group.add_argument("terms", nargs="*", metavar="TERM", help=words)


def _add_flags(parser: argparse.ArgumentParser, command: str, title: str) -> None:
    """The flags of a command that are no spec's."""
    group = parser.add_argument_group(title)
    if command in ("resume", "finish"):
        for field, role in ROLES.items():
            flag = "--" + field.replace("_", "-")
            words = f"where its {role} are now, if they were moved"
            group.add_argument(flag, dest=field, default=None, metavar="PATH", help=words)
    if command == "study":
        group.add_argument("--to", default=None, metavar="FOLDER", help="for export: where to write")
        group.add_argument("--yes", action="store_true", help="for delete: do not ask")
    if command == "delete":
        group.add_argument("--yes", action="store_true", help="delete without being asked")
    if command == "runs":
        group.add_argument("--csv", default=None, metavar="FILE", help="write them as CSV; - is standard output")
        words = "runs that differ in nothing but the seed as one line, with means and standard deviations"
        group.add_argument("--by-spec", action="store_true", help=words)
    if command == "export":
        from cae_tui.cli import export_cli

        export_cli.add_flags(group.add_argument)
    if command == "probe":
        words = "the images that are measured: validation, test or training (default: validation)"
        group.add_argument("--of", default=None, metavar="PART", help=words)
    if command in (*KINDS, "resume"):
        way = group.add_mutually_exclusive_group()
        way.add_argument("--detach", action="store_true", help=DETACH_HELP)
        words = "do not train now: have it wait for its turn, see `cae-tui queue`"
        way.add_argument("--queue", action="store_true", help=words)
    if command in ("study", "queue"):
        group.add_argument("--detach", action="store_true", help=DETACH_HELP)
    if command in (*KINDS, "study", "queue", "resume", "finish"):
        group.add_argument("--notify", default=None, metavar="COMMAND", help=notify.HELP)
    if command in USES:
        use_cli.add_flags(group.add_argument, command)
    add_form = group.add_argument
    if command == "report":
        words = (
            "write the document of the run instead: a page (.html), Markdown with figures beside it (.md), or a folder"
        )
        group.add_argument("--to", default=None, metavar="FILE", help=words)
        add_form = group.add_mutually_exclusive_group().add_argument
        words = "print a classifier's report as scikit-learn does, not as a table"
        add_form("--text", action="store_true", help=words)
    if command not in ("watch", "doctor", "tour"):
        add_form("--json", action="store_true", help="print one JSON object on stdout")
    # Written after the command too; SUPPRESS keeps what was given before it.
    group.add_argument("--home", default=argparse.SUPPRESS, metavar="FOLDER", help=HOME_HELP)
    group.add_argument("-h", "--help", action="help", help=HELP_HELP)


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


def given_fields(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The fields of a spec of that kind whose flags were given, with their values; the word mnist names no file.

    Raises:
        SpecError: a file of images is named by nothing but blanks.
    """
    from engine.specs.base import spec_fields
    from engine.specs.kinds import SPECS

    names = [field.name for field in spec_fields(SPECS[kind])]
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    refuse_blank(given)
    if names_mnist(given):
        given["data"] = None
    return given


def with_encoder_images(home: Home, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """The same with the images of the encoder, of a kind that takes one, where none are named.

    Raises:
        EngineError: there is no such encoder, or its images are not known.
    """
    if {"data", "images"} & given.keys() or not listed(kind).takes_encoder:
        return given
    from engine.runs.encoders import with_data_of_encoder

    return with_data_of_encoder(home, given)


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
