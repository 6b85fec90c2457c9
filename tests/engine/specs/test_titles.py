"""What tells two runs apart is in their titles."""

import pytest

from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse, preset
from engine.specs.classifier import ClassifierSpec


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({}, "10 × 32, 3×3, b128"),
        ({"latent": 16}, "10 × 32, z16, 3×3, b128"),
        ({"learning_rate": 1e-3}, "10 × 32, 3×3, b128, lr 0.001"),
        ({"learning_rate": 0.0043219876543}, "10 × 32, 3×3, b128, lr 0.004322"),
        ({"residual": False, "seed": 3}, "10 × 32, 3×3, b128, seed 3, no residual"),
        ({"epochs": 3, "device": "cpu", "patience": 2}, "10 × 32, 3×3, b128"),
        ({"downsamplings": 2}, "10 × 32, 3×3, b128"),
        ({"downsamplings": 1, "activation": "relu"}, "10 × 32, 3×3, b128, downsamplings 1, relu"),
    ],
)
def test_a_title_tells_every_value_that_is_not_the_usual_one(values: dict[str, object], title: str) -> None:
    assert parse(AutoencoderSpec, values).title == title


def test_a_preset_is_told_by_its_name_and_what_is_changed_in_it_besides() -> None:
    assert preset(AutoencoderSpec, "report").title == "10 × 32, 3×3, b128, Report 2020"
    assert preset(AutoencoderSpec, "report", dropout=0.2).title == "10 × 32, 3×3, b128, Report 2020, dropout 0.2"


def test_a_classifier_s_title_tells_its_head_and_what_else_was_asked() -> None:
    asked = {"encoder": "a7f3", "fc_units": 64, "batch_size": 64, "augmentation": False, "labelled_fraction": 0.1}
    assert parse(ClassifierSpec, asked).title == "fc 64, 0.1 labelled, b64, no augmentation"


@pytest.mark.parametrize("kind", [AutoencoderSpec, ClassifierSpec])
def test_two_specs_that_train_differently_have_different_titles(
    kind: type[AutoencoderSpec] | type[ClassifierSpec],
) -> None:
    given = {"encoder": "a7f3"} if kind is ClassifierSpec else {}
    usual = parse(kind, given)
    others = {
        "optimizer": "sgd", "schedule": "constant", "weight_decay": 0.5, "seed": 7, "validation_fraction": 0.3,
        "dropout": 0.1, "activation": "elu", "batch_size": 7, "learning_rate": 0.5, "normalisation": "none",
        "upsampling": "nearest", "output": "sigmoid", "sub_pixel": False, "label_smoothing": 0.3,
        "finetune_learning_rate": 0.7, "frozen_epochs": 9, "from_scratch": True, "fc_layers": 2,
    }  # fmt: skip
    for name, value in others.items():
        if name in kind.model_fields:
            assert parse(kind, {**given, name: value}).title != usual.title, name
