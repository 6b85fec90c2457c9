"""The part of the App that knows where one is: which pages are open, and how one comes to another and back.

A layer under `CaeApp`, only so that no file is too long to be read in one sitting.
"""

import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from weakref import WeakSet

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import Screen

from cae_tui.app.recovery import RecoveringApp
from cae_tui.screens.base import Page
from engine.errors import EngineError, MovedError
from engine.specs.data_files import ROLES, DataFiles
from engine.storage.paths import pasted_path

Taken = TypeVar("Taken")


class NavigatingApp(RecoveringApp):
    """Pages, one over the other, and questions over them; and the keys that work everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help", tooltip="What this screen is for, and its keys"),
        Binding("ctrl+t", "go_to_run", "Run", id="app.run", tooltip="Go to the run that is training", show=False),
        Binding(
            "ctrl+q",
            "quit",
            "Quit",
            id="app.quit",
            tooltip="Quit; asks first while a run is training",
            show=False,
            priority=True,
        ),
        Binding(
            "ctrl+c",
            "help_quit",
            "Copy, quit",
            id="app.copy",
            show=False,
            system=True,
            tooltip="Copy what is selected; twice to quit",
        ),
        Binding(
            "ctrl+p",
            "command_palette",
            "Commands",
            id="app.commands",
            show=False,
            priority=True,
            tooltip="Every command of the screen, by its name",
        ),
    ]

    asked_by: Page | None = None
    """The form that asked for the run or study which is being prepared."""

    def __init__(self) -> None:
        super().__init__()
        self._spent: WeakSet[Screen[Any]] = WeakSet()  # forms whose run began

    @property
    def page(self) -> Page | None:
        """The topmost page, whatever dialogs lie over it."""
        return next(reversed(self.pages), None)

    @property
    def pages(self) -> list[Page]:
        """All that are open, the first screen first."""
        return [screen for screen in self.screen_stack if isinstance(screen, Page)]

    def go(self, place: tuple[str, str], make: Callable[[], Page]) -> None:
        """Show the page that is `place`: the one that is open already, or a new one on top."""
        there = next((page for page in self.pages if page.place == place), None)
        if there is not None:
            while self.screen is not there:
                self.pop_screen()
            return
        page = make()
        page.place = place
        self.push_screen(page)

    def pop_screen(self) -> AwaitComplete:
        """Leave the screen on top; what it still waits for is not waited for, as its widgets go first."""
        self.workers.cancel_node(self.screen)
        return super().pop_screen()

    async def action_back(self) -> None:
        """The screen before; a form whose run began is behind one too."""
        if isinstance(self.screen, Page) and self.screen.step_back():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()
        while len(self.screen_stack) > 1 and self.screen in self._spent:
            self.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """There is no way back from the first screen."""
        if action != "back":
            return True
        return self.is_running and len(self.pages) > 1

    def form_served(self) -> None:
        """What the form asked for began: going back does not lead to it."""
        if self.asked_by is not None:
            self._spent.add(self.asked_by)
            self.asked_by = None

    def action_help(self) -> None:
        """Explain the page on top."""
        if (page := self.page) is not None and self.screen is page:
            from cae_tui.screens.dialogs import EVERYWHERE, HelpScreen

            self.push_screen(HelpScreen(" › ".join(page.crumbs) or self.title, f"{page.HELP}\n\n{EVERYWHERE}"))

    # -- questions -------------------------------------------------------------------------------

    async def ask_text(self, title: str, value: str, hint: str, check: Callable[[str], Any]) -> str | None:
        """A line of text that `check` does not refuse; None where the person would not. Only from a worker."""

        async def take(typed: str) -> str:
            check(typed)
            return typed

        return await self._ask(title, value, hint, take)

    async def ask_where(self, title: str, target: str, write: Callable[[str], Awaitable[None]]) -> None:
        """Ask for a path until `write` can write there; left empty, nothing is written. Only from a worker."""

        async def take(typed: str) -> None:
            if path := pasted_path(typed):
                await write(path)

        await self._ask(title, target, "a file or a folder", take, path=True)

    async def ask_where_data(
        self,
        name: str,
        files: DataFiles,
        fields: Collection[str],
        relocate: Callable[[Mapping[str, Path]], Awaitable[Path | None]],
    ) -> bool:
        """Ask where moved images are until `relocate` takes the answer; whether it did. Only from a worker.

        Args:
            name: whose images they are: `run a7f3`.
            files: where they were.
            fields: those that are asked for; none where other images or labels are there and it is not known which.
            relocate: writes down the new places.
        """
        given: dict[str, Path] = {}
        todo: tuple[str, ...] = tuple(fields) or ("images",)
        while todo:
            field = todo[0]
            if (old := files.named.get(field)) is None:
                return False

            async def take(typed: str, field: str = field) -> tuple[str, ...]:
                """The fields whose files are still to be asked for."""
                if not (path := pasted_path(typed)):
                    raise EngineError("Type a path, or press Esc to cancel.")
                try:
                    images = await relocate({**given, field: Path(path)})
                except MovedError as error:
                    if not error.fields or not {field, *given}.isdisjoint(error.fields):
                        raise EngineError(error.what) from None
                    given[field] = Path(path)
                    return error.fields
                self.notify(f"{name[0].upper()}{name[1:]} reads its images from {images} now.", markup=False)
                return ()

            problem = f"{_what_is_wrong(field if fields else '', old)} Name the file, or the folder that it is in."
            title = f"Where are the {ROLES[field]} of {name} now?"
            left = await self._ask(
                title, str(old), "the file, or the folder that it is in", take, path=True, problem=problem, yes="Use"
            )
            if left is None:
                return False
            todo = left
        return True

    async def _ask(
        self,
        title: str,
        value: str,
        hint: str,
        take: Callable[[str], Awaitable[Taken]],
        *,
        path: bool = False,
        problem: str = "",
        yes: str = "Save",
    ) -> Taken | None:
        from cae_tui.screens.dialogs import AskTextScreen

        while True:
            question = AskTextScreen(title, value, problem, hint, path=path, yes=yes)
            typed: str | None = await self.push_screen_wait(question)
            if typed is None:
                return None
            try:
                return await take(typed)
            except EngineError as error:
                value, problem = typed, str(error)


def _what_is_wrong(field: str, old: Path) -> str:
    """Why the file of `field` that was at `old` is asked for; without a field, another one may be wrong."""
    if not os.path.exists(old):
        return f"{old} is no longer there."
    if not field:
        return f"{old} or a file that goes with it holds other images or labels now."
    return f"{old} holds other {ROLES[field].split()[-1]} now."
