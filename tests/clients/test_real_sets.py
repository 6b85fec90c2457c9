"""Sets that people really have: an icon theme with thousands of PNGs by folder, Fashion-MNIST, photographs.

They come from Debian's packages, which `make test-clients` unpacks into `build/clients`.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from engine.data import cache
from engine.data.datasets import load_dataset
from engine.data.keeping import keep_in
from engine.data.walk import walk
from engine.specs.data_files import DataFiles
from engine.specs.preprocessing import Preprocessing
from tests.pictures import write_folder

FOLDER = Path(__file__).parents[2] / "build" / "clients" / "usr" / "share"


def test_an_icon_theme_with_palettes_alpha_and_links_is_read_whole(tmp_path: Path) -> None:
    place = FOLDER / "icons" / "oxygen" / "base"
    keep_in(tmp_path)
    try:
        data = cache.load(DataFiles(str(place), preprocessing=Preprocessing(size="32x32", background="white")))
        count = sum(entry.name.endswith(".png") for entry in walk(place))
        assert len(data.train) + len(data.left_out) == count > 5_000
        assert len(data.left_out) <= count // 100
        assert data.shape == (32, 32, 3)
        assert "actions" in data.class_names
        assert len(data.sizes) >= 8
        cache.forget()
        assert cache.load(DataFiles(str(place), preprocessing=Preprocessing(size="32x32", background="white"))).digest
    finally:
        keep_in(None)
        cache.forget()


def test_fashion_mnist_is_found_by_its_folder() -> None:
    data = load_dataset(DataFiles(str(FOLDER / "datasets" / "fashion-mnist")))
    assert (data.name, len(data.train), data.classes) == ("fashion-mnist", 60_000, 10)
    assert data.test is not None
    assert len(data.test) == 10_000


@pytest.mark.parametrize("form", ["png", "jpg"])
def test_photographs_cut_into_tiles_are_told_apart_by_their_folders(form: str, tmp_path: Path) -> None:
    files = {}
    sample = load_sample_images()
    for name, photograph in zip(sample.filenames, sample.images, strict=True):
        for row in range(0, 384, 64):
            for column in range(0, 640, 64):
                path = tmp_path / f"tile.{form}"
                Image.fromarray(photograph[row : row + 64, column : column + 64]).save(path, quality=95)
                files[f"{Path(name).stem}/{row:03}-{column:03}.{form}"] = path.read_bytes()
    data = load_dataset(DataFiles(str(write_folder(tmp_path / "tiles", files))))
    assert (data.shape, len(data.train), data.class_names) == ((64, 64, 3), 120, ("china", "flower"))
    first = sample.images[0][:64, :64].astype(int)
    assert np.abs(data.train.images[0].astype(int) - first).mean() < (0.1 if form == "png" else 4)
