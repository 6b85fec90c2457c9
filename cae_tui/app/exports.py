"""The part of the app that writes runs for other programs: it asks as what and where to, and shows that it works."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from cae_tui import formats, messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.app.lists import Lists
from cae_tui.app.questions import ask_where
from engine.text import counted

if TYPE_CHECKING:
    from cae_tui.bridge.values import Progress

SOON_SECONDS = 0.3
"""What takes no longer shows no progress."""
LONG_SECONDS = 12
"""How long a notice stands that is longer than usual."""

Done = TypeVar("Done")


class Exports:
    """What is done to write runs."""

    def __init__(self, app: BaseApp, lists: Lists) -> None:
        self._app, self._lists = app, lists

    @acts_on(messages.ChooseExport)
    async def _choose(self, message: messages.ChooseExport) -> None:
        from cae_tui.screens.exports import ExportScreen, Form
        from engine.exporters import EXPORTERS, exporter_named

        forms = [Form(name, exporter.title, exporter.missing())
                 for name in EXPORTERS for exporter in (exporter_named(name),)]  # fmt: skip
        prefix = self._lists.run_prefix(message.run)
        chosen = await self._app.push_screen_wait(ExportScreen(prefix, forms))
        if chosen:
            await self._export(messages.Export(chosen, (message.run,)))
        elif chosen is not None:
            await self._export_all(message.run)

    @acts_on(messages.Export)
    async def _export(self, message: messages.Export) -> None:
        from cae_tui.bridge.values import Progress
        from engine.exporters import exporter_named, file_name

        exporter, names = exporter_named(message.exporter), [self._lists.run_prefix(run) for run in message.runs]
        said = self._lists.say(message.runs) if exporter.takes_many else names[0]

        async def write(target: str) -> None:
            progress = Progress()
            work = self._app.runner.export(message.exporter, message.runs, target, progress)
            if written := await self._wait_for(exporter.title, work, progress):
                sentence = exporter.tells.format(runs=said, path=written.path)
                self._app.tell(formats.exported(sentence, written.size, written.checked), timeout=LONG_SECONDS)

        await ask_where(self._app, exporter.asks.format(runs=said), f"./{file_name(message.exporter, names)}", write)

    async def _export_all(self, run: str) -> None:
        from cae_tui.bridge.values import Progress

        prefix = self._lists.run_prefix(run)

        async def write(target: str) -> None:
            progress = Progress()
            done = await self._wait_for(
                "Write everything", self._app.runner.export_all(run, target, progress), progress
            )
            if done is not None:
                size = formats.size(sum(one.size for one in done.written.values()))
                count = len(done.written)
                what = f"{counted(count, 'export')} of run {prefix}, each checked, {'was' if count == 1 else 'were'}"
                left_out = "".join(f"\n{sentence}" for sentence in done.left_out.values())
                self._app.tell(f"{what} written into {done.folder}. {size}.{left_out}", timeout=LONG_SECONDS)

        title = f"Write all that can be written of run {prefix} into a new folder, or a new one in"
        await ask_where(self._app, title, f"./cae-tui-{prefix}", write)

    async def _wait_for(self, title: str, work: Coroutine[Any, Any, Done], progress: "Progress") -> Done | None:
        """What `work` gives; None where a person gave it up, which ends it and leaves nothing."""
        from cae_tui.screens.exports import WritingScreen

        task = asyncio.ensure_future(work)
        shown: WritingScreen | None = None
        try:
            done, _ = await asyncio.wait([task], timeout=SOON_SECONDS)
            if not done:
                shown = WritingScreen(title, progress, task.cancel)
                await self._app.push_screen(shown)
                await asyncio.wait([task])
        finally:
            task.cancel()
            progress.over = True
            if shown is not None:
                shown.leave_when_over()
        if task.cancelled():
            self._app.tell("Given up: nothing was written.")
            return None
        return task.result()
