"""Writing files so that a reader never meets half of one.

Everything in a run's directory but `events.jsonl` goes through `write_bytes`: a temporary sibling,
flushed to disk, then renamed over the target. A full disk or a folder that cannot be written is a
`StorageError` in words, and leaves the old file as it was.
"""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import StorageError

FORMAT = 1
"""The version that every JSON file and every model file carries as `format`."""


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    sibling = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}")
    try:
        with open(sibling, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(sibling, path)
    except OSError as error:
        with suppress(OSError):
            sibling.unlink()
        raise storage_error(path, error) from error


def write_json(path: Path, kind: str, values: dict[str, Any]) -> None:
    """Put a JSON object at `path`, whole or not at all, with `format` and `kind` in front."""
    text = json.dumps({"format": FORMAT, **values, "kind": kind}, indent=1, ensure_ascii=False)
    write_bytes(path, text.encode() + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a JSON object, or of a newer format.
    """
    values = json.loads(path.read_bytes())
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no JSON object.")
    if values.get("format", FORMAT) != FORMAT:
        raise ValueError(f"{path} has format {values['format']}; this version reads {FORMAT}: use a newer cae-tui.")
    return values


def absolute(path: Path) -> Path:
    """`path` from the root, with `~` written out.

    Raises:
        StorageError: it names a user who is not here.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise StorageError(f"{path}: there is no user of that name here; write the whole path.") from None


def storage_error(path: Path, error: OSError) -> StorageError:
    """The sentence for a failed write."""
    return StorageError(
        f"{path} could not be written: {error.strerror or error}. Make room, or choose another folder, then try again."
    )
