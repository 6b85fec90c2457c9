"""Which way of telling shows more of what a classifier's answer hangs on: occlusion, or LayerCAM of each layer.

Of validation images that the classifier gets right, the tenth of the pixels that a map puts first is given the image's
mean colour, and the probability of the class is measured again: the lower it is, the better the map has found what
matters. The same with pixels drawn at random, and with the brightest ones, is what that has to be held against.

    python benchmarks/why.py CLASSIFIER [--images 200] [--home FOLDER]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from engine.device import compute_alone
from engine.evaluation.model import Images, Model, load_model
from engine.evaluation.why import layer_cam, occlusion
from engine.preparation import reopen
from engine.runs.directory import Home, default_home

SHARES = (0.05, 0.1, 0.2)


def without(model: Model, image: Images, values: np.ndarray, share: float, label: int) -> float:
    """The probability of a class once the pixels of the largest values are gone."""
    count = round(share * values.size)
    rows, columns = np.unravel_index(np.argsort(-values, axis=None, kind="stable")[:count], values.shape)
    hidden = image.copy()
    hidden[rows, columns] = np.rint(image.mean((0, 1))).astype(np.uint8)
    return float(model.probabilities(hidden[None])[0, label])


def measure(home: Home, named: str, count: int) -> dict[str, object]:
    """The means of each way, and the seconds of an image."""
    compute_alone()
    model = load_model(home, named)
    prepared = reopen(home.find(named))
    rows = prepared.validation[np.linspace(0, len(prepared.validation) - 1, 2 * count).astype(np.int64)]
    images, labels = prepared.data.train.take(rows), prepared.data.train.labels
    assert labels is not None
    right = model.probabilities(images).argmax(1) == labels[rows]
    images, labels = images[right][:count], labels[rows][right][:count]
    layers = sum(layer.kind == "conv" for layer in model.network.plan.encoder)
    random = np.random.default_rng(0)
    found: dict[str, list[list[float]]] = {}
    seconds: dict[str, float] = {}

    def add(way: str, image: Images, values: np.ndarray, label: int, began: float) -> None:
        seconds[way] = seconds.get(way, 0.0) + time.perf_counter() - began
        found.setdefault(way, []).append([without(model, image, values, share, label) for share in SHARES])

    for image, label in zip(images, labels.tolist(), strict=True):
        began = time.perf_counter()
        add("occlusion", image, occlusion(model, image).falls(label), label, began)
        for place in range(layers):
            began = time.perf_counter()
            add(f"LayerCAM, conv {place + 1}", image, layer_cam(model, image, label, place), label, began)
        add("brightest pixels", image, image.mean(2), label, time.perf_counter())
        add("random pixels", image, random.random(image.shape[:2]), label, time.perf_counter())
    return {
        "images": len(images),
        "shares": SHARES,
        "probability": {way: np.mean(values, 0).round(4).tolist() for way, values in found.items()},
        "seconds": {way: round(value / len(images), 4) for way, value in seconds.items()},
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--home", default=None)
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    found = measure(Home(Path(options.home) if options.home else default_home()), options.classifier, options.images)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
