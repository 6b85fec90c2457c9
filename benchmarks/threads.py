"""What `--threads auto` comes to beside every fixed number, alone and beside other programs, in turn.

    .venv/bin/python benchmarks/threads.py [--rounds 3] [--images 30000] [--preset NAME] [--busy 0 1 2] [--fixed 1 2]
        [--json FILE]

Each training is a process of its own: one epoch of an autoencoder on the first images of MNIST, from the moment that
all is loaded to the end, so that the time in which numbers are tried counts too. The other programs are loops that
never wait. Told are images a second, medians, and those of `auto` over the best fixed number round by round.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import asked, in_turn, parser_of, write
from benchmarks.slices import first_images

BUSY = "while True: pass"


@contextmanager
def others(count: int) -> Iterator[None]:
    """So many programs that compute all the time."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def train(images: str, home: str, threads: str, preset: str) -> None:
    """Train once, in this process, and print how long it took and with how many threads."""
    from engine import jobs, preparation
    from engine.protocol.control import Flag
    from engine.runs.directory import Home
    from engine.specs.base import preset as preset_of
    from engine.specs.kinds import SPECS

    spec = preset_of(SPECS["autoencoder"], preset, images=images, epochs=1, threads=threads)
    prepared = preparation.create(Home(Path(home)), spec)
    begun = time.perf_counter()
    jobs.begin(prepared, lambda _: None, Flag())
    taken = time.perf_counter() - begun
    written = json.loads(prepared.run.spec.read_text())
    print(json.dumps({"seconds": taken, "images": len(prepared.training), "threads": written["threads"]}))


def speed(images: Path, home: Path, preset: str, threads: str, chosen: list[int]) -> float:
    """Images a second of one training."""
    found = asked(sys.executable, ["-m", "benchmarks.threads", "--train", str(images), str(home), threads, preset])
    if threads == "auto":
        chosen.append(found["threads"])
    return float(found["images"]) / float(found["seconds"])


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--preset", default="recommended")
    parser.add_argument("--busy", type=int, nargs="*", help="how many other programs; without it 0, 1 and the cores")
    parser.add_argument("--fixed", type=int, nargs="*", help="which numbers auto is held to; without it 1 to the cores")
    parser.add_argument("--train", nargs=4, help="train once (used by the program itself)")
    options = parser.parse_args()
    if options.train:
        train(*options.train)
        return
    cores = len(os.sched_getaffinity(0))
    fixed = options.fixed or sorted({1, *(cores // part for part in (4, 2, 1) if cores // part)})
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = first_images(Path(folder) / "images", options.images)
        for count in options.busy or sorted({0, 1, cores}):
            chosen: list[int] = []
            of = partial(speed, images, Path(folder) / "home", options.preset)
            sides = {name: partial(of, name, chosen) for name in ("auto", *map(str, fixed))}
            with others(count):
                found = in_turn(sides, options.rounds)
            best = max((str(number) for number in fixed), key=lambda name: statistics.median(found[name]))
            over = [one / other for one, other in zip(found["auto"], found[best], strict=True)]
            print(
                f"beside {count} busy program{'' if count == 1 else 's'}: images a second, median of {options.rounds}"
            )
            for name, values in found.items():
                print(f"  {name:<6} {statistics.median(values):8,.0f}")
            print(f"  auto took {chosen}, {statistics.median(over):.2f} × the best fixed number, {best}"
                  f" ({min(over):.2f} to {max(over):.2f})")  # fmt: skip
            result[str(count)] = {**found, "chosen": chosen, "over_best": over}
    write(options.json, result)


if __name__ == "__main__":
    main()
