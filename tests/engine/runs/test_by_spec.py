"""Runs of one spec as one line, and runs beside a baseline."""

import math
from dataclasses import replace
from typing import Any

import pytest

from engine.runs.baseline import differences
from engine.runs.by_spec import OneSpec, line_as_json, of_one_spec
from engine.runs.status import RunStatus

SPEC = {"kind": "classifier", "seed": 0, "epochs": 5, "device": "cpu", "threads": 2, "validation_fraction": 0.1}


def run_of(name: str, **values: Any) -> RunStatus:
    usual = {"kind": "classifier", "title": "fc 128", "state": "finished", "data_digest": "d", "epoch": 5, "epochs": 5}
    return RunStatus(id=name, **{**usual, **values})


def spec_of(seed: int, **values: Any) -> dict[str, Any]:
    return {**SPEC, "seed": seed, **values}


def test_runs_that_differ_in_the_seed_alone_are_one_line_with_mean_and_deviation() -> None:
    runs = [
        run_of("c", best_loss=0.3, title="fc 128, seed 2", measures={"test_accuracy": 0.97}),
        run_of("x", best_loss=9.0),
        run_of("a", best_loss=0.1, measures={"test_accuracy": 0.99}, seconds=10.0),
        run_of("b", best_loss=0.2, title="fc 128, seed 1", state="running", epoch=2),
    ]
    specs = {"c": spec_of(2), "x": spec_of(0, epochs=6), "a": spec_of(0, device="cuda", threads=8), "b": spec_of(1)}
    several, other = of_one_spec(runs, specs)
    assert isinstance(several, OneSpec)
    assert (several.ids, several.seeds) == (("a", "b", "c"), (0, 1, 2))
    assert other == runs[1]
    line = several.line
    assert (line.id, line.title, line.epoch, line.state) == ("a", "fc 128", 2, "")
    assert line.best_loss == pytest.approx(0.2)  # that of the two that have ended
    assert several.spreads["best_loss"] == pytest.approx(0.2 / math.sqrt(2))
    assert several.counts == {"best_loss": 2, "seconds": 2, "test_accuracy": 2}
    assert line.measures["test_accuracy"] == pytest.approx(0.98)  # of the two that have it
    assert several.spreads["test_accuracy"] == pytest.approx(0.02 / math.sqrt(2))
    assert several.words == "seeds 0, 1, 2: 2 finished, 1 running"
    told = line_as_json(several)
    assert told["runs"] == ["a", "b", "c"]
    assert told["mean"]["test_accuracy"] == pytest.approx(0.98)
    assert line_as_json(other)["runs"] == ["x"]


@pytest.mark.parametrize(
    ("status", "spec"),
    [
        ({"data_digest": "e"}, {}),
        ({"encoder": "other"}, {}),
        ({"kind": "autoencoder"}, {}),
        ({}, {"epochs": 6}),
        ({"data_digest": ""}, {}),
        ({}, {"seed": None}),
    ],
)
def test_other_images_encoders_and_fields_and_what_is_not_known_stand_alone(
    status: dict[str, Any], spec: dict[str, Any]
) -> None:
    runs = [run_of("a", encoder="e1"), replace(run_of("b", encoder="e1"), **status)]
    lines = of_one_spec(runs, {"a": spec_of(0), "b": spec_of(1) | spec})
    assert lines == runs


def test_a_spec_that_cannot_be_read_and_losses_that_are_no_numbers_do_no_harm() -> None:
    runs = [run_of("a"), run_of("b"), run_of("c", best_loss=math.inf), run_of("d", best_loss=0.5)]
    first, second, several = of_one_spec(runs, {"a": {}, "c": spec_of(0), "d": spec_of(0)})
    assert [first, second] == runs[:2]
    assert isinstance(several, OneSpec)
    assert (several.line.best_loss, several.counts["best_loss"]) == (0.5, 1)
    assert "best_loss" not in several.spreads  # one number has none
    assert several.line.last_loss is None


def test_beside_the_baseline_losses_are_in_per_cent_and_shares_in_points() -> None:
    base = run_of("a", best_loss=0.2, test_loss=0.4, measures={"test_accuracy": 0.98})
    mine = run_of("b", best_loss=0.1, test_loss=0.5, measures={"test_accuracy": 0.9831})
    assert differences(mine, spec_of(0), base, spec_of(0)) == {
        "val loss": "−50.0 %", "test loss": "+25.0 %", "test acc": "+0.31",
    }  # fmt: skip
    assert differences(base, spec_of(0), base, spec_of(0)) == {}
    same = replace(mine, best_loss=0.2)
    assert differences(same, spec_of(0), base, spec_of(0))["val loss"] == "±0.0 %"


def test_what_was_not_measured_alike_has_no_difference() -> None:
    base = run_of("a", best_loss=0.2, test_loss=0.4, measures={"test_accuracy": 0.98})
    mine = replace(base, id="b")
    assert "val loss" not in differences(mine, spec_of(1), base, spec_of(0))  # another validation part
    assert "test acc" in differences(mine, spec_of(1), base, spec_of(0))
    for other in ({"kind": "autoencoder"}, {"data_digest": "e"}, {"data_digest": ""}):
        assert differences(replace(mine, **other), spec_of(0), base, spec_of(0)) == {}  # type: ignore[arg-type]
    assert differences(mine, spec_of(0, normal="3"), base, spec_of(0, normal="5")) == {}  # other images are odd
    noisy = spec_of(0, noise="gaussian", noise_amount="auto", validation_noise="same")
    for alike in ({"noise_amount": 0.3}, {}):  # gaussian noise of the usual amount
        assert differences(mine, noisy | alike, base, noisy) != {}
    for clean in (spec_of(0), spec_of(0, noise="none", validation_noise="same"), noisy | {"validation_noise": "none"}):
        assert differences(mine, clean, base, spec_of(0, noise="none")) != {}
    assert differences(mine, noisy, base, spec_of(0, noise="none", validation_noise="same")) == {}
    mixed = {"validation_noise": "mixed"}
    assert differences(mine, noisy | mixed, base, spec_of(0, noise="none") | mixed) != {}
    nothing = replace(mine, best_loss=None, test_loss=None, measures={})
    assert differences(nothing, spec_of(0), base, spec_of(0)) == {}
    assert "val loss" not in differences(mine, spec_of(0), replace(base, best_loss=0.0), spec_of(0))
