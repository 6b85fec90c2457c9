"""Write docs/training.svg, the picture in the README: `python docs/make_picture.py` (two minutes on two cores).

The real app, without a terminal, trains the recommended autoencoder on MNIST for eight epochs; the picture is
taken in the middle of the sixth.
"""

import asyncio
import tempfile
from pathlib import Path

from cae_tui.app.cae_app import CaeApp
from cae_tui.app.screenshot import save_screenshot
from cae_tui.messages import Start
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset

PICTURE = Path(__file__).with_name("training.svg")


async def main() -> None:
    """Train, take the picture, stop."""
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
