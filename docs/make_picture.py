"""Write the pictures in the documents: `python docs/make_picture.py` (two minutes on two cores).

The real app, without a terminal, trains the recommended autoencoder on MNIST for eight epochs; `training.svg` is
taken in the middle of the sixth. `own-images.svg` is the Data screen with a folder of pictures that is made for it.
`inside.svg` and `why.svg` are a look inside a *Quick* classifier, at the first test image that it takes for another.
`python docs/make_picture.py inside` makes these two alone.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from cae_tui.app.cae_app import CaeApp
from cae_tui.app.screenshot import save_screenshot
from cae_tui.messages import LookInside, Start
from cae_tui.screens.inside import InsideScreen
from engine import jobs
from engine.evaluation.results import read_predictions
from engine.preparation import images_of
from engine.protocol.control import Flag
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec

PICTURE = Path(__file__).with_name("training.svg")
OWN_IMAGES = Path(__file__).with_name("own-images.svg")
INSIDE, WHY = Path(__file__).with_name("inside.svg"), Path(__file__).with_name("why.svg")
SHAPES = {"circle": 240, "square": 120, "triangle": 40}


def draw_shapes(folder: Path) -> None:
    """Pictures of several sizes in a folder for each shape, unbalanced, and one that is cut short."""
    random = np.random.default_rng(0)
    for part, share in (("train", 1.0), ("test", 0.25)):
        for name, count in SHAPES.items():
            (folder / part / name).mkdir(parents=True)
            for number in range(int(count * share)):
                height, width = random.integers(56, 100, 2).tolist()
                image = Image.new("RGB", (width, height), tuple(random.integers(0, 70, 3).tolist()))
                x, y, r = width // 2, height // 2, int(random.integers(12, 26))
                corners = {"circle": 0, "square": 4, "triangle": 3}[name]
                colour = tuple(random.integers(120, 256, 3).tolist())
                if corners:
                    ImageDraw.Draw(image).regular_polygon((x, y, r), corners, fill=colour)
                else:
                    ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=colour)
                image.save(folder / part / name / f"{number}.png")
    path = folder / "train" / "circle" / "0.png"
    path.write_bytes(path.read_bytes()[:100])


async def show_own_images() -> None:
    """Open the folder on the Data screen, and take the picture of its means."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        draw_shapes(Path("shapes"))
        app = CaeApp(Home(Path(folder, "home")))
        app.drafts["data"] = {"data": "shapes", "size": "64"}
        async with app.run_test(size=(120, 40)) as pilot:
            await app.workers.wait_for_complete()
            await pilot.press("d")
            await pilot.pause(3.0)
            await pilot.press("m")
            await pilot.pause(2.0)
            save_screenshot(app, OWN_IMAGES)
        os.chdir(before)


async def show_inside() -> None:
    """Train a classifier, and look inside it at an image that it takes for another: why, and what layer 3 looks for."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        encoder = jobs.start(home, preset(AutoencoderSpec, "quick"), lambda _: None, Flag())
        spec = preset(ClassifierSpec, "quick", encoder=encoder.id)
        run = home.find(jobs.start(home, spec, lambda _: None, Flag()).id)
        data, _, _ = images_of(run)
        predictions = read_predictions(run)
        labels = predictions.images(data).labels
        assert predictions.probabilities is not None
        assert labels is not None
        wrong = int((predictions.probabilities.argmax(1) != labels).argmax())
        app = CaeApp(home)
        async with app.run_test(size=(120, 40)) as pilot:
            app.post_message(LookInside(run.id, ((wrong, int(labels[wrong])),), why=True))
            while not isinstance(app.screen, InsideScreen):
                await pilot.pause(0.1)
            await pilot.pause(0.5)
            await app.workers.wait_for_complete()
            await pilot.pause(0.5)
            save_screenshot(app, WHY)
            await pilot.press("down", "down", "down", "down", "down", "t")
            await pilot.pause(0.5)
            await app.workers.wait_for_complete()
            await pilot.pause(0.5)
            save_screenshot(app, INSIDE)


async def main() -> None:
    """Train, take the picture, stop."""
    await show_inside()
    if "inside" in sys.argv:
        return
    await show_own_images()
    with tempfile.TemporaryDirectory() as folder:
        app = CaeApp(Home(Path(folder)))
        async with app.run_test(size=(120, 40)) as pilot:
            await app.workers.wait_for_complete()
            app.post_message(Start(preset(AutoencoderSpec, "recommended", epochs=8)))
            while app.runner.current is None or app.runner.current.done_epochs < 5.5:
                await asyncio.sleep(0.2)
            await pilot.pause(1.0)
            save_screenshot(app, PICTURE)
            app.runner.stop_at_once()
            await app.runner.wait_for_end()


if __name__ == "__main__":
    asyncio.run(main())
