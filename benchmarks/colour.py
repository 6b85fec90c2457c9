"""Where the time of a step goes with colour images of 64×64, and what gathering them takes in two ways.

    .venv/bin/python benchmarks/colour.py [--preset recommended] [--threads 1] [--json FILE]

Twenty thousand images of noise, batch 128. First the shares of a step by torch's profiler, in operators without what
they call; then a batch gathered by `index_select`, as the engine does, and by indexing, as it did; and the last layer's
pixels put in their places by `pixel_shuffle`, as the engine does, and by strides.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.common import parser_of, write
from engine.data.batches import DeviceImages
from engine.data.datasets import ImageSet
from engine.device import Device, keep_freed_memory
from engine.network.autoencoder import ConvAutoencoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.training.optimisation import make_optimizer
from engine.training.steps import Step
from engine.training.tasks import Reconstruction

SHAPE, IMAGES, BATCH, WARM, STEPS, SHOWN = (64, 64, 3), 20_000, 128, 3, 6, 12


def milliseconds(do: Callable[[], object], times: int = 30) -> float:
    """What it takes once, the mean of so many times after a first."""
    do()
    begun = time.perf_counter()
    for _ in range(times):
        do()
    return 1000 * (time.perf_counter() - begun) / times


def by_strides(images: Tensor) -> Tensor:
    """What `pixel_shuffle` by two does, as two views and a copy."""
    number, channels, height, width = images.shape
    parts = images.permute(0, 2, 3, 1).reshape(number, height, width, channels // 4, 2, 2)
    whole = parts.permute(0, 1, 4, 2, 5, 3).reshape(number, 2 * height, 2 * width, channels // 4)
    return whole.permute(0, 3, 1, 2)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--preset", default="recommended")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    chance, cpu = np.random.default_rng(0), torch.device("cpu")
    data = ImageSet(chance.integers(0, 256, (IMAGES, *SHAPE), dtype=np.uint8))
    device = Device(cpu, "float32", options.threads)
    spec = preset(AutoencoderSpec, options.preset).settled(SHAPE)
    model = device.place(ConvAutoencoder(spec, SHAPE)).train()
    optimizer = make_optimizer("adam", list(model.parameters()), 1e-3, 0.0)
    step = Step(model, Reconstruction(), optimizer, DeviceImages(data, cpu), device, None)
    batches = torch.split(torch.from_numpy(chance.permutation(IMAGES)), BATCH)
    for batch in batches[:WARM]:
        step(batch)
    begun = time.perf_counter()
    for batch in batches[WARM : WARM + STEPS]:
        step(batch)
    took = 1000 * (time.perf_counter() - begun) / STEPS
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for batch in batches[WARM : WARM + STEPS]:
            step(batch)
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(times.values())
    print(f"{options.preset}, 64×64 colour, batch {BATCH}, {options.threads} thread(s): {took:.0f} ms a step")
    first = sorted(times.items(), key=lambda item: -item[1])[:SHOWN]
    for name, taken in first:
        print(f"  {name.removeprefix('aten::'):<28} {100 * taken / total:5.1f} %")
    gathered = step.images.images
    shuffled = torch.randn(BATCH, 12, 32, 32).contiguous(memory_format=torch.channels_last)
    result = {
        "step": took,
        "index_select": milliseconds(lambda: gathered.index_select(0, batches[0])),
        "indexing": milliseconds(lambda: gathered[batches[0]]),
        "pixel_shuffle": milliseconds(lambda: torch.nn.functional.pixel_shuffle(shuffled, 2)),
        "strides": milliseconds(lambda: by_strides(shuffled)),
    }
    print("ms a batch: " + ", ".join(f"{name} {value:.2f}" for name, value in result.items() if name != "step"))
    write(options.json, {**result, "shares": {name: taken / total for name, taken in first}})


if __name__ == "__main__":
    main()
