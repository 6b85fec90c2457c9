"""Arrays, tables and the files of well-known sets."""

import gzip
import io
import os
import struct
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from engine.data.datasets import ImageData, load_dataset
from engine.data.reading import Reading
from engine.data.sources.cifar import SOURCE as CIFAR
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.idx import numbers, pictures, write_idx

RANDOM = np.random.default_rng(3)
GREY = RANDOM.integers(0, 256, (12, 8, 10), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (12, 8, 10, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def load(path: Path, **wanted: Any) -> ImageData:
    return load_dataset(DataFiles(str(path), preprocessing=Preprocessing(**wanted)))


def refusal(path: Path, **wanted: Any) -> str:
    with pytest.raises(DatasetError) as refused:
        load(path, **wanted)
    return str(refused.value)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


# -- NumPy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
def test_an_npy_that_is_saved_again_changes_nothing_of_what_was_read(
    large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("engine.data.sources.npz.IN_MEMORY", 0)
    for order in ("C", "F"):
        np.save(tmp_path / "some.npy", np.asarray(GREY, order=order))
        data = load(tmp_path / "some.npy")
        with (tmp_path / "some.npy").open("r+b") as file:
            file.truncate(128)  # what is mapped of it would be gone, and the process with it
        assert np.array_equal(data.train.images[..., 0], GREY)


def test_arrays_that_the_disk_has_no_room_for_are_held_in_memory_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.data.reading.os.posix_fallocate", full)
    monkeypatch.setattr("engine.data.sources.npz.IN_MEMORY", 0)
    np.save(tmp_path / "some.npy", GREY)
    rows = table(tmp_path / "some.csv", f"label,{PIXELS}", [[1, *row] for row in SQUARES])
    note = "There is no room for these images on the disk (No space left on device): they are in memory, and not kept."
    for path, size in ((tmp_path / "some.npy", ""), (rows, "16"), (tmp_path / "some.npy", "16")):
        data = load(path, size=size)
        assert (data.notes, data.shape[0]) == ((note,), 16 if size else 8)
    assert np.array_equal(load(tmp_path / "some.npy").train.images[..., 0], GREY)
    monkeypatch.setattr("engine.data.reading.MOST_IN_MEMORY", 1)
    assert "neither on the disk (No space left on device) nor in memory" in refusal(rows, size="16")


def test_labels_of_no_images_are_told_and_what_is_wrong_is_called_by_its_name(tmp_path: Path) -> None:
    data = load(npz(tmp_path / "some.npz", x_train=GREY, y_test=LABELS))
    assert data.notes == ("y_test is not used: there are no images of that part, or no labels of the training images.",)
    assert "y_train and y_test are" not in "".join(load(npz(tmp_path / "x.npz", x_test=GREY, y_test=LABELS)).notes)
    assert refusal(npz(tmp_path / "neg.npz", images=GREY, labels=LABELS - 1)).startswith("“labels” in ")
    words = np.array(["cat", " ", ""] * 4)
    assert "has 8 labels that are empty" in refusal(npz(tmp_path / "words.npz", images=GREY, labels=words))
    said = refusal(npz(tmp_path / "few.npz", images=GREY, labels=LABELS[:9]))
    assert "few.npz holds 12 images and 9 labels" in said
    assert "two files" not in said


def test_a_coloured_background_of_grey_images_is_told_to_be_grey(tmp_path: Path) -> None:
    path = npz(tmp_path / "some.npz", images=GREY)
    assert "The background #ff8000 is grey here" in load(path, size="16", background="#ff8000").notes[0]
    assert load(path, size="16", background="white").notes == ()
    assert load(path, size="16", background="#ff8000", colour="rgb").notes == ()


def test_medmnists_names_and_labels_in_columns(tmp_path: Path) -> None:
    data = load(npz(
        tmp_path / "organ.npz", train_images=GREY, train_labels=LABELS[:, None], val_images=GREY[:3],
        val_labels=LABELS[:3, None], test_images=GREY[:5], test_labels=LABELS[:5, None],
    ))  # fmt: skip
    assert (len(data.train), data.validation, data.classes) == (15, 3, 3)
    assert data.test is not None
    assert data.test.labels is not None
    assert data.test.labels.tolist() == LABELS[:5].tolist()
    assert data.words == "NumPy arrays, training, validation and test images with labels"
    assert np.array_equal(data.train.images[:12, ..., 0], GREY)


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("X-train", "Y-train", "X-test", "Y-test"),
              ("images", "labels", "test_data", "test_targets")],
)  # fmt: skip
def test_keras_names_and_plain_ones(names: tuple[str, ...], tmp_path: Path) -> None:
    data = load(npz(tmp_path / "some.npz", **dict(zip(names, (COLOUR, LABELS, COLOUR[:4], LABELS[:4]), strict=True))))
    assert np.array_equal(data.train.images, COLOUR)
    assert data.test is not None
    assert len(data.test) == 4


def test_compressed_arrays_colours_first_one_hot_labels_and_words(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=COLOUR.transpose(0, 3, 1, 2), labels=np.eye(3)[LABELS])
    data = load(tmp_path / "a.npz")
    assert np.array_equal(data.train.images, COLOUR)
    assert data.train.labels is not None
    assert data.train.labels.tolist() == LABELS.tolist()
    words = np.array(["class 10", "class 9", "cat"])[LABELS]
    named = load(npz(tmp_path / "b.npz", data=GREY, y=words))
    assert named.class_names == ("cat", "class 9", "class 10")
    assert named.train.labels is not None
    assert named.train.labels.tolist() == [2, 1, 0] * 4
    large = load(npz(tmp_path / "c.npz", data=GREY, y=1000 * (LABELS + 1)))
    assert large.class_names == ("1000", "2000", "3000")


@pytest.mark.parametrize(
    ("images", "expected", "note"),
    [
        (GREY / 255, GREY, "multiplied by 255"),
        (GREY / 127.5 - 1, GREY, "-1 became 0"),
        (GREY.astype(np.float32), GREY, "rounded to whole ones"),
        (GREY.astype(np.int64), GREY, ""),
        (GREY.astype(np.uint16) * 257, GREY, "65,535 became 255"),
        (GREY > 127, 255 * (GREY > 127), "white and black"),
    ],
)
def test_numbers_of_any_usual_range_become_bytes_and_it_is_said(
    images: Any, expected: Any, note: str, tmp_path: Path
) -> None:
    data = load(npz(tmp_path / "some.npz", images=images))
    assert np.array_equal(data.train.images[..., 0], expected)
    assert note in " ".join(data.notes)
    assert bool(data.notes) == bool(note)


def test_one_array_is_mapped_and_rows_of_pixels_are_squares(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    assert np.array_equal(load(tmp_path / "x.npy").train.images[..., 0], GREY)
    np.save(tmp_path / "rows.npy", COLOUR[:, :8, :8].reshape(12, -1))
    assert load(tmp_path / "rows.npy").shape == (8, 8, 3)
    np.save(tmp_path / "flat.npy", GREY.reshape(12, 80))
    assert "12 rows of 80 numbers; as many as a square has pixels were expected" in refusal(tmp_path / "flat.npy")
    assert load(tmp_path / "flat.npy", table_shape="8x10").shape == (8, 10, 1)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"faces": GREY, "names": LABELS}, "holds faces (12×8×10), names (12); arrays called train_images"),
        ({"images": GREY * 1e9}, "holds pixels from 0 to"),
        ({"images": np.where(GREY > 9, np.nan, 1.0)}, "holds pixels from nan to nan"),
        ({"images": GREY, "labels": LABELS[:5]}, "holds 12 images and"),
        ({"images": GREY, "labels": LABELS + 0.5}, "labels that are no whole numbers from 0"),
        ({"images": GREY, "labels": np.ones((12, 4))}, "4 numbers for each image; one class each was expected"),
        ({"images": np.zeros((3, 8, 8, 4), np.uint8)}, "an array of 3×8×8×4"),
        ({"images": np.array([None, {}], object)}, "objects of Python are not read"),
        ({"x_train": GREY, "train_images": GREY}, "both training images: leave one out"),
        ({"train_images": GREY, "val_images": GREY[:, :8, :8]}, "validation images of another shape"),
        (
            {"train_images": GREY, "val_images": GREY[:3], "train_labels": LABELS[:11], "val_labels": LABELS[:4]},
            "holds 12 images and",
        ),
    ],
)
def test_arrays_that_are_no_set_are_refused_in_words(arrays: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(npz(tmp_path / "some.npz", **arrays))


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    whole = npz(tmp_path / "some.npz", images=GREY, labels=LABELS).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 0xFF
        (tmp_path / "some.npz").write_bytes(damaged)
        with suppress(DatasetError):  # or else it is a set all the same
            load(tmp_path / "some.npz")
    np.save(tmp_path / "x.npy", GREY)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-50])
    assert "is damaged (it is cut short" in refusal(tmp_path / "x.npy")


# -- tables -----------------------------------------------------------------------------------------


def table(path: Path, head: str, rows: list[list[Any]], comma: str = ",") -> Path:
    path.write_text(
        "".join(f"{line}\n" for line in [*([head] if head else []), *(comma.join(map(str, row)) for row in rows)])
    )
    return path


SQUARES = RANDOM.integers(0, 256, (6, 64))
PIXELS = ",".join(f"pixel{number}" for number in range(64))


@pytest.mark.parametrize(
    ("head", "rows", "classes"),
    [
        (f"label,{PIXELS}", [[n % 2, *row] for n, row in enumerate(SQUARES)], ("0", "1")),
        (f"{PIXELS},Class", [[*row, "ab"[n % 2]] for n, row in enumerate(SQUARES)], ("a", "b")),
        (PIXELS, SQUARES.tolist(), ()),
        ("", [[n % 3, *row] for n, row in enumerate(SQUARES)], ("0", "1", "2")),
        ("label," + ",".join(map(str, range(64))), [[n % 2, *row] for n, row in enumerate(SQUARES)], ("0", "1")),
        (",".join(map(str, range(64))), SQUARES.tolist(), ()),
        ("", [[*row, "xy"[n % 2]] for n, row in enumerate(SQUARES)], ("x", "y")),
    ],
)
@pytest.mark.parametrize("comma", [",", ";"])
def test_a_row_is_an_image_with_a_label_first_last_or_none(
    head: str, rows: list[list[Any]], classes: tuple[str, ...], comma: str, tmp_path: Path
) -> None:
    data = load(table(tmp_path / "some.csv", head.replace(",", comma), rows, comma))
    assert data.shape == (8, 8, 1)
    assert np.array_equal(data.train.images.reshape(6, 64), SQUARES)
    assert data.class_names == classes


def test_pixels_of_sixteen_bits_and_of_0_and_1_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    wide = load(table(tmp_path / "wide.csv", "", (SQUARES * 257).tolist()))
    assert np.array_equal(wide.train.images.reshape(6, 64), SQUARES)
    assert "65,535 became 255" in wide.notes[0]
    black = load(table(tmp_path / "black.csv", "", (SQUARES > 99).astype(int).tolist()))
    assert set(np.unique(black.train.images)) == {0, 255}


def test_rows_that_are_no_squares_need_a_shape(tmp_path: Path) -> None:
    path = table(tmp_path / "some.csv", "", [[7] * 80, [9] * 80])
    assert "has 80 columns; a square of pixels was expected, with or without a label" in refusal(path)
    assert load(path, table_shape="8x10").shape == (8, 10, 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,3", "has 3 cells in line 8, and 65 in the first"),
        ("1," + ",".join(["x"] * 64), "has “x” in line 8, where a pixel was expected"),
        ("1," + ",".join(["-5"] * 64), "holds pixels from -5 to"),
    ],
)
def test_a_row_that_is_none_is_refused_with_its_number(line: str, words: str, tmp_path: Path) -> None:
    path = table(tmp_path / "some.csv", f"label,{PIXELS}", [[1, *row] for row in SQUARES])
    path.write_text(path.read_text() + line + "\n")
    assert words in refusal(path)


def test_rows_without_a_label_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [["cat" if number % 2 else "Käse", *SQUARES[number % 6]] for number in range(20)]
    rows[3][0] = ""
    data = load(table(tmp_path / "some.csv", f"label,{PIXELS}", rows))
    assert data.class_names == ("cat", "Käse")
    assert data.left_out == {"line 5 of some.csv": "has no label"}
    assert np.array_equal(data.train.images[3].ravel(), SQUARES[4])
    for number in range(3):
        rows[number][0] = ""
    path = table(tmp_path / "many.csv", f"label,{PIXELS}", rows)
    assert "has no label in 4 of 20 rows, more than one in ten (lines 2, 3, 4, 5): give each one" in refusal(path)


def test_a_number_that_is_missing_among_labels_makes_no_class(tmp_path: Path) -> None:
    rows = [[number % 3, *SQUARES[number % 6]] for number in range(20)]
    rows[7][0] = ""
    data = load(table(tmp_path / "some.csv", f"label,{PIXELS}", rows))
    assert (data.class_names, len(data.train)) == (("0", "1", "2"), 19)


def test_words_with_a_comma_in_quotes_are_one_cell_and_blank_lines_none(tmp_path: Path) -> None:
    rows = [['"cat, big"' if number % 2 else "dog", *row] for number, row in enumerate(SQUARES)]
    path = table(tmp_path / "some.csv", f"label,{PIXELS}", rows)
    assert load(path).class_names == ("cat, big", "dog")
    path.write_text(path.read_text().replace("dog", "\ndog", 1) + "dog,1\n")
    assert "has 2 cells in line 9, and 65 in the first" in refusal(path)


def test_a_character_that_lies_across_the_end_of_the_first_look_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "some.csv", f"label,{PIXELS}", [["Käse", *row] for row in SQUARES])
    monkeypatch.setattr("engine.data.sources.table._START", path.read_bytes().rindex("ä".encode()) + 1)
    assert load(path).class_names == ("Käse",)


def test_how_far_a_table_is_is_told_in_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.sources.table._ROWS", 5)
    path = table(tmp_path / "some.csv", f"label,{PIXELS}", [[1, *SQUARES[number % 6]] for number in range(20)])
    told: list[tuple[int, int]] = []
    load_dataset(DataFiles(str(path)), Reading(lambda done, of: told.append((done, of))))
    assert told[-1] == (20, 20)
    assert [done for done, _ in told] == [0, 5, 10, 15, 20]
    assert all(10 <= of <= 20 for _, of in told[1:])


# -- well-known sets --------------------------------------------------------------------------------


def cifar(folder: Path, hundred: bool = False) -> np.ndarray:
    folder.mkdir()
    images = RANDOM.integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    rows = [bytes([9 - n, n] if hundred else [n]) + image.tobytes() for n, image in enumerate(images)]
    if hundred:
        (folder / "train.bin").write_bytes(b"".join(rows))
        (folder / "test.bin").write_bytes(rows[0])
        (folder / "fine_label_names.txt").write_text("\n".join(f"fine{n}" for n in range(100)))
    else:
        (folder / "data_batch_1.bin").write_bytes(b"".join(rows[:5]))
        (folder / "data_batch_2.bin").write_bytes(b"".join(rows[5:]))
        (folder / "test_batch.bin").write_bytes(rows[3])
        (folder / "batches.meta.txt").write_text(
            "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
        )
    return images.transpose(0, 2, 3, 1)


def test_cifar_10_from_its_folder_one_of_its_files_and_its_archive(tmp_path: Path) -> None:
    images = cifar(tmp_path / "cifar-10-batches-bin")
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-bin", "cifar-10-batches-bin")
    for name in ("cifar-10-batches-bin", "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-binary.tar.gz"):
        data = load(tmp_path / name)
        assert np.array_equal(data.train.images, images)
        assert data.train.labels is not None
        assert data.train.labels.tolist() == list(range(10))
        assert (data.class_names[3], data.test and len(data.test)) == ("cat", 1)


def test_cifar_100_has_its_fine_labels(tmp_path: Path) -> None:
    images = cifar(tmp_path / "cifar-100-binary", hundred=True)
    data = load(tmp_path / "cifar-100-binary")
    assert np.array_equal(data.train.images, images)
    assert data.train.labels is not None
    assert data.train.labels.tolist() == list(range(10))
    assert data.class_names[99] == "fine99"


def test_cifar_for_python_is_refused_with_what_to_take_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "batches.meta"):
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    assert CIFAR.sniff(folder).sure == 1
    assert "download cifar-10-binary.tar.gz or cifar-100-binary.tar.gz" in refusal(folder)


def test_a_damaged_file_of_cifar_is_refused(tmp_path: Path) -> None:
    cifar(tmp_path / "some")
    (tmp_path / "some" / "data_batch_2.bin").write_bytes(b"x" * 3074)
    assert "data_batch_2.bin in" in refusal(tmp_path / "some")


def test_svhn_has_its_tens_as_noughts_and_its_test_images_beside_it(tmp_path: Path) -> None:
    for name, count in (("train_32x32.mat", 10), ("test_32x32.mat", 4)):
        images = np.zeros((8, 9, 3, count), np.uint8)
        images[2, 3, 1] = np.arange(count)
        savemat(tmp_path / name, {"X": images, "y": (np.arange(count) + 1)[:, None]}, do_compression=True)
    data = load(tmp_path / "train_32x32.mat")
    assert data.shape == (8, 9, 3)
    assert data.train.images[:, 2, 3, 1].tolist() == list(range(10))
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert data.test is not None
    assert len(data.test) == 4
    savemat(tmp_path / "other.mat", {"Z": np.zeros(3)})
    assert "holds Z; X with images and y with labels" in refusal(tmp_path / "other.mat")
    cut = (tmp_path / "train_32x32.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(cut[: len(cut) // 2])
    assert "cannot be read" in refusal(tmp_path / "cut.mat")


def test_emnist_stands_upright_with_letters_and_no_empty_class(tmp_path: Path) -> None:
    upright = pictures(26)
    for stem, gz in (("train", True), ("test", False)):
        name = f"emnist-letters-{stem}-images-idx3-ubyte"
        write_idx(tmp_path / (f"{name}.gz" if gz else name), upright.transpose(0, 2, 1), gz=gz)
        write_idx(tmp_path / f"emnist-letters-{stem}-labels-idx1-ubyte", numbers(*range(1, 27)))
    for place in (tmp_path, tmp_path / "emnist-letters-train-images-idx3-ubyte.gz"):
        data = load(place)
        assert np.array_equal(data.train.images[..., 0], upright)
        assert data.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert data.train.labels is not None
        assert np.bincount(data.train.labels).tolist() == [1] * 26
        assert data.test is not None
        assert "turned upright" in data.notes[0]


def test_emnist_balanced_has_its_own_classes(tmp_path: Path) -> None:
    write_idx(tmp_path / "emnist-balanced-train-images-idx3-ubyte", pictures(47))
    write_idx(tmp_path / "emnist-balanced-train-labels-idx1-ubyte", numbers(*range(47)))
    assert load(tmp_path).class_names[9:12] == ("9", "A", "B")


def test_a_file_of_idx_finds_its_labels_and_test_images_by_their_names(tmp_path: Path) -> None:
    for stem, count in (("train", 6), ("t10k", 3)):
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte", pictures(count))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte", numbers(*[n % 2 for n in range(count)]))
    for place in (tmp_path / "train-images-idx3-ubyte", tmp_path):
        data = load(place)
        assert (len(data.train), data.classes, data.test and len(data.test)) == (6, 2, 3)
        assert data.words == "IDX, training images, labels, test images and test labels"
    alone = load(write_idx(tmp_path / "other", pictures()))
    assert (alone.classes, alone.test) == (0, None)


def test_scikit_learns_digits_come_along() -> None:
    data = load_dataset(DataFiles("digits"))
    assert (data.name, data.shape, len(data.train), data.classes) == ("Digits", (8, 8, 1), 1797, 10)
    assert data.train.images.max() == 255


def test_a_known_name_wins_over_a_path_which_is_written_with_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_idx(tmp_path / "digits", pictures())
    assert DataFiles.of({"data": "Digits"}).data == "digits"
    assert DataFiles.of({"data": " MNIST "}) == DataFiles()
    assert load_dataset(DataFiles.of({"data": "./digits"})).name == "digits"


def test_arrays_are_brought_to_a_size_and_to_grey(tmp_path: Path) -> None:
    path = npz(tmp_path / "some.npz", images=COLOUR, labels=LABELS, test_images=COLOUR[:2])
    data = load(path, size="16x16", colour="grey", classes="0,2")
    assert (data.shape, data.class_names, len(data.train)) == ((16, 16, 1), ("0", "2"), 8)
    assert data.test is not None
    assert data.test.shape == (16, 16, 1)
    assert data.sizes == {(8, 10): 10}


def test_a_bomb_of_gzip_in_idx_takes_memory_for_what_is_there(tmp_path: Path) -> None:
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 4_000_000_000, 200, 200)
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(head + bytes(1000))
    assert "is cut short" in refusal(tmp_path / "train-images-idx3-ubyte.gz")
    promise = io.BytesIO()
    np.lib.format.write_array_header_1_0(promise, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 8, 8)})
    (tmp_path / "x.npy").write_bytes(promise.getvalue() + bytes(640))
    assert "is damaged (it is cut short" in refusal(tmp_path / "x.npy")
    os.truncate(tmp_path / "x.npy", 20)
    assert "is damaged" in refusal(tmp_path / "x.npy")
