"""`make torture`: kill workers, and the drivers of their studies, at random, and see whether each study ends the same.

A study of six trials with two workers is done by a process of its own. At random one of its workers is killed, stood
still, or has its driver killed; a driver that is gone is started again, until the study is finished. Then its trials
are held against those of a study that was left alone, number by number, and neither a process nor a file may be left.
Counts are written to `build/torture/workers.json`. `--times` tells instead how soon a trial goes on whose
worker is gone.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded, Event, Resumed
from engine.runs.directory import Home
from engine.storage.files import write_json
from engine.studies.executors import workers
from engine.studies.planning import create
from engine.studies.records import Studies, StudyDirectory, Trial
from engine.studies.scheduler import work_on
from engine.studies.spec import make_study
from tests.engine.studies.conftest import Watcher, table
from tests.engine.tiny import tiny, write_files

KINDS = ("worker killed", "worker hung", "driver killed")
LATEST = 4.0
"""Seconds after a start in which a fault comes: a study takes about as long."""


def drive(home: str, study: str) -> None:
    """Do what is left of a study, in this process; a worker counts as hung after three seconds."""
    workers.SILENT_SECONDS, workers.START_SECONDS = 3.0, 15.0
    there = Home(Path(home))
    work_on(there, Studies(there).find(study), Watcher(), Flag())


def children(process: int) -> list[int]:
    """The processes that one has started."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            if int((task / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(task.name))
        except (OSError, ValueError):  # it has just gone
            continue
    return found


def torture(directory: StudyDirectory, home: Home, chance: random.Random, faults: int, counts: Counter[str]) -> None:
    """Do a study with so many faults on the way."""
    seen: set[int] = set()
    while directory.read().state != "finished":
        words = ["-m", "tests.faults.torture_workers", "--drive", str(home.path), directory.id]
        driver = subprocess.Popen([sys.executable, *words])
        while driver.poll() is None and faults:
            time.sleep(chance.uniform(0.0, LATEST))
            there = children(driver.pid)
            seen.update(there)
            kind = chance.choice(KINDS)
            if driver.poll() is not None or (kind != "driver killed" and not there):
                continue
            faults -= 1
            counts[kind] += 1
            if kind == "driver killed":
                driver.kill()
                break
            try:
                os.kill(chance.choice(there), signal.SIGKILL if kind == "worker killed" else signal.SIGSTOP)
            except ProcessLookupError:
                counts[kind] -= 1
        seen.update(children(driver.pid))
        driver.wait()
        deadline = time.monotonic() + 60
        while [process for process in seen if os.path.exists(f"/proc/{process}")] and time.monotonic() < deadline:
            # One that stands still hears of nothing until it goes on.
            for process in seen:
                if os.path.exists(f"/proc/{process}"):
                    os.kill(process, signal.SIGCONT)
            time.sleep(0.05)
        counts["processes left"] += len([process for process in seen if os.path.exists(f"/proc/{process}")])


class Stopwatch(Watcher):
    """Has the worker of the first trial killed, or stand still, and tells when its trial goes on."""

    def __init__(self, home: Home, number: signal.Signals) -> None:
        super().__init__()
        self._home, self._number, self._at = home, number, 0.0

    def emit(self, trial: Trial, event: Event) -> None:
        """See `Observer`."""
        super().emit(trial, event)
        if trial.number != 1:
            return
        if isinstance(event, EpochEnded) and event.epoch == 5 and not self._at:
            self._at = time.monotonic()
            os.kill(self._home.find(trial.run).read_status().process, self._number)
        elif isinstance(event, Resumed):
            print(f"{self._number.name}: the trial goes on after {time.monotonic() - self._at:.1f} s")


def times(home: Home, files: dict[str, Path]) -> None:
    """How soon a trial goes on whose worker was killed, or stands still."""
    spec = make_study("one", tiny(files, epochs=40, threads=1), {"kernels": "2,3"}, workers=2)
    for number in (signal.SIGKILL, signal.SIGSTOP):
        work_on(home, create(home, spec), Stopwatch(home, number), Flag())


def main() -> int:
    """Do as many studies as are asked for; 1 where any did not come to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=3)
    parser.add_argument("--faults", type=int, default=4, help="of each study, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=Path("build/torture/workers.json"))
    parser.add_argument("--times", action="store_true", help="tell how soon a trial goes on whose worker is gone")
    parser.add_argument("--drive", nargs=2, help="do a study (used by the program itself)")
    options = parser.parse_args()
    if options.drive:
        drive(*options.drive)
        return 0
    chance, counts = random.Random(options.seed), Counter[str]()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with TemporaryDirectory(prefix="cae-torture-") as folder:
        os.environ["TMPDIR"] = folder
        files, home = write_files(Path(folder)), Home(Path(folder) / "home")
        if options.times:
            times(home, files)
            return 0
        spec = make_study("one", tiny(files, epochs=30, threads=1), {"kernels": "2,3,4,5,6,7"}, workers=2)
        whole = table(work_on(home, create(home, spec), Watcher(), Flag(), "here"))
        for number in range(options.studies):
            before = len(home.ids())
            directory = create(home, spec)
            torture(directory, home, chance, options.faults, counts)
            counts["studies"] += 1
            counts["equal"] += table(directory.read()) == whole
            counts["runs too many"] += len(home.ids()) - before - 6
            counts["files left"] += len(list(Path(folder).glob("cae-tui-workers-*")))
            write_json(options.json, "torture", {"seed": options.seed, **counts})
            print(f"{number + 1}/{options.studies} studies: {json.dumps(counts)}", file=sys.stderr)
    print(f"{time.monotonic() - begun:.0f} s")
    wrong = counts["runs too many"] + counts["files left"] + counts["processes left"]
    return 1 if wrong or counts["equal"] != counts["studies"] else 0


if __name__ == "__main__":
    sys.exit(main())
