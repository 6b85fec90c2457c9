"""The command `cae-tui`: without a sub-command it opens the app, else it does the same work without a screen.

The flags of `autoencoder` and `classifier` are made from the specs' fields when one of them is asked for,
which is why this is argparse and not a library that reads signatures. Nothing heavy is imported for
`--version` and `--help`; torch only where something is trained or loaded.
"""

import argparse
import atexit
import codecs
import gc
import itertools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cae_tui.output import OutputError, complain, flush, let_go, take_any_character, tell_of
from engine import __version__
from engine.data_files import FIELDS, ROLES, names_mnist, refuse_blank
from engine.errors import EngineError, RunError, SpecError
from engine.files import absolute
from engine.paths import path_of
from engine.runs import Home, default_home

if TYPE_CHECKING:
    from engine.fields import SpecField
    from engine.spec import Spec

BAD_USAGE, INTERRUPTED = 2, 130
_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-(inf|infinity|nan)", re.IGNORECASE)

COMMANDS = {
    "autoencoder": "train a convolutional autoencoder",
    "classifier": "train a classifier on an autoencoder's encoder",
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
    "train and study": ("autoencoder", "classifier", "study"),
    "one run, by its id or the beginning of it": ("watch", "pause", "resume", "stop", "finish", "report", "delete"),
}
"""How the help groups the commands; the others come last."""
OF_RUNS = ("pause", "stop", "finish", "delete")
"""Commands for one run or several."""


class _Parser(argparse.ArgumentParser):
    """One that refuses in our words."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.by_command: dict[str, _Parser] = {}  # of the whole command line: the parser of each command

    @property
    def flags(self) -> set[str]:
        """Every flag that it knows."""
        return set(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where the help is."""
        from cae_tui.mistakes import in_plain_words

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


def make_parser(command: str | None = None, kind: str = "autoencoder") -> _Parser:
    """The parser, with the flags of `command` where that has a spec's: a kind of run, or a study of that `kind`."""
    epilog = "Without a command the app opens. `cae-tui COMMAND --help` lists the flags of a command."
    parser = _Parser(
        prog="cae-tui",
        description="Train, study and use convolutional autoencoders in the terminal.",
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cae-tui {__version__}")
    parser.add_argument("--home", default=None, metavar="FOLDER", help="where runs and settings are kept")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
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
        if name in ("autoencoder", "classifier", "resume"):
            sub.add_argument(
                "--detach", action="store_true", help="train in the background, even after the terminal is closed"
            )
        if name == command and name in ("autoencoder", "classifier"):
            _add_spec_flags(sub, name)
        if name == command == "study":
            from cae_tui.study_cli import add_flags

            add_flags(sub)
            _add_spec_flags(sub, kind, required=False)
    return parser


def flag_help(kind: str, field: "SpecField") -> str:
    """What a flag says of its field; that of the images of a classifier differs from what the form says."""
    if field.name != "images":
        return field.description
    without = "the images of its encoder" if kind == "classifier" else "that MNIST"
    return f"An IDX file, plain or gzip, or mnist for the MNIST that comes with cae-tui. If left out: {without}."


def _add_spec_flags(parser: argparse.ArgumentParser, kind: str, *, required: bool = True) -> None:
    from engine.fields import GROUPS
    from engine.spec import SPECS, spec_fields

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
    from engine.spec import preset_changes

    width = max(shutil.get_terminal_size().columns - 2, 40)
    told = ["presets:"]
    for name in spec.presets:
        changes = [field.asks(value) for field, value in preset_changes(spec, name).items()]
        text = f"{spec.preset_purposes[name]} Changes: {', '.join(changes) or 'nothing; it is the default'}."
        lines = textwrap.wrap(text, width - 18, break_on_hyphens=False)
        told += [f"  {name if number == 0 else '':<15} {line}" for number, line in enumerate(lines)]
    return "\n".join(told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; gives back the exit code."""
    take_any_character()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if "_ARGCOMPLETE" in os.environ:  # the shell asks what could come next
            from cae_tui.completion import complete

            complete()
        code = _answer(words)
        flush()
    except BrokenPipeError:
        code = 0  # whoever read the output has enough
    except OutputError as error:
        complain(str(error))
        code = 1
    except KeyboardInterrupt:
        complain("Interrupted. Nothing is lost.")
        code = INTERRUPTED
    except Exception as error:
        import logging

        logging.getLogger("cae_tui").exception("the command ended with an error")
        complain(f"unexpected error: {type(error).__name__}: {error}. The log has the details.")
        code = 1
    tell_of(None)
    let_go()
    return code


def command() -> NoReturn:
    """`main`, as a process that is gone once that is done.

    What libraries want done at the end is done, as matplotlib takes a folder away. Taking the interpreter apart after
    that takes a second or two once torch is loaded, and writes nothing that is not written.
    """
    code = main()
    atexit._run_exitfuncs()
    let_go()
    os._exit(code)


def _hidden_term(words: list[str]) -> str:
    """A term of a filter that would be taken for a flag, because it begins with a dash."""
    before = itertools.takewhile(lambda word: word != "--", words)
    return next((word for word in before if re.match(r"-[^\W\d]", word) and word != "-h"), "")


def _answer(words: list[str]) -> int:
    """Do what `words` ask for, or refuse it in a sentence."""
    command = command_of(words)
    words = join_numbers(words)
    try:
        tell_of(home_named(words))
        kind = "autoencoder"
        if command == "study":
            from cae_tui.study_cli import in_order, kind_asked

            words = in_order(words)
            kind = kind_asked(words, home_named(words))
        if command == "runs" and (term := _hidden_term(words)):
            complain(f"A term that excludes runs goes after two dashes: `cae-tui runs -- {term}`.")
            return BAD_USAGE
        parser = make_parser(command, kind)
        if wrong := _mistake(words, command, parser):
            complain(wrong)
            return BAD_USAGE
        options, left = parser.parse_known_args(words)
        if left:
            from cae_tui.mistakes import one_word_too_many

            complain(one_word_too_many(left[0], command or ""))
            return BAD_USAGE
        home = home_at(options.home)
        tell_of(home)
        if command == "runs" and "--" not in words:
            from cae_tui.mistakes import no_filter

            if told := no_filter(options.terms):
                complain(told)
                return BAD_USAGE
        if command == "study":
            return _do_study(options, home, kind)
        return _do(options, home)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_USAGE
    except SpecError as error:
        for name, sentence in error.problems.items():
            complain(f"--{name.replace('_', '-')}: {sentence}")
        return BAD_USAGE
    except EngineError as error:
        complain(str(error))
        return BAD_USAGE


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


def _mistake(words: Sequence[str], command: str | None, parser: _Parser) -> str:
    """What is wrong with the command, or the first flag that is none: argparse would complain of what is missing."""
    place = words.index(command) if command else len(words)

    def first_unknown(part: Sequence[str], known: Collection[str]) -> str:
        return next((word for word in flags_in(part) if word.partition("=")[0] not in known), "")

    early = first_unknown(words[:place], parser.flags)
    own = parser.by_command[command].flags if command in parser.by_command else set()
    late = first_unknown(words[place + 1 :], own) if own else ""
    if not early and not late and (command is None or own):
        return ""
    from cae_tui import mistakes

    if early and early.partition("=")[0] in own:
        return mistakes.flag_too_early(early, command or "")
    if early:
        return mistakes.unknown_flag(early, None, parser.flags)
    return mistakes.unknown_flag(late, command, own) if late else mistakes.unknown_command(command or "")


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


def _do(options: argparse.Namespace, home: Home) -> int:
    from cae_tui.logs import open_log

    open_log(home)
    match options.command:
        case None:
            return _open_app(home)
        case "watch":
            return _open_app(home, home.find(options.run).id)
        case "autoencoder" | "classifier":
            from cae_tui.console import train

            return train(home, _spec_of(options, home), as_json=options.json, detach=options.detach)
        case "resume":
            from cae_tui import console, run_console

            run = home.find(options.run)
            if (places := _places(options)) and run_console.relocate(run, places, as_json=options.json):
                return 0
            if run_console.is_paused(run):
                return run_console.go_on(home, run, as_json=options.json)
            return console.resume(home, run, as_json=options.json, detach=options.detach)
        case "finish":
            from cae_tui import run_console

            runs = run_console.find_all(home, options.runs)
            return run_console.finish(home, runs, _places(options), as_json=options.json)
        case "pause" | "stop":
            from cae_tui import run_console

            do = {"pause": run_console.pause, "stop": run_console.stop}[options.command]
            return do(home, run_console.find_all(home, options.runs), as_json=options.json)
        case "delete":
            from cae_tui import run_console

            runs = run_console.find_all(home, options.runs)
            return run_console.delete(home, runs, sure=options.yes, as_json=options.json)
        case "report":
            from cae_tui.report_console import print_report

            return print_report(home, home.find(options.run), as_json=options.json, as_text=options.text)
        case "runs":
            from cae_tui.console import print_runs

            return print_runs(home, " ".join(options.terms), as_json=options.json, csv=options.csv)
        case "keys":
            from cae_tui.keys_console import print_keys

            return print_keys(home, as_json=options.json)
        case _:
            from cae_tui.doctor import print_doctor

            return print_doctor(home)


def _do_study(options: argparse.Namespace, home: Home, kind: str) -> int:
    from cae_tui import study_cli, study_console
    from cae_tui.logs import open_log
    from engine.studies.records import Studies

    open_log(home)
    action = options.words[0] if options.words else ""
    if action not in study_cli.ACTIONS:
        spec = study_cli.study_asked(options, home, kind)
        if options.dry_run:
            return study_console.print_plan(home, spec, as_json=options.json)
        return study_console.start(home, spec, as_json=options.json)
    if action == "list":
        study_cli.refuse_more_words(options)
        return study_console.print_studies(home, as_json=options.json)
    directory = Studies(home).find(study_cli.one_id(options))
    match action:
        case "show":
            return study_console.show(directory, as_json=options.json)
        case "resume":
            places = _places(options)
            if places and study_console.relocate(home, directory, places, as_json=options.json):
                return 0
            return study_console.resume(home, directory, as_json=options.json)
        case "export":
            return study_console.export(home, directory, options.to, as_json=options.json)
        case _:
            return study_console.delete(home, directory, sure=options.yes)


def _places(options: argparse.Namespace) -> dict[str, Path]:
    """Where files of images are said to be, by field."""
    refuse_blank(vars(options))
    return {field: path_of(path) for field in FIELDS if (path := getattr(options, field)) is not None}


def _spec_of(options: argparse.Namespace, home: Home) -> "Spec":
    from engine.spec import SPECS, preset, spec_fields

    kind = SPECS[options.command]
    given = {field.name: getattr(options, field.name) for field in spec_fields(kind)}
    given = {name: value for name, value in given.items() if value is not None}
    refuse_blank(given)
    if not names_mnist(given) and options.command == "classifier":
        from engine.encoders import with_data_of_encoder

        given = with_data_of_encoder(home, given)
    return preset(kind, getattr(options, "preset", "recommended"), **given)


def _no_place_to_draw() -> str:
    """Why the app could not be seen or used here, and what to do; empty where it can. It is drawn on stderr."""
    streams = {"input": sys.__stdin__, "output": sys.__stdout__, "error output": sys.__stderr__}
    missing = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if missing:
        *most, last = missing
        which = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        return f"the app needs a terminal, but its {which} not one. Open it in a terminal"
    encoding = getattr(sys.__stderr__, "encoding", None) or "unknown"
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        known = ""
    if known != "utf-8":
        return (
            f"the app draws with characters of UTF-8, and the encoding of this terminal is given as {encoding}. "
            "Set LC_ALL=C.UTF-8 and unset PYTHONIOENCODING"
        )
    return ""


def _open_app(home: Home, run: str | None = None) -> int:
    if refused := _no_place_to_draw():
        complain(f"{refused}, or use a command: `cae-tui --help` lists them.")
        return BAD_USAGE
    # Nothing of what is loaded until the first screen stands is garbage: to look for it costs a twentieth of the time.
    gc.disable()
    from cae_tui.app import CaeApp
    from cae_tui.ending import run_to_the_end
    from cae_tui.logs import log_start

    log_start()
    return run_to_the_end(CaeApp(home, open_run=run))
