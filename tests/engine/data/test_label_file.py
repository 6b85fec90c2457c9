"""A file of labels: what is written is read again, by whatever program it was saved, and what does not fit is named."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.data import cache
from engine.data.by_hand import ByHand
from engine.data.cache import load
from engine.data.corrections import AS_GIVEN, OUT, Corrections
from engine.data.datasets import ImageData
from engine.data.file_names import file_names
from engine.data.keeping import keep_in
from engine.data.label_file import COLUMNS, Decision, Row, fingerprint, read_labels, write_labels
from engine.data.leaving_out import choose, without
from engine.data.remarks import of_data
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.idx import numbers, pictures, write_idx
from tests.pictures import a_set, write_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    keep_in(tmp_path / "home" / "data")
    yield tmp_path / "home"
    keep_in(None)
    cache.forget()


@pytest.fixture
def pets(tmp_path: Path) -> ImageData:
    return load(DataFiles(str(write_folder(tmp_path / "pets", a_set(6, 3, ("cat", "dog"))))))


ROWS = (
    Row("training", 2, 0, 1, -0.99, Decision(keep=False, label=1)),
    Row("training", 7, 1, 0, -0.5, Decision()),
    Row("training", 9, 1, 0, -0.25, Decision(keep=False)),
    Row("training", 11, 1, 0, 0.5),
    Row("test", 4, 1, 0, None, Decision(keep=False, label=0)),
)


def written(tmp_path: Path, data: ImageData, rows: tuple[Row, ...] = ROWS) -> Path:
    path = tmp_path / "labels.csv"
    write_labels(path, data, rows)
    return path


def test_what_is_written_is_read_again(tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    found = read_labels(path, pets)
    assert found.decisions == {(row.part, row.place): row.decision for row in ROWS if row.decision is not None}
    assert found.corrections == Corrections(((2, 1), (9, OUT)), ((4, 0),), "labels.csv")
    head, first, *_ = path.read_text().splitlines()
    assert head == ",".join(COLUMNS)
    name = file_names(pets)[0][2]
    assert first == f"training,2,{name},cat,dog,dog,-0.9900,{fingerprint(pets.train.images[2])}"


@pytest.mark.parametrize("sign", [";", "\t"])
def test_a_spreadsheet_may_have_saved_it(sign: str, tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    lines = path.read_text().splitlines()
    shuffled = [lines[0], *reversed(lines[1:]), "", sign * (len(COLUMNS) - 1)]
    path.write_bytes(("\r\n".join(shuffled).replace(",", sign) + "\r\n").encode("utf-8-sig"))
    assert read_labels(path, pets).corrections == Corrections(((2, 1), (9, OUT)), ((4, 0),), "labels.csv")


def test_an_image_is_found_under_another_place_by_its_name_or_its_pixels(tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    folder, before = Path(str(pets.files.data)), file_names(pets)[0]
    more = write_folder(folder, {"train/cat/-1.png": a_set(30, 0, ("cat",))["train/cat/29.png"]})
    cache.look_anew()
    wider = load(DataFiles(str(more)))
    assert len(wider.train) == len(pets.train) + 1
    found = read_labels(path, wider)
    names = file_names(wider)[0]
    assert [names[place] for place, _ in found.corrections.training] == [before[2], before[9]]
    images = write_idx(tmp_path / "images", pets.train.images[::-1, ..., 0].copy())
    labels = write_idx(
        tmp_path / "labels-of",
        np.ascontiguousarray(pets.train.labels[::-1]) if pets.train.labels is not None else numbers(),
    )
    turned = load(DataFiles(images=images, labels=labels))
    path = written(tmp_path, turned, (Row("training", 3, 1, 0, 0.0, Decision(keep=False)),))
    straight = without(turned, ByHand.of([0], []))
    assert read_labels(path, straight).corrections.training == ((2, OUT),)


def test_classes_that_are_called_as_decisions_are_told_apart(tmp_path: Path) -> None:
    names = ("=1+1", "class keep", "keep", "leave out")
    folder = write_folder(tmp_path / "odd", a_set(4, 0, names))
    data = load(DataFiles(str(folder)))
    assert data.class_names == names
    rows = tuple(
        Row("training", place, place // 4, 0, 0.0, Decision(keep=False, label=label))
        for place, label in ((0, 1), (1, 2), (2, 3), (4, 0), (5, 2))
    )
    path = written(tmp_path, data, rows)
    assert read_labels(path, data).corrections.training == ((0, 1), (1, 2), (2, 3), (4, 0), (5, 2))


def changed(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (1, "part", "Part", "is no file of labels: its first line is “Part,place,file"),
        (2, "training", "Training", "Line 2 of {path} names the part “Training”, and training or test was expected."),
        (2, ",2,", ",two,", "Line 2 of {path} names the place “two”, and a number from 0 on was expected."),
        (2, ",2,", ",-2,", "names the place “-2”"),
        (2, ",dog,dog", ",dog,horse", "decides “horse”: keep, leave out or the name of a class (cat, dog) was"),
        (2, ",cat,", ",dog,", "was written when its image was of class dog, and now it is of class cat: decide anew"),
        (2, ",cat,", ",mouse,", "was of class mouse, a class that this set does not have, and now it is of class cat"),
        (3, "training,7", "training,7,8", "Line 3 of {path} has 9 cells, and 8 were expected."),
        (4, ",9,", ",9,\"", "is no line of a CSV"),
        (6, ",x", ",y", "and the fingerprint of an image was expected"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_line(
    line: int, old: str, new: str, said: str, tmp_path: Path, pets: ImageData
) -> None:
    path = written(tmp_path, pets)
    changed(path, line, old, new)
    with pytest.raises(DatasetError) as refused:
        read_labels(path, pets)
    assert said.format(path=path) in str(refused.value)
    assert refused.value.field == "labels_from"


def test_half_a_line_an_image_twice_and_other_images_are_refused(tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    whole = path.read_text()
    path.write_text(whole[:-12])
    with pytest.raises(DatasetError, match=r"Line 6 of .* ends in “x"):
        read_labels(path, pets)
    lines = whole.splitlines()
    path.write_text("\n".join([*lines, lines[1].replace(",dog,dog", ",dog,keep")]))
    with pytest.raises(DatasetError, match=r"Line 7 of .* decides about the image that line 2 decides about"):
        read_labels(path, pets)
    path.write_text(whole)
    others = load(DataFiles(str(write_folder(tmp_path / "others", a_set(9, 0, ("a", "b"), size=(9, 9))))))
    with pytest.raises(DatasetError, match="is of other images: of those it decides about none is in others"):
        read_labels(path, others)
    (Path(str(pets.files.data)) / file_names(pets)[0][2]).unlink()
    cache.look_anew()
    with pytest.raises(DatasetError, match=r"Line 2 .* is not in pets any more, or has other pixels \(1 such line\)"):
        read_labels(path, load(pets.files))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist: name a file of labels"),
        (b"", "its first line is missing"),
        (b"\xff\xfe\x00x", "is no text in UTF-8"),
        (b"a,b\n1,2\n", "its first line is “a,b”"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(
    content: bytes | None, said: str, tmp_path: Path, pets: ImageData
) -> None:
    path = tmp_path / "labels.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError) as refused:
        read_labels(path, pets)
    assert said in str(refused.value)
    with pytest.raises(DatasetError, match="is a folder"):
        read_labels(tmp_path, pets)


def test_a_set_of_no_classes_can_only_leave_images_out(tmp_path: Path) -> None:
    data = load(DataFiles(images=write_idx(tmp_path / "images", pictures(6))))
    path = written(tmp_path, data, (Row("training", 1, -1, -1, None, Decision(keep=False)),))
    assert read_labels(path, data).corrections.training == ((1, OUT),)
    changed(path, 2, "leave out", "7")
    with pytest.raises(DatasetError, match="a class, and these images have none was expected"):
        read_labels(path, data)


def test_a_set_is_loaded_as_its_file_of_labels_has_it(tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    files = pets.files._replace(labels_from=path)
    found = load(files)
    assert found.files == files
    assert found.digest != pets.digest
    assert (len(found.train), len(found.test or ())) == (11, 6)
    assert found.train.labels is not None
    assert found.train.labels.tolist() == [0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    assert found.test is not None
    assert found.test.labels is not None
    assert found.test.labels.tolist() == [0, 0, 0, 1, 0, 1]
    assert found.corrected == "cat → dog 1×, dog → cat 1×"
    names, before = file_names(found), file_names(pets)
    assert names[0] == (*before[0][:9], *before[0][10:])
    assert found.left_out == {before[0][9]: "was left out by the file of labels"}
    (told,) = [one.sentence for one in of_data(found) if "changed" in one.sentence]
    assert told == "2 labels were changed, 1 of them of a test image, and 1 image was left out (labels.csv)."
    assert load(files) is found
    assert load(pets.files) is pets


def test_images_left_out_by_hand_and_by_the_file_are_counted_apart(tmp_path: Path, pets: ImageData) -> None:
    files = pets.files._replace(labels_from=written(tmp_path, pets))
    choose(pets, ByHand.of([2, 5], []))
    found = load(files)
    assert len(found.train) == 9
    assert found.corrections.training == ((9, OUT),)  # the other image is not there
    assert len(file_names(found)[0]) == 9
    told = [one.sentence for one in of_data(found)]
    assert "2 training images were left out by hand." in told
    assert "1 label was changed, of a test image, and 1 image was left out (labels.csv)." in told
    assert not any("could not be used" in one for one in told)


def test_a_file_that_is_changed_is_read_again_and_too_few_images_are_refused(tmp_path: Path, pets: ImageData) -> None:
    path = written(tmp_path, pets)
    files = pets.files._replace(labels_from=path)
    assert len(load(files).train) == 11
    written(tmp_path, pets, ROWS[:1])
    assert len(load(files).train) == 12
    rows = tuple(Row("training", place, place // 6, 0, 0.0, Decision(keep=False)) for place in range(11))
    written(tmp_path, pets, rows)
    with pytest.raises(DatasetError, match="leaves 11 images out: at least two training images have to stay"):
        load(files)
    rows = tuple(Row("test", place, place // 3, 0, 0.0, Decision(keep=False)) for place in range(6))
    written(tmp_path, pets, rows)
    with pytest.raises(DatasetError, match="leaves all test images out"):
        load(files)


def test_one_image_that_is_too_many_is_told_as_one(tmp_path: Path) -> None:
    few = load(DataFiles(str(write_folder(tmp_path / "few", a_set(1, 0, ("cat", "dog"))))))
    path = written(tmp_path, few, (Row("training", 1, 1, 0, 0.0, Decision(keep=False)),))
    with pytest.raises(DatasetError, match="leaves 1 image out: at least two training images have to stay"):
        load(few.files._replace(labels_from=path))


@pytest.mark.parametrize(
    ("training", "test", "says"),
    [
        ({1: 0, 2: 0, 3: OUT, 4: OUT}, {}, "2 labels were changed and 2 images left out (l.csv)."),
        ({1: 0}, {4: OUT, 5: OUT}, "1 label was changed and 2 images were left out, all test images (l.csv)."),
        ({1: 0}, {2: 1, 4: 1, 5: OUT}, "3 labels were changed, 2 of them of test images, and 1 image was left out, a "
         "test image (l.csv)."),
        ({1: OUT}, {4: OUT}, "2 images were left out, 1 of them a test image (l.csv)."),
        ({}, {4: 1, 5: 1}, "2 labels were changed, all of test images (l.csv)."),
    ],
)  # fmt: skip
def test_labels_and_images_of_the_test_are_counted_apart(
    training: dict[int, int], test: dict[int, int], says: str
) -> None:
    assert Corrections.of(training, test, "l.csv").sentence == says


@pytest.mark.parametrize(
    "value",
    [None, [], {"training": 5}, {"training": [[1]]}, {"training": [[-1, 2]]}, {"test": [[1, 256]]}, {"file": 3},
     {"training": [[True, 1]]}],
)  # fmt: skip
def test_corrections_are_read_as_they_are_written_and_nothing_else_is(value: object) -> None:
    some = Corrections(((2, 1), (9, OUT)), ((4, 0),), "labels.csv")
    assert Corrections.written(some.as_json()) == some
    assert Corrections.written({}) == AS_GIVEN
    assert AS_GIVEN.as_json() == {}
    with pytest.raises(ValueError, match=r"corrections|list"):
        Corrections.written(value)


def test_a_copy_that_has_a_line_of_its_own_is_not_taken_for_a_picture_that_is_gone(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pets", a_set(6, 3, ("cat", "dog")))
    names = file_names(load(DataFiles(str(folder))))[0]
    (folder / names[3]).write_bytes((folder / names[1]).read_bytes())
    cache.forget()
    whole = load(DataFiles(str(folder)))
    rows = [Row("training", place, 0, 1, 0.0) for place in (1, 3)]
    path = written(tmp_path, whole, (rows[0]._replace(decision=Decision(keep=False)), rows[1]))
    (folder / names[1]).unlink()
    cache.forget()
    with pytest.raises(DatasetError, match="of other images"):
        read_labels(path, load(DataFiles(str(folder))))
