"""What a run that tells odd images from normal ones comes to."""

from dataclasses import dataclass, field

from engine.protocol.states import COMPLETE
from engine.results.autoencoder import AutoencoderResult
from engine.results.result import Measured
from engine.text import NOTHING, counted, percent

_TITLES = {
    "nearest": "by the nearest", "error": "by the error", "both": "by both", "pixels": "pixels, no network",
    "pixel density": "pixels by density",
}  # fmt: skip
PIXELS = ("pixels", "pixel density")
"""Scores without any network: the distance to the nearest, and that over what the nearest have themselves."""
CHANCE = 0.5
"""The area under the curve of scores that say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How well a score tells odd images from normal ones, in [0, 1]."""

    name: str  # nearest, error, both, or one of `PIXELS`
    auroc: float
    average_precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyResult(AutoencoderResult):
    """Figures of the scores that were asked for, on the images that the run was evaluated on; shares in [0, 1].

    None, and no `scored`, where it is not known which of them are odd, or all of them are of one side.
    """

    auroc: float | None = None
    average_precision: float | None = None
    scored: list[Scored] = field(default_factory=list)
    normal: list[str] = field(default_factory=list)  # the classes; none where all images are normal
    normal_images: int = 0
    odd_images: int = 0
    known: int = 0  # training images that others are compared with
    told_apart: str = ""  # what the encoder also learned to tell apart, in words
    threshold: float | None = None
    threshold_by: str = ""  # in words
    precision: float | None = None  # at the threshold, as the next ones
    recall: float | None = None
    f1: float | None = None
    false_alarms: float | None = None  # the share of the normal images that are told as odd

    @property
    def whole(self) -> bool:
        """See `Result`."""
        if self.state not in COMPLETE:
            return True
        shares = [self.auroc, self.average_precision, self.precision, self.recall, self.f1, self.false_alarms]
        shares += [share for each in self.scored for share in (each.auroc, each.average_precision)]
        counts = (self.normal_images, self.odd_images, self.known)
        return (
            bool(self.evaluated_on)
            and self.threshold is not None
            and min(counts) >= 0
            and all(share is None or 0 <= share <= 1 for share in shares)
        )

    @property
    def headline(self) -> list[str]:
        """See `Result`."""
        told = []
        if self.auroc is not None:
            told.append(f"{self.of} AUROC {percent(self.auroc)}")
            told.append(f"average precision {percent(self.average_precision)}")
        if self.recall is not None:
            told += [f"recall {percent(self.recall)}", f"precision {percent(self.precision)}"]
        elif self.false_alarms is not None:
            told.append(f"{self.of} images told as odd {percent(self.false_alarms)}")
        mse = super(AnomalyResult, self).headline[0]
        return [*told, f"{mse[0].lower()}{mse[1:]}" if told else mse]

    @property
    def heads(self) -> tuple[str, str]:
        """See `Result`."""
        return ("AUROC", "AP") if self.scored else ("MSE", "PSNR")

    @property
    def measured(self) -> list[Measured]:
        """Its figures, those of the scores that it was not asked for, and those of pixels without a network."""
        if not self.scored:
            return super(AnomalyResult, self).measured
        rows = []
        for place, each in enumerate(self.scored):
            name = _TITLES.get(each.name, each.name)
            pair = percent(each.auroc), percent(each.average_precision)
            here, there = ((NOTHING, ""), pair) if self.evaluated_on == "test" else (pair, (NOTHING, ""))
            rows.append(Measured("this run" if not place else name, here, there))
        return rows

    def pair(self, value: float | None, ratio: float | None = None) -> tuple[str, str]:
        """See `Result`: a loss has no column in a table of areas."""
        return (NOTHING, "") if self.scored else AutoencoderResult.pair(self, value, ratio)

    @property
    def learned_nothing(self) -> bool:
        """See `Result`."""
        return self.auroc is not None and self.auroc <= CHANCE

    @property
    def held_against(self) -> list[str]:
        """See `Result`: the same without a network."""
        told = []
        pixels = max((each.auroc for each in self.scored if each.name in PIXELS), default=None)
        if self.auroc is not None and pixels is not None:
            points = 100 * (self.auroc - pixels)
            how = "as good" if abs(points) < 0.05 else f"{abs(points):.1f} points {'better' if points > 0 else 'worse'}"
            told.append(
                f"The better of two scores by the pixels themselves, without a network, has an AUROC of "
                f"{percent(pixels)}: this run is {how}."
            )
        if self.auroc is None and self.evaluated_on:
            told.append(self._why_no_auroc)
        return told

    @property
    def _why_no_auroc(self) -> str:
        many = counted(self.odd_images + self.normal_images, f"{self.of.lower()} image")
        if self.odd_images:
            return f"All {many} are odd, so there is no AUROC: normal ones are needed beside them."
        if self.normal:
            return f"All {many} are normal, so there is no AUROC: odd ones are needed beside them."
        return (
            "Which images are odd is not known, so there is no AUROC: name the normal classes (--normal), or test "
            "images of classes that are not."
        )

    @property
    def about(self) -> list[tuple[str, str]]:
        """See `Result`."""
        return [*self.hangs_on, *super(AnomalyResult, self).about]

    @property
    def hangs_on(self) -> list[tuple[str, str]]:
        """See `Result`: what is normal, and where the line is drawn."""
        told = []
        what = ", ".join(self.normal) or "all images"
        sides = [counted(self.normal_images, "image"), f"{self.odd_images:,} odd"] if self.odd_images else []
        told.append(("normal", "; ".join(filter(None, (what, " and ".join(sides))))))
        if self.threshold is not None:
            told.append(("threshold", f"{self.threshold:.4g}, {self.threshold_by}."))
        if self.recall is not None and self.precision is not None:
            told.append(
                (
                    "at it",
                    f"{percent(self.recall)} of the odd images are found (recall), {percent(self.precision)} of those "
                    f"told as odd are (precision); {percent(self.false_alarms)} of the normal ones are told as odd. F1 "
                    f"{percent(self.f1)}.",
                )
            )
        elif self.false_alarms is not None:
            told.append(("at it", f"{percent(self.false_alarms)} of the images are told as odd."))
        if self.told_apart:
            why = "" if "shifts" in self.told_apart else "; no shifts, for all images are centred"
            told.append(("also learned", f"to tell {self.told_apart} apart{why}"))
        if self.known:
            told.append(("compared", f"with {counted(self.known, 'training image')}"))
        return told


RESULT = AnomalyResult
