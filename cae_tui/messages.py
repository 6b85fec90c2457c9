"""Every message that crosses a widget's boundary.

A screen posts what the person asked for; it bubbles to the app, which alone decides and acts. The bridge's threads
tell the app by `RunTold` and `StudyUpdated`; the app posts `RunUpdated` and `RunsChanged` to the screen on top.
Dataclasses, so that a test can compare them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from cae_tui.bridge.run_state import News, RunState
    from cae_tui.bridge.values import Picture
    from cae_tui.data_sets import DataSet
    from engine.errors import MovedError
    from engine.specs.base import Spec
    from engine.specs.data_files import DataFiles
    from engine.studies.records import StudyRecord
    from engine.studies.spec import StudySpec


class ForApp(Message):
    """What the app acts on; which part of it does, `cae_tui.app.acting` finds."""


@dataclass
class Start(ForApp):
    """Train what the spec asks for, once there is room for it."""

    spec: "Spec"


@dataclass
class ResumeRun(ForApp):
    """Take up a run that was stopped or cut off, once there is room for it."""

    run: str


@dataclass
class PauseRun(ForApp):
    """Let the run wait (here or in another process)."""

    run: str


@dataclass
class ContinueRun(ForApp):
    """Let a paused run go on."""

    run: str


@dataclass
class StopRun(ForApp):
    """End the run: finish it now with its best weights, or stop it to resume later; the app asks which."""

    run: str


@dataclass
class FinishRun(ForApp):
    """Evaluate the best weights of a run that was stopped or cut off, which ends it for good; the app asks first."""

    run: str


@dataclass
class OpenRun(ForApp):
    """Show a run: its training while it is on or incomplete, else its report."""

    run: str


@dataclass
class OpenTraining(ForApp):
    """Show the curves of a run, whatever its state."""

    run: str


@dataclass
class OpenGallery(ForApp):
    """Show a run's sample predictions, filtered."""

    run: str
    show: str = "all"  # all, correct or incorrect
    true_class: int | None = None
    predicted_class: int | None = None


@dataclass
class LookInside(ForApp):
    """Follow images through the model of a run, layer by layer; of a classifier also why it answers as it does.

    They are images that the run was measured on, by their indices with their classes where those are known, or one
    `picture` with its name and class.
    """

    run: str
    images: tuple[tuple[int, int | None], ...] = ()
    at: int = 0  # which of them is looked at first
    picture: "Picture | None" = None
    name: str = ""  # what the picture is called
    label: int | None = None  # of the picture, where it is known
    why: bool = False  # whether one begins with why


@dataclass
class BeginTour(ForApp):
    """Show it all: train an autoencoder and a classifier, and say at each page what one sees."""


@dataclass
class TryModel(ForApp):
    """Draw, and see what the model of a run makes of it; of the best run here, where none is named."""

    run: str = ""


@dataclass
class OpenScores(ForApp):
    """Show the scores of a run that tells odd images from normal ones."""

    run: str


@dataclass
class OpenSure(ForApp):
    """Show how sure a run is of its answers, beside how often it is right."""

    run: str


@dataclass
class OpenLatent(ForApp):
    """Show the latent space of a run."""

    run: str


@dataclass
class Configure(ForApp):
    """Open the form of a kind of run, filled in with `values` (as they are typed) over the preset's."""

    kind: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ConfigureAgain(ForApp):
    """Open the form filled in with the spec of a run."""

    run: str


@dataclass
class StartQueue(ForApp):
    """Train what is queued, where nobody does."""


@dataclass
class MoveQueued(ForApp):
    """Have the turn of a queued run come sooner or later: `up`, `down`, `first` or `last`."""

    run: str
    where: str


@dataclass
class RemoveQueued(ForApp):
    """Take a run out of the queue; the app asks first."""

    run: str


@dataclass
class DeleteRuns(ForApp):
    """Take runs away for good; the app asks first."""

    runs: tuple[str, ...]


@dataclass
class MarkRuns(ForApp):
    """Give runs a star, or hide them from lists, or take that back: `star` or `hidden` and its value."""

    runs: tuple[str, ...]
    what: str
    value: bool


@dataclass
class TagRuns(ForApp):
    """Change the tags of runs; the app asks which."""

    runs: tuple[str, ...]


@dataclass
class NoteRuns(ForApp):
    """Write a note about runs; the app asks for it."""

    runs: tuple[str, ...]


@dataclass
class Export(ForApp):
    """Write runs by one of `engine.exporters`, by its name; the app asks where to."""

    exporter: str
    runs: tuple[str, ...]


@dataclass
class ChooseExport(ForApp):
    """Write a run for other programs; the app asks as what and where to."""

    run: str


@dataclass
class StartStudy(ForApp):
    """Do the study that the spec asks for."""

    spec: "StudySpec"


@dataclass
class MeasureWorth(ForApp):
    """Find out by a study what a run's encoder is worth; asks first."""

    run: str


@dataclass
class ConfigureStudy(ForApp):
    """Open the form of a study, its baseline the spec of a run where one is named."""

    run: str = ""


@dataclass
class OpenStudy(ForApp):
    """Show a study: its table and charts."""

    study: str


@dataclass
class ResumeStudy(ForApp):
    """Take up a study that was stopped or cut off."""

    study: str


@dataclass
class ControlStudy(ForApp):
    """Let a study wait (`pause`), go on (`run`), skip its trial (`skip`) or stop (`stop`, the app asks first)."""

    study: str
    what: str
    run: str = ""  # of the trial that is to be skipped; else it is the first under way


@dataclass
class TakeValues(ForApp):
    """What a person takes, where a guided study waits for it."""

    values: Mapping[str, str]


@dataclass
class ExportStudy(ForApp):
    """Write a study's document; the app asks where to."""

    study: str


@dataclass
class DeleteStudy(ForApp):
    """Take a study away, its runs stay; the app asks first."""

    study: str


@dataclass
class CompareRuns(ForApp):
    """Show the curves of several runs in one chart, and what differs between their specs."""

    runs: tuple[str, ...]


@dataclass
class PinBaseline(ForApp):
    """Have lists and comparisons tell differences to that run; to none where it is empty."""

    run: str


@dataclass
class ListSorted(ForApp):
    """A person has sorted the list of that name, which it remembers."""

    name: str
    column: str
    backwards: bool = False


@dataclass
class CallBy(ForApp):
    """Call a person who looks elsewhere when something ends: `off`, `bell` or `both`."""

    how: str


@dataclass
class UseDataSet(ForApp):
    """Have forms begin with that set from now on."""

    data_set: "DataSet"


@dataclass
class TryFiles(ForApp):
    """Use those files from now on, or say why not: who named them has left the page."""

    files: "DataFiles"


@dataclass
class DataSetRead(ForApp):
    """What that set is called and the shape of its images; where another came into use meanwhile, it stays."""

    data_set: "DataSet"


@dataclass
class NoteDataSet(ForApp):
    """A run was asked for on that set: it is among the last ones."""

    data_set: "DataSet"


@dataclass
class DataSetChanged(Message, bubble=False):
    """From the app: another set is in use; `before` are the files of the one before."""

    before: "DataFiles"


@dataclass
class StudyUpdated(ForApp, bubble=False):
    """To the app and from it: something of the study that this process works on has changed."""

    study: "StudyRecord"  # as it was then: nobody changes it any more

    def can_replace(self, message: Message) -> bool:
        """Whether `message`, which came later, makes this one superfluous."""
        return isinstance(message, StudyUpdated) and message.study.id == self.study.id


@dataclass
class RunTold(ForApp, bubble=False):
    """To the app: a thread has heard something of a run."""

    news: "News"


@dataclass
class RunUpdated(Message, bubble=False):
    """From the app: something of the run that a screen may show has changed."""

    run: "RunState"
    epoch: bool = True  # more than a step: epochs, samples or the state itself

    def can_replace(self, message: Message) -> bool:
        """Whether `message`, which came later, makes this one superfluous: a step's news, once there is newer."""
        return isinstance(message, RunUpdated) and not self.epoch and message.run is self.run


@dataclass
class Refused(ForApp, bubble=False):
    """The run that was asked for could not begin; `problems` by field, where a form can show them."""

    error: str
    problems: Mapping[str, str] = field(default_factory=dict)
    moved: "MovedError | None" = None  # where the files of a run or a study are gone, or hold others


@dataclass
class RunsChanged(Message, bubble=False):
    """From the app: a run was added, ended or deleted."""
