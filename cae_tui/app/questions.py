"""Questions over the page on top. All of them only from a worker, which waits for the answer."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from textual.app import App

from engine.errors import EngineError
from engine.storage.paths import pasted_path

Taken = TypeVar("Taken")


async def confirm(app: App[Any], question: str, detail: str, yes: str) -> bool:
    """Ask a question whose safe answer is no."""
    from cae_tui.screens.dialogs import ConfirmScreen

    return await app.push_screen_wait(ConfirmScreen(question, detail, yes))


async def ask_text(app: App[Any], title: str, value: str, hint: str, check: Callable[[str], Any]) -> str | None:
    """A line of text that `check` does not refuse; None where the person would not."""

    async def take(typed: str) -> str:
        check(typed)
        return typed

    return await ask_until_taken(app, title, value, hint, take)


async def ask_where(app: App[Any], title: str, target: str, write: Callable[[str], Awaitable[None]]) -> None:
    """Ask for a path until `write` can write there; left empty, nothing is written."""

    async def take(typed: str) -> None:
        if path := pasted_path(typed):
            await write(path)

    await ask_until_taken(app, title, target, "a file or a folder", take, path=True)


async def ask_until_taken(
    app: App[Any],
    title: str,
    value: str,
    hint: str,
    take: Callable[[str], Awaitable[Taken]],
    *,
    path: bool = False,
    problem: str = "",
    yes: str = "Save",
) -> Taken | None:
    """Ask until `take` raises no `EngineError`, and give back what it made of the answer; None where there is none."""
    from cae_tui.screens.dialogs import AskTextScreen

    while True:
        typed: str | None = await app.push_screen_wait(AskTextScreen(title, value, problem, hint, path=path, yes=yes))
        if typed is None:
            return None
        try:
            return await take(typed)
        except EngineError as error:
            value, problem = typed, str(error)
