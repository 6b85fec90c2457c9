"""Which predictions of a run are shown, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass

from cae_tui.bridge.values import Prediction

OF_CLASSES = ("image order", "most confident", "least confident")
OF_ERRORS = ("image order", "worst error", "best error")
"""The orders of predictions that tell classes, and of errors."""


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which predictions are shown, and in which order."""

    show: str = "all"  # all, correct or incorrect
    true_class: int | None = None
    predicted_class: int | None = None
    order: str = "image order"

    def passes(self, prediction: Prediction) -> bool:
        """Whether `prediction` is among those that are shown."""
        if self.show != "all" and prediction.right is not (self.show == "correct"):
            return False
        if self.true_class is not None and prediction.true != self.true_class:
            return False
        return self.predicted_class is None or prediction.predicted == self.predicted_class

    def apply(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Those that are shown, in order."""
        found = [prediction for prediction in predictions if self.passes(prediction)]
        if self.order in ("most confident", "least confident"):
            found.sort(key=lambda one: one.confidence or 0.0, reverse=self.order == "most confident")
        elif self.order in ("worst error", "best error"):
            found.sort(key=lambda one: one.error or 0.0, reverse=self.order == "worst error")
        return found
