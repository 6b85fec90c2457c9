"""The *Quick* presets: what an autoencoder and a classifier come to in seconds, beside Keras doing the same.

    .venv/bin/python benchmarks/quick.py [--seeds 3] [--json FILE]

For each seed, in turn: the autoencoder, the classifier on its encoder, and the same networks, batches, steps and rates
in Keras (`benchmarks/peers/keras_quick.py`), each in a process of its own. Told are seconds of training alone, as each
run's report has them (steps and the validation after them; of Keras `fit`, without validation), and what the best
weights come to on validation and on test images. The presets were chosen by validation images; a machine that does
nothing else is needed for the seconds.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import PEERS, asked, parser_of, write

REPORT = {"mse": 0.0011, "accuracy": 0.9901}
"""The 2020 report's results on test images: after 20 epochs of 7 s on a cloud GPU."""


def engine(home: Path, seed: int) -> dict[str, float]:
    """Both presets with a seed."""
    command = ["-m", "cae_tui", "--home", str(home)]
    quick = ["--preset", "quick", "--seed", str(seed), "--json"]
    first = asked(sys.executable, [*command, "autoencoder", *quick])
    second = asked(sys.executable, [*command, "classifier", "--encoder", first["id"], *quick])
    return {
        "seconds": first["seconds"], "mse": first["test_loss"], "validation_mse": first["best_validation_loss"],
        "classifier_seconds": second["seconds"], "accuracy": second["accuracy"],
        "validation_accuracy": validation_accuracy(home, second["id"]),
    }  # fmt: skip


def validation_accuracy(home: Path, run: str) -> float:
    """Of the epoch whose weights are kept."""
    from engine.protocol.events import EpochEnded
    from engine.runs.directory import Home

    events = Home(home).find(run).read_events()[0]
    return max(event.validation["accuracy"] for event in events if isinstance(event, EpochEnded) and event.best)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {"engine": [], "Keras": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            found["engine"].append(engine(Path(folder), seed))
            print(f"  engine, seed {seed}: {found['engine'][-1]}", file=sys.stderr, flush=True)
            if PEERS.exists():
                words = ["-m", "benchmarks.peers.keras_quick", "--seed", str(seed)]
                found["Keras"].append(asked(PEERS, words))
                print(f"  Keras, seed {seed}: {found['Keras'][-1]}", file=sys.stderr, flush=True)
    print(f"{'mean of ' + str(options.seeds) + ' seeds':<18} {'report 2020':>12} {'engine':>12} {'Keras':>12}")
    rows = (
        ("autoencoder, s", "seconds", "{:.1f}"), ("classifier, s", "classifier_seconds", "{:.1f}"),
        ("both, s", "", "{:.1f}"), ("test MSE", "mse", "{:.5f}"), ("test accuracy", "accuracy", "{:.4f}"),
        ("val. accuracy", "validation_accuracy", "{:.4f}"),
    )  # fmt: skip
    for words, name, form in rows:
        cells = [form.format(REPORT[name]) if name in REPORT else "–"]
        for side in found.values():
            values = [one[name] if name else one["seconds"] + one["classifier_seconds"] for one in side]
            cells.append(form.format(statistics.mean(values)) if values else "–")
        print(f"{words:<18} {cells[0]:>12} {cells[1]:>12} {cells[2]:>12}")
    if not PEERS.exists():
        print("Keras was left out: make .venv-peers/installed, then run this again.")
    write(options.json, found)


if __name__ == "__main__":
    main()
