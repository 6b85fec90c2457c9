"""Sets that are larger than memory: read in windows, in an order that the seed and the epoch alone decide."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine import jobs
from engine.data import cache, datasets, streaming
from engine.data.batches import DeviceImages
from engine.data.datasets import ImageSet
from engine.data.keeping import keep_in
from engine.data.streaming import FileRows, StreamedImages, device_images, windows_of
from engine.data.streams import ORDER, generator
from engine.errors import DatasetError
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.engine.conftest import train
from tests.engine.tiny import tiny
from tests.engine.training.test_training import assert_equal, start_and_stop, weights
from tests.pictures import a_set, write_folder

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 4 images of 8×8, windows of 16, and every set is taken for large."""
    for module in (datasets, streaming):
        monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 64)
        monkeypatch.setattr(module, "WINDOW_BYTES", 16 * 64)
    monkeypatch.setattr(datasets, "FROM_DISK_BYTES", 100)
    monkeypatch.setattr(streaming, "evaluation_batch", lambda _: 5)


def a_file(tmp_path: Path, count: int = 160) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=images.shape)
    return ImageSet(mapped, (np.arange(count) % 7).astype(np.uint8), from_disk=True)


def test_the_order_of_a_large_set_has_every_image_once_and_keeps_blocks_together(tmp_path: Path) -> None:
    images = a_file(tmp_path)
    order = images.epoch_order(1, 2)
    assert sorted(order) == list(range(160))
    assert np.array_equal(order, images.epoch_order(1, 2))
    assert not np.array_equal(order, images.epoch_order(1, 3))
    assert not np.array_equal(order, images.epoch_order(2, 2))
    for start in range(0, 160, 16):  # a window has four blocks, all of each
        assert len(set(order[start : start + 16] // 4)) == 4
    assert not np.array_equal(order[:16] // 4, np.sort(order[:16] // 4))  # mixed within


def test_a_set_that_fits_has_the_order_that_it_always_had() -> None:
    plain = ImageSet(np.zeros((50, 8, 8, 1), np.uint8))
    assert np.array_equal(plain.epoch_order(3, 4), generator(3, ORDER, 4).permutation(50))


@pytest.mark.parametrize("kept", [np.arange(160), np.arange(0, 160, 3), np.arange(7)])
def test_windows_are_cut_where_blocks_end_and_have_a_batch_each(tmp_path: Path, kept: np.ndarray) -> None:
    order = a_file(tmp_path).epoch_order(0, 1)
    rows = order[np.isin(order, kept)]
    for least in (1, 5, 40):
        bounds = windows_of(rows, 4, 16, least)
        sizes = np.diff(bounds)
        assert (bounds[0], bounds[-1]) == (0, len(rows))
        assert (sizes[:-1] >= least).all()
        assert sizes.max() <= 16 + least


@pytest.mark.parametrize("batch", [3, 8, 16, 33])
def test_batches_are_those_of_a_set_in_memory(batch: int, tmp_path: Path) -> None:
    images = a_file(tmp_path)
    resident, streamed = DeviceImages(images, CPU), StreamedImages(images, CPU, batch)
    for seed in (0, 1):
        order = images.epoch_order(seed, 1)
        ours, others = streamed.indices(order), resident.indices(order)
        for start in range(0, len(order), batch):
            part = slice(start, start + batch)
            for one, other in zip(streamed.batch(ours[part]), resident.batch(others[part]), strict=True):
                assert one is not None
                assert other is not None
                assert torch.equal(one, other)
    shuffled = np.random.default_rng(5).permutation(160)  # an order that keeps nothing together
    found = [labels for (_, labels), _ in streamed.each(shuffled, lambda *pair: pair)]
    assert torch.cat(found).tolist() == (shuffled % 7).tolist()


def test_an_epoch_may_be_gone_on_with_from_its_midst_and_given_up(tmp_path: Path) -> None:
    images = a_file(tmp_path)
    streamed = StreamedImages(images, CPU, 8)
    order = images.epoch_order(0, 1)
    first = streamed.indices(order)
    first[0:8]
    later = streamed.indices(order)
    batch, labels = streamed.batch(later[96:104])
    assert labels is not None
    assert labels.tolist() == (order[96:104] % 7).tolist()
    assert torch.equal(
        (batch * 255).round().to(torch.uint8)[:, 0], torch.from_numpy(images.take(order[96:104])[..., 0])
    )


@pytest.mark.parametrize("rows", [[3], [149, 0, 75], list(range(160)), [5, 5, 6]])
def test_rows_are_read_in_the_order_asked_for_of_a_part_of_a_file_too(rows: list[int], tmp_path: Path) -> None:
    whole = a_file(tmp_path, 200).images
    part = FileRows(whole[20:190])
    into = np.empty((len(rows), 8, 8, 1), np.uint8)
    part.read(np.array(rows), into)
    assert np.array_equal(into, whole[20:190][rows])
    part.close()
    memory = FileRows(np.array(whole))
    memory.read(np.array(rows), into)
    assert np.array_equal(into, whole[rows])


def test_a_file_that_is_cut_meanwhile_is_refused_in_words(tmp_path: Path) -> None:
    images = a_file(tmp_path)
    streamed = StreamedImages(images, CPU, 8)
    with (tmp_path / "images").open("r+b") as file:
        file.truncate(64 * 10)
    order = streamed.indices(np.arange(160))
    with pytest.raises(DatasetError, match="The images cannot be read any more"):
        order[140:148]


def test_training_on_a_large_set_is_resumed_bit_for_bit_and_equal_to_training_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.forget()
    keep_in(tmp_path / "home" / "data")
    try:
        home = Home(tmp_path / "home")
        spec = tiny({"data": write_folder(tmp_path / "pets", a_set(40, 6))}, epochs=3)
        whole, result, _ = train(home, spec)
        assert isinstance(device_images(cache.load(spec.files).train, CPU, 8), StreamedImages)
        stopped, _ = start_and_stop(home, spec, EpochEnded, 1)
        assert jobs.resume(stopped, lambda event: None, Flag()).state == "finished"
        assert_equal(weights(stopped), weights(whole))
        monkeypatch.setattr("engine.jobs.device_images", lambda images, device, _: DeviceImages(images, device))
        resident, other, _ = train(home, spec)
        assert_equal(weights(resident), weights(whole))
        assert other.test_loss == result.test_loss
    finally:
        keep_in(None)
        cache.forget()
