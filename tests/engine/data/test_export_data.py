"""A set that is written for other programs is the same set when it is read again."""

from pathlib import Path

import numpy as np
import pytest

from engine.data.datasets import ImageData, load_dataset
from engine.data.export import FORMATS, export_data
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.pictures import a_set, picture, write_folder


def told(done: int, of: int) -> None:
    assert 0 <= done <= of


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_as_it_was(form: str, mode: str, tmp_path: Path) -> None:
    files = a_set(5, 2, ("a/b"[0], "two words"), mode=mode)
    files |= {f"val/{name}/1.png": picture(70 + n, mode=mode) for n, name in enumerate(("a", "two words"))}
    data = load_dataset(DataFiles(str(write_folder(tmp_path / "set", files))))
    target = tmp_path / ("out.npz" if form == "npz" else "out")
    export_data(data, target, form, told)
    again = load_dataset(DataFiles(str(target)))
    assert again.class_names == data.class_names
    assert again.shape == data.shape
    assert (again.digest, again.validation) == (data.digest, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["set", target.name])


def test_classes_that_no_file_name_tells_apart_stay_two_and_a_set_is_not_written_into_itself(tmp_path: Path) -> None:
    names = ("a/b", "a:b")
    path = tmp_path / "some.npz"
    np.savez(path, images=np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8), labels=np.array(names * 2))
    data = load_dataset(DataFiles(str(path)))
    export_data(data, tmp_path / "out", "folder", told)
    assert load_dataset(DataFiles(str(tmp_path / "out"))).classes == 2
    with pytest.raises(DatasetError, match="lies in the set itself"):
        export_data(load_dataset(DataFiles(str(tmp_path / "out"))), tmp_path / "out" / "more", "folder", told)
    with pytest.raises(DatasetError, match="would be a folder"):
        export_data(data, tmp_path / "out.zip", "folder", told)


def some(tmp_path: Path) -> ImageData:
    return load_dataset(DataFiles(str(write_folder(tmp_path / "set", a_set(3, 1)))))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_written_over_and_nothing_is_left_where_it_is_given_up(form: str, tmp_path: Path) -> None:
    data = some(tmp_path)
    (tmp_path / "there").write_text("mine")
    with pytest.raises(DatasetError, match="is there already: choose another name"):
        export_data(data, tmp_path / "there", form, told)
    assert (tmp_path / "there").read_text() == "mine"

    def give_up(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_data(data, tmp_path / "new", form, give_up)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "there"]
