"""What a person notes about a run: a star, tags, a note, and whether lists leave it out.

It is `marks.json` in the run's directory, apart from `status.json`, which belongs to the process that trains the run.
A run without the file has no marks. Neither torch nor pydantic is imported here, for the first screen lists runs.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.storage.files import read_json, write_json
from engine.storage.typed_json import record_of

MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 30, 500
_TAG = re.compile(r"[\w.+/-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """A person's own words about a run."""

    star: bool = False
    hidden: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""


NO_MARKS = Marks()


def read_tags(text: str) -> tuple[str, ...]:
    """The tags that a person typed, with blanks or commas between them, each once.

    Raises:
        RunError: one has characters that a filter could not name, or there are too many.
    """
    tags = tuple(dict.fromkeys(part.removeprefix("#").lower() for part in re.split(r"[\s,]+", text) if part.strip("#")))
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise RunError(f"“{tag[:LONGEST_TAG]}” is not a tag: use letters, digits and . + / - _ only.")
        if len(tag) > LONGEST_TAG:
            raise RunError(f"“{tag[:LONGEST_TAG]}…” has {len(tag)} characters: a tag has at most {LONGEST_TAG}.")
    if len(tags) > MOST_TAGS:
        raise RunError(f"{len(tags)} tags are too many: a run has at most {MOST_TAGS}.")
    return tags


def read_note(text: str) -> str:
    """The note that a person typed, in one line.

    Raises:
        RunError: it is too long.
    """
    note = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    if len(note) > LONGEST_NOTE:
        raise RunError(f"The note has {len(note):,} characters, and at most {LONGEST_NOTE} fit: shorten it.")
    return note


def change(marks: Marks, *, add: Sequence[str] = (), remove: Sequence[str] = (), **values: Any) -> Marks:
    """`marks` with tags added and removed, and with `values` in place of its own.

    Raises:
        RunError: there would be too many tags.
    """
    tags = tuple(tag for tag in dict.fromkeys((*marks.tags, *add)) if tag not in remove)
    if len(tags) > MOST_TAGS:
        raise RunError(f"{len(tags)} tags are too many: a run has at most {MOST_TAGS}. Remove some first.")
    return replace(marks, tags=tags, **values)


def read_marks(path: Path) -> Marks:
    """What `marks.json` at `path` says.

    Raises:
        RunError: it is damaged.
    """
    try:
        found = record_of(Marks, read_json(path))
        marks = replace(found, tags=read_tags(" ".join(found.tags)), note=read_note(found.note))
    except FileNotFoundError:
        return NO_MARKS
    except (OSError, ValueError, TypeError, RunError) as error:
        raise RunError(
            f"{path} cannot be read ({error}): fix the file, or delete it: it holds only the star, tags and note."
        ) from None
    return marks


def write_marks(path: Path, marks: Marks) -> None:
    """Replace `marks.json` at `path`.

    Raises:
        StorageError: it cannot be written.
    """
    write_json(path, "marks", asdict(marks))
