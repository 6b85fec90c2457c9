"""Completion in the shell: commands, flags, values and ids, as argcomplete asks for them.

The shell calls the program with `_ARGCOMPLETE` set at each press of Tab, and only then is any of this imported.
"""

import argparse
import os
import shlex
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import argcomplete

from cae_tui.cli import parser as cli
from cae_tui.cli.parser import ACTIONS, MODES
from cae_tui.cli.study_cli import kind_asked
from cae_tui.cli.use_cli import PARTS, WHENS
from engine.exporters import EXPORTERS
from engine.protocol.states import PAUSED, QUEUED, RUNNING
from engine.runs.directory import Home, default_home
from engine.runs.status import RunStatus
from engine.specs.listed import listed
from engine.storage.files import absolute
from engine.storage.paths import path_of
from engine.studies.queue import MOVES, RunQueue

Completer = Callable[..., Iterable[str] | dict[str, str]]

_FIT: dict[str, Callable[[RunStatus], bool]] = {
    "pause": lambda run: run.state == RUNNING,
    "stop": lambda run: run.state in (RUNNING, PAUSED, QUEUED),
    "resume": lambda run: run.resumable or run.state in (PAUSED, QUEUED),
    "finish": lambda run: run.best_epoch > 0 and (run.resumable or run.state in (RUNNING, PAUSED)),
    "export": lambda run: run.best_epoch > 0,
    "probe": lambda run: run.best_epoch > 0,
    "delete": lambda run: run.state not in (RUNNING, PAUSED),
}
"""The runs that a command can do something with."""


def _has_model(run: RunStatus) -> bool:
    return run.best_epoch > 0


def _answers(run: RunStatus) -> bool:
    return _has_model(run) and (listed(run.kind).takes_encoder or listed(run.kind).tells_odd)


def _any(_: RunStatus) -> bool:
    return True


def complete() -> NoReturn:
    """Answer the shell, and end the process."""
    words = _words()
    command = cli.command_of(words)
    kind = kind_asked(words, cli.home_named(words)) if command == "study" else ""
    parser = cli.make_parser(command, kind)
    if command is not None and command in parser.by_command:
        _teach(parser.by_command[command], command, kind if command == "study" else command)
    argcomplete.autocomplete(parser, always_complete_options="long")
    raise SystemExit(0)


def _words() -> list[str]:
    """What stands on the line before the cursor, without the program's name."""
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT") or 10**6)]
    try:
        return shlex.split(line)[1:]
    except ValueError:  # a quotation mark that is still open
        return line.split()[1:]


def _home(options: argparse.Namespace) -> Home:
    named = getattr(options, "home", None)
    return Home(absolute(path_of(named)) if named else default_home())


def _teach(parser: argparse.ArgumentParser, command: str, kind: str) -> None:
    """Have the arguments of a command complete themselves."""
    from engine.specs.base import spec_fields
    from engine.specs.kinds import SPECS

    choices: dict[str, tuple[str, ...]] = {}
    if kind in SPECS:
        choices = {field.name: tuple(field.choices) for field in spec_fields(SPECS[kind]) if field.choices}
        choices["preset"] = tuple(SPECS[kind].presets)
    for action in cli.arguments_of(parser):
        completer: Any = None
        if action.dest in ("run", "runs") and not action.option_strings:
            completer = _runs(_FIT.get(command, _any))
        elif action.dest == "id":
            completer = _runs_and_studies
        elif action.dest == "encoder":
            completer = _runs(lambda run: run.best_epoch > 0 and listed(run.kind).gives_encoder)
        elif action.dest == "model":
            completer = _runs(_answers if command in ("predict", "doubts") else _has_model)
        elif action.dest in ("invert", "centre"):
            completer = _one_of(WHENS)
        elif action.dest == "of":
            completer = _one_of(("validation", "test", "training"))
        elif action.dest == "part":
            completer = _one_of(PARTS)
        elif action.dest == "forms":
            completer = _one_of(tuple(EXPORTERS))
        elif action.dest == "baseline":
            completer = _runs(_any)
        elif action.dest == "queue_words":
            completer = _queue_words
        elif action.dest == "words":
            completer = _study_words
        elif action.dest in choices:
            completer = _one_of(choices[action.dest])
        if completer is not None:
            action.completer = completer  # type: ignore[attr-defined]  # as argcomplete has it


def _one_of(values: tuple[str, ...]) -> Completer:
    return lambda **_: values


def _runs(fits: Callable[[RunStatus], bool]) -> Callable[..., dict[str, str]]:
    def ids(parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
        given = getattr(parsed_args, "runs", None) or []
        return {
            run.id: f"{run.kind} {run.title}, {run.state}"
            for run in _home(parsed_args).list_runs()
            if fits(run) and run.id not in given
        }

    return ids


def _runs_and_studies(parsed_args: argparse.Namespace, **_: Any) -> dict[str, str]:
    from engine.studies.records import Studies

    studies = Studies(_home(parsed_args)).list()
    return {**_runs(_any)(parsed_args), **{study.id: f"study {study.title}, {study.state}" for study in studies}}


def _queue_words(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    from cae_tui.cli.queue_cli import ACTIONS as QUEUE_ACTIONS

    words = parsed_args.queue_words or []
    if not words:
        return QUEUE_ACTIONS
    if words[0] == "move" and len(words) == 2:
        return MOVES
    if words[0] == "remove" or words == ["move"]:
        return [run.id for run in RunQueue(_home(parsed_args)).runs() if run.id not in words]
    return ()


def _study_words(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    from engine.studies.records import Studies

    words = parsed_args.words or []
    if words and words[0] in ACTIONS:
        return Studies(_home(parsed_args)).ids()
    return (*ACTIONS, *MODES)
