"""The part of the app that acts on what people ask of the queue: what waits for its turn while something trains."""

from typing import TYPE_CHECKING

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.base import BaseApp
from cae_tui.app.lists import Lists
from cae_tui.app.questions import confirm
from engine.errors import EngineError, RunError, SpecError
from engine.text import counted

if TYPE_CHECKING:
    from engine.specs.base import Spec


class QueueActs:
    """What is done about the queue."""

    def __init__(self, app: BaseApp, lists: Lists) -> None:
        self._app, self._lists = app, lists

    def begin(self) -> None:
        """Tell of runs that wait and that nobody trains: what this process trains next goes on with them."""
        count = self._app.runner.queue.count() if self._app.home.path.is_dir() else 0
        if count and not self._app.runner.queue.is_worked_off:
            verb = "waits" if count == 1 else "wait"
            self._app.tell(f"{counted(count, 'queued run')} {verb} to be trained. Q shows the queue, to start it.")

    async def add_new(self, spec: "Spec") -> None:
        """Have a new run wait for its turn, or begin where there is room for another."""
        page = self._app.page
        self._app.tell("The run is being prepared …", timeout=2)
        try:
            run = await self._app.runner.queue.add_new(spec)
        except EngineError as error:
            if page is not None:
                problems = error.problems if isinstance(error, SpecError) else {}
                page.post_message(messages.Refused(str(error), problems))
            raise
        if not self._tell_of(run) and page is not None and self._app.page is page:
            from cae_tui.screens.queue import QueueScreen

            self._app.go(("queue", ""), QueueScreen)  # in a form fields take the keys: a second Ctrl+R queued a copy

    async def add(self, run: str) -> None:
        """Have a run that ended before its time wait for its turn, or begin where there is room for another."""
        await self._app.runner.queue.add(run)
        self._tell_of(run)

    def _tell_of(self, run: str) -> bool:
        """Say what becomes of a queued run; where another process trains it its page is shown: gives back whether."""
        runner, name = self._app.runner, self._lists.run_prefix(run)
        if runner.elsewhere:
            from cae_tui.bridge.run_queue import ELSEWHERE

            self._lists.tell_changed()
            self._app.post_message(messages.OpenTraining(run))
            self._app.tell(f"{ELSEWHERE.format(run=name)} Q shows the queue.")
            return True
        order = runner.queue.waiting()
        place = order.index(run) + 1 if run in order else 0  # its turn may have come already
        told = f"Run {name} is queued: it begins when {self._under_way()} has ended."
        if place > 1:
            told = f"Run {name} is queued, as number {place:,}: its turn comes when those before it have ended."
        if runner.room >= place:
            told = f"Run {name} begins now."
        self._lists.tell_changed()
        runner.work_queue()
        self._app.tell(f"{told} Q shows the queue.")
        return False

    def _under_way(self) -> str:
        study, run = self._app.studies.current, self._app.runner.current
        if self._app.studies.busy:
            return f"study {self._lists.study_prefix(study.id)}" if study is not None else "the study under way"
        return f"run {self._lists.run_prefix(run.id)}" if run is not None and run.live else "the run under way"

    @acts_on(messages.StartQueue)
    def _start(self, message: messages.StartQueue) -> None:  # noqa: ARG002 - as every act
        if self._app.runner.busy:
            raise RunError("What waits is trained once what this app trains has ended.")
        if self._app.runner.queue.is_worked_off:
            raise RunError("Another process trains what waits already.")
        self._app.runner.work_queue()

    @acts_on(messages.MoveQueued)
    async def _move(self, message: messages.MoveQueued) -> None:
        await self._app.runner.queue.move(message.run, message.where)
        self._lists.tell_changed()

    @acts_on(messages.RemoveQueued)
    async def _remove(self, message: messages.RemoveQueued) -> None:
        name = self._lists.run_prefix(message.run)
        if await confirm(self._app, f"Take run {name} out of the queue?", _REMOVE, "Take out"):
            await self._app.runner.queue.remove(message.run)
            self._lists.tell_changed()


_REMOVE = "It is stopped then, with what it has learned so far, and can be resumed."
