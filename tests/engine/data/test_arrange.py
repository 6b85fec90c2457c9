"""Which part and class a picture belongs to, told by its name."""

import pytest

from engine.data.arrange import Arranged, arrange, is_picture, natural
from engine.errors import DatasetError


def arranged(*names: str, metadata: str | None = None) -> Arranged:
    return arrange(names, {} if metadata is None else {"metadata.csv": metadata.encode()}, "here")


def classes(found: Arranged) -> dict[str, str | None]:
    pairs = zip(found.names, found.labels, strict=True)
    return {name: None if label is None else found.class_names[label] for name, label in pairs}


def test_the_folder_of_a_picture_is_its_class_in_natural_order() -> None:
    found = arranged("class 10/a.png", "class 9/b.png", "Class 2/c.png", "class 9/a.png")
    assert found.class_names == ("Class 2", "class 9", "class 10")
    assert found.names == ("Class 2/c.png", "class 9/a.png", "class 9/b.png", "class 10/a.png")
    assert found.counts == (4, 0, 0)
    assert found.rule == "3 classes from folder names"


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_folders_on_top_are_parts(validation: str) -> None:
    found = arranged("train/a/1.png", "train/b/1.png", f"{validation}/a/2.png", "Test/b/3.png", "test/a/4.png")
    assert found.counts == (2, 1, 2)
    assert found.class_names == ("a", "b")
    assert found.rule == "2 classes from folder names, train, validation and test folders"
    assert found.names[-2:] == ("test/a/4.png", "Test/b/3.png")


def test_a_class_may_be_called_test_where_there_is_no_train() -> None:
    assert arranged("test/a.png", "exam/b.png").class_names == ("exam", "test")


def test_a_class_may_be_called_train_where_others_are_no_parts() -> None:
    assert arranged("bus/a.png", "car/b.png", "train/c.png").class_names == ("bus", "car", "train")


def test_parts_may_be_called_sets_and_need_one_to_train_on() -> None:
    assert arranged("Train set/a/1.png", "Train set/b/1.png", "test_data/a/2.png").counts == (2, 0, 1)
    with pytest.raises(DatasetError, match="has a validation and a test folder and no train folder"):
        arranged("val/a/1.png", "val/b/1.png", "test/a/2.png")


def test_a_folder_round_everything_counts_for_nothing() -> None:
    assert arranged("plankton/x/train/a/1.png", "plankton/x/train/b/1.png", "plankton/x/test/a/1.png").counts == (
        2,
        0,
        1,
    )


def test_the_leaf_folder_is_the_class() -> None:
    found = arranged("sea/fish/1.png", "sea/crab/2.png", "land/fish/3.png")
    assert classes(found) == {"sea/crab/2.png": "crab", "sea/fish/1.png": "fish", "land/fish/3.png": "fish"}


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("all/1.png", "all/2.png"), ("x/all/1.png", "x/all/2.png")])
def test_without_several_folders_there_are_no_classes(names: tuple[str, ...]) -> None:
    found = arranged(*names)
    assert (found.class_names, set(found.labels), found.rule) == ((), {None}, "no classes")


def test_test_pictures_may_have_no_classes() -> None:
    found = arranged("train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png")
    assert classes(found)["test/2.png"] is None
    assert found.counts == (2, 0, 2)


def test_pictures_beside_the_folders_are_left_out_with_the_reason() -> None:
    found = arranged("a/1.png", "b/1.png", "cover.png")
    assert found.left_out == {"cover.png": "lies beside the folders of the classes"}
    found = arranged("train/a/1.png", "train/b/1.png", "2.png")
    assert found.left_out == {"2.png": "lies beside the folders of the parts"}


def test_pictures_to_validate_by_need_the_classes_of_the_others() -> None:
    with pytest.raises(DatasetError, match="classes in its train folder and none in its validation folder"):
        arranged("train/a/1.png", "train/b/1.png", "val/1.png")


def test_a_metadata_file_says_the_classes_in_place_of_folders() -> None:
    found = arranged(
        "a/1.png", "a/2.png", "b/3.png", "b/4.png",
        metadata='\ufefffile_name,label,more\na/1.png,ten\n"a/2.png", two \nb/3.png,\ngone.png,two\n',
    )  # fmt: skip
    assert classes(found) == {"a/1.png": "ten", "a/2.png": "two"}
    assert found.rule == "2 classes from metadata.csv"
    assert found.left_out == {
        "b/3.png": "has no label in metadata.csv", "gone.png": "is named by metadata.csv and not there",
        "b/4.png": "is not named by metadata.csv",
    }  # fmt: skip


def test_a_picture_that_a_metadata_file_gives_two_labels_is_left_out_and_few_that_it_names_are_told() -> None:
    names = [f"{number}.png" for number in range(20)]
    lines = [f"{name},{'xy'[number % 2]}" for number, name in enumerate(names)]
    found = arranged(*names, metadata="\n".join(["file_name,label", *lines, "0.png,y", "1.png,y"]))
    assert found.left_out == {"0.png": "has several labels in metadata.csv"}
    assert found.notes == ()
    found = arranged(*names, metadata="\n".join(["file_name,label", *lines[:5]]))
    assert found.notes == ("metadata.csv gives 5 of 20 pictures a class: the others are left out.",)
    with pytest.raises(DatasetError, match=r"metadata.csv in here gives 1 of 20 pictures a class: correct it"):
        arranged(*names, metadata="\n".join(["file_name,label", lines[0]]))


def test_folders_of_one_name_in_others_are_told_to_be_one_class() -> None:
    found = arranged("a/x/1.png", "a/y/2.png", "b/x/3.png")
    assert found.class_names == ("x", "y")
    assert found.notes == (
        "Folders of one name are one class, as a/x and b/x are x: give them names of their own where they are not.",
    )
    parts = arranged("train/x/1.png", "train/y/2.png", "test/x/3.png", "test/y/4.png")
    assert parts.notes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file,class\n1.png,a\n", "has the columns file, class; file_name and label were expected"),
        (b"", "has the columns of an empty file; file_name and label were expected"),
        (b"file_name,label\n\xff\xfe,a", "cannot be read"),
    ],
)
def test_a_metadata_file_that_cannot_be_used_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DatasetError) as refused:
        arrange(["1.png"], {"metadata.csv": content}, "here")
    assert words in str(refused.value)


def test_what_is_a_picture_is_told_by_its_ending_and_nothing_hidden_is_one() -> None:
    for name in ("a.PNG", "x/b.Jpeg", "c.tif", "d.webp", "e.pgm"):
        assert is_picture(name)
    for name in ("a.txt", ".a.png", "x/.thumbnails/a.png", "__MACOSX/a.png", "png"):
        assert not is_picture(name)


def test_natural_order_takes_any_digits() -> None:
    assert sorted(["²a", "a10", "A9", "a09", "a", "١"], key=natural)[0] in {"²a", "a", "١"}  # it does not fail
    assert sorted(["a10", "a9", "a009"], key=natural)[-1] == "a10"
