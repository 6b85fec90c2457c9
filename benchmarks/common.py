"""What the programs here share: sides in turn, medians and ratios, and JSON that says where it was measured."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = Path(os.environ.get("PEERS", ROOT / ".venv-peers")) / "bin" / "python"
"""The interpreter that has the peers' libraries: `make .venv-peers/installed`."""
PACKAGES = ("cae-tui", "torch", "textual")


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
    }


def installed(name: str) -> str | None:
    """A package's version; None where it is not installed, as this one is not where its checkout is run."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def parser_of(document: str | None) -> argparse.ArgumentParser:
    """A parser with `--json`."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    return parser


def asked(python: Path | str, words: Sequence[str], **environment: str) -> dict[str, Any]:
    """The last line that a command prints, which is JSON.

    Raises:
        SystemExit: it failed; its own words are told.
    """
    command = [str(python), *words]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def engine_step(images: Path, home: Path, *flags: str) -> float:
    """Milliseconds a step of the second epoch of an autoencoder that the command line trains on `images`."""
    words = ["-m", "cae_tui", "--home", str(home), "autoencoder", "--json", "--epochs", "2", "--images", str(images)]
    return float(epochs_of(home, asked(sys.executable, [*words, *flags])["id"])[-1]["ms_per_step"])


def epochs_of(home: Path, run: str) -> list[dict[str, Any]]:
    """What a run tells of each of its epochs."""
    lines = (home / "runs" / run / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "EpochEnded"]


def in_turn(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure A B C, A B C, …: what slows the machine down for a while then slows all of them."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
            print(f"  {turn + 1}/{rounds} {name:<24} {found[name][-1]:10.2f}", file=sys.stderr, flush=True)
    return found


def ratios(of: Sequence[float], over: Sequence[float]) -> dict[str, float]:
    """The median, least and largest of the ratios round by round."""
    each = [one / other for one, other in zip(of, over, strict=True)]
    return {"median": statistics.median(each), "least": min(each), "most": max(each)}


def write(path: Path | None, found: Mapping[str, Any]) -> None:
    """Write what was measured, with the machine."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
