"""Losses and times as every screen, list and report writes them.

One place for both packages, without imports that cost anything: the first screen uses it.
"""

import math

NOTHING = "–"
"""What stands where there is no number."""


def loss(value: float | None) -> str:
    """A loss in the report's manner: `0.0011`, below a thousandth `9.54e-04`, and `–` for none."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size == 0 or size >= 0.0009995:  # what would round up to 1.00e-03
        return f"{value:.4f}" if size < 1e5 else f"{value:.2e}"
    return f"{value:.2e}"


def duration(seconds: float | None) -> str:
    """`0:07`, `1:12`, `1:02:03`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds(value: float | None) -> str:
    """A time that is compared with others, in three figures: `0.42`, `6.2`, `48`, `312`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
