"""Writing files so that a reader never meets half of one.

Everything in a run's directory but `events.jsonl` goes through `write_bytes`: a temporary sibling,
flushed to disk, then renamed over the target. A full disk or a folder that cannot be written is a
`StorageError` in words, and leaves the old file as it was.
"""

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.errors import StorageError

FORMAT = 1
"""The version that every JSON file and every model file carries as `format`."""
LONGEST_NAME = 255
"""Bytes of one part of a path, on every file system in use."""
Put = Callable[[Path, bytes], None]
"""Puts bytes at a path, whole or not at all, as `write_bytes` does."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A sibling of `path` to write to, a file or a folder, which takes its place at the end.

    Where anything is raised, nothing is left.

    Raises:
        StorageError: it cannot be written.
    """
    sibling = path.with_name(f".{path.name[:60]}.{os.urandom(4).hex()}")
    try:
        yield sibling
        for file in (sibling, *sibling.rglob("*")):
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written)
        os.replace(sibling, path)
    except BaseException as error:
        with suppress(OSError):
            shutil.rmtree(sibling) if sibling.is_dir() else sibling.unlink()
        # A pipe that nobody reads, and what has a sentence of its own, are no fault of the file.
        if isinstance(error, OSError) and error.errno not in (None, errno.EPIPE):
            raise storage_error(path, error) from error
        raise


def refuse_taken(path: Path) -> None:
    """Refuse a path where there is something.

    Raises:
        StorageError: there is.
    """
    if os.path.lexists(path):
        raise StorageError(f"{path} already exists and is not overwritten: choose another name.")


def make_folder_of(path: Path) -> None:
    """Make the folder that `path` is written into, where it is not there yet.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    # Opened so, it is nobody's file, nor what a link of that name leads to.
    with written_whole(path) as sibling, open(sibling, "xb") as file:
        file.write(data)


def write_json(path: Path, kind: str, values: dict[str, Any], put: Put = write_bytes) -> None:
    """Put a JSON object at `path`, whole or not at all, with `format` and `kind` in front."""
    text = json.dumps({"format": FORMAT, **values, "kind": kind}, indent=1, ensure_ascii=False)
    # A name of a file that is not UTF-8 has characters that no encoding has: \udcff is what JSON writes for one.
    put(path, text.encode(errors="backslashreplace") + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a JSON object, or of a newer format.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # a folder, or what never ends
        raise ValueError("it is not a regular file")
    try:
        values = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it is nested too deeply to be a file of cae-tui") from None
    if not isinstance(values, dict):
        raise ValueError("it does not hold a JSON object")
    if problem := format_problem(values.get("format", FORMAT)):
        raise ValueError(f"it {problem}")
    return values


def format_problem(found: object) -> str:
    """What is wrong with the `format` that a file carries; nothing where this version reads it."""
    if type(found) is not int or found < 1:
        return "has no format number, so it is damaged or from another program"
    return f"has format {found}; this version reads {FORMAT}: use a newer cae-tui" if found != FORMAT else ""


def delete_folder(path: Path) -> None:
    """Take a folder of the home away with all that is in it; what a link leads to stays.

    Raises:
        StorageError: it cannot be deleted.
    """
    grave = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    with storage_errors(path):
        path.rename(grave)  # gone at once, even where taking away its files is cut off
        if grave.is_symlink():
            grave.unlink()
        else:
            shutil.rmtree(grave)


def absolute(path: Path) -> Path:
    """`path` from the root, with `~` written out.

    Raises:
        StorageError: it names a user who is not here, is no text, or a name in it is longer than any file's can be.
    """
    try:
        path = path.expanduser().absolute()
    except RuntimeError:
        raise StorageError(f"{path}: there is no user of that name here; write the whole path.") from None
    try:
        str(path).encode()
    except UnicodeEncodeError:  # neither JSON nor safetensors can name it
        shown = str(path).encode(errors="replace").decode()
        raise StorageError(f"The name {shown} is not valid UTF-8: rename it, or choose another folder.") from None
    for name in path.parts:
        if (length := len(os.fsencode(name))) > LONGEST_NAME:
            raise StorageError(
                f"The name {name[:20]}… is too long: it has {length:,} bytes, and a name has at most {LONGEST_NAME}. "
                "Choose a shorter one."
            )
    return path


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Say of `path` in words what is raised inside by the system.

    Raises:
        StorageError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """The sentence for a failed write: what to do depends on why it failed."""
    if error.errno in _FULL:
        advice = "Make room, or choose another folder"
    elif error.errno in _FORBIDDEN:
        advice = "Choose another folder, or make this one writable"
    elif error.errno in _IN_THE_WAY:
        advice = "A file is where a folder is needed: choose another folder"
    elif error.errno == errno.ENOENT:
        advice = "Its folder is not there: restore or make it, or choose another"
    else:
        advice = "Choose another folder"
    return StorageError(
        f"{path} could not be written: {error.strerror or error}. {advice}, then try again.", full=error.errno in _FULL
    )
