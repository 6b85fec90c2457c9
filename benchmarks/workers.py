"""A study with two workers beside one trial after another, alone and beside another program, in turn.

    .venv/bin/python benchmarks/workers.py [--rounds 5] [--images 10000] [--trials 8] [--busy 0 1] [--json FILE]

Each study is a process of its own: trials of two epochs on the first images of MNIST, from the moment that the plan
stands to the end of the last, so that the start of workers counts too. One after another they take all cores (*one, all
cores*, as before there was a choice), or as many threads as `auto` takes (*one*). The other program is a loop that
never waits. Told are seconds, medians, and how many times as fast the workers are, round by round; and what passes on a
worker between a trial's end and the start of the next one.
"""

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import asked, in_turn, parser_of, write
from benchmarks.slices import first_images
from benchmarks.threads import others


def study(images: str, home: str, workers: str, threads: str, trials: str) -> None:
    """Do a study in this process, and print how long it took."""
    from engine.protocol.control import Flag
    from engine.protocol.events import Event, RunEnded, RunStarted
    from engine.runs.directory import Home
    from engine.specs.base import preset
    from engine.specs.kinds import SPECS
    from engine.studies.planning import create
    from engine.studies.records import StageRecord, StudyRecord, Trial
    from engine.studies.scheduler import work_on
    from engine.studies.spec import make_study

    began: dict[int, float] = {}
    ended: dict[int, float] = {}
    on: dict[int, list[int]] = {}

    class Watcher:
        def changed(self, study: StudyRecord) -> None:
            pass

        def emit(self, trial: Trial, event: Event) -> None:
            if isinstance(event, RunStarted):
                began[trial.number] = event.time
                on.setdefault(trial.worker, []).append(trial.number)
            if isinstance(event, RunEnded):
                ended[trial.number] = event.time

        def choose(self, study: StudyRecord, stage: StageRecord) -> dict[str, str]:  # noqa: ARG002 - as observed
            return stage.picked

    baseline = preset(SPECS["autoencoder"], "recommended", images=images, epochs=2, threads=threads)
    values = ",".join(str(16 + number) for number in range(int(trials)))
    spec = make_study("one", baseline, {"kernels": values}, workers=workers)
    there = Home(Path(home))
    directory = create(there, spec)
    begun = time.perf_counter()
    record = work_on(there, directory, Watcher(), Flag())
    taken = time.perf_counter() - begun
    assert record.state == "finished", record.message
    gaps = [began[after] - ended[before] for lane in on.values() for before, after in itertools.pairwise(lane)]
    print(json.dumps({"seconds": taken, "gaps": gaps}))


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1], help="how many other programs")
    parser.add_argument("--study", nargs=5, help="do a study once (used by the program itself)")
    options = parser.parse_args()
    if options.study:
        study(*options.study)
        return
    cores = len(os.sched_getaffinity(0))
    gaps: list[float] = []
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = first_images(Path(folder) / "images", options.images)

        def seconds(workers: str, threads: str) -> float:
            told = ["--study", str(images), str(Path(folder) / "home"), workers, threads, str(options.trials)]
            found = asked(sys.executable, ["-m", "benchmarks.workers", *told])
            if workers != "1":
                gaps.extend(found["gaps"])
            return float(found["seconds"])

        for count in options.busy:
            sides = {
                "one, all cores": partial(seconds, "1", str(cores)),
                "one": partial(seconds, "1", "auto"),
                "two workers": partial(seconds, "2", "auto"),
            }
            with others(count):
                found = in_turn(sides, options.rounds)
            print(f"beside {count} busy program{'' if count == 1 else 's'}: seconds of {options.trials} trials")
            for name, values in found.items():
                over = [one / two for one, two in zip(values, found["two workers"], strict=True)]
                print(
                    f"  {name:<15} {statistics.median(values):6.1f}   the workers are {statistics.median(over):.2f} × "
                    f"as fast ({min(over):.2f} to {max(over):.2f})"
                )
            result[str(count)] = found
    print(f"between two trials of a worker: median {statistics.median(gaps):.2f} s, most {max(gaps):.2f} s")
    write(options.json, {**result, "gaps": gaps})


if __name__ == "__main__":
    main()
