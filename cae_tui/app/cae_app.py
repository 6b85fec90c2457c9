"""The App: owns, with the layers under it, the settings, the run that is on, and where one is. Nothing else owns state.

Screens post what a person asked for (`cae_tui.messages`); it bubbles up to here, where it is acted upon
through the `Runner`. The runner's threads tell what happens by `post_message` only; the app passes it on to
the page on top, and to any other page once that is on top again. Only the home screen is imported before
the first paint; every other screen is imported when it is first opened.
"""

import gc
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.reactive import reactive
from textual.screen import Screen

from cae_tui import messages
from cae_tui.app.study_app import StudyApp
from cae_tui.data_sets import DataSet
from cae_tui.formats import without_flags
from cae_tui.messages import RunsChanged, RunUpdated, StudyUpdated
from cae_tui.screens.base import Page
from cae_tui.screens.home import HomeScreen
from engine.errors import EngineError, MovedError, SpecError
from engine.protocol.control import Asked
from engine.protocol.states import EARLY_STOPPED, FINISHED
from engine.runs.directory import Home
from engine.runs.finishing import check_can_finish
from engine.text import epoch_words

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import News, RunState
    from cae_tui.bridge.runner import Runner, Work
    from cae_tui.bridge.study_runner import StudyRunner, StudyWork
    from cae_tui.screens.base import Host
    from engine.runs.status import RunStatus

    def _is_host(app: "CaeApp") -> Host:
        return app  # what pages take it for


class CaeApp(StudyApp):
    """The terminal application.

    Args:
        home: the folder with the runs and the settings.
        work: what trains; the engine, but for tests.
        open_run: a run to show at once.
        study_work: what does studies; the engine, but for tests.
    """

    TITLE = "cae-tui"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "../screens/home.tcss"]  # both are parsed at once

    device: reactive[str] = reactive("")
    """The device that a run would train on, in words; empty until it is known."""

    def __init__(
        self,
        home: Home,
        work: "Work | None" = None,
        open_run: str | None = None,
        study_work: "StudyWork | None" = None,
    ) -> None:
        super().__init__(home)
        self._open_first = open_run
        self._runner: Runner | None = None
        self._studies: StudyRunner | None = None
        self._work, self._study_work = work, study_work
        self._told: tuple[str, str] = ("", "")  # the latest run and state that lists were told of
        self._finding_device = False
        self._began_without_gc = False  # as the command has it, which loads nothing else into this process

    @property
    def runner(self) -> "Runner":
        """The bridge to the engine; made when it is first asked for, for the first screen does without."""
        from cae_tui.bridge.runner import Runner

        if self._runner is None:
            self._runner = Runner(self.home, self, self._work)
        return self._runner

    @property
    def studies(self) -> "StudyRunner":
        """What does studies, and reads them; made when it is first asked for."""
        from cae_tui.bridge.study_runner import StudyRunner

        if self._studies is None:
            self._studies = StudyRunner(self.runner, self, self._study_work)
        return self._studies

    def last_runs(self) -> "list[RunStatus]":
        """Runs and studies, the latest first, as Home lists them: a trial is listed by its study, a hidden run not."""
        runs = [run for run in self.home.list_runs() if not run.study and not run.marks.hidden]
        if (self.home.path / "studies").is_dir():
            runs += self.studies.as_runs()
        return sorted(runs, key=lambda run: run.started, reverse=True)

    @property
    def asked_data(self) -> tuple[str, ...]:
        """See `Host`: those of the form that asked."""
        return self.asked_by.data_words if self.asked_by is not None else self.data_set.words

    # -- beginning and end -----------------------------------------------------------------------

    def get_default_screen(self) -> HomeScreen:
        """The screen under all others."""
        return HomeScreen()

    def on_mount(self) -> None:
        """Tell of settings that could not be read, and open the run that was asked for."""
        self.begin_with_settings()
        self.begin_with_data()
        if not gc.isenabled():
            self._began_without_gc = True
            self.call_after_refresh(_look_for_garbage)
        if self._open_first is not None:
            self.post_message(messages.OpenRun(self._open_first))

    def on_unmount(self) -> None:
        """Nothing is read any more."""
        if self._runner is not None:
            self._runner.close()

    def watch_device(self, device: str) -> None:
        """Tell it in the top line of every page; one that opens later asks."""
        for page in self.pages:
            if page.is_mounted:
                page.show_device(device)

    # -- what the runner tells, from its threads -------------------------------------------------

    def run_told(self, news: "News") -> None:
        """See `Listener`."""
        self.post_message(messages.RunTold(news))

    def run_refused(self, error: str, problems: dict[str, str], *, moved: MovedError | None = None) -> None:
        """See `Listener`."""
        self.post_message(messages.Refused(error, problems, moved))

    @on(messages.RunTold)
    def _pass_on(self, message: messages.RunTold) -> None:
        run, epoch = self.runner.fold(message.news), message.news.epoch
        if epoch and self._told != (run.id, run.state):
            self._told = (run.id, run.state)
            self.tell_runs_changed()
            page = self.page
            mine = run.ended is not None and run is self.runner.current and not self.studies.busy
            if mine and not (page and page.shows_run(run)):
                self.tell(f"Run {self.short(run.id)}: {run.state}. {run.message}".strip())
        self._name_training(run)
        if page := self.page:
            page.post_message(RunUpdated(run, epoch))

    def _name_training(self, run: "RunState") -> None:
        """Once the run that was asked for has an id: its screen has a name, and its form has served."""
        if run is not self.runner.current or self.asked_by is None:
            return
        self.form_served()
        for page in self.pages:
            if page.place == ("training", ""):
                page.place = ("training", run.id)

    @on(messages.Refused)
    def _refused(self, message: messages.Refused) -> None:
        """Go back to where the run was asked for, and say why it could not be."""
        self.asked_by = None
        if message.moved is not None and self.reopening is not None:
            self.reopen_moved(self.reopening, message.moved.fields)
        page = self.page
        if page is not None and page.place in (("training", ""), ("study", "")) and len(self.screen_stack) > 1:
            self.pop_screen()
            page = self.page
        self.tell(message.error, "error", timeout=12)
        if page is not None:
            page.post_message(messages.Refused(message.error, message.problems))
        self.tell_runs_changed()

    def page_shown(self, page: Page) -> None:
        """Tell a page that has just come on top what happened meanwhile."""
        if self._runner is not None and self._runner.current is not None:
            page.post_message(RunUpdated(self._runner.current))
        if self._studies is not None and self._studies.busy and self._studies.current is not None:
            page.post_message(StudyUpdated(self._studies.current))
        if page.runs_version not in (-1, self.runs_version):
            page.post_message(RunsChanged())
        page.runs_version = self.runs_version

    # -- what screens ask for --------------------------------------------------------------------

    @on(messages.Start)
    def _start(self, message: messages.Start) -> None:
        try:
            self.runner.start(message.spec)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        self.asked_by = self.page
        self._open_training("")

    @on(messages.ResumeRun)
    def _resume(self, message: messages.ResumeRun) -> None:
        if (study := self.studies.of_run(message.run)) is not None:  # a trial is not taken up without its study
            self._resume_study(messages.ResumeStudy(study.id))
            return
        if gone := self.runner.files_gone(message.run):
            self.reopen_moved(message, gone)
            return
        try:
            self.runner.resume(message.run)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        self.reopening = message
        self._open_training(message.run)

    @on(messages.PauseRun)
    def _pause(self, message: messages.PauseRun) -> None:
        self._ask_of_run(message.run, Asked.PAUSE)

    @on(messages.ContinueRun)
    def _continue(self, message: messages.ContinueRun) -> None:
        self._ask_of_run(message.run, Asked.RUN)

    @on(messages.StopRun)
    @work
    async def _stop(self, message: messages.StopRun) -> None:
        from cae_tui.screens.dialogs import StopScreen
        from engine.studies.records import study_of

        try:
            run = self.home.find(message.run)
            status = run.read_status()
        except EngineError as error:
            self.tell(str(error), "error")
            return
        study = study_of(run, status)
        question = StopScreen(self.short(run.id), best_weights(status), self.short_study(study) if study else "")
        if answer := await self.push_screen_wait(question):
            self._ask_of_run(run.id, Asked(answer))

    @on(messages.FinishRun)
    @work
    async def _finish(self, message: messages.FinishRun) -> None:
        from engine.studies.records import study_of

        try:
            run = self.home.find(message.run)
            check_can_finish(run, study_of(run, run.read_status()))
            name, best = self.short(run.id), best_weights(run.read_status())
            if await self.confirm(f"Finish run {name} now?", _FINISH.format(best=best[0].upper() + best[1:]), "Finish"):
                gone = self.runner.files_gone(run.id)
                if gone and not await self.ask_where_moved(gone, run=run.id):
                    return
                self.runner.finish(run.id)
                self.reopening = message
                self._open_training(run.id)
        except EngineError as error:
            self.tell(str(error), "error")

    def _ask_of_run(self, run: str, what: Asked) -> None:
        try:
            self.runner.ask(run, what)
        except EngineError as error:
            self.tell(str(error), "error")

    @on(messages.OpenRun)
    def _open_run(self, message: messages.OpenRun) -> None:
        try:
            directory = self.home.find(message.run)
            state = directory.read_status().state
        except EngineError as error:
            self.tell(str(error), "error")
            return
        if state in (FINISHED, EARLY_STOPPED) and directory.result.exists():
            self._open_report(directory.id)
        else:
            self._open_training(directory.id)

    @on(messages.OpenTraining)
    def _show_training(self, message: messages.OpenTraining) -> None:
        current = self.runner.current
        if message.run and not (self.runner.busy and current is not None and message.run == current.id):
            try:
                self.home.find(message.run)
            except EngineError as error:  # of a study's table: its numbers stay where its run was deleted
                self.tell(str(error), "error")
                return
        self._open_training(message.run)

    def _open_training(self, run: str) -> None:
        from cae_tui.screens.training import TrainingScreen

        self.go(("training", run), lambda: TrainingScreen(run))

    def _open_report(self, run: str) -> None:
        from cae_tui.screens.report import ReportScreen

        self.go(("report", run), lambda: ReportScreen(run))

    @on(messages.OpenGallery)
    def _open_gallery(self, message: messages.OpenGallery) -> None:
        from cae_tui.screens.gallery import GalleryScreen

        self.push_screen(GalleryScreen(message.run, message.show, message.true_class, message.predicted_class))

    @on(messages.Configure)
    def _configure(self, message: messages.Configure) -> None:
        from cae_tui.screens.configure import form_for

        # Who builds on an autoencoder of their own images will hardly want another data set.
        files = self.runner.data_files(message.values["encoder"]) if "encoder" in message.values else {}
        self.push_screen(form_for(message.kind, {**files, **message.values}))

    @on(messages.ConfigureAgain)
    @work
    async def _configure_again(self, message: messages.ConfigureAgain) -> None:
        try:
            opened = await self.runner.open_run(message.run)
        except EngineError as error:
            self.tell(str(error), "error")
            return
        from engine.specs.fields import write_value
        from engine.specs.kinds import spec_from_json

        spec = opened.spec["spec"]
        with suppress(SpecError):  # of another version: the form says what is wrong
            spec = spec_from_json(spec).asked_again().model_dump(mode="json")
        values = {name: write_value(value) for name, value in spec.items() if name != "kind"}
        self._configure(messages.Configure(spec["kind"], values))

    @on(messages.TryFiles)
    @work(exclusive=True, group="files")
    async def _try_files(self, message: messages.TryFiles) -> None:
        before = self.data_set
        try:
            data = await self.runner.data(message.files)
        except EngineError as error:
            if self.data_set is before:
                why = without_flags(str(error))
                self.tell(f"The files on the Data screen are not in use: {why}", "warning", timeout=12)
        else:
            if self.data_set is before:  # nobody has chosen others while these were read
                self.post_message(messages.UseDataSet(DataSet.of(message.files, data.name, data.shape)))

    # -- what keys and the palette do --------------------------------------------------------------

    def action_configure(self, kind: str) -> None:
        """Open a form."""
        self._configure(messages.Configure(kind))

    def action_data(self) -> None:
        """Open the data set."""
        from cae_tui.screens.data import DataScreen

        self.go(("data", ""), DataScreen)

    def action_go_to_run(self) -> None:
        """Open the run that this process trains."""
        if not self.runner.busy:
            if self.runner.current is not None and self.runner.current.id:
                self._open_run(messages.OpenRun(self.runner.current.id))
            else:
                self.tell("No run is training.")
        elif self.studies.busy:
            self._open(self.studies.current.id if self.studies.current else "")
        else:
            self._open_training(self.runner.current.id if self.runner.current else "")

    def action_picture(self) -> None:
        """Save a picture of the screen, once the palette is gone from it."""
        from cae_tui.app.picture import export_picture

        def save() -> None:
            path = self.home.path / "pictures" / f"{time.strftime('%Y-%m-%d-%H%M%S')}.svg"
            try:
                self.tell(f"The picture was saved to {export_picture(self, path)}.")
            except EngineError as error:
                self.tell(str(error), "error")

        self.set_timer(0.1, save)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """The screen as SVG, without links to fonts elsewhere."""
        from cae_tui.app.picture import without_font_links

        return without_font_links(super().export_screenshot(title=title, simplify=simplify))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: everything that can be done on the screen, and from everywhere."""
        from cae_tui.app.commands import commands

        yield from commands(self, screen)

    # -- the device --------------------------------------------------------------------------------

    def find_device(self) -> None:
        """Learn which device a run would train on, once; loads torch in a thread."""
        if not self.device and not self._finding_device:
            self._finding_device = True
            self._find_device()

    @work
    async def _find_device(self) -> None:
        try:
            self.device = await self.runner.device()
            if self._began_without_gc:
                gc.freeze()  # PyTorch is loaded: to look through it for garbage holds up the screen for 0.2 s
        except EngineError as error:
            self.tell(str(error), "warning")
        finally:
            self._finding_device = False


def _look_for_garbage() -> None:
    """From now on, and never among what was loaded until now."""
    gc.freeze()
    gc.enable()


def best_weights(status: "RunStatus") -> str:
    """What a finish of the run would evaluate, in words; empty where no epoch is over."""
    where = epoch_words(status.stage, status.best_epoch)
    return f"the best weights so far, of {where}," if status.best_epoch else ""


_FINISH = "{best} are evaluated. The run then has its report and can no longer be resumed."
