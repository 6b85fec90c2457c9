"""What a path that is typed may go on with: the entries of its folder."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from textual.suggester import Suggester

from cae_tui.bridge.data_reader import file_endings

T = TypeVar("T")
MOST = 500
"""Entries of a folder that are listed at once; typing the beginning of a name finds the others."""


def listed(folder: str, beginning: str, *, pictures: bool = False) -> tuple[list[tuple[str, bool]], int]:
    """What of a folder may be chosen, each with whether it is a folder, and how many more there are.

    Folders come first; hidden ones only where the beginning asks for them. Files are those that may be a set, those
    without an ending too; or pictures.

    Raises:
        OSError: it cannot be looked into.
    """
    endings = file_endings(pictures=pictures)
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.lower().startswith(beginning.lower()):
                continue
            if entry.name.startswith(".") and not beginning.startswith("."):
                continue
            is_folder = entry.is_dir()
            without_ending = not pictures and "." not in entry.name.lstrip(".")
            if is_folder or without_ending or entry.name.lower().endswith(endings):
                found.append((entry.name, is_folder))
    found.sort(key=lambda pair: (not pair[1], pair[0].lower()))
    return found[:MOST], max(len(found) - MOST, 0)


async def in_own_thread(look: Callable[[], T]) -> T:
    """What `look` gives, from a thread that nobody waits for at the end: a folder of a network can hang for ever."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        found: Future[T] = Future()
        try:
            found.set_result(look())
        except Exception as error:
            found.set_exception(error)
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, found)

    def tell(found: Future[T]) -> None:
        if future.done():  # it was given up
            return
        if error := found.exception():
            future.set_exception(error)
        else:
            future.set_result(found.result())

    threading.Thread(target=work, name="looking into a folder", daemon=True).start()
    return await future


class PathSuggester(Suggester):
    """Goes on with what is typed: the first entry of the folder that begins so, taken with the right arrow.

    Args:
        names: words that may be typed in place of a path.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__(use_cache=False, case_sensitive=True)  # folders change
        self._names = names

    async def get_suggestion(self, value: str) -> str | None:
        """`value` and the rest of the name; a folder ends with a slash, so that typing goes on in it."""
        for name in self._names:
            if name.startswith(value):
                return name
        return await in_own_thread(lambda: _completed(value))


def _completed(value: str) -> str | None:
    folder, beginning = os.path.split(os.path.expanduser(value))
    if not beginning:
        return None  # nobody knows which of a whole folder is meant
    try:
        found = listed(folder or ".", beginning)[0]
    except (OSError, ValueError):
        return None
    for name, is_folder in found:
        if name.startswith(beginning):
            rest = name[len(beginning) :]
            return value + rest + (os.sep if is_folder else "")
    return None
