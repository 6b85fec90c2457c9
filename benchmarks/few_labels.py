"""Which pre-training is worth most with few labels: encoders trained in several ways, and what each is worth.

    .venv/bin/python benchmarks/few_labels.py [--sets mnist fashion-mnist] [--labels 10] [--seeds 3] [--only NAME …]

Each autoencoder is trained by command line, then `cae-tui study worth` trains classifiers on its encoder. Encoders are
told apart by the validation part, which no run has chosen anything by: every run keeps its last weights. Test images
are measured once and told beside. A set is a name or a path, as for `--data`. What is in the folder already is not
trained again: take another folder once a default has changed.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import ROOT, asked, machine, parser_of, write

ENCODERS = {
    "recommended": [],
    "longer": ["--epochs", "50"],
    "augmented": ["--augmentation"],
    "much gaussian noise": ["--noise", "gaussian", "--noise-amount", "0.6"],
    "much masked squares": ["--noise", "masked-squares", "--noise-amount", "0.5"],
    "dense latent of 64": ["--latent", "64"],
    "latent of 64, much gaussian": ["--latent", "64", "--noise", "gaussian", "--noise-amount", "0.6"],
    "latent of 64, much masked": ["--latent", "64", "--noise", "masked-squares", "--noise-amount", "0.5"],
}
"""The flags of each way to pre-train; what they don't name is as in *Recommended*."""


def main() -> None:
    """Train what is missing, and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=["mnist", "fashion-mnist"], metavar="DATA")
    parser.add_argument("--labels", default="10", help="a class; several are joined by commas")
    parser.add_argument("--seeds", default="3")
    parser.add_argument("--only", nargs="+", choices=ENCODERS, default=list(ENCODERS), metavar="NAME")
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--threads", default="1", help="of a run")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "few-labels")
    options = parser.parse_args()
    file = options.folder / "found.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())["found"] if file.exists() else {}
    command = ["-m", "cae_tui", "--home", str(options.folder / "home")]
    for data in options.sets:
        for name in options.only:
            key = f"{Path(data).name}, {name}"
            each = found.setdefault(key, {})
            shared = ["--threads", options.threads, "--json"]
            if "encoder" not in each:
                print(f"  {key}: the encoder …", file=sys.stderr, flush=True)
                each["encoder"] = asked(
                    sys.executable, [*command, "autoencoder", "--data", data, *ENCODERS[name], *shared]
                )["id"]
                write(file, {"found": found})
            if "study" not in each:
                print(f"  {key}: what it is worth …", file=sys.stderr, flush=True)
                words = ["study", "worth", each["encoder"], f"labels_per_class={options.labels}"]
                words += ["--repeats", options.seeds, "--workers", options.workers, *shared]
                each["study"] = asked(sys.executable, [*command, *words])
                write(file, {"found": found})
    print(f"accuracy in %, mean ± standard deviation over {options.seeds} seeds; {machine()['cpu']}")
    for key, each in found.items():
        _print(key, each["study"])
    write(options.json, {"found": found})


def _print(key: str, study: dict[str, Any]) -> None:
    """A line for each way and number of labels: on validation images, then on test images."""
    from engine.studies.worth import said

    print(key)
    for point in study["stages"][0]["points"]:
        cells = []
        for of in ("validation", "test"):
            values = [
                100 * trial["measures"][f"{of}_accuracy"]
                for trial in point["trials"]
                if trial.get("measures", {}).get(f"{of}_accuracy") is not None
            ]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{of} {statistics.mean(values):5.1f}{spread}" if values else f"{of} –")
        print(f"  {said(point['values']):<40} {'   '.join(cells)}")


if __name__ == "__main__":
    main()
