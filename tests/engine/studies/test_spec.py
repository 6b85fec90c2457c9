"""What a study asks for, and the sentences for what it cannot."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import SpecError, StudyError
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec
from engine.studies.command import as_flags
from engine.studies.spec import default_values, describe, make_study, space_of, spec_of, study_from_json
from engine.studies.values import Range, assignments_in
from tests.cae_tui.study_script import grid

DEFAULT = preset(AutoencoderSpec, "recommended")
REPORT = preset(AutoencoderSpec, "report", **AutoencoderSpec.guided_baseline)


def test_one_at_a_time_varies_one_hyperparameter_over_a_baseline() -> None:
    study = make_study("one", DEFAULT, {"layers": " 8, 10,012 "})
    assert study.values == {"layers": ("8", "10", "12")}
    assert [spec_of(study.baseline, values).layers for values in study.combinations(("layers",))] == [8, 10, 12]  # type: ignore[attr-defined]  # the baseline is an autoencoder's
    assert study_from_json(study.model_dump(mode="json")) == study
    assert study.title == "layers 8, 10, 12"


def test_choices_flags_and_lists_of_kernels_can_be_studied() -> None:
    study = make_study(
        "grid", DEFAULT, {"activation": "relu,silu", "residual": "no,yes", "kernels": "32,8-16-32-32-32"}
    )
    assert study.points == 8
    assert [values["kernels"] for values in study.combinations(tuple(study.values))][:2] == ["32", "8-16-32-32-32"]


def test_a_guided_study_has_the_report_s_order_and_values() -> None:
    study = make_study("guided", REPORT, {})
    assert list(study.values) == ["layers", "kernel_size", "kernels", "batch_size", "epochs"]
    assert study.values["batch_size"] == ("128", "190", "256", "512")
    assert (REPORT.epochs, REPORT.batch_size, REPORT.kernel_size, REPORT.kernels) == (15, 256, 3, (32,))
    # Its schedule knows of no number of epochs, so that one long run will do; one-cycle does.
    assert study.is_long_run("epochs")
    assert study.points == 4 + 3 + 4 + 4 + 1
    cycle = make_study("guided", DEFAULT, {})
    assert not cycle.is_long_run("epochs")
    assert len(cycle.values["epochs"]) > 1


def test_any_number_of_layers_can_be_studied_and_so_can_downsamplings() -> None:
    assert make_study("one", DEFAULT, {"layers": "2,4,6"}).points == 3
    assert make_study("one", DEFAULT, {"downsamplings": "auto,0,1,02"}).values["downsamplings"] == (
        "auto",
        "0",
        "1",
        "2",
    )
    assert space_of(make_study("search", DEFAULT, {"downsamplings": "0..2"})) == {
        "downsamplings": Range(0, 2, whole=True)
    }


def test_a_classifier_is_studied_too() -> None:
    baseline = preset(ClassifierSpec, "recommended", encoder="a7f3")
    assert make_study("one", baseline, {"from_scratch": "no,yes"}).points == 2
    assert default_values("guided", baseline)["fc_units"] == "64,128,256"


def test_a_search_takes_ranges() -> None:
    study = make_study("search", DEFAULT, {"kernels": "16..64", "learning_rate": "1e-4..1e-2", "layers": "6..14"})
    space = space_of(study)
    assert space["kernels"] == Range(16, 64, whole=True)
    assert space["learning_rate"] == Range(1e-4, 1e-2, whole=False, log=True)
    assert space["layers"] == Range(6, 14, whole=True, step=2)
    assert study.rule == "lowest"
    assert not make_study("search", DEFAULT, {"epochs": "5..20"}).prunes


@pytest.mark.parametrize(
    ("mode", "values", "field", "words"),
    [
        ("one", {"layrs": "8,10"}, "layrs", "did you mean layers?"),
        ("one", {"shade": "1"}, "shade", "these can be studied: epochs"),
        ("one", {"seed": "1,2"}, "seed", "This cannot be studied"),
        ("one", {"layers": ""}, "layers", "No values are given"),
        ("one", {"layers": "8,,10"}, "layers", "empty value"),
        ("one", {"layers": "8,10,8"}, "layers", "8 appears twice"),
        ("one", {"layers": "8,08"}, "layers", "8 appears twice"),
        ("one", {"layers": "8,9"}, "layers", "even number"),
        ("one", {"layers": "8..12"}, "layers", "which only a search can have"),
        (
            "grid",
            {"layers": "2,10", "downsamplings": "2"},
            "values",
            "cannot be trained (downsamplings: 2 is too many",
        ),
        ("one", {}, "values", "Nothing is varied"),
        ("one", {"layers": "8", "kernels": "16"}, "values", "2 hyperparameters"),
        ("search", {"kernels": "64..16"}, "kernels", "is not a range"),
        ("search", {"kernels": "0..16"}, "kernels", "0 is too small: at least 1."),
        ("search", {"activation": "relu..silu"}, "activation", "list its values"),
        ("tree", {"layers": "8"}, "mode", "choose one, guided, grid, search or worth"),
    ],
)
def test_wrong_values_are_refused_in_a_sentence(mode: str, values: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        make_study(mode, DEFAULT, values)
    assert words in refused.value.problems[field]
    assert list(refused.value.problems) == [field]


def test_a_grid_of_a_million_points_is_refused() -> None:
    many = ",".join(str(number) for number in range(1, 1001))
    with pytest.raises(SpecError) as refused:
        make_study("grid", DEFAULT, {"kernels": many, "patience": many})
    assert "1,000,000 points: at most 10,000" in refused.value.problems["values"]


def test_the_settings_are_refused_as_any_field_is() -> None:
    with pytest.raises(SpecError) as refused:
        make_study("one", DEFAULT, {"layers": "8,10"}, repeats="0", rule="best", exponent="x")
    assert set(refused.value.problems) == {"repeats", "rule", "exponent"}
    assert refused.value.problems["rule"] == "“best” is not known: choose trade, lowest, tolerance or budget."


def test_a_point_is_described_and_a_spec_written_as_flags() -> None:
    assert describe({"layers": "10", "kernel_size": "3", "dropout": "0.3"}) == "10 layers, 3×3, dropout 0.3"
    spec = preset(AutoencoderSpec, "recommended", epochs=5, residual=False, images=Path("/a b"))
    assert as_flags(spec) == ["--epochs", "5", "--no-residual", "--images", "/a b"]


@pytest.mark.parametrize("field", ["repeats", "exponent", "trials", "minutes"])
def test_true_is_no_number_in_a_study_s_file_either(field: str) -> None:
    values = make_study("one", DEFAULT, {"layers": "8,10"}).model_dump(mode="json")
    with pytest.raises(SpecError) as refused:
        study_from_json({**values, field: True})
    assert refused.value.problems == {field: "True is yes or no, but a number is needed."}


@pytest.mark.parametrize(
    "text", ["1..1" + "0" * 400, "٣..٩", "1_6..6_4", "1e400..2", "1.5..4", "nan..4", "4..nan", "16..inf", "１..４"]
)
def test_a_range_of_anything_but_two_plain_numbers_is_refused_in_words(text: str) -> None:
    with pytest.raises(SpecError, match=r"is not a range of kernels: two whole numbers as in 16\.\.64"):
        make_study("search", AutoencoderSpec(), {"kernels": text})


def test_the_ends_of_a_range_of_whole_numbers_are_whole() -> None:
    found = space_of(make_study("search", AutoencoderSpec(), {"kernels": " 16 .. 6.4e1", "layers": "6..8"}))
    for span in found.values():
        assert isinstance(span, Range)
        assert type(span.low) is type(span.high) is int


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("baseline", "normalisation"), "study", "baseline: normalisation: “study” is not known: choose batch or none"),
        (("baseline",), None, "baseline: "),
        (("values",), {}, "Nothing is varied"),
        (("values", "kernels"), ["x"], "“x” is not a number of kernels"),
        (("values", "mood"), ["good"], "This is not a hyperparameter"),
        (("values", "kernels"), ["016"], "not written as a study writes them"),
        (("mode",), "one", "2 hyperparameters are named"),
    ],
)
def test_a_spec_of_a_study_that_was_changed_by_hand_is_refused_in_words(
    path: tuple[str, ...], to: object, words: str
) -> None:
    values = grid().spec
    assert study_from_json(values).model_dump(mode="json") == values
    inner: Any = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    with pytest.raises(SpecError, match=words):
        study_from_json(values)


def test_a_baseline_of_a_kind_that_is_not_known_is_refused_in_a_short_sentence() -> None:
    values = make_study("one", AutoencoderSpec(), {"layers": "8,10"}).model_dump(mode="json")
    values["baseline"]["kind"] = "x" * 10_000
    with pytest.raises(SpecError, match="is not known: autoencoder, classifier or anomaly was expected") as refused:
        study_from_json(values)
    assert len(str(refused.value)) < 200


def test_assignments_are_read_where_a_blank_follows_a_comma_too() -> None:
    assert assignments_in("layers=8, 10 kernels=16") == {"layers": "8,10", "kernels": "16"}
    assert assignments_in(" batch-size=64; lr = 0.1 ") == {"batch_size": "64", "lr": "0.1"}
    for text, problem in (
        ("layers 8", "“layers” has no values"),
        ("=8", "“=8” names no hyperparameter"),
        ("layers=8 layers=10", "layers is named twice"),
    ):
        with pytest.raises(StudyError, match=problem):
            assignments_in(text)
