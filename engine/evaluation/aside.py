"""Long computations of libraries, which nothing can end, in a thread beside the one that asks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.1


def aside(work: Callable[[], T], meanwhile: Callable[[], None]) -> T:
    """What `work` gives; `meanwhile` is called ten times a second, and what it raises leaves the work behind.

    What is left behind goes on to its end in its thread, and nobody hears of it.
    """
    executor = ThreadPoolExecutor(1, "aside")
    try:
        computed = executor.submit(work)
        while True:
            meanwhile()
            with suppress(TimeoutError):
                return computed.result(timeout=LOOK_SECONDS)
    finally:
        executor.shutdown(wait=False)
