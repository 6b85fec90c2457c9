"""Doubtful labels: how many planted wrong labels are among the first, how long that takes, and a published check.

    .venv/bin/python benchmarks/doubts.py [SET] [--seeds 3] [--json FILE]
    .venv/bin/python benchmarks/doubts.py --published RUN [--home FOLDER]

SET is MNIST's 60,000 training images where none is named. 3 % of the labels are flipped, to any other class at random,
and again to the class that is most confused with theirs, by quick classifiers on the labels as they are. Test images
have no part in it. The second form asks a finished classifier about the test images of MNIST: of fifteen of them fewer
than three of five people agreed with the label. Nothing is chosen by it.
"""

import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from engine.data.cache import load
from engine.data.datasets import ImageSet
from engine.data.keeping import keep_in
from engine.device import choose_device, cores
from engine.evaluation.doubts import doubts_of_run, likely_wrong, scores_of
from engine.evaluation.folds import out_of_fold
from engine.evaluation.model import load_model
from engine.preparation import images_of
from engine.protocol.control import Flag
from engine.runs.directory import Home, default_home
from engine.specs.data_files import DataFiles, data_of

SHARE, FIRST = 0.03, 0.04
DOUBTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
"""MNIST's test images with whose label fewer than three of five people agreed."""
AMONG = (15, 50, 100, 200)

Labels = NDArray[np.uint8]


def probabilities(images: ImageSet, classes: int, seed: int) -> NDArray[np.float32]:
    """Of every image, by what has not learned from it."""
    device = choose_device("auto", "auto", cores())
    return out_of_fold(images, classes, device, seed, Flag(), lambda *_: None)


def most_confused(labels: Labels, found: NDArray[np.float32]) -> Labels:
    """For each class the one that its images are taken for most often."""
    counts = np.zeros((found.shape[1],) * 2, int)
    np.add.at(counts, (labels, found.argmax(1)), 1)
    np.fill_diagonal(counts, -1)
    return counts.argmax(1).astype(np.uint8)


def flipped(labels: Labels, classes: int, confused: Labels | None, seed: int) -> tuple[Labels, NDArray[np.int64]]:
    """With wrong labels, and where they are: any other class, or the one that `confused` has for theirs."""
    drawn = np.random.default_rng(seed)
    rows = drawn.choice(len(labels), round(SHARE * len(labels)), replace=False)
    wrong = labels.copy()
    others = (labels[rows] + drawn.integers(1, classes, len(rows))) % classes
    wrong[rows] = others if confused is None else confused[labels[rows]]
    return wrong, rows


def planted(named: str | None, seeds: int) -> dict[str, Any]:
    """The share of planted wrong labels among the first, and the seconds."""
    data = load(DataFiles(None if named is None else data_of(named)))
    images, labels, classes = data.train.images, data.train.labels, data.classes
    assert labels is not None
    confused = most_confused(labels, probabilities(ImageSet(images, labels), classes, seeds))
    found: dict[str, Any] = {"set": data.name, "images": len(images)}
    for name, to in (("at random", None), ("most confused", confused)):
        rows = []
        for seed in range(seeds):
            wrong, places = flipped(labels, classes, to, seed)
            begun = time.perf_counter()
            answers = probabilities(ImageSet(images, wrong), classes, seed)
            given = wrong.astype(np.int64)
            order = np.argsort(scores_of(answers, given), kind="stable")
            seconds = time.perf_counter() - begun
            among = float(np.isin(order[: round(FIRST * len(images))], places).sum() / len(places))
            likely = likely_wrong(answers, given)
            other = answers.copy()
            other[np.arange(len(given)), given] = -1
            margins = answers[np.arange(len(given)), given] - other.max(1)
            by_difference = np.argsort(margins, kind="stable")[: round(FIRST * len(images))]
            difference = float(np.isin(by_difference, places).sum() / len(places))
            rows.append({"seed": seed, "among": among, "by_difference": difference, "seconds": seconds,
                         "likely": likely, "planted": len(places)})  # fmt: skip
            print(f"{data.name}, {name}, seed {seed}: {among:.1%} among the first {FIRST:.0%} "
                  f"({difference:.1%} by the difference of probabilities), {seconds:.0f} s; "
                  f"{likely:,} counted, {len(places):,} planted", flush=True)  # fmt: skip
        found[name] = rows
        among, seconds = (mean(row[what] for row in rows) for what in ("among", "seconds"))
        print(f"{data.name}, {name}: {among:.1%}, {seconds:.0f} s")
    return found


def published(home: Home, run: str) -> dict[str, Any]:
    """How many of the fifteen are among the first of a finished classifier's ranking of the test images."""
    directory = home.find(run)
    data, _, validation = images_of(directory)
    model = load_model(home, directory.id)
    ranked = doubts_of_run(model, data, validation, "test", Flag(), lambda *_: None)
    order = ranked.rows - len(ranked.whole.train)
    counts = {str(many): int(np.isin(order[:many], DOUBTED).sum()) for many in AMONG}
    for many, count in counts.items():
        print(f"{count} of {len(DOUBTED)} among the first {many}")
    return {"run": directory.id, "title": model.spec.title, "among": counts}


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("set", nargs="?", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--published", default=None, metavar="RUN")
    parser.add_argument("--home", type=Path, default=default_home())
    options = parser.parse_args()
    keep_in(options.home / "data")
    found = (
        published(Home(options.home), options.published) if options.published else planted(options.set, options.seeds)
    )
    write(options.json, found)
