"""How long typing must rest before images are read: longer where each value asks for another treatment of them all."""

import asyncio
import time

from cae_tui.widgets.spec_form import SpecForm
from engine.specs.preprocessing import PREPROCESSING

TREATMENT_SECONDS = 1.5
"""A size that is half typed is a size too: `12` of `128` would have every picture decoded, and kept."""


async def typing_rests(form: SpecForm, seconds: float) -> None:
    """Wait until typing rests for so many seconds, or, in a field of treatment, until it is left or for longer."""
    begun = time.monotonic()
    await asyncio.sleep(seconds)
    while form.is_typing_in(PREPROCESSING) and time.monotonic() - begun < TREATMENT_SECONDS:
        await asyncio.sleep(0.05)
