"""The language in which a list of runs is filtered: words, and terms as `kernels>=32 val_loss<0.002 state:finished`.

All terms must hold; a `-` in front turns one round. What a status has needs no further file; a term about any other
field of a spec needs `spec.json`, which is why a filter says whether it `needs_spec`. A value that a run lacks fulfils
nothing. Of a list of kernels the smallest is compared.
"""

import difflib
import math
import operator
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.errors import EngineError
from engine.protocol.states import STATES
from engine.runs.status import TEST, VALIDATION, RunStatus
from engine.specs.listed import every_measure
from engine.text import excerpt

Values = Mapping[str, Any]
Test = Callable[[RunStatus, Values], bool]


class FilterError(EngineError):
    """A filter that cannot be read."""


_NUMBERS: Mapping[str, Callable[[RunStatus], float | None]] = {
    "val_loss": lambda run: run.best_loss,
    "last_loss": lambda run: run.last_loss,
    "train_loss": lambda run: run.last_train_loss,
    "test_loss": lambda run: run.test_loss,
    "epochs": lambda run: run.epochs,
    "epoch": lambda run: run.epoch,
    "time": lambda run: run.seconds,
    "age": lambda run: time.time() - run.started,
    "ms_per_step": lambda run: run.ms_per_step,
    "parameters": lambda run: run.parameters or None,
    "latent": lambda run: run.latent or None,
}
_PARTS = {"val": VALIDATION, "test": TEST}
"""As a term names them, and as a status does."""
_TEXTS: Mapping[str, Callable[[RunStatus], tuple[str, ...]]] = {
    "state": lambda run: (run.state,),
    "kind": lambda run: (run.kind,),
    "id": lambda run: (run.id,),
    "tag": lambda run: run.notes.tags,
    "note": lambda run: (run.notes.note,),
    "study": lambda run: (run.study,),
    "encoder": lambda run: (run.encoder or "",),
    "data": lambda run: (run.data,),
}
_IS: Mapping[str, Callable[[RunStatus], bool]] = {
    "starred": lambda run: run.notes.star,
    "hidden": lambda run: run.notes.hidden,
    "resumable": lambda run: run.resumable,
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
}
_excerpt = partial(excerpt, most=30)
_EQUAL = (":", "=", "!=")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TERM = re.compile(r'(-?)(?:([A-Za-z_][A-Za-z_0-9-]*)(>=|<=|!=|<|>|=|:))?(?:"([^"]*)"|(\S*))')
_BLANKS = re.compile(r"(?<=\w)\s*(>=|<=|!=|<|>|=)\s*(?=\S)")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """What runs have to be like to be listed."""

    tests: tuple[Test, ...] = ()
    needs_spec: bool = False
    with_hidden: bool = False  # whether it asks for runs that lists leave out

    def matches(self, run: RunStatus, spec: Values | None = None) -> bool:
        """Whether a run is to be listed; `spec` are the values of its spec as JSON, where the filter needs them."""
        if run.notes.hidden and not self.with_hidden:
            return False
        return all(test(run, spec or {}) for test in self.tests)


EVERYTHING = Filter()


def parse_filter(text: str) -> Filter:
    """The filter that `text` describes; an empty one lists everything that is not hidden.

    Raises:
        FilterError: with a sentence about the first term that is wrong.
    """
    if text.count('"') % 2:
        raise FilterError("A quotation mark is missing: close the quote.")
    parts = text.split('"')  # what stands in quotation marks is left as it is
    text = '"'.join(part if place % 2 else _BLANKS.sub(r"\1", part) for place, part in enumerate(parts))
    tests: list[Test] = []
    numbers = _numbers()
    needs_spec = with_hidden = False
    for minus, name, sign, quoted, plain in _TERM.findall(text):
        value = quoted or plain
        if not (name or value):
            continue
        field = name.lower().replace("-", "_")
        if not name and plain.startswith(("<", ">", "=", "!=")):
            raise FilterError(f"“{_excerpt(plain)}” needs a field in front, as in {_example('kernels', '>=')}.")
        if not name:
            test = _word(value)
        elif not value:
            raise FilterError(f"{name}{sign} has no value: add one, as in {_example(field, sign)}.")
        elif field == "is":
            test = _is_test(sign, value)
            with_hidden |= value.lower() == "hidden"
        elif field in numbers:
            test = _number(field, sign, value, numbers[field])
        elif field in _TEXTS:
            test = _text(field, sign, value)
        else:
            test = _of_spec(field, sign, value)
            needs_spec = True
        tests.append(_turned(test) if minus else test)
    return Filter(tuple(tests), needs_spec, with_hidden)


def _numbers() -> dict[str, Callable[[RunStatus], float | None]]:
    """What a status has in numbers, by the name that a term has for it; the measures of every kind among them."""

    def reader(of: str, name: str) -> Callable[[RunStatus], float | None]:
        return lambda run: run.measure(of, name)

    measures = [(f"{part}_{m.name}", reader(of, m.name)) for m in every_measure() for part, of in _PARTS.items()]
    return {**_NUMBERS, **dict(measures)}


def _shares() -> set[str]:
    """Those of them that may be written in percent."""
    return {f"{part}_{measure.name}" for measure in every_measure() if measure.share for part in _PARTS}


def _turned(test: Test) -> Test:
    return lambda run, spec: not test(run, spec)


def _word(word: str) -> Test:
    sought = word.removeprefix("#").casefold() if word != "#" else word

    def test(run: RunStatus, spec: Values) -> bool:  # noqa: ARG001 - as every test
        notes = run.notes
        own = (run.id, run.kind, run.title, run.state, run.encoder or "", run.data, notes.note, *notes.tags)
        return any(sought in text.casefold() for text in own)

    return test


def _is_test(sign: str, value: str) -> Test:
    if sign not in (":", "=") or value.lower() not in _IS:
        raise FilterError(f"“is{sign}{_excerpt(value)}” is not known: write is:starred, is:hidden or is:resumable.")
    found = _IS[value.lower()]
    return lambda run, spec: found(run)  # noqa: ARG005 - every test is asked with both


def _text(field: str, sign: str, value: str) -> Test:
    _refuse_order(field, sign)
    read, sought = _TEXTS[field], value.casefold()
    fits = operator.contains if sign == ":" else operator.eq
    if field == "state" and not any(sought in state for state in STATES):
        raise FilterError(f"“{_excerpt(value)}” is not a state: choose {', '.join(STATES)}.")

    def test(run: RunStatus, spec: Values) -> bool:  # noqa: ARG001 - every test is asked with both
        return any(fits(text.casefold(), sought) for text in read(run))

    return _turned(test) if sign == "!=" else test


def _number(field: str, sign: str, value: str, read: Callable[[RunStatus], float | None]) -> Test:
    sought, compare = _read_number(field, value), _COMPARE[sign]

    def test(run: RunStatus, spec: Values) -> bool:  # noqa: ARG001 - every test is asked with both
        found = read(run)
        return found is not None and compare(found, sought)

    return test


def _of_spec(field: str, sign: str, value: str) -> Test:
    from engine.specs.base import spec_fields
    from engine.specs.kinds import SPECS

    fields = {found.name: found for kind in SPECS.values() for found in spec_fields(kind)}
    if field not in fields:
        every = (*_numbers(), *_TEXTS, "is", *fields)
        near = difflib.get_close_matches(field, every, n=1)
        hint = f"did you mean {near[0]}?" if near else "name a field of a run, or write the word in quotation marks."
        raise FilterError(f"“{_excerpt(field)}” is not a field: {hint}")
    compare, kind = _COMPARE[sign], fields[field].type
    if kind in (int, float) or field == "kernels":
        if field == "kernels" and "-" in value and sign in _EQUAL:  # the whole list, as it is written
            return lambda run, spec: field in spec and compare(str(spec[field]), value)  # noqa: ARG005 - every test is asked with both
        number = _read_number(field, value)
        return lambda run, spec: (found := _smallest(spec.get(field))) is not None and compare(found, number)  # noqa: ARG005 - every test is asked with both
    _refuse_order(field, sign)
    if kind is bool:
        if value.lower() not in ("yes", "no"):
            raise FilterError(f"{field}{sign}{_excerpt(value)}: yes or no was expected.")
        asked = value.lower() == "yes"
        return lambda run, spec: field in spec and compare(spec[field], asked)  # noqa: ARG005 - every test is asked with both
    choices, sought = fields[field].choices, value.casefold()
    if choices and not any(sought in choice for choice in choices):
        raise FilterError(f"{field}{sign}{_excerpt(value)} is not known: choose {', '.join(choices)}.")

    def test(run: RunStatus, spec: Values) -> bool:  # noqa: ARG001 - every test is asked with both
        found = str(spec.get(field) or "").casefold()
        return sought in found if sign == ":" else field in spec and compare(found, sought)

    return test


def _smallest(value: object) -> float | None:
    """A number of a spec; of a list as it is written, `16-32-64`, the smallest."""
    if isinstance(value, str):
        parts = value.split("-")
        right = all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts)
        return min(map(int, parts)) if right else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _refuse_order(field: str, sign: str) -> None:
    if sign not in _EQUAL:
        raise FilterError(f"{field}{sign}: {field} is not a number, so write {field}: or {field}=.")


def _read_number(field: str, text: str) -> float:
    """`0.002`, `1e-3`, `99%`, and for times `90s`, `5m`, `2h`, `3d`."""
    scale, digits = 1.0, text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
    if field in ("time", "age") and digits[-1:].lower() in _SECONDS:
        scale, digits = _SECONDS[digits[-1].lower()], digits[:-1]
    elif digits.endswith("%") and field in _shares():
        scale, digits = 0.01, digits[:-1]
    number = float(digits) * scale if _FLOAT.fullmatch(digits) and len(digits) < 40 else math.nan
    if not math.isfinite(number):
        raise FilterError(f"{field}: “{_excerpt(text)}” is not a number. Write one, as in {_example(field, '<')}.")
    return number


def _example(field: str, sign: str) -> str:
    examples = {
        "time": "time<5m", "age": "age<2d", "state": "state:finished", "kind": "kind:classifier", "tag": "tag:baseline",
        "kernels": "kernels>=32", "test_accuracy": "test_accuracy>=99%", "val_accuracy": "val_accuracy>=99%",
        "is": "is:starred", "val_loss": "val_loss<0.002", "parameters": "parameters<100,000",
    }  # fmt: skip
    return examples.get(field, f"{_excerpt(field)}{sign}{'0.01' if field.endswith('loss') else '10'}")


EXAMPLES = "kernels>=32  val_loss<0.002  state:finished  tag:baseline  is:starred"
"""What stands in an empty filter."""
