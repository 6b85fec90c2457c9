"""The vocabulary of a form: how a field is declared, what it looks like to a form or a command line, how it is written.

`engine.specs.kinds` declares what a run asks for in it, `engine.studies.spec` what a study does.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer
from pydantic.config import JsonDict

from engine.specs.data_files import data_of
from engine.specs.preprocessing import as_names, colour_of, names_in, sides
from engine.specs.problems import choices_of, no_bool
from engine.storage.paths import given_path
from engine.text import excerpt, number

GROUPS = ("Hyperparameters", "Noise", "Optimisation", "Architecture", "Data", "Images", "IDX files", "Device")
"""The sections of a form, in order; the first is always open."""
MOST = 4_096
"""Threads that a run may compute with, and workers that may train trials."""


def _split_kernels(value: object) -> object:
    """`32` or `16-32-64` as numbers; what is neither is left for pydantic to refuse."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number of kernels: write 32, or one number a layer as 16-32-64.")
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str):
        parts = value.strip().split("-")
        if not all(part.isascii() and part.isdigit() and len(part) < 40 for part in parts):
            raise ValueError(
                f"“{excerpt(value)}” is not a number of kernels: write 32, or one number a layer as 16-32-64."
            )
        return tuple(int(part) for part in parts)
    if isinstance(value, Sequence) and any(isinstance(part, bool) for part in value):
        raise ValueError("True or False is not a number of kernels: write 32, or one number a layer as 16-32-64.")
    return value


def write_list(values: Iterable[int]) -> str:
    """A list inside a value, as it is written everywhere: `16-32-64`."""
    return "-".join(str(value) for value in values)


def _no_blank(value: object) -> object:
    """An empty text box means that no file was named."""
    if isinstance(value, str):
        return given_path(value) if value.strip() else None
    return value


def _auto_or_count(value: object) -> object:
    """A count as a number, however it is typed; `auto`, and what is neither, as it is."""
    text = no_bool(value)
    try:
        number = float(str(text).encode("ascii"))  # of other digits a form takes none
    except ValueError:
        return text.strip() if isinstance(text, str) else text
    return int(number) if number.is_integer() and abs(number) < 1000 else text


def _auto_or_many(value: object) -> object:
    """`auto`, or a whole number from 1 to `MOST`, however it is typed."""
    text = str(no_bool(value)).strip()
    if text == "auto":
        return text
    try:
        number = float(text.encode("ascii"))
    except ValueError:
        raise ValueError(f"“{excerpt(text)}” is neither a whole number nor auto.") from None
    if not number.is_integer():
        raise ValueError(f"“{excerpt(text)}” is not a whole number: give one, or auto.")
    if not 1 <= number <= MOST:
        how = "small: at least 1, or auto" if number < 1 else f"large: at most {MOST:,}, or auto"
        raise ValueError(f"{excerpt(text)} is too {how}.")
    return int(number)


def _auto_or_part(value: object) -> object:
    """`auto`, or a part of 1, however it is typed."""
    text = str(no_bool(value)).strip()
    if text == "auto":
        return text
    try:
        number = float(text.encode("ascii"))
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"“{excerpt(text)}” is neither a number nor auto.")
    if not 0 <= number <= 1:
        raise ValueError(
            f"{excerpt(text)} is too {'large: at most 1' if number > 1 else 'small: at least 0'}, or auto."
        )
    return number


def _place(value: object) -> object:
    """A set's name, or its path; an empty text box means that none was named."""
    if isinstance(value, str):
        return data_of(value) if value.strip() else None
    return str(value) if isinstance(value, Path) else value


def _size(value: object) -> object:
    """`32`, `32x48` or a number as height and width, `32x48`; nothing where it is left out."""
    if value in (None, ""):
        return ""
    height, width = sides(str(value))
    return f"{height}x{width}"


def _colour(value: object) -> object:
    text = str(value).strip().lower()
    colour_of(text)
    return text


def _some_names(value: object) -> object:
    """Names as a line of a form has them, or one after the other, as on the command line; a number names a digit."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str | None):
        return as_names(names_in(value or ""))
    return as_names(names_in(as_names(tuple(map(str, value))))) if isinstance(value, Sequence) else value


def _no_number(value: object) -> object:
    return no_bool(None if isinstance(value, str) and not value.strip() else value)


Whole = Annotated[int, BeforeValidator(no_bool)]
Number = Annotated[float, BeforeValidator(no_bool)]
Kernels = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1024)], ...],
    BeforeValidator(_split_kernels),
    PlainSerializer(write_list, return_type=str),
]
AutoOrPart = Annotated[Literal["auto"] | float, BeforeValidator(_auto_or_part)]
AutoOrMany = Annotated[Literal["auto"] | int, BeforeValidator(_auto_or_many)]
Halvings = Annotated[Literal["auto", 0, 1, 2, 3], BeforeValidator(_auto_or_count)]
File = Annotated[
    Path | None, BeforeValidator(_no_blank), PlainSerializer(lambda path: None if path is None else str(path))
]
Place = Annotated[str | None, BeforeValidator(_place)]
Size = Annotated[str, BeforeValidator(_size)]
Colour = Annotated[str, BeforeValidator(_colour)]
Names = Annotated[str, BeforeValidator(_some_names)]
Limit = Annotated[Annotated[int, Field(ge=1, le=2**31 - 1)] | None, BeforeValidator(_no_number)]


def asked(default: Any, group: str, title: str, description: str, *, unit: str = "", **bounds: Any) -> Any:
    """A field of a spec: what `Field` takes, and the form's section and the unit besides."""
    extra: JsonDict = {"group": group, "unit": unit}
    return Field(default, title=title, description=description, json_schema_extra=extra, **bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecField:
    """A field as a form or a command line sees it."""

    name: str
    title: str
    description: str
    group: str
    unit: str
    type: type[int] | type[float] | type[bool] | type[str] | type[Path]
    choices: tuple[str, ...]  # empty where any value of the type may be given; of numbers, a word may be among them
    default: str | None  # as it is typed; None where there is none
    required: bool

    @property
    def is_place(self) -> bool:
        """Whether its value is a path, or may be one."""
        return self.type is Path or self.name in ("data", "encoder")

    @property
    def flag(self) -> str:
        """Its name on the command line: `--batch-size`."""
        return "--" + self.name.replace("_", "-")

    def asks(self, value: str) -> str:
        """What asks for a value on the command line: `--latent 64`, `--no-residual`."""
        if self.type is bool:
            return self.flag if value == "yes" else f"--no-{self.flag[2:]}"
        return f"{self.flag} {value}"


def _type_of(annotation: object) -> tuple[Any, tuple[str, ...]]:
    if choices := choices_of(annotation):
        return int if any(choice.isdigit() for choice in choices) else str, choices
    if get_origin(annotation) is tuple or "auto" in (
        choice for one in get_args(annotation) for choice in choices_of(one)
    ):
        return float if float in get_args(annotation) else str, ()
    if Path in get_args(annotation):
        return Path, ()
    if type(None) in get_args(annotation):  # what may be left out
        return _type_of(next(one for one in get_args(annotation) if one is not type(None)))
    if get_origin(annotation) is Annotated:
        return _type_of(get_args(annotation)[0])
    return annotation, ()


def write_value(value: object) -> str:
    """A field's value as a person types it: `yes`, `16-32-64`, `0.004`, or nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return write_list(value)
    if isinstance(value, float):
        text = f"{value:g}"
        return text if float(text) == value else repr(value)  # what is read again is the same number
    return str(value)


def show_value(value: object) -> str:
    """A field's value as a person reads it: as it is typed, fractions in four significant digits."""
    return number(write_value(value))


def fields_of(kind: type[BaseModel]) -> list[SpecField]:
    """Every field of a model that was made by `asked`, as declared."""
    fields = []
    for name, info in kind.model_fields.items():
        extra: Any = info.json_schema_extra
        if not extra:
            continue
        typ, choices = _type_of(info.annotation)
        fields.append(
            SpecField(
                name=name,
                title=info.title or name,
                description=info.description or "",
                group=extra["group"],
                unit=extra["unit"],
                type=typ,
                choices=choices,
                required=info.is_required(),
                default=None if info.is_required() else write_value(info.default),
            )
        )
    return fields
