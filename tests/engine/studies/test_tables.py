"""The tables of a study: how their numbers are written, and which columns a narrow one leaves out."""

import itertools
import json
import math
import random
from collections.abc import Mapping

import pytest

from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.measures import Measure
from engine.studies.records import PointRecord, StageRecord, Trial
from engine.studies.spec import brief, describe, make_study, study_from_json
from engine.studies.tables import columns, failures, fit, measure_of, rows, sort_key, sorted_values, weight
from engine.text import number, numbers


def point(values: Mapping[str, str], loss: float | None, state: str = "finished", message: str = "") -> PointRecord:
    trial = Trial(number=1, seed=0, state=state, best_loss=loss, message=message)
    return PointRecord(values=dict(values), trials=[trial])


def searched(count: int = 24) -> StageRecord:
    """A search in which the learning rate, the last, makes nearly all of the loss; its best is in the middle."""
    draw = random.Random(3)
    found = []
    for _ in range(count):
        rate = 10 ** draw.uniform(-4, -1)
        values = {
            "layers": "6",
            "kernels": str(draw.randint(16, 64)),
            "batch_size": draw.choice(["64", "128"]),
            "kernel_size": draw.choice("345"),
            "learning_rate": repr(rate),
        }
        found.append(point(values, 0.002 * (1 + (math.log10(rate) + 2.5) ** 2) + 0.00001 * draw.random()))
    return StageRecord(names=list(found[0].values), points=found)


def fitting(stage: StageRecord, room: int) -> list[str]:
    listed = rows(stage, "autoencoder")
    sizes = {
        column.name: 1 + max(len(column.title), *(len(row.cells[column.name]) for row in listed))
        for column in columns(stage, "autoencoder")
    }
    shown = fit(stage, "autoencoder", sizes, room)
    assert sum(sizes[column.name] for column in shown) <= room or len(shown) == 3
    return [column.name for column in shown]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.004321987654321", "0.004322"),
        ("0.00012345678901234567", "0.0001235"),
        ("1.2345678e-05", "1.235e-05"),
        ("0.1", "0.1"),
        ("0.5", "0.5"),
        ("1e-05", "1e-05"),
        ("-0.123456", "-0.1235"),
        ("12345.678", "12346"),
        ("999.96", "1000"),
        ("65536", "65536"),
        ("123456789", "123456789"),
        ("16-32-64", "16-32-64"),
        ("0.0001234567..0.1", "0.0001235..0.1"),
        ("16..64", "16..64"),
        ("relu", "relu"),
        ("yes", "yes"),
        ("", ""),
        ("1.2.3", "1.2.3"),
        ("٣.٤٥٦٧٨", "٣.٤٥٦٧٨"),
    ],
)
def test_a_fraction_is_shown_in_four_significant_digits(text: str, shown: str) -> None:
    assert number(text) == shown


def test_values_that_four_digits_do_not_tell_apart_are_shown_whole() -> None:
    assert numbers(["0.001234501", "0.001"]) == ["0.001235", "0.001"]
    assert numbers(["0.001234501", "0.001234502"]) == ["0.001234501", "0.001234502"]
    assert numbers(["0.001234501", "0.001234501"]) == ["0.001235", "0.001235"]


RATE = "0.0043219876543210987"


def test_a_sampled_value_is_short_wherever_it_is_told_and_whole_where_it_is_used() -> None:
    assert describe({"learning_rate": RATE, "kernels": "32"}) == "learning_rate 0.004322, 32 kernels"
    assert brief({"learning_rate": RATE}) == "learning_rate 0.004322"
    study = make_study("one", AutoencoderSpec(), {"learning_rate": f"0.01,{RATE}"})
    assert study.title == "learning_rate 0.01, 0.004322"
    written = study.values["learning_rate"][1]
    assert float(written) == float(RATE)
    assert parse(AutoencoderSpec, {"learning_rate": written}).learning_rate == float(RATE)
    assert study_from_json(json.loads(study.model_dump_json())) == study
    stage = StageRecord(names=["learning_rate"], points=[point({"learning_rate": RATE}, 0.1)])
    (row,) = rows(stage, "autoencoder")
    assert row.cells["learning_rate"] == "0.004322"
    assert row.keys["learning_rate"] == float(RATE)


def test_small_numbers_are_sorted_as_numbers() -> None:
    assert sort_key("1e-05") == 1e-5
    assert sort_key("16-32") == 16
    assert sort_key("relu") == "relu"
    assert sorted_values(["0.001", "2e-05", "1e-05", "0.1"]) == ["1e-05", "2e-05", "0.001", "0.1"]


def test_a_hyperparameter_weighs_by_what_it_does_to_the_loss() -> None:
    stage = searched()
    shares = {name: weight(stage, name) for name in stage.names}
    assert max(shares, key=lambda name: shares[name]) == "learning_rate"
    assert shares["learning_rate"] > 0.5
    assert shares["layers"] == 0
    assert all(0 <= share <= 1 for share in shares.values())


def test_what_diverges_weighs_too_and_what_tells_nothing_does_not() -> None:
    found = [point({"a": "1" if at < 4 else "9", "b": str(at % 2)}, 0.1 + 0.001 * (at % 2)) for at in range(8)]
    for one in found[4:]:
        one.trials[0].state = "diverged"
    stage = StageRecord(names=["a", "b"], points=[*found, point({"a": "5", "b": "0"}, None, "failed")])
    assert weight(stage, "a") > weight(stage, "b")
    assert weight(StageRecord(names=["a"], points=[]), "a") == 0
    assert weight(StageRecord(names=["a"], points=[point({"a": str(at)}, 0.1 * at) for at in range(3)]), "a") == 0


@pytest.mark.parametrize("room", range(20, 130, 3))
def test_a_narrow_table_keeps_the_hyperparameter_that_matters_most(room: int) -> None:
    shown = fitting(searched(), room)
    assert {"learning_rate", "best", "state"} <= set(shown)
    if room < 120:
        assert "layers" not in shown  # which has one value only


def test_columns_are_left_out_by_how_little_they_matter() -> None:
    assert fitting(searched(), 300) == [column.name for column in columns(searched(), "autoencoder")]
    left = [set(fitting(searched(), room)) for room in range(120, 30, -1)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(left))


def test_the_first_points_of_a_search_hide_no_hyperparameter_for_having_one_value() -> None:
    stage = searched(2)
    assert set(stage.names) <= set(fitting(stage, 75))


def test_the_points_that_failed_are_told_by_their_reason() -> None:
    stage = StageRecord(
        names=["kernels"],
        points=[
            point({"kernels": "1"}, 0.1),
            point({"kernels": "2"}, None, "failed", "No memory.\nTry fewer."),
            point({"kernels": "3"}, None, "failed", "No memory.\nTry fewer."),
            point({"kernels": "4"}, 0.1, "diverged", "Not finite."),
            point({"kernels": "5"}, 0.1, "pruned", "Hopeless."),
            point({"kernels": "6"}, None, "waiting"),
        ],
    )
    told = {reason: [one.values["kernels"] for one in points] for reason, points in failures(stage).items()}
    assert told == {"No memory. Try fewer.": ["2", "3"], "Not finite.": ["4"]}
    assert [row.reason for row in rows(stage, "autoencoder")] == [
        "", "No memory. Try fewer.", "No memory. Try fewer.", "Not finite.", "Hopeless.", "",
    ]  # fmt: skip


def test_a_column_of_time_is_of_no_measure_that_ends_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = Measure(name="seconds", short="seconds", higher=False, share=True, write=str)
    monkeypatch.setattr("engine.studies.tables.every_measure", lambda: [seconds])
    assert measure_of("epoch_seconds") is None
    assert measure_of("validation_seconds") is measure_of("test_seconds") is seconds
