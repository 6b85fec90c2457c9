"""From a key to the changed screen: the app in a pseudo-terminal of 120×40, idle and while it trains.

    .venv/bin/python benchmarks/keys.py [--keys 200] [--json FILE]

The key is `l` on the training screen, which draws the loss chart again on the other scale: the dearest thing that a
key does there. The clock runs from the key until the chart's new title has come out of the terminal. Idle is the
screen of a run that is paused; while it trains, the recommended autoencoder learns all of MNIST.
"""

import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pexpect
import pyte

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from benchmarks.screen import INSIDE

COLUMNS, ROWS = 120, 40


class Terminal:
    """The program, and what it shows."""

    def __init__(self, script: Path, home: Path) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(sys.executable, [str(script), str(home), "50"], dimensions=(ROWS, COLUMNS))
        self.child.delaybeforesend = None  # 50 ms otherwise

    def read(self, seconds: float) -> None:
        """Draw what comes within so long, and give back at once when something came."""
        with suppress(pexpect.TIMEOUT):
            self._stream.feed(self.child.read_nonblocking(1 << 16, timeout=seconds))

    def shows(self, *words: str) -> bool:
        """Whether all of these are on the screen."""
        text = "\n".join(self.screen.display)
        return all(word in text for word in words)

    def wait_for(self, *words: str) -> None:
        """Until all of these are on the screen."""
        end = time.monotonic() + 120
        while not self.shows(*words):
            if time.monotonic() > end:
                raise SystemExit(f"{words} did not come:\n" + "\n".join(self.screen.display))
            self.read(0.05)


def milliseconds(terminal: Terminal, keys: int) -> list[float]:
    """Of so many presses, at times that have nothing to do with the screen's own timers."""
    found = []
    for turn in range(keys):
        end = time.monotonic() + 0.2 + 0.037 * (turn % 11)
        while time.monotonic() < end:
            terminal.read(0.02)
        log = terminal.shows("log scale")
        begun = time.perf_counter()
        terminal.child.send("l")
        while terminal.shows("log scale") == log:
            terminal.read(0.2)
        found.append(1000 * (time.perf_counter() - begun))
    return found


def summary(values: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": statistics.median(values), "p95": cuts[94], "p99": cuts[98]}


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--keys", type=int, default=200)
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "inside.py"
        script.write_text(INSIDE)
        terminal = Terminal(script, Path(folder) / "home")
        terminal.wait_for("● training", "log scale")
        found["training"] = summary(milliseconds(terminal, options.keys))
        terminal.child.send(" ")
        terminal.wait_for("‖ paused")
        found["idle"] = summary(milliseconds(terminal, options.keys))
        terminal.child.close(force=True)
    print(f"key to changed screen, ms, {options.keys} keys each")
    for name, row in found.items():
        print(f"  {name:<10} p50 {row['p50']:6.1f}   p95 {row['p95']:6.1f}   p99 {row['p99']:6.1f}")
    write(options.json, {"keys": options.keys, "ms": found})


if __name__ == "__main__":
    main()
