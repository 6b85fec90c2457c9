"""Step throughput: the engine, the loop that people write, and Keras, on the same architecture and batch, in turn.

    .venv/bin/python benchmarks/throughput.py [--rounds 5] [--steps 90] [--batch 128] [--json FILE]

Each side trains in a process of its own on the first images of MNIST, in float32; the engine besides in bfloat16,
which a person has to ask for on a CPU. Told are milliseconds a step once it is under way: the first third of a peer's
steps, and the first epoch of the engine, are left out.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import PEERS, asked, engine_step, in_turn, parser_of, ratios, write
from benchmarks.slices import first_images

ARCHITECTURES = ("report", "recommended")


def peer(python: Path | str, script: str, architecture: str, steps: int, batch: int) -> float:
    """Milliseconds a step of one of the peers."""
    words = ["-m", f"benchmarks.peers.{script}", "--architecture", architecture]
    return float(asked(python, [*words, "--steps", str(steps), "--batch", str(batch)])["ms_per_step"])


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    result: dict[str, object] = {"batch": options.batch}
    with tempfile.TemporaryDirectory() as folder:
        images = first_images(Path(folder) / "images", round(options.steps * options.batch / 0.9) + 1)
        for architecture in ARCHITECTURES:
            flags = ["--preset", architecture, "--batch-size", str(options.batch), "--precision"]
            engine = partial(engine_step, images, Path(folder) / "home", *flags)
            sides: dict[str, Callable[[], float]] = {
                "engine": partial(engine, "float32"),
                "engine, bfloat16": partial(engine, "bfloat16"),
                "PyTorch loop": partial(peer, sys.executable, "torch_loop", architecture, options.steps, options.batch),
            }
            if PEERS.exists():
                sides["Keras"] = partial(peer, PEERS, "keras_fit", architecture, options.steps, options.batch)
            found = in_turn(sides, options.rounds)
            head = f"{architecture}, batch {options.batch}: ms a step, median of {options.rounds}"
            print(f"{head}; the engine's throughput over it")
            for name, values in found.items():
                over = ratios(values, found["engine"])
                print(
                    f"  {name:<16} {statistics.median(values):7.1f}"
                    + (
                        ""
                        if name == "engine"
                        else f"   {over['median']:.2f} × ({over['least']:.2f} to {over['most']:.2f})"
                    )
                )
            result[architecture] = found
    if not PEERS.exists():
        print("Keras was left out: make .venv-peers/installed, then run this again.")
    write(options.json, result)


if __name__ == "__main__":
    main()
