"""Seconds and epochs to a validation loss: the *Recommended* preset in the engine, the report's recipe in Keras.

    .venv/bin/python benchmarks/time_to_loss.py [--folder build/time-to-loss] [--most 30]

The losses are the report's, 0.0011 after 20 epochs and 0.00048 after 50; both sides have its five hyperparameters (10
layers, 3×3, 32 kernels, batch 128) and validate on a tenth of the training images. The engine is run with the shortest
schedule that gets there, three times; told is the median. The clock runs from the first step to the end of the first
epoch whose validation loss is low enough, validation in it. Keras is given up after 30 epochs, twenty minutes on
two cores: each of them is written down, and it goes on where it was stopped.
"""

import json
import math
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import PEERS, ROOT, asked, epochs_of, parser_of, write

LOSSES = (0.0011, 0.00048)
RUNS = 3
"""Of the engine; they come to the same losses, and to the median of their seconds."""


def reached(epochs: list[tuple[float, float]], loss: float) -> tuple[int, float] | None:
    """The first epoch whose validation loss is low enough, and the seconds until its end."""
    seconds = 0.0
    for number, (took, validation) in enumerate(epochs, start=1):
        seconds += took
        if validation <= loss:
            return number, seconds
    return None


def engine(home: Path, epochs: int) -> list[tuple[float, float]]:
    """Seconds and validation loss of each epoch of a schedule of so many."""
    run = asked(
        sys.executable, ["-m", "cae_tui", "--home", str(home), "autoencoder", "--json", "--epochs", str(epochs)]
    )
    return [(epoch["seconds"], epoch["validation"]["loss"]) for epoch in epochs_of(home, run["id"])]


def shortest(home: Path, loss: float) -> tuple[int, tuple[int, float]]:
    """The number of epochs of the shortest schedule that gets to `loss`, and in which epoch and when it does."""
    for epochs in range(1, 11):
        if found := reached(engine(home, epochs), loss):
            return epochs, found
    raise SystemExit(f"Ten epochs do not reach {loss}.")


def keras(folder: Path, most: int) -> list[tuple[float, float]]:
    """The same of the report's recipe, until the lower of the losses or so many epochs."""
    words = ["-m", "benchmarks.peers.keras_fit", "--until", str(min(LOSSES)), "--epochs", str(most)]
    asked(PEERS, [*words, "--folder", str(folder)])
    lines = (folder / "epochs.jsonl").read_text().splitlines()
    epochs = {epoch["epoch"]: epoch for epoch in map(json.loads, lines)}  # one that was cut off is written twice
    return [(epoch["seconds"], epoch["val_loss"]) for _, epoch in sorted(epochs.items())]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "time-to-loss")
    parser.add_argument("--most", type=int, default=30, help="epochs of Keras")
    options = parser.parse_args()
    if not PEERS.exists():
        raise SystemExit("The peers are not installed: make .venv-peers/installed")
    ours: dict[float, tuple[int, float]] = {}
    for loss in LOSSES:
        schedule, found = shortest(options.folder / "home", loss)
        again = (reached(engine(options.folder / "home", schedule), loss) for _ in range(RUNS - 1))
        times = [found[1], *(one[1] for one in again if one is not None)]
        ours[loss] = found[0], statistics.median(times)
        told = ", ".join(f"{time:.1f}" for time in times)
        print(f"  engine, {schedule} epochs: {loss} in epoch {found[0]}, {told} s", file=sys.stderr, flush=True)
    theirs = keras(options.folder / "keras", options.most)
    print(f"{'validation MSE':<16} {'engine':>18} {'Keras':>18} {'ratio of seconds':>18}")
    result = []
    for loss in LOSSES:
        (epochs, seconds), other = ours[loss], reached(theirs, loss)
        told = "not reached" if other is None else f"{other[0]} ep {other[1]:9.0f} s"
        least = sum(took for took, _ in theirs) if other is None else other[1]
        ratio = f"{'more than ' if other is None else ''}{math.floor(least / seconds)} ×"
        print(f"{loss:<16} {epochs:>3} ep {seconds:>9.1f} s {told:>18} {ratio:>18}")
        result.append({"loss": loss, "engine": ours[loss], "keras": other, "keras_seconds_at_least": least})
    write(options.json, {"losses": result, "keras_epochs": theirs})


if __name__ == "__main__":
    main()
