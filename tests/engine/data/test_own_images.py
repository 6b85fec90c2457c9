"""Folders and archives of pictures become image sets; what cannot be used is left out and told."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import cache, decoder, pictures
from engine.data.datasets import ImageData
from engine.data.keeping import keep_in
from engine.data.kept import Store
from engine.data.walk import walk
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.idx import numbers, write_idx
from tests.idx import pictures as pictures_of_noise
from tests.pictures import OLD, a_set, picture, pixels, write_folder, write_tar, write_zip


@pytest.fixture(autouse=True)
def nothing_in_memory() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()
    keep_in(None)


def load(path: Path, test: Path | None = None, **wanted: Any) -> ImageData:
    return cache.load(DataFiles(str(path), test, preprocessing=Preprocessing(**wanted)))


def refusal(path: Path, **wanted: Any) -> DatasetError:
    with pytest.raises(DatasetError) as refused:
        load(path, **wanted)
    return refused.value


# -- folders --------------------------------------------------------------------------------------


def test_a_folder_of_pictures_is_a_set_with_class_names_and_parts(tmp_path: Path) -> None:
    files = a_set(3, 2)
    data = load(write_folder(tmp_path / "pets", files))
    assert (data.name, data.shape, data.class_names) == ("pets", (8, 8, 1), ("cat", "dog"))
    assert data.words == "folder of pictures, 2 classes from folder names, train and test folders"
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    for row, name in enumerate(("train/cat/0", "train/cat/1", "train/cat/2", "train/dog/0")):
        assert np.array_equal(data.train.images[row], pixels(files[f"{name}.png"]))
    assert np.array_equal(data.test.images[-1], pixels(files["test/dog/1.png"]))


def test_many_pictures_are_decoded_by_several_processes_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 7)
    files = {f"{number % 3}/{number}.png": picture(number) for number in range(100)}
    data = load(write_folder(tmp_path / "many", files))
    names = sorted(files, key=lambda name: (name[0], int(name[2:-4])))
    assert all(np.array_equal(image, pixels(files[name])) for name, image in zip(names, data.train.images, strict=True))


def test_one_colour_picture_makes_all_of_them_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 2)
    files = {**{f"{number}.png": picture(number) for number in range(9)}, "99.png": picture(99, mode="RGB")}
    data = load(write_folder(tmp_path / "some", files))
    assert data.shape == (8, 8, 3)
    assert np.array_equal(data.train.images[0], np.repeat(pixels(files["0.png"]), 3, axis=2))
    assert np.array_equal(data.train.images[9], pixels(files["99.png"]))
    assert load(tmp_path / "some", colour="grey").shape == (8, 8, 1)


def test_a_validation_part_of_its_own_is_the_last_of_the_training_images(tmp_path: Path) -> None:
    files = {f"{part}/{name}/{part}.png": picture(7) for part in ("train", "val", "test") for name in "ab"}
    data = load(write_folder(tmp_path / "some", files))
    assert (len(data.train), data.validation) == (4, 2)
    without = load(write_folder(tmp_path / "other", {k.replace("val/", "train/"): v for k, v in files.items()}))
    assert (len(without.train), without.validation) == (4, 0)
    assert data.digest != without.digest


def test_pictures_of_several_sizes_are_refused_with_the_sizes_and_made_to_fit_where_one_is_asked_for(
    tmp_path: Path,
) -> None:
    files = {f"{number}.png": picture(number, (20, 12 + number)) for number in range(4)} | {
        "9.png": picture(9, (40, 9))
    }
    folder = write_folder(tmp_path / "some", files)
    refused = refusal(folder)
    assert refused.field == "size"
    assert "has pictures of 5 sizes, from 20×12 to 40×9 pixels; 20×12 is the most frequent, with 1 of 5" in str(refused)
    data = load(folder, size="16x24", fit="crop")
    assert data.shape == (16, 24, 1)
    assert data.sizes == {(20, 12): 1, (20, 13): 1, (20, 14): 1, (20, 15): 1, (40, 9): 1}


def test_hidden_files_links_in_a_circle_and_other_files_are_passed_over(tmp_path: Path) -> None:
    files = {"a/1.png": picture(1), "b/2.png": picture(2), ".git/3.png": b"x", "a/.4.png": b"x", "a/notes.txt": b"x"}
    folder = write_folder(tmp_path / "some", files)
    (folder / "a" / "again").symlink_to(folder)
    (folder / "b" / "gone").symlink_to(tmp_path / "nowhere")
    elsewhere = write_folder(tmp_path / "elsewhere", {"5.png": picture(5)})
    (folder / "c").symlink_to(elsewhere)
    assert len(list(walk(folder))) == 4
    assert load(folder).class_names == ("a", "b", "c")


def test_links_that_lead_to_themselves_or_nowhere_are_passed_over(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", a_set(3, 1))
    whole = load(folder).digest
    (folder / "self").symlink_to("self")
    (folder / "train/cat/gone.png").symlink_to("nothing")
    assert load(folder).digest == whole


def close(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """Have a folder not be looked into; of root, no mode would keep it."""
    real = os.scandir

    def scandir(path: Any) -> Any:
        if not isinstance(path, int) and os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize("kept", [False, True])
def test_a_folder_that_may_not_be_looked_into_is_told_and_left_out(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path / "data" if kept else None)
    folder = write_folder(tmp_path / "some", {f"{name}/{n}.png": picture(n) for name in "abc" for n in range(3)})
    close(monkeypatch, folder / "b")
    data = load(folder)
    assert (data.class_names, data.left_out) == (("a", "c"), {"b": "may not be looked into"})
    assert "What is in b is missing: such a folder may not be looked into." in data.notes[0]
    monkeypatch.undo()
    keep_in(tmp_path / "data" if kept else None)
    assert load(folder).class_names == ("a", "b", "c")
    close(monkeypatch, folder)
    assert "cannot be read: Permission denied" in str(refusal(folder))


def test_the_set_in_a_folder_is_the_same_in_a_zip_and_a_tar(tmp_path: Path) -> None:
    files = (
        a_set(3, 2) | {"train/cat/broken.png": b"broken"} | {f"train/dog/m{n}.png": picture(50 + n) for n in range(9)}
    )
    whole = load(write_folder(tmp_path / "folder", files))
    for place in (
        write_zip(tmp_path / "some.zip", files), write_tar(tmp_path / "some.tar.gz", files),
        write_tar(tmp_path / "some.tar", {f"./pets/{name}": content for name, content in files.items()}, "w"),
    ):  # fmt: skip
        data = load(place)
        assert (data.digest, data.class_names, len(data.left_out)) == (whole.digest, whole.class_names, 1)


def test_test_data_may_lie_elsewhere_with_its_classes_by_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", {f"{name}/{n}.png": picture(n) for n, name in enumerate("abcabc")})
    tests = write_zip(tmp_path / "tests.zip", {"c/1.png": picture(8), "b/1.png": picture(9)})
    data = load(folder, tests)
    assert data.class_names == ("a", "b", "c")
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [1, 2]
    other = write_zip(tmp_path / "other.zip", {"c/1.png": picture(8), "x/1.png": picture(9)})
    with pytest.raises(DatasetError, match="holds test images of class x, and no training image is of it") as refused:
        load(folder, other)
    assert refused.value.field == "test_data"


def test_a_sets_own_test_images_give_way_to_others_and_that_is_said(tmp_path: Path) -> None:
    pets = write_folder(tmp_path / "pets", a_set(6, 2))
    others = write_folder(
        tmp_path / "others", {f"{name}/{n}.png": picture(n) for name in ("cat", "dog") for n in (1, 2)}
    )
    assert load(pets, others).notes == (
        f"The 4 test images of the set itself are not used: {others} stands in their place.",
    )


def test_test_images_in_colour_beside_grey_ones_are_refused_with_the_way_out(tmp_path: Path) -> None:
    grey = write_folder(tmp_path / "grey", {f"{n}.png": picture(n) for n in range(4)})
    colour = write_folder(tmp_path / "colour", {f"{n}.png": picture(n, mode="RGB") for n in range(4)})
    with pytest.raises(
        DatasetError, match=r"holds test images in colour; the training images are grey: .*--colour"
    ) as no:
        load(grey, colour)
    assert no.value.field == "colour"
    assert load(grey, colour, colour="grey").shape[2] == 1
    assert load(colour, grey).shape[2] == 3


@pytest.mark.parametrize("count", [3, 12, 30])
@pytest.mark.parametrize("kept", [False, True])
def test_test_data_never_stand_in_the_place_of_training_images(count: int, kept: bool, tmp_path: Path) -> None:
    keep_in(tmp_path / "data" if kept else None)
    training = {f"{n % 2}/{n}.png": picture(n) for n in range(12)}
    folder = write_folder(tmp_path / "some", training)
    tests = write_folder(tmp_path / "tests", {f"{n % 2}/{n}.png": picture(100 + n) for n in range(count)})
    for _ in range(2):
        data = load(folder, tests)
        assert data.test is not None
        assert np.array_equal(data.train.images[0], pixels(training["0/0.png"]))
        assert np.array_equal(data.train.images[-1], pixels(training["1/11.png"]))
        assert np.array_equal(data.test.images[0], pixels(picture(100)))
        assert (len(data.train), len(data.test)) == (12, count)
        cache.forget()


def test_a_pipe_in_a_folder_is_no_picture(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", {f"{n}.png": picture(n) for n in range(9)})
    os.mkfifo(folder / "10.png")
    assert len(load(folder).train) == 9


def test_of_a_file_that_a_tar_has_twice_the_last_counts(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "some.tar", {f"{n}.png": picture(n) for n in range(9)}, "w")
    again = write_tar(tmp_path / "again.tar", {"3.png": picture(77)}, "w")
    with tarfile.open(path, "a") as archive, tarfile.open(again) as other:
        for member in other:
            archive.addfile(member, other.extractfile(member))
    os.utime(path, OLD)
    data = load(path)
    assert len(data.train) == 9
    assert np.array_equal(data.train.images[3], pixels(picture(77)))


def test_pictures_far_too_large_are_refused_before_room_is_taken(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", {f"{n}.png": picture(n, (300, 400)) for n in range(4)})
    refused = refusal(folder)
    assert (refused.field, "has pictures of 300×400; height and width from 8 to 256" in str(refused)) == ("size", True)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [({"size": "3"}, "size"), ({"background": "mauve"}, "background"), ({"limit_per_class": 0}, "limit_per_class"),
     ({"fit": "bend"}, "fit"), ({"table_shape": "x"}, "table_shape")],
)  # fmt: skip
def test_what_a_form_holds_and_cannot_be_is_refused_for_its_field(
    wanted: dict[str, Any], field: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "some", {f"{n}.png": picture(n) for n in range(4)})
    assert refusal(folder, **wanted).field == field


def test_files_that_are_read_with_the_one_that_is_named_are_looked_at_too(tmp_path: Path) -> None:
    keep_in(tmp_path / "data")

    def write(name: str, array: Any, when: int = OLD[0]) -> Path:
        path = write_idx(tmp_path / name, array)
        os.utime(path, (when, when))
        return path

    images = write("train-images-idx3-ubyte", pictures_of_noise(6))
    write("train-labels-idx1-ubyte", numbers(0, 1, 0, 1, 0, 1))
    assert load(images).classes == 2
    write("train-labels-idx1-ubyte", numbers(0, 1, 2, 0, 1, 2), OLD[0] + 9)
    assert load(images).classes == 3
    write("t10k-images-idx3-ubyte", pictures_of_noise(2))
    assert load(images).test is not None


# -- parts of a set ---------------------------------------------------------------------------------


def test_some_classes_and_so_many_images_of_each_can_be_taken(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", a_set(6, 2, ("ant", "bee", "cow")))
    data = load(folder, classes="cow, ant", limit_per_class=4)
    assert data.class_names == ("ant", "cow")
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    assert data.test is not None
    assert len(data.test) == 4  # no limit
    assert load(folder, classes="cow, ant", limit_per_class=4).digest == data.digest
    refused = refusal(folder, classes="ant,elk")
    assert refused.field == "classes"
    assert "has no class called elk; it has ant, bee, cow: correct the name" in str(refused)


def test_of_a_set_without_classes_so_many_images_can_be_taken(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", {f"{number}.png": picture(number) for number in range(9)})
    assert len(load(folder, limit_per_class=5).train) == 5


# -- bad pictures -----------------------------------------------------------------------------------


def test_bad_pictures_are_left_out_each_with_its_reason(tmp_path: Path) -> None:
    files = {f"{'ab'[number % 2]}/{number}.png": picture(number) for number in range(40)}
    files |= {"a/0.png": b"hello", "b/1.png": picture(1)[:70], "b/39.png": b""}
    data = load(write_folder(tmp_path / "some", files))
    assert data.left_out == {
        "a/0.png": "is not in a picture format that can be read", "b/1.png": "is cut short",
        "b/39.png": "is empty",
    }  # fmt: skip
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [0] * 19 + [1] * 18
    kept = sorted((name for name in files if name not in data.left_out), key=lambda name: (name[0], int(name[2:-4])))
    assert all(np.array_equal(image, pixels(files[name])) for name, image in zip(kept, data.train.images, strict=True))


def test_more_bad_pictures_than_one_in_ten_stop_with_the_first_reasons(tmp_path: Path) -> None:
    files = {f"{number:02}.png": picture(number) for number in range(20)} | {f"{n:02}.png": b"x" for n in range(7)}
    refused = str(refusal(write_folder(tmp_path / "some", files)))
    assert "7 pictures in" in refused
    assert "more than one in ten: 00.png is not in a picture format that can be read; 01.png" in refused
    assert refused.endswith("04.png is not in a picture format that can be read; and 2 more. Mend or remove them.")


@pytest.mark.parametrize("chunk", [4, 256])
def test_a_picture_that_brings_its_decoder_down_is_left_out_alone(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "CHUNK", chunk)
    program = tmp_path / "decoder.py"
    source = Path(decoder.__file__).read_text()
    decodes = "            pixels, (height, width, channels), size, frames = decode("
    crashes = "            if b'CRASH' in open(picture, 'rb').read():\n                os._exit(11)\n"
    assert decodes in source
    program.write_text(source.replace(decodes, crashes + decodes))
    monkeypatch.setattr(decoder, "__file__", str(program))
    files = {f"{number:02}.png": picture(number) for number in range(20)}
    files["07.png"] += b"CRASH"
    data = load(write_folder(tmp_path / "some", files))
    assert data.left_out == {"07.png": "brings its decoder down"}
    whole = [pixels(picture(number)) for number in range(20) if number != 7]
    assert np.array_equal(data.train.images, whole)


def test_a_file_that_vanishes_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "some", {f"{number:02}.png": picture(number) for number in range(20)})
    first = pictures._first

    def gone(*arguments: object) -> decoder.Decoded:
        (folder / "05.png").unlink()
        return first(*arguments)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(pictures, "_first", gone)
    content = (folder / "05.png").read_bytes()
    keep_in(tmp_path / "home")
    assert load(folder).left_out == {"05.png": "is no longer there"}
    monkeypatch.setattr(pictures, "_first", first)
    (folder / "05.png").write_bytes(content)
    assert not Store(tmp_path / "home" / "data").all()  # all may soon be as it was when it was looked at
    assert not load(folder).left_out


def test_a_folder_that_was_written_just_now_is_read_once_all_the_same(tmp_path: Path) -> None:
    keep_in(tmp_path / "home")
    folder = write_folder(tmp_path / "some", {f"{number}.png": picture(number) for number in range(4)})
    (folder / "4.png").write_bytes(picture(4))
    data = load(folder)
    assert len(data.train) == 5
    assert load(folder) is data


def test_a_wait_for_a_folder_that_was_written_just_now_can_be_given_up(tmp_path: Path) -> None:
    keep_in(tmp_path / "home")
    folder = write_folder(tmp_path / "some", {f"{number}.png": picture(number) for number in range(4)})
    told = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))
        if len(told) > 3:
            raise KeyboardInterrupt

    (folder / "4.png").write_bytes(picture(4))
    with pytest.raises(KeyboardInterrupt):
        cache.load(DataFiles(str(folder)), tell)
    assert set(told) == {(0, 0)}


def test_pictures_in_rows_that_do_not_follow_each_other_come_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 7)
    files = {f"{number}.png": picture(number) for number in range(40)}
    mixed = dict(sorted(files.items(), key=lambda item: item[0][::-1]))
    data = load(write_zip(tmp_path / "some.zip", mixed))
    assert np.array_equal(data.train.images, [pixels(files[f"{number}.png"]) for number in range(40)])


def test_paths_that_lead_out_of_an_archive_and_files_that_are_too_large_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.data.sources.archive.LARGEST", 5_000)
    files = {f"{number:02}.png": picture(number) for number in range(20)}
    files |= {"../out.png": picture(30), "/etc/root.png": picture(31), "large.png": b"\0" * 6_000}
    for place in (write_zip(tmp_path / "some.zip", files), write_tar(tmp_path / "some.tar", files, "w")):
        before = sorted(path.name for path in tmp_path.iterdir())
        data = load(place)
        assert len(data.train) == 20
        assert set(data.left_out.values()) == {"has a name that leads out of the archive", "has more than 64 MiB"}
        assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["some.zip", "some.tar.gz"])
def test_an_archive_that_is_cut_short_is_refused_or_loses_only_what_is_cut(name: str, tmp_path: Path) -> None:
    files = {f"{number:02}.png": picture(number) for number in range(30)}
    path = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, files)
    path.write_bytes(path.read_bytes()[:-700])
    os.utime(path, OLD)
    assert refusal(path).field == "data"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no pictures in it"),
        ({"a.txt": b"x"}, "has no pictures in it"),
        ({"test/a/1.png": b"", "x.txt": b""}, "1 picture in"),
        ({"1.png": picture(1)}, "holds a single image, and a set has at least 2"),
        (
            {"1.png": picture(1, (7, 8)), "2.png": picture(2, (7, 8))},
            "has pictures of 7×8; height and width from 8 to 256",
        ),
    ],
)
def test_what_is_no_set_is_refused_in_words(files: dict[str, bytes], words: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "some", files)
    folder.mkdir(exist_ok=True)
    assert words in str(refusal(folder))


def test_a_single_picture_and_what_nobody_knows_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write_folder(tmp_path, {"one.png": picture(1), "some.pdf": b"%PDF-1.7 and more"})
    assert "is a single picture (PNG): name the folder that it lies in" in str(refusal(tmp_path / "one.png"))
    assert "is a PDF document; a folder or an archive of pictures" in str(refusal(tmp_path / "some.pdf"))
    assert "does not exist" in str(refusal(tmp_path / "none"))
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a folder" in str(refusal(tmp_path / "pipe"))


def test_names_of_any_length_and_kind_are_told_so_that_they_can_be_shown(tmp_path: Path) -> None:
    name = "\x1b[31m" + "ä" * 100 + "\n"
    files = {f"{name}/{number}.png": picture(number) for number in range(9)} | {"b/1.png": picture(9)}
    data = load(write_folder(tmp_path / "some", files))
    assert any(one.startswith("�[31mä") for one in data.class_names)
    inside = {f"{'x' * 10_000}/{number}.png": picture(number) for number in range(3)} | {"b/1.png": picture(4)}
    assert max(map(len, load(write_zip(tmp_path / "long.zip", inside)).class_names)) == 10_000


def test_very_many_empty_folders_are_no_set(tmp_path: Path) -> None:
    for outer in range(30):
        for inner in range(100):
            (tmp_path / "some" / str(outer) / str(inner)).mkdir(parents=True)
    assert "has no pictures in it" in str(refusal(tmp_path / "some"))


# -- what is kept -----------------------------------------------------------------------------------


def test_what_was_decoded_is_kept_and_mapped_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in(tmp_path / "home" / "data")
    files = a_set(10, 2) | {"train/cat/x.png": b"bad"} | {f"val/{name}/1.png": picture(77) for name in ("cat", "dog")}
    folder = write_folder(tmp_path / "pets", files)
    first = load(folder)
    cache.forget()
    monkeypatch.setattr(pictures, "decode_all", lambda *_: pytest.fail("it was decoded again"))
    monkeypatch.setattr("engine.data.sources.encoded.decode_all", lambda *_: pytest.fail("it was decoded again"))
    again = load(folder)
    assert isinstance(again.train.images, np.memmap)
    for name in ("name", "digest", "class_names", "validation", "words", "notes", "left_out", "sizes", "images_digest",
                 "part_digests", "shape"):  # fmt: skip
        assert getattr(again, name) == getattr(first, name), name
    for one, other in ((again.train, first.train), (again.test, first.test)):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)  # type: ignore[arg-type]  # they have labels
    (kept,) = Store(tmp_path / "home" / "data").all()
    assert (kept.facts.name, kept.facts.source) == ("pets", str(folder))
    Store(tmp_path / "home" / "data").forget(kept)
    assert Store(tmp_path / "home" / "data").all() == []


@pytest.mark.parametrize("damage", ["images", "labels", "set.json", "form"])
def test_what_is_kept_and_damaged_is_read_from_the_pictures_again_and_mended(damage: str, tmp_path: Path) -> None:
    keep_in(tmp_path / "data")
    folder = write_folder(tmp_path / "pets", a_set(4, 1))
    first = load(folder)
    cache.forget()
    (place,) = (tmp_path / "data").iterdir()
    if damage == "form":
        (place / "set.json").write_text((place / "set.json").read_text().replace('"form": 1', '"form": 99'))
    else:
        (place / damage).write_bytes((place / damage).read_bytes()[:-1])
    assert load(folder).digest == first.digest
    assert len(Store(tmp_path / "data").all()) == 1
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_a_picture_that_changes_and_other_wishes_are_other_sets(tmp_path: Path) -> None:
    keep_in(tmp_path / "data")
    folder = write_folder(tmp_path / "pets", a_set(4, 1))
    digests = {load(folder).digest, load(folder, size="16").digest, load(folder, size="16", fit="stretch").digest}
    write_folder(folder, {"train/cat/0.png": picture(99)})
    os.utime(folder / "train/cat/0.png", (OLD[0] + 1, OLD[1] + 1))
    digests.add(load(folder).digest)
    assert len(digests) == 3  # 8×8 to 16×16 is the same however it is made to fit
    assert len(list((tmp_path / "data").iterdir())) == 3  # what was kept before the change has given way


def test_a_reading_that_is_given_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CHUNK", 2)
    keep_in(tmp_path / "data")
    folder = write_folder(tmp_path / "pets", {f"{number}.png": picture(number) for number in range(50)})

    class GivenUpError(Exception):
        pass

    def told(done: int, of: int) -> None:
        if done > 4:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        cache.load(DataFiles(str(folder)), told)
    assert list((tmp_path / "data").iterdir()) == []
    assert len(load(folder).train) == 50


def test_no_room_for_what_is_decoded_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path / "data")
    folder = write_folder(tmp_path / "pets", a_set(4, 1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.data.reading.os.posix_fallocate", full)
    assert "there is no room for what is decoded: No space left on device" in str(refusal(folder))
    assert list((tmp_path / "data").iterdir()) == []
    monkeypatch.undo()
    keep_in(tmp_path / "data")
    assert len(load(folder).train) == 8


@pytest.mark.parametrize("failing", ["keep", "make"])
def test_a_set_that_cannot_be_kept_is_read_all_the_same_and_that_is_said(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in(tmp_path / "data")
    (tmp_path / "data").mkdir()
    real = os.mkdir

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    np.save(tmp_path / "some.npy", np.full((4, 8, 8), 9, np.uint8))
    os.utime(tmp_path / "some.npy", OLD)
    if failing == "keep":
        monkeypatch.setattr("engine.data.kept._write_images", full)
    else:
        monkeypatch.setattr(os, "mkdir", lambda path, *more: full() if "data" in str(path) else real(path, *more))
    data = load(tmp_path / "some.npy")
    assert "These images could not be kept, and are read again the next time (" in data.notes[0]
    assert "No space left on device" in data.notes[0] or "full" in data.notes[0]
    assert list((tmp_path / "data").iterdir()) == []


def test_what_another_process_has_kept_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "pets", a_set(4, 1))
    keep_in(tmp_path / "data")
    real = Store.keep
    found: list[os.stat_result] = []

    def keep(self: Store, place: Path, key: str, data: ImageData) -> str:
        if not found:  # the other one is a moment ahead
            with self.making() as other:
                found.append(place.stat())
                assert not real(self, other, key, data)
            (kept,) = Store(tmp_path / "data").all()
            found.append(kept.folder.stat())
        return real(self, place, key, data)

    monkeypatch.setattr(Store, "keep", keep)
    assert load(folder).notes == ()
    (kept,) = Store(tmp_path / "data").all()
    assert kept.folder.stat().st_ino == found[1].st_ino
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_nothing_of_a_persons_folder_is_changed(tmp_path: Path) -> None:
    keep_in(tmp_path / "data")
    folder = write_folder(tmp_path / "pets", a_set(4, 1) | {"train/cat/x.png": b"bad"})

    def seen() -> dict[str, tuple[int, bytes]]:
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    before = seen()
    load(folder)
    assert seen() == before
