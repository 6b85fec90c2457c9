"""Faults that are planted in a set are found, and none are where there are none."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from engine.data import alike
from engine.data.checking import Check, Finding, check
from engine.data.datasets import ImageData, ImageSet, load_dataset
from engine.data.file_names import file_names
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.pictures import picture, write_folder

TRAINING, TEST = 3000, 600
Images = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def clean() -> ImageData:
    """The first of MNIST."""
    data = load_dataset()
    assert data.test is not None
    assert data.train.labels is not None
    assert data.test.labels is not None
    train = ImageSet(np.array(data.train.images[:TRAINING]), data.train.labels[:TRAINING])
    test = ImageSet(np.array(data.test.images[:TEST]), data.test.labels[:TEST])
    return replace(data, train=train, test=test, digest="part", known_digests=("part", {}))


def with_images(
    data: ImageData, train: dict[int, Images] | None = None, test: dict[int, Images] | None = None,
    labels: dict[int, int] | None = None,
) -> ImageData:  # fmt: skip
    """The set with other images and labels at some places."""
    assert data.test is not None
    parts = [np.array(data.train.images), np.array(data.test.images)]
    for part, new in zip(parts, (train, test), strict=True):
        for place, image in (new or {}).items():
            part[place] = image
    assert data.train.labels is not None
    known = np.array(data.train.labels)
    for place, label in (labels or {}).items():
        known[place] = label
    return replace(data, train=ImageSet(parts[0], known), test=ImageSet(parts[1], data.test.labels))


def found(data: ImageData) -> dict[str, Finding]:
    return {one.kind: one for one in check(data).findings}


def pillow(change: Callable[[Image.Image], Image.Image], image: Images) -> Images:
    return np.asarray(change(Image.fromarray(image[..., 0])))[..., None]


def scaled(image: Images, factor: float) -> Images:
    side = round(28 * factor)
    sharp = Image.Resampling.BICUBIC
    return pillow(lambda one: one.resize((side, side), sharp).resize((28, 28), sharp), image)


def saved(image: Images) -> Images:
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))[..., None]


def test_a_clean_set_has_no_finding_but_its_counts_are_told(clean: ImageData) -> None:
    told: list[tuple[int, int]] = []
    seen = check(clean, lambda done, of: told.append((done, of)))
    assert seen.findings == ()
    assert told == sorted(told)
    assert told[-1] == (2 * (TRAINING + TEST),) * 2
    assert [look.label for look in seen.classes] == list(range(10))
    assert sum(look.training for look in seen.classes) == TRAINING
    assert sum(look.test for look in seen.classes) == TEST
    assert {(look.darkest, look.brightest) for look in seen.classes} <= {(0, high) for high in range(250, 256)}
    assert clean.train.labels is not None
    zeros = clean.train.images[clean.train.labels == 0]
    assert np.abs(seen.classes[0].mean - zeros.mean(0)).max() <= 0.5


def test_copies_are_found_in_their_part_and_all_but_the_first_are_spare(clean: ImageData) -> None:
    images = clean.train.images
    data = with_images(
        clean, {100: images[7], 200: images[7], 300: images[9]}, labels=same(clean, {100: 7, 200: 7, 300: 9})
    )
    copies = found(data)["copies"]
    assert copies.groups == ((7, 100, 200), (9, 300))
    assert copies.spare == (100, 200, 300)
    assert copies.number == 3
    assert "3 pictures are the same as another one of its part, pixel by pixel." in copies.sentence


def same(data: ImageData, places: dict[int, int]) -> dict[int, int]:
    """The labels that copies have from their originals."""
    assert data.train.labels is not None
    return {copy: int(data.train.labels[place]) for copy, place in places.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda image: scaled(image, 0.75),
        lambda image: scaled(image, 2),
        saved,
        lambda image: (image * 0.8 + 15).astype(np.uint8),
    ],
    ids=["smaller", "larger", "saved anew", "darker"],
)
def test_pictures_that_were_changed_a_little_are_nearly_the_same(
    change: Callable[[Images], Images], clean: ImageData
) -> None:
    places = {1000 + place: place for place in range(40)}
    data = with_images(clean, {copy: change(clean.train.images[place]) for copy, place in places.items()},
                       labels=same(clean, places))  # fmt: skip
    near = found(data)["near-copies"]
    assert {(place, copy) for copy, place in places.items()} - set(near.groups) == set()
    assert near.number == 40
    assert "copies" not in found(data)


def test_test_images_that_are_trained_on_are_leaks(clean: ImageData) -> None:
    images = clean.train.images
    data = with_images(clean, test={3: images[5], 4: scaled(images[8], 0.75)})
    leak = found(data)["leak"]
    assert leak.groups == ((5, TRAINING + 3), (8, TRAINING + 4))
    assert leak.spare == (TRAINING + 3, TRAINING + 4)
    assert (
        "2 test images are among the training images too, 1 pixel by pixel, the others nearly: the test"
        in leak.sentence
    )
    assert check(data).part_of(leak.spare[0]) == ("test", 3)


def test_validation_images_that_are_trained_on_are_told(clean: ImageData) -> None:
    data = replace(with_images(clean, {TRAINING - 1: clean.train.images[5]}), validation=500)
    held = found(data)["held-back"]
    assert held.groups == ((5, TRAINING - 1),)
    assert held.spare == (TRAINING - 1,)


def test_a_picture_under_two_classes_is_found(clean: ImageData) -> None:
    assert clean.train.labels is not None
    other = (int(clean.train.labels[7]) + 1) % 10
    data = with_images(clean, {100: clean.train.images[7]}, labels={100: other})
    two = found(data)["two-classes"]
    assert two.groups == ((7, 100),)
    assert two.spare == (7, 100)
    seen = check(data)
    assert {seen.label(place) for place in two.spare} == {int(clean.train.labels[7]), other}
    assert np.array_equal(seen.picture(100), clean.train.images[7])


def test_pictures_that_show_nothing_or_hardly_anything_are_found(clean: ImageData) -> None:
    images = clean.train.images
    assert clean.test is not None
    data = with_images(
        clean,
        {10: np.full((28, 28, 1), 77, np.uint8), 11: np.zeros((28, 28, 1), np.uint8),
         20: (images[20] * 0.1).astype(np.uint8), 30: (255 - images[30] * 0.1).astype(np.uint8),
         40: pillow(lambda one: one.filter(ImageFilter.GaussianBlur(2)), images[40])},
        {5: (clean.test.images[5] * 0.1).astype(np.uint8)},
    )  # fmt: skip
    seen = found(data)
    assert seen["constant"].groups == ((10,), (11,))
    assert seen["dark"].spare == (20, TRAINING + 5)
    assert seen["bright"].spare == (30,)
    assert seen["blurred"].spare == (40,)
    assert "2 pictures are of one colour all over: there is nothing to learn from them." in seen["constant"].sentence
    assert set(seen) == {"constant", "dark", "bright", "blurred"}


def test_classes_that_were_exchanged_in_the_test_images_are_told(clean: ImageData) -> None:
    assert clean.test is not None
    assert clean.test.labels is not None
    labels = np.array(clean.test.labels)
    labels[clean.test.labels == 3] = 8
    labels[clean.test.labels == 8] = 3
    data = replace(clean, test=ImageSet(clean.test.images, labels))
    exchanged = found(data)["exchanged"]
    assert "of another one: 3 like 8; 8 like 3." in exchanged.sentence
    assert len(exchanged.groups) == 4


def test_images_on_their_side_are_told(clean: ImageData) -> None:
    assert clean.test is not None
    turned = ImageSet(np.ascontiguousarray(clean.test.images.swapaxes(1, 2)), clean.test.labels)
    assert found(replace(clean, test=turned))["transposed"].title == "Test images on their side"
    both = replace(clean, train=ImageSet(np.ascontiguousarray(clean.train.images.swapaxes(1, 2)), clean.train.labels),
                   test=turned)  # fmt: skip
    digits = found(both)["transposed"]
    assert digits.title == "Digits on their side"
    assert "as EMNIST's files do" in digits.sentence
    dark = ImageSet(255 - both.train.images, both.train.labels)
    assert found(replace(both, train=dark, test=None))["transposed"].title == "Digits on their side"
    assert "transposed" not in found(
        replace(clean, train=ImageSet(255 - clean.train.images, clean.train.labels), test=None)
    )


def test_classes_with_few_images_and_odd_sizes_are_told(clean: ImageData) -> None:
    assert clean.train.labels is not None
    sevens = np.flatnonzero(clean.train.labels == 7)
    kept = np.setdiff1d(np.arange(TRAINING), sevens[3:])
    fives = np.flatnonzero(clean.train.labels[kept] == 5)
    kept = np.delete(kept, fives[15:])
    train = ImageSet(clean.train.images[kept], clean.train.labels[kept])
    data = replace(clean, train=train, sizes={(28, 28): 5, (20, 80): 2})
    seen = found(data)
    assert seen["few"].sentence == "Class 7 has fewer than 10 training images: too few to be learned."
    assert seen["few"].number == 1
    assert len(seen["few"].groups[0]) == 3
    assert seen["rare"].sentence.startswith("Class 5 has less than 10 % of an even share")
    assert "2 sizes, from 28×28 to 20×80" in seen["sizes"].sentence
    assert seen["aspects"].number == 2


def test_sets_without_classes_tests_or_variety_are_looked_at_too() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 10, 3), np.uint8)
    data = data_of(images)
    assert check(data).findings == ()
    assert [(look.label, look.training) for look in check(data).classes] == [(None, 12)]
    one = data_of(np.repeat(images[:1], 12, 0))
    assert found(one)["copies"].number == 11
    blank = data_of(np.full((5, 8, 8, 1), 3, np.uint8))
    assert found(blank)["constant"].number == 5
    large = np.random.default_rng(0).integers(0, 256, (6, 200, 130, 1), np.uint8)
    large[3] = large[1]
    assert found(data_of(large))["copies"].groups == ((1, 3),)


def data_of(images: Images) -> ImageData:
    return replace(load_dataset(), train=ImageSet(images), test=None, class_names=(), digest="made")


def test_it_can_be_given_up(clean: ImageData) -> None:
    def told(done: int, of: int) -> None:
        if done > of / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(clean, told)


def test_a_check_names_its_parts(clean: ImageData) -> None:
    seen: Check = check(clean)
    assert seen.part_of(0) == ("training", 0)
    assert seen.part_of(TRAINING) == ("test", 0)


def test_pictures_that_are_all_alike_are_told_as_such(clean: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "MOST_PAIRS", 1000)
    rng = np.random.default_rng(0)
    frames = (clean.train.images[0] * 0.8 + rng.integers(0, 3, (200, 28, 28, 1))).astype(np.uint8)
    images = np.concatenate([frames, clean.train.images[:100]])
    seen = found(data_of(images))
    assert "that are all but the same were taken" in seen["crowded"].sentence
    assert seen["near-copies"].number == 200  # the one they were made of among them
    assert len(seen["near-copies"].groups) == 1


def test_classes_that_were_numbered_anew_are_told_and_on_their_side_they_are_not(clean: ImageData) -> None:
    assert clean.test is not None
    assert clean.test.labels is not None
    shifted = found(replace(clean, test=ImageSet(clean.test.images, (clean.test.labels + 1) % 10)))["exchanged"]
    assert shifted.number == 10
    assert "1 like 0; " in shifted.sentence
    turned = ImageSet(np.ascontiguousarray(clean.test.images.swapaxes(1, 2)), clean.test.labels)
    assert "exchanged" not in found(replace(clean, test=turned))


def test_a_test_image_without_a_class_is_under_no_second_one(clean: ImageData) -> None:
    assert clean.test is not None
    images = np.array(clean.test.images)
    images[0] = clean.train.images[0]
    seen = found(replace(clean, test=ImageSet(images)))
    assert seen["leak"].number == 1
    assert "two-classes" not in seen


def test_colours_and_ranges_are_of_every_pixel_and_counts_of_what_is_trained_on(clean: ImageData) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(60, 200, (5000, 8, 8, 3), np.uint8)
    images[7] = (200, 40, 30)
    images[1234, 2, 2, 1], images[4321, 3, 3, 0] = 0, 255
    seen = check(data_of(images))
    assert {one.kind: one.groups for one in seen.findings} == {"constant": ((7,),)}
    assert [(look.darkest, look.brightest) for look in seen.classes] == [(0, 255)]
    labels = np.zeros(40, np.uint8)
    labels[35:] = 1  # all of the class but one are held back
    train = ImageSet(rng.integers(0, 256, (40, 8, 8, 1), np.uint8), labels)
    test = ImageSet(rng.integers(0, 256, (3, 8, 8, 1), np.uint8), np.array([2, 2, 2], np.uint8))
    data = replace(data_of(train.images), train=train, test=test, class_names=("a", "b", "c"), validation=4)
    looked = check(data)
    few = next(one for one in looked.findings if one.kind == "few")
    assert few.number == 2
    assert few.sentence.startswith("Classes b and c have fewer than 10 training images")
    assert [(look.training, look.darkest is None) for look in looked.classes] == [(35, False), (1, False), (0, True)]


def test_sizes_and_long_pictures_of_a_folder_are_shown(tmp_path: Path) -> None:
    files = {f"{name}/{number}.png": picture(number, (12, 10)) for name in ("ant", "bee") for number in range(8)}
    files |= {"ant/long.png": picture(50, (40, 9)), "bee/large.png": picture(60, (30, 30))}
    data = load_dataset(DataFiles(str(write_folder(tmp_path / "some", files)), preprocessing=Preprocessing(size="16")))
    seen = found(data)
    assert "The pictures had 3 sizes, from 12×10 to 30×30." in seen["sizes"].sentence
    assert len(seen["sizes"].groups) == 3
    assert seen["aspects"].number == 1
    names, _ = file_names(data)
    assert [names[place] for place in seen["aspects"].spare] == ["ant/long.png"]
