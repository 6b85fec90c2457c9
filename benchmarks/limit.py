"""How close a step is to what the processor can do: its FLOP/s over those of a large matrix product, in turn.

    .venv/bin/python benchmarks/limit.py [--rounds 5] [--json FILE]

A step counts two operations for each multiply-add of the plan, forward once and backward twice, but for the gradient of
the images, which nothing asks for. The matrix product is 2048 × 2048 × 2048 in float32, on as many threads. Then the
share that each kind of operation has in the operators' time, forward and backward, by torch's profiler.
"""

import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import asked, engine_step, in_turn, parser_of, write
from benchmarks.slices import first_images
from benchmarks.throughput import ARCHITECTURES
from engine.network.architecture import plan_autoencoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset

BATCH = 128
PRODUCT = """
import json, time, torch
a, b, product = torch.rand(2048, 2048), torch.rand(2048, 2048), torch.empty(2048, 2048)
times = []
for _ in range(12):
    begun = time.perf_counter()
    torch.mm(a, b, out=product)
    times.append(time.perf_counter() - begun)
print(json.dumps({"seconds": sorted(times)[len(times) // 2]}))
"""


def product() -> float:
    """GFLOP/s of the matrix product."""
    return 2 * 2048**3 / asked(sys.executable, ["-c", PRODUCT])["seconds"] / 1e9


def step(images: Path, home: Path, architecture: str) -> float:
    """GFLOP/s of a training step."""
    plan = plan_autoencoder(preset(AutoencoderSpec, architecture), (28, 28, 1))
    milliseconds = engine_step(images, home, "--preset", architecture, "--batch-size", str(BATCH))
    return 2 * BATCH * (3 * plan.macs - plan.layers[0].macs) / milliseconds / 1e6


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images, home = first_images(Path(folder) / "images", 8_000), Path(folder) / "home"
        sides = {"matrix product": product}
        for name in ARCHITECTURES:
            sides[name] = partial(step, images, home, name)
        found = in_turn(sides, options.rounds)
        shares = {
            name: asked(sys.executable, ["-m", "benchmarks.operations", str(images), name, str(BATCH)])
            for name in ARCHITECTURES
        }
    print(f"GFLOP/s, median of {options.rounds}; share of the matrix product's")
    for name, values in found.items():
        share = statistics.median(one / other for one, other in zip(values, found["matrix product"], strict=True))
        print(f"  {name:<16} {statistics.median(values):7.1f}   {share:.2f}")
    print("share of the operators' time")
    for name, values in shares.items():
        print(f"  {name:<16} " + "   ".join(f"{kind} {share:.2f}" for kind, share in values.items()))
    write(options.json, {"gflops": found, "shares": shares})


if __name__ == "__main__":
    main()
