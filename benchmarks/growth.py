"""How cost grows: a step with batch size, kernels, layers and image size; memory and start-up with the images.

    .venv/bin/python benchmarks/growth.py [--json FILE]

Each row is a process of its own, so that none has the memory of another.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import asked, parser_of, write
from benchmarks.slices import random_images

LOAD = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
import torch
from engine.batches import DeviceImages
from engine.datasets import load_dataset
imported = time.perf_counter()
images = DeviceImages(load_dataset(Path(sys.argv[1])).train, torch.device("cpu"))
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": done - imported, "mb": peak}))
"""
VARIED = {
    "batch-size": ("32", "64", "128", "256", "512"),
    "kernels": ("8", "16", "32", "64"),
    "layers": ("6", "10", "14", "20"),
}
SIDES = (28, 56, 112)
IMAGES = (60_000, 250_000, 1_000_000)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []

    def step(images: Path, home: Path, title: str, *flags: str) -> None:
        words = [
            "-m",
            "cae_tui",
            "--home",
            str(home),
            "autoencoder",
            "--json",
            "--epochs",
            "2",
            "--images",
            str(images),
        ]
        found = asked(sys.executable, [*words, *flags])
        row = {"what": title, "ms_per_step": found["ms_per_step"], "images_per_second": found["images_per_second"]}
        rows.append(row)
        print(f"  {title:<22} {row['ms_per_step']:9.1f} ms/step {row['images_per_second']:9.0f} images/s", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = random_images(folder / "images", 6_000, 28)
        for field, values in VARIED.items():
            for value in values:
                step(images, folder / "home", f"{field.replace('-', ' ')} {value}", f"--{field}", value)
        for side in SIDES:
            count = 6_000 * 28 * 28 // side**2
            step(random_images(folder / f"of{side}", max(count, 600), side), folder / "home", f"{side} × {side} pixels")
        for count in IMAGES:
            found = asked(sys.executable, ["-c", LOAD, str(random_images(folder / "many", count, 28))])
            rows.append({"what": f"{count} images", **found})
            print(f"  {count:>9,} images: read in {found['seconds']:6.2f} s, {found['mb']:6.0f} MB at most", flush=True)
    write(options.json, {"rows": rows})


if __name__ == "__main__":
    main()
