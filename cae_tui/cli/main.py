"""The command `cae-tui`: without a sub-command it opens the app, else it does the same work without a screen.

The flags of `autoencoder` and `classifier` are made from the specs' fields when one of them is asked for,
which is why this is argparse and not a library that reads signatures. Nothing heavy is imported for
`--version` and `--help`; torch only where something is trained or loaded.
"""

import argparse
import atexit
import itertools
import os
import re
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from cae_tui.cli.notify import notify_by
from cae_tui.cli.opening import first_page, open_app
from cae_tui.cli.parser import (
    ACTIONS,
    BAD_USAGE,
    INTERRUPTED,
    Parser,
    command_of,
    flags_in,
    given_fields,
    home_at,
    home_named,
    join_numbers,
    make_parser,
    with_encoder_images,
)
from cae_tui.cli.use_cli import USES
from cae_tui.printing import OutputError, complain, flush, let_go, take_any_character, tell_of
from engine.data.keeping import keep_in
from engine.errors import EngineError, SpecError
from engine.protocol.states import PAUSED
from engine.runs.directory import Home, default_home
from engine.specs.data_files import PATHS, refuse_blank
from engine.specs.listed import KINDS
from engine.storage.paths import path_of, place_of

if TYPE_CHECKING:
    from engine.specs.base import Spec

WRITING = (*USES, "export", "probe", "report", "data", "doubts")
"""Commands that write files and train nothing: those that train have an end of their own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; gives back the exit code."""
    take_any_character()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if "_ARGCOMPLETE" in os.environ:  # the shell asks what could come next
            from cae_tui.cli.completion import complete

            complete()
        code = _answer(words)
        flush()
    except BrokenPipeError:
        code = 0  # whoever read the output has enough
    except OutputError as error:
        complain(str(error))
        code = 1
    except KeyboardInterrupt as interrupt:
        complain(str(interrupt) or "Interrupted. Nothing is lost.")
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
        try:
            named: Home | None = home_named(words)
        except EngineError:  # it is refused below, where the help, which needs no home, was not asked for
            named = None
        tell_of(named)
        kind = next(iter(KINDS))
        if command == "study":
            from cae_tui.cli.study_cli import in_order, kind_asked

            words = in_order(words)
            kind = kind_asked(words, named or Home(default_home()))
        if command == "runs" and (term := _hidden_term(words)):
            complain(f"A term that excludes runs goes after two dashes: `cae-tui runs -- {term}`.")
            return BAD_USAGE
        parser = make_parser(command, kind)
        if wrong := _mistake(words, command, parser):
            complain(wrong)
            return BAD_USAGE
        options, left = parser.parse_known_args(words)
        if left:
            from cae_tui.cli.mistakes import one_word_too_many

            complain(one_word_too_many(left[0], command or ""))
            return BAD_USAGE
        home = home_at(options.home)
        tell_of(home)
        if command == "runs" and "--" not in words:
            from cae_tui.cli.mistakes import no_filter

            if told := no_filter(options.terms):
                complain(told)
                return BAD_USAGE
        notify_by(getattr(options, "notify", None))
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


def _mistake(words: Sequence[str], command: str | None, parser: Parser) -> str:
    """What is wrong with the command, or the first flag that is none: argparse would complain of what is missing."""
    place = words.index(command) if command else len(words)

    def first_unknown(part: Sequence[str], known: Collection[str]) -> str:
        return next((word for word in flags_in(part) if word.partition("=")[0] not in known), "")

    early = first_unknown(words[:place], parser.flags)
    own = parser.by_command[command].flags if command in parser.by_command else set()
    late = first_unknown(words[place + 1 :], own) if own else ""
    if not early and not late and (command is None or own):
        return ""
    from cae_tui.cli import mistakes

    if early and early.partition("=")[0] in own:
        return mistakes.flag_too_early(early, command or "")
    if early:
        return mistakes.unknown_flag(early, None, parser.flags)
    return mistakes.unknown_flag(late, command, own) if late else mistakes.unknown_command(command or "")


def _end_in_order(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler
    """A request to end, or a terminal that is closed, leaves nothing half-written, as Ctrl+C does."""
    raise SystemExit(128 + number)


def _do(options: argparse.Namespace, home: Home) -> int:
    from cae_tui.cli.logs import open_log

    open_log(home)
    if options.command in WRITING:
        with _ending_in_order():
            return _work(options, home)
    return _work(options, home)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Meanwhile a request to end, and a terminal that is closed, are heard; nohup's ignoring of that stays."""
    before: dict[int, Any] = {}
    for number in (int(signal.SIGTERM), int(signal.SIGHUP)):
        if signal.getsignal(number) not in (signal.SIG_IGN, None):  # None: it is heard by what is not Python
            with suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, _end_in_order)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(options: argparse.Namespace, home: Home) -> int:
    keep_in(home.data)
    match options.command:
        case None:
            return open_app(home)
        case "tour":
            return open_app(home, tour=True)
        case "watch":
            return open_app(home, first_page(home, options.id))
        case kind if kind in KINDS:
            from cae_tui.cli.console import train

            spec = _spec_of(options, home)
            return train(home, spec, as_json=options.json, detach=options.detach, queue=options.queue)
        case "queue":
            from cae_tui.cli import queue_console

            return queue_console.work(options, home)
        case "resume":
            from cae_tui.cli import console, run_console

            run = home.find(options.run)
            if (places := _places(options)) and run_console.relocate(run, places, as_json=options.json):
                return 0
            if run.read_status().state == PAUSED and run.is_held():
                return run_console.go_on(home, run, as_json=options.json)
            return console.resume(home, run, as_json=options.json, detach=options.detach, queue=options.queue)
        case "finish":
            from cae_tui.cli import run_console

            runs = run_console.find_all(home, options.runs)
            return run_console.finish(home, runs, _places(options), as_json=options.json)
        case "pause" | "stop":
            from cae_tui.cli import run_console
            from engine.protocol.control import Asked

            runs = run_console.find_all(home, options.runs)
            return run_console.ask_all(home, runs, Asked(options.command), as_json=options.json)
        case "delete":
            from cae_tui.cli import run_console

            runs = run_console.find_all(home, options.runs)
            return run_console.delete(home, runs, sure=options.yes, as_json=options.json)
        case "report":
            from cae_tui.cli.report_console import print_report, write_document

            if options.to is not None:
                return write_document(
                    home, home.find(options.run), place_of(options.to), as_json=options.json, as_text=options.text
                )
            return print_report(home, home.find(options.run), as_json=options.json, as_text=options.text)
        case "probe":
            from cae_tui.cli.probe_console import probe

            return probe(home, home.find(options.run), options.of, as_json=options.json)
        case "doubts":
            from cae_tui.cli import doubts_cli

            return doubts_cli.work(options, home)
        case "export":
            from cae_tui.cli import export_cli

            return export_cli.work(options, home)
        case "data":
            from cae_tui.cli.data_cli import work

            return work(options, home)
        case use if use in USES:
            from cae_tui.cli import use_cli

            return use_cli.work(options, home)
        case "runs":
            from cae_tui.cli.runs_console import print_runs

            return print_runs(
                home, " ".join(options.terms), as_json=options.json, csv=options.csv, by_spec=options.by_spec
            )
        case "keys":
            from cae_tui.cli.keys_console import print_keys

            return print_keys(home, as_json=options.json)
        case _:
            from cae_tui.cli.doctor import print_doctor

            return print_doctor(home)


def _do_study(options: argparse.Namespace, home: Home, kind: str) -> int:
    from cae_tui.cli import study_cli, study_console, study_tables
    from cae_tui.cli.logs import open_log
    from engine.studies.records import Studies

    open_log(home)
    keep_in(home.data)
    action = options.words[0] if options.words else ""
    if action not in ACTIONS:
        spec = study_cli.study_asked(options, home, kind)
        if options.dry_run:
            return study_tables.print_plan(home, spec, as_json=options.json)
        return study_console.start(home, spec, as_json=options.json, detach=options.detach)
    if action == "list":
        study_cli.refuse_more_words(options)
        return study_console.print_studies(home, as_json=options.json)
    directory = Studies(home).find(study_cli.one_id(options))
    match action:
        case "show":
            return study_console.show(directory, as_json=options.json)
        case "stop":
            return study_console.stop(directory, as_json=options.json)
        case "resume":
            places = _places(options)
            if places and study_console.relocate(home, directory, places, as_json=options.json):
                return 0
            return study_console.resume(
                home, directory, as_json=options.json, detach=options.detach, workers=options.study_workers
            )
        case "export":
            to = None if options.to is None else place_of(options.to)
            return study_console.export(home, directory, to, as_json=options.json)
        case _:
            return study_console.delete(home, directory, sure=options.yes)


def _places(options: argparse.Namespace) -> dict[str, Path]:
    """Where files of images are said to be, by field."""
    refuse_blank(vars(options))
    return {field: path_of(path) for field in PATHS if (path := getattr(options, field)) is not None}


def _spec_of(options: argparse.Namespace, home: Home) -> "Spec":
    from engine.specs.base import preset
    from engine.specs.kinds import SPECS

    given = with_encoder_images(home, options.command, given_fields(options, options.command))
    return preset(SPECS[options.command], options.preset, **given)
