"""How long a process that trains takes to be gone once it is asked to end.

    .venv/bin/python benchmarks/ending.py [--rounds 6] [--json FILE]

The recommended autoencoder trains on all of MNIST: by command line, and in the app in a pseudo-terminal. At a random
moment of it, in training or in validation, the process gets a signal or its terminal is closed; the clock runs until
the process is no more. Each round takes every way in turn; the run of before is resumed, so its checkpoint is read too.
"""

import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pexpect

from benchmarks.common import in_turn, parser_of, write
from engine.protocol.states import RUNNING
from engine.runs.directory import Home

PATIENCE = 120  # seconds for a run to begin, and to end
LONGEST = 14.0  # seconds of training before it is asked: more than an epoch


def wait_until_it_trains(home: Home, process: int) -> None:
    """Until that process trains the only run, and then for a random time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        states = [home.find(run).read_status() for run in home.ids()]
        if any(status.state == RUNNING and status.process == process for status in states):
            time.sleep(random.uniform(1, LONGEST))
            return
        time.sleep(0.05)
    raise SystemExit("no run began")


def by_command(home: Home, number: signal.Signals) -> float:
    """Seconds from a signal to the end of the command."""
    known = home.ids()
    words = ["resume", known[0]] if known else ["autoencoder", "--epochs", "1000", "--patience", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cae_tui", "--home", str(home.path), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_it_trains(home, process.pid)
    begun = time.perf_counter()
    process.send_signal(number)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit(f"{number.name} did not end the command within {PATIENCE} s.") from None
    return time.perf_counter() - begun


def in_app(home: Home, end: Callable[[pexpect.spawn], None]) -> float:
    """Seconds from `end` to the end of the app, in which the run was resumed."""
    child = pexpect.spawn(
        sys.executable, ["-m", "cae_tui", "--home", str(home.path)], dimensions=(40, 120), timeout=PATIENCE
    )
    child.expect_exact("60,000")
    child.send("R")
    wait_until_it_trains(home, child.pid)
    begun = time.perf_counter()
    end(child)
    while child.isalive():
        if time.perf_counter() - begun > PATIENCE:
            child.kill(signal.SIGKILL)
            raise SystemExit(f"The app did not end within {PATIENCE} s.")
        if not child.closed:  # what the app still draws is read, as a terminal does
            with suppress(pexpect.TIMEOUT, pexpect.EOF):
                child.read_nonblocking(65536, timeout=0.01)
        time.sleep(0.002)
    return time.perf_counter() - begun


def close_terminal(child: "pexpect.spawn") -> None:
    """As a window is closed, or a connection is lost."""
    child.ptyproc.fileobj.close()
    child.closed = True


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    # What this process ignores, as one in the background or after `nohup` does, its children would ignore too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        sides: dict[str, Callable[[], float]] = {
            f"command, {number.name}": partial(by_command, home, number)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        sides["app, SIGTERM"] = partial(in_app, home, lambda child: child.kill(signal.SIGTERM))
        sides["app, terminal closed"] = partial(in_app, home, close_terminal)
        found = in_turn(sides, options.rounds)
    print(f"seconds from being asked to end until the process is gone, {options.rounds} times each")
    for name, seconds in found.items():
        print(f"  {name:<22} median {statistics.median(seconds):5.2f}   most {max(seconds):5.2f}")
    write(options.json, {"seconds": found})


if __name__ == "__main__":
    main()
