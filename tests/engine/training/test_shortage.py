"""Too little memory, a full disk, files that vanish: a run goes on where it can, and else says what to do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import jobs
from engine.data.batches import EVALUATION_BATCH, GPU_EVALUATION_BATCH, DeviceImages, evaluation_batch
from engine.data.datasets import ImageSet
from engine.errors import ModelFileError
from engine.protocol.control import Flag
from engine.runs.directory import Home
from tests.engine.conftest import small, small_classifier, train
from tests.engine.training.test_training import Trained, assert_equal, losses, weights


@pytest.mark.parametrize(
    ("device", "side", "images"),
    [
        ("cpu", 28, EVALUATION_BATCH),
        ("cuda", 28, GPU_EVALUATION_BATCH),
        ("cuda", 64, 512),
        ("cuda", 256, EVALUATION_BATCH),
    ],
)
def test_a_gpu_evaluates_larger_batches_where_images_are_small(device: str, side: int, images: int) -> None:
    stand_in: Any = SimpleNamespace(device=torch.device(device), shape=(10, side, side, 1))
    assert evaluation_batch(stand_in) == images


OF_A_GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
SHORTAGES = {
    "a GPU": OF_A_GPU,
    "torch on a CPU": RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1073741824 bytes."
    ),
    "cuDNN": RuntimeError("FIND was unable to find an engine to execute this computation"),
    "numpy": MemoryError("Unable to allocate 1.00 GiB for an array with shape (256, 64, 64, 256)"),
    "Python": MemoryError(),
}


class Small:
    """Memory that suffices for so many images a time."""

    def __init__(self, most: int, monkeypatch: pytest.MonkeyPatch, error: Exception = OF_A_GPU) -> None:
        self.sizes: list[int] = []
        batch = DeviceImages.batch

        def take(images: DeviceImages, indices: Tensor) -> tuple[Tensor, Tensor | None]:
            self.sizes.append(len(indices))
            if len(indices) > most:
                raise error
            return batch(images, indices)

        monkeypatch.setattr(DeviceImages, "batch", take)


@pytest.mark.parametrize("most", [1, 3, 100, EVALUATION_BATCH])
def test_an_evaluation_takes_smaller_batches_where_memory_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 2, 2, 1), dtype=np.uint8)
    images = DeviceImages(ImageSet(pixels, None), torch.device("cpu"))
    memory = Small(most, monkeypatch)
    indices = np.arange(300)[::-1].copy()
    for _ in range(2):
        found = list(images.each(indices, lambda batch, _: batch.clone()))
        assert torch.equal(torch.cat([batch for batch, _ in found]).mul(255).round().byte().permute(0, 2, 3, 1),
                           torch.from_numpy(pixels[::-1].copy()))  # fmt: skip
        assert sum(count for _, count in found) == 300
        refused = sum(size > most for size in memory.sizes)
    assert refused == sum(size > most for size in memory.sizes)  # the second evaluation knows it from the first
    assert max(memory.sizes[-300 // most :]) <= most


def test_what_is_no_want_of_memory_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    images = DeviceImages(ImageSet(np.zeros((4, 2, 2, 1), np.uint8), None), torch.device("cpu"))

    def wrong(*_: object) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(images.each(np.arange(4), wrong))


def test_a_run_whose_evaluation_has_too_little_memory_ends_as_any_other(
    home: Home, files: dict[str, Path], autoencoder: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Small(64, monkeypatch)  # a batch of the run's own, and less than the test images
    run, result, events = train(home, small(files))
    assert max(memory.sizes) == 200
    assert result.state == "finished"
    assert_equal(weights(run), weights(autoencoder[0]))
    assert losses(events) == pytest.approx(losses(autoencoder[2]))
    assert result.test_mse == pytest.approx(autoencoder[1].test_mse)


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        (64, "at batch size 64: try 32, or fewer kernels or layers."),
        (1, "at batch size 1: try fewer kernels or layers."),
    ],
)
def test_out_of_memory_advises_what_can_be_done(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, size: int, advice: str
) -> None:
    Small(0, monkeypatch)
    _, result, _ = train(home, small(files, batch_size=size))
    assert result.state == "failed"
    assert result.message == f"The cpu is out of memory {advice}"


@pytest.mark.parametrize("error", SHORTAGES)
def test_whoever_is_out_of_memory_the_advice_is_the_same_and_the_run_can_go_on(
    home: Home, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    with monkeypatch.context() as patch:
        Small(0, patch, SHORTAGES[error])
        run, result, _ = train(home, small(files, epochs=1))
    assert result.message == "The cpu is out of memory at batch size 64: try 32, or fewer kernels or layers."
    assert jobs.resume(run, lambda event: None, Flag()).state == "finished"


def test_an_encoder_that_vanishes_while_its_run_is_made_is_told_in_words(
    home: Home, files: dict[str, Path], autoencoder: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    spec = small_classifier(files, str(autoencoder[0].model))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", gone)
        with pytest.raises(ModelFileError, match="cannot be read any more"):
            jobs.start(home, spec, lambda event: None, Flag())
    assert home.ids() == []
