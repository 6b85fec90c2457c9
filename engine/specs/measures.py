"""What a run is measured by: numbers with a name, a direction, and a way to be written.

Every kind of run has a loss. What it is measured by besides, `engine.specs.listed` says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.text import loss, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number by which runs are measured: after each epoch, and at the end.

    Tasks give it by its name, events and results have it by its name; lists, filters and tables by name and part, as
    `val_accuracy` and `test_accuracy`.
    """

    name: str
    short: str  # for the head of a narrow column: `val acc`
    higher: bool  # whether a higher one is better
    share: bool  # whether it is a part of 1, told in per cent
    write: Callable[[float | None], str]
    each_epoch: bool = True  # whether it is measured after each epoch, and not at the end alone


LOSS = Measure(name="loss", short="loss", higher=False, share=False, write=loss)
ACCURACY = Measure(name="accuracy", short="acc", higher=True, share=True, write=percent)
AUROC = Measure(name="auroc", short="auroc", higher=True, share=True, write=percent, each_epoch=False)
AVERAGE_PRECISION = Measure(
    name="average_precision", short="AP", higher=True, share=True, write=percent, each_epoch=False
)


def psnr(mse: float) -> float | None:
    """Peak signal-to-noise ratio in dB of a mean squared error, images in [0, 1].

    None where it is no number that JSON can hold: for an error of exactly 0, or one that is not finite.

    Raises:
        ValueError: a negative error.
    """
    if mse < 0:
        raise ValueError(f"a mean squared error cannot be {mse}")
    return -10 * math.log10(mse) if 0 < mse < math.inf else None
