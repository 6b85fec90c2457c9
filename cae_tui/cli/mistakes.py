"""What is said of a command line that cannot be read: the word that was probably meant, and the page that explains it.

Imported where something is wrong only, for it looks through the flags of every command.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

from cae_tui.cli import parser as cli
from engine.text import plain

OTHER_WORDS = {
    "train": "autoencoder", "encoder": "autoencoder", "cae": "autoencoder", "classify": "classifier",
    "list": "runs", "ls": "runs", "rm": "delete", "remove": "delete", "kill": "stop", "cancel": "stop", "quit": "stop",
    "continue": "resume", "start": "resume", "end": "finish", "open": "watch", "follow": "watch",
    "show": "report", "result": "report", "latent": "probe", "search": "study", "tune": "study", "info": "doctor",
    "look": "inside", "why": "inside", "explain": "inside",
}  # fmt: skip
"""What other programs call it, and the command here."""
OTHER_FLAGS = {"--force": "--yes", "--f": "--yes", "--y": "--yes", "--output": "--to", "--lr": "--learning-rate"}
"""The same for flags, where the command has the one that is meant."""
_ACTS = ("delete", "finish", "pause", "report", "resume", "stop", "watch")
"""Commands whose names are no words to filter by where ids follow."""
_ID = re.compile(r"[0-9a-z]{2,10}")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.65) -> str:
    """What was probably meant by `word`; empty where nothing is near enough."""
    names = {name.lstrip("-"): name for name in sorted(known)}  # the dashes that all have make none alike
    bare = word.lstrip("-")
    begun = [name for name in names if len(bare) > 1 and name.startswith(bare)]
    close = difflib.get_close_matches(bare, begun or list(names), 1, 0.0 if begun else cutoff)
    return names[close[0]] if close else ""


def unknown_command(word: str) -> str:
    """What to type in place of a command that there is not."""
    meant = nearest(word.lower(), (*cli.COMMANDS, *OTHER_WORDS), 0.7)
    meant = OTHER_WORDS.get(meant, meant)
    if not meant and "=" in word:
        meant = f"study {word}"
    elif not meant and word == "help":
        meant = "--help"
    hint = f" Did you mean `cae-tui {meant}`?" if meant else ""
    if not meant and _ID.fullmatch(word) and any(character.isdigit() for character in word):
        hint = f" To open a run or a study: `cae-tui watch {word}`."
    return f"“{_excerpt(word)}” is not a command.{hint}\n`cae-tui --help` lists the commands."


def unknown_action(word: str, known: Collection[str]) -> str:
    """What is said of a word behind `study` that is neither an action nor a kind of study."""
    if word in ("pause", "finish"):
        return (
            f"A study has no “{word}”: `cae-tui study stop ID` keeps a checkpoint of every trial that trains, "
            "`cae-tui study resume ID` goes on from there."
        )
    from engine.specs.base import spec_fields
    from engine.specs.kinds import SPECS

    if word.replace("-", "_") in {field.name for spec in SPECS.values() for field in spec_fields(spec)}:
        return f"Values go after an equals sign: `cae-tui study {word}=8,10,12`, say."
    meant = nearest(word.lower(), known) or {"ls": "list", "rm": "delete", "remove": "delete"}.get(word, "")
    hint = f" Did you mean `cae-tui study {meant}`?" if meant else ""
    return f"“{_excerpt(word)}” is not something that `study` does.{hint}"


def flag_too_early(word: str, command: str) -> str:
    """What is said of a command's flag that was written before the command."""
    return f"{_excerpt(word)} goes after the command: `cae-tui {command} {_excerpt(word)} …`."


def unknown_flag(word: str, command: str | None, known: Collection[str]) -> str:
    """What to write in place of a flag that a command does not have.

    Args:
        word: as it was typed, perhaps with a value behind `=`.
        command: None where none was named.
        known: the command's own flags.
    """
    flag = word.partition("=")[0]
    program = f"cae-tui {command}" if command else "cae-tui"
    usual = "--" + flag.lstrip("-").lower().replace("_", "-")
    elsewhere = {} if usual in known else _flags_elsewhere(command)
    if usual not in known and usual in elsewhere:
        *names, last = (f"`{name}`" for name in elsewhere[usual])
        owners = "other commands" if len(names) > 2 else f"{', '.join(names)} and {last}" if names else last
        if command:
            return f"{usual} belongs to {owners}, not to `{command}`.\n{_help(program)}"
        return f"{usual} belongs to {owners}: write the command first.\n`cae-tui --help` lists the commands."
    meant = OTHER_FLAGS.get(usual, usual)
    if meant not in known:
        meant = nearest(usual, known, 0.7)
    hint = f" Did you mean {meant}?" if meant else ""
    if not meant and (other := nearest(usual, elsewhere, 0.75)) and len(elsewhere[other]) < 3:
        hint = f" Did you mean {other} of `{elsewhere[other][0]}`?"
    return f"{_excerpt(flag)} is not a flag of `{command or program}`.{hint}\n{_help(program)}"


def _flags_elsewhere(command: str | None) -> dict[str, list[str]]:
    """Every flag of the other commands, with those that have it."""
    found: dict[str, list[str]] = {}
    for name in cli.COMMANDS:
        if name != command:
            for flag in sorted(cli.make_parser(name).by_command[name].flags):
                found.setdefault(flag, []).append(name)
    return found


def one_word_too_many(word: str, command: str) -> str:
    """What is said of a word that belongs to no flag."""
    program = f"cae-tui {command}"
    name, equals, value = word.partition("=")
    flag = "--" + name.lower().replace("_", "-")
    if equals and flag in cli.make_parser(command).by_command[command].flags:
        return (
            f"“{_excerpt(word)}” is how values are given to a study. Write {flag} {_excerpt(value)}.\n{_help(program)}"
        )
    takes = "takes one run" if command in ("probe", "report", "resume") else "takes only flags"
    if command == "watch":
        takes = "takes one run or one study"
    if command == "inside":
        takes = "takes one model and one picture"
    return f"“{_excerpt(word)}” is not expected here: `{command}` {takes}.\n{_help(program)}"


def no_filter(terms: Sequence[str]) -> str:
    """What is said where a command was written behind `runs`, which lists; empty where the terms are a filter."""
    word, *rest = terms or [""]
    meant = OTHER_WORDS.get(word, word)
    if meant == "runs" and not rest:
        right = "`cae-tui runs` alone lists every run."
    elif meant in _ACTS and all(_ID.fullmatch(term) for term in rest) and (rest or meant == "delete"):
        right = f"Did you mean `{' '.join(['cae-tui', meant, *(rest or ['RUN'])])}`?"
    else:  # stop or finish alone finds runs that are stopped or finished
        return ""
    return (
        f"`runs` only lists runs, and reads “{plain(word)}” as a word to filter by. {right}\n"
        f"To filter by it: `cae-tui runs -- {plain(' '.join(terms))}`."
    )


def _help(program: str) -> str:
    return f"`{program} --help` explains its flags."


def _excerpt(word: str) -> str:
    return plain(word if len(word) <= 40 else f"{word[:40]}…")
