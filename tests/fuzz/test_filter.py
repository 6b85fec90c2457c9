"""The language of filters, on whatever a run and its spec may hold."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.runs.filter import FilterError, parse_filter
from engine.runs.notes import Notes
from engine.runs.status import RunStatus
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import spec_fields
from tests.fuzz.mutations import mutated, nasty_numbers, nasty_texts
from tests.fuzz.outcome import accepted_share, value_or_sentence

READER = "filter"
RUN = RunStatus(
    id="a7f3000000", kind="autoencoder", title="10 × 32, 3×3, b128", state="finished", best_loss=0.0011, epoch=20,
    epochs=20, seconds=90.0, started=1.0, parameters=75_748, notes=Notes(star=True, tags=("baseline",), note="x"),
)  # fmt: skip
SPEC = AutoencoderSpec().model_dump(mode="json")
NAMES = (
    "val_loss", "last_loss", "test_accuracy", "epochs", "time", "age", "state", "kind", "tag", "note", "is", "study",
    *(field.name for field in spec_fields(AutoencoderSpec)), "kernls", "", "KERNELS", "batch-size",
)  # fmt: skip
VALUES = ("yes", "no", "16-32", "99%", "5m", "2d", "finished", "starred", "hidden", "adam", "0.002", "100,000", "1e-3")

values = st.one_of(
    st.sampled_from(VALUES),
    nasty_texts,
    nasty_numbers.map(lambda number: f"{number:g}" if isinstance(number, float) else "7"),
)
terms = st.one_of(
    nasty_texts,
    st.builds(
        lambda minus, name, sign, quote, value: f"{minus}{name}{sign}{quote}{value}{quote}",
        st.sampled_from(["", "", "-", "--"]),
        st.sampled_from(NAMES),
        st.sampled_from([">=", "<=", "<", ">", "=", ":", ":", "!=", "==", " >= ", ""]),
        st.sampled_from(["", "", "", '"']),
        values,
    ),
)
filters = st.lists(terms, max_size=4).map(" ".join)
runs = st.builds(
    lambda loss, epoch, started, note: replace(
        RUN, best_loss=loss, epoch=epoch, started=started, notes=Notes(note=note)
    ),
    st.none() | st.floats(),
    st.integers(0, 2**62),
    st.floats(0, 2**40),
    st.text(max_size=8),
)


@given(text=filters, run=runs, spec=mutated(SPEC))
def test_any_filter_lists_runs_or_is_refused_in_a_sentence(text: str, run: RunStatus, spec: dict[str, Any]) -> None:
    found = value_or_sentence(READER, lambda: parse_filter(text), FilterError)
    if found is not None:
        assert found.matches(run, spec) in (True, False)


@given(text=filters, run=runs)
def test_a_minus_turns_any_term_round(text: str, run: RunStatus) -> None:
    words = text.split()
    if len(words) != 1 or words[0].startswith("-") or "hidden" in text:
        return
    found = value_or_sentence(READER, lambda: parse_filter(text), FilterError)
    if found is not None and found.tests:
        turned = value_or_sentence(READER, lambda: parse_filter(f"-{words[0]}"), FilterError)
        assert turned is not None
        assert turned.matches(run, SPEC) is not found.matches(run, SPEC)


def test_a_good_part_of_the_filters_is_taken() -> None:
    def takes(text: str) -> bool:
        try:
            return bool(parse_filter(text).tests)
        except FilterError:
            return False

    assert 0.1 < accepted_share(filters, takes) < 0.8
