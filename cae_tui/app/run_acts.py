"""The part of the app that acts on what people ask of a run, and hears of those that are trained."""

from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cae_tui import messages
from cae_tui.app.acting import acts_on
from cae_tui.app.attention import Attention
from cae_tui.app.base import BaseApp
from cae_tui.app.lists import Lists
from cae_tui.app.moved import Moved
from cae_tui.app.questions import confirm
from cae_tui.app.queue_acts import QueueActs
from cae_tui.app.study_acts import StudyActs
from cae_tui.app.tour import Tour
from cae_tui.messages import RunUpdated
from engine.errors import RunError, SpecError
from engine.protocol.control import Asked
from engine.protocol.states import EARLY_STOPPED, FINISHED
from engine.runs.finishing import check_can_finish
from engine.specs.listed import KINDS
from engine.text import epoch_words

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import RunState
    from engine.runs.status import RunStatus


class RunActs:
    """What is done about runs."""

    def __init__(
        self,
        app: BaseApp,
        lists: Lists,
        moved: Moved,
        studies: StudyActs,
        queue: QueueActs,
        attention: Attention,
        tour: Tour,
    ) -> None:
        self._app, self._lists, self._moved, self._studies, self._queue = app, lists, moved, studies, queue
        self._attention, self._tour = attention, tour
        self._told: dict[str, str] = {}  # the latest state of each run that lists were told of

    @acts_on(messages.RunTold)
    def _pass_on(self, message: messages.RunTold) -> None:
        run, epoch = self._app.runner.fold(message.news), message.news.epoch
        if epoch and self._told.get(run.id) != run.state:
            self._told[run.id] = run.state
            self._lists.tell_changed()
            page = self._app.page
            over = run.ended is not None or bool(message.news.state)  # one that could not begin has no event
            mine = over and message.news.flag is not None and not self._app.studies.busy
            seen = page is not None and page.shows_run(run)
            if mine:
                sentence = f"Run {self._lists.run_prefix(run.id)}: {run.state}. {run.message}".strip()
                if not seen:
                    self._app.tell(sentence)
                self._attention.call(sentence, seen=seen)
        self._name_training(run)
        if epoch and run is self._app.runner.current and not self._app.studies.busy:
            self._attention.name_run(run)
        if page := self._app.page:
            page.post_message(RunUpdated(run, epoch))
        if epoch and self._tour.is_on:
            self._tour.tell()

    def _name_training(self, run: "RunState") -> None:
        """Once the run that was asked for has an id: its screen has a name, and its form, if it had one, has served."""
        if run is self._app.runner.current and run.id:
            self._app.form_served("training", run.id)

    @acts_on(messages.Refused)
    def _refused(self, message: messages.Refused) -> None:
        self._app.asked_by = None
        if message.moved is not None and self._moved.reopening is not None:
            self._moved.reopen(self._moved.reopening, message.moved.fields)
        page = self._app.page
        if page is not None and page.place in (("training", ""), ("study", "")) and len(self._app.screen_stack) > 1:
            self._app.pop_screen()
            page = self._app.page
        self._app.tell(message.error, "error", timeout=12)
        if page is not None:
            page.post_message(messages.Refused(message.error, message.problems))
        self._lists.tell_changed()

    @acts_on(messages.Start)
    def _start(self, message: messages.Start) -> Coroutine[Any, Any, None] | None:
        if self._app.runner.queues:
            return self._queue.add_new(message.spec)
        self._app.runner.start(message.spec)
        self._app.asked_by = self._app.page
        self.open_training("")
        return None

    @acts_on(messages.ResumeRun)
    def _resume(self, message: messages.ResumeRun) -> Coroutine[Any, Any, None] | None:
        if (study := self._app.studies.of_run(message.run)) is not None:  # a trial is not taken up without its study
            self._studies.resume_study(messages.ResumeStudy(study.id))
            return None
        if gone := self._app.runner.files_gone(message.run):
            self._moved.reopen(message, gone)
            return None
        if self._app.runner.queues:
            return self._queue.add(message.run)
        self._app.runner.resume(message.run)
        self._moved.reopening = message
        self.open_training(message.run)
        return None

    @acts_on(messages.PauseRun)
    def _pause(self, message: messages.PauseRun) -> None:
        self._app.runner.ask(message.run, Asked.PAUSE)

    @acts_on(messages.ContinueRun)
    def _go_on(self, message: messages.ContinueRun) -> None:
        self._app.runner.ask(message.run, Asked.RUN)

    @acts_on(messages.StopRun)
    async def _stop(self, message: messages.StopRun) -> None:
        from cae_tui.screens.dialogs import StopScreen
        from engine.studies.records import study_of

        run = self._app.home.find(message.run)
        status = run.read_status()
        study = study_of(run, status)
        others = bool(study) and len(self._app.studies.read(study).under_way) > 1
        question = StopScreen(
            self._lists.run_prefix(run.id),
            best_weights(status),
            self._lists.study_prefix(study) if study else "",
            others=others,
        )
        if answer := await self._app.push_screen_wait(question):
            self._app.runner.ask(run.id, Asked(answer))

    @acts_on(messages.FinishRun)
    async def _finish(self, message: messages.FinishRun) -> None:
        from engine.studies.records import study_of

        run = self._app.home.find(message.run)
        check_can_finish(run, study_of(run, run.read_status()))
        name, best = self._lists.run_prefix(run.id), best_weights(run.read_status())
        detail = _FINISH.format(best=best[0].upper() + best[1:])
        if await confirm(self._app, f"Finish run {name} now?", detail, "Finish"):
            gone = self._app.runner.files_gone(run.id)
            if gone and not await self._moved.ask(gone, run=run.id):
                return
            self._app.runner.finish(run.id)
            self._moved.reopening = message
            self.open_training(run.id)

    @acts_on(messages.OpenRun)
    def _open_run(self, message: messages.OpenRun) -> None:
        directory = self._app.home.find(message.run)
        state = directory.read_status().state
        if state in (FINISHED, EARLY_STOPPED) and directory.result.exists():
            self._open_report(directory.id)
        else:
            self.open_training(directory.id)

    @acts_on(messages.OpenTraining)
    def _show_training(self, message: messages.OpenTraining) -> None:
        if message.run and self._app.runner.mine(message.run) is None:
            self._app.home.find(message.run)  # of a study's table the numbers stay where its run was deleted
        self.open_training(message.run)

    def open_training(self, run: str) -> None:
        """Show the page of a run; of the one which is being prepared where none is named."""
        from cae_tui.screens.training import TrainingScreen

        self._app.go(("training", run), lambda: TrainingScreen(run))

    def _open_report(self, run: str) -> None:
        from cae_tui.screens.report import ReportScreen

        self._app.go(("report", run), lambda: ReportScreen(run))

    @acts_on(messages.OpenGallery)
    def _open_gallery(self, message: messages.OpenGallery) -> None:
        from cae_tui.screens.gallery import GalleryScreen

        self._app.push_screen(GalleryScreen(message.run, message.show, message.true_class, message.predicted_class))

    @acts_on(messages.LookInside)
    def _look_inside(self, message: messages.LookInside) -> None:
        from cae_tui.screens.inside import InsideScreen

        self._app.home.find(message.run).find_model()  # where it has none, that is told here
        asked = message.images if message.picture is None else message.picture
        page = InsideScreen(message.run, asked, message.at, known=(message.name, message.label), why=message.why)
        page.place = ("inside", message.run)
        self._app.push_screen(page)

    @acts_on(messages.TryModel)
    def _try_out(self, message: messages.TryModel) -> None:
        from cae_tui.screens.try_out import TryScreen

        page = self._app.page
        run = message.run or self._lists.best_model(page.data_words[0] if page is not None else "")
        if not run and self._app.runner.busy:
            raise RunError("No model is trained yet: wait until the run that is training has ended.")
        if not run:
            raise RunError("There is no trained model yet: train one, or take the two-minute tour.")
        self._app.home.find(run).find_model()  # where it has none, that is told here
        self._app.go(("try", run), lambda: TryScreen(run))

    @acts_on(messages.OpenScores)
    def _open_scores(self, message: messages.OpenScores) -> None:
        from cae_tui.screens.odd import OddScreen

        self._app.go(("odd", message.run), lambda: OddScreen(message.run))

    @acts_on(messages.OpenSure)
    def _open_sure(self, message: messages.OpenSure) -> None:
        from cae_tui.screens.sure import SureScreen

        self._app.go(("sure", message.run), lambda: SureScreen(message.run))

    @acts_on(messages.OpenLatent)
    def _open_latent(self, message: messages.OpenLatent) -> None:
        from cae_tui.screens.latent import LatentScreen

        self._app.home.find(message.run).find_model()  # where it has none, that is told here
        self._app.go(("latent", message.run), lambda: LatentScreen(message.run))

    @acts_on(messages.Configure)
    def configure(self, message: messages.Configure) -> None:
        """Open the form of a kind of run."""
        from cae_tui.screens.encoder_form import form_for

        # Who builds on an autoencoder of their own images will hardly want another data set.
        files = self._app.runner.data_files(message.values["encoder"]) if "encoder" in message.values else {}
        toured = self._tour.values_for(message.kind, message.values)
        self._app.push_screen(form_for(message.kind, {**files, **toured, **message.values}))

    @acts_on(messages.ConfigureAgain)
    async def _configure_again(self, message: messages.ConfigureAgain) -> None:
        opened = await self._app.runner.open_run(message.run)
        from engine.specs.fields import write_value
        from engine.specs.kinds import spec_again

        spec = opened.spec["spec"]
        if spec.get("kind") not in KINDS:
            raise RunError(f"Run {message.run} is of a kind that this version does not know.")
        with suppress(SpecError):  # of another version: the form says what is wrong
            spec = spec_again(opened.spec).asked_again().model_dump(mode="json")
        values = {name: write_value(value) for name, value in spec.items() if name != "kind"}
        if (files := self._app.runner.files_of(message.run)) is not None and files.labels_from is not None:
            values["labels_from"] = str(files.labels_from)  # the run's own copy, where the file is gone
        self.configure(messages.Configure(spec["kind"], values))


def best_weights(status: "RunStatus") -> str:
    """What a finish of the run would evaluate, in words; empty where no epoch is over."""
    where = epoch_words(status.stage, status.best_epoch)
    return f"the best weights so far, of {where}," if status.best_epoch else ""


_FINISH = "{best} are evaluated. The run then has its report and can no longer be resumed."
