"""The list of the kinds of run, with what lists and tables of runs need to know of each before anything is loaded.

A kind is a line here and a file of its name in each of five folders: what it asks for (`engine.specs`), its network
(`engine.network`), what it comes to (`engine.results`), what trains and measures it (`engine.kinds`), and what pages
show of it (`cae_tui.kinds`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.specs.measures import ACCURACY, AUROC, AVERAGE_PRECISION, LOSS, Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A kind of run, without its spec."""

    measures: tuple[Measure, ...] = ()  # besides the loss; the first is what a list tells of a run
    loss: str = "loss"  # what it is, in words
    gives_encoder: bool = False  # whether others can be built on its encoder
    takes_encoder: bool = False  # whether it is built on the encoder of another run
    rebuilds: bool = False  # whether its network rebuilds images
    tells_odd: bool = False  # whether it tells odd images from normal ones
    staged: bool = False  # whether its runs have stages whose epochs cost differently

    @property
    def tells_classes(self) -> bool:
        """Whether it tells classes apart."""
        return ACCURACY in self.measures

    @property
    def main(self) -> Measure:
        """What a list tells of a run."""
        return self.measures[0] if self.measures else LOSS

    @property
    def followed(self) -> Measure:
        """What is told of an epoch besides the loss; the loss where nothing is."""
        return next((measure for measure in self.measures if measure.each_epoch), LOSS)


MSE = "mean squared error"
KINDS: Mapping[str, Listed] = {
    "autoencoder": Listed(loss=MSE, gives_encoder=True, rebuilds=True),
    "classifier": Listed(loss="cross-entropy", measures=(ACCURACY,), takes_encoder=True, staged=True),
    "anomaly": Listed(loss=MSE, measures=(AUROC, AVERAGE_PRECISION), rebuilds=True, tells_odd=True),
}
UNKNOWN = Listed()
"""What is known of a kind that only a later version has."""


def listed(kind: str) -> Listed:
    """What is known of a kind by its name, whatever a file says that it is."""
    return KINDS.get(kind, UNKNOWN)


def module_of(kind: str, folder: str) -> str:
    """The module in which a kind has its part in that folder.

    Raises:
        KeyError: there is no such kind.
    """
    if kind not in KINDS:
        raise KeyError(kind)
    return f"{folder}.{kind}"


def every_measure() -> tuple[Measure, ...]:
    """Those of all kinds besides the loss, each once."""
    return tuple({measure.name: measure for kind in KINDS.values() for measure in kind.measures}.values())


def kinds_that_give_encoders() -> list[str]:
    """The kinds on whose encoders others can be built."""
    return [name for name, kind in KINDS.items() if kind.gives_encoder]


def kinds_that_take_encoders() -> list[str]:
    """The kinds that are built on an encoder."""
    return [name for name, kind in KINDS.items() if kind.takes_encoder]
