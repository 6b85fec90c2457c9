"""What is printed: to a terminal, a pipe or a file, in whatever encoding it has.

A result that took hours must not be lost to its output. A character that the encoding lacks is printed as one that it
has; a reader that has gone is not an error; an output that takes nothing more is told in a sentence. rich is not
imported here, for `--version` needs none.
"""

import codecs
import errno
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from engine.runs.directory import Home, default_home
from engine.text import plain

_COMMAND = re.compile(r"`cae-tui (?=[a-z])(?![^`]*--help`)")
"""Where a command in a sentence has its `--home`; the help of a command is the same for all."""
_home: Home | None = None
"""Where the runs of this process are, once that is known: commands in what is told name it."""

_LIKE = str.maketrans(
    {"×": "x", "·": "-", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "≥": ">=",
     "≤": "<=", "★": "*", "→": "->", "�": "?", "━": "-", "─": "-", "╸": "-", "╺": "-"}
)  # fmt: skip
"""What stands for the characters of our own sentences where there is nothing but ASCII."""


class OutputError(OSError):
    """The output takes nothing more; the message is a sentence for people."""


def command_for(home: Home, *words: str) -> str:
    """A command as it is typed, with `--home` where these runs are not in the usual place."""
    elsewhere = [] if home.path == default_home() else ["--home", str(home.path)]
    return plain(" ".join(shlex.quote(word) for word in ("cae-tui", *elsewhere, *words)))


def tell_of(home: Home | None) -> None:
    """From now on every command in a sentence that is told is one for the runs of `home`."""
    global _home
    _home = home


def as_typed(sentence: str) -> str:
    """`sentence` with the commands in it as they are typed for the runs of this process.

    The engine writes them without `--home`: it knows nothing of the command line, and a run keeps its sentences when
    its home is moved.
    """
    home = _home
    return sentence if home is None else _COMMAND.sub(lambda _: f"`{command_for(home)} ", sentence)


def put(text: str, end: str = "\n") -> None:
    """Print plain text on stdout.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: the output takes nothing more.
    """
    try:
        print(text, end=end)  # noqa: T201 - all that is printed passes here
    except OSError as error:
        raise refusal(error) from error


def flush() -> None:
    """Send what was printed on its way: what fails is known now, and not when the interpreter ends.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: the output takes nothing more.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise refusal(error) from error


def refusal(error: OSError) -> OSError:
    """What a failed write of output is raised as."""
    if isinstance(error, BrokenPipeError | OutputError):
        return error
    hint = "make room, or send it elsewhere." if error.errno in (errno.ENOSPC, errno.EDQUOT) else "send it elsewhere."
    return OutputError(f"The output could not be written: {error.strerror or error}; {hint}")


def complain(sentence: str) -> None:
    """Say on stderr what is wrong, as far as anybody hears it."""
    with suppress(OSError):
        print(f"cae-tui: {plain(as_typed(sentence))}", file=sys.stderr)  # noqa: T201 - all that is printed passes here


KEEP_TITLE, GIVE_TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
"""What has a terminal remember its title, and have that one again."""
SCREEN_BYTES = 512
"""Of a string of which screen passes on no more at once."""


def title(words: str) -> str:
    """What asks a terminal to be called `cae-tui` and these words; tmux takes it for the pane, and passes it on."""
    return f"\x1b]2;{' '.join(['cae-tui', *([plain(words)] if words else [])])}\a"


@contextmanager
def keeping_title() -> Iterator[None]:
    """Give the terminal on stderr its title back at the end, whatever it is called meanwhile."""
    _write(KEEP_TITLE)
    try:
        yield
    finally:
        _write(GIVE_TITLE_BACK)


def _write(sequence: str) -> None:
    terminal = sys.__stderr__
    if terminal is not None:
        with suppress(OSError, ValueError):
            terminal.write(sequence)
            terminal.flush()


def notification(head: str, sentence: str, environment: Mapping[str, str]) -> str:
    """What asks a terminal for a notification of the desktop, once: by OSC 777 where that is known, else by OSC 9."""
    body = plain(sentence.replace("\n", " ")).replace(";", ",")
    program = environment.get("TERM", "")
    if environment.get("VTE_VERSION") or program.startswith(("foot", "rxvt")):
        return passed_on(f"\x1b]777;notify;{head};{body}\a", environment)
    return passed_on(f"\x1b]9;{head}: {body}\a", environment)


def passed_on(sequence: str, environment: Mapping[str, str]) -> str:
    """A sequence as it has to be written to reach the terminal around tmux or screen, where one is between.

    tmux passes it on where its `allow-passthrough` is on.
    """
    term = environment.get("TERM", "")
    if environment.get("TMUX") or (term.startswith(("tmux", "screen")) and not environment.get("STY")):
        wrapped = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{wrapped}\x1b\\"
    if environment.get("STY"):
        pieces = (sequence[begin : begin + SCREEN_BYTES] for begin in range(0, len(sequence), SCREEN_BYTES))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return sequence


def take_any_character() -> None:
    """Let stdout and stderr print characters that their encodings lack as others that they have."""
    codecs.register_error("cae-tui", _something_like_it)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cae-tui")


def _something_like_it(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    like = error.object[error.start : error.end].translate(_LIKE)
    return "".join(character if character.isascii() else "?" for character in like), error.end


def let_go() -> None:
    """Send what is still to be written nowhere: the interpreter would complain about it while it ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
