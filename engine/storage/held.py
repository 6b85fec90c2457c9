"""A folder that one process holds while it works in it, as that of a run or of a study, and the folder of such folders.

Each has an id of 10 characters, and is found by as many of its first as no other has. Neither torch nor pydantic is
imported here, and the locks only by who asks for one: the first screen lists runs and studies.
"""

import itertools
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from engine.errors import EngineError
from engine.storage.files import delete_folder, read_json, storage_error, storage_errors

ID_LENGTH = 10
ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no letters that look like digits
ID = re.compile(rf"[{ID_ALPHABET}]{{{ID_LENGTH}}}")
SHORTEST_PREFIX = 4
_RANDOM = random.SystemRandom()  # no seed, which a run sets, may make two ids alike
_LEFT_OVER = re.compile(rf"\.([{ID_ALPHABET}]{{{ID_LENGTH}}}\.)?[0-9a-f]{{8}}")
"""A folder that is being made, or deleted."""
LEFT_OVER_SECONDS = 24 * 3600.0
"""After that long, nobody works on it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What a person is told of one kind of folder, and the error that says it; what is in braces is filled in."""

    error: type[EngineError]
    held: str  # {id}: another process has it
    in_use: str  # {id}: so it cannot be deleted
    unreadable: str  # {path}, {error}: a file in it
    unknown: str  # {prefix}, {folder}: none is found
    ambiguous: str  # {count}, {prefix}, {ids}: several are


class HeldFolder:
    """A folder of the home that belongs to one process while that works in it; its name is its id."""

    sentences: ClassVar[Sentences]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.lock = path / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold it for this process; a lock left by a dead one is free.

        Raises:
            EngineError: another process, or another thread of this one, holds it.
        """
        with held(self.lock, lambda: self.sentences.error(self.sentences.held.format(id=self.id))):
            yield

    def is_held(self) -> bool:
        """Whether somebody works in it now."""
        return is_alive(self.path)

    def read_json(self, path: Path) -> dict[str, Any]:
        """The JSON object in a file of the folder.

        Raises:
            EngineError: it is missing or damaged.
        """
        try:
            return read_json(path)
        except (OSError, ValueError) as error:
            raise self.unreadable(path, error) from None

    def unreadable(self, path: Path, error: Exception) -> EngineError:
        """That a file of the folder is missing or damaged, and what to do."""
        return self.sentences.error(self.sentences.unreadable.format(path=path, error=error))


@contextmanager
def held(path: Path, refusal: Callable[[], EngineError]) -> Iterator[None]:
    """Hold the lock at `path` for this process; a lock left by a dead one is free.

    Raises:
        EngineError: another process, or another thread of this one, holds it: what `refusal` gives.
        StorageError: it cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)  # a list that looks at the lock holds it for an instant
    except Timeout:
        raise refusal() from None
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


def is_alive(folder: Path) -> bool:
    """Whether somebody works in the folder of a run or of a study: the one place that says so.

    Its lock answers, which is this system's own. Where work is done elsewhere, what tells of it is to be asked here.
    """
    return is_locked(folder / "lock")


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock at `path`."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


Folder = TypeVar("Folder", bound=HeldFolder)


class HeldFolders(Generic[Folder]):
    """The folders of one kind, by their ids."""

    def __init__(self, folder: Path, kind: type[Folder]) -> None:
        self.folder = folder
        self._kind = kind

    def ids(self) -> list[str]:
        """Every id, sorted."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder) if ID.fullmatch(entry.name))
        except OSError:
            return []

    def find(self, prefix: str) -> Folder:
        """The one whose id begins with `prefix`.

        Raises:
            EngineError: none does, or several do.
        """
        found = [name for name in self.ids() if name.startswith(prefix.lower())] if prefix else []
        if len(found) == 1:
            return self._kind(self.folder / found[0])
        told, shown = self._kind.sentences, prefix[:40]
        if not found:
            raise told.error(told.unknown.format(prefix=shown, folder=self.folder))
        raise told.error(told.ambiguous.format(count=len(found), prefix=shown, ids=", ".join(found[:4])))

    def delete(self, one: Folder) -> None:
        """Take one away for good.

        Raises:
            EngineError: a process works in it.
            StorageError: it cannot be deleted.
        """
        if one.is_held():
            raise one.sentences.error(one.sentences.in_use.format(id=one.id))
        delete_folder(one.path)

    def create(self, fill: Callable[[Folder], None] = lambda _: None) -> Folder:
        """A new one, which is there whole or not at all: `fill` writes its first files before others see it.

        Raises:
            StorageError: the folder cannot be written.
        """
        hidden = self.folder / f".{os.urandom(4).hex()}"
        with storage_errors(self.folder):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._sweep()
                hidden.mkdir()
                taken = {*os.listdir(self.folder)}
                names = (new_id() for _ in itertools.count())
                one = self._kind(hidden / next(name for name in names if name not in taken))
                one.path.mkdir()
                fill(one)
                return self._kind(one.path.rename(self.folder / one.id))
            finally:
                shutil.rmtree(hidden, ignore_errors=True)

    def _sweep(self) -> None:
        """Take away what a process left half made or half deleted when it was killed."""
        for entry in os.scandir(self.folder):
            if _LEFT_OVER.fullmatch(entry.name):
                with suppress(OSError):
                    if abs(time.time() - entry.stat().st_mtime) > LEFT_OVER_SECONDS:
                        shutil.rmtree(entry.path)


def new_id() -> str:
    """A random id, of a run or of a study."""
    return "".join(_RANDOM.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def shortest_prefixes(ids: list[str]) -> dict[str, str]:
    """The shortest prefix of each id that no other of the sorted `ids` has, at least 4 characters."""
    prefixes = {}
    for before, name, after in zip(["", *ids], ids, [*ids[1:], ""], strict=False):
        cuts = (name[:length] for length in range(SHORTEST_PREFIX, ID_LENGTH + 1))
        prefixes[name] = next(cut for cut in cuts if not before.startswith(cut) and not after.startswith(cut))
    return prefixes
