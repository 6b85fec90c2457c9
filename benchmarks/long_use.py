"""What long use costs: a home of 2,000 runs, a run of 10,000 epochs, a study of 1,000 trials.

    .venv/bin/python benchmarks/long_use.py [--runs 2000] [--epochs 10000] [--trials 1000] [--json FILE]

The first screen: seconds from the start of the process until it lists the latest run, in a pseudo-terminal. Every other
screen: from the request for it until it stands with its content and every line has been composed, in the app without a
terminal at 120×40; then what one more epoch costs on the training screen. The processor's time beside it tells what
another program on the same machine took of the clock's.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import parser_of, write
from benchmarks.run_list import fill
from benchmarks.startup import start
from benchmarks.study_screen import made_up
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import RunUpdated
from cae_tui.screens.study import StudyScreen
from cae_tui.screens.training import TrainingScreen
from engine.protocol.events import EpochEnded
from engine.runs.directory import Home
from tests.cae_tui.script import AUTOENCODER, scripted_events, write_run

STARTS = 5


async def seconds(app: CaeApp, ask: Callable[[], Any], stands: Callable[[], bool]) -> tuple[float, float]:
    """On the clock and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    ask()
    while not stands():
        await asyncio.sleep(0.001)
    done = asyncio.Event()
    app.call_after_refresh(done.set)
    await done.wait()
    return time.perf_counter() - began, time.process_time() - worked


async def measure(home: Home, study: str) -> dict[str, tuple[float, float]]:
    """Seconds of each."""
    found = {}
    app = CaeApp(Home(home.path))
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.device:
            await asyncio.sleep(0.1)

        def trained() -> bool:
            return isinstance(app.screen, TrainingScreen) and app.screen.state is not None

        app.action_data()  # so that what every screen needs is loaded
        await pilot.pause(1)
        await app.pop_screen()
        for name in ("training screen", "training screen again"):
            found[name] = await seconds(app, lambda: app.run_acts.open_training(AUTOENCODER), trained)
            state = app.screen.state if isinstance(app.screen, TrainingScreen) else None
            if state is not None and name.endswith("again"):
                last = state.epochs[-1]
                state.ended = None
                state.epochs.append(replace(last, epoch=last.epoch + 1))
                news = RunUpdated(state)
                found["one more epoch"] = await seconds(app, partial(app.screen.post_message, news), lambda: True)
            await pilot.pause(0.5)
            await app.pop_screen()
        found["list of studies"] = await seconds(app, app.action_studies, lambda: bool(app.screen.query("#studies")))
        await app.pop_screen()
        app.call_later(app.study_acts.open, study)
        found["study"] = await seconds(
            app,
            lambda: None,
            lambda: isinstance(app.screen, StudyScreen) and app.screen._record is not None,
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        fill(home, options.runs)
        events = scripted_events(epochs=options.epochs, steps=2)
        assert sum(isinstance(event, EpochEnded) for event in events) == options.epochs
        write_run(home, events)
        study = made_up(home, options.trials, 20)
        latest = max((home.find(run).read_status() for run in home.ids()), key=lambda status: status.started)
        words = [sys.executable, "-m", "cae_tui", "--home", folder]
        first = statistics.median(start(words, latest.id[:4]) for _ in range(STARTS))
        found = asyncio.run(measure(home, study.id))
    print(f"{options.runs:,} runs, a run of {options.epochs:,} epochs, a study of {options.trials:,} trials, 120×40")
    print(f"  {'first screen':<24} {1000 * first:7.0f} ms")
    for name, (clock, processor) in found.items():
        print(f"  {name:<24} {1000 * clock:7.0f} ms   processor {1000 * processor:7.0f} ms")
    write(options.json, {"seconds": {"first screen": first, **found}})


if __name__ == "__main__":
    main()
