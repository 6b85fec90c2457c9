"""The file of each image of a folder, found again in the order of the set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.datasets import load_dataset
from engine.data.file_names import file_names
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.pictures import a_set, picture, pixels, write_folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", a_set(20, 6, ("cat", "dog")) | {"train/cat/torn.png": b"torn"})


@pytest.mark.parametrize("wishes", [{}, {"classes": "dog"}, {"limit_per_class": 7}])
def test_each_image_is_that_of_its_file(pets: Path, wishes: dict[str, Any]) -> None:
    data = load_dataset(DataFiles(str(pets), preprocessing=Preprocessing(**wishes)))
    assert data.test is not None
    for names, images in zip(file_names(data), (data.train, data.test), strict=True):
        assert len(names) == len(images) > 0
        for name, image in zip(names, images.images, strict=True):
            assert np.array_equal(pixels((pets / name).read_bytes()), image)


def test_a_folder_that_has_other_files_by_now_names_none(pets: Path) -> None:
    data = load_dataset(DataFiles(str(pets)))
    (pets / "train" / "cat" / "new.png").write_bytes(picture(9))
    training, test = file_names(data)
    assert training == ()
    assert data.test is not None
    assert len(test) == len(data.test)


def test_what_is_no_folder_names_none() -> None:
    assert file_names(load_dataset(DataFiles("digits"))) == ((), ())
