"""Digits as a telephone would photograph them, and how many of them `predict` answers rightly.

    .venv/bin/python benchmarks/photographs.py MODEL [--count 1000] [--json FILE] [--keep FOLDER]

MODEL is a classifier of MNIST, a run or a model file. The photographs are made of MNIST's test images: dark ink on
light paper of 4:3, upright or across, the digit anywhere, a quarter to two thirds of the short side long and turned by
up to 8 degrees, light from one side, in two of three a shadow across it, noise of the sensor, JPEG. Nothing was
photographed: lines on the paper, a pencil or another hand may do worse.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.common import write
from engine.data.cache import load
from engine.evaluation.answers import answers_to
from engine.evaluation.given import given_images
from engine.evaluation.model import load_model
from engine.runs.directory import Home, default_home
from engine.specs.data_files import DataFiles

SHORT = (120, 240)
"""Pixels of the short side."""
LONG = (0.25, 0.66)
"""The longer side of the digit, of the short side of the picture."""


def photograph(digit: NDArray[np.uint8], seed: int) -> Image.Image:
    """A photograph of `digit`, an image of MNIST (28, 28)."""
    draw = np.random.default_rng(seed)
    short = int(draw.integers(*SHORT))
    width, height = (short, short * 4 // 3) if draw.random() < 0.5 else (short * 4 // 3, short)
    rows, columns = np.nonzero(digit)
    ink = Image.fromarray(digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = draw.uniform(*LONG) * short / max(ink.size)
    ink = ink.resize([max(round(side * scale), 1) for side in ink.size], Image.Resampling.BICUBIC)
    ink = ink.rotate(draw.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True)
    left, top = (int(draw.integers(4, room - side - 4)) for room, side in zip((width, height), ink.size, strict=True))
    drawn = np.zeros((height, width))
    drawn[top : top + ink.height, left : left + ink.width] = np.asarray(ink) / 255

    down, across = np.mgrid[0:height, 0:width] / short
    turn = draw.uniform(0, 2 * np.pi)
    light = 1 - draw.uniform(0.05, 0.3) * (np.cos(turn) * (across - 0.5) + np.sin(turn) * (down - 0.5) + 0.7)
    if draw.random() < 2 / 3:
        turn, edge = draw.uniform(0, 2 * np.pi), draw.uniform(0.005, 0.1)
        far = np.cos(turn) * (across - draw.uniform(0.3, 0.9)) + np.sin(turn) * (down - draw.uniform(0.3, 0.9))
        light *= 1 - draw.uniform(0.2, 0.45) / (1 + np.exp(np.clip(far / edge, -50, 50)))
    paper, dark = draw.uniform(190, 250), draw.uniform(20, 80)
    seen = (paper + (dark - paper) * drawn) * light + draw.normal(0, draw.uniform(1, 4), drawn.shape)
    image = Image.fromarray(seen.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 1)))


def fill(folder: Path, count: int, ending: str = "jpg") -> None:
    """Put photographs of MNIST's first test images into a folder for each class."""
    test = load(DataFiles()).test
    assert test is not None
    assert test.labels is not None
    for row in range(count):
        place = folder / str(test.labels[row])
        place.mkdir(parents=True, exist_ok=True)
        photograph(test.images[row, :, :, 0], row).save(place / f"{row:05}.{ending}", quality=85)


def measure(home: Home, named: str, folder: Path, centre: str) -> dict[str, float]:
    """What `predict --centre` comes to on the photographs in `folder`."""
    model = load_model(home, named)
    found = answers_to(model, given_images(model, [str(folder)]), centre=centre)
    labels = found.given.labels
    assert labels is not None
    wrong = found.predicted != labels
    doubted = found.unsure | found.blank | (found.unlike if found.unlike is not None else False)
    return {
        "pictures": len(labels),
        "right": float(1 - wrong.mean()),
        "marked": float(doubted.mean()),
        "right_of_unmarked": float(1 - wrong[~doubted].mean()) if not doubted.all() else 0.0,
        "wrong_and_unmarked": int((wrong & ~doubted).sum()),
    }


def main() -> None:
    """Make the photographs, ask about them with and without centring, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a new folder that the photographs stay in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        fill(folder, options.count)
        rows = {centre: measure(Home(options.home), options.model, folder, centre) for centre in ("no", "auto")}
    for centre, row in rows.items():
        print(
            f"--centre {centre:<5} right {100 * row['right']:5.1f} %   marked {100 * row['marked']:5.1f} %   "
            f"right of the others {100 * row['right_of_unmarked']:5.1f} %   wrong without a mark "
            f"{row['wrong_and_unmarked']} of {row['pictures']:,}"
        )
    write(options.json, rows)


if __name__ == "__main__":
    main()
