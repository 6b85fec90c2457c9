"""What the defaults reach: losses of the autoencoder after 8 and 20 epochs, accuracy of the classifier, over seeds;
and the accuracy of the classifier preset *Best*, on an encoder of 64 kernels with max-pool.

    .venv/bin/python benchmarks/quality.py [--seeds 3] [--best-seeds 1] [--folder build/quality]

Everything is trained by command line on all of MNIST, a quarter of an hour a seed on two cores, and half an hour a
seed of *Best*: on a GPU take three of it. Its encoder is trained for three epochs only, as all of it is fine-tuned for
thirty. Each number is written into the folder as soon as it is there, and what is there already is not trained again:
take another folder once a default has changed. The test images are looked at by the final evaluation of each run
alone.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import ROOT, asked, machine, parser_of, write

ROWS = {
    "autoencoder, 8 epochs: validation MSE": ("autoencoder 8", "best_validation_loss", ".3g"),
    "autoencoder, 8 epochs: test MSE": ("autoencoder 8", "test_loss", ".3g"),
    "autoencoder, 20 epochs: validation MSE": ("autoencoder 20", "best_validation_loss", ".3g"),
    "autoencoder, 20 epochs: test MSE": ("autoencoder 20", "test_loss", ".3g"),
    "classifier: validation loss": ("classifier", "best_validation_loss", ".4f"),
    "classifier: test accuracy": ("classifier", "test_accuracy", ".4f"),
    "classifier: test accuracy, one view": ("classifier", "one_view_accuracy", ".4f"),
    "Best: test accuracy": ("classifier best", "test_accuracy", ".4f"),
    "Best: test accuracy, one view": ("classifier best", "one_view_accuracy", ".4f"),
    "Best: parameters": ("classifier best", "parameters", ",.0f"),
}


def main() -> None:
    """Train what is missing, and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--best-seeds", type=int, default=1, help="seeds of the preset Best")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "quality")
    options = parser.parse_args()
    file = options.folder / "found.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())["runs"] if file.exists() else {}

    def train(name: str, seed: int, *words: str) -> dict[str, Any]:
        key = f"{name}, seed {seed}"
        if key not in found:
            print(f"  {key} …", file=sys.stderr, flush=True)
            command = ["-m", "cae_tui", "--home", str(options.folder / "home"), *words, "--seed", str(seed), "--json"]
            found[key] = asked(sys.executable, command)
            write(file, {"runs": found})
        return found[key]

    for seed in range(options.seeds):
        train("autoencoder 8", seed, "autoencoder", "--epochs", "8")
        encoder = train("autoencoder 20", seed, "autoencoder").id
        train("classifier", seed, "classifier", "--encoder", encoder)
    for seed in range(options.best_seeds):
        wide = ("--kernels", "64", "--downsampling", "max-pool", "--epochs", "3")
        encoder = train("autoencoder best", seed, "autoencoder", *wide).id
        train("classifier best", seed, "classifier", "--encoder", encoder, "--preset", "best")
    print(f"mean ± standard deviation of the seeds, and each; {machine()['cpu']}")
    for title, (name, field, form) in ROWS.items():
        seeds = range(options.best_seeds if name == "classifier best" else options.seeds)
        if not seeds:
            continue
        values = [found[f"{name}, seed {seed}"][field] for seed in seeds]
        spread = f"± {statistics.stdev(values):.2g}" if len(values) > 1 else "one seed"
        each = ", ".join(f"{value:{form}}" for value in values)
        print(f"  {title:<40} {statistics.mean(values):{form}} {spread:<10} {each}")
    write(options.json, {"runs": found})


if __name__ == "__main__":
    main()
