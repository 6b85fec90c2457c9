"""Paths as people give them: out of a file manager, browser or shell, in quotes, with escapes, as `file://`, with `~`.

What exists as it stands wins over every reading of it: a file whose name has quotes or backslashes can be named.
"""

import os
import platform
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from engine.errors import StorageError

_QUOTES = ("“”", "„“", "‘’", "‚‘", "«»", "``")


def given_path(text: str) -> str:
    """The path that a word of the command line means.

    Quotes and escapes may be left where a script handed it on; of what is yet to be written they are part of the name.
    """
    found = pasted_path(text)
    return found if found and os.path.lexists(found) else _best([text, _of_url(text)])


def path_of(word: str) -> Path:
    """`given_path` as a path."""
    return Path(given_path(word))


def place_of(word: str) -> Path:
    """Where something is to be written, as it was given on the command line.

    Raises:
        StorageError: it names no place.
    """
    if not word.strip():
        raise StorageError("--to names no place: give a path.")
    return path_of(word)


def pasted_path(text: str) -> str:
    """The path that was typed or pasted into a field; empty where that is blank."""
    text = text.strip("\r\n")
    return _best(list(_readings(text))) if text.strip() else ""


def _readings(text: str) -> Iterator[str]:
    """What `text` can mean, from as it stands to what is most likely where nothing of that name is there."""
    yield text
    text = text.strip()
    yield text
    text = _unquoted(text)
    yield text
    yield _of_url(text)


def _best(readings: list[str]) -> str:
    readings = [_with_home(reading) for reading in readings]
    for reading in readings:
        if os.path.lexists(reading):
            return reading
    likely = readings[-1]
    for reading in readings:  # a file that is to be written into a folder that is there
        folder = os.path.dirname(reading)
        if folder != os.path.dirname(likely) and os.path.isdir(folder):
            return reading
    return likely


def _with_home(path: str) -> str:
    try:
        return os.path.expanduser(path)
    except ValueError:  # a null byte in what might be a user's name
        return path


def _unquoted(text: str) -> str:
    """As a shell reads it, where that is one word."""
    if any(text[:1] == pair[0] and text[-1:] == pair[1] for pair in _QUOTES) and len(text) > 2:
        return text[1:-1].strip()
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is not closed: part of a name
        return text
    return words[0] if len(words) == 1 else text


def _of_url(text: str) -> str:
    """The path of a `file:` URL of this machine; everything else as it is."""
    scheme, colon, rest = text.partition(":")
    if scheme.lower() != "file" or not colon:
        return text
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        if host.lower() not in ("", "localhost", "127.0.0.1", platform.node().lower()):
            return text
        rest = slash + rest
    return os.fsdecode(unquote_to_bytes(rest)) if rest.startswith("/") else text


def shown(path: Path) -> str:
    """A path as it can stand in a sentence: its last 120 characters, none of them control."""
    text = "".join(character if character.isprintable() else "�" for character in str(path))
    return "…" + text[-120:] if len(text) > 120 else text
