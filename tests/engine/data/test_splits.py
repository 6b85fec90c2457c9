"""Image sets, their split into training and validation, and the part whose labels are used."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.datasets import ImageData, ImageSet, class_counts, load_dataset
from engine.data.split import labelled_subset, split
from tests.idx import labelled, numbers, pictures, unlabelled


@pytest.fixture(scope="module")
def mnist() -> ImageData:
    return load_dataset()


class TestImageSet:
    def test_it_says_what_it_holds(self) -> None:
        one = labelled(numbers(0, 4, 2))
        assert (len(one), one.shape, one.classes) == (3, (8, 8, 1), 5)

    def test_images_are_taken_by_index_in_the_order_asked_for(self) -> None:
        images = pictures()[..., np.newaxis]
        taken = ImageSet(images).take(np.array([4, 0, 4]))
        assert np.array_equal(taken, images[[4, 0, 4]])
        assert ImageSet(images).take(np.array([], np.int64)).shape == (0, 8, 8, 1)

    def test_what_was_taken_is_a_copy(self) -> None:
        images = pictures()[..., np.newaxis]
        before = images.copy()
        ImageSet(images).take(np.arange(6))[:] = 0
        assert np.array_equal(images, before)

    def test_arrays_of_another_type_or_shape_are_refused(self) -> None:
        with pytest.raises(ValueError, match="not uint8"):
            ImageSet(pictures())
        with pytest.raises(ValueError, match="float64"):
            ImageSet(pictures(2, 8, 8, 1) / 255)  # type: ignore[arg-type]  # refused on purpose
        with pytest.raises(ValueError, match=r"not uint8 \(2,\)"):
            ImageSet(pictures(2, 8, 8, 1), numbers(1, 2, 3))

    @given(count=st.integers(0, 300), seed=st.integers(0, 2**64), epoch=st.integers(0, 2**40))
    def test_an_epoch_order_has_every_index_once_and_is_repeatable(self, count: int, seed: int, epoch: int) -> None:
        order = unlabelled(count).epoch_order(seed, epoch)
        assert order.dtype == np.int64
        assert sorted(order) == list(range(count))
        assert np.array_equal(order, unlabelled(count).epoch_order(seed, epoch))

    def test_other_seeds_and_epochs_have_other_orders(self) -> None:
        one = unlabelled(50)
        orders = {tuple(one.epoch_order(seed, epoch)) for seed in range(6) for epoch in range(6)}
        assert len(orders) == 36


class TestSplit:
    @settings(max_examples=150)
    @given(
        labels=st.one_of(st.none(), st.lists(st.integers(0, 255), min_size=2, max_size=150)),
        fraction=st.floats(0.001, 0.999),
        seed=st.integers(0, 2**40),
    )
    def test_the_parts_are_disjoint_sorted_repeatable_and_together_everything(
        self, labels: list[int] | None, fraction: float, seed: int
    ) -> None:
        one = unlabelled(37) if labels is None else labelled(numbers(*labels))
        training, validation = split(one, fraction, seed)
        assert training.dtype == validation.dtype == np.int64
        assert sorted([*training, *validation]) == list(range(len(one)))
        assert (np.diff(training) > 0).all()
        assert (np.diff(validation) > 0).all()
        assert len(validation) == min(max(round(len(one) * fraction), 1), len(one) - 1)
        again = split(one, fraction, seed)
        assert np.array_equal(again[0], training)
        assert np.array_equal(again[1], validation)

    @settings(max_examples=100)
    @given(
        labels=st.lists(st.sampled_from([0, 0, 0, 1, 1, 5, 9]), min_size=2, max_size=200),
        fraction=st.floats(0.01, 0.5),
        seed=st.integers(0, 100),
    )
    def test_every_class_gives_its_share_to_within_one_image(
        self, labels: list[int], fraction: float, seed: int
    ) -> None:
        one = labelled(numbers(*labels))
        _, validation = split(one, fraction, seed)
        assert one.labels is not None
        everything = np.array(class_counts(one.labels, 10))
        held_back = np.array(class_counts(one.labels[validation], 10))
        assert np.abs(held_back - everything * len(validation) / len(labels)).max() <= 1

    def test_remainders_decide_which_classes_give_one_more(self) -> None:
        # A quarter of 10, 7 and 7 is 2.5, 1.75 and 1.75.
        one = labelled(numbers(*[0] * 10, *[1] * 7, *[2] * 7))
        _, validation = split(one, 0.25, seed=0)
        assert one.labels is not None
        assert class_counts(one.labels[validation], 3) == [2, 2, 2]

    def test_a_class_of_one_image_is_left_to_training_where_possible(self) -> None:
        one = labelled(numbers(*[0] * 5, 1))
        for seed in range(10):
            assert 5 in split(one, 0.5, seed)[0]

    @pytest.mark.parametrize(("classes", "each", "fraction"), [(20, 5, 0.1), (10, 1, 0.5), (7, 4, 0.2), (100, 2, 0.25)])
    def test_classes_with_equal_claims_take_turns_by_the_seed(self, classes: int, each: int, fraction: float) -> None:
        one = labelled(np.repeat(np.arange(classes, dtype=np.uint8), each))
        assert one.labels is not None
        held_back = [set(one.labels[split(one, fraction, seed)[1]].tolist()) for seed in range(60)]
        assert all(len(names) == len(held_back[0]) < classes for names in held_back)
        assert set.union(*held_back) == set(range(classes))
        assert len({tuple(sorted(names)) for names in held_back}) > 1

    def test_the_first_rule_gives_the_lower_classes_their_claims_as_version_0_1_0_did(self) -> None:
        one = labelled(np.repeat(np.arange(20, dtype=np.uint8), 5))
        assert one.labels is not None
        for seed in range(4):
            assert one.labels[split(one, 0.1, seed, rule=1)[1]].tolist() == list(range(10))
        # Computed with version 0.1.0.
        assert split(one, 0.1, 3, rule=1)[1].tolist() == [0, 8, 14, 15, 20, 29, 32, 38, 44, 45]
        subset = labelled_subset(one.labels, np.arange(100), 0.27, 3, rule=1).tolist()
        assert subset[:20] == [1, 2, 5, 7, 10, 12, 17, 19, 22, 24, 25, 28, 31, 32, 39, 44, 48, 53, 59, 61]
        assert subset[20:] == [66, 71, 76, 83, 85, 92, 95]

    def test_the_digits_are_split_by_both_rules_alike(self, mnist: ImageData) -> None:
        for seed in range(3):
            training, validation = split(mnist.train, 0.1, seed)
            assert np.array_equal(validation, split(mnist.train, 0.1, seed, rule=1)[1])
            labels = mnist.train.labels
            assert labels is not None
            subset = labelled_subset(labels, training, 0.01, seed)
            assert np.array_equal(subset, labelled_subset(labels, training, 0.01, seed, rule=1))

    def test_other_seeds_hold_back_other_images(self) -> None:
        one = labelled(numbers(*[0, 1] * 50))
        assert len({tuple(split(one, 0.2, seed)[1]) for seed in range(8)}) == 8

    def test_what_cannot_be_split_is_refused(self) -> None:
        with pytest.raises(ValueError, match="1 images cannot be split"):
            split(unlabelled(1), 0.5, 0)
        for fraction in (0.0, 1.0, -1.0, float("nan")):
            with pytest.raises(ValueError, match="not between 0 and 1"):
                split(unlabelled(5), fraction, 0)


class TestLabelledSubset:
    @settings(max_examples=150)
    @given(
        labels=st.lists(st.integers(0, 12), min_size=1, max_size=150),
        fraction=st.floats(0.001, 1),
        seed=st.integers(0, 2**40),
        data=st.data(),
    )
    def test_it_is_a_repeatable_part_with_every_class_that_there_was(
        self, labels: list[int], fraction: float, seed: int, data: st.DataObject
    ) -> None:
        array = numbers(*labels)
        indices = np.array(
            data.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, unique=True)), dtype=np.int64
        )
        chosen = labelled_subset(array, indices, fraction, seed)
        classes = set(array[indices].tolist())
        assert chosen.dtype == np.int64
        assert (np.diff(chosen) > 0).all()
        assert set(chosen) <= set(indices)
        assert set(array[chosen].tolist()) == classes
        assert len(chosen) == max(round(len(indices) * fraction), len(classes))
        assert np.array_equal(labelled_subset(array, indices[::-1], fraction, seed), chosen)

    def test_a_part_of_the_digits_has_every_digit_alike(self, mnist: ImageData) -> None:
        labels = mnist.train.labels
        assert labels is not None
        training, _ = split(mnist.train, 0.1, seed=0)
        chosen = labelled_subset(labels, training, 0.01, seed=0)
        assert len(chosen) == 540
        exact = np.array(class_counts(labels[training], 10)) / 100
        assert np.abs(np.array(class_counts(labels[chosen], 10)) - exact).max() < 1

    def test_the_whole_is_everything(self) -> None:
        indices = np.array([1, 3, 4])
        assert labelled_subset(numbers(0, 1, 2, 3, 4), indices, 1.0, 0).tolist() == [1, 3, 4]

    def test_classes_with_equal_claims_take_turns_by_the_seed(self) -> None:
        labels = np.repeat(np.arange(20, dtype=np.uint8), 5)
        for fraction in (0.25, 0.3):  # 25 or 30 of twenty classes: some give two
            two = [np.bincount(labels[labelled_subset(labels, np.arange(100), fraction, seed)]) for seed in range(60)]
            assert (np.max(two, axis=0) == 2).all()
            assert (np.min(two, axis=0) == 1).all()

    def test_the_largest_of_equal_classes_that_gives_way_is_drawn_too(self) -> None:
        labels = np.repeat(np.arange(6, dtype=np.uint8), [1, 1, 1, 10, 10, 10])
        counts = [np.bincount(labels[labelled_subset(labels, np.arange(33), 0.25, seed)]) for seed in range(60)]
        assert len({tuple(count) for count in counts}) == 3

    def test_a_rare_class_is_kept_at_the_cost_of_the_largest(self) -> None:
        labels = numbers(*[0] * 96, *[1] * 4)
        chosen = labelled_subset(labels, np.arange(100), 0.05, seed=0)
        assert class_counts(labels[chosen], 2) == [4, 1]

    @pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan")])
    def test_a_fraction_out_of_range_is_refused(self, fraction: float) -> None:
        with pytest.raises(ValueError, match="not above 0 and at most 1"):
            labelled_subset(numbers(0, 1), np.arange(2), fraction, 0)


def test_classes_are_counted_also_where_there_are_none() -> None:
    assert class_counts(numbers(0, 2, 2), 4) == [1, 0, 2, 0]
    assert class_counts(numbers(), 2) == [0, 0]
    with pytest.raises(ValueError, match="label 2 is not below 2"):
        class_counts(numbers(0, 2), 2)
