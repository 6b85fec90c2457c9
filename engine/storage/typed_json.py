"""Decoded JSON as the record that it was written from, or a reason why it is none.

Whatever is read back was on a disk meanwhile, where a person, another program or a fault may have changed it: each
value is held against the type that its field is declared with, so that a list may sort and a screen may draw what it
reads. Text becomes a line that a terminal can show. Nothing heavy is imported, for the first screen lists runs and
studies.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, get_args, get_origin

from engine.text import plain

Lines = NewType("Lines", str)
"""Text that may have several lines; any other stays one."""
NO_LINES = Lines("")
Record = TypeVar("Record")
Read = Callable[[Any], Any]

_LARGEST_WHOLE, _LARGEST = 2**63, 1e100
"""Beyond what is counted and measured: with such numbers arithmetic would overflow."""


def record_of(kind: type[Record], values: object) -> Record:
    """The dataclass `kind` with what `values` holds; what a newer version added is passed over.

    Raises:
        TypeError: a value is of another type than its field, a number is none that is measured, or a field is missing.
    """
    if not isinstance(values, dict):
        raise TypeError(f"{type(values).__name__} where an object was expected")
    own = {}
    for name, read in _readers(kind):  # type: ignore[arg-type]  # a class is hashable
        if name in values:
            try:
                own[name] = read(values[name])
            except _WrongValueError as error:
                raise _WrongValueError(f"{error.name} of {name}", error.found) from None
            except TypeError as error:
                raise _WrongValueError(name, str(error)) from None
    return kind(**own)


class _WrongValueError(TypeError):
    """A value that is none of its field, which may be one of a record in a record: `best_epoch of stages`."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(f"{name} is {found}")
        self.name, self.found = name, found


@cache
def _readers(kind: type[Any]) -> tuple[tuple[str, Read], ...]:
    return tuple((field.name, _reader(field.type)) for field in fields(kind))


def _reader(kind: Any) -> Read:
    """What takes a decoded value to one of the type `kind`, or raises a `TypeError` that names what it found."""
    inner = get_args(kind)
    origin = get_origin(kind)
    if isinstance(kind, UnionType):
        (some,) = (each for each in inner if each is not NoneType)
        return _or_none(_reader(some), infinite_too=some is float)
    if origin is list:
        return _list_of(_reader(inner[0]))
    if origin is tuple:
        each = _list_of(_reader(inner[0]))
        return (lambda value: tuple(each(value))) if inner[-1] is ... else _tuple_of(tuple(map(_reader, inner)))
    if origin in (dict, Mapping):
        return _mapping_to(_any_number if inner[1] is float else _reader(inner[1]))
    if isinstance(kind, type) and is_dataclass(kind):
        return lambda value: record_of(kind, value)
    return _PLAIN[kind]


def cleaned(value: Any) -> Any:
    """Decoded JSON as it is, but for its text: of that what can be shown, in lines."""
    if isinstance(value, dict):
        return {plain(name): cleaned(each) for name, each in value.items()}
    if isinstance(value, list):
        return [cleaned(each) for each in value]
    return plain(value) if isinstance(value, str) else value


def finite(value: Any) -> Any:
    """What is to be written as JSON, with None for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list) else value


def _refused(value: object) -> TypeError:
    return TypeError(type(value).__name__)


def _lines(value: Any) -> str:
    if type(value) is not str:
        raise _refused(value)
    return plain(value)


def _text(value: Any) -> str:
    return _lines(value).replace("\n", " ")  # a line of a list stays one


def _yes_or_no(value: Any) -> bool:
    if type(value) is not bool:
        raise _refused(value)
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise _refused(value)
    if not 0 <= value < _LARGEST_WHOLE:  # all of them count something
        raise TypeError("too large a number" if value > 0 else "less than 0")
    return value


def _number(value: Any) -> Any:
    if type(value) is float and -_LARGEST < value < _LARGEST:  # most are: a story has a dozen for each epoch
        return value
    if not math.isfinite(_any_number(value)):
        raise TypeError("not a finite number")
    return value


def _any_number(value: Any) -> Any:
    if type(value) is float and -_LARGEST < value < _LARGEST:
        return value
    if type(value) not in (int, float):
        raise _refused(value)
    if abs(value) > _LARGEST and value not in (math.inf, -math.inf):
        raise TypeError("too large a number")
    return value


def _or_none(read: Read, *, infinite_too: bool) -> Read:
    """None where there is none; a measurement that is not finite is none, for JSON has no such numbers."""

    def found(value: Any) -> Any:
        if value is None or (infinite_too and type(value) is float and not math.isfinite(value)):
            return None
        return read(value)

    return found


def _list_of(read: Read) -> Read:
    def found(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _refused(value)
        return [read(each) for each in value]

    return found


def _tuple_of(reads: tuple[Read, ...]) -> Read:
    def found(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(reads):
            raise _refused(value)
        return tuple(read(each) for read, each in zip(reads, value, strict=True))

    return found


def _mapping_to(read: Read) -> Read:
    def found(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _refused(value)
        return {plain(name): read(each) for name, each in value.items()}

    return found


_PLAIN: Mapping[Any, Read] = {
    str: _text,
    Lines: _lines,
    bool: _yes_or_no,
    int: _whole,
    float: _number,
    Any: lambda value: value,
}
