"""One classifier trained from scratch on 40,000 training images, judged by the other 20,000; never by a test image.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/networks.py [--architecture max-pool] [--kernels 64] [--units 256] ...

What docs/performance.md tells of classifiers that were tried comes from it: mistakes and cross-entropy of the last
epoch, and the mistakes where the probabilities of five views are averaged. The loop is one of its own, so that it can
train what the program has no flag for; it augments as the program does. A quarter of an hour on one core, at 64
kernels with max-pool.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from engine.data import augmentation
from engine.data.datasets import load_dataset
from engine.device import Device

HELD_BACK = 20_000
# Stride of each convolution; "pool" has stride 1 and a max-pool after it.
ARCHITECTURES: dict[str, tuple[int | str, ...]] = {
    "default": (2, 2, 1, 1, 1),
    "max-pool": ("pool", "pool", 1, 1, 1),
    "max-pool of 14": ("pool", "pool", 1, 1, 1, 1, 1),
    "strides in 2 and 3": (1, 2, 2, 1, 1),
    "strides in 2 and 4": (1, 2, 1, 2, 1),
    "strides in 1 and 3": (2, 1, 2, 1, 1),
}


class Block(nn.Module):
    """Convolution, batch norm, SiLU; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int | str) -> None:
        super().__init__()
        self.pooled = stride == "pool"
        step = 1 if self.pooled else int(stride)
        self.convolution = nn.Conv2d(inputs, outputs, 3, step, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.residual = inputs == outputs and step == 1

    def forward(self, images: Tensor) -> Tensor:
        """As all modules."""
        made = functional.silu(self.norm(self.convolution(images)))
        made = made + images if self.residual else made
        return functional.max_pool2d(made, 2) if self.pooled else made


def network(options: argparse.Namespace) -> nn.Module:
    """Encoder and head."""
    widths = [1, *[options.kernels] * len(ARCHITECTURES[options.architecture])]
    strides = ARCHITECTURES[options.architecture]
    encoder = nn.Sequential(*map(Block, widths[:-1], widths[1:], strides))
    head: list[nn.Module] = [nn.Flatten()]
    if options.latent_dropout:
        head.append(nn.Dropout(options.latent_dropout))
    head.append(nn.Linear(49 * options.kernels, options.units))
    if options.head_norm:
        head.append(nn.BatchNorm1d(options.units))
    head += [nn.ReLU(), nn.Dropout(options.dropout), nn.Linear(options.units, 10)]
    return Device(torch.device("cpu"), "float32", torch.get_num_threads()).place(nn.Sequential(encoder, *head))


def erase(images: Tensor, part: float, generator: torch.Generator) -> Tensor:
    """A rectangle of 4 to 10 pixels a side put to black in `part` of the images."""
    count, places = len(images), torch.arange(28)
    height, width = (torch.randint(4, 11, (count, 1), generator=generator) for _ in range(2))
    top, left = (torch.randint(0, 24, (count, 1), generator=generator) for _ in range(2))
    rows = (places >= top) & (places < top + height)
    columns = (places >= left) & (places < left + width)
    chosen = torch.rand(count, generator=generator) < part
    return images.masked_fill((rows[:, :, None] & columns[:, None, :] & chosen[:, None, None])[:, None], 0.0)


def batch(images: Tensor, chosen: Tensor) -> Tensor:
    """Those images in [0, 1]."""
    return (images[chosen].float() / 255).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def judge(model: nn.Module, images: Tensor, labels: Tensor, held_back: Tensor) -> dict[str, float]:
    """Mistakes and cross-entropy of the held-back images, and the mistakes of five views."""
    model.eval()
    mistakes = of_five = loss = 0.0
    for chosen in held_back.split(500):
        shown, true = batch(images, chosen), labels[chosen]
        logits = model(shown)
        averaged = torch.stack([model(view).softmax(1) for view in augmentation.views(shown)]).mean(0)
        mistakes += (logits.argmax(1) != true).sum().item()
        of_five += (averaged.argmax(1) != true).sum().item()
        loss += functional.cross_entropy(logits, true, reduction="sum").item()
    return {"mistakes": mistakes, "cross_entropy": loss / len(held_back), "five_views": of_five}


def train(options: argparse.Namespace) -> dict[str, float]:
    """Train the network that the options describe, and judge it."""
    torch.manual_seed(options.seed)
    usual = augmentation.SHIFT  # the views that it is judged by are the program's own
    augmentation.ROTATION, augmentation.SHEAR = math.radians(options.rotation), options.shear
    augmentation.SHIFT, augmentation.SCALE = options.shift / 28, options.scale
    data = load_dataset().train
    assert data.labels is not None
    images = torch.from_numpy(np.ascontiguousarray(data.images)).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(np.asarray(data.labels)).long()
    order = np.random.default_rng(12345).permutation(len(images))
    held_back, training = torch.from_numpy(order[:HELD_BACK]), order[HELD_BACK:]
    model = network(options)
    generator, draw = torch.Generator().manual_seed(options.seed + 1), np.random.default_rng(options.seed)
    optimizer: torch.optim.Optimizer
    if options.optimizer == "sgd":
        optimizer = torch.optim.SGD(
            model.parameters(), options.rate, 0.9, weight_decay=options.weight_decay, nesterov=True, fused=True
        )
    else:
        optimizer = torch.optim.AdamW(model.parameters(), options.rate, weight_decay=options.weight_decay, fused=True)
    steps = len(training) // options.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.rate, total_steps=options.epochs * steps, cycle_momentum=False, final_div_factor=1e3
    )
    begun = time.perf_counter()
    for epoch in range(options.epochs):
        model.train()
        shuffled = torch.from_numpy(draw.permutation(training))
        for chosen in shuffled.split(options.batch)[:steps]:
            shown = augmentation.augment(batch(images, chosen), generator)
            if options.erased:
                shown = erase(shown, options.erased, generator)
            loss = functional.cross_entropy(model(shown), labels[chosen], label_smoothing=options.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"  epoch {epoch + 1}/{options.epochs}  {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    augmentation.SHIFT = usual
    parameters = sum(weights.numel() for weights in model.parameters())
    return {"parameters": parameters, **judge(model, images, labels, held_back)}


def main() -> None:
    """Train one, and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="default")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    parser.add_argument("--head-norm", action="store_true", help="batch norm after the hidden layer")
    for name, default in (("seed", 0), ("kernels", 32), ("units", 128), ("epochs", 15), ("batch", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, value in {
        "dropout": 0.3,
        "latent-dropout": 0.0,
        "rate": 8e-3,
        "weight-decay": 0.01,
        "label-smoothing": 0.05,
        "erased": 0.0,
        "rotation": 10.0,
        "shift": 2.0,
        "scale": 0.1,
        "shear": 0.1,
    }.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    options = parser.parse_args()
    found = train(options)
    print(json.dumps(found))
    asked = {name: value for name, value in vars(options).items() if name != "json"}
    write(options.json, {"asked": asked, **found})


if __name__ == "__main__":
    main()
