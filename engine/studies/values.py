"""The values of hyperparameters in a study: what a person types, what it may be, and the sentences for what it cannot.

A value is kept as it is written everywhere: `32`, `0.004`, `16-32-64`, `yes`. A search may have a range: `16..64`.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from engine.errors import SpecError, StudyError
from engine.specs import data_files
from engine.specs.base import Spec, parse, spec_fields
from engine.specs.fields import SpecField, write_value
from engine.specs.kinds import SPECS
from engine.specs.listed import listed
from engine.text import either, excerpt

NOT_STUDIED = ("seed", *data_files.FIELDS, "validation_fraction", "validation_noise", "device", "threads", "encoder")
"""Fields that change what is measured, or on what, and not how well a network learns it."""
OTHER_NAMES = {"lr": "learning_rate", "wd": "weight_decay", "depth": "layers", "filters": "kernels"}
"""What others call a hyperparameter, and its name here."""

Values = tuple[str, ...]
_AROUND = re.compile(r"\s*([=,])\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that a search may take: from `low` to `high`, both among them."""

    low: float
    high: float
    whole: bool
    step: int = 1
    log: bool = False


def studied_fields(kind: type[Spec]) -> list[SpecField]:
    """The fields of a spec that can be studied."""
    return [field for field in spec_fields(kind) if field.name not in NOT_STUDIED]


def assignments(words: Iterable[str]) -> dict[str, str]:
    """The values that each of `words` names for a hyperparameter, as `layers=8,10`: text by hyperparameter.

    Raises:
        StudyError: one of them does not, or two name the same.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, values = word.partition("=")
        name = name.replace("-", "_")
        if not equals or not name:
            what = "names no hyperparameter" if equals else "has no values"
            raise StudyError(f"“{word[:40]}” {what}: write a hyperparameter as layers=8,10,12.")
        if name in found:
            raise StudyError(f"{name} is named twice: put all of its values into one list.")
        found[name] = values
    return found


def assignments_in(text: str) -> dict[str, str]:
    """The same of a line in which blanks or semicolons part them: `layers=8, 10 kernels=16`.

    Raises:
        StudyError: something in it is none.
    """
    return assignments(_AROUND.sub(r"\1", text.replace(";", " ")).split())


def choices_of(space: Mapping[str, Range | Values]) -> dict[str, Sequence[str]] | None:
    """Every value that a search may take of each hyperparameter; None where one may be any fraction of a range."""
    found: dict[str, Sequence[str]] = {}
    for name, values in space.items():
        if not isinstance(values, Range):
            found[name] = values
        elif values.whole:
            found[name] = [str(value) for value in range(int(values.low), int(values.high) + 1, values.step)]
        else:
            return None
    return found


def combination(choices: Mapping[str, Sequence[str]], place: int) -> dict[str, str]:
    """One of all combinations, by its place among them, from 0."""
    found = {}
    for name, values in choices.items():
        place, at = divmod(place, len(values))
        found[name] = values[at]
    return found


def read_values(baseline: Spec, name: str, text: str, *, ranges: bool) -> Values:
    """The values that `text` lists, as they are written everywhere.

    Raises:
        SpecError: one of them is none of that hyperparameter, or there is no such hyperparameter.
    """
    kind = type(baseline)
    fields = {field.name: field for field in studied_fields(kind)}
    if name not in fields:
        what = baseline.kind
        if name in kind.model_fields:
            raise SpecError({name: f"This cannot be studied: {either(fields)} can be."})
        if other := next((kind for kind, spec in SPECS.items() if name in spec.model_fields), ""):
            takes = listed(other).takes_encoder
            hint = ": name the encoder it is built on, as in --encoder RUN." if takes else ""
            raise SpecError(
                {name: f"This is a hyperparameter of {article(other)}, and {what}s are studied{hint or '.'}"}
            )
        other_name = OTHER_NAMES.get(name.lower())
        near = [other_name] if other_name in fields else difflib.get_close_matches(name, fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"these can be studied: {', '.join(fields)}."
        raise SpecError({excerpt(name): f"This is not a hyperparameter of {article(what)}: {hint}"})
    parts = [part.strip() for part in text.split(",")]
    if not any(parts):
        raise SpecError({name: f"No values are given: list some, as in {name}={_example(fields[name])}."})
    if not all(parts):
        raise SpecError({name: f"“{excerpt(text)}” has an empty value in it: remove one comma."})
    if ranges and len(parts) == 1 and ".." in parts[0]:
        found = range_of(fields[name], parts[0])
        for end in (found.low, found.high):
            _one_value(baseline, name, write_value(int(end) if found.whole else end))
        return (parts[0].replace(" ", ""),)
    if any(".." in part for part in parts):
        why = "which a list cannot have" if ranges else "which only a search can have"
        raise SpecError({name: f"“{excerpt(text)}” contains a range, {why}: list the values."})
    read = [_one_value(baseline, name, part) for part in parts]
    repeated = next((value for value, times in Counter(read).items() if times > 1), None)
    if repeated is not None:
        raise SpecError({name: f"{repeated} appears twice: give each value once, or ask for repeats."})
    return tuple(read)


def _one_value(baseline: Spec, name: str, text: str) -> str:
    """A value as it is written everywhere, checked by its own bounds; what depends on others is checked later."""
    kind = type(baseline)
    try:
        return write_value(getattr(parse(kind, {**baseline.model_dump(mode="json"), name: text}), name))
    except SpecError as error:
        problems = error.problems
    try:
        return write_value(_alone(kind, name).validate_python(text))  # it may go with another value than the baseline's
    except ValidationError:
        raise SpecError({name: problems[name]}) from None


@cache
def _alone(kind: type[Spec], name: str) -> TypeAdapter[Any]:
    """A field as if there were no others."""
    field = kind.model_fields[name]
    return TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]  # what it is, is known when it runs


def range_of(field: SpecField, text: str) -> Range:
    """The range that a person typed as `16..64`.

    Raises:
        SpecError: it is none.
    """
    low_text, _, high_text = text.partition("..")
    whole = field.type is int or field.name == "kernels"
    low, high = (float(part) if _NUMBER.fullmatch(part.strip()) else math.nan for part in (low_text, high_text))
    whole_ends = low.is_integer() and high.is_integer()
    listed = field.type is bool or (bool(field.choices) and not whole)
    if listed or not low < high < math.inf or (whole and not whole_ends):
        kind = "whole numbers" if whole else "numbers"
        example = "list its values" if listed else f"two {kind} as in 16..64, the smaller first"
        raise SpecError({field.name: f"“{excerpt(text)}” is not a range of {field.name}: {example}."})
    step = 2 if field.name == "layers" else 1
    if whole:
        low, high = int(low), int(high)
    return Range(low, high, whole, step, log=not whole and low > 0 and high / low >= 10)


def _example(field: SpecField) -> str:
    if field.choices:
        return ",".join(field.choices)
    if field.type is bool:
        return "no,yes"
    return f"{field.default},…"


def article(kind: str) -> str:
    """A kind of run as a sentence names one: `an autoencoder`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
