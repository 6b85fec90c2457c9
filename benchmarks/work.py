"""How well a plan foretells the time of an epoch: measured steps against `Plan.work` and against multiply-adds alone.

    .venv/bin/python benchmarks/work.py [--images 12000]

Each network trains one epoch on a slice of MNIST, in a process of its own. Both estimates are scaled from the
default network, as the form scales them from the last run; 1.00 is a perfect estimate.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.slices import first_images
from engine.network.architecture import plan_autoencoder
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset

NETWORKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("recommended", {}),
    ("recommended", {"kernels": "8"}),
    ("recommended", {"kernels": "16"}),
    ("recommended", {"kernels": "64"}),
    ("recommended", {"layers": "6"}),
    ("recommended", {"layers": "20"}),
    ("recommended", {"kernel_size": "5"}),
    ("bottleneck", {}),
    ("report", {}),
    ("report", {"kernels": "16"}),
)


def milliseconds(images: Path, home: Path, name: str, values: dict[str, str]) -> float:
    """Of one training step."""
    flags = [word for field, value in values.items() for word in (f"--{field.replace('_', '-')}", value)]
    command = [sys.executable, "-m", "cae_tui", "--home", str(home), "autoencoder", "--json", "--epochs", "1"]
    done = subprocess.run(
        [*command, "--images", str(images), "--preset", name, *flags], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["ms_per_step"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12_000)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images = first_images(Path(folder) / "images", options.images)
        for name, values in NETWORKS:
            spec = preset(AutoencoderSpec, name, **values)
            plan = plan_autoencoder(spec, (28, 28, 1))
            rows.append((name, values, milliseconds(images, Path(folder) / "home", name, values), plan))
    _, _, first, default = rows[0]
    print(f"{'network':<28} {'ms/step':>8}  {'work':>6}  {'MACs alone':>10}")
    for name, values, measured, plan in rows:
        words = " ".join([name, *(f"{field} {value}" for field, value in values.items())])
        by_work, by_macs = (first * ratio / measured for ratio in (plan.work / default.work, plan.macs / default.macs))
        print(f"{words:<28} {measured:8.1f}  {by_work:6.2f}  {by_macs:10.2f}")


if __name__ == "__main__":
    main()
