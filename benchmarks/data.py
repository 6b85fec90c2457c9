"""A person's own pictures: reading them, opening them again, batches of them, and sets that are larger than memory.

    .venv/bin/python benchmarks/data.py [--pairs 5] [--large 6] [--json FILE]

Made for this in a temporary folder: 60,000 PNGs of 28×28 and 20,000 JPEGs of 64×64, a folder a class; and one array of
`--large` GiB of 64×64×3, of which a process may hold a quarter in memory of its own. Compared in turn are

- the first reading with what Pillow alone takes to decode the same files in as many processes as there are cores;
- batches of 128, without a network and with the default one, with a `DataLoader` of two workers that opens the files as
  torchvision's `ImageFolder` does: Pillow, then float32 in [0, 1], colours first;
- training on the large array with training on a part of it that fits.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from engine.data import cache
from engine.data.datasets import load_dataset
from engine.data.keeping import keep_in
from engine.data.streaming import device_images
from engine.specs.data_files import DataFiles

CORES = len(os.sched_getaffinity(0))
BATCH = 128
CPU = torch.device("cpu")


def write_pictures(folder: Path, count: int, side: int, form: str) -> list[Path]:
    """So many pictures in ten folders: MNIST's images, larger and coloured for JPEG."""
    mnist = load_dataset().train
    paths = []
    for number in range(count):
        image = Image.fromarray(mnist.images[number % len(mnist)][..., 0])
        if side != 28:
            grey = np.asarray(image.resize((side, side)))
            image = Image.fromarray(np.stack([grey, 255 - grey, np.roll(grey, 8, axis=1)], axis=2))
        path = folder / str(number % 10) / f"{number}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        paths.append(path)
    return paths


PILLOW = """
import sys
import numpy as np
from PIL import Image
for path in sys.stdin.read().splitlines():
    with Image.open(path) as image:
        np.asarray(image)
"""


def pillow_alone(paths: list[Path]) -> float:
    """Seconds that Pillow takes in as many processes as there are cores, which import nothing else; start included."""
    begun = time.perf_counter()
    processes = [
        subprocess.Popen([sys.executable, "-c", PILLOW], stdin=subprocess.PIPE, text=True) for _ in range(CORES)
    ]
    for place, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write("\n".join(map(str, paths[place::CORES])))
        process.stdin.close()
    if any(process.wait() for process in processes):
        raise SystemExit("Pillow could not read the pictures.")
    return time.perf_counter() - begun


def first_reading(folder: Path, home: Path) -> tuple[float, float]:
    """Seconds of the first reading into an empty home, and of opening the set again without what is in memory."""
    shutil.rmtree(home, ignore_errors=True)
    keep_in(home)
    files = DataFiles(str(folder))
    found = []
    for _ in range(2):
        cache.forget()
        begun = time.perf_counter()
        cache.load(files)
        found.append(time.perf_counter() - begun)
    return found[0], found[1]


class Folder(Dataset[tuple[torch.Tensor, int]]):
    """As torchvision's `ImageFolder` with `ToTensor`."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with open(self.paths[index], "rb") as file, Image.open(file) as image:
            pixels = np.array(image.convert("RGB" if image.mode == "RGB" else "L"))
        tensor = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).contiguous()
        return tensor.float().div(255), int(self.paths[index].parent.name)


def loader_batches(paths: list[Path]) -> Iterator[torch.Tensor]:
    """Batches of a DataLoader of two workers, shuffled."""
    for images, _ in DataLoader(Folder(paths), BATCH, shuffle=True, num_workers=2, drop_last=True):
        yield images


def our_batches(folder: Path) -> Iterator[torch.Tensor]:
    """Batches of the set, an epoch after the other."""
    train = cache.load(DataFiles(str(folder))).train
    images = device_images(train, CPU, BATCH)
    epoch = 0
    while True:
        epoch += 1
        order = images.indices(train.epoch_order(0, epoch))
        for start in range(0, len(train) - BATCH + 1, BATCH):
            yield images.batch(order[start : start + BATCH])[0]


def speed(batches: Iterator[torch.Tensor], use: Callable[[torch.Tensor], object], count: int) -> float:
    """Images a second over so many batches, after three that are not counted."""
    for _ in range(3):
        use(next(batches))
    begun = time.perf_counter()
    for _ in range(count):
        use(next(batches))
    return count * BATCH / (time.perf_counter() - begun)


def default_step(shape: tuple[int, int, int]) -> Callable[[torch.Tensor], object]:
    """A step of the default autoencoder on images of that shape."""
    from engine.network.autoencoder import ConvAutoencoder
    from engine.specs.autoencoder import AutoencoderSpec

    model = ConvAutoencoder(AutoencoderSpec(), shape).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(images: torch.Tensor) -> None:
        loss = torch.nn.functional.mse_loss(model(images), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


LARGE = """
import json, resource, sys, time
from pathlib import Path
import numpy as np, torch
from benchmarks.data import BATCH, CPU, default_step
from engine.data.datasets import ImageSet
from engine.data.streaming import device_images
path, count, limit, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
step = default_step((64, 64, 3))
images = np.memmap(path, np.uint8, "r", shape=(count, 64, 64, 3))
train = ImageSet(images, None, from_disk=images.nbytes > (1 << 30))
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
placed = device_images(train, CPU, BATCH)
def anonymous():
    text = Path("/proc/self/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) / 1024
order = placed.indices(train.epoch_order(0, 1))
marks, done, begun = [], 0, None
while begun is None or time.perf_counter() - begun < seconds:
    for _ in range(20):
        step(placed.batch(order[done * BATCH : (done + 1) * BATCH])[0])
        done += 1
        if (done + 1) * BATCH > count:
            order, done = placed.indices(train.epoch_order(0, 2)), 0
    if begun is None:
        begun, first = time.perf_counter(), 0
        steps = 0
    else:
        steps += 20
    marks.append(anonymous())
print(json.dumps({"speed": steps * BATCH / (time.perf_counter() - begun), "early": marks[1], "late": marks[-1]}))
"""


def large(path: Path, count: int, limit: int) -> dict[str, float]:
    """Images a second of training on the first `count` images of a file, and the process's memory, early and late."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(path), str(count), str(limit), "20"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def pictures(folder: Path, name: str, count: int, side: int, form: str, pairs: int) -> dict[str, Any]:
    """Everything that is measured of one folder of pictures."""
    paths = write_pictures(folder / name, count, side, form)
    time.sleep(2.5)  # what was written a moment ago is not kept
    first_reading(folder / name, folder / "home")
    ratios, opened, alone, ours = [], [], [], []
    for _ in range(pairs):
        alone.append(pillow_alone(paths))
        first, again = first_reading(folder / name, folder / "home")
        ours.append(first)
        opened.append(again)
        ratios.append(alone[-1] / first)
    print(f"{count:,} {form} of {side}×{side}: seconds, median of {pairs}")
    print(f"  Pillow alone, {CORES} processes      {statistics.median(alone):6.2f}")
    print(f"  first reading                  {statistics.median(ours):6.2f}   {spread(ratios)} of Pillow's speed")
    print(f"  opened again                   {statistics.median(opened):6.2f}")
    bare, trained = [], []
    shape = (side, side, 3 if side != 28 else 1)
    for _ in range(pairs):
        found = {}
        for use, kept, batches in ((id, "bare", 60), (default_step(shape), "trained", 30)):
            theirs = speed(loader_batches(paths), use, batches)
            mine = speed(our_batches(folder / name), use, batches * (20 if kept == "bare" else 1))
            found[kept] = mine / theirs, mine, theirs
        bare.append(found["bare"])
        trained.append(found["trained"])
    for words, rows in (("batches alone", bare), ("with the default network", trained)):
        print(f"  {words:<26} {statistics.median(row[1] for row in rows):>10,.0f} images a second, the DataLoader "
              f"{statistics.median(row[2] for row in rows):,.0f}: {spread([row[0] for row in rows])}")  # fmt: skip
    return {"alone": alone, "first": ours, "again": opened, "bare": bare, "trained": trained}


def spread(ratios: list[float]) -> str:
    """A median with the least and the largest."""
    return f"{statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--large", type=float, default=6.0, help="GiB of the large array; 0 leaves it out")
    options = parser.parse_args()
    torch.set_num_threads(CORES)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["png"] = pictures(folder, "png", 60_000, 28, "png", options.pairs)
        result["jpg"] = pictures(folder, "jpg", 20_000, 64, "jpg", options.pairs)
        shutil.rmtree(folder / "png")
        shutil.rmtree(folder / "jpg")
        if options.large:
            count = int(options.large * (1 << 30)) // (64 * 64 * 3)
            with (folder / "large").open("wb") as file:
                block = np.random.default_rng(0).integers(0, 256, (4096, 64, 64, 3), dtype=np.uint8)
                for start in range(0, count, 4096):
                    file.write(block[: count - start].data)
            limit = int(options.large * (1 << 30) / 4)
            rows = []
            for _ in range(max(options.pairs // 2, 1)):
                fits = large(folder / "large", count // 16, resource.RLIM_INFINITY)
                rows.append((large(folder / "large", count, limit), fits))
            ratios = [much["speed"] / fits["speed"] for much, fits in rows]
            late = max(much["late"] for much, _ in rows)
            early = min(much["early"] for much, _ in rows)
            print(f"{options.large:g} GiB of 64×64×3 where a process may hold {limit / (1 << 30):g} GiB:")
            print(f"  training at {spread(ratios)} of the speed of a set that fits")
            print(f"  memory of the process: {early:,.0f} MB at first, {late:,.0f} MB at the end")
            result["large"] = rows
    write(options.json, result)


if __name__ == "__main__":
    main()
