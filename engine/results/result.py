"""What every run comes to: the content of `result.json`.

It is written once, by `engine.jobs`, and read by name everywhere else. A kind adds what it is measured by, and says in
words what that means. Nothing here loads torch or numpy.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from engine.protocol.states import COMPLETE
from engine.results.calibration import Calibration
from engine.specs.listed import every_measure, listed
from engine.storage.typed_json import NO_LINES, Lines
from engine.text import NOTHING, counted, epoch_words, loss, percent

UNEVEN = 3
"""Where the largest class has so many times the images of the rarest, the accuracy hides what becomes of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How a stage of training ended."""

    stage: str
    state: str
    epochs: int
    best_epoch: int
    best_loss: float | None  # validation loss
    best_accuracy: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """A class's line in a classification report, or an average's; the ratios are in [0, 1]."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int  # images that truly are of the class
    label: int | None = None  # the class's number; None for an average


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationReport:
    """What a model gets right and wrong that tells classes apart."""

    rows: list[ReportRow]
    macro: ReportRow
    weighted: ReportRow
    accuracy: float
    correct: int
    incorrect: int
    text: Lines  # as scikit-learn prints it
    confusion: list[list[int]]  # by true and predicted class, in the order of `rows`

    @property
    def uneven(self) -> str:
        """What the accuracy hides where some classes have far fewer images than others; nothing where none has."""
        tested = [row for row in self.rows if row.support]
        rarest = min(tested, key=lambda row: row.support, default=None)
        if rarest is None or max(row.support for row in tested) < UNEVEN * rarest.support:
            return ""
        return (
            f"Counting every class alike, {percent(self.macro.recall)} are recognised; of the rarest, {rarest.name}, "
            f"{percent(rarest.recall)} of {counted(rarest.support, 'image')}."
        )

    @property
    def square(self) -> bool:
        """Whether there is a row for each class that is counted, and a number for each two."""
        classes = len(self.rows)
        return classes > 0 and len(self.confusion) == classes and {len(row) for row in self.confusion} == {classes}


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of figures as they are written: of the run, or of what it is held against. Pairs are as `Result.heads`."""

    name: str
    validation: tuple[str, str]
    test: tuple[str, str] = (NOTHING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What every kind of run has; a kind's own class adds what it is measured by, each under its measure's name."""

    id: str
    kind: str
    state: str
    title: str
    message: Lines
    device: str
    data: str = ""
    data_digest: str = ""
    best_validation_loss: float | None
    best_epoch: int
    best_stage: str = ""  # version 0.1.0 wrote none
    epochs: int
    seconds: float
    images_per_second: float | None
    ms_per_step: float | None
    parameters: int
    macs: int
    latent: int
    pixels: int
    stages: list[StageResult]
    evaluated_on: str = ""  # test or validation; empty where it was not measured, for it ended early
    test_loss: float | None = None
    report: ClassificationReport | None = None  # where it tells classes apart
    calibration: Calibration | None = None  # as the report; an earlier version measured none
    remarks: list[str] = field(default_factory=list)  # sentences on its images, its split and what it came to
    details: Lines = NO_LINES  # the traceback of an error that nobody foresaw

    @property
    def whole(self) -> bool:
        """Whether all is there that a run which has ended so must have."""
        return self.state not in COMPLETE or bool(self.evaluated_on)

    @classmethod
    def filled_in(cls, values: dict[str, Any]) -> dict[str, Any]:
        """`values` of a file, with what an earlier version did not write."""
        having = [stage.get("stage") for stage in _stages(values) if stage.get("best_epoch")]
        values.setdefault("best_stage", having[-1] if having else "")
        return values

    def to_json(self) -> dict[str, Any]:
        """What `result.json` holds: all that this run has, and each measure of any kind on test images."""
        written = asdict(self)
        for each in fields(self):
            if each.default is not MISSING and written[each.name] in (None, ""):
                del written[each.name]
        tested = self.measures if self.evaluated_on == "test" else {}
        return {
            "test_loss": None,
            **{f"test_{measure.name}": tested.get(measure.name) for measure in every_measure()},
            **written,
        }

    @property
    def best_at(self) -> str:
        """The best epoch in words: that of the latest stage which completed one."""
        return epoch_words(self.best_stage, self.best_epoch)

    @property
    def measures(self) -> dict[str, float]:
        """The measures of its kind besides the loss, on the images that it was evaluated on; none where it was not."""
        found = {measure.name: getattr(self, measure.name) for measure in listed(self.kind).measures}
        return {name: value for name, value in found.items() if value is not None} if self.evaluated_on else {}

    # -- in words --------------------------------------------------------------------------------

    @property
    def of(self) -> str:
        """The images it was evaluated on, as a sentence begins with them: `Test`."""
        return "Test" if self.evaluated_on == "test" else "Validation"

    @property
    def headline(self) -> list[str]:
        """The figures that matter most, that of the images it was evaluated on first."""
        own = self.measures
        told = [f"{self.of} {m.name} {m.write(own[m.name])}" for m in listed(self.kind).measures if m.name in own]
        value = self.test_loss if self.evaluated_on == "test" else self.best_validation_loss
        return [*told, f"{self.of if not told else self.of.lower()} loss {loss(value)}"]

    @property
    def heads(self) -> tuple[str, str]:
        """Of the two figures that stand side by side in `measured`."""
        return "loss", next((measure.name for measure in listed(self.kind).measures), "")

    @property
    def measured(self) -> list[Measured]:
        """Its figures and those that they are held against, row by row."""
        own, main = self.measures, listed(self.kind).main
        told = main.write(own[main.name]) if main.name in own else ""
        tested = self.evaluated_on == "test"
        validation = (loss(self.best_validation_loss), "" if tested else told)
        return [Measured("this run", validation, (loss(self.test_loss), told if tested else ""))]

    def pair(self, value: float | None, ratio: float | None = None) -> tuple[str, str]:  # noqa: ARG002 - for kinds that have one
        """A loss, and what else its head promises."""
        return loss(value), ""

    @property
    def learned_nothing(self) -> bool:
        """Whether it is no better than what needs no learning; its remarks then say so in a sentence."""
        return False

    @property
    def hangs_on(self) -> list[tuple[str, str]]:
        """What its measures hang on, as a threshold, each with a name."""
        return []

    @property
    def beside(self) -> dict[str, float]:
        """What a study is told besides its measures, by name."""
        return {}

    @property
    def held_against(self) -> list[str]:
        """How it does beside what needs no learning, and beside other models, in sentences."""
        return []

    @property
    def about(self) -> list[tuple[str, str]]:
        """What there is to say of the model itself: names, each with its words."""
        return []

    @property
    def images_words(self) -> str:
        """What was done to the images that it learned from and was measured on, in sentences, where anything was."""
        return ""

    @property
    def averaging(self) -> str:
        """Over what its figures are averages, where that is not as one would think."""
        return ""


def _stages(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stages = values.get("stages")
    return [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
