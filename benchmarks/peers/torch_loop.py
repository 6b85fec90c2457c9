"""The loop that people write: a DataLoader over a TensorDataset, NCHW, `torch.optim.Adam`, `.item()` every step.

python -m benchmarks.peers.torch_loop [--architecture report] [--steps 60] [--batch 128]
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.mnist import split

KERNELS = 32


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


def report() -> nn.Module:
    """The 2020 report's network."""
    middle = [block(KERNELS, KERNELS) for _ in range(6)]
    return nn.Sequential(
        block(1, KERNELS), nn.MaxPool2d(2), block(KERNELS, KERNELS), nn.MaxPool2d(2), *middle,
        nn.Upsample(scale_factor=2), block(KERNELS, KERNELS),
        nn.Upsample(scale_factor=2), nn.Conv2d(KERNELS, 1, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip


class Residual(nn.Module):
    """A sum of the input and a convolution of it, normalised and activated."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(KERNELS, KERNELS, 3, padding=1), nn.BatchNorm2d(KERNELS), nn.SiLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The sum."""
        return images + self.inner(images)


def recommended() -> nn.Module:
    """The network of this project's *Recommended* preset."""
    return nn.Sequential(
        nn.Conv2d(1, KERNELS, 3, 2, 1), nn.BatchNorm2d(KERNELS), nn.SiLU(),
        nn.Conv2d(KERNELS, KERNELS, 3, 2, 1), nn.BatchNorm2d(KERNELS), nn.SiLU(),
        *(Residual() for _ in range(6)),
        nn.ConvTranspose2d(KERNELS, KERNELS, 3, 2, 1, 1), nn.BatchNorm2d(KERNELS), nn.SiLU(),
        nn.Conv2d(KERNELS, 4, 3, padding=1), nn.PixelShuffle(2),
    )  # fmt: skip


def main() -> None:
    """Train for so many steps, and print the mean of their times, the first third left out, and the last loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=("report", "recommended"), default="report")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    torch.manual_seed(0)
    training, _ = split()
    data = TensorDataset(torch.from_numpy(training.copy()).unsqueeze(1).float() / 255)
    model = {"report": report, "recommended": recommended}[options.architecture]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.MSELoss()
    seconds, loss_value = [], 0.0
    model.train()
    begun = time.perf_counter()
    for (images,) in DataLoader(data, batch_size=options.batch, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(images), images)
        loss.backward()
        optimizer.step()
        loss_value = loss.item()
        now = time.perf_counter()
        seconds.append(now - begun)
        begun = now
        if len(seconds) == options.steps:
            break
    steady = seconds[len(seconds) // 3 :]
    print(json.dumps({"ms_per_step": 1000 * statistics.mean(steady), "loss": loss_value, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
