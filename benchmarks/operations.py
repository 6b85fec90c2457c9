"""Which operations a training step's time goes to, by torch's profiler; `limit.py` runs it for each architecture.

    .venv/bin/python -m benchmarks.operations IMAGES recommended 128

The share of each kind in the time spent inside of operators, forward and backward, without what they call.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from engine.data.batches import DeviceImages
from engine.data.datasets import load_dataset
from engine.device import Device, keep_freed_memory
from engine.network.autoencoder import ConvAutoencoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.data_files import DataFiles
from engine.training.optimisation import make_optimizer
from engine.training.steps import Step
from engine.training.tasks import Reconstruction

KINDS = {
    "convolution": ("conv",),
    "batch norm": ("batch_norm", "batchnorm"),
    "activation": ("silu", "relu", "threshold", "sigmoid", "clamp_min"),
    "pooling and shuffling": ("pool", "pixel_", "shuffle"),
    "optimizer": ("adam",),
}
WARM = 10


def kind_of(operation: str) -> str:
    """The kind that an operation of the profiler counts to."""
    name = operation.lower()
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "other")


def shares(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The share of each kind, from the name and the time of each operation."""
    took = dict.fromkeys([*KINDS, "other"], 0.0)
    for operation, time in times:
        took[kind_of(operation)] += time
    total = sum(took.values())
    return {kind: time / total for kind, time in took.items()}


def main() -> None:
    """Take the steps of one pass over the images, and print."""
    folder, name, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    keep_freed_memory()
    cpu, data = torch.device("cpu"), load_dataset(DataFiles(images=folder)).train
    device = Device(cpu, "float32", torch.get_num_threads())
    model = device.place(ConvAutoencoder(preset(AutoencoderSpec, name), data.images.shape[1:])).train()
    optimizer = make_optimizer("adam", list(model.parameters()), 1e-3, 0.0)
    step = Step(model, Reconstruction(), optimizer, DeviceImages(data, cpu), device, None)
    batches = [batch for batch in torch.split(torch.arange(len(data.images)), size) if len(batch) == size]
    for batch in batches[:WARM]:
        step(batch)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for batch in batches:
            step(batch)
    print(json.dumps(shares((event.key, event.self_cpu_time_total) for event in profile.key_averages())))


if __name__ == "__main__":
    main()
