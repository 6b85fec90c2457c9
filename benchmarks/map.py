"""The map of a latent space: how soon it is there, and how soon it is drawn again.

    .venv/bin/python benchmarks/map.py [--home FOLDER --run ID] [--times 200] [--json FILE]

The app runs without a terminal, at 120×40. Redrawn are 10,000 and 60,000 points in ten groups, which are moved and
zoomed: timed is each time from the key's action to lines that are ready for the screen. The seconds to the first map
are those of the 10,000 test images of MNIST, from the message of the key on, by the default autoencoder (trained for 20
steps where no run is named), in a process that has loaded nothing yet; then those until neighbours are found, and
those of opening it again, which is kept.
"""

import asyncio
import math
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from textual.app import App, ComposeResult

from benchmarks.common import asked, parser_of, write
from benchmarks.person import Person
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import OpenLatent
from cae_tui.screens.latent import LatentScreen
from cae_tui.widgets.scatter import Scatter
from engine.runs.directory import Home

SIZE = (120, 40)
NAMES = tuple(map(str, range(10)))


class Alone(App[None]):
    """A map, and nothing else."""

    def compose(self) -> ComposeResult:
        """The map."""
        yield Scatter()


async def redrawn(count: int, times: int) -> list[float]:
    """Milliseconds of each of so many redraws of `count` points."""
    drawn = np.random.default_rng(0)
    labels = drawn.integers(0, 10, count)
    points = (drawn.normal(0, 4, (10, 2))[labels] + drawn.normal(size=(count, 2))).astype(np.float32)
    app, found = Alone(), list[float]()
    async with app.run_test(size=SIZE) as pilot:
        scatter = app.query_one(Scatter)
        scatter.put(points, labels, NAMES, keep=False)
        await pilot.pause()
        begun = 0.0
        render = scatter.render_lines

        def timed(crop: Any) -> Any:
            lines = render(crop)
            nonlocal begun
            if begun:
                found.append(1000 * (time.perf_counter() - begun))
                begun = 0.0
            return lines

        scatter.render_lines = timed  # type: ignore[method-assign]  # to hear of it
        for number in range(times):
            begun = time.perf_counter()
            if number % 4 < 2:
                scatter.action_zoom(1 if number % 4 == 0 else -1)
            else:
                scatter._pan(8 if number % 4 == 2 else -8, 0)
            while begun:
                await asyncio.sleep(0.001)
    return found


async def opened(home: Path, run: str) -> dict[str, float]:
    """Seconds until the first map, until the neighbours are found, and until the map is there the second time."""
    shutil.rmtree(home / "runs" / run / "latent", ignore_errors=True)
    app = CaeApp(Home(home))
    async with app.run_test(size=SIZE) as pilot:
        person = Person(app, pilot)

        def page() -> LatentScreen | None:
            return app.screen if isinstance(app.screen, LatentScreen) else None

        def ready() -> bool:
            return (shown := page()) is not None and shown.view is not None

        def known() -> bool:
            return (shown := page()) is not None and shown.view is not None and shown.view.predicted is not None

        app.post_message(OpenLatent(run))
        await person.sees(ready, "first map")
        await person.sees(known, "neighbours")
        await pilot.press("escape")
        await person.sees(lambda: page() is None)
        person.begun = time.perf_counter()
        app.post_message(OpenLatent(run))
        await person.sees(ready, "map again")
    return person.seen


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--run")
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        home, run = options.home or Path(folder), options.run
        if run is None:
            words = ["-m", "cae_tui", "--home", str(home), "autoencoder", "--json", "--epochs", "1"]
            run = asked(sys.executable, [*words, "--steps-per-epoch", "20"])["id"]
        found["seconds"] = asyncio.run(opened(home, Home(home).find(run).id))
    for what, seconds in found["seconds"].items():
        print(f"{what:<14}{seconds:6.1f} s")
    for count in (10_000, 60_000):
        each = sorted(asyncio.run(redrawn(count, options.times)))
        median, p95 = statistics.median(each), each[math.ceil(0.95 * len(each)) - 1]
        found[f"redraw of {count}"] = {"median": median, "p95": p95, "most": each[-1]}
        print(f"redraw of {count:,} points, {len(each)} times: median {median:.1f} ms, p95 {p95:.1f} ms")
    write(options.json, found)


if __name__ == "__main__":
    main()
