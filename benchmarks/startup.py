"""Time to the first screen: `cae-tui` against an empty Textual app (header, static, footer), in turn.

    .venv/bin/python benchmarks/startup.py [--pairs 15] [--json FILE]

Each start is a fresh process in a pseudo-terminal of 120×40; the clock runs from the start of the process
until a text of the first screen has been written. Prints medians and the median of the pairwise ratios. Both
sides keep their bytecode, as Python does unless it is told not to: else one would be compiled at each start
and the other, installed with it, not.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pexpect

from benchmarks.common import parser_of, write

EMPTY = """
from textual.app import App
from textual.widgets import Footer, Header, Static

class Empty(App):
    def compose(self):
        yield Header()
        yield Static("the first screen stands")
        yield Footer()

Empty().run()
"""


def start(words: list[str], text: str) -> float:
    """Seconds from the start of a process until it has written `text`."""
    begun = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = pexpect.spawn(words[0], words[1:], dimensions=(40, 120), timeout=60, env=environment)
    child.expect_exact(text)
    seconds = time.perf_counter() - begun
    child.terminate(force=True)
    child.close()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY)
        empty = [sys.executable, str(script)]
        ours = [sys.executable, "-m", "cae_tui", "--home", str(Path(folder) / "home")]
        rows = []
        for turn in range(options.pairs + 1):
            row = (start(ours, "Train an autoencoder"), start(empty, "the first screen stands"))
            if turn:  # the first pair warms the disk's cache
                rows.append(row)
    ratios = [a / b for a, b in rows]
    result = {
        "pairs": len(rows),
        "cae_tui_seconds": statistics.median(a for a, _ in rows),
        "empty_app_seconds": statistics.median(b for _, b in rows),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }
    print(f"first screen, median of {len(rows)} pairs")
    print(f"  cae-tui            {result['cae_tui_seconds']:.3f} s")
    print(f"  empty Textual app  {result['empty_app_seconds']:.3f} s")
    print(f"  ratio              {result['ratio']:.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    write(options.json, result)


if __name__ == "__main__":
    main()
