"""Bars and dots, and an autoencoder and a classifier of them: models for a test, trained in a second."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cae_tui.cli.main import main
from engine.data import cache
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from tests.pictures import write_folder

NAMES = ("bar", "dot")


def drawn(name: str, seed: int, *, size: int = 8, inverted: bool = False) -> Image.Image:
    """A light bar or dot on dark, in a place of its own."""
    random = np.random.default_rng(seed)
    image = np.zeros((8, 8), np.uint8)
    x, y = random.integers(2, 5, 2)
    if name == "bar":
        image[1:7, x] = 200 + random.integers(0, 50, 6)  # no two are the same
    else:
        image[y : y + 2, x : x + 2] = 200 + random.integers(0, 50, (2, 2))
    return Image.fromarray(255 - image if inverted else image).resize((size, size))


def content(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def train_shapes(folder: Path) -> tuple[Home, dict[str, str], Path]:
    """A home with an autoencoder and a classifier of bars and dots, their ids, and new pictures."""
    files = {f"train/{name}/{n}.png": content(drawn(name, n)) for name in NAMES for n in range(60)}
    files |= {f"test/{name}/{n}.png": content(drawn(name, 1000 + n)) for name in NAMES for n in range(10)}
    data = write_folder(folder / "shapes", files)
    home = folder / "home"
    few = ["--layers", "4", "--kernels", "4", "--batch-size", "16", "--json", "--device", "cpu", "--home", str(home)]
    ids: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        for kind, words in (
            ("autoencoder", ["--data", str(data), "--epochs", "6", *few]),
            ("classifier", ["--frozen-epochs", "4", "--finetune-epochs", "12", *few[4:]]),
        ):
            out = io.StringIO()
            patch.setattr("sys.stdout", out)
            encoder = ["--encoder", ids["autoencoder"]] if kind == "classifier" else []
            assert main([kind, *encoder, *words]) == 0, out.getvalue()
            ids[kind] = json.loads(out.getvalue().splitlines()[-1])["id"]
    keep_in(None)
    cache.forget()
    new = {f"{name}/{n}.png": content(drawn(name, 2000 + n, size=24)) for name in NAMES for n in range(5)}
    return Home(home), ids, write_folder(folder / "new", new)
