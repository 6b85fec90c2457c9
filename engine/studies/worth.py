"""What pre-training is worth: the points of such a study, and what they come to.

A classifier is trained on an encoder, on the same encoder without letting that learn, as a linear probe, and from
scratch, with few labels and with many, several seeds each. A seed draws the same labels for every way, and those of few
are some of those of many. Every run keeps its last weights after a number of epochs that is fixed: no validation image
chooses anything, so the full validation part measures all of them, and test images once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.studies.records import PointRecord, StageRecord
from engine.text import counted

ALL = ""
"""How a hyperparameter that is left out is written: all labels, and so many steps as a pass has."""
LABELS = ("1", "2", "5", "10", "20", "50", "100", ALL)
SEEDS, SEEDS_BEYOND, MANY_LABELS = 5, 3, 50
"""Seeds of a point, and at most so many where it has more labels a class than that."""
STEPS = "150"
"""Of an epoch with few labels: a small set is gone through many times, so that all ways take as many steps."""
EPOCHS = 6
BASELINE: Mapping[str, object] = {"batch_size": 64, "keep": "last", "patience": 0, "schedule": "one-cycle"}
FINE_TUNED, FROZEN, LINEAR, SCRATCH = "fine-tuned", "frozen", "linear probe", "from scratch"
NEAREST = "nearest neighbours"
"""Told by the runs of linear probes, which have the same latents: nothing is trained for it."""
WAYS: Mapping[str, Mapping[str, str]] = {
    FINE_TUNED: {"from_scratch": "no", "frozen_epochs": "1", "finetune_epochs": str(EPOCHS - 1)},
    FROZEN: {"from_scratch": "no", "frozen_epochs": str(EPOCHS), "finetune_epochs": "0"},
    LINEAR: {
        "from_scratch": "no", "frozen_epochs": str(EPOCHS), "finetune_epochs": "0", "fc_layers": "0", "dropout": "0",
    },
    SCRATCH: {"from_scratch": "yes", "frozen_epochs": "0", "finetune_epochs": str(EPOCHS)},
}  # fmt: skip
PRE_TRAINED = (FINE_TUNED, FROZEN)
"""Those whose best is held against training from scratch."""
SHOWN = (*WAYS, NEAREST)
NAMES = (
    "labels_per_class", "steps_per_epoch", "from_scratch", "frozen_epochs", "finetune_epochs", "fc_layers", "dropout",
)  # fmt: skip
"""The hyperparameters in which the points differ."""
OF = ("validation", "test")
HALF = 0.5
"""Of a label a class: fewer are no whole one."""


def points(labels: Sequence[str], usual: Mapping[str, str], steps: Sequence[str]) -> list[dict[str, str]]:
    """The values of every point: all ways at the fewest labels, then at more.

    Args:
        labels: how many of each class, as text; `ALL` for all.
        usual: what a way has that names no value of its own.
        steps: those of an epoch; where `ALL` is among them, one with all labels has as many as a pass.
    """
    found = []
    for number in labels:
        own = {"labels_per_class": number, "steps_per_epoch": STEPS if number or ALL not in steps else ALL}
        found += [{**{name: usual.get(name, "") for name in NAMES}, **own, **way} for way in WAYS.values()]
    return found


def way_of(values: Mapping[str, str]) -> str:
    """Which way a point is."""
    return next(name for name in (LINEAR, *WAYS) if WAYS[name].items() <= values.items())


def is_point(values: Mapping[str, str]) -> bool:
    """Whether they are those of such a study."""
    return set(values) == set(NAMES)


def labels_words(number: str) -> str:
    """`10 labels a class`."""
    return f"{counted(int(number), 'label')} a class" if number else "all labels"


def said(values: Mapping[str, str]) -> str:
    """A point in a few words: `fine-tuned, 10 labels a class`."""
    return f"{way_of(values)}, {labels_words(values['labels_per_class'])}"


def seeds_at(values: Mapping[str, str], seeds: int) -> int:
    """How many seeds a point has: where there are many labels they differ little, and take long."""
    number = values.get("labels_per_class", ALL)
    return min(seeds, SEEDS_BEYOND) if not number or int(number) > MANY_LABELS else seeds


@dataclass(frozen=True, slots=True)
class Measured:
    """A way at a number of labels: shares in [0, 1] over its seeds."""

    labels: str  # a class, as text; `ALL`
    mean: float
    spread: float  # standard deviation; 0 of a single seed
    seeds: int

    @property
    def low(self) -> float:
        """Where its bar begins."""
        return self.mean - self.spread

    @property
    def high(self) -> float:
        """Where it ends."""
        return self.mean + self.spread


def measured(stage: StageRecord, of: str) -> dict[str, list[Measured]]:
    """What is known of each way, by its name, from the fewest labels to the most; of trials that have ended well.

    Args:
        stage: of such a study.
        of: one of `OF`.
    """
    found: dict[str, list[Measured]] = {way: [] for way in SHOWN}
    for point in list(stage.points):
        way, labels = way_of(point.values), point.values["labels_per_class"]
        _add(found[way], labels, _values(point, f"{of}_accuracy"))
        if way == LINEAR:
            _add(found[NEAREST], labels, _values(point, f"{of}_nearest"))
    return {way: series for way, series in found.items() if series}


def _values(point: PointRecord, name: str) -> list[float]:
    return [value for trial in point.trials if trial.complete and (value := trial.measured(name)) is not None]


def _add(series: list[Measured], labels: str, values: Sequence[float]) -> None:
    if values:
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        spread = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
        series.append(Measured(labels, mean, spread, len(values)))


def labels_at(number: str, every: float) -> float:
    """So many labels a class as a number; `every` where they are all."""
    return float(number) if number else every


def sentences(stage: StageRecord, of: str, every: float) -> dict[str, str]:
    """What the encoder is worth, in a sentence for each number of labels, as text.

    It says so where the bars of the better pre-trained way and of training from scratch do not overlap, one standard
    deviation to each side; else that no difference is seen.

    Args:
        stage: of such a study.
        of: one of `OF`: on which images. Which pre-trained way is the better one, validation images tell.
        every: training images of a class, on average.
    """
    series, chosen = measured(stage, of), measured(stage, OF[0])
    scratch = {each.labels: each for each in series.get(SCRATCH, [])}
    found = {}
    for labels, without in scratch.items():
        ways = {
            way: each
            for way in PRE_TRAINED
            for each in series.get(way, [])
            if each.labels == labels and each.seeds == without.seeds
        }
        if not ways:
            continue
        by = {way: each.mean for way in ways for each in chosen.get(way, []) if each.labels == labels}
        best = max(ways, key=lambda way: by.get(way, ways[way].mean))
        found[labels] = _sentence(labels, best, ways[best], without, series[SCRATCH], every)
    return found


def _sentence(
    labels: str, way: str, ours: Measured, without: Measured, scratch: Sequence[Measured], every: float
) -> str:
    where = f"At {labels_words(labels)}"
    if ours.seeds < 2:
        return (
            f"{where} one seed tells nothing: {100 * ours.mean:.1f} % {way}, {100 * without.mean:.1f} % from scratch."
        )
    if ours.low <= without.high and without.low <= ours.high:
        return f"{where} no difference is seen between {way} and from scratch."
    points = 100 * (ours.mean - without.mean)
    if points < 0:
        return f"{where} the encoder costs {-points:.1f} points ({way})."
    more = _as_many_more(labels, ours.mean, scratch, every)
    return f"{where} the encoder is worth {points:.1f} points ({way}){f', or {more}' if more else ''}."


def _as_many_more(labels: str, wanted: float, scratch: Sequence[Measured], every: float) -> str:
    """How many more labels training from scratch takes to be as good, between what was measured; nothing for all."""
    if not labels:
        return ""
    here = labels_at(labels, every)
    beyond = [each for each in scratch if labels_at(each.labels, every) >= here]
    for one, other in pairwise(beyond):
        if one.mean <= wanted <= other.mean:
            share = (wanted - one.mean) / max(other.mean - one.mean, 1e-9)
            low, high = (math.log(labels_at(each.labels, every)) for each in (one, other))
            more = math.exp(low + share * (high - low)) - here
            return (
                f"as much as {counted(max(round(more), 1), 'more label')}"
                if more >= HALF
                else "less than one more label"
            )
    most = max((labels_at(each.labels, every) for each in beyond), default=here)
    return f"as much as over {counted(round(most - here), 'more label')}" if most > here else ""
