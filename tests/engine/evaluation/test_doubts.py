"""Doubtful labels: planted wrong ones come first, each image is judged by what has not learned from it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import jobs
from engine.data import cache
from engine.data.batches import DeviceImages
from engine.data.by_hand import ByHand
from engine.data.cache import load
from engine.data.datasets import ImageSet
from engine.data.keeping import keep_in
from engine.data.label_file import Decision, write_labels
from engine.data.leaving_out import choose
from engine.errors import DatasetError, ModelFileError, RunError
from engine.evaluation import folds
from engine.evaluation.doubts import (
    Doubts,
    doubts_of_others,
    doubts_of_run,
    doubts_of_set,
    likely_wrong,
    scores_of,
)
from engine.evaluation.folds import folds_of, of_others, out_of_fold
from engine.evaluation.model import load_model
from engine.preparation import images_of
from engine.protocol.control import Asked, AskedToEndError, Flag
from engine.protocol.events import StageStarted
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from engine.text import counted
from engine.training import loop
from tests.engine.tiny import CPU, do_nothing, tiny_classifier, write_encoder
from tests.idx import write_idx

CLASSES = 3


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(folds, "LEAST_STEPS", 40)
    keep_in(tmp_path / "home" / "data")
    yield Home(tmp_path / "home")
    keep_in(None)
    cache.forget()


def shapes(each: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images of three shapes in noise, (n, 8, 8), and their classes, which go round."""
    drawn = np.random.default_rng(seed)
    labels = (np.arange(CLASSES * each) % CLASSES).astype(np.uint8)
    images = drawn.integers(0, 60, (len(labels), 8, 8)).astype(np.uint8)
    images[labels == 0, :, 2:4] = 220
    images[labels == 1, 2:4, :] = 220
    images[labels == 2, 4:, 4:] = 220
    return images, labels


def written(folder: Path, each: int = 30, wrong: tuple[int, ...] = (4, 20, 77)) -> DataFiles:
    """A set with wrong labels at those places, and as many test images, one of them wrong."""
    images, labels = shapes(each)
    labels[list(wrong)] = (labels[list(wrong)] + 1) % CLASSES
    tests, of_tests = shapes(each // 2, 1)
    of_tests[7] = (of_tests[7] + 1) % CLASSES
    return DataFiles(
        images=write_idx(folder / "images", images), labels=write_idx(folder / "labels", labels),
        test_images=write_idx(folder / "test-images", tests), test_labels=write_idx(folder / "test-labels", of_tests),
    )  # fmt: skip


def look(files: DataFiles, of: str = "training", seed: int = 0) -> Doubts:
    return doubts_of_set(files, of, seed, Flag(), do_nothing, do_nothing)


def test_each_class_is_spread_over_the_folds_evenly_and_by_the_seed() -> None:
    labels = np.repeat(np.arange(4), (50, 7, 2, 1)).astype(np.uint8)
    found = folds_of(labels, 3)
    assert np.array_equal(found, folds_of(labels, 3))
    assert not np.array_equal(found, folds_of(labels, 4))
    assert np.ptp(np.bincount(found, minlength=5)) <= 1
    for label in range(4):
        assert np.ptp(np.bincount(found[labels == label], minlength=5)) <= 1


def test_no_image_is_judged_by_what_has_learned_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = shapes(20)
    data = ImageSet(images[..., None], labels)
    learned: list[set[int]] = []
    asked: list[set[int]] = []
    order, answer = folds._Fold.order, folds._probabilities

    def watched_order(self: folds._Fold, epoch: int) -> NDArray[np.int64]:
        found = order(self, epoch)
        learned.append({*found.tolist()})
        return found

    def watched_answer(model: object, of: DeviceImages, rows: NDArray[np.int64], *rest: object) -> NDArray[np.float32]:
        asked.append({*rows.tolist()})
        return answer(model, of, rows, *rest)  # type: ignore[arg-type]  # as it was asked

    monkeypatch.setattr(folds._Fold, "order", watched_order)
    monkeypatch.setattr(folds, "_probabilities", watched_answer)
    told: list[tuple[int, int]] = []
    found = out_of_fold(data, CLASSES, CPU, 0, Flag(), lambda done, of: told.append((done, of)))
    assert found.shape == (60, CLASSES)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    for number, rows in enumerate(asked):
        assert not rows & (learned[2 * number] | learned[2 * number + 1])
    assert {row for rows in asked for row in rows} == set(range(60))
    assert sum(map(len, asked)) == 60
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_same_seed_gives_the_same_numbers_on_however_many_cores() -> None:
    images, labels = shapes(20)
    data = ImageSet(images[..., None], labels)
    one = out_of_fold(data, CLASSES, CPU, 5, Flag(), do_nothing)
    several = out_of_fold(data, CLASSES, replace(CPU, threads=4), 5, Flag(), do_nothing)
    assert np.array_equal(one, several)
    assert not np.array_equal(one, out_of_fold(data, CLASSES, CPU, 6, Flag(), do_nothing))


def test_wrong_labels_come_first(tmp_path: Path) -> None:
    files = written(tmp_path)
    found = look(files)
    assert {*found.rows[:3].tolist()} == {4, 20, 77}
    assert 1 <= found.likely <= 3  # the rule is careful: a class must be as sure as usual
    assert found.likely_words.startswith(f"The rule of confident learning counts {counted(found.likely, 'label')} as")
    assert replace(found, likely=0).likely_words == "The rule of confident learning counts no label as probably wrong."
    assert np.all(np.diff(found.scores) >= 0)
    assert found.probabilities is not None
    assert np.array_equal(found.scores < 0, found.probabilities[:, 0] < found.probabilities[:, 1])
    line = found.line(0)
    assert found.whole.train.labels is not None
    assert (line.part, line.given) == ("training", int(found.whole.train.labels[line.place]))
    assert line.suggested == line.place % CLASSES
    assert np.array_equal(found.rows, look(files).rows)
    tests = look(files, "test")
    assert tests.part_of(int(tests.rows[0])) == ("test", 7)
    assert "one" not in tests.how


def test_images_left_out_are_not_looked_at_and_a_file_of_labels_changes_nothing(tmp_path: Path) -> None:
    files = written(tmp_path)
    whole = load(files)
    choose(whole, ByHand.of([0, 20], []))
    found = look(files)
    assert sorted(found.rows.tolist()) == [row for row in range(90) if row not in (0, 20)]
    assert {*found.rows[:2].tolist()} == {4, 77}
    write_labels(tmp_path / "labels.csv", found.whole, [found.line(0)._replace(decision=Decision(keep=False))])
    assert np.array_equal(look(files._replace(labels_from=tmp_path / "labels.csv")).rows, found.rows)


def test_a_class_of_one_image_is_left_alone_and_too_few_classes_are_refused(tmp_path: Path) -> None:
    images, labels = shapes(4)
    labels[0] = 3
    files = DataFiles(images=write_idx(tmp_path / "i", images), labels=write_idx(tmp_path / "l", labels))
    found = look(files)
    assert sorted(found.rows.tolist()) == list(range(1, 12))
    assert found.remarks == ("Class 3 has one training image: nothing is told of it.",)
    write_idx(tmp_path / "l", np.array([0] * 11 + [1], np.uint8))
    with pytest.raises(DatasetError, match="has 1 class of 2 or more training images: to doubt a label takes two"):
        look(files)
    with pytest.raises(DatasetError, match="has no classes, so there is no label to doubt"):
        look(files._replace(labels=None))
    for of, said in (("test", "has no test images with classes"), ("validation", "has no validation part of its own")):
        write_idx(tmp_path / "l", labels)
        with pytest.raises(DatasetError, match=said):
            look(files, of)


def test_images_larger_than_it_takes_are_seen_smaller() -> None:
    images, labels = shapes(4)
    large = np.repeat(np.repeat(images, 20, 1), 20, 2)[..., None]
    assert out_of_fold(ImageSet(large, labels), CLASSES, CPU, 0, Flag(), do_nothing).shape == (12, CLASSES)
    assert isinstance(folds._network((160, 160, 1), CLASSES), folds._Smaller)
    assert not isinstance(folds._network((64, 64, 3), CLASSES), folds._Smaller)
    assert isinstance(folds._network((256, 8, 1), CLASSES), type(folds._network((28, 28, 1), CLASSES)))


def test_it_ends_when_it_is_asked_to_and_an_error_of_a_fold_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, flag = written(tmp_path), Flag()

    def stop(done: int, _: int) -> None:
        flag.ask(Asked.STOP)

    with pytest.raises(AskedToEndError):
        doubts_of_set(files, "training", 0, flag, stop, do_nothing)

    def fails(self: folds._Fold, *_: object) -> None:
        raise RunError("a fold is broken")

    monkeypatch.setattr(folds._Fold, "trained", fails)
    with pytest.raises(RunError, match="a fold is broken"):
        look(files)


def test_one_classifier_is_asked_about_others() -> None:
    images, labels = shapes(20)
    tests, of_tests = shapes(10, 1)
    found = of_others(
        ImageSet(images[..., None], labels), ImageSet(tests[..., None], of_tests), CLASSES, CPU, 0, Flag(), do_nothing
    )
    assert np.array_equal(found.argmax(1), of_tests)


def test_scores_are_logarithms_and_the_rule_of_confident_learning_counts() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]], np.float32)
    scores = scores_of(probabilities, np.array([0, 0, 0]))
    assert scores[:2].tolist() == pytest.approx([np.log(8), np.log(0.1 / 0.7)], rel=1e-5)
    assert np.isfinite(scores[2])
    many = np.repeat(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), 10, 0)
    given = np.repeat([0, 1], 10)
    assert likely_wrong(many, given) == 0
    given[0], given[19] = 1, 0
    assert likely_wrong(many, given) == 2


def test_a_finished_classifier_is_asked_about_what_it_has_not_learned_from(home: Home, tmp_path: Path) -> None:
    files = written(tmp_path)
    named = {name: path for name, path in files.places.items() if path is not None}
    encoder = write_encoder(tmp_path / "encoder.safetensors", named)
    spec = tiny_classifier(named, encoder, finetune_epochs=12, from_scratch=True, augmentation=False, dropout=0)
    run = home.find(jobs.start(home, spec, do_nothing, Flag()).id)
    model = load_model(home, run.id)
    data, _, validation = images_of(run)
    found = doubts_of_run(model, data, validation, None, Flag(), do_nothing)
    assert sorted(found.rows.tolist()) == [*validation.tolist(), *range(90, 135)]
    assert found.part_of(int(found.rows[0])) == ("test", 7)
    assert "its validation and test images, which it has not learned from" in found.how
    assert len(doubts_of_run(model, data, validation, "validation", Flag(), do_nothing)) == len(validation)
    with pytest.raises(DatasetError, match="has learned from these images, wrong labels among them"):
        doubts_of_run(model, data, validation, "training", Flag(), do_nothing)
    (tmp_path / "others").mkdir()
    others = written(tmp_path / "others", 10, (5,))
    told = doubts_of_others(model, others, None, Flag(), do_nothing, do_nothing)
    assert told.rows[0] == 5
    flag = Flag()
    flag.ask(Asked.STOP)
    with pytest.raises(AskedToEndError):
        doubts_of_others(model, others, None, flag, do_nothing, do_nothing)
    with pytest.raises(ModelFileError, match="is for images of 8×8 grey, and MNIST has 28×28 grey: add --size 8x8"):
        doubts_of_others(model, DataFiles(), None, Flag(), do_nothing, do_nothing)
    with pytest.raises(ModelFileError, match="tells neither classes apart nor odd images from normal ones: name a"):
        doubts_of_others(load_model(home, str(encoder)), others, None, Flag(), do_nothing, do_nothing)


def test_training_goes_through_the_one_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def watched(*args: object, **values: object) -> object:
        begun.append(StageStarted)
        return loop.fit(*args, **values)  # type: ignore[arg-type]  # as it was asked

    monkeypatch.setattr(folds, "fit", watched)
    look(written(tmp_path))
    assert len(begun) == folds.MANY


def test_test_images_of_a_class_that_nothing_was_learned_of_are_left_out(tmp_path: Path) -> None:
    images, labels = shapes(30)
    tests, of_tests = shapes(10, 1)
    known = labels != 1
    parts = images[known], labels[known], tests, of_tests
    places = [write_idx(tmp_path / str(at), part) for at, part in enumerate(parts)]
    files = DataFiles(images=places[0], labels=places[1], test_images=places[2], test_labels=places[3])
    found = look(files, "test")
    assert len(found) == 20
    assert set(found.given.tolist()) == {0, 2}
    assert found.remarks == ("Class 1 has no training image: nothing is told of it.",)
