"""What a run is held against that has learned nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import jobs
from engine.errors import DatasetError
from engine.evaluation.baselines import constant_figures, largest_class, of_answers
from engine.evaluation.predictions import classification_report
from engine.preparation import reopen
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded, Event, Warned
from engine.results.autoencoder import AutoencoderResult, ConstantImage
from engine.results.classifier import LargestClass
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.classifier import ClassifierSpec
from engine.training.baseline import Baseline, steadier
from tests.engine.conftest import train
from tests.engine.tiny import noise, tiny, tiny_classifier, write_encoder, write_files
from tests.engine.training.test_training import StopAt
from tests.idx import numbers, write_idx


def spec(**values: object) -> AutoencoderSpec:
    return parse(AutoencoderSpec, values)


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


# -- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "steps", "ways"),
    [
        ({"normalisation": "batch", "residual": True}, 500, "Try another learning rate."),
        ({"normalisation": "batch", "residual": False}, 500, "Try another learning rate or residual connections."),
        ({"normalisation": "none", "residual": True}, 500, "Try another learning rate or batch normalisation."),
        ({"normalisation": "batch", "residual": True}, 50, "Try training for longer or another learning rate."),
        (
            {"normalisation": "none", "residual": False},
            199,
            "Try training for longer, another learning rate, batch normalisation or residual connections.",
        ),
    ],
)
def test_advice_names_only_what_is_not_done_already(values: dict[str, object], steps: int, ways: str) -> None:
    baseline = Baseline(spec=spec(**values), pixels=False, constant=0.1)
    assert baseline.doubt({"loss": 0.2}, steps).endswith(ways)


def test_pixels_come_before_any_other_advice() -> None:
    doubt = Baseline(spec=spec(), pixels=True, constant=3e-6).doubt({"loss": 5.7e-6}, 440)
    assert doubt == (
        "The validation error, 5.70e-06, is no better than that of the best constant image, 3.00e-06: nothing is "
        "learned. Look at the pixels of the images first."
    )


@pytest.mark.parametrize(("loss", "constant", "doubted"), [(0.1, 0.1, True), (0.09, 0.1, False), (0.1, 0.0, False)])
def test_an_error_is_doubted_that_one_constant_image_has(loss: float, constant: float, doubted: bool) -> None:
    assert bool(Baseline(spec=spec(), pixels=False, constant=constant).doubt({"loss": loss}, 500)) is doubted


def test_an_accuracy_is_doubted_that_one_answer_has() -> None:
    baseline = Baseline(spec=spec(), pixels=False, largest=LargestClass(label=3, name="3", accuracy=0.9))
    sentence = baseline.doubt({"loss": 1.0, "accuracy": 0.9}, 500)
    assert sentence.startswith(
        "The validation accuracy, 90.00 %, is no better than one answer for all images: always answering class 3 is "
        "right for 90.00 %."
    )
    assert baseline.doubt({"loss": 1.0, "accuracy": 0.91}, 500) == ""
    alone = Baseline(spec=spec(), pixels=False, largest=LargestClass(label=3, name="3", accuracy=1.0))
    assert alone.doubt({"loss": 1.0, "accuracy": 1.0}, 500) == ""


@pytest.mark.parametrize(("normalisation", "words"), [("batch", "try a learning rate below 0.5"), ("none", "try a")])
def test_a_diverged_run_is_not_advised_what_it_has(normalisation: str, words: str) -> None:
    sentence = steadier(spec(normalisation=normalisation, learning_rate=0.5), 0.5)
    assert sentence.startswith(words)
    assert ("batch normalisation" in sentence) is (normalisation == "none")


def test_the_largest_class_is_that_of_the_training_images() -> None:
    assert largest_class(numbers(2, 2, 1), numbers(1, 1, 1, 2)) == LargestClass(label=2, name="2", accuracy=0.25)
    # Of several with as many training images the one that does best.
    assert largest_class(numbers(0, 1, 2), numbers(1, 2, 2, 2)) == LargestClass(label=2, name="2", accuracy=0.75)


def test_figures_of_a_constant_image_have_a_psnr() -> None:
    figures = constant_figures(0.1, 0.01)
    assert figures == ConstantImage(mse=0.01, psnr=20.0, validation_mse=0.1, validation_psnr=10.0)


def answers(true: list[int], predicted: list[int], trained: list[int] | None = None) -> list[str]:
    labels = numbers(*true)
    report = classification_report(labels, np.eye(6)[predicted])
    return of_answers("test", report, largest_class(numbers(*(trained or true)), labels))


def test_a_model_that_always_answers_one_class_is_told() -> None:
    (sentence,) = answers([0] * 97 + [1] * 3, [0] * 100)
    assert sentence == (
        "The model answers class 0 for all 100 test images: it tells nothing apart, and always answering class 0 is "
        "right for 97.00 %."
    )


def test_a_model_that_nearly_always_answers_one_class_is_told_and_what_it_never_recognises() -> None:
    first, second = answers([0] * 97 + [1] * 3, [1] + [0] * 99)
    assert first.startswith("The accuracy on the test images, 96.00 %, is no better than one answer for all: always")
    assert first.endswith("right for 97.00 %. The model answers class 0 for 99.0 % of them.")
    assert second == "Class 1 is never recognised: its recall is 0."


def test_a_model_that_tells_classes_apart_is_not_remarked_on() -> None:
    assert answers([0] * 97 + [1] * 3, [0] * 97 + [1] * 3) == []
    assert answers([0, 1, 2, 3], [0, 1, 2, 0]) == ["Class 3 is never recognised: its recall is 0."]
    assert answers([2, 2], [2, 2]) == []


def test_images_that_are_taken_for_a_class_without_images_are_told() -> None:
    (sentence,) = answers([0, 0, 2, 2], [0, 5, 2, 2])
    assert sentence == (
        "1 test image was taken for class 5, which has no test image: it counts in the averages with 0."
    )
    (sentence,) = answers([0, 0, 0, 2, 2, 2], [0, 0, 5, 1, 2, 2])
    assert sentence.startswith("2 test images were taken for classes 1 and 5, which have no test image: they count")


# -- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def dark(tmp_path: Path) -> dict[str, Path]:
    """Files whose pixels are 0 and 1."""
    return {"images": write_idx(tmp_path / "dark", noise(60)[..., 0] % 2)}


@pytest.mark.parametrize("epochs", [1, 40])
def test_dark_images_are_told_before_a_run_and_in_its_report(home: Home, dark: dict[str, Path], epochs: int) -> None:
    run, result, events = train(home, tiny(dark, epochs=epochs))
    first = next(place for place, event in enumerate(events) if isinstance(event, Warned))
    assert warnings(events)[0].startswith("The brightest pixel is 1 of 255")
    assert not any(isinstance(event, EpochEnded) for event in events[:first])
    written = run.read_result()
    assert written is not None
    assert written.remarks == result.remarks
    assert result.remarks[0].startswith("The validation error, ")
    assert "batch normalisation" not in result.remarks[0]
    assert result.remarks[1] == warnings(events)[0]


def test_the_constant_image_of_a_result_is_the_mean_training_image_on_the_images_evaluated(
    home: Home, tmp_path: Path
) -> None:
    files = write_files(tmp_path)
    run, result, _ = train(home, tiny(files, epochs=1))
    prepared = reopen(run)
    assert prepared.data.test is not None
    mean = (prepared.data.train.images[prepared.training] / 255).mean(axis=0)
    for images, name in (
        (prepared.data.test.images, "mse"),
        (prepared.data.train.images[prepared.validation], "validation_mse"),
    ):
        expected = np.square(images / 255 - mean).mean()
        assert getattr(result.constant_image, name) == pytest.approx(expected)


def test_a_run_that_ends_early_is_held_against_the_constant_image_too(home: Home, dark: dict[str, Path]) -> None:
    stopper = StopAt(EpochEnded, 1)
    result = jobs.start(home, tiny(dark, epochs=3), stopper, stopper.flag)
    assert result.state == "stopped"
    assert any(sentence.startswith("The validation error, ") for sentence in result.remarks)
    assert any(sentence.startswith("The validation error, ") for sentence in warnings(stopper.events))
    assert isinstance(result, AutoencoderResult)
    assert result.constant_image is not None
    assert result.constant_image.mse > 0


def imbalanced(tmp_path: Path) -> dict[str, Any]:
    labels = np.zeros(60, np.uint8)
    labels[::30] = 1
    files = write_files(tmp_path)
    test = np.zeros(20, np.uint8)
    test[0] = 1
    return {**files, "labels": write_idx(tmp_path / "uneven", labels), "test_labels": write_idx(tmp_path / "t", test)}


def test_a_classifier_that_always_answers_the_largest_class_says_so_in_its_report(home: Home, tmp_path: Path) -> None:
    files = imbalanced(tmp_path)
    encoder = write_encoder(tmp_path / "encoder.safetensors", files)
    _, result, _ = train(home, tiny_classifier(files, encoder, finetune_learning_rate=1e-6, learning_rate=1e-6))
    assert result.largest_class == LargestClass(label=0, name="0", accuracy=0.95)
    assert any("always answering class 0 is right for 95.00 %" in sentence for sentence in result.remarks)


@pytest.mark.parametrize("label", [0, 5])
def test_labels_of_one_class_are_refused_whatever_its_number(home: Home, tmp_path: Path, label: int) -> None:
    files = write_files(tmp_path)
    encoder = write_encoder(tmp_path / "encoder.safetensors", files)
    files["labels"] = write_idx(tmp_path / "same", np.full(60, label, np.uint8))
    del files["test_labels"]
    wanted = tiny_classifier(files, encoder)
    assert isinstance(wanted, ClassifierSpec)
    with pytest.raises(DatasetError, match=f"All labels of .* are {label}: a classifier needs images of two or"):
        jobs.start(home, wanted, lambda event: None, Flag())
    assert home.ids() == []


def test_a_warning_has_the_digits_that_the_tables_have() -> None:
    doubt = Baseline(spec=spec(), pixels=False, constant=0.1234).doubt({"loss": 0.2345}, 440)
    assert doubt.startswith("The validation error, 0.2345, is no better than that of the best constant image, 0.1234:")
