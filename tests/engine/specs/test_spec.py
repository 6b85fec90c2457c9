import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SpecError
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse, preset, preset_changes, spec_fields
from engine.specs.classifier import ClassifierSpec
from engine.specs.fields import GROUPS, write_value
from engine.specs.kinds import SPECS, check_against_data, spec_from_json


def refusal(**values: object) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        parse(AutoencoderSpec, values)
    return refused.value.problems


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"layers": "9"}, "layers", "“9” is odd"),
        ({"kernel_size": "13"}, "kernel_size", "“13” is too large: at most 11."),
        ({"kernel_size": "0"}, "kernel_size", "“0” is too small: at least 1."),
        ({"kernels": "16-32"}, "kernels", "2 numbers for 5 encoder layers"),
        ({"kernels": "many"}, "kernels", "“many” is not a number of kernels"),
        ({"kernels": "99999999"}, "kernels", "99999999 is too large: at most 1,024."),
        ({"kernels": "16-9999999999-16"}, "kernels", "9999999999 is too large: at most 1,024."),
        ({"kernels": "0"}, "kernels", "too small"),
        ({"epochs": "abc"}, "epochs", "“abc” is not a whole number."),
        ({"epochs": ""}, "epochs", "A whole number is needed."),
        ({"epochs": "1e400"}, "epochs", "not a whole number"),
        ({"epochs": "٣"}, "epochs", "not a whole number"),
        ({"epochs": "9" * 10_000}, "epochs", "is too large a number: at most 100,000."),
        ({"epochs": "-" + "9" * 10_000}, "epochs", "is too small: at least 1."),
        ({"epochs": True}, "epochs", "True is yes or no, but a number is needed."),
        ({"learning_rate": False}, "learning_rate", "False is yes or no, but a number is needed."),
        ({"kernels": [True]}, "kernels", "not a number of kernels"),
        ({"layers": "41"}, "layers", "“41” is too large: at most 40."),
        ({"layers": "9" * 23}, "layers", "is too large: at most 40."),
        ({"layers": -3}, "layers", "-3 is too small: at least 2."),
        ({"learning_rate": "nan"}, "learning_rate", "not a number"),
        ({"learning_rate": "inf"}, "learning_rate", "not a number"),
        ({"learning_rate": "1e400"}, "learning_rate", "“1e400” is too large a number: at most 10."),
        ({"learning_rate": "-1e400"}, "learning_rate", "“-1e400” is too small: more than 0."),
        ({"learning_rate": "0"}, "learning_rate", "too small: more than 0"),
        ({"optimizer": "best"}, "optimizer", "choose adam, adamw, rmsprop or sgd"),
        ({"residual": "maybe"}, "residual", "neither yes nor no"),
        (
            {"layers": "4", "downsamplings": "2"},
            "downsamplings",
            "2 is too many for 4 layers: at most 1. Choose 1 or auto, or at least 6 layers.",
        ),
        ({"layers": 8, "downsamplings": 3}, "downsamplings", "Choose 2 or auto, or at least 10 layers."),
        ({"downsamplings": "4"}, "downsamplings", "4 is not known: choose auto, 0, 1, 2 or 3."),
        ({"downsamplings": "often"}, "downsamplings", "“often” is not known: choose auto, 0, 1, 2 or 3."),
        ({"downsamplings": ""}, "downsamplings", "choose auto, 0, 1, 2 or 3."),
        ({"downsamplings": True}, "downsamplings", "True is yes or no, but a number is needed."),
        ({"downsamplings": 0.5}, "downsamplings", "0.5 is not known: choose auto, 0, 1, 2 or 3."),
        ({"noise": "snow"}, "noise", "choose none, gaussian, salt-and-pepper or masked-squares"),
        ({"noise_amount": "0.2"}, "noise_amount", "0.2 of no noise: choose a kind in Noise, or leave this at auto."),
        (
            {"noise": "gaussian", "noise_amount": 0},
            "noise_amount",
            "0 is no noise, and Noise is gaussian: give an amount above 0, as 0.3, or choose none there.",
        ),
        ({"noise": "gaussian", "noise_amount": "1.5"}, "noise_amount", "1.5 is too large: at most 1, or auto."),
        ({"noise": "gaussian", "noise_amount": -1}, "noise_amount", "-1 is too small: at least 0, or auto."),
        ({"noise": "gaussian", "noise_amount": "nan"}, "noise_amount", "“nan” is neither a number nor auto."),
        ({"noise": "gaussian", "noise_amount": "lots"}, "noise_amount", "“lots” is neither a number nor auto."),
        ({"noise": "gaussian", "noise_amount": True}, "noise_amount", "True is yes or no, but a number is needed."),
        ({"validation_noise": "snow"}, "validation_noise", "choose same, none, gaussian, salt-and-pepper"),
        ({"momentum": "0.9"}, "momentum", "There is no such field"),
        ({"labels": "/some/file"}, "labels", "no training images"),
        ({"images": "/a", "test_labels": "/b"}, "test_labels", "no test images"),
    ],
)
def test_a_wrong_value_is_refused_in_words_at_its_own_field(values: dict[str, str], field: str, words: str) -> None:
    assert words in refusal(**values)[field]


def test_every_wrong_field_is_told_at_once() -> None:
    assert refusal(layers="9", kernel_size="13", epochs="x").keys() == {"layers", "kernel_size", "epochs"}


def test_a_refusal_shows_no_control_characters_and_no_more_than_40_of_the_value() -> None:
    sentence = refusal(epochs="\x1b]0;owned\x07" + "x" * 1000)["epochs"]
    assert "\x1b" not in sentence
    assert len(sentence) < 80


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in SPECS for name in SPECS[kind].presets])
def test_a_preset_survives_json(kind: str, name: str) -> None:
    spec = preset(SPECS[kind], name, **({"encoder": "abcd"} if kind == "classifier" else {}))
    assert spec_from_json(json.loads(spec.model_dump_json())) == spec
    assert spec_from_json(spec.model_dump(mode="json")) == spec


def test_the_presets_have_the_hyperparameters_of_the_report() -> None:
    for name in AutoencoderSpec.presets.keys() - {"quick"}:
        spec = preset(AutoencoderSpec, name)
        assert (spec.batch_size, spec.epochs, spec.layers, spec.kernel_size) == (128, 20, 10, 3)
        assert spec.encoder_kernels == (32,) * 5
    report = preset(AutoencoderSpec, "report")
    assert (report.downsampling, report.halvings((28, 28, 1)), report.upsampling) == ("max-pool", 2, "nearest")
    assert (report.optimizer, report.schedule, report.learning_rate) == ("adam", "constant", 1e-3)


def test_kernels_are_written_with_dashes_everywhere() -> None:
    spec = parse(AutoencoderSpec, {"kernels": "16-32-64-64-64"})
    assert spec.encoder_kernels == (16, 32, 64, 64, 64)
    assert spec.model_dump(mode="json")["kernels"] == "16-32-64-64-64"
    assert "16-32-64-64-64" in spec.title


@pytest.mark.parametrize("kind", SPECS.values(), ids=SPECS)
def test_every_field_tells_a_form_all_that_it_needs(kind: type[Spec]) -> None:
    fields = spec_fields(kind)
    assert {field.name for field in fields} == set(kind.model_fields) - {"kind"}
    for field in fields:
        assert field.title
        assert field.description.endswith(".")
        assert field.flag == "--" + field.name.replace("_", "-")
    groups = [field.group for field in fields]
    assert groups == sorted(groups, key=GROUPS.index)


def test_the_five_hyperparameters_of_the_report_come_first() -> None:
    names = [field.name for field in spec_fields(AutoencoderSpec) if field.group == "Hyperparameters"]
    assert names == ["epochs", "batch_size", "layers", "kernels", "kernel_size"]


@given(st.dictionaries(st.sampled_from([*AutoencoderSpec.model_fields, "x"]), st.text() | st.integers() | st.none()))
def test_whatever_is_typed_gives_a_spec_or_sentences(values: dict[str, object]) -> None:
    problems: dict[str, str] = {}
    try:
        spec = parse(AutoencoderSpec, values)
    except SpecError as error:
        problems = error.problems
    else:
        assert spec_from_json(spec.model_dump(mode="json")) == spec
    assert all(sentence.endswith(".") for sentence in problems.values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_in_a_file_is_refused_in_words(values: object) -> None:
    with pytest.raises(SpecError):
        spec_from_json(values)


def test_what_does_not_fit_the_data_is_told_by_field() -> None:
    assert check_against_data(AutoencoderSpec(), (28, 28, 1), 128) == {}
    assert "128 is more than the 100 images" in check_against_data(AutoencoderSpec(), (28, 28, 1), 100)["batch_size"]
    tiny = check_against_data(AutoencoderSpec(downsamplings=3), (4, 28, 1), 1000)
    assert "3 downsamplings leave nothing of 4×28 pixels" in tiny["downsamplings"]


def test_a_classifier_needs_epochs_and_an_encoder() -> None:
    with pytest.raises(SpecError) as refused:
        parse(ClassifierSpec, {"frozen_epochs": 0, "finetune_epochs": 0})
    assert refused.value.problems["encoder"] == "This is required."
    assert "Both stages have 0 epochs" in refused.value.problems["finetune_epochs"]


def test_from_scratch_is_one_stage_and_leaving_one_out_leaves_the_other() -> None:
    stages = [
        parse(ClassifierSpec, {"encoder": "x", **values}).stages
        for values in ({}, {"from_scratch": True}, {"frozen_epochs": 0}, {"finetune_epochs": 0})
    ]
    assert stages == [
        (("frozen", 3), ("fine-tuning", 15)),
        (("from scratch", 15),),
        (("fine-tuning", 15),),
        (("frozen", 3),),
    ]


@pytest.mark.parametrize("value", [0.3046875, 0.00123456789, 1 / 3, 1e-7, 0.5, 0.004])
def test_a_number_is_written_so_that_the_same_is_read_again(value: float) -> None:
    spec = AutoencoderSpec(weight_decay=value)
    assert parse(AutoencoderSpec, {"weight_decay": write_value(spec.weight_decay)}) == spec


def test_a_number_of_few_digits_is_written_with_them() -> None:
    assert [write_value(value) for value in (0.004, 0.0, 60.0, 1e-5, 0.3)] == ["0.004", "0", "60", "1e-05", "0.3"]


def test_the_preset_for_few_labels_covers_half_of_an_image() -> None:
    spec = preset(AutoencoderSpec, "few-labels")
    assert spec.training_noise == ("masked-squares", 0.5)
    changes = preset_changes(AutoencoderSpec, "few-labels")
    assert {field.name: value for field, value in changes.items()} == {"noise": "masked-squares", "noise_amount": "0.5"}


@pytest.mark.parametrize(("name", "latent"), [("bottleneck-16", 16), ("bottleneck-32", 32), ("bottleneck", 64)])
def test_a_bottleneck_comes_in_three_sizes(name: str, latent: int) -> None:
    assert preset(AutoencoderSpec, name) == AutoencoderSpec(latent=latent)
    assert str(latent) in AutoencoderSpec.preset_titles[name]


@pytest.mark.parametrize("kind", SPECS)
def test_each_preset_says_in_two_sentences_what_it_is_for(kind: str) -> None:
    spec = SPECS[kind]
    assert set(spec.presets) == set(spec.preset_titles) == set(spec.preset_purposes)
    for purpose in spec.preset_purposes.values():
        assert len(re.findall(r"\.(?= |$)", purpose)) == 2, purpose


def test_what_a_preset_changes_leaves_out_what_is_the_default_anyway() -> None:
    changes = {field.name: value for field, value in preset_changes(AutoencoderSpec, "report").items()}
    assert changes["learning_rate"] == "0.001"
    assert changes["residual"] == "no"
    assert "optimizer" not in changes
    assert preset_changes(AutoencoderSpec, "recommended") == {}
    for name in AutoencoderSpec.presets:
        asked = {field.name: value for field, value in preset_changes(AutoencoderSpec, name).items()}
        assert parse(AutoencoderSpec, asked) == preset(AutoencoderSpec, name)


def test_one_image_to_train_on_is_counted_in_the_singular() -> None:
    told = check_against_data(AutoencoderSpec(batch_size=16), (28, 28, 1), 1)["batch_size"]
    assert told.startswith("16 is more than the 1 image to train on: give at most 1, or steps per epoch")
