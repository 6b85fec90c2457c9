"""Bars and dots, and models that were trained on them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from cae_tui.api import train

NAMES = ("bar", "dot")
SMALL: dict[str, Any] = {"layers": 4, "kernels": 4, "latent": 6, "batch_size": 16, "device": "cpu", "progress": False}
SHORT: dict[str, Any] = {"frozen_epochs": 2, "finetune_epochs": 20, "fc_units": 8, "device": "cpu", "progress": False}


def drawn(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Light bars and dots on dark, shape (n, 8, 8), and which each is."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 20, (count, 8, 8), dtype=np.uint8)  # no two are alike
    labels = np.array(NAMES)[np.arange(count) % 2]
    for image, label, (x, y), shade in zip(
        images, labels, random.integers(2, 5, (count, 2)), random.integers(200, 250, count), strict=True
    ):
        if label == "bar":
            image[1:7, x] = shade
        else:
            image[y : y + 2, x : x + 2] = shade
    return images, labels


class Trained(NamedTuple):
    """A home, and the ids of the runs in it."""

    home: Path
    autoencoder: str
    classifier: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """An autoencoder and a classifier on it; look, but do not touch."""
    home = tmp_path_factory.mktemp("api") / "home"
    first = train("autoencoder", data=drawn(120), test_data=drawn(20, 1), epochs=12, home=home, **SMALL)
    first.wait()
    second = train("classifier", encoder=first.run, home=home, **{**SHORT, "batch_size": 16})
    second.wait()
    return Trained(home, first.run, second.run)
