"""What a run comes to: `result.json` as a typed record, one file a kind of run, and what it says in words."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from engine.results.result import Result
from engine.specs.listed import KINDS, module_of
from engine.storage.typed_json import cleaned, record_of


def result_type(kind: str) -> type[Result]:
    """The record of what a run of that kind comes to."""
    found: type[Result] = import_module(module_of(kind, __package__)).RESULT
    return found


def result_of(values: object) -> Result:
    """What a `result.json` holds, as it can be shown; what version 0.1.0 did not write is filled in.

    Raises:
        TypeError: it is no result; the message says which value is not what it can be.
    """
    values = cleaned(values)
    if not isinstance(values, dict):
        raise TypeError(f"{type(values).__name__} where an object was expected")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise TypeError("it is of no kind of run that is known")
    of_kind = result_type(kind)
    result = record_of(of_kind, of_kind.filled_in(values))
    if not result.whole:
        raise TypeError("its measure is missing")
    return result


def result_so_far(values: Mapping[str, Any]) -> Result | None:
    """What the event of a run's end tells, where it can be read."""
    try:
        return result_of(values)
    except TypeError:
        return None
