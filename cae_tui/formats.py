"""Numbers and times as every screen writes them.

One place, so that a loss, a share or a duration looks the same in a list, under a chart and in a
report. Pure functions without imports that cost anything: the first screen uses them.
"""

import re
import time

from engine.text import NOTHING, duration, epoch_label, epoch_words, loss, percent, seconds

__all__ = [
    "NOTHING",
    "ago",
    "big",
    "count",
    "duration",
    "epoch_label",
    "epoch_words",
    "loss",
    "percent",
    "seconds",
    "size",
    "state_symbol",
]

_GIGA = ("G", 1e9)

_MARKS: dict[str, tuple[str, str]] = {
    "queued": ("○", "cae-training"),
    "running": ("●", "cae-training"),
    "paused": ("‖", "cae-attention"),
    "finished": ("✓", "success"),
    "early-stopped": ("✓", "success"),
    "stopped": ("■", "cae-validation"),
    "pruned": ("■", "foreground-muted"),
    "skipped": ("■", "foreground-muted"),
    "diverged": ("✗", "error"),
    "failed": ("✗", "error"),
    "cut off": ("■", "cae-attention"),
    "gone": ("✗", "error"),
}


def ago(timestamp: float, now: float | None = None) -> str:
    """How long since `timestamp` (seconds since 1970): `now`, `12 min`, `2 h`, `3 d`."""
    passed = (time.time() if now is None else now) - timestamp
    if passed < 60:
        return "now"
    for unit, length, most in (("min", 60, 60), ("h", 3600, 48)):
        if passed < length * most:
            return f"{int(passed // length)} {unit}"
    return f"{int(passed // 86400):,} d"


def count(number: int | None) -> str:
    """`60,000`."""
    return NOTHING if number is None else f"{number:,}"


def big(number: float | None) -> str:
    """A large count in three figures at most: `842`, `62 k`, `5.2 M`, `1.3 G`."""
    if number is None:
        return NOTHING
    if abs(number) < 999.5:
        return f"{number:.0f}"
    unit, scale = next(
        ((unit, scale) for unit, scale in (("k", 1e3), ("M", 1e6)) if abs(number) < scale * 999.5), _GIGA
    )
    scaled = number / scale
    return f"{scaled:.1f} {unit}" if abs(scaled) < 9.95 else f"{scaled:,.0f} {unit}"


def size(number: float | None) -> str:
    """Bytes as `640 kB`, `52 MB`, `0.3 GB`, `12 GB`."""
    if number is None:
        return NOTHING
    if number < 1e3:
        return f"{number:.0f} B"
    if number < 0.9995e6:
        return f"{number / 1e3:.0f} kB"
    if number < 0.1e9:
        return f"{number / 1e6:.0f} MB"
    return f"{number / 1e9:.1f} GB" if number < 9.95e9 else f"{number / 1e9:,.0f} GB"


def exported(sentence: str, number: int, checked: str) -> str:
    """That something was written, how many bytes it is, and how it was checked, in a line."""
    return f"{sentence} {size(number)}, {checked}."


def state_symbol(state: str) -> tuple[str, str]:
    """The symbol of a run's state, and the theme variable (without `$`) that colours it.

    The word stands beside it always: state is never told by colour alone.
    """
    return _MARKS.get(state, ("·", "foreground-muted"))


def without_flags(sentence: str) -> str:
    """A sentence of the engine without the flags that the command line has for what it speaks of."""
    return re.sub(r" \(--[a-z-]+\)|, as in --[a-z-]+ [A-Z]+", "", sentence)
