"""The part of the App that knows the runs, and acts on what people ask of them: mark, compare, export, delete.

A layer under `CaeApp`, as `StudyApp` is, only so that no file is too long to be read in one sitting.
"""

import asyncio
from typing import Any

from textual import on, work

from cae_tui import messages
from cae_tui.app.data_app import DataApp
from cae_tui.messages import RunsChanged
from engine.errors import EngineError
from engine.runs.directory import Home
from engine.runs.notes import Marks, read_note, read_tags
from engine.specs.data_files import shape_words
from engine.storage.held import shortest_prefixes


class RunListApp(DataApp):
    """What lists of runs need of the app, and what the app does for them.

    Args:
        home: the folder with the runs.
    """

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.runs_version = 0
        self._prefixes: dict[str, str] = {}
        self._data_of_runs: dict[str, tuple[str, ...]] = {}

    def short(self, run: str) -> str:
        """The shortest prefix of a run's id that no other run has."""
        if run not in self._prefixes:
            self._prefixes = shortest_prefixes(self.home.ids())
        return self._prefixes.get(run, run[:4])

    def has_run(self, run: str) -> bool:
        """Whether there still is a run of that id."""
        return run in self.home.ids()

    def data_of_run(self, run: str) -> tuple[str, ...]:
        """What the images of a run are called, and their shape in words; nothing where that is not known."""
        if run not in self._data_of_runs:
            try:
                status = self.home.find(run).read_status()
            except EngineError:
                return ()
            self._data_of_runs[run] = tuple(filter(None, (status.data, shape_words(status.image_shape))))
        return self._data_of_runs[run]

    def tell_runs_changed(self) -> None:
        """Tell the page on top, and every other once it is, that lists of runs and studies are out of date."""
        self.runs_version += 1
        self._prefixes.clear()
        if page := self.page:
            page.runs_version = self.runs_version
            page.post_message(RunsChanged())

    def action_runs(self) -> None:
        """Open the list of all runs."""
        from cae_tui.screens.runs import RunsScreen

        self.go(("runs", ""), RunsScreen)

    def _say(self, runs: tuple[str, ...]) -> str:
        return f"run {self.short(runs[0])}" if len(runs) == 1 else f"{len(runs):,} runs"

    # -- what a person notes ----------------------------------------------------------------------

    @on(messages.MarkRuns)
    @work
    async def _mark(self, message: messages.MarkRuns) -> None:
        await self._change(message.runs, **{message.what: message.value})
        if message.what == "hidden" and message.value:
            self.tell(f"Hidden: {self._say(message.runs)}. The filter is:hidden lists what is hidden.")

    @on(messages.TagRuns)
    @work
    async def _tag(self, message: messages.TagRuns) -> None:
        marks = await self._marks_of(message.runs)
        if marks is None:
            return
        # What all of them have stands there; taken out, it is taken from all, and the others' own stay.
        common = [tag for tag in marks[0].tags if all(tag in other.tags for other in marks)]
        typed = await self.ask_text(
            f"Tags of {self._say(message.runs)}",
            " ".join(common),
            "baseline 2020-report",
            lambda text: read_tags(text),
        )
        if typed is not None:
            tags = read_tags(typed)
            await self._change(message.runs, add=tags, remove=[tag for tag in common if tag not in tags])

    @on(messages.NoteRuns)
    @work
    async def _note(self, message: messages.NoteRuns) -> None:
        marks = await self._marks_of(message.runs)
        if marks is None:
            return
        notes = list({mark.note for mark in marks})
        typed = await self.ask_text(
            f"Note about {self._say(message.runs)}",
            notes[0] if len(notes) == 1 else "",
            "what you want to remember"
            if len(notes) == 1
            else "one note for all; leave it empty to keep each run's own",
            lambda text: read_note(text),
        )
        if typed is None:
            return
        if not typed and len(notes) > 1:  # nothing was written, and the runs have notes of their own
            self.tell("Nothing was written: each run keeps its own note.")
            return
        await self._change(message.runs, note=read_note(typed))

    async def _marks_of(self, runs: tuple[str, ...]) -> list[Marks] | None:
        try:
            return await self.runner.in_thread(lambda: self.runner.marks(runs))
        except EngineError as error:
            self.tell(str(error), "error")
            return None

    async def _change(self, runs: tuple[str, ...], **changes: Any) -> None:
        try:
            await self.runner.in_thread(lambda: self.runner.mark(runs, **changes))
        except EngineError as error:
            self.tell(str(error), "error")
        self.tell_runs_changed()

    # -- compare, export, delete ------------------------------------------------------------------

    @on(messages.CompareRuns)
    def _compare(self, message: messages.CompareRuns) -> None:
        from cae_tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(message.runs))

    @on(messages.Export)
    @work
    async def _export(self, message: messages.Export) -> None:
        from engine.exporters import exporter_named, file_name

        exporter, names = exporter_named(message.exporter), [self.short(run) for run in message.runs]
        said = self._say(message.runs) if exporter.takes_many else names[0]

        async def write(target: str) -> None:
            written = await self.runner.export(message.exporter, message.runs, target)
            self.tell(exporter.tells.format(runs=said, path=written))

        await self.ask_where(exporter.asks.format(runs=said), f"./{file_name(exporter, names)}", write)

    @on(messages.DeleteRuns)
    @work
    async def _delete(self, message: messages.DeleteRuns) -> None:
        from cae_tui.bridge.deletion import uses_of

        detail = " ".join([_DELETE, *uses_of(self.home, message.runs)])
        if not await self.confirm(f"Delete {self._say(message.runs)}?", detail, "Delete"):
            return
        problems = []
        for run in message.runs:
            try:
                await asyncio.to_thread(self.runner.delete, run)
            except EngineError as error:
                problems.append(str(error))
                continue
            while len(self.screen_stack) > 1 and getattr(self.screen, "place", ("", ""))[1:] == (run,):
                await self.pop_screen()
        if problems:
            more = f" {len(problems) - 1:,} more could not be deleted either." if len(problems) > 1 else ""
            self.tell(f"{problems[0]}{more}", "error")
        self.tell_runs_changed()


_DELETE = "Curves, predictions and model cannot be restored. Models saved elsewhere stay."
