"""A hundred thousand pictures through a model: pictures a second, and the peak memory beside that of ten thousand.

    .venv/bin/python benchmarks/predict_many.py MODEL [--home FOLDER] [--few 10000] [--many 100000] [--only COMMAND]

MODEL is a classifier of grey 28×28 images, a run that keeps its autoencoder. The pictures are PNG files of MNIST's
images, made for this in a folder that is removed in the end. Each command runs in a process of its own, and the system
tells its peak memory (`ru_maxrss`); pictures are decoded in others.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from benchmarks.common import ROOT, write
from engine.data.cache import load
from engine.runs.directory import default_home
from engine.specs.data_files import DataFiles

FOLDER = 1_000
"""Pictures in a folder."""
COMMANDS = (
    ("predict", ["--csv", "{out}.csv"]),
    ("encode", ["--to", "{out}.npy"]),
    ("reconstruct", ["--to", "{out}", "--csv", "-"]),
)
"""Each with what it is told to write."""


def draw(folder: Path, start: int) -> None:
    """Write the pictures of one folder."""
    images = load(DataFiles()).train.images
    place = folder / f"{start // FOLDER:03}"
    place.mkdir(parents=True)
    for number in range(start, start + FOLDER):
        Image.fromarray(images[number % len(images), :, :, 0]).save(place / f"{number:06}.png")


def measured(words: list[str]) -> dict[str, float]:
    """Seconds and peak megabytes of a command.

    Raises:
        SystemExit: it fails.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cae_tui", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"cae-tui {' '.join(words)} failed")
    return {"seconds": time.perf_counter() - begun, "megabytes": used.ru_maxrss / 1024}


def main() -> None:
    """Make the pictures, run each command on few and on many, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--only", choices=[name for name, _ in COMMANDS], help="one of the commands")
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        for count in (options.few, options.many):
            with ProcessPoolExecutor(2) as pool:
                list(pool.map(draw, [base / str(count)] * (count // FOLDER), range(0, count, FOLDER)))
        for name, extra in COMMANDS:
            if options.only not in (None, name):
                continue
            row: dict[str, object] = {"command": " ".join([name, *extra]).replace("{out}", "OUT")}
            for count in (options.few, options.many):
                out = str(base / f"{name}-{count}")
                words = [name, options.model, str(base / str(count)), *(word.format(out=out) for word in extra)]
                row[str(count)] = measured([*words, "--home", str(options.home)])
            rows.append(row)
            few, many = row[str(options.few)], row[str(options.many)]
            assert isinstance(few, dict)
            assert isinstance(many, dict)
            print(
                f"{row['command']:<36} {options.few:,}: {few['megabytes']:6.0f} MB   {options.many:,}: "
                f"{many['megabytes']:6.0f} MB   {options.many / many['seconds']:7,.0f} pictures/s",
                flush=True,
            )
    write(options.json, {"rows": rows})


if __name__ == "__main__":
    main()
