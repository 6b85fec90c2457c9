"""How cost grows: a step with batch size, kernels, layers and image size; memory and start-up with the images.

    .venv/bin/python benchmarks/growth.py [--rounds 3] [--json FILE]

Each number is of a process of its own, so that none has the memory of another; the rows are measured in turn, and told
is the median. A step is that of a second epoch, each of so many steps. Memory is the most that the process ever held.
"""

import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import asked, engine_step, in_turn, parser_of, write
from benchmarks.slices import random_images

LOAD = """
import json, resource, sys, time
from pathlib import Path
begun = time.perf_counter()
import torch
from engine.data.batches import DeviceImages
from engine.data.datasets import load_dataset
from engine.specs.data_files import DataFiles
imported = time.perf_counter()
images = DeviceImages(load_dataset(DataFiles(images=Path(sys.argv[1]))).train, torch.device("cpu"))
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
BATCH, STEPS = 128, 24
IMAGES = (60_000, 250_000, 1_000_000)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def images_of(side: int, batch: int) -> Path:
            """As many as give that many steps, a tenth of them being held back."""
            where = folder / f"images-{side}-{batch}"
            return where if where.exists() else random_images(where, -(-STEPS * batch * 10 // 9), side)

        sides = {}
        for field, values in VARIED.items():
            for value in values:
                batch = int(value) if field == "batch-size" else BATCH
                title = f"{field.replace('-', ' ')} {value}"
                sides[title] = partial(engine_step, images_of(28, batch), folder / "home", f"--{field}", value)
        for side in SIDES:
            sides[f"{side} × {side} pixels"] = partial(engine_step, images_of(side, BATCH), folder / "home")
        steps = in_turn(sides, options.rounds)
        loads = []
        for count in IMAGES:
            many = random_images(folder / "many", count, 28)
            found = [asked(sys.executable, ["-c", LOAD, str(many)]) for _ in range(options.rounds)]
            loads.append({"images": count, **{key: statistics.median(row[key] for row in found) for key in found[0]}})
    print(f"milliseconds a step, median of {options.rounds} (least to most)")
    for title, taken in steps.items():
        print(f"  {title:<22} {statistics.median(taken):8.1f}   ({min(taken):.1f} to {max(taken):.1f})")
    print(f"reading images of 28 × 28, median of {options.rounds}")
    for row in loads:
        print(f"  {row['images']:>9,} images   {row['seconds']:6.2f} s   {row['mb']:6.0f} MB at most")
    write(options.json, {"ms_per_step": steps, "loading": loads})


if __name__ == "__main__":
    main()
