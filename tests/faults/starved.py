"""The app, short of memory: its first run asks for more than the process may have, the second for little.

A program of its own, for the limit is the process's: `python -m tests.faults.starved HOME IMAGES`.
"""

import asyncio
import json
import resource
import sys
from pathlib import Path

import engine.jobs  # noqa: F401 - what a run loads late is there before the limit is
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import Start
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse

ROOM = 400 << 20
"""Bytes that may be taken once everything is loaded: a hundred times what the small run takes."""


def limit_memory() -> None:
    """Let the process have `ROOM` more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


async def main(home: Home, images: Path) -> list[tuple[str, str]]:
    """State and message of both runs, as the app has them."""
    values = {"images": images, "device": "cpu", "layers": 2, "downsamplings": 1, "epochs": 1}
    app = CaeApp(home)
    found: list[tuple[str, str]] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await app.runner.device()  # which loads what is left to load
        limit_memory()
        for kernels, size in ((256, 256), (2, 8)):
            before = len(home.ids())
            app.screen.post_message(Start(parse(AutoencoderSpec, {**values, "kernels": kernels, "batch_size": size})))
            while app.runner.busy or len(home.ids()) == before:
                await asyncio.sleep(0.05)
            assert app.runner.current is not None
            found.append((app.runner.current.state, app.runner.current.message))
            await pilot.press("escape")
            await pilot.pause()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Home(Path(sys.argv[1])), Path(sys.argv[2])))))
