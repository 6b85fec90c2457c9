"""What the runner hands to screens: plain values, no tensor, no array, no model.

Made in a thread by `runner`, drawn by widgets. Pictures are bytes, so that drawing one needs no numpy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cae_tui.bridge.run_state import RunState
from engine.runs.status import RunStatus
from engine.text import class_name

if TYPE_CHECKING:
    from engine.results.calibration import Calibration
    from engine.results.result import Result
    from engine.runs.facts import RunFacts


@dataclass(slots=True)
class Progress:
    """How far something is that a thread does: written by that, and looked at by a screen."""

    done: int = 0
    total: int = 0  # 0 where it is not known
    over: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: `pixels` row by row, 1 byte a pixel (grey) or 3 (red, green, blue)."""

    height: int
    width: int
    channels: int
    pixels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """A data set, for Home, Data and the forms."""

    name: str
    shape: tuple[int, int, int]  # height, width, channels
    digest: str = ""  # of their content
    images_digest: str = ""  # of the training images alone
    classes: int  # 0 without labels
    training: int  # images, those held back for validation included
    test: int  # 0 where there are none
    training_counts: tuple[int, ...]  # by class; empty without labels
    test_counts: tuple[int, ...]
    examples: tuple[Picture, ...]  # the first image of each class; the first ten images without labels
    example_classes: tuple[int, ...] = ()  # whose images the examples are; empty without labels
    remarks: tuple[str, ...] = ()  # what a look at images and labels found
    class_names: tuple[str, ...] = ()  # by label; a class without one is called by its number
    validation: int = 0  # how many of `training` are a validation part of their own
    words: str = ""  # what was found, and which rule applied
    left_out: tuple[tuple[str, str], ...] = ()  # files that are not among the images, and why
    sizes: str = ""  # what the images were brought to their size from: `from 41×38 … 212×190, padded`

    def name_of(self, label: int) -> str:
        """What a class is called."""
        return class_name(self.class_names, label)

    @property
    def occurring(self) -> tuple[int, ...]:
        """The classes that a training or a test image has, ascending: labels may have gaps."""
        tested = self.test_counts or (0,) * len(self.training_counts)
        counts = zip(self.training_counts, tested, strict=True)
        return tuple(name for name, pair in enumerate(counts) if any(pair))


@dataclass(frozen=True, slots=True)
class FindingView:
    """Something that a check of a set found; its pictures are numbered through, those of the test behind the others."""

    kind: str
    title: str
    sentence: str
    number: int
    groups: tuple[tuple[int, ...], ...]
    spare: tuple[int, ...]  # those that may be left out


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A set that was looked at."""

    name: str
    findings: tuple[FindingView, ...]
    classes: FindingView  # the mean image of each class, in the place of pictures
    out: frozenset[int]  # places of the pictures that are left out by hand
    images: int


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture of a finding."""

    picture: Picture
    caption: str  # its place and its class
    part: str  # training or test
    at: int  # its place there


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitView:
    """The split that a seed gives."""

    training: int
    validation: int
    training_counts: tuple[int, ...]
    validation_counts: tuple[int, ...]
    remarks: tuple[str, ...] = ()  # which classes it leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """All that pages show of one run."""

    status: RunStatus
    state: RunState
    spec: Mapping[str, Any]  # the content of spec.json; its key "spec" holds the spec's values
    result: "Result | None"  # what it came to; None where the run is not complete
    mine: bool = False  # whether this process trains it
    facts: "RunFacts | None" = None  # of a run that has a result


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model made of one test image."""

    index: int  # in the test set (for an autoencoder without one: in the training set)
    true: int | None  # its class; None without labels
    predicted: int | None  # None where the model tells no classes apart
    confidence: float | None  # the predicted class's probability
    error: float | None  # mean squared error of the reconstruction; None where it makes none

    @property
    def right(self) -> bool | None:
        """Whether the predicted class is the true one; None where none is predicted."""
        return None if self.predicted is None else self.predicted == self.true


@dataclass(frozen=True, slots=True, kw_only=True)
class SureView:
    """How sure a run is of its answers."""

    of: str  # test or validation: which images were measured
    images: int
    calibration: "Calibration"
    earlier: bool  # whether an earlier version trained it, which measured none of it


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsView:
    """Every prediction of a run, in the order of the images."""

    run: str
    kind: str
    classes: int
    of: str  # "test" or "validation": which images they are
    predictions: Sequence[Prediction] = field(default_factory=tuple)
    class_names: tuple[str, ...] = ()  # as in `DataView`

    def name_of(self, label: int) -> str:
        """What a class is called."""
        return class_name(self.class_names, label)

    @property
    def tells_classes(self) -> bool:
        """Whether they are right or wrong."""
        return bool(self.predictions) and self.predictions[0].predicted is not None

    @property
    def occurring(self) -> list[int]:
        """The classes that an image truly is of, ascending: labels may have gaps."""
        return sorted({one.true for one in self.predictions if one.true is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """One image of the gallery, with all that is told beside it."""

    picture: Picture
    reconstruction: Picture | None  # None where no autoencoder is at hand
    probabilities: tuple[float, ...]  # of every class; empty where there are none
    noisy: Picture | None = None  # what was rebuilt, where the run was measured on noisy images


@dataclass(frozen=True, slots=True)
class SampleStrip:
    """Validation images and what the autoencoder made of them after an epoch."""

    epoch: int
    originals: tuple[Picture, ...]
    reconstructions: tuple[Picture, ...]
    noisy: tuple[Picture, ...] = ()  # what it rebuilt, where noise was put on the images

    @property
    def rows(self) -> tuple[tuple[Picture, ...], ...]:
        """As they are shown: images and their reconstructions, or noisy, rebuilt, clean."""
        pair = (self.originals, self.reconstructions)
        return (self.noisy, *reversed(pair)) if self.noisy else pair
