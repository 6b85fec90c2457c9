"""What is printed: to a terminal, a pipe or a file, in whatever encoding it has.

A result that took hours must not be lost to its output. A character that the encoding lacks is printed as one that it
has; a reader that has gone is not an error; an output that takes nothing more is told in a sentence. rich is not
imported here, for `--version` needs none.
"""

import codecs
import errno
import io
import os
import sys
from contextlib import suppress

from engine.words import plain

_LIKE = str.maketrans(
    {"×": "x", "·": "-", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "≥": ">=",
     "≤": "<=", "★": "*", "→": "->", "�": "?", "━": "-", "─": "-", "╸": "-", "╺": "-"}
)  # fmt: skip
"""What stands for the characters of our own sentences where there is nothing but ASCII."""


class OutputError(OSError):
    """The output takes nothing more; the message is a sentence for people."""


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
        print(f"cae-tui: {plain(sentence)}", file=sys.stderr)  # noqa: T201 - all that is printed passes here


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
