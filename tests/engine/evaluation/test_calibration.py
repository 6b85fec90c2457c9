"""How sure a classifier is, beside how often it is right."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from engine.evaluation.calibration import (
    BINS,
    FEWEST,
    FEWEST_WRONG,
    HIGHEST,
    LOWEST,
    calibration,
    find_temperature,
    reliability,
    tempered,
    threshold_for,
)


def answers(sure: list[float], right: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of two classes: the probability of the first, which is the true one where the answer is right."""
    probabilities = np.array([[p, 1 - p] for p in sure])
    return probabilities, np.array([0 if one else 1 for one in right])


def test_the_threshold_is_the_lowest_at_which_99_of_100_answers_are_right() -> None:
    sure = [0.999 - 0.001 * place for place in range(300)]
    right = [True] * 200 + [False, False] + [True] * 98
    threshold = threshold_for(*answers(sure, right), 0.99)
    answered = [one for p, one in zip(sure, right, strict=True) if p >= threshold]
    assert sum(answered) / len(answered) >= 0.99
    lower = [one for p, one in zip(sure, right, strict=True) if p >= threshold - 0.001]
    assert len(answered) == 300 or sum(lower) / len(lower) < 0.99


def test_a_model_that_is_always_right_is_sure_of_its_least_probable_answer() -> None:
    assert threshold_for(*answers([0.9, 0.8, 0.6], [True] * 3), 0.99) == 0.6


def test_a_model_that_is_wrong_about_its_surest_answers_is_never_sure() -> None:
    assert threshold_for(*answers([0.9, 0.8], [False, True]), 0.99) > 1


def test_equal_probabilities_are_answered_together() -> None:
    assert threshold_for(*answers([0.9, 0.8, 0.8], [True, True, False]), 0.99) == 0.9


def drawn(count: int, temperature: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logarithms of probabilities of four classes that are right as often as they say, divided by `temperature`."""
    random = np.random.default_rng(seed)
    logits = 2 * random.standard_normal((count, 4))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([random.choice(4, p=row) for row in true])
    said = logits / temperature
    return said - np.log(np.exp(said).sum(1, keepdims=True)), labels


def test_the_error_is_the_mean_gap_between_sure_and_right_weighed_by_images() -> None:
    # Three in the bin from 0.933: sure 0.95, two right; one in that from 0.6: sure 0.65, right.
    probabilities, labels = answers([0.95, 0.95, 0.95, 0.65], [True, True, False, True])
    found = reliability(probabilities, labels)
    assert found.ece == pytest.approx((3 * abs(2 / 3 - 0.95) + abs(1 - 0.65)) / 4)
    counted = {place: each for place, each in enumerate(found.bins) if each.images}
    assert set(counted) == {9, 14}
    assert counted[14].images == 3
    assert counted[14].accuracy == pytest.approx(2 / 3)
    assert counted[9].confidence == pytest.approx(0.65)


def test_an_edge_belongs_to_the_bin_below_it_and_certainty_to_the_last() -> None:
    found = reliability(np.array([[1.0, 0.0], [0.6, 0.4]]), np.array([0, 0]))
    assert [place for place, each in enumerate(found.bins) if each.images] == [8, 14]  # 0.6 is 9/15


def test_bins_are_those_of_scikit_learn() -> None:
    logs, labels = drawn(3_000, 1.0)
    probabilities = np.exp(logs)
    right, sure = calibration_curve(probabilities.argmax(1) == labels, probabilities.max(1), n_bins=BINS)
    bins = [each for each in reliability(probabilities, labels).bins if each.images]
    assert np.allclose([each.accuracy for each in bins], right)
    assert np.allclose([each.confidence for each in bins], sure)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_what_made_answers_too_sure_or_too_unsure(wanted: float) -> None:
    logs, labels = drawn(20_000, 1 / wanted)
    found = find_temperature(logs, labels)
    assert found == pytest.approx(wanted, rel=0.05)
    before, after = (reliability(each, labels).ece for each in (np.exp(logs), tempered(np.exp(logs), found)))
    assert after < 0.015
    assert before > 3 * after or wanted == 1.0


def test_too_few_images_or_wrong_answers_have_no_temperature() -> None:
    probabilities, labels = answers([0.9] * FEWEST, [True] * (FEWEST - FEWEST_WRONG) + [False] * FEWEST_WRONG)
    assert find_temperature(np.log(probabilities), labels) is not None
    assert find_temperature(np.log(probabilities[1:]), labels[1:]) is None
    probabilities, labels = answers([0.9] * 500, [True] * (501 - FEWEST_WRONG) + [False] * (FEWEST_WRONG - 1))
    assert find_temperature(np.log(probabilities), labels) is None


def test_no_temperature_is_beyond_what_is_tried() -> None:
    probabilities, labels = answers([0.99] * 100, [False] * 100)
    assert LOWEST <= (find_temperature(np.log(probabilities), labels) or 0) <= HIGHEST
    with np.errstate(divide="ignore"):
        never = np.log(np.array([[1.0, 0.0]] * 100))
    assert find_temperature(never, np.ones(100, int)) is None  # what is impossible happened: no number says how sure


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.7, 20.0])
def test_a_temperature_changes_no_answer_and_leaves_probabilities(temperature: float) -> None:
    probabilities = np.exp(drawn(500, 1.0)[0]).astype(np.float32)
    probabilities[0] = [1, 0, 0, 0]
    found = tempered(probabilities, temperature)
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    assert (found.argmax(1) == probabilities.argmax(1)).all()
    scaled = np.log(probabilities[1:].astype(np.float64)) / temperature
    assert np.allclose(found[1:], np.exp(scaled) / np.exp(scaled).sum(1, keepdims=True), atol=1e-6)


def test_answers_that_are_nearly_equal_stay_what_they_are() -> None:
    least = np.nextafter(np.float32(0.4), np.float32(1))
    probabilities = np.array([[0.4, least, 0.2]] * 3, np.float32)
    assert (tempered(probabilities, 20.0).argmax(1) == 1).all()


def test_without_a_temperature_probabilities_are_as_they_are() -> None:
    probabilities = np.array([[0.25, 0.75]], np.float32)
    assert np.array_equal(tempered(probabilities, None), probabilities)


def test_how_many_images_are_answered_at_an_accuracy() -> None:
    probabilities, labels = answers([0.99, 0.98, 0.9, 0.8, 0.7], [True, True, True, False, True])
    found = calibration(probabilities, labels, own_threshold=0.75)
    assert [(each.accuracy, each.share) for each in found.covered] == [(0.999, 0.6), (0.995, 0.6), (0.99, 0.6)]
    assert found.covered[0].threshold == pytest.approx(0.9)
    assert (found.answered, found.answered_accuracy) == (0.8, 0.75)
    assert found.curve[-1] == 0.8
    assert found.curve[:12] == [1.0] * 12
    assert found.covered[0].sentence("test") == "It answers 60.00 % of the test images at 99.9 %."


def test_of_answers_that_are_never_right_nothing_is_answered() -> None:
    found = calibration(*answers([0.9, 0.8], [False, False]), own_threshold=1.01)
    assert [each.share for each in found.covered] == [0, 0, 0]
    assert found.answered_accuracy is None
    told = found.sentences("validation")
    assert told[1] == "No threshold makes 99.9 % of its answers right on the validation images."
    assert "No temperature was found" in told[0]
    assert len(told) == 2


def test_a_single_image_has_a_calibration() -> None:
    found = calibration(np.array([[0.4, 0.6]]), np.array([1]))
    assert found.raw.ece == pytest.approx(0.4)
    assert len(found.curve) == 20
