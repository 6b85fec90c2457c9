"""What a look at images, labels and a split finds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.datasets import ImageData, ImageSet, load_dataset
from engine.data.remarks import CLASSES, COPIES, PIXELS, SPLIT, UNSEEN, Remark, for_run, of_data, of_split
from engine.data.split import split
from engine.specs.anomaly import AnomalySpec
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.classifier import ClassifierSpec
from engine.specs.data_files import DataFiles
from engine.text import names_of
from tests.engine.tiny import noise
from tests.idx import numbers

Images = NDArray[np.uint8]
CLASSIFIER = ClassifierSpec(encoder="a7f3000000")


def data_of(
    train: Images, test: Images | None = None, labels: Images | None = None, test_labels: Images | None = None
) -> ImageData:
    images, tested = ImageSet(train, labels), None if test is None else ImageSet(test, test_labels)
    names = tuple(str(number) for number in range(images.classes))
    return ImageData(name="some", train=images, test=tested, files=DataFiles(), class_names=names, digest="")


def said(data: ImageData, about: str) -> list[str]:
    return [remark.sentence for remark in of_data(data) if remark.about == about]


def between(low: int, high: int, count: int = 40, seed: int = 0) -> Images:
    """Noise of those values, both of them among it."""
    images = np.random.default_rng(seed).integers(low, high + 1, (count, 8, 8, 1), dtype=np.uint8)
    images[:, 0, 0], images[:, 0, 1] = low, high
    return images


def test_the_digits_have_nothing_to_remark() -> None:
    mnist = load_dataset()
    assert of_data(mnist) == ()
    assert for_run(mnist, *split(mnist.train, 0.1, 0), CLASSIFIER) == ()


def test_a_look_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(noise(20))
    looked: list[ImageData] = []

    def look(one: ImageData) -> tuple[Remark, ...]:
        looked.append(one)
        return ()

    monkeypatch.setattr("engine.data.remarks._look", look)
    assert of_data(data) is of_data(data)
    assert looked == [data]


# -- pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (between(0, 1), "The brightest pixel is 1 of 255: were the images divided by 255 before they were saved?"),
        (between(0, 16), "The brightest pixel is 16 of 255: do the pixels count from 0 to 16?"),
        (between(0, 127), "The brightest pixel is 127 of 255"),
        (between(200, 255), "All pixels are between 200 and 255 of 255: the images have little contrast."),
        (between(0, 0), "Every pixel of the training images is 0: there is nothing to learn."),
        (between(255, 255), "Every pixel of the training images is 255"),
        (np.concatenate([between(0, 255), between(0, 1, 3)]), "3 of the 43 training images have no pixel above 1 of 2"),
        (np.concatenate([between(0, 255), between(9, 9, 1)]), "1 of the 41 training images is blank"),
        (np.array([255, 0, 1], np.uint8)[between(0, 2)], "The only pixel values are 0, 1 and 255"),  # −1, 0, 1 as bytes
    ],
)
def test_pixels_that_do_not_use_the_range_are_told(images: Images, words: str) -> None:
    (sentence,) = said(data_of(images), PIXELS)
    assert sentence.startswith(words)


@pytest.mark.parametrize("images", [between(0, 255), between(0, 1) * 255, between(60, 190), between(0, 128)])
def test_pixels_that_do_are_not_remarked_on(images: Images) -> None:
    assert said(data_of(images), PIXELS) == []


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (between(0, 255), between(0, 1, seed=1), "were only the test images scaled down?"),
        (between(0, 1), between(0, 255, seed=1), "were only the training images scaled down?"),
    ],
)
def test_test_images_that_are_scaled_otherwise_are_told(train: Images, test: Images, words: str) -> None:
    assert any(
        sentence.startswith("The brightest pixel of the training images is ") and words in sentence
        for sentence in said(data_of(train, test), PIXELS)
    )


def test_inverted_test_images_are_told() -> None:
    mnist = load_dataset()
    assert mnist.test is not None
    train, test = mnist.train.images[:100], mnist.test.images[:100]
    assert said(data_of(train, test), PIXELS) == []
    (sentence,) = said(data_of(train, 255 - test), PIXELS)
    assert "is one of the two inverted?" in sentence
    (sentence,) = said(data_of(train, np.maximum(test, 140)), PIXELS)
    assert "do both come from the same source" in sentence


# -- copies ---------------------------------------------------------------------------------------


def test_a_test_set_that_is_the_training_set_is_told_in_any_order() -> None:
    train = noise(30)
    for test in (train, train[::-1]):
        (sentence,) = said(data_of(train, test), COPIES)
        assert sentence.startswith("The test set is the training set: ")


def test_test_images_that_are_training_images_are_counted() -> None:
    train, other = noise(30), noise(20, seed=1)
    assert said(data_of(train, other), COPIES) == []
    (sentence,) = said(data_of(train, np.concatenate([other, train[:1]])), COPIES)
    assert sentence.startswith("1 of the 21 test images is among the training images too: ")
    (sentence,) = said(data_of(train, np.concatenate([train[3:8], other])), COPIES)
    assert sentence.startswith("5 of the 25 test images are among the training images too: ")
    (sentence,) = said(data_of(train, train[3:8]), COPIES)
    assert sentence.startswith("All 5 test images are training images too: ")


def test_training_images_that_are_copies_of_a_few_are_told() -> None:
    assert said(data_of(np.concatenate([noise(20), noise(10)])), COPIES) == []
    (sentence,) = said(data_of(np.repeat(noise(4), 5, axis=0)), COPIES)
    assert sentence.startswith("The 20 training images are copies of 4: ")
    (sentence,) = said(data_of(np.repeat(noise(1), 20, axis=0)), COPIES)
    assert sentence.startswith("All 20 training images are the same image.")


# -- classes --------------------------------------------------------------------------------------


def labelled_data(train: list[int], test: list[int] | None = None) -> ImageData:
    images = None if test is None else noise(len(test), 1)
    return data_of(noise(len(train)), images, numbers(*train), None if test is None else numbers(*test))


def test_classes_without_any_image_are_named() -> None:
    assert said(labelled_data([1, 2] * 9), CLASSES) == ["Class 0 has no image: it is left out of every average."]
    (sentence,) = said(labelled_data([0, 200] * 9, [0, 200]), CLASSES)
    assert sentence == "Classes 1, 2, 3 … (199 in all) have no image: they are left out of every average."


def test_classes_without_test_images_are_named() -> None:
    (sentence,) = said(labelled_data([0, 1, 2] * 9, [0, 2]), CLASSES)
    assert sentence == "Class 1 has no test image: test figures and averages are of the other classes."


def test_a_class_with_test_images_alone_is_named() -> None:
    data = labelled_data([0, 2] * 9, [0, 1, 1, 2])
    assert said(data, CLASSES) == []
    (sentence,) = said(data, UNSEEN)
    assert sentence.startswith("Class 1 has 2 test images and no training image: a model cannot learn it.")


def test_a_class_that_nearly_all_images_are_of_is_named() -> None:
    (sentence,) = said(labelled_data([3] * 97 + [0, 1, 2]), CLASSES)
    assert sentence.startswith("97.0 % of the training images are of class 3: a model that always answers 3 is right")
    assert said(labelled_data([3] * 80 + [0, 1, 2] * 10), CLASSES) == []


def test_classes_with_too_few_training_images_are_named_in_a_set_that_is_not_tiny() -> None:
    (sentence,) = said(labelled_data([0] * 50 + [1] * 60 + [2] * 9), CLASSES)
    assert sentence.startswith("Class 2 has 9 training images: too few to tell it by. Add some, leave it out")
    (sentence,) = said(labelled_data([0] * 50 + [1] * 60 + [2] * 9 + [3]), CLASSES)
    assert sentence.startswith("Classes 2 and 3 have fewer than 10 training images each: too few to tell them by.")
    assert said(labelled_data([0] * 5 + [1] * 4), CLASSES) == []


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((30, 30, 1), "Class 2 has 1 training image: too few to tell it by"),
        ((40, 2, 3), "Classes 1 and 2 have fewer than 10 training images each"),
        ((9, 9, 2), ""),
    ],
)
def test_of_a_small_set_classes_are_named_that_are_small_beside_the_others(counts: tuple[int, ...], words: str) -> None:
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    (sentence,) = said(data_of(noise(sum(counts)), labels=labels), CLASSES) or [""]
    assert sentence.startswith(words)
    assert bool(sentence) == bool(words)


def test_a_split_cannot_mend_what_a_class_of_one_image_lacks() -> None:
    labels = np.repeat(np.array([0, 1, 2], np.uint8), (20, 20, 1))
    data = data_of(noise(41), labels=labels)
    (remark,) = of_split(data, *split(data.train, 0.1, 0))
    assert remark.sentence.endswith("has no validation image with this split: the best epoch is chosen without it. "
                                    "Add images of it.")  # fmt: skip
    own = replace(data, validation=5)
    rows = np.arange(41)
    assert [one.sentence.split(". ")[-1] for one in of_split(own, rows[:-5], rows[-5:])] == [
        "Add such images to the training part.", "Add such images to the validation part."
    ]  # fmt: skip


@pytest.mark.parametrize(("copies", "words"), [
    (0, ""), (1, "1 of the 8 images of the validation part is a training image too"),
    (3, "3 of the 8 images of the validation part are training images too"),
    (8, "All 8 images of the validation part are training images too"),
])  # fmt: skip
def test_a_validation_part_of_training_images_is_told(copies: int, words: str) -> None:
    images = noise(40)
    images[32 : 32 + copies] = images[:copies]
    found = said(replace(data_of(images), validation=8), COPIES)
    assert bool(found) == bool(words)
    assert "".join(found).startswith(words)
    assert said(data_of(images), COPIES) == []  # a part that is drawn may have a copy or two


def test_labels_that_are_all_the_same_are_named() -> None:
    sentences = said(labelled_data([5] * 20), CLASSES)
    assert sentences[0] == "All training labels are 5: a classifier needs two or more classes."


def test_classes_that_a_split_leaves_out_are_named() -> None:
    data = labelled_data([name for name in range(20) for _ in range(5)])
    training, validation = split(data.train, 0.1, 4)
    (remark,) = of_split(data, training, validation)
    assert data.train.labels is not None
    missing = sorted(set(range(20)) - set(data.train.labels[validation].tolist()))
    assert remark.about == SPLIT
    assert remark.sentence.startswith(f"Classes {missing[0]}, {missing[1]}, {missing[2]} … (10 in all) have no valid")
    assert of_split(data, *split(data.train, 0.2, 4)) == ()
    (remark,) = of_split(data, np.arange(95), np.arange(100))
    assert remark.sentence.startswith("Class 19 has no training image with this split: it cannot be learned.")


def test_an_autoencoder_is_told_nothing_that_concerns_classes_alone() -> None:
    data = labelled_data([0, 2] * 9, [0, 1, 2])
    parts = split(data.train, 0.3, 0)
    assert len(for_run(data, *parts, AutoencoderSpec())) == 1
    data = labelled_data([1, 2] * 9)
    assert for_run(data, *parts, AutoencoderSpec()) == ()
    assert len(for_run(data, *parts, CLASSIFIER)) == 1


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([7], ("Class 7", "has")),
        ([1, 2], ("Classes 1 and 2", "have")),
        ([0, 1, 2, 3, 4, 9], ("Classes 0, 1, 2, 3, 4 and 9", "have")),
        (list(range(12)), ("Classes 0, 1, 2 … (12 in all)", "have")),
    ],
)
def test_many_classes_are_named_by_the_first_and_their_number(classes: list[int], words: tuple[str, str]) -> None:
    assert names_of(classes) == words


def test_an_anomaly_detector_is_told_of_no_class_that_it_does_not_learn() -> None:
    images, labels = noise(40), np.array([0] * 20 + [1] * 20, np.uint8)
    data = data_of(images, noise(6, 1), labels, np.array([0, 1, 2, 2, 2, 2], np.uint8))
    data = replace(data, class_names=("0", "1", "2"))
    normal = np.flatnonzero(labels == 0)
    parts = normal[:15], normal[15:]
    assert for_run(data, *parts, AnomalySpec(normal="0")) == ()
    assert any("no training image" in sentence for sentence in for_run(data, *parts, AutoencoderSpec()))
    without = parts[0], normal[:0]
    assert "no validation image" in for_run(data, *without, AnomalySpec(normal="0"))[0]
