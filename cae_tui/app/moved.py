"""The part of the app that asks where images were moved to that a run or a study was trained on."""

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path

from cae_tui import messages
from cae_tui.app.base import BaseApp
from cae_tui.app.lists import Lists
from cae_tui.app.questions import ask_until_taken
from engine.errors import EngineError, MovedError
from engine.specs.data_files import ROLES, DataFiles
from engine.storage.paths import pasted_path

Reopening = messages.ResumeRun | messages.FinishRun | messages.ResumeStudy


class Moved:
    """Images that are no longer where a run or a study read them."""

    def __init__(self, app: BaseApp, lists: Lists) -> None:
        self._app, self._lists = app, lists
        self.reopening: Reopening | None = None  # asked for last

    def reopen(self, asked: Reopening, fields: Collection[str]) -> None:
        """Ask where the images are of the run or the study that is to go on; then have what was asked done again."""
        owner = {"study": asked.study} if isinstance(asked, messages.ResumeStudy) else {"run": asked.run}

        async def ask() -> None:
            if await self.ask(fields, **owner):
                self._app.post_message(asked)

        self._app.run_worker(ask())

    async def ask(self, fields: Collection[str], *, run: str = "", study: str = "") -> bool:
        """Ask where the images of a run or a study are now, and write it down; whether it was told. Only from a worker.

        Args:
            fields: those whose files are gone or hold others; none where it is not known which hold others.
            run: whose images they are;
            study: or of which study.
        """
        try:
            if study:
                name, relocate = f"study {self._lists.study_prefix(study)}", partial(self._app.studies.relocate, study)
                files = self._app.studies.files_of(study)
            else:
                whole = self._app.home.find(run).id
                name, relocate = f"run {self._lists.run_prefix(run)}", partial(self._app.runner.relocate, whole)
                files = self._app.runner.files_of(run) or DataFiles()
        except EngineError as error:  # it was deleted meanwhile, say
            self._app.tell(str(error), "error")
            return False
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
                self._app.notify(f"{name[0].upper()}{name[1:]} reads its images from {images} now.", markup=False)
                return ()

            problem = f"{_what_is_wrong(field if fields else '', old)} Name the file, or the folder that it is in."
            title = f"Where are the {ROLES[field]} of {name} now?"
            hint = "the file, or the folder that it is in"
            left = await ask_until_taken(self._app, title, str(old), hint, take, path=True, problem=problem, yes="Use")
            if left is None:
                return False
            todo = left
        return True


def _what_is_wrong(field: str, old: Path) -> str:
    """Why the file of `field` that was at `old` is asked for; without a field, another one may be wrong."""
    if not os.path.exists(old):
        return f"{old} is no longer there."
    if not field:
        return f"{old} or a file that goes with it holds other images or labels now."
    return f"{old} holds other {ROLES[field].split()[-1]} now."
