"""How well the kind of run *anomaly* tells one class from the rest: mean AUROC over the ten classes, over seeds.

    .venv/bin/python benchmarks/odd.py [--sets mnist fashion-mnist] [--seeds 3] [--presets recommended turns]

Each class in turn is the normal one. Every run is trained by command line, with the presets as they are: twenty
seconds each for *Recommended*, a minute and a half for *Turns and shifts*. Test images are looked at by the final
evaluation of each run alone. A set is a name or a path, as for `--data`. Each figure is written into the folder as soon
as it is there, and what is there already is not trained again: take another folder once a default has changed.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import ROOT, asked, machine, parser_of, write

CLASSES = 10


def main() -> None:
    """Train what is missing, and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=["mnist", "fashion-mnist"], metavar="DATA")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--presets", nargs="+", default=["recommended", "turns"])
    parser.add_argument("--threads", default="auto", help="of a run; 1 where the machine is shared")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "odd")
    options = parser.parse_args()
    file = options.folder / "found.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())["runs"] if file.exists() else {}
    for seed in range(options.seeds):
        for data in options.sets:
            for preset in options.presets:
                names = _classes(data)
                for normal in names:
                    key = f"{Path(data).name}, {preset}, seed {seed}, normal {normal}"
                    if key in found:
                        continue
                    print(f"  {key} …", file=sys.stderr, flush=True)
                    words = ["--data", data, "--normal", normal, "--preset", preset, "--seed", str(seed)]
                    words += ["--threads", options.threads]
                    command = ["-m", "cae_tui", "--home", str(options.folder / "home"), "anomaly", *words, "--json"]
                    result = asked(sys.executable, command)
                    kept = ("id", "auroc", "average_precision", "scored", "seconds", "threads", "device")
                    found[key] = {name: result.get(name) for name in kept}
                    write(file, {"runs": found})
    print(
        f"mean of {CLASSES} classes; of {options.seeds} seeds mean ± standard deviation, and each; {machine()['cpu']}"
    )
    for data in options.sets:
        for preset in options.presets:
            _print(Path(data).name, preset, options.seeds, found, _classes(data))
    write(options.json, {"runs": found})


def _classes(data: str) -> list[str]:
    """The names of the classes of a set."""
    from engine.data.cache import load
    from engine.specs.data_files import DataFiles, data_of

    return list(load(DataFiles(data_of(data))).class_names)


def _print(data: str, preset: str, seeds: int, found: dict[str, dict[str, Any]], names: list[str]) -> None:
    """A line for each score of these runs, then one for each class."""
    runs = [[found[f"{data}, {preset}, seed {seed}, normal {name}"] for name in names] for seed in range(seeds)]
    print(f"{data}, {preset}")
    for place, score in enumerate([each["name"] for each in runs[0][0]["scored"]]):
        for measure in ("auroc", "average_precision") if not place else ("auroc",):
            means = [100 * statistics.mean(run["scored"][place][measure] for run in row) for row in runs]
            spread = f"± {statistics.stdev(means):.2f}" if seeds > 1 else "one seed"
            each = ", ".join(f"{mean:.2f}" for mean in means)
            title = score if measure == "auroc" else f"{score} (AP)"
            print(f"  {title:<14} {statistics.mean(means):6.2f} {spread:<9} {each}")
    of_class = (
        f"{name} {100 * statistics.mean(row[place]['auroc'] for row in runs):.1f}" for place, name in enumerate(names)
    )
    print(f"  each class     {', '.join(of_class)}")
    seconds = statistics.median(run["seconds"] for row in runs for run in row)
    print(f"  seconds a run  {seconds:6.1f} (median)")


if __name__ == "__main__":
    main()
