"""What is wrong with a value, in one sentence: pydantic's findings in words for people."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo


def either(names: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def short(value: object) -> str:
    """A value as it can be shown inside a sentence: at most 40 characters, none of them control."""
    text = str(value)
    clean = "".join(character if character.isprintable() else "�" for character in text[:41])
    return clean[:40] + "…" if len(text) > 40 else clean


def choices_of(annotation: object) -> tuple[str, ...]:
    """What a `Literal` allows; nothing for other types."""
    return tuple(str(choice) for choice in get_args(annotation)) if get_origin(annotation) is Literal else ()


def problems_of(kind: type[BaseModel], error: ValidationError) -> dict[str, str]:
    """A sentence for each field of `kind` that `error` refuses."""
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        location: Sequence[int | str] = detail["loc"]
        name = str(location[0]) if location else kind.__name__
        problems.setdefault(short(name), _sentence(kind.model_fields.get(name), detail))
    return problems


def _sentence(info: FieldInfo | None, detail: Any) -> str:
    found, given = detail.get("input"), detail.get("ctx", {})
    what = f"“{short(found)}”" if isinstance(found, str) else short(found)
    match detail["type"]:
        case "value_error":
            return str(given["error"])
        case "missing":
            return "This is needed."
        case "extra_forbidden":
            return "No such field: take it out, or check its spelling."
        case "greater_than_equal" | "greater_than":
            least = given.get("ge", given.get("gt"))
            return f"{what} is too small: {'at least' if 'ge' in given else 'more than'} {_number(least)}."
        case "less_than_equal" | "less_than":
            most = given.get("le", given.get("lt"))
            return f"{what} is too large: {'at most' if 'le' in given else 'less than'} {_number(most)}."
        case "multiple_of":
            return f"{what} is odd: the decoder mirrors the encoder, so give an even number."
        case "literal_error":
            choices = choices_of(info.annotation) if info is not None else ()
            return f"{what} is not known: choose {either(choices)}."
        case "bool_parsing" | "bool_type":
            return f"{what} is neither yes nor no."
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"{what} is not a whole number." if found != "" else "A whole number is needed."
        case "float_parsing" | "float_type" | "finite_number":
            return f"{what} is not a number." if found != "" else "A number is needed."
        case "string_too_short":
            return "This is needed."
        case _:
            expected = info.description if info is not None else detail["msg"]
            return f"{what} is not what is expected here: {expected}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
