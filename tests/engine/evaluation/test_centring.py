"""Drawings placed as MNIST places its digits, and freed of the paper that they are on."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.photographs import photograph
from engine.data.cache import load
from engine.evaluation.centring import CONTRAST, centred, has_ink, ink_is_light, is_centred, placed, without_paper
from engine.specs.data_files import DataFiles


def digits(count: int) -> NDArray[np.uint8]:
    """The first test images of MNIST."""
    test = load(DataFiles()).test
    assert test is not None
    return np.asarray(test.images[:count, :, :, 0])


def seven(height: int, width: int, *, row: int, column: int, size: int, ink: int = 255) -> NDArray[np.uint8]:
    """A 7 of two strokes, its upper left corner at that row and column."""
    image = np.zeros((height, width), np.uint8)
    thick = max(size // 8, 2)
    image[row : row + thick, column : column + size // 2] = ink
    for step in range(size):
        left = column + size // 2 - thick - step * (size // 2 - thick) // size
        image[row + step, left : left + thick] = ink
    return image


def test_images_of_mnist_stay_exactly_as_they_are() -> None:
    for image in digits(300):
        np.testing.assert_array_equal(centred(image), image)


def test_all_images_of_mnist_are_centred_at_an_edge_too_and_none_is_when_it_was_moved() -> None:
    images = digits(300)
    assert any(image[-1].any() for image in images)
    assert all(is_centred(image) for image in images)
    assert not any(is_centred(np.roll(image, 4, axis=1)) for image in images)
    assert not any(is_centred(np.kron(image, np.ones((2, 2), np.uint8))[14:42, 14:42]) for image in images)


@pytest.mark.parametrize(("row", "column", "size"), [(0, 0, 12), (60, 70, 36), (20, 2, 70)])
def test_a_drawing_anywhere_gets_the_size_and_the_place_of_mnist(row: int, column: int, size: int) -> None:
    found = centred(seven(100, 120, row=row, column=column, size=size), (28, 28))
    rows, columns = np.nonzero(found)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    mass = found.astype(float)
    for axis in (0, 1):
        middle = (mass.sum(1 - axis) @ np.arange(28)) / mass.sum()
        assert middle == pytest.approx(14, abs=0.51)
    assert found.max() == 255  # as light as it was drawn
    assert is_centred(found)


@pytest.mark.parametrize("line", [np.s_[5, 5], np.s_[3, :], np.s_[:, 27]])
def test_a_dot_and_a_line_stay_inside(line: tuple[int | slice, ...]) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[line] = 200
    found = centred(image)
    assert found.shape == (28, 28)
    assert found.max() == 200


def test_an_empty_canvas_has_no_ink_and_stays_empty() -> None:
    empty = np.zeros((28, 28), np.uint8)
    assert not has_ink(empty)
    assert not is_centred(empty)
    assert not centred(empty).any()
    assert not without_paper(empty).any()
    assert has_ink(digits(1)[0])


def test_paper_with_a_shadow_becomes_black_and_the_ink_stays() -> None:
    drawn = seven(112, 112, row=30, column=50, size=50, ink=120)
    random = np.random.default_rng(0)
    paper = np.linspace(20, 70, 112)[None, :] + random.normal(0, 3, (112, 112))
    paper[:, 70:] += 50  # a shadow with a sharp edge, light here as all is turned
    found = without_paper((paper + drawn).clip(0, 255).astype(np.uint8))
    assert found[drawn > 0].mean() > 150
    far = np.ones((112, 112), bool)
    far[26:84, 44:80] = False
    assert not found[far].any()


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_paper_with_nothing_on_it_becomes_black(noise: float) -> None:
    random = np.random.default_rng(1)
    paper = np.linspace(20, 90, 112)[:, None] + random.normal(0, noise, (112, 112)) + CONTRAST / 8
    assert not without_paper(paper.clip(0, 255).astype(np.uint8)).any()


# -- photographs ----------------------------------------------------------------------------------


def test_ink_is_told_from_paper_whichever_is_the_darker() -> None:
    photographs = [np.asarray(photograph(digit, seed)) for seed, digit in enumerate(digits(60))]
    found = [(ink_is_light(seen), ink_is_light(255 - seen)) for seen in photographs]
    assert np.mean([pair == (False, True) for pair in found]) > 0.95


def test_photographs_of_digits_become_what_they_were_photographed_of() -> None:
    """Dark on light, anywhere, turned a little, with a shadow: the nearest of 2,000 training images tells which."""
    data = load(DataFiles())
    assert data.train.labels is not None
    assert data.test is not None
    assert data.test.labels is not None
    known = data.train.images[:2000].reshape(2000, -1).astype(np.float32)

    def right(images: list[NDArray[np.uint8]]) -> float:
        seen = np.stack(images).reshape(len(images), -1).astype(np.float32)
        distances = (known**2).sum(1) - 2 * seen @ known.T
        assert data.train.labels is not None
        assert data.test is not None
        assert data.test.labels is not None
        return float(np.mean(data.train.labels[distances.argmin(1)] == data.test.labels[: len(images)]))

    photographs = [255 - np.asarray(photograph(digit, seed)) for seed, digit in enumerate(digits(80))]
    small = [np.asarray(Image.fromarray(seen).resize((28, 28))) for seen in photographs]
    assert right(small) < 0.4
    assert right([placed(seen, (28, 28)) for seen in photographs]) > 0.8


def test_what_is_clean_already_is_placed_without_a_change_of_its_ink() -> None:
    image = digits(1)[0]
    np.testing.assert_array_equal(placed(image, (28, 28)), image)
