"""Which images of a map are shown, and how that is said."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cae_tui.bridge.latent_values import MapView
from engine.text import class_name, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

TENTH = 0.1
"""The share of images that a filter by error shows."""
ERRORS = ("", "worst", "best")
LONGEST_NAME = 14


@dataclass(frozen=True, slots=True)
class MapFilter:
    """Which images of a map are shown; all of them by default."""

    label: int | None = None  # of this class, or taken for it where classes are not known
    pair: int | None = None  # of this pair of `MapView.confused`, taken for each other
    wrong: bool = False  # taken for another class
    error: str = ""  # the tenth that is rebuilt worst, or best

    def passing(self, view: MapView) -> "NDArray[np.bool_]":
        """Which pass, shape (n,)."""
        import numpy as np

        found = np.ones(len(view.plane), bool)
        if view.labels is not None and view.predicted is not None and (self.wrong or self.pair is not None):
            found &= view.labels != view.predicted
            if self.pair is not None:
                both = view.confused[self.pair][:2]
                found &= np.isin(view.labels, both) & np.isin(view.predicted, both)
        if view.classes is not None and self.label is not None:
            found &= view.classes == self.label
        if view.errors is not None and self.error == "worst":
            found &= view.errors >= np.quantile(view.errors, 1 - TENTH)
        if view.errors is not None and self.error == "best":
            found &= view.errors <= np.quantile(view.errors, TENTH)
        return found

    def words(self, view: MapView, names: "Sequence[str]", *, brief: bool = False) -> list[str]:
        """As in `4 and 9 taken for each other by the 5 nearest`; none where it shows all."""

        def called(label: int) -> str:
            return shortened(class_name(names, label), LONGEST_NAME)

        found = []
        if self.pair is not None:
            one, other, _ = view.confused[self.pair]
            by = "" if brief else f" taken for each other {view.by}"
            found.append(f"{called(one)} {'↔' if brief else 'and'} {called(other)}{by}")
        if self.label is not None:
            found.append(f"class {called(self.label)}")
        if self.wrong:
            found.append("wrong" if brief else f"wrong {view.by}")
        if self.error:
            found.append(f"the tenth rebuilt {self.error}")
        return found
