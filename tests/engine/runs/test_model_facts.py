"""What a model file says of its model besides weights and spec."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.runs.model_facts import (
    ModelFacts,
    all_light_on_dark,
    shows_light_on_dark,
    unlike_above,
    unsure_below,
)
from engine.storage.typed_json import record_of


def answers(sure: list[float], right: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of two classes: the probability of the first, which is the true one where the answer is right."""
    probabilities = np.array([[p, 1 - p] for p in sure])
    return probabilities, np.array([0 if one else 1 for one in right])


def test_the_threshold_is_the_lowest_at_which_99_of_100_answers_are_right() -> None:
    sure = [0.999 - 0.001 * place for place in range(300)]
    right = [True] * 200 + [False, False] + [True] * 98
    threshold = unsure_below(*answers(sure, right))
    answered = [one for p, one in zip(sure, right, strict=True) if p >= threshold]
    assert sum(answered) / len(answered) >= 0.99
    lower = [one for p, one in zip(sure, right, strict=True) if p >= threshold - 0.001]
    assert len(answered) == 300 or sum(lower) / len(lower) < 0.99


def test_a_model_that_is_always_right_is_sure_of_its_least_probable_answer() -> None:
    assert unsure_below(*answers([0.9, 0.8, 0.6], [True] * 3)) == 0.6


def test_a_model_that_is_wrong_about_its_surest_answers_is_never_sure() -> None:
    assert unsure_below(*answers([0.9, 0.8], [False, True])) > 1


def test_equal_probabilities_are_answered_together() -> None:
    assert unsure_below(*answers([0.9, 0.8, 0.8], [True, True, False])) == 0.9


def test_the_error_that_99_of_100_validation_images_stay_below() -> None:
    assert unlike_above(np.arange(101, dtype=np.float32)) == 99


def test_which_way_round_an_image_is_does_not_depend_on_how_bright_its_ground_is() -> None:
    drawing = np.full((16, 16, 1), 120, np.uint8)
    drawing[6:10, 6:10] = 250
    assert shows_light_on_dark(drawing)
    drawing[6:10, 6:10] = 5
    assert not shows_light_on_dark(drawing)
    assert shows_light_on_dark(np.zeros((8, 8, 1), np.uint8))  # as most sets are


def test_of_a_set_is_told_what_nearly_all_of_its_images_show() -> None:
    light = np.zeros((40, 8, 8, 1), np.uint8)
    light[:, 3:5, 3:5] = 255
    assert all_light_on_dark(light) is True
    assert all_light_on_dark(255 - light) is False
    assert all_light_on_dark(np.concatenate([light, 255 - light])) is None


@pytest.mark.parametrize(
    "facts",
    [
        ModelFacts(),
        ModelFacts(class_names=("cat", "dog"), views=True, unsure_below=0.97, light_on_dark=False),
        ModelFacts(unlike_above=0.002, light_on_dark=True, centred=True),
    ],
)
def test_what_is_written_is_read_back(facts: ModelFacts) -> None:
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in facts.to_json().items()}
    assert record_of(ModelFacts, values) == facts
