"""The part of the app that acts on what people ask of studies, and hears of the one that this process works on."""

import asyncio

from cae_tui import formats, messages
from cae_tui.app.acting import acts_on
from cae_tui.app.attention import Attention
from cae_tui.app.base import BaseApp
from cae_tui.app.lists import Lists
from cae_tui.app.moved import Moved
from cae_tui.app.questions import ask_where, confirm
from cae_tui.messages import StudyUpdated
from engine.protocol.control import Asked
from engine.text import counted


class StudyActs:
    """What is done about studies."""

    def __init__(self, app: BaseApp, lists: Lists, moved: Moved, attention: Attention) -> None:
        self._app, self._lists, self._moved, self._attention = app, lists, moved, attention
        self._called = ("", "")  # the study and the state that a person was called for last

    @acts_on(messages.StudyUpdated)
    def _pass_study_on(self, message: messages.StudyUpdated) -> None:
        study = self._app.studies.current = message.study
        self._app.form_served("study", study.id)
        if page := self._app.page:
            page.post_message(StudyUpdated(study))
            shown = page.place == ("study", study.id)
            name, sentence = self._lists.study_prefix(study.id), ""
            if study.state in ("finished", "failed", "stopped"):
                sentence = f"Study {name}: {study.state}. {study.message}".strip()
            elif study.state == "waiting":
                sentence = f"Study {name} waits for you to agree with its pick."
            if sentence and not shown:
                self._app.tell(sentence)
            if sentence and self._called != (study.id, study.state):
                self._attention.call(sentence, seen=shown)
            self._called = (study.id, study.state)
        self._attention.name_study(study)
        if study.state not in ("running", "paused"):
            self._lists.tell_changed()

    @acts_on(messages.StartStudy)
    def _start_study(self, message: messages.StartStudy) -> None:
        self._app.studies.start(message.spec)
        self._app.asked_by = self._app.page
        self.open("")

    @acts_on(messages.MeasureWorth)
    async def _measure_worth(self, message: messages.MeasureWorth) -> None:
        """Say what it takes, and begin."""
        spec, plan = await self._app.studies.worth_of(message.run)
        seconds = self._app.studies.seconds(plan)
        name = self._lists.run_prefix(message.run)
        time = "" if seconds is None else f", about {formats.duration(seconds)}"
        question = f"Find out what the encoder of run {name} is worth?"
        runs = counted(plan.total, str(plan.spec["baseline"]["kind"]))
        detail = (
            f"{runs} on {plan.machine}{time}: fine-tuned, frozen, a linear probe and from scratch, with few labels and "
            "with all. It can be stopped, and goes on by a resume."
        )
        if await confirm(self._app, question, detail, "Begin"):
            self._start_study(messages.StartStudy(spec))

    @acts_on(messages.ResumeStudy)
    def resume_study(self, message: messages.ResumeStudy) -> None:
        """Go on with it, or ask where its images are."""
        if gone := self._app.studies.files_of(message.study).all_gone:
            self._moved.reopen(message, gone)
            return
        self._app.studies.resume(message.study)
        self._moved.reopening = message
        self.open(message.study)

    @acts_on(messages.OpenStudy)
    def _open_study(self, message: messages.OpenStudy) -> None:
        self.open(self._app.studies.read(message.study).id)

    def open(self, study: str) -> None:
        """Show the page of a study; that of the one which is being prepared where none is named."""
        from cae_tui.screens.study import StudyScreen

        self._app.go(("study", study), lambda: StudyScreen(study))

    @acts_on(messages.ControlStudy)
    async def _control_study(self, message: messages.ControlStudy) -> None:
        what = Asked(message.what)
        name = self._lists.study_prefix(message.study)
        if what is Asked.STOP and not await confirm(self._app, f"Stop study {name}?", _STOP, "Stop"):
            return
        self._app.studies.ask(message.study, what, message.run)

    @acts_on(messages.TakeValues)
    def _take_values(self, message: messages.TakeValues) -> None:
        self._app.studies.take(message.values)

    @acts_on(messages.ConfigureStudy)
    def _configure_study(self, message: messages.ConfigureStudy) -> None:
        from cae_tui.screens.study_form import StudyForm

        self._app.push_screen(StudyForm(message.run))

    @acts_on(messages.ExportStudy)
    async def _export_study(self, message: messages.ExportStudy) -> None:
        async def write(target: str) -> None:
            self._app.tell("Writing the document …")
            files = await self._app.studies.export(message.study, target)
            self._app.tell(f"{', '.join(path.name for path in files)} were written into {files[0].parent}.", timeout=12)

        title = f"Write the document of study {self._lists.study_prefix(message.study)} into"
        await ask_where(self._app, title, str(self._app.studies.folder / message.study / "report"), write)

    @acts_on(messages.DeleteStudy)
    async def _delete_study(self, message: messages.DeleteStudy) -> None:
        study = message.study
        if not await confirm(self._app, f"Delete study {self._lists.study_prefix(study)}?", _DELETE, "Delete"):
            return
        await asyncio.to_thread(self._app.studies.delete, study)
        await self._app.close_pages_of(study)
        self._lists.tell_changed()


_STOP = "The trial that is training keeps its checkpoint. The study can be resumed later."
_DELETE = "Its tables and picks cannot be restored. Its runs stay, and so do documents written elsewhere."
