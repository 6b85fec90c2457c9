"""The first screen stands before anything heavy is loaded."""

import subprocess
import sys
from pathlib import Path

from engine.runs.directory import Home
from tests.cae_tui.script import scripted_events, write_run

HEAVY = (
    "torch", "sklearn", "numpy", "optuna", "pydantic", "cyclopts", "plotext", "matplotlib", "textual_plotext",
    "safetensors", "scipy", "markdown_it", "filelock", "engine.protocol.events", "engine.studies.records",
    "cae_tui.bridge.runner",
)  # fmt: skip
"""Libraries that take long to load; and those of our own whose many dataclasses take as long as a library."""

PROGRAM = """
import asyncio, sys
from pathlib import Path
from cae_tui.app.cae_app import CaeApp
from engine.runs.directory import Home

heavy, loaded = {heavy!r}, []

make = CaeApp.runner.fget

def runner(app):  # what looks around after the first paint is the first to ask for it
    loaded.append(sorted(set(heavy) & set(sys.modules)))
    return make(app)

CaeApp.runner = property(runner)

async def main():
    app = CaeApp(Home(Path(sys.argv[1])))
    async with app.run_test(size=(120, 40)) as pilot:
        while not loaded:
            await asyncio.sleep(0.01)
        assert app.screen.query_one("#menu").region.height > 5, "the menu is not drawn"
        assert app.screen.query_one("#runs").option_count == 2, "the last runs are not listed"
asyncio.run(main())
print(loaded[0])
"""


def test_the_first_screen_loads_nothing_heavy(tmp_path: Path) -> None:
    write_run(Home(tmp_path), scripted_events())
    write_run(Home(tmp_path), scripted_events("classifier", state="stopped"))
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"
