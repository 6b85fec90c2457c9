"""What may come of bad input: a value, or a refusal in a sentence. Each case is counted by its reader."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError

T = TypeVar("T")

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, or cannot be printed."""
LONGEST = 8_000
"""Characters of a refusal: a sentence for each field of a spec fits."""


@dataclass
class Count:
    """The cases that a reader was given."""

    tried: int = 0
    accepted: int = 0


counts: dict[str, Count] = {}


def check_sentence(text: str) -> None:
    """Whether `text` can be put before a person."""
    assert text.strip()
    assert not CONTROL.search(text), repr(text)
    assert len(text) <= LONGEST, len(text)


def value_or_sentence(reader: str, read: Callable[[], T], refusal: type[Exception] = EngineError) -> T | None:
    """What `read` gives, or None where it refuses in a sentence; any other exception is a bug."""
    count = counts.setdefault(reader, Count())
    count.tried += 1
    try:
        value = read()
    except refusal as error:
        check_sentence(str(error))
        return None
    count.accepted += 1
    return value


def accepted_share(cases: st.SearchStrategy[Any], accepts: Callable[[Any], bool], examples: int = 300) -> float:
    """The part of the cases that a reader takes: where it is nothing or everything, nothing is tested."""
    found: list[bool] = []

    @settings(max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def look(case: Any) -> None:
        found.append(accepts(case))

    look()
    return sum(found) / len(found)
