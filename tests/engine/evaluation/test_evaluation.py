import json
import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.decomposition import PCA

from engine.data.datasets import load_dataset
from engine.evaluation.predictions import classification_report, constant_image_errors, pca_errors
from engine.specs.measures import psnr


def probabilities_for(predicted: list[int], classes: int) -> NDArray[np.float64]:
    return np.eye(classes)[predicted]


def random_images(count: int, side: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


class TestClassificationReport:
    labels = np.array([0, 0, 1, 1, 2, 2])
    predicted = (0, 1, 1, 1, 2, 0)

    def test_counts_and_ratios_are_those_worked_out_by_hand(self) -> None:
        report = classification_report(self.labels, probabilities_for(list(self.predicted), 3))
        assert (report.correct, report.incorrect) == (4, 2)
        assert report.accuracy == pytest.approx(4 / 6)
        assert report.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
        one = report.rows[1]
        assert (one.name, one.support) == ("Class 1", 2)
        assert [one.precision, one.recall, one.f1] == pytest.approx([2 / 3, 1, 0.8])
        assert (report.macro.name, report.weighted.name) == ("macro avg", "weighted avg")
        assert report.macro.recall == pytest.approx((0.5 + 1 + 0.5) / 3)
        assert report.weighted.support == 6

    @settings(max_examples=25, deadline=None)
    @given(data=st.data(), classes=st.integers(2, 12), count=st.integers(1, 60))
    def test_every_number_and_the_text_are_scikit_learns(self, data: st.DataObject, classes: int, count: int) -> None:
        numbers = st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)
        labels, predicted = np.array(data.draw(numbers)), data.draw(numbers)
        report = classification_report(labels, probabilities_for(predicted, classes))
        occurring = sorted({*labels.tolist(), *predicted})
        names = [f"Class {number}" for number in occurring]
        assert report.text == metrics.classification_report(
            labels, predicted, labels=occurring, target_names=names, digits=2, zero_division=0
        )
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            labels, predicted, labels=occurring, zero_division=0
        )
        assert [(row.name, row.label) for row in report.rows] == list(zip(names, occurring, strict=True))
        assert [row.precision for row in report.rows] == pytest.approx(list(precision))
        assert [row.recall for row in report.rows] == pytest.approx(list(recall))
        assert [row.f1 for row in report.rows] == pytest.approx(list(f1))
        assert [row.support for row in report.rows] == list(support)
        assert report.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted))
        assert sum(map(sum, report.confusion)) == report.correct + report.incorrect == count

    @pytest.mark.parametrize(
        ("labels", "classes"), [([1, 2], 3), ([0, 200], 201), ([0, 0], 2), ([254, 255, 3], 256), ([7], 8)]
    )
    def test_a_perfect_classifier_has_averages_of_1_whichever_classes_occur(
        self, labels: list[int], classes: int
    ) -> None:
        report = classification_report(np.array(labels, np.uint8), probabilities_for(labels, classes))
        assert [row.label for row in report.rows] == sorted(set(labels))
        for average in (report.macro, report.weighted):
            assert (average.precision, average.recall, average.f1) == (1, 1, 1)
        assert [line.split()[1] for line in report.text.splitlines() if "Class" in line] == [
            str(label) for label in sorted(set(labels))
        ]
        assert "    accuracy " in report.text

    def test_a_class_that_images_were_only_taken_for_counts_and_one_that_nowhere_occurs_does_not(self) -> None:
        report = classification_report(np.array([0, 0, 2]), probabilities_for([0, 3, 2], 6))
        assert [(row.label, row.support) for row in report.rows] == [(0, 2), (2, 1), (3, 0)]
        assert report.macro.recall == pytest.approx((0.5 + 1 + 0) / 3)
        assert report.confusion == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]

    def test_every_support_is_a_whole_number(self) -> None:
        report = classification_report(self.labels, probabilities_for(list(self.predicted), 3))
        for row in (*report.rows, report.macro, report.weighted):
            assert type(row.support) is int

    @pytest.mark.parametrize("label", [0, 1, 2])
    def test_images_of_a_single_class_have_an_accuracy_too(self, label: int) -> None:
        report = classification_report(np.array([label]), probabilities_for([label], 3))
        assert report.accuracy == 1
        assert "    accuracy " in report.text

    def test_an_unsure_image_goes_to_its_likeliest_class_and_not_to_class_0(self) -> None:
        report = classification_report(np.array([2]), np.array([[0.3, 0.3, 0.4]]))
        assert report.correct == 1

    def test_equal_probabilities_go_to_the_lower_class(self) -> None:
        assert classification_report(np.array([1]), np.array([[0.2, 0.4, 0.4]])).correct == 1

    def test_labels_may_be_bytes_and_probabilities_float32(self) -> None:
        wide = classification_report(self.labels, probabilities_for(list(self.predicted), 3))
        narrow = classification_report(
            self.labels.astype(np.uint8), probabilities_for(list(self.predicted), 3).astype(np.float32)
        )
        assert narrow == wide

    def test_it_can_be_written_as_json(self) -> None:
        report = classification_report(self.labels, probabilities_for(list(self.predicted), 3))
        values = json.loads(json.dumps(asdict(report), allow_nan=False))
        assert values == asdict(report)
        assert values["rows"][1] == {
            "name": "Class 1",
            "precision": pytest.approx(2 / 3),
            "recall": 1.0,
            "f1": pytest.approx(0.8),
            "support": 2,
            "label": 1,
        }
        assert values["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
        assert values["text"] == report.text

    @pytest.mark.parametrize(
        ("labels", "probabilities", "words"),
        [
            ([0, 1], [[1.0, 0.0]], r"\(2,\) and probabilities \(1, 2\)"),
            ([0], [1.0], "are not"),
            ([], np.empty((0, 3)), "are not"),
            ([2], [[0.5, 0.5]], "labels go from 2 to 2, not from 0 to 1"),
            ([-1], [[0.5, 0.5]], "labels go from -1"),
            ([0], [[math.nan, 1.0]], "not finite"),
        ],
    )
    def test_arrays_that_do_not_belong_together_are_refused(
        self, labels: list[int], probabilities: list[list[float]], words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            classification_report(np.array(labels, np.int64), np.array(probabilities))


class TestPsnr:
    @pytest.mark.parametrize(("mse", "decibels"), [(1.0, 0.0), (0.1, 10.0), (0.001, 30.0), (4.0, -6.0206)])
    def test_each_tenth_of_the_error_is_worth_ten_decibels(self, mse: float, decibels: float) -> None:
        assert psnr(mse) == pytest.approx(decibels, abs=1e-4)

    @pytest.mark.parametrize("mse", [0.0, math.inf, math.nan])
    def test_what_json_cannot_hold_is_none(self, mse: float) -> None:
        assert psnr(mse) is None

    def test_a_negative_error_is_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot be -1"):
            psnr(-1)


class TestConstantImageErrors:
    @settings(max_examples=20, deadline=None)
    @given(count=st.integers(1, 40), seed=st.integers(0, 1000))
    def test_they_are_the_errors_of_the_mean_training_image(self, count: int, seed: int) -> None:
        train, images = random_images(count, seed=seed), random_images(7, seed=seed + 1)
        mean = (train / 255).mean(axis=0)
        own, others = constant_image_errors(train, [train, images])
        assert own == pytest.approx(np.square(train / 255 - mean).mean(), abs=1e-12)
        assert others == pytest.approx(np.square(images / 255 - mean).mean(), abs=1e-12)

    def test_equal_images_are_all_the_mean_image(self) -> None:
        images = np.repeat(random_images(1), 9, axis=0)
        (error,) = constant_image_errors(images, [images])
        assert error == pytest.approx(0, abs=1e-12)
        assert error >= 0

    def test_dark_images_lose_nothing_to_rounding(self) -> None:
        images = random_images(500) % 2
        (error,) = constant_image_errors(images, [images])
        assert error == pytest.approx(np.square(images / 255 - (images / 255).mean(axis=0)).mean(), rel=1e-9)

    def test_working_in_pieces_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        images = random_images(11)
        whole = constant_image_errors(images, [images])
        monkeypatch.setattr("engine.evaluation.predictions._NUMBERS_AT_ONCE", 3 * 64)
        assert constant_image_errors(images, [images]) == whole

    def test_the_digits_have_the_error_that_their_published_deviation_gives(self) -> None:
        images = load_dataset().train.images
        (error,) = constant_image_errors(images, [images])
        assert error == pytest.approx(52.7 / 784, abs=1e-3)  # the pixels' variance, 52.7 in all

    def test_no_images_other_types_and_other_shapes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            constant_image_errors(random_images(0), [])
        with pytest.raises(ValueError, match="float64"):
            constant_image_errors(random_images(1) / 255, [])  # type: ignore[arg-type]  # refused on purpose
        with pytest.raises(ValueError, match="cannot be answered"):
            constant_image_errors(random_images(2), [random_images(2, side=9)])


class TestPcaError:
    @pytest.mark.parametrize("components", [1, 7, 63])
    def test_it_is_the_error_of_scikit_learns_pca(self, components: int) -> None:
        train, images = random_images(1500), random_images(40, seed=1)
        pca = PCA(components).fit(train.reshape(1500, -1) / 255)
        rows = images.reshape(40, -1) / 255
        expected = np.square(pca.inverse_transform(pca.transform(rows)) - rows).mean()
        comparison, same = pca_errors(train, [images, images], components)
        assert same == comparison
        assert comparison.components == components
        assert comparison.mse == pytest.approx(expected, rel=1e-4)
        assert comparison.note == ""

    def test_more_components_make_digits_better(self) -> None:
        data = load_dataset()
        assert data.test is not None
        train, images = data.train.images[:2000, 4:-4:2, 4:-4:2], data.test.images[:200, 4:-4:2, 4:-4:2]
        errors = [pca_errors(train, [images], components)[0].mse or 0 for components in (1, 16, 64)]
        assert errors[0] > errors[1] > errors[2] > 0

    def test_working_in_pieces_changes_next_to_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        train, images = random_images(100), random_images(11, seed=1)
        whole = pca_errors(train, [images], 5)[0].mse
        monkeypatch.setattr("engine.evaluation.predictions._NUMBERS_AT_ONCE", 3 * 64)
        assert pca_errors(train, [images], 5)[0].mse == pytest.approx(whole, rel=1e-6)

    def test_it_ends_at_any_piece_that_it_is_asked_to_end_before(self) -> None:
        train, images = random_images(3000), random_images(2)
        calls: list[int] = []
        pca_errors(train, [images], 5, lambda: calls.append(1))
        assert len(calls) >= 5  # three pieces of the training images, the eigenvectors, the images
        for last in range(1, 6):
            left = iter(range(last - 1))

            def ask(left: Iterator[int] = left) -> None:
                if next(left, None) is None:
                    raise InterruptedError

            with pytest.raises(InterruptedError):
                pca_errors(train, [images], 5, ask)

    def test_it_ends_while_the_eigenvectors_are_computed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begun, ended = threading.Event(), threading.Event()

        def eigh(_: NDArray[np.float64]) -> None:
            begun.set()
            assert ended.wait(60)

        def ask() -> None:
            if begun.is_set():
                raise InterruptedError

        monkeypatch.setattr(np.linalg, "eigh", eigh)
        with pytest.raises(InterruptedError):
            pca_errors(random_images(100), [random_images(2)], 5, ask)
        ended.set()

    @pytest.mark.parametrize("components", [64, 65, 1000])
    def test_as_many_components_as_pixels_are_exact(self, components: int) -> None:
        comparison = pca_errors(random_images(2000), [random_images(2)], components)[0]
        assert (comparison.mse, comparison.note) == (None, "overcomplete: PCA would be exact")

    def test_large_images_are_left_out(self) -> None:
        large = np.zeros((2, 65, 64, 1), np.uint8)
        comparison = pca_errors(large, [large], 1)[0]
        assert (comparison.mse, comparison.note) == (None, "not computed: more than 4,096 numbers an image")

    @pytest.mark.parametrize("components", [10, 11])
    def test_as_many_components_as_training_images_are_left_out(self, components: int) -> None:
        comparison = pca_errors(random_images(10), [random_images(2)], components)[0]
        assert comparison.mse is None
        assert comparison.note == "not computed: it needs more training images than components"

    def test_nonsense_is_refused(self) -> None:
        with pytest.raises(ValueError, match="0 components"):
            pca_errors(random_images(5), [random_images(5)], 0)
        with pytest.raises(ValueError, match="cannot be judged"):
            pca_errors(random_images(5), [random_images(5, side=9)], 1)
        with pytest.raises(ValueError, match="at least one"):
            pca_errors(random_images(5), [random_images(0)], 1)


def test_importing_evaluation_and_datasets_loads_neither_torch_nor_scikit_learn() -> None:
    imports = "import sys, engine.evaluation.predictions, engine.data.datasets"
    code = f"{imports}; print({{'torch', 'sklearn'}} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
