import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError
from engine.runs.filter import EXAMPLES, FilterError, parse_filter
from engine.runs.notes import Notes
from engine.runs.status import RunStatus

RUN = RunStatus(
    id="a7f3000000", kind="autoencoder", title="10 × 16-32-64-64-64, 3×3, b128", state="finished", best_loss=0.0011,
    last_loss=0.0012, epoch=20, epochs=20, seconds=90.0, parameters=75_748, latent=64, ms_per_step=18.0,
    notes=Notes(star=True, tags=("baseline", "talk"), note="the one for the lecture"),
)  # fmt: skip
SPEC: dict[str, Any] = {
    "kind": "autoencoder", "layers": 10, "kernels": "16-32-64-64-64", "batch_size": 128, "learning_rate": 0.008,
    "optimizer": "adam", "residual": True, "images": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "a7f3", "AUTO", "lecture", "#talk", "finished", '"the one"', "10 baseline", "kind:auto",
        "state:finished", "state=finished", "tag:baseline", "tag=talk", "note:lecture", "is:starred", "-is:resumable",
        "val_loss<0.002", "val_loss<=1.1e-3", "last_loss>0.0011", "epochs=20", "time<2m", "time>=90s", "time<1h",
        "parameters<100,000", "latent=64", "ms_per_step<20", "layers>=10", "learning_rate=8e-3", "batch-size!=64",
        "kernels>=16", "kernels<17", "kernels=16-32-64-64-64", "optimizer:adam", "optimizer!=sgd", "residual:yes",
        "residual!=no", "-tag:old", "-kernels>=32", EXAMPLES.replace(">=32", ">=16"), "EPOCHS=20", "age>10d",
        "kernels >= 16", "val_loss<  0.002 state:finished", "layers =10",
    ],
)  # fmt: skip
def test_a_run_that_is_so_is_listed(text: str) -> None:
    assert parse_filter(text).matches(RUN, SPEC)


@pytest.mark.parametrize(
    "text",
    [
        "classifier", "a7f3 c01b", '"one the"', "state:stopped", "state!=finished", "tag=base", "tag:old",
        "-is:starred", "is:resumable", "val_loss<0.001", "val_loss!=0.0011", "epochs>20", "time>2m", "age<1d",
        "kernels>=32",
        "kernels=16-32-64-64", "optimizer:sgd", "optimizer=ada", "residual:no", "layers>10", "test_accuracy>=99%",
        "test_accuracy<99%", "-val_loss<0.002", "encoder:a7f3", "fc_units>=1", "dropout:0",
    ],
)  # fmt: skip
def test_a_run_that_is_not_so_is_not(text: str) -> None:
    assert not parse_filter(text).matches(RUN, SPEC)


def test_of_a_list_of_kernels_the_smallest_is_compared() -> None:
    several = parse_filter("kernels>=32")
    assert several.matches(RUN, {"kernels": "32-64-128"})
    assert several.matches(RUN, {"kernels": "32"})
    assert not several.matches(RUN, {"kernels": "64-16-64"})


def test_an_accuracy_is_a_share_or_per_cent() -> None:
    run = replace(RUN, measures={"test_accuracy": 0.9945})
    for text in ("test_accuracy>=99%", "test_accuracy>0.99", "test_accuracy<99.5%"):
        assert parse_filter(text).matches(run)


def test_age_is_counted_from_the_start() -> None:
    run = replace(RUN, started=time.time() - 7200)
    assert parse_filter("age<3h").matches(run)
    assert not parse_filter("age<1h").matches(run)


def test_hidden_runs_are_listed_only_where_asked_for() -> None:
    run = replace(RUN, notes=Notes(hidden=True))
    assert not parse_filter("").matches(run)
    assert not parse_filter("finished").matches(run)
    assert parse_filter("is:hidden finished").matches(run)
    assert not parse_filter("is:hidden").matches(RUN)


def test_only_terms_about_a_spec_need_it() -> None:
    assert not parse_filter("val_loss<0.1 state:finished tag:x epochs>1").needs_spec
    assert parse_filter("kernels>1").needs_spec


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kernls>=32", "did you mean kernels?"),
        ("mood:good", "is not a field"),
        ("kernels>=", "has no value"),
        ("val_loss<abc", "is not a number"),
        ("val_loss<1e400", "is not a number"),
        ("val_loss<nan", "is not a number"),
        ("val_loss<0,002", "is not a number"),
        ("epochs>٣", "is not a number"),
        ("state:good", "is not a state"),
        ("state>finished", "is not a number"),
        ("is:good", "is:starred"),
        ("is>starred", "is:starred"),
        ("optimizer:magic", "choose adam"),
        ("residual:perhaps", "yes or no"),
        ('"open', "close the quote"),
        (">=32", "needs a field in front"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(FilterError, match=sentence) as refused:
        parse_filter(text)
    assert str(refused.value).isprintable()


_SPECS = st.dictionaries(
    st.sampled_from(["layers", "kernels", "optimizer", "residual", "images", "dropout"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=2)
    ),
)
_NAMES = (
    "kernels", "val_loss", "state", "is", "tag", "time", "age", "layers", "optimizer", "residual", "images",
    "test_accuracy", "dropout", "x",
)  # fmt: skip
_WORDS = ("yes", "16-32", "99%", "5m", "finished")
_TERMS = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds(
            lambda minus, name, sign, value: f"{minus}{name}{sign}{value}",
            st.sampled_from(["", "-"]),
            st.sampled_from(_NAMES),
            st.sampled_from([">=", "<=", "<", ">", "=", ":", "!=", "=="]),
            st.one_of(st.text(max_size=12), st.floats().map(str), st.sampled_from(_WORDS)),
        ),
    ),
    max_size=4,
).map(" ".join)  # fmt: skip


@given(text=_TERMS, spec=_SPECS)
def test_whatever_is_typed_is_a_filter_or_a_sentence(text: str, spec: dict[str, Any]) -> None:
    try:
        found = parse_filter(text)
    except EngineError:
        return
    assert found.matches(RUN, spec) in (True, False)
