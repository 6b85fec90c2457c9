"""What a run of a classifier comes to."""

from dataclasses import dataclass
from typing import Any

from engine.protocol.states import COMPLETE
from engine.results.result import Result
from engine.text import loss, names_of, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestClass:
    """See `engine.evaluation.baselines.largest_class`."""

    label: int
    accuracy: float
    name: str = ""  # an earlier version wrote none


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierResult(Result):
    """Shares of right answers in [0, 1], with the report of each class."""

    test_accuracy: float | None = None
    accuracy: float | None = None  # on the images that it was evaluated on
    correct: int | None = None
    incorrect: int | None = None
    views: int = 1  # of each image, over which probabilities are averaged
    one_view_accuracy: float | None = None
    largest_class: LargestClass | None = None
    nearest_accuracy: float | None = None  # of a linear probe: by the nearest training images in its latent
    nearest_validation: float | None = None  # the same on the validation images

    @property
    def whole(self) -> bool:
        """See `Result`."""
        if self.state not in COMPLETE:
            return self.report is None
        if self.report is None or not self.report.square or not self.evaluated_on or self.views < 1:
            return False
        if self.calibration is not None and not self.calibration.whole:
            return False
        shares = (self.accuracy, self.accuracy if self.views == 1 else self.one_view_accuracy)
        return None not in (self.correct, self.incorrect) and all(
            share is not None and 0 <= share <= 1 for share in shares
        )

    @classmethod
    def filled_in(cls, values: dict[str, Any]) -> dict[str, Any]:
        """See `Result`: version 0.1.0 had a row for every class, and averaged over all of them."""
        values = Result.filled_in(values)
        report = values.get("report")
        try:
            rows = report["rows"] if isinstance(report, dict) else []
            if all(row.get("label") is not None for row in rows):
                return values
            taken = [sum(column) for column in zip(*report["confusion"], strict=True)]  # type: ignore[index]  # it has rows
            empty = [place for place, row in enumerate(rows) if not row["support"] and not taken[place]]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return values  # it is refused for what it is
        for place, row in enumerate(rows):
            row["label"] = place
        remarks = values.setdefault("remarks", [])
        if empty and isinstance(remarks, list):
            words, have = names_of(empty)
            counted = "counts it" if len(empty) == 1 else "counts them"
            remarks.append(
                f"{words} {have} no image here, and the macro average {counted} with 0, as version 0.1.0 did: it is "
                "too low."
            )
        return values

    @property
    def headline(self) -> list[str]:
        """See `Result`."""
        told = [f"{self.of} accuracy {percent(self.accuracy)}"]
        if self.test_loss is not None:
            told.append(f"{self.of.lower()} loss {loss(self.test_loss)}")
        return [*told, f"{self.correct or 0:,} correct", f"{self.incorrect or 0:,} incorrect"]

    @property
    def learned_nothing(self) -> bool:
        """See `Result`."""
        largest = 1.0 if self.largest_class is None else self.largest_class.accuracy
        return largest < 1 and (self.accuracy or 0.0) <= largest and bool(self.remarks)

    @property
    def beside(self) -> dict[str, float]:
        """See `Result`: what the nearest training images answer."""
        found = {f"{self.evaluated_on}_nearest": self.nearest_accuracy, "validation_nearest": self.nearest_validation}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def about(self) -> list[tuple[str, str]]:
        """See `Result`."""
        return [("how sure", " ".join(self.calibration.sentences(self.of.lower())))] if self.calibration else []

    @property
    def held_against(self) -> list[str]:
        """See `Result`: always answering the largest class, and what rare classes come to."""
        told = [self.report.uneven] if self.report is not None and self.report.uneven else []
        if self.largest_class is None or self.learned_nothing:
            return told
        name, share = self.largest_class.name or self.largest_class.label, percent(self.largest_class.accuracy)
        return [f"Always answering class {name} is right for {share}.", *told]

    @property
    def averaging(self) -> str:
        """See `Result`: over how many views of an image was averaged."""
        if self.views == 1:
            return ""
        return (
            f"Averaged over {self.views} views of each image: as it is, and shifted a little to each side. "
            f"The image as it is, by itself, gives {percent(self.one_view_accuracy)}."
        )


RESULT = ClassifierResult
