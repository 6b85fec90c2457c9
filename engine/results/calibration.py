"""How sure a model that tells classes apart is, beside how often it is right: what a run's result keeps of that."""

from dataclasses import dataclass, field

from engine.text import percent

HARDLY = 0.005
"""A temperature so near to 1 changes nothing that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The images whose answers are about as sure; shares in [0, 1], 0 where there is none."""

    images: int
    confidence: float  # mean of the largest probability
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A reliability diagram: bins of equal width, from the least sure to the surest."""

    ece: float  # expected calibration error, in [0, 1]
    bins: list[Bin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How many images are answered where only answers of a probability or more count; shares in [0, 1]."""

    accuracy: float  # that is wanted of those that are answered
    share: float  # of all images; 0 where no threshold gives that accuracy
    threshold: float  # the lowest that gives it; above 1 where none does

    def sentence(self, of: str) -> str:
        """`It answers 97.20 % of the test images at 99.9 %.`"""
        if not self.share:
            return f"No threshold makes {100 * self.accuracy:g} % of its answers right on the {of} images."
        return f"It answers {percent(self.share)} of the {of} images at {100 * self.accuracy:g} %."


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """On the images that a run was evaluated on; the temperature and its own threshold are from validation images."""

    temperature: float | None  # None where none was found
    fitted_on: int = 0  # validation images
    raw: Reliability  # of the probabilities as they are
    tempered: Reliability | None = None  # of those that the temperature makes of them
    curve: list[float] = field(default_factory=list)  # accuracy of the surest 1/n, 2/n … of the images
    covered: list[Covered] = field(default_factory=list)
    own_threshold: float | None = None  # below which `predict` is unsure
    answered: float = 0.0  # the share of the images above that
    answered_accuracy: float | None = None  # of those; None where there is none

    @property
    def whole(self) -> bool:
        """Whether it can be shown: a damaged file may hold anything."""
        diagrams = [each for each in (self.raw, self.tempered) if each is not None]
        shares = [self.answered, *self.curve, *(each.ece for each in diagrams), *(each.share for each in self.covered)]
        shares += [share for each in diagrams for one in each.bins for share in (one.confidence, one.accuracy)]
        shares += [each.accuracy for each in self.covered]
        shares += [] if self.answered_accuracy is None else [self.answered_accuracy]
        return (
            all(each.bins and all(one.images >= 0 for one in each.bins) for each in diagrams)
            and all(0 <= share <= 1 for share in shares)
            and (self.temperature is None) == (self.tempered is None)
            and (self.temperature or 1) > 0
            and (self.answered_accuracy is None or self.own_threshold is not None)
        )

    def sentences(self, of: str) -> list[str]:
        """What it comes to; `of` is test or validation: which images were measured."""
        told = [f"Calibration error (ECE, {len(self.raw.bins)} bins) {percent(self.raw.ece)} on the {of} images"]
        if self.tempered is None:
            told[0] += ". No temperature was found: that takes 50 validation images, 5 of them answered wrongly."
        else:
            told[0] += f", {percent(self.tempered.ece)} with the temperature of {self.temperature:.2f} for new images."
        told += [each.sentence(of) for each in self.covered[:1]]
        if self.answered_accuracy is not None:
            told.append(
                f"On new images an answer is sure from {percent(self.own_threshold)} on, as validation images say: "
                f"{percent(self.answered)} of the {of} images are answered so, and of these "
                f"{percent(self.answered_accuracy)} rightly."
            )
        return told


def temperature_words(temperature: float | None) -> str:
    """What a temperature does to what is told, in a sentence; nothing where there is none."""
    if temperature is None:
        return ""
    if abs(temperature - 1) < HARDLY:
        return f"Probabilities have a temperature of {temperature:.2f}, found on validation images: next to nothing."
    how = "less" if temperature > 1 else "more"
    return (
        f"Probabilities have a temperature of {temperature:.2f}, found on validation images: they are {how} sure than "
        "the network's own, so as to say how often they are right."
    )
