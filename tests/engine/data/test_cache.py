"""A set is read once, and again where its files are not as they were."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.data import cache
from engine.data.cache import KEPT, load
from engine.errors import DatasetError
from engine.specs.data_files import DataFiles
from tests.idx import write_idx


@pytest.fixture(autouse=True)
def nothing_read() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


def images(path: Path, value: int, *, age: float = 60) -> DataFiles:
    """A set of four images of one brightness, written so many seconds ago."""
    write_idx(path, np.full((4, 8, 8), value, np.uint8))
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return DataFiles(images=path)


def test_a_set_is_read_once(tmp_path: Path) -> None:
    files = images(tmp_path / "images", 7)
    assert load(files) is load(files)
    assert load() is load(DataFiles())


def test_a_file_that_was_changed_in_place_is_read_again(tmp_path: Path) -> None:
    before = load(images(tmp_path / "images", 7))
    after = load(images(tmp_path / "images", 9, age=30))
    assert (before.train.images.max(), after.train.images.max()) == (7, 9)


def test_a_file_that_another_was_put_in_the_place_of_is_read_again(tmp_path: Path) -> None:
    files = images(tmp_path / "images", 7)
    before = load(files)
    images(tmp_path / "other", 9)
    shutil.copystat(tmp_path / "images", tmp_path / "other")  # the same size, and the same time
    (tmp_path / "other").replace(tmp_path / "images")
    assert load(files).digest != before.digest


def test_a_file_that_was_written_just_now_may_change_unseen_and_is_not_kept(tmp_path: Path) -> None:
    files = images(tmp_path / "images", 7, age=0)
    assert load(files) is not load(files)


def test_after_a_look_that_took_long_files_are_not_looked_at_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LONG_SECONDS", -1)
    monkeypatch.setattr(cache, "SEEN_SECONDS", 3600)
    before = load(images(tmp_path / "images", 7))
    assert load(images(tmp_path / "images", 9, age=30)) is before
    cache.look_anew()
    assert load(DataFiles(images=tmp_path / "images")).train.images.max() == 9


def test_the_same_images_under_another_name_are_another_set(tmp_path: Path) -> None:
    files = images(tmp_path / "cats", 7)
    (tmp_path / "dogs").hardlink_to(tmp_path / "cats")
    assert (load(files).name, load(DataFiles(images=tmp_path / "dogs")).name) == ("cats", "dogs")


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    first = load(every := images(tmp_path / "first", 1))
    for number in range(KEPT):
        load(images(tmp_path / f"more-{number}", number))
    assert load(every) is not first


def test_a_file_that_is_gone_is_told_of_though_it_was_read(tmp_path: Path) -> None:
    files = images(tmp_path / "images", 7)
    load(files)
    (tmp_path / "images").unlink()
    with pytest.raises(DatasetError, match="does not exist"):
        load(files)


def test_whatever_reads_images_reads_them_through_the_cache() -> None:
    root = Path(cache.__file__).parents[2]
    code = {path.name: path.read_text() for room in ("engine", "cae_tui") for path in (root / room).rglob("*.py")}
    assert {name for name, text in code.items() if "load_dataset(" in text} == {"cache.py", "datasets.py"}
