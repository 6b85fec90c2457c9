"""What a person notes about a run: a star, tags, a note, and whether lists leave it out.

It is `marks.json` in the run's directory, apart from `status.json`, which belongs to the process that trains the run.
A run without the file has no notes. Neither torch nor pydantic is imported here, for the first screen lists runs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.storage.files import read_json, write_json
from engine.storage.typed_json import record_of

MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 30, 500
_TAG = re.compile(r"[\w.+/-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """A person's own words about a run."""

    star: bool = False
    hidden: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""


NO_NOTES = Notes()


def parse_tags(text: str) -> tuple[str, ...]:
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


def parse_note(text: str) -> str:
    """The note that a person typed, in one line.

    Raises:
        RunError: it is too long.
    """
    note = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    if len(note) > LONGEST_NOTE:
        raise RunError(f"The note has {len(note):,} characters, and at most {LONGEST_NOTE} fit: shorten it.")
    return note


def change(notes: Notes, *, add: Sequence[str] = (), remove: Sequence[str] = (), **values: Any) -> Notes:
    """`notes` with tags added and removed, and with `values` in place of its own.

    Raises:
        RunError: there would be too many tags.
    """
    tags = tuple(tag for tag in dict.fromkeys((*notes.tags, *add)) if tag not in remove)
    if len(tags) > MOST_TAGS:
        raise RunError(f"{len(tags)} tags are too many: a run has at most {MOST_TAGS}. Remove some first.")
    return replace(notes, tags=tags, **values)


def read_notes(path: Path) -> Notes:
    """What `marks.json` at `path` says.

    Raises:
        RunError: it is damaged.
    """
    try:
        found = record_of(Notes, read_json(path))
        notes = replace(found, tags=parse_tags(" ".join(found.tags)), note=parse_note(found.note))
    except FileNotFoundError:
        return NO_NOTES
    except (OSError, ValueError, TypeError, RunError) as error:
        raise RunError(
            f"{path} cannot be read ({error}): fix the file, or delete it: it holds only the star, tags and note."
        ) from None
    return notes


def write_notes(path: Path, notes: Notes) -> None:
    """Replace `marks.json` at `path`.

    Raises:
        StorageError: it cannot be written.
    """
    write_json(path, "marks", asdict(notes))


def json_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a run, by the names that JSON has: a person's notes are `marks` there, as in their file."""
    return {"marks" if name == "notes" else name: value for name, value in values.items()}
