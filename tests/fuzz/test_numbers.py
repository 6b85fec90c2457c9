"""Numbers as people type and paste them into forms, flags and lists of values."""

import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.specs.anomaly import AnomalySpec
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse, spec_fields
from engine.specs.classifier import ClassifierSpec
from engine.specs.fields import SpecField, write_value
from engine.specs.kinds import SPECS
from engine.studies.command import as_command
from engine.studies.spec import MODES, make_study, space_of, study_fields
from engine.studies.values import studied_fields
from tests.fuzz.mutations import nasty_numbers, nasty_texts
from tests.fuzz.outcome import accepted_share, value_or_sentence

READER = "numbers"
KINDS: dict[str, type[Spec]] = {
    "autoencoder": AutoencoderSpec,
    "classifier": ClassifierSpec,
    "anomaly": AnomalySpec,
}
FIELDS = [(kind, field) for kind in SPECS for field in spec_fields(SPECS[kind])]
NUMERIC = [each for each in FIELDS if each[1].type in (int, float) or each[1].name == "kernels"]
DIGITS = "0123456789٠١٢٣٤५६７８９²½Ⅷ"

numerals = st.one_of(
    st.integers(-5, 300).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0, 1).map(repr),
    st.text(DIGITS + "eE.-+_, \n\t\u00a0\x00xo", max_size=12),
    nasty_texts,
    st.builds(
        lambda text, end: text + end, st.integers(1, 40).map(str), st.sampled_from(["\n", " ", "\n8", "\r\n", "%"])
    ),
    st.integers(1, 9).map(lambda digit: str(digit) * 10_000),
)


def base(kind: str) -> dict[str, Any]:
    """What a spec of that kind needs."""
    return {"encoder": "a7f3000000"} if kind == "classifier" else {}


@given(field=st.sampled_from(NUMERIC), text=numerals)
@example(field=next(pair for pair in NUMERIC if pair[1].name == "downsamplings"), text="٠")
@example(field=next(pair for pair in NUMERIC if pair[1].name == "limit_per_class"), text="2147483649.0")
def test_any_number_in_a_form_is_one_within_its_bounds_or_a_sentence(field: tuple[str, SpecField], text: str) -> None:
    kind, asked = field
    spec = value_or_sentence(READER, lambda: parse(KINDS[kind], {**base(kind), asked.name: text}), SpecError)
    if spec is not None:
        value = getattr(spec, asked.name)
        if value is None:  # what may be left out
            assert not text.strip()
            return
        numbers = value if isinstance(value, tuple) else (value,)
        assert all(math.isfinite(number) and 0 <= number <= 2**31 for number in numbers)
        assert text.strip().isascii()
        written = write_value(value)
        assert getattr(parse(KINDS[kind], {**base(kind), asked.name: written}), asked.name) == value


@given(field=st.sampled_from(FIELDS), value=nasty_texts | nasty_numbers | st.booleans() | st.none())
def test_any_value_of_any_field_is_taken_or_refused_in_a_sentence(field: tuple[str, SpecField], value: Any) -> None:
    kind, asked = field
    spec = value_or_sentence(READER, lambda: parse(KINDS[kind], {**base(kind), asked.name: value}), SpecError)
    assert spec is None or spec.title


STUDIED = [(kind, field.name) for kind in SPECS for field in studied_fields(SPECS[kind])]
SETTINGS = [field.name for field in study_fields()]
lists = st.one_of(
    numerals,
    st.lists(numerals, max_size=4).map(",".join),
    st.lists(st.integers(1, 20).map(lambda number: str(2 * number)), min_size=1, max_size=4).map(",".join),
    st.builds(lambda low, high: f"{low}..{high}", numerals, numerals),
    st.builds(lambda low, high: f"{low}..{high}", st.integers(1, 9), st.integers(10, 40)),
    st.sampled_from(["adam,sgd", "yes,no", "relu", "2..4", "0.001..0.1"]),
)


@given(
    mode=st.sampled_from(list(MODES)),
    named=st.lists(st.tuples(st.sampled_from(STUDIED), lists), min_size=1, max_size=2),
    settings=st.dictionaries(st.sampled_from(SETTINGS), numerals, max_size=1),
)
def test_any_values_of_a_study_are_taken_or_refused_in_a_sentence(
    mode: str, named: list[tuple[tuple[str, str], str]], settings: dict[str, str]
) -> None:
    kind = named[0][0][0]
    baseline = parse(KINDS[kind], base(kind))
    values = {name: text for (_, name), text in named}
    study = value_or_sentence(READER, lambda: make_study(mode, baseline, values, **settings), SpecError)
    if study is not None:
        assert study.title
        assert as_command(study).isascii()
        if study.mode == "search":
            space_of(study)


def test_a_good_part_of_the_numbers_and_of_the_studies_is_taken() -> None:
    def takes(case: tuple[tuple[str, SpecField], str]) -> bool:
        (kind, asked), text = case
        try:
            parse(KINDS[kind], {**base(kind), asked.name: text})
        except SpecError:
            return False
        return True

    def studies(case: tuple[str, tuple[str, str], str]) -> bool:
        mode, (kind, name), text = case
        try:
            make_study(mode, parse(KINDS[kind], base(kind)), {name: text})
        except SpecError:
            return False
        return True

    assert 0.05 < accepted_share(st.tuples(st.sampled_from(NUMERIC), numerals), takes) < 0.8
    cases = st.tuples(st.sampled_from(list(MODES)), st.sampled_from(STUDIED), lists)
    assert 0.05 < accepted_share(cases, studies) < 0.8
