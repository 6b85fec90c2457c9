"""The study screen with many trials: what one piece of news costs, from the record to drawn lines, for each chart.

    .venv/bin/python benchmarks/study_screen.py [--trials 100] [--epochs 50] [--json FILE]

The study is a search over three hyperparameters whose losses are made up; its last trial gains an epoch with every
measurement, so that table, head and chart all have something new. The app runs without a terminal at 120×40. Between
two measurements nothing is drawn; the clock runs from the news until every line that changed has been composed, the
wait for the next of sixty refreshes a second among it; the processor's time is what the drawing itself takes.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import parser_of, write
from cae_tui.app.cae_app import CaeApp
from cae_tui.messages import StudyUpdated
from cae_tui.screens import study as study_page
from cae_tui.widgets.study_chart import CHARTS, StudyChart
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.studies.records import PointRecord, StageRecord, Studies, StudyRecord, Trial
from engine.studies.spec import make_study

TURNS = 15


def made_up(home: Home, trials: int, epochs: int) -> StudyRecord:
    """A search under way, in its last trial."""
    draw = random.Random(0)
    values = {"kernels": "8..64", "layers": "6,8,10,12", "learning_rate": "0.001..0.03"}
    spec = make_study("search", preset(AutoencoderSpec, "recommended", epochs=2 * epochs), values, trials=trials)
    points = []
    for number in range(1, trials + 1):
        floor = 0.0005 + draw.random() / 100
        losses = [floor * (1 + 8 / epoch) * (1 + draw.random() / 20) for epoch in range(1, epochs + 1)]
        last = number == trials
        trial = Trial(
            number=number, seed=0, state="running" if last else "finished", planned=2 * epochs, epochs=epochs,
            best_epoch=epochs, best_loss=min(losses), last_loss=losses[-1], train_loss=losses[-1], ms_per_step=20.0,
            epoch_seconds=8.0, seconds=400.0, train=[0.9 * loss for loss in losses], validation=losses,
        )  # fmt: skip
        chosen = {
            "kernels": str(draw.randint(8, 64)),
            "layers": draw.choice(["6", "8", "10", "12"]),
            "learning_rate": f"{10 ** draw.uniform(-3, -1.523):.4g}",
        }
        points.append(PointRecord(values=chosen, trials=[trial], parameters=70_000, latent=1568, weight=10**9))
    directory = Studies(home).create()
    record = StudyRecord(
        id=directory.id, title=spec.title, spec=spec.model_dump(mode="json"), created=time.time(), device="cpu",
        stages=[StageRecord(names=list(values), points=points)],
    )  # fmt: skip
    directory.write(record)
    return record


async def measure(folder: Path, trials: int, epochs: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each turn on the clock and of the processor, by chart."""
    home = Home(folder)
    record = made_up(home, trials, epochs)
    app = CaeApp(home)
    study_page.LOOK_SECONDS = 3600  # as where this process works on the study: no file is looked at in between
    found: dict[str, list[tuple[float, float]]] = {}
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.device:
            await asyncio.sleep(0.1)
        app.study_acts.open(record.id)
        await pilot.pause(1.0)
        chart = app.screen.query_one(StudyChart)
        trial = record.trials[-1]
        screen: Any = app.screen
        for place, name in enumerate(CHARTS):
            chart.chart = place
            screen._shares = (trials - 1, {"kernels": 0.5, "layers": 0.3, "learning_rate": 0.2})
            await pilot.pause(0.7)
            found[name] = []
            for _ in range(TURNS):
                loss = trial.validation[-1] * 0.999
                trial.validation.append(loss)
                trial.train.append(loss)
                trial.epochs, trial.last_loss, trial.best_loss = len(trial.validation), loss, loss
                begun, worked = time.perf_counter(), time.process_time()
                screen._update(StudyUpdated(record))
                chart.refresh()
                done = asyncio.Event()
                app.call_after_refresh(done.set)
                await done.wait()
                found[name].append((time.perf_counter() - begun, time.process_time() - worked))
                await asyncio.sleep(0.05)
    return found


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), options.trials, options.epochs))
    print(f"study screen, {options.trials} trials of {options.epochs} epochs, 120×40: ms from news to drawn")
    print(f"{'chart':<14} {'clock':>7} {'worst':>7} {'processor':>10}")
    result = {}
    for name, seconds in found.items():
        clock, worked = [each for each, _ in seconds], [each for _, each in seconds]
        row = {"clock": statistics.median(clock), "worst": max(clock), "processor": statistics.median(worked)}
        result[name] = row
        print(f"{name:<14} {1000 * row['clock']:7.1f} {1000 * row['worst']:7.1f} {1000 * row['processor']:10.1f}")
    write(options.json, result)


if __name__ == "__main__":
    main()
