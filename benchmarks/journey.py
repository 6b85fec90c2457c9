"""A newcomer's way from a zip of pictures to a classifier's report: by keys alone in the app, and by commands.

    .venv/bin/python benchmarks/journey.py [--picture FILE] [--json FILE]

The zip is drawn for it: circles, squares and triangles, 300, 150 and 50 to train on and a quarter to test by, in
colours, 64×64. The app is the real one, without a terminal, at 80×24; the clock runs from the first key, and what a
person takes to read and to type is not in it. Every hyperparameter is at its default.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from textual.events import Paste

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import parser_of, write
from benchmarks.person import Person
from cae_tui.app.cae_app import CaeApp
from cae_tui.app.screenshot import save_screenshot
from cae_tui.screens.configure import SpecPage
from cae_tui.screens.data import DataScreen
from cae_tui.screens.open_dialog import OpenScreen
from cae_tui.screens.report import ReportScreen
from cae_tui.screens.training import TrainingScreen
from cae_tui.widgets.class_report import ClassReport
from engine.runs.directory import Home

SHAPES = {"circle": (300, 0), "square": (150, 4), "triangle": (50, 3)}
"""How many to train on, and how many corners."""


def draw(path: Path) -> None:
    """A zip with a folder for each shape below `train` and `test`."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for part, share in (("train", 1.0), ("test", 0.25)):
            for name, (count, corners) in SHAPES.items():
                for number in range(int(count * share)):
                    image = Image.new("RGB", (64, 64), tuple(random.integers(0, 70, 3).tolist()))
                    (x, y), r = random.integers(26, 39, 2).tolist(), int(random.integers(12, 24))
                    colour = tuple(random.integers(120, 256, 3).tolist())
                    if corners:
                        ImageDraw.Draw(image).regular_polygon((x, y, r), corners, fill=colour)
                    else:
                        ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=colour)
                    file = BytesIO()
                    image.save(file, "PNG")
                    archive.writestr(f"shapes/{part}/{name}/{number}.png", file.getvalue())


class Owner(Person):
    """Who has images of their own, and knows where a form and a run stand."""

    def run_is(self, kind: str, told: Callable[[Any], bool]) -> Callable[[], bool]:
        """Whether something holds of the run of that kind which is trained."""
        return lambda: self.app.runner.current is not None and self.app.runner.current.kind == kind and told(
            self.app.runner.current
        )  # fmt: skip

    def ready(self) -> bool:
        """Whether the form that stands has nothing to be mended."""
        page = self.app.screen
        return isinstance(page, SpecPage) and page.data_fits and not page.form.problems


async def in_the_app(path: Path, home: Path, picture: Path | None) -> dict[str, float]:
    """Seconds from the first key until each thing is seen."""
    app = CaeApp(Home(home))
    async with app.run_test(size=(120, 40) if picture else (80, 24)) as pilot:
        await app.workers.wait_for_complete()
        person = Owner(app, pilot)
        await pilot.press("d")
        await person.sees(lambda: isinstance(app.screen, DataScreen) and app.screen._data is not None)
        page = app.screen
        assert isinstance(page, DataScreen)
        await pilot.press("o")
        await person.sees(person.on(OpenScreen))
        assert app.focused is not None
        app.focused.post_message(Paste(str(path)))
        await pilot.press("enter")
        await person.sees(
            lambda: page._data is not None and page._data.name == "shapes", "the pictures and their classes"
        )
        await pilot.press("a")
        await person.sees(person.ready)
        await pilot.press("ctrl+r")
        await person.sees(person.on(TrainingScreen))
        await person.sees(
            person.run_is("autoencoder", lambda run: run.samples is not None), "the first reconstructions"
        )
        await person.sees(person.run_is("autoencoder", lambda run: run.result is not None), "the autoencoder, trained")
        await pilot.press("n")
        await person.sees(person.ready)
        await pilot.press("ctrl+r")
        await person.sees(person.run_is("classifier", lambda run: run.result is not None))
        await pilot.press("enter")
        await person.sees(
            lambda: person.on(ReportScreen)() and bool(app.screen.query(ClassReport)), "the classifier's report"
        )
        if picture:
            await pilot.pause(1.0)
            save_screenshot(app, picture)
    return person.seen


def by_commands(path: Path, home: Path) -> dict[str, float]:
    """Seconds that each command takes."""
    seen, run = {}, ""
    for words in (["autoencoder", "--json", "--data", str(path)], ["classifier", "--json", "--encoder"], ["report"]):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "cae_tui", words[0], "--home", str(home), *words[1:], *filter(None, [run])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        seen[words[0]] = time.perf_counter() - begun
        run = run if words[0] == "report" else json.loads(done.stdout.splitlines()[-1])["id"]
    print(done.stdout)
    return seen


def main() -> None:
    """Go both ways and print the seconds."""
    parser = parser_of(__doc__)
    parser.add_argument("--picture", type=Path, help="write the report as it stands at 120×40 to this SVG; no commands")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shapes.zip")
        draw(path)
        app = asyncio.run(in_the_app(path, Path(folder, "app"), options.picture))
        for words, seconds in app.items():
            print(f"  {seconds:6.1f} s  {words}")
        commands = {} if options.picture else by_commands(path, Path(folder, "commands"))
        for words, seconds in commands.items():
            print(f"  {seconds:6.1f} s  cae-tui {words}")
    write(options.json, {"app": app, "commands": commands})


if __name__ == "__main__":
    main()
