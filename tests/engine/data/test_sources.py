"""A new way in for images is a file and a line in the list: no other part of the program knows it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import jobs
from engine.data.cache import forget, load
from engine.data.datasets import load_dataset
from engine.data.reading import Reading
from engine.data.sources import idx
from engine.data.sources import read as read_parts
from engine.data.sources.checks import check_parts
from engine.data.sources.source import Parts, Sniffed
from engine.errors import DatasetError, MovedError
from engine.evaluation.results import read_predictions
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded, RunStarted
from engine.runs.directory import Home
from engine.runs.moved import relocate
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.engine.conftest import train
from tests.engine.tiny import tiny, tiny_classifier
from tests.engine.training.test_training import assert_equal, start_and_stop, weights
from tests.idx import load_idx, numbers, pictures, write_idx
from tests.pets import SOURCE, Pets, write_pets
from tests.pets import pets as pets

NAMES = ("cat", "dog", "axolotl")


@pytest.mark.usefixtures("pets")
class TestPets:
    def test_whoever_is_surest_reads_a_file(self, tmp_path: Path) -> None:
        path = write_pets(tmp_path / "some", NAMES)
        assert SOURCE.sniff(path).sure > idx.SOURCE.sniff(path).sure
        data = load_dataset(DataFiles(str(path)))
        assert (data.name, data.shape, data.class_names, len(data.train)) == ("some", (8, 8, 1), NAMES, 60)
        assert data.test is not None
        assert len(data.test) == 20
        assert load(DataFiles(str(path))) is load(DataFiles(str(path)))
        forget()

    def test_what_nobody_knows_is_refused_with_what_is_known(self, tmp_path: Path) -> None:
        (tmp_path / "strange").write_bytes(b"What is this?")
        with pytest.raises(DatasetError, match=r"is a text file; a folder or an archive of pictures, .* or IDX was"):
            load_dataset(DataFiles(str(tmp_path / "strange")))

    def test_what_a_source_refuses_is_told_in_its_words(self, tmp_path: Path) -> None:
        (tmp_path / "broken").write_bytes(b"pets\n{")
        with pytest.raises(DatasetError, match="holds no pets: write them again"):
            load_dataset(DataFiles(str(tmp_path / "broken")))

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"height": 7}, "holds images of 7×8; height and width from 8 to 256 were expected"),
            ({"height": 300}, "holds images of 300×8; height and width from 8 to 256 were expected"),
            ({"training": 0}, "holds no images: name a place with images"),
            ({"training": 1}, "holds a single image, and a set has at least 2"),
            ({"test": 0}, "holds no images: name a place with test images"),
        ],
    )
    def test_what_is_true_of_all_images_is_checked_for_every_source(
        self, values: dict[str, Any], words: str, tmp_path: Path
    ) -> None:
        with pytest.raises(DatasetError) as refused:
            load_dataset(DataFiles(str(write_pets(tmp_path / "some", NAMES, **values))))
        assert words in str(refused.value)

    def test_a_class_without_an_image_has_its_name(self, tmp_path: Path) -> None:
        data = load_dataset(DataFiles(str(write_pets(tmp_path / "some", [*NAMES, "dodo"], 3, 1))))
        assert (data.classes, data.train.classes, data.class_names[3]) == (4, 3, "dodo")

    def test_names_that_look_alike_are_told_apart_by_a_number(self, tmp_path: Path) -> None:
        data = load_dataset(DataFiles(str(write_pets(tmp_path / "some", ["a\x01", "a\x02", "a\x01 (2)"], 6))))
        assert data.class_names == ("a�", "a� (2)", "a� (2) (2)")

    def test_names_become_lines_that_can_be_shown_and_none_is_blank(self, tmp_path: Path) -> None:
        data = load_dataset(DataFiles(str(write_pets(tmp_path / "some", ["a\x1b[31mb", "two\nlines", " "], 6))))
        assert data.class_names == ("a�[31mb", "two lines", "no name")

    def test_a_set_that_is_moved_is_found_whatever_its_format(self, home: Home, tmp_path: Path) -> None:
        run, *_ = train(home, tiny({"data": write_pets(tmp_path / "some", NAMES)}, epochs=1))
        other = write_pets(tmp_path / "others", NAMES, 50)
        moved = (tmp_path / "some").rename(tmp_path / "moved")
        with pytest.raises(MovedError, match="60 training images were expected, 50 were found"):
            relocate(run, {"data": other})
        assert relocate(run, {"data": moved}).data == str(moved)

    def test_the_same_images_with_one_class_more_are_another_set(self, home: Home, tmp_path: Path) -> None:
        path = write_pets(tmp_path / "some", NAMES)
        run, *_ = train(home, tiny({"data": path}, epochs=1))
        other = tmp_path / "other"
        other.write_bytes(path.read_bytes().replace(b'"axolotl"', b'"axolotl", "whale"'))
        with pytest.raises(MovedError, match="labels of 3 classes were expected, of 4 were found"):
            relocate(run, {"data": other})

    def test_a_run_goes_from_its_file_to_its_report(self, home: Home, tmp_path: Path) -> None:
        files = {"data": write_pets(tmp_path / "some", NAMES)}
        encoder, result, told = train(home, tiny(files, epochs=1))
        assert result.evaluated_on == "test"
        spec = tiny_classifier(files, encoder.model)
        run, result, told = train(home, spec)
        started = next(event for event in told if isinstance(event, RunStarted))
        assert started.class_names == NAMES
        assert {row.name for row in result.report.rows} <= set(NAMES)
        assert read_predictions(run).images(load(spec.files)).labels is not None

        stopped, _ = start_and_stop(home, spec, EpochEnded, 1)
        again = jobs.resume(stopped, lambda event: None, Flag())
        assert again.report == result.report
        assert_equal(weights(stopped), weights(run))


def test_a_file_of_idx_is_known_by_its_first_bytes_plain_or_gzip(tmp_path: Path) -> None:
    for gz in (False, True):
        assert idx.SOURCE.sniff(write_idx(tmp_path / "some", pictures(), gz=gz)).sure == 1
    (tmp_path / "cut").write_bytes(b"\x1f\x8b\x08")
    for other in (tmp_path, tmp_path / "none", tmp_path / "cut", tmp_path / "a\0b"):
        assert idx.SOURCE.sniff(other).sure == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": np.zeros((4, 8, 8, 4), np.uint8)}, "holds images of 4 colours; 1, grey, or 3 were expected"),
        ({"class_names": tuple(map(str, range(257)))}, "has 257 classes; at most 256 were expected"),
        ({"labels": None}, "has classes, and the training images have none: name training labels too"),
    ],
)
def test_parts_that_no_run_could_use_are_refused(changes: dict[str, Any], words: str) -> None:
    images, labels = np.zeros((4, 8, 8, 1), np.uint8), np.arange(4, dtype=np.uint8)
    parts = Parts(images=images, labels=labels, test_images=images, test_labels=labels)
    files = DataFiles(images=Path("some"))
    check_parts(parts, files)
    with pytest.raises(DatasetError, match=words):
        check_parts(replace(parts, **changes), files)


def test_a_part_can_be_read_alone(tmp_path: Path) -> None:
    tests = write_idx(tmp_path / "tests", pictures(1))
    found = read_parts(DataFiles(test_images=tests), Reading())
    assert found.images is None
    assert found.test_images is not None
    assert found.test_images.shape == (1, 8, 8, 1)


def test_classes_of_idx_are_called_by_their_numbers(tmp_path: Path) -> None:
    data = load_idx(write_idx(tmp_path / "x", pictures()), write_idx(tmp_path / "y", numbers(0, 3, 0, 3, 0, 3)))
    assert data.class_names == ("0", "1", "2", "3")
    assert load_dataset(DataFiles(str(tmp_path / "x"))).class_names == ()


class PetsInAFolder(Pets):
    """The same, one file deeper."""

    def sniff(self, path: Path) -> Sniffed:
        return super().sniff(path / "pets")

    def read(self, path: Path, preprocessing: Preprocessing, reading: Reading) -> Parts:
        return super().read(path / "pets", preprocessing, reading)


def test_a_folder_is_read_again_where_a_file_in_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pets: None
) -> None:
    monkeypatch.setattr("tests.pets.SOURCE", PetsInAFolder())
    found = []
    for when, names in enumerate((NAMES, NAMES, NAMES[::-1])):
        os.utime(write_pets(tmp_path / "pets", names), (1_700_000_000 + when // 2, 1_700_000_000 + when // 2))
        found.append(load(DataFiles(str(tmp_path))))
    assert found[0] is found[1]
    assert [one.class_names for one in found] == [NAMES, NAMES, NAMES[::-1]]
