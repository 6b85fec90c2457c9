"""What the screen costs: the same run by command line and in the app, in turn.

    .venv/bin/python benchmarks/screen.py [--pairs 5] [--epochs 1] [--json FILE]

Both train the recommended autoencoder on all of MNIST. The app runs in a pseudo-terminal of 120×40 with its
training screen open, and is told what to train by the message that the form sends. Compared are the images a
second of the training steps, which both write into `result.json`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

INSIDE = """
import sys
import threading
import time
from pathlib import Path
from cae_tui.app import CaeApp
from cae_tui.messages import Start
from engine.runs import Home
from engine.spec import AutoencoderSpec, preset

app = CaeApp(Home(Path(sys.argv[1])))

def train():
    while not app.is_running:
        time.sleep(0.1)
    app.post_message(Start(preset(AutoencoderSpec, "recommended", epochs=int(sys.argv[2]))))
    while app.runner.current is None or app.runner.current.ended is None:
        time.sleep(0.5)
    app.call_from_thread(app.exit)

threading.Thread(target=train, daemon=True).start()
app.run()
"""


def rate(home: Path) -> float:
    """Images a second of the only run in `home`."""
    (result,) = (home / "runs").glob("*/result.json")
    return float(json.loads(result.read_text())["images_per_second"])


def by_command(home: Path, epochs: int) -> float:
    """Train by command line."""
    words = [sys.executable, "-m", "cae_tui", "--home", str(home), "autoencoder", "--epochs", str(epochs)]
    subprocess.run(words, check=True, capture_output=True)
    return rate(home)


def in_app(home: Path, epochs: int, script: Path) -> float:
    """Train in the app."""
    child = pexpect.spawn(sys.executable, [str(script), str(home), str(epochs)], dimensions=(40, 120), timeout=None)
    child.expect(pexpect.EOF)
    child.close()
    return rate(home)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "inside.py"
        script.write_text(INSIDE)
        for turn in range(options.pairs):
            a = in_app(Path(folder) / f"app{turn}", options.epochs, script)
            b = by_command(Path(folder) / f"cli{turn}", options.epochs)
            rows.append((a, b))
            print(f"  app {a:7.0f}   command line {b:7.0f} images/s   ratio {a / b:.3f}", flush=True)
    ratios = [a / b for a, b in rows]
    result = {
        "pairs": len(rows),
        "app_images_per_second": statistics.median(a for a, _ in rows),
        "command_images_per_second": statistics.median(b for _, b in rows),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }
    print(f"training with the app over without, median of {len(rows)} pairs: {result['ratio']:.3f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
