"""What all tests share."""

import gc
import math
import os
import signal
import sys

# Tests run beside each other, and several trainings with all cores each take turns at waiting for one another.
# Set before torch is loaded, and inherited by the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time, and hypothesis must not either: these machines are slow now and then.
settings.register_profile("cae-tui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What `make fuzz` takes: nothing is kept between its calls but the counts.
settings.register_profile(
    "fuzz", deadline=None, suppress_health_check=list(HealthCheck), max_examples=5000, database=None
)
settings.load_profile("cae-tui")

# A shell without job control starts what it puts into the background deaf to Ctrl+C, and whatever that starts too:
# tests that interrupt a program would fail there.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONG = ("tests/endurance/", "tests/terminal/", "tests/test_")
"""Those that take longest, and wait more than they compute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the long tests first: one process takes them while the others compute, and none is left to the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """Have the garbage collector look seldom, and not among what was imported: it took a quarter of the tests' time.

    And have every folder looked at each time it is loaded: on a busy machine any look takes so long that it counts for
    the seconds after it, and what a test changes would go unseen.
    """
    if cache := sys.modules.get("engine.data.cache"):
        cache.LONG_SECONDS = math.inf  # type: ignore[attr-defined]  # of a module that may not be there
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)
