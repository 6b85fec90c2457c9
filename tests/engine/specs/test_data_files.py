"""The four files of an image set, and what such a set is called."""

import json
from pathlib import Path

import pytest

from engine import preparation
from engine.data.datasets import MNIST_DIGEST, load_dataset
from engine.runs.directory import Home
from engine.specs.data_files import FIELDS, DataFiles, shape_words
from engine.storage.files import read_json
from tests.engine.tiny import tiny, write_files


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (None, "MNIST"),
        ("/data/digits.idx.gz", "digits"),
        ("/data/Fashion-MNIST/train-images-idx3-ubyte.gz", "Fashion-MNIST"),
        ("/data/FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST"),
        ("/data/plankton/train/images.idx", "plankton"),
        ("/images", "images"),
        ("/data/" + "x" * 60 + "y.idx", "x" * 40 + "…"),
        ("/data/evil\x1b[31m.idx", "evil�[31m"),
    ],
)
def test_a_set_is_called_like_its_images_or_their_folder_where_that_tells_more(path: str | None, name: str) -> None:
    assert DataFiles(images=None if path is None else Path(path)).name == name


def test_files_are_read_from_text_and_written_as_text() -> None:
    files = DataFiles.of({"images": " a ", "labels": "", "test_images": None, "kernels": "3"})
    assert files == DataFiles(images=Path("a"))
    usual = dict.fromkeys(FIELDS, "") | {"fit": "pad", "colour": "auto", "background": "black"}
    assert files.text == usual | {"images": "a"}
    wanted = {"data": "/b", "size": "32x48", "limit_per_class": "7", "classes": "cat, dog"}
    assert DataFiles.of(wanted).text == usual | wanted
    assert DataFiles.of(DataFiles.of(wanted).text) == DataFiles.of(wanted)


def test_the_first_file_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").touch()
    files = DataFiles(images=tmp_path / "images", labels=tmp_path / "labels")
    assert files.gone == tmp_path / "labels"
    assert DataFiles().gone is None


def test_the_shape_of_an_image_stands_in_words() -> None:
    assert shape_words((28, 28, 1)) == "28×28 grey"
    assert shape_words((8, 64, 3)) == "8×64 colour"
    assert shape_words(()) == ""


def test_another_copy_of_mnist_is_mnist() -> None:
    assert load_dataset().digest == MNIST_DIGEST


def test_a_status_names_the_data_and_an_old_one_has_the_name_from_its_spec(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    (tmp_path / "blobs").mkdir()
    spec = tiny(write_files(tmp_path / "blobs"))
    run = preparation.create(home, spec).run
    data = load_dataset(spec.files)
    about = ("blobs", data.digest, data.images_digest)
    told = run.read_status()
    assert (told.data, told.data_digest, told.images_digest) == about
    values = read_json(run.status)
    del values["data"], values["data_digest"], values["images_digest"]
    run.status.write_text(json.dumps(values))
    (listed,) = home.list_runs()
    assert (listed.data, listed.data_digest, listed.images_digest) == about
    written = read_json(run.spec)
    del written["data"]["images_digest"]  # as earlier versions wrote it
    run.spec.write_text(json.dumps(written))
    assert run.read_status().images_digest == ""
    assert preparation.reopen(run).data.digest == data.digest
    run.spec.write_text("{")
    assert run.read_status().data == ""
