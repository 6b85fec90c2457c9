"""What a person left out of a set: which images, of which set, and what becomes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.data import cache
from engine.data.by_hand import NOTHING, ByHand
from engine.data.cache import load
from engine.data.keeping import keep_in
from engine.data.leaving_out import choose, chosen
from engine.data.remarks import of_data
from engine.errors import DatasetError, MovedError
from engine.runs.moved import Known, load_known
from engine.specs.data_files import DataFiles
from tests.idx import numbers, pictures, write_idx
from tests.pictures import a_set, write_folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    keep_in(tmp_path / "home" / "data")
    yield tmp_path / "home"
    keep_in(None)
    cache.forget()


def of(path: Path) -> DataFiles:
    return DataFiles(str(path))


def known_of(digest: str, by_hand: ByHand, training: int | None = None) -> Known:
    return Known(owner="run a", command="resume a", digest=digest, parts={}, by_hand=by_hand, training=training)


def test_the_set_without_them_is_that_of_the_rest(home: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pets", a_set(6, 3, ("cat", "dog")))
    whole = load(of(folder))
    choose(whole, ByHand.of([3, 0, 3], [1]))
    rest = load(of(folder))
    assert (len(rest.train), len(rest.test or ())) == (10, 5)
    assert rest.by_hand == ByHand((0, 3), (1,))
    assert rest.digest not in ("", whole.digest)
    assert load(of(folder)) is rest
    assert load(of(folder), by_hand=NOTHING) is whole
    others = {name for name, reason in rest.left_out.items() if reason == "was left out by hand"}
    assert len(others) == 3
    for name in others:
        (folder / name).unlink()
    cache.forget()
    gone = load(of(folder), by_hand=NOTHING)
    assert gone.digest == rest.digest  # as if they had never been there
    assert any(
        "3 images were left out by hand when this place held other images" in one.sentence for one in of_data(gone)
    )
    # A run that began without them goes on without them, though they are gone for good.
    assert load_known(known_of(rest.digest, rest.by_hand), of(folder)).digest == rest.digest


def test_another_place_with_the_same_images_keeps_its_own_names(home: Path, tmp_path: Path) -> None:
    files = a_set(6, 0, ("cat", "dog"))
    one = write_folder(tmp_path / "one", files)
    renamed = {name.replace("cat", "ant").replace("dog", "bee"): content for name, content in files.items()}
    other = write_folder(tmp_path / "other", renamed)
    choose(load(of(one)), ByHand.of([1], []))
    first, second = load(of(one)), load(of(other))
    assert first.digest == second.digest
    assert (first.name, first.class_names) == ("one", ("cat", "dog"))
    assert (second.name, second.class_names) == ("other", ("ant", "bee"))
    assert second.files.data == str(other)


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", "{\"training\": 5}", "{\"training\": [true]}", "{\"training\": [-1]}", "{\"training\": [99]}",
     "{\"training\": [0,1,2,3,4,5,6,7,8,9,10,11]}", "{\"training\": \"abc\"}"],
)  # fmt: skip
def test_a_damaged_note_is_named_and_never_taken_for_nothing(content: str, home: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pets", a_set(6, 0, ("cat", "dog")))
    whole = load(of(folder))
    choose(whole, ByHand.of([1], []))
    (note,) = (home / "left_out").iterdir()
    note.write_text(content)
    with pytest.raises(DatasetError) as refused:
        load(of(folder))
    assert f"{note} says which images you left out of pets, and is damaged: restore it, or delete it" in str(
        refused.value
    )
    choose(whole, NOTHING)
    assert load(of(folder)) is whole


def test_too_few_are_never_left(home: Path, tmp_path: Path) -> None:
    whole = load(of(write_folder(tmp_path / "pets", a_set(3, 1, ("cat", "dog")))))
    for by_hand, said in (
        (ByHand.of(range(5), []), "two training images"),
        (ByHand.of([], range(2)), "one test image"),
    ):
        with pytest.raises(DatasetError, match=said):
            choose(whole, by_hand)
    assert not chosen(whole)


def test_files_of_a_run_that_were_moved_have_those_that_are_left_out_too(home: Path, tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images", pictures(9))
    labels = write_idx(tmp_path / "labels", numbers(*[0, 1, 2] * 3))
    whole = load(DataFiles(images=images, labels=labels))
    by_hand = ByHand.of([4], [])
    rest = load(DataFiles(images=images, labels=labels), by_hand=by_hand)
    known = known_of(rest.digest, by_hand, training=8)
    gone = DataFiles(images=images, labels=tmp_path / "nowhere")
    with pytest.raises(MovedError) as refused:
        load_known(known, gone, named=["images"])
    assert "were expected" not in str(refused.value)
    assert "have the right number" in str(refused.value)
    assert whole.digest != rest.digest
