"""A newcomer's way with a well-known set, by keys alone: fetched, checked, three pictures left out, trained, counted.

    .venv/bin/python benchmarks/fashion.py [--pictures FOLDER] [--json FILE]

The real app, without a terminal, in an empty home; Fashion-MNIST comes from its publisher, or from a mirror that the
variable CAE_TUI_MIRROR names. The clock runs from the first key, and what a person takes to read is not in it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from textual.widgets import Static

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from benchmarks.person import Person
from cae_tui.app.cae_app import CaeApp
from cae_tui.app.screenshot import save_screenshot
from cae_tui.screens.catalogue import CatalogueScreen
from cae_tui.screens.check import CheckScreen
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.group_grid import GroupGrid
from engine.runs.directory import Home

COUNTED = "3 test images were left out by hand."


async def go(home: Home, pictures: Path | None) -> dict[str, float]:
    """Seconds from the first key until each thing is seen."""
    app = CaeApp(home)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.workers.wait_for_complete()
        person = Person(app, pilot)

        def shown(name: str) -> str:
            return str(app.screen.query_one(name, Static).render())

        async def picture(name: str) -> None:
            if pictures is not None:
                await pilot.pause(0.5)
                save_screenshot(app, pictures / name)

        await pilot.press("d")
        await person.sees(lambda: isinstance(app.screen, DataScreen) and app.screen._data is not None)
        page = app.screen
        assert isinstance(page, DataScreen)
        await pilot.press("g")
        await person.sees(lambda: isinstance(app.screen, CatalogueScreen) and bool(app.screen._here))
        await pilot.press("enter")
        await person.sees(lambda: "is here." in shown("#state") or "expected" in shown("#state"), "the set, fetched")
        await picture("catalogue.svg")
        await pilot.press("enter")
        await person.sees(lambda: page._data is not None and page._data.name == "Fashion-MNIST", "its images")
        await pilot.press("k")
        await person.sees(lambda: isinstance(app.screen, CheckScreen) and app.screen.view is not None, "what is found")
        check = app.screen
        assert isinstance(check, CheckScreen)
        grid = check.query_one(GroupGrid)
        await pilot.press("f2")
        for _ in range(3):  # the test image of each of the first three groups
            await person.sees(lambda: all(place in grid.pictures for line in grid.shown for place in line))
            place = next(place for group in grid.groups if grid.place in group for place in group if place >= 60_000)
            while grid.place != place:
                await pilot.press("right")
                await pilot.pause()
            await pilot.press("x", "right")
            await pilot.pause()
        await person.sees(lambda: len(check.out) == 3, "three pictures left out")
        await picture("check.svg")
        await pilot.press("escape")
        await person.sees(lambda: page._data is not None and page._data.test == 9_997)
        await pilot.press("a")
        await person.sees(lambda: isinstance(app.screen, SpecPage) and app.screen.data_fits)
        form = app.screen
        assert isinstance(form, SpecPage)
        form.form.put({"epochs": "1", "steps_per_epoch": "100"})
        await pilot.press("ctrl+r")
        await person.sees(person.on(TrainingScreen))
        await person.sees(
            lambda: app.runner.current is not None and app.runner.current.result is not None, "a run of it"
        )
        await pilot.press("o")
        await person.sees(person.on(ReportScreen))
        run = home.list_runs()[0]
        result = home.find(run.id).read_result()
        if result is None or COUNTED not in result.remarks:
            raise SystemExit(f"The report does not count them: {result}")
        await picture("check-report.svg")
    return person.seen


def main() -> None:
    """Go, and print the seconds."""
    parser = parser_of(__doc__)
    parser.add_argument("--pictures", type=Path, help="write the catalogue, the check and the report as SVG into it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(go(Home(Path(folder)), options.pictures))
    for words, seconds in seen.items():
        print(f"  {seconds:6.1f} s  {words}")
    write(options.json, {"seen": seen})


if __name__ == "__main__":
    main()
