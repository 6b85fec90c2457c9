"""The part of the app that knows what lists are of, and acts on runs that are listed: mark, compare, delete."""

import asyncio
import math
from typing import TYPE_CHECKING, Any

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.app.questions import ask_text, confirm
from cae_tui.messages import RunsChanged
from engine.errors import EngineError
from engine.runs.notes import parse_note, parse_tags
from engine.runs.status import VALIDATION
from engine.specs.data_files import shape_words
from engine.specs.listed import listed
from engine.specs.measures import LOSS
from engine.storage.held import shortest_prefixes

if TYPE_CHECKING:
    from engine.runs.status import RunStatus


class Lists:
    """The runs and studies that are listed: their prefixes, what is noted of runs, and what is done with several."""

    def __init__(self, app: BaseApp) -> None:
        self._app, self._home = app, app.home
        self.version = 0  # how often they have changed
        self._prefixes: dict[str, str] = {}
        self._data_of_runs: dict[str, tuple[str, ...]] = {}

    def run_prefix(self, run: str) -> str:
        """The shortest prefix of a run's id that no other run has."""
        if run not in self._prefixes:
            self._prefixes = shortest_prefixes(self._home.ids())
        return self._prefixes.get(run, run[:4])

    def has_run(self, run: str) -> bool:
        """Whether there still is a run of that id."""
        return run in self._home.ids()

    def data_of_run(self, run: str) -> tuple[str, ...]:
        """What the images of a run are called, and their shape in words; nothing where that is not known."""
        if run not in self._data_of_runs:
            try:
                status = self._home.find(run).read_status()
            except EngineError:
                return ()
            self._data_of_runs[run] = tuple(filter(None, (status.data, shape_words(status.image_shape))))
        return self._data_of_runs[run]

    def study_prefix(self, study: str) -> str:
        """The shortest prefix of a study's id that no other study has."""
        return shortest_prefixes(self._app.studies.ids()).get(study, study[:4])

    def latest(self) -> "list[RunStatus]":
        """Runs and studies, the latest first, as Home lists them: a trial is listed by its study, a hidden run not."""
        runs = [run for run in self._home.list_runs() if not run.study and not run.notes.hidden]
        if (self._home.path / "studies").is_dir():
            runs += self._app.studies.as_runs()
        return sorted(runs, key=lambda run: run.started, reverse=True)

    def best_model(self, data: str) -> str:
        """The run with the best model of those on images of that name, else of all; empty where there is none.

        Those that tell classes come first; then validation decides, never the test images.
        """
        runs = [run for run in self._home.list_runs() if run.best_epoch and not run.notes.hidden]
        runs = [run for run in runs if self._home.find(run.id).model.exists()]
        runs = [run for run in runs if run.data == data] or runs

        def rank(run: "RunStatus") -> tuple[bool, float]:
            measure = listed(run.kind).followed
            value = run.best_loss if measure is LOSS else run.measure(VALIDATION, measure.name)
            worth = -math.inf if value is None else value if measure.higher else -value
            return measure is not LOSS, worth

        return max(runs, key=rank).id if runs else ""

    def tell_changed(self) -> None:
        """Tell the page on top, and every other once it is, that lists of runs and studies are out of date."""
        self.version += 1
        self._prefixes.clear()
        if page := self._app.page:
            page.runs_version = self.version
            page.post_message(RunsChanged())

    def say(self, runs: tuple[str, ...]) -> str:
        """Those runs in words: `run a7f3`, `3 runs`."""
        return f"run {self.run_prefix(runs[0])}" if len(runs) == 1 else f"{len(runs):,} runs"

    def _named(self, runs: tuple[str, ...]) -> str:
        """Which they are, in a sentence."""
        names = ", ".join(map(self.run_prefix, runs[:MOST_NAMED]))
        more = f" and {len(runs) - MOST_NAMED:,} more" if len(runs) > MOST_NAMED else ""
        return f"They are {names}{more}."

    # -- what a person notes ----------------------------------------------------------------------

    @acts_on(messages.MarkRuns)
    async def _mark(self, message: messages.MarkRuns) -> None:
        await self._change(message.runs, **{message.what: message.value})
        if message.what == "hidden" and message.value:
            self._app.tell(f"Hidden: {self.say(message.runs)}. The filter is:hidden lists what is hidden.")

    @acts_on(messages.TagRuns)
    async def _tag(self, message: messages.TagRuns) -> None:
        notes = await self._app.runner.notes(message.runs)
        # What all of them have stands there; taken out, it is taken from all, and the others' own stay.
        common = [tag for tag in notes[0].tags if all(tag in other.tags for other in notes)]
        title = f"Tags of {self.say(message.runs)}"
        typed = await ask_text(self._app, title, " ".join(common), "baseline 2020-report", parse_tags)
        if typed is not None:
            tags = parse_tags(typed)
            await self._change(message.runs, add=tags, remove=[tag for tag in common if tag not in tags])

    @acts_on(messages.NoteRuns)
    async def _note(self, message: messages.NoteRuns) -> None:
        own = list({notes.note for notes in await self._app.runner.notes(message.runs)})
        if len(own) == 1:
            value, hint = own[0], "what you want to remember"
        else:
            value, hint = "", "one note for all; leave it empty to keep each run's own"
        typed = await ask_text(self._app, f"Note about {self.say(message.runs)}", value, hint, parse_note)
        if typed is None:
            return
        if not typed and len(own) > 1:  # nothing was written, and the runs have notes of their own
            self._app.tell("Nothing was written: each run keeps its own note.")
            return
        await self._change(message.runs, note=parse_note(typed))

    async def _change(self, runs: tuple[str, ...], **changes: Any) -> None:
        try:
            await self._app.runner.note(runs, **changes)
        finally:  # some were changed, where others could not be
            self.tell_changed()

    # -- compare, delete --------------------------------------------------------------------------

    @acts_on(messages.CompareRuns)
    def _compare(self, message: messages.CompareRuns) -> None:
        from cae_tui.screens.compare import CompareScreen

        self._app.push_screen(CompareScreen(message.runs))

    @acts_on(messages.DeleteRuns)
    async def _delete(self, message: messages.DeleteRuns) -> None:
        from cae_tui.bridge.deletion import uses_of

        named = self._named(message.runs) if len(message.runs) > 1 else ""
        detail = " ".join(filter(None, [named, _DELETE, *uses_of(self._home, message.runs)]))
        if not await confirm(self._app, f"Delete {self.say(message.runs)}?", detail, "Delete"):
            return
        problems = []
        for run in message.runs:
            try:
                await asyncio.to_thread(self._app.runner.delete, run)
            except EngineError as error:
                problems.append(str(error))
                continue
            await self._app.close_pages_of(run)
        if problems:
            more = f" {len(problems) - 1:,} more could not be deleted either." if len(problems) > 1 else ""
            self._app.tell(f"{problems[0]}{more}", "error")
        self.tell_changed()


MOST_NAMED = 12
"""Runs that a question names, one by one."""
_DELETE = "Curves, predictions and model cannot be restored. Models saved elsewhere stay."
