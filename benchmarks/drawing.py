"""From a stroke to changed bars: how soon the page that one draws on tells what a model makes of it.

    .venv/bin/python benchmarks/drawing.py [--home FOLDER --run ID] [--strokes 300] [--json FILE]

The app runs without a terminal, at 120×40, on a classifier of the *Quick* preset on MNIST, which is trained first
where none is named. The mouse is moved by events as a terminal sends them, 30 a second, and each is timed until bars
are drawn that take it into account. Nothing trains meanwhile; the training images are encoded before the first stroke.
"""

import asyncio
import gc
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from textual import events
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from benchmarks.common import asked, parser_of, write
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import TryModel
from cae_tui.screens.try_out import TryScreen
from cae_tui.widgets.answer import AnswerBars
from engine.runs.directory import Home

EVERY = 1 / 30
"""Seconds between two moves."""
A_PICTURE = 60
"""Moves until it is cleared."""
MOST_WAITS = 1_200


def trained(home: Path) -> str:
    """The id of a classifier, trained with the *Quick* presets."""
    command = ["-m", "cae_tui", "--home", str(home)]
    encoder = asked(sys.executable, [*command, "autoencoder", "--preset", "quick", "--json"])["id"]
    return str(
        asked(sys.executable, [*command, "classifier", "--preset", "quick", "--encoder", encoder, "--json"])["id"]
    )


async def page_of(app: CaeApp, pilot: Pilot[None], run: str) -> TryScreen:
    """The page, once its model and the training images are read."""
    app.post_message(TryModel(run))
    for _ in range(MOST_WAITS):
        await pilot.pause(0.1)
        if isinstance(app.screen, TryScreen) and app.screen.ready:
            break
    else:
        raise SystemExit("The page did not come up.")
    assert isinstance(app.screen, TryScreen)
    return app.screen


async def measure(home: Path, run: str, strokes: int) -> list[float]:
    """Seconds from each move to the bars of its picture."""
    app, lags = CaeApp(Home(home)), list[float]()
    waiting: list[tuple[int, float]] = []  # how often something was drawn with that move, and when the mouse moved
    async with app.run_test(size=(120, 40)) as pilot:
        page = await page_of(app, pilot, run)
        gc.freeze()  # as the command does once PyTorch is loaded: to look through it for garbage takes 0.3 s
        canvas, bars = page.canvas, page.query_one(AnswerBars)
        draw = bars.render_lines

        def drawn(crop: Region) -> list[Strip]:
            strips = draw(crop)
            while waiting and waiting[0][0] <= page.answered:
                lags.append(time.perf_counter() - waiting.pop(0)[1])
            return strips

        bars.render_lines = drawn  # type: ignore[method-assign]  # to hear of it
        area = canvas.area.translate(canvas.content_region.offset)  # on the screen

        def place(stroke: int) -> tuple[float, float]:
            """On a spiral outwards, so that every move changes the picture."""
            angle, radius = stroke / 9, 0.05 + 0.35 * (stroke % A_PICTURE) / A_PICTURE
            return area.x + area.width * (0.5 + radius * math.cos(angle)), area.y + area.height * (
                0.5 + radius * math.sin(angle)
            )

        for stroke in range(strokes):
            x, y = place(stroke)
            if stroke % A_PICTURE == 0:
                x, y = place(stroke - 1)
                app.post_message(events.MouseUp(None, x, y, 0, 0, 1, False, False, False))
                page.action_clear()
                app.post_message(events.MouseDown(None, x, y, 0, 0, 1, False, False, False))
                await pilot.pause(0.5)
                waiting.clear()
                number = page.drawn
                x, y = place(stroke)
            number += 1
            waiting.append((number, time.perf_counter()))
            app.post_message(events.MouseMove(None, x, y, 0, 0, 1, False, False, False))
            await asyncio.sleep(EVERY)
        await pilot.pause(0.5)
    return lags


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--run")
    parser.add_argument("--strokes", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        run = options.run or trained(home)
        lags = sorted(1000 * lag for lag in asyncio.run(measure(home, run, options.strokes)))
    p95 = lags[math.ceil(0.95 * len(lags)) - 1]
    print(f"from a move of the mouse to changed bars, {len(lags)} times: median {statistics.median(lags):.1f} ms, "
          f"p95 {p95:.1f} ms, most {lags[-1]:.1f} ms")  # fmt: skip
    write(options.json, {"median": statistics.median(lags), "p95": p95, "most": lags[-1], "count": len(lags)})


if __name__ == "__main__":
    main()
