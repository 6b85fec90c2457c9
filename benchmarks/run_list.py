"""The list of runs with thousands of them: opening the screen, scrolling, filtering.

    .venv/bin/python benchmarks/run_list.py [--runs 2000] [--json FILE]

The run directories are made for this, each with `spec.json`, `status.json` and, for one in ten, `marks.json`. The app
runs without a terminal at 120×40, after its background work (images, torch) has ended. Opening is from the call until
the first page of the table is drawn, by a list that has read no run before; told is the median of nine.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from textual.widgets import Input

from benchmarks.common import parser_of, write
from cae_tui.app.cae_app import CaeApp
from cae_tui.widgets.run_table import RunTable
from engine.runs.directory import Home
from engine.runs.notes import Notes, write_notes
from engine.runs.status import RunStatus
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.storage.files import write_json

OPENINGS, PAGES = 9, 100


def fill(home: Home, count: int) -> None:
    """Make so many runs."""
    draw = random.Random(0)
    for number in range(count):
        spec = preset(AutoencoderSpec, "recommended", kernels=draw.choice([8, 16, 32, 64]), layers=draw.choice([6, 10]))
        run = home.create()
        write_json(run.spec, spec.kind, {"spec": spec.model_dump(mode="json")})
        run.write_status(
            RunStatus(
                id=run.id, kind=spec.kind, title=spec.title, state=draw.choice(["stopped", "failed", "stopped"]),
                best_loss=draw.random() / 100, last_loss=draw.random() / 100, epoch=20, epochs=20, seconds=300.0,
                started=1_700_000_000.0 + number, data="MNIST", data_digest="of MNIST",
            )
        )  # fmt: skip
        if number % 10 == 0:
            write_notes(run.notes, Notes(star=True, tags=("baseline",)))


async def drawn(app: CaeApp) -> None:
    """Until what is to be drawn has been."""
    done = asyncio.Event()
    app.call_after_refresh(done.set)
    await done.wait()


async def measure(home: Home) -> dict[str, float]:
    """Seconds of each."""
    app = CaeApp(Home(home.path))
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.device:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        opened: list[float] = []
        for _ in range(OPENINGS):
            if opened:
                await pilot.press("escape")
                await pilot.pause(0.3)
            app.home = app.runner.home = Home(home.path)  # one that has listed nothing yet
            begun = time.perf_counter()
            app.action_runs()
            while not (found := app.screen.query(RunTable)) or not found.first().rows or not found.first().size:
                await asyncio.sleep(0.001)
            await drawn(app)
            opened.append(time.perf_counter() - begun)
        table = app.screen.query_one(RunTable)
        pages = []
        for _ in range(PAGES):
            begun = time.perf_counter()
            table.action_page(1)
            await drawn(app)
            pages.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        app.runner.list_runs()
        again = time.perf_counter() - begun
        begun = time.perf_counter()
        app.screen.query_one("#filter", Input).value = "kernels>=32 val_loss<0.002 tag:baseline"
        while len(table.rows) == len(home.ids()):
            await asyncio.sleep(0.001)
        await drawn(app)
        filtered = time.perf_counter() - begun
    return {
        "open": statistics.median(opened),
        "page_median": statistics.median(pages),
        "page_p95": sorted(pages)[int(0.95 * len(pages))],
        "list_again": again,
        "first_filter_by_spec": filtered,
    }


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        fill(home, options.runs)
        result = asyncio.run(measure(home))
    print(f"{options.runs:,} runs, 120×40")
    print(f"  open the list, median              {1000 * result['open']:6.0f} ms")
    page, slow = 1000 * result["page_median"], 1000 * result["page_p95"]
    print(f"  a page down, median and p95        {page:6.1f} ms {slow:6.1f} ms")
    print(f"  look again for what has changed    {1000 * result['list_again']:6.1f} ms")
    print(f"  first filter that reads the specs  {1000 * result['first_filter_by_spec']:6.0f} ms")
    write(options.json, {"runs": options.runs, **result})


if __name__ == "__main__":
    main()
