"""A newcomer's way along the two-minute tour, from an empty home to a digit of their own that is recognised.

    .venv/bin/python benchmarks/tour.py [--pictures FOLDER] [--json FILE]

The app is the real one, without a terminal, at 120×40, on MNIST. Every key is the one that the tour's line names; the
digit is a 7, drawn by moves of the mouse. The clock runs from the first key; what a person takes to read is not in it.
With `--pictures` four of the pages are written as SVG, as the README shows them.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from benchmarks.person import Person
from cae_tui.app.cae_app import CaeApp
from cae_tui.app.screenshot import save_screenshot
from cae_tui.screens.encoder_form import EncoderForm
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.try_out import TryScreen
from cae_tui.widgets.frame import TourLine
from engine.runs.directory import Home

SEVEN = ((7.0, 7.0), (12.0, 6.5), (19.0, 7.0), (16.0, 13.0), (13.0, 19.0), (11.5, 23.0))
"""Places in 28×28 pixels, which the mouse is moved through."""


class Newcomer(Person):
    """Who presses the keys that the tour names."""

    def __init__(self, app: CaeApp, pilot: Pilot[Any], pictures: Path | None) -> None:
        super().__init__(app, pilot)
        self.pictures = pictures

    async def reads(self, words: str, told: str = "") -> None:
        """Wait until the tour says so on the page on top."""

        def says() -> bool:
            page = self.app.page
            return page is not None and page.is_mounted and words in str(page.query_one(TourLine).render())

        await self.sees(says, told)

    async def takes(self, name: str) -> None:
        """A picture of the page, the clock standing still."""
        if self.pictures is not None:
            begun = time.perf_counter()
            await self.pilot.pause(1.0)
            save_screenshot(self.app, self.pictures / f"tour-{name}.svg")
            self.begun += time.perf_counter() - begun

    async def draws(self, page: TryScreen) -> None:
        """A 7, by the mouse."""
        canvas = page.canvas
        (height, width, _) = canvas.image
        area = canvas.area.translate(canvas.content_region.offset)  # on the screen

        def at(place: tuple[float, float]) -> tuple[float, float]:
            return area.x + place[0] * area.width / width, area.y + place[1] * area.height / height

        x, y = at(SEVEN[0])
        self.app.post_message(events.MouseDown(None, x, y, 0, 0, 1, False, False, False))
        for place in SEVEN[1:]:
            x, y = at(place)
            self.app.post_message(events.MouseMove(None, x, y, 0, 0, 1, False, False, False))
        self.app.post_message(events.MouseUp(None, x, y, 0, 0, 1, False, False, False))
        await self.pilot.pause()
        await self.sees(lambda: page.view is not None and not page.view.blank and page.answered == page.drawn)


async def go(home: Path, pictures: Path | None) -> dict[str, float]:
    """Seconds from the first key until each thing is seen."""
    app = CaeApp(Home(home))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.workers.wait_for_complete()
        person = Newcomer(app, pilot, pictures)
        menu = app.screen.query_one("#menu", OptionList)
        await person.sees(lambda: menu.has_focus and menu.highlighted is not None)
        person.begun = time.perf_counter()
        await pilot.press("enter")
        await person.reads("Trained.", "the autoencoder, trained")
        await person.takes("1")
        await pilot.press("enter")
        await person.reads("Press n", "its report")
        await person.sees(lambda: isinstance(app.screen, ReportScreen) and app.screen.measured)
        await person.takes("2")
        await pilot.press("n")
        await person.reads("Ctrl+R")
        await person.sees(lambda: isinstance(app.screen, EncoderForm) and app.screen.data_fits)
        await pilot.press("ctrl+r")
        await person.reads("Press Enter for the report", "the classifier, trained")
        await pilot.press("enter")
        await person.reads("Press T", "its report, digit by digit")
        await person.sees(lambda: isinstance(app.screen, ReportScreen) and app.screen.measured)
        await person.takes("3")
        await pilot.press("T")
        await person.sees(lambda: isinstance(app.screen, TryScreen) and app.screen.ready, "the page to draw on")
        page = app.screen
        assert isinstance(page, TryScreen)
        await person.draws(page)
        assert page.view is not None
        shares = page.view.probabilities
        answer = max(range(len(shares)), key=lambda label: shares[label])
        await person.sees(lambda: True, f"a 7 that was drawn, taken for a {answer} with {100 * shares[answer]:.1f} %")
        await person.takes("4")
    return person.seen


def main() -> None:
    """Take the tour and print the seconds."""
    parser = parser_of(__doc__)
    parser.add_argument("--pictures", type=Path, help="write four pages as SVG into this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(go(Path(folder), options.pictures))
    for words, seconds in seen.items():
        print(f"  {seconds:6.1f} s  {words}")
    write(options.json, seen)


if __name__ == "__main__":
    main()
