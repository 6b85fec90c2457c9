"""A check of every picture before training: seconds, and which planted faults it finds.

    .venv/bin/python benchmarks/check.py [SET ...] [--rounds 3] [--json FILE]

MNIST's 60,000 training images as they are, then with 100 faults of each kind put in the place of images; and each SET
that is named, by its name or path, with its test images. A finding on clean MNIST is a false alarm.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from engine.data.cache import load
from engine.data.checking import Check, check
from engine.data.datasets import ImageData, ImageSet, load_dataset
from engine.data.keeping import keep_in
from engine.runs.directory import default_home
from engine.specs.data_files import DataFiles, data_of

EACH = 100
Grey = np.ndarray[Any, np.dtype[np.uint8]]


def resized(image: Grey, factor: float) -> Grey:
    """Made smaller or larger, and again as it was."""
    side, sharp = round(28 * factor), Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize((side, side), sharp).resize((28, 28), sharp))


def saved(image: Grey) -> Grey:
    """As JPEG, and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


COPIES: dict[str, Callable[[Grey], Grey]] = {
    "the same": lambda image: image,
    "at 3/4, and back": lambda image: resized(image, 0.75),
    "doubled, and back": lambda image: resized(image, 2),
    "as JPEG": saved,
    "darker": lambda image: (image * 0.8 + 15).astype(np.uint8),
}
LOOKS: dict[str, Callable[[Grey], Grey]] = {
    "constant": lambda image: np.full_like(image, image.mean()),
    "dark": lambda image: (image * 0.1).astype(np.uint8),
    "bright": lambda image: (255 - image * 0.1).astype(np.uint8),
    "blurred": lambda image: np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(2))),
}


def planted(data: ImageData) -> tuple[ImageData, dict[str, list[tuple[int, int]]]]:
    """The training images with faults among the last; by kind which image each was made of, and where it is."""
    images = np.array(data.train.images)
    assert data.train.labels is not None
    labels = np.array(data.train.labels)
    places: dict[str, list[tuple[int, int]]] = {}
    at, source = len(images), 0
    for kind, change in (COPIES | LOOKS).items():
        places[kind] = []
        for _ in range(EACH):
            at -= 1
            images[at, :, :, 0], labels[at] = change(images[source, :, :, 0]), labels[source]
            places[kind].append((source, at))
            source += 1
    return replace(data, train=ImageSet(images, labels), test=None, digest="planted", known_digests=("", {})), places


def found(seen: Check, places: dict[str, list[tuple[int, int]]]) -> dict[str, int]:
    """How many of each kind were found."""
    groups = {finding.kind: finding.groups for finding in seen.findings}
    copies = {frozenset(pair) for kind in ("copies", "near-copies", "two-classes") for group in groups.get(kind, ())
              for pair in ((one, other) for one in group for other in group if one < other)}  # fmt: skip
    singles = {kind: {group[0] for group in groups.get(kind, ())} for kind in LOOKS}
    return {kind: sum(frozenset(pair) in copies if kind in COPIES else pair[1] in singles[kind] for pair in pairs)
            for kind, pairs in places.items()}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    whole = load_dataset()
    clean = replace(whole, test=None)
    faulty, places = planted(clean)
    seconds: dict[str, list[float]] = {"clean": [], "planted": []}
    for _ in range(options.rounds):
        for name, data in (("clean", clean), ("planted", faulty)):
            begun = time.perf_counter()
            seen = check(data)
            seconds[name].append(time.perf_counter() - begun)
            if name == "clean":
                alarms = sum(finding.number for finding in seen.findings)
    times = {name: statistics.median(some) for name, some in seconds.items()}
    print(f"MNIST, 60,000 images      {times['clean']:6.1f} s   false alarms: {alarms}")
    counts = found(seen, places)
    print(f"the same with faults      {times['planted']:6.1f} s")
    for kind, count in counts.items():
        print(f"  {kind:<22} {count:4} of {EACH}")
    result: dict[str, Any] = {"seconds": times, "alarms": alarms, "found": counts, "sets": {}}
    keep_in(default_home() / "data")
    for named in options.sets:
        data = load(DataFiles(data_of(named)))
        begun = time.perf_counter()
        seen = check(data)
        took = time.perf_counter() - begun
        told = {finding.kind: finding.number for finding in seen.findings}
        many = len(data.train) + (0 if data.test is None else len(data.test))
        print(f"{data.name}, {many:,} images   {took:6.1f} s   {told or 'nothing found'}")
        result["sets"][data.name] = {"seconds": took, "found": told}
    write(options.json, result)


if __name__ == "__main__":
    main()
