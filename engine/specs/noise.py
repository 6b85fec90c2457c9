"""The kinds of noise that can be asked for, how much of each is usual, and how that is said."""

from collections.abc import Mapping

from engine.text import number

NONE, GAUSSIAN, SALT_AND_PEPPER, MASKED_SQUARES = "none", "gaussian", "salt-and-pepper", "masked-squares"
SAME, MIXED = "same", "mixed"
"""Of validation images: as in training; a quarter each without noise, and with each of the three."""
USUAL_AMOUNTS: Mapping[str, float] = {GAUSSIAN: 0.3, SALT_AND_PEPPER: 0.2, MASKED_SQUARES: 0.25}
"""What `auto` comes to: on MNIST each leaves a digit that a person can read."""
Asked = tuple[str, float]
"""A kind and its amount."""


def noise_words(noise: Asked | None) -> str:
    """`gaussian noise 0.3`, `salt and pepper 0.2`, `masked squares 0.25`; `no noise`."""
    if noise is None:
        return "no noise"
    kind, amount = noise
    if kind == MIXED:
        return "mixed noise"
    return f"{kind.replace('-', ' ')}{' noise' if kind == GAUSSIAN else ''} {number(f'{amount:g}')}"
