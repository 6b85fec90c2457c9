"""What the screen costs: the same run by command line and in the app, in turn.

    .venv/bin/python benchmarks/screen.py [--pairs 13] [--epochs 1] [--json FILE]

Both train the recommended autoencoder on all of MNIST. The app runs in a pseudo-terminal of 120×40 with its
training screen open, and is told what to train by the message that the form sends. Compared are the images a
second of the training steps, which both write into `result.json`, and the most memory that the process ever held.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

from benchmarks.common import parser_of, write

INSIDE = """
import sys
import threading
import time
from pathlib import Path
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import Start
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset

app = CaeApp(Home(Path(sys.argv[1])))
runner = app.runner  # made by the thread that it belongs to

def train():
    while not app.is_running:
        time.sleep(0.1)
    app.post_message(Start(preset(AutoencoderSpec, "recommended", epochs=int(sys.argv[2]))))
    while runner.current is None or runner.current.ended is None:
        time.sleep(0.5)
    app.call_from_thread(app.exit)

threading.Thread(target=train, daemon=True).start()
app.run()
"""


def rate(home: Path) -> float:
    """Images a second of the only run in `home`."""
    (result,) = (home / "runs").glob("*/result.json")
    return float(json.loads(result.read_text())["images_per_second"])


def by_command(home: Path, epochs: int) -> tuple[float, float]:
    """Train by command line: images a second, and MB at most."""
    words = [sys.executable, "-m", "cae_tui", "--home", str(home), "autoencoder", "--epochs", str(epochs)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return rate_and_memory(process.pid, home)


def in_app(home: Path, epochs: int, script: Path) -> tuple[float, float]:
    """Train in the app: images a second, and MB at most."""
    child = pexpect.spawn(sys.executable, [str(script), str(home), str(epochs)], dimensions=(40, 120), timeout=None)
    child.expect(pexpect.EOF)
    return rate_and_memory(child.pid, home)


def rate_and_memory(process: int, home: Path) -> tuple[float, float]:
    """Wait for the end of a process that trains in `home`."""
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit("the training failed")
    return rate(home), usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=13)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "inside.py"
        script.write_text(INSIDE)
        for turn in range(options.pairs):
            app, app_memory = in_app(Path(folder) / f"app{turn}", options.epochs, script)
            command, command_memory = by_command(Path(folder) / f"cli{turn}", options.epochs)
            rows.append((app, command, app_memory, command_memory))
            print(
                f"  app {app:7.0f} images/s {app_memory:5.0f} MB   command line {command:7.0f} images/s "
                f"{command_memory:5.0f} MB   ratio {app / command:.3f}",
                flush=True,
            )
    ratios = [app / command for app, command, _, _ in rows]
    app, command, app_memory, command_memory = (statistics.median(column) for column in zip(*rows, strict=True))
    result = {
        "pairs": len(rows),
        "app_images_per_second": app,
        "command_images_per_second": command,
        "app_peak_mb": app_memory,
        "command_peak_mb": command_memory,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }
    print(f"training with the app over without, median of {len(rows)} pairs: {result['ratio']:.3f}")
    print(f"peak memory, median: {app_memory:.0f} MB with the app, {command_memory:.0f} MB without")
    write(options.json, result)


if __name__ == "__main__":
    main()
