"""What is wrong with a value, in one sentence: pydantic's findings in words for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from engine.text import excerpt

UNKNOWN_FIELD = "There is no such field: remove it, or check its spelling."


def no_bool(value: object) -> object:
    """Before pydantic reads a number: it would take `true` of a JSON file for a 1."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is yes or no, but a number is needed.")
    return value


def choices_of(annotation: object) -> tuple[str, ...]:
    """What a `Literal` allows; nothing for other types."""
    return tuple(str(choice) for choice in get_args(annotation)) if get_origin(annotation) is Literal else ()


def problems_of(kind: type[BaseModel], error: ValidationError) -> dict[str, str]:
    """A sentence for each field of `kind` that `error` refuses."""
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        location: Sequence[int | str] = detail["loc"]
        name = str(location[0]) if location else kind.__name__
        inner = [f"{excerpt(part)}: " for part in location[1:] if isinstance(part, str)][-1:]
        problems.setdefault(excerpt(name), "".join(inner) + _sentence(kind.model_fields.get(name), detail))
    return problems


def _sentence(info: FieldInfo | None, detail: Any) -> str:
    found, given = detail.get("input"), detail.get("ctx", {})
    what = f"“{excerpt(found)}”" if isinstance(found, str) else excerpt(found)
    match detail["type"]:
        case "value_error":
            return str(given["error"])
        case "missing":
            return "This is required."
        case "extra_forbidden":
            return UNKNOWN_FIELD
        case "greater_than_equal" | "greater_than":
            return f"{what} is too small: {_least(given)}."
        case "less_than_equal" | "less_than":
            return f"{what} is too large: {_most(given)}."
        case "multiple_of":
            # pydantic looks at this before the bounds, but a number that is out of them is not mended by one more.
            return (
                _out_of_bounds(info, found, what)
                or f"{what} is odd: the decoder mirrors the encoder, so give an even number."
            )
        case "literal_error":
            return f"{what} is not known: choose {given['expected'].replace(chr(39), '')}."
        case "union_tag_invalid":
            return f"“{excerpt(given['tag'])}” is not known: choose {given['expected_tags'].replace(chr(39), '')}."
        case "bool_parsing" | "bool_type":
            return f"{what} is neither yes nor no."
        case "int_parsing_size":
            return _beyond(info, found, what)
        case "finite_number" if isinstance(found, str) and any(character.isdigit() for character in found):
            return _beyond(info, found, what)
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{what} is not a whole number." if found != "" else "A whole number is needed."
        case "float_parsing" | "float_type" | "finite_number":
            return f"{what} is not a number." if found != "" else "A number is needed."
        case "string_too_short":
            return "This is required."
        case _:
            expected = (info.description if info is not None else None) or detail["msg"][:200]
            return f"{what} is not valid here. Expected: {expected}"


def _bounds(info: FieldInfo | None) -> dict[str, Any]:
    """The bounds of a field: `ge` or `gt`, `le` or `lt`."""
    marks = info.metadata if info is not None else ()
    return {name: getattr(mark, name) for mark in marks for name in ("ge", "gt", "le", "lt") if hasattr(mark, name)}


def _least(bounds: Mapping[str, Any]) -> str:
    return f"at least {_number(bounds['ge'])}" if "ge" in bounds else f"more than {_number(bounds['gt'])}"


def _most(bounds: Mapping[str, Any]) -> str:
    return f"at most {_number(bounds['le'])}" if "le" in bounds else f"less than {_number(bounds['lt'])}"


def _beyond(info: FieldInfo | None, found: object, what: str) -> str:
    """For a number that is larger than any that is computed with."""
    bounds = _bounds(info)
    if str(found).strip().startswith("-"):
        return f"{what} is too small{f': {_least(bounds)}' if bounds.keys() & {'ge', 'gt'} else ' a number'}."
    return f"{what} is too large{f' a number: {_most(bounds)}' if bounds.keys() & {'le', 'lt'} else ' a number'}."


def _out_of_bounds(info: FieldInfo | None, found: object, what: str) -> str:
    """A sentence where a whole number is beyond a bound of its field, else nothing."""
    bounds = _bounds(info)
    try:
        number = float(str(found))
    except ValueError:
        return ""
    if number > bounds.get("le", number):
        return f"{what} is too large: {_most(bounds)}."
    return f"{what} is too small: {_least(bounds)}." if number < bounds.get("ge", number) else ""


def _number(value: Any) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
