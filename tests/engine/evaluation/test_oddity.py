"""Scores of odd images against scikit-learn, and thresholds against every one there is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from engine.evaluation.oddity import at_threshold, best_f1, odd_among, pixels_of, ranked, usual

SIDES = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: len({odd for _, odd in pairs}) == 2
)


def alike_f1(scores: np.ndarray, odd: np.ndarray, threshold: float) -> float:
    """F1 where both sides count alike, by its definition."""
    told = scores > threshold
    found, wrongly = (told & odd).sum() / odd.sum(), (told & ~odd).sum() / (~odd).sum()
    return float(2 * found / (2 * found + wrongly + (1 - found)))


@given(SIDES)
def test_no_threshold_has_a_higher_f1_than_the_best(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in pairs], np.float32)
    odd = np.array([odd for _, odd in pairs])
    found = alike_f1(scores, odd, best_f1(scores, odd))
    assert found == pytest.approx(max(alike_f1(scores, odd, between) for between in np.arange(-1, 10) + 0.5))


def test_the_best_threshold_does_not_depend_on_how_many_odd_images_there_are() -> None:
    normal, odd = np.linspace(0, 2, 50, dtype=np.float32), np.linspace(1, 4, 50, dtype=np.float32)
    once = np.concatenate([normal, odd])
    often = np.concatenate([normal, np.repeat(odd, 30)])
    assert best_f1(once, np.arange(100) >= 50) == best_f1(often, np.arange(len(often)) >= 50)


@given(SIDES)
def test_the_area_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in pairs], np.float32)
    odd = np.array([odd for _, odd in pairs])
    assert ranked(scores, odd)[0] == pytest.approx(roc_auc_score(odd, scores))


@pytest.mark.parametrize("odd", [np.zeros(3, bool), np.ones(3, bool)])
def test_one_side_alone_has_neither_area_nor_best_threshold(odd: np.ndarray) -> None:
    for measure in (ranked, best_f1):
        with pytest.raises(ValueError, match="both sides"):
            measure(np.arange(3, dtype=np.float32), odd)


def test_a_threshold_is_counted_on_both_sides() -> None:
    found = at_threshold(np.array([1, 2, 3, 4], np.float32), np.array([False, True, False, True]), 2.0)
    assert (found.found, found.missed, found.wrongly, found.passed) == (1, 1, 1, 1)
    assert (found.precision, found.recall, found.f1, found.false_alarms) == (0.5, 0.5, 0.5, 0.5)
    nothing = at_threshold(np.array([1.0], np.float32), np.array([False]), 2.0)
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.false_alarms) == (0, 0, 0, 0)


def test_the_usual_share_stays_at_or_below_its_threshold() -> None:
    scores = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert (scores <= usual(scores, 0.95)).mean() == pytest.approx(0.95, abs=0.002)
    assert (scores <= usual(scores, 1.0)).all()
    few = scores[:8]
    assert usual(few, 0.99) == few.max()  # of so few each is more than a hundredth


def test_what_is_not_normal_is_odd() -> None:
    assert odd_among(np.array([0, 1, 2, 1], np.uint8), [1, 2]).tolist() == [True, False, False, False]


def test_large_images_are_compared_at_fewer_pixels() -> None:
    assert pixels_of(torch.rand(2, 1, 28, 28)).shape == (2, 784)
    assert pixels_of(torch.rand(2, 3, 64, 48)).shape == (2, 3 * 32 * 32)
    assert set(pixels_of(torch.full((1, 1, 64, 64), 0.5)).flatten().tolist()) == {0.5}
