"""The same images through two runs: which of them both were measured on, and what each made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cae_tui.bridge.values import Prediction, PredictionsView
from engine.errors import RunError
from engine.text import counted

DIFFER, FIRST, SECOND, NEITHER, ALL = "differ", "first", "second", "neither", "all"
OF_CLASSES = (DIFFER, FIRST, SECOND, NEITHER, ALL)
OF_ERRORS = (FIRST, SECOND, ALL)
LEAST_TOLD = 0.001
"""A smaller p is told as smaller than this."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image, and what the two runs made of it."""

    first: Prediction
    second: Prediction

    @property
    def index(self) -> int:
        """As in `Prediction`."""
        return self.first.index

    @property
    def margin(self) -> float:
        """How much larger the error of the second is; of reconstructions."""
        return (self.second.error or 0.0) - (self.first.error or 0.0)


@dataclass(frozen=True, slots=True)
class BothView:
    """What two runs made of the images that both were measured on."""

    of: str  # test or validation
    tells_classes: bool
    pairs: Sequence[Pair]  # in the order of the images
    class_names: tuple[str, ...]
    left_out: int  # images that only one of them was measured on
    chance: float | None = None  # McNemar's exact p of so uneven a difference, where they tell classes apart

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be looked at."""
        return OF_CLASSES if self.tells_classes else OF_ERRORS

    def part(self, name: str) -> list[Pair]:
        """The images of one of `parts`; reconstructions of the greatest difference first."""
        if name == ALL:
            return list(self.pairs)
        if not self.tells_classes:
            sign = 1 if name == FIRST else -1
            return sorted((p for p in self.pairs if sign * p.margin > 0), key=lambda pair: -sign * pair.margin)
        if name == DIFFER:
            return [pair for pair in self.pairs if pair.first.predicted != pair.second.predicted]
        wanted = {FIRST: (True, False), SECOND: (False, True), NEITHER: (False, False)}[name]
        return [pair for pair in self.pairs if (bool(pair.first.right), bool(pair.second.right)) == wanted]


def side_by_side(first: PredictionsView, second: PredictionsView) -> BothView:
    """Both runs on the images that both were measured on.

    Raises:
        RunError: there are none, or one tells classes apart and the other does not.
    """
    if first.tells_classes != second.tells_classes:
        raise RunError("One of the two runs tells classes apart, the other rebuilds images: compare runs of one kind.")
    if first.of != second.of:
        raise RunError(
            f"One run was measured on {first.of} images and the other on {second.of} images: there are none that both "
            "were measured on."
        )
    others = {each.index: each for each in second.predictions}
    pairs = [Pair(each, others[each.index]) for each in first.predictions if each.index in others]
    if not pairs:
        raise RunError(
            f"The two runs have no {first.of} image in common: each has its own validation part. Train them with "
            "one seed, or on a set with test images."
        )
    left_out = len(first.predictions) + len(second.predictions) - 2 * len(pairs)
    chance = None
    if first.tells_classes:
        from scipy.stats import binomtest

        only = [sum(bool(p.first.right) > bool(p.second.right) for p in pairs)]
        only.append(sum(bool(p.second.right) > bool(p.first.right) for p in pairs))
        chance = float(binomtest(min(only), sum(only)).pvalue) if sum(only) else 1.0
    return BothView(first.of, first.tells_classes, pairs, first.class_names, left_out, chance)


def counts_in_words(view: BothView, names: tuple[str, str]) -> str:
    """How many images which of the two does better on; `names` are those of the runs."""
    many = {part: len(view.part(part)) for part in view.parts}
    total = counted(many[ALL], f"{view.of} image")
    if not view.tells_classes:
        equal = many[ALL] - many[FIRST] - many[SECOND]
        told = [f"{name} rebuilds {many[part]:,} better" for name, part in zip(names, (FIRST, SECOND), strict=True)]
        words = f"{total}: {', '.join(told)}" + (f", {equal:,} alike" if equal else "")
    else:
        right = many[ALL] - many[FIRST] - many[SECOND] - many[NEITHER]
        words = (
            f"{total}: both right {right:,}, only {names[0]} {many[FIRST]:,}, only {names[1]} {many[SECOND]:,}, "
            f"neither {many[NEITHER]:,}; answers differ on {many[DIFFER]:,}"
        )
        if view.chance is not None and many[FIRST] + many[SECOND]:
            p = f"= {view.chance:.2g}" if view.chance >= LEAST_TOLD else f"< {LEAST_TOLD:g}"
            words += f". A difference so uneven comes by chance with p {p} (McNemar's test)"
    return words + (f". {view.left_out:,} that only one was measured on are left out" if view.left_out else "") + "."
