"""What a model file says of its model besides weights and spec."""

import numpy as np
import pytest

from engine.runs.model_facts import (
    ModelFacts,
    all_light_on_dark,
    shows_light_on_dark,
    unlike_above,
)
from engine.storage.typed_json import record_of


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
