"""The part of the App that acts on what people ask of studies.

A layer under `CaeApp` only so that no file is too long to be read in one sitting.
"""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work

from cae_tui import messages
from cae_tui.app.run_list_app import RunListApp
from cae_tui.messages import StudyUpdated
from engine.errors import EngineError
from engine.protocol.control import Asked
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from engine.storage.held import shortest_prefixes

if TYPE_CHECKING:
    from cae_tui.bridge.study_runner import StudyRunner
    from engine.studies.records import StudyRecord


Reopening = messages.ResumeRun | messages.FinishRun | messages.ResumeStudy


class StudyApp(RunListApp):
    """What studies need of the app, and what the app does for them.

    Args:
        home: the folder with the runs and the settings.
    """

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.reopening: Reopening | None = None  # asked for last

    @property
    def studies(self) -> "StudyRunner":
        """What does studies, and reads them."""
        raise NotImplementedError  # `CaeApp`, the layer above, has it

    @property
    def under_way(self) -> str:
        """A trial's end is not the study's."""
        return "study" if self.studies.busy else super().under_way

    def short_study(self, study: str) -> str:
        """The shortest prefix of a study's id that no other study has."""
        return shortest_prefixes(self.studies.ids()).get(study, study[:4])

    # -- what the worker thread tells -------------------------------------------------------------

    def study_changed(self, study: "StudyRecord") -> None:
        """See `StudyListener`."""
        self.post_message(StudyUpdated(study))

    @on(StudyUpdated)
    def _pass_study_on(self, message: StudyUpdated) -> None:
        study = self.studies.current = message.study
        self.form_served()
        for opened in self.pages:
            if opened.place == ("study", ""):
                opened.place = ("study", study.id)
        if page := self.page:
            page.post_message(StudyUpdated(study))
            shown = page.place == ("study", study.id)
            if study.state in ("finished", "failed", "stopped") and not shown:
                self.tell(f"Study {self.short_study(study.id)}: {study.state}. {study.message}".strip())
            elif study.state == "waiting" and not shown:
                self.tell(f"Study {self.short_study(study.id)} waits for you to agree with its pick.")
        if study.state not in ("running", "paused"):
            self.tell_runs_changed()

    # -- what screens ask for ---------------------------------------------------------------------

    @on(messages.StartStudy)
    def _start_study(self, message: messages.StartStudy) -> None:
        try:
            self.studies.start(message.spec)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        self.asked_by = self.page
        self._open("")

    @on(messages.ResumeStudy)
    def _resume_study(self, message: messages.ResumeStudy) -> None:
        try:
            if gone := self.studies.files_of(message.study).all_gone:
                self.reopen_moved(message, gone)
                return
            self.studies.resume(message.study)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        self.reopening = message
        self._open(message.study)

    @work
    async def reopen_moved(self, asked: Reopening, fields: Collection[str]) -> None:
        """Ask where the images are of the run or the study that is to go on; then do what was asked again."""
        owner = {"study": asked.study} if isinstance(asked, messages.ResumeStudy) else {"run": asked.run}
        if await self.ask_where_moved(fields, **owner):
            self.post_message(asked)

    async def ask_where_moved(self, fields: Collection[str], *, run: str = "", study: str = "") -> bool:
        """Ask where the images of a run or a study are now, and write it down; whether it was told. Only from a worker.

        Args:
            fields: those whose files are gone or hold others; none where it is not known which hold others.
            run: whose images they are;
            study: or of which study.
        """
        try:
            if study:
                name, relocate = f"study {self.short_study(study)}", partial(self.studies.relocate, study)
                files = self.studies.files_of(study)
            else:
                name, relocate = f"run {self.short(run)}", partial(self.runner.relocate, self.home.find(run).id)
                files = self.runner.files_of(run) or DataFiles()
        except EngineError as error:  # it was deleted meanwhile, say
            self.tell(str(error), "error")
            return False
        return await self.ask_where_data(name, files, fields, relocate)

    @on(messages.OpenStudy)
    def _open_study(self, message: messages.OpenStudy) -> None:
        try:
            self._open(self.studies.read(message.study).id)
        except EngineError as error:
            self.tell(str(error), "error")

    def _open(self, study: str) -> None:
        from cae_tui.screens.study import StudyScreen

        self.go(("study", study), lambda: StudyScreen(study))

    @on(messages.ControlStudy)
    @work
    async def _control_study(self, message: messages.ControlStudy) -> None:
        what = Asked(message.what)
        name = self.short_study(message.study)
        if what is Asked.STOP and not await self.confirm(f"Stop study {name}?", _STOP, "Stop"):
            return
        try:
            self.studies.ask(message.study, what)
        except EngineError as error:
            self.tell(str(error), "error")

    @on(messages.TakeValues)
    def _take_values(self, message: messages.TakeValues) -> None:
        self.studies.take(message.values)

    @on(messages.ConfigureStudy)
    def _configure_study(self, message: messages.ConfigureStudy) -> None:
        from cae_tui.screens.study_form import StudyForm

        self.push_screen(StudyForm(message.run))

    @on(messages.ExportStudy)
    @work
    async def _export_study(self, message: messages.ExportStudy) -> None:
        async def write(target: str) -> None:
            self.tell("Writing the document …")
            files = await self.studies.export(message.study, target)
            self.tell(f"{', '.join(path.name for path in files)} were written into {files[0].parent}.", timeout=12)

        title = f"Write the document of study {self.short_study(message.study)} into"
        await self.ask_where(title, str(self.studies.folder / message.study / "report"), write)

    @on(messages.DeleteStudy)
    @work
    async def _delete_study(self, message: messages.DeleteStudy) -> None:
        study = message.study
        if not await self.confirm(f"Delete study {self.short_study(study)}?", _DELETE, "Delete"):
            return
        try:
            await asyncio.to_thread(self.studies.delete, study)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        while len(self.screen_stack) > 1 and getattr(self.screen, "place", None) == ("study", study):
            await self.pop_screen()
        self.tell_runs_changed()

    def action_studies(self) -> None:
        """Open the list of studies."""
        from cae_tui.screens.studies import StudiesScreen

        self.go(("studies", ""), StudiesScreen)


_STOP = "The trial that is training keeps its checkpoint. The study can be resumed later."
_DELETE = "Its tables and picks cannot be restored. Its runs stay, and so do documents written elsewhere."
