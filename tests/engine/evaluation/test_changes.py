"""Images that are shifted, turned and made noisy."""

import numpy as np
import pytest

from engine.evaluation.changes import changed


def dot(row: int = 3, column: int = 5, channels: int = 1, paper: int = 0) -> np.ndarray:
    image = np.full((8, 12, channels), paper, np.uint8)
    image[row, column] = 255 - paper
    return image


def test_without_a_change_it_is_a_copy() -> None:
    image = dot()
    same = changed(image)
    assert np.array_equal(same, image)
    same[:] = 9
    assert image.max() == 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("paper", [0, 255])
def test_it_is_shifted_by_whole_pixels_and_paper_comes_in(channels: int, paper: int) -> None:
    found = changed(dot(channels=channels, paper=paper), right=2, down=-1, background=paper)
    assert np.array_equal(found, dot(2, 7, channels, paper))
    gone = changed(dot(channels=channels, paper=paper), right=50, background=paper)
    assert (gone == paper).all()


def test_it_is_turned_anticlockwise_about_its_middle() -> None:
    image = np.zeros((9, 9, 1), np.uint8)
    image[4, 6:9] = 255  # from the middle to the right
    turned = changed(image, turn=90)
    assert turned[:3, 4, 0].tolist() == [255, 255, 255]
    assert np.array_equal(changed(turned, turn=-90), image)


def test_noise_is_as_strong_as_asked_and_the_same_each_time() -> None:
    grey = np.full((64, 64, 1), 128, np.uint8)
    noisy = changed(grey, noise=10)
    assert np.array_equal(noisy, changed(grey, noise=10))
    assert float(noisy.std()) == pytest.approx(25.5, rel=0.05)
    assert float(noisy.mean()) == pytest.approx(128, abs=2)
