"""An hour in the life of the program: train, stop, navigate, resume, by a scripted person in a real terminal.

    make soak                                          # an hour; build/soak.json holds what was counted
    make soak ARGS="--minutes 120 --seed 7"
    .venv/bin/python -m tests.endurance.soak --minutes 60 --json build/soak.json

At each minute's end the person stops what is on and goes to the first screen; there the memory, threads, open files,
queued messages, screens, widgets, timers and Python objects of the program's process are counted and written down at
once. A soak that was interrupted is taken up again by the same command: in a new process, whose growth is measured
from its own beginning. At the end each figure is judged (see `growth`); the exit code is 1 where one of them grows.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from engine.runs.directory import Home
from tests.endurance import seeds
from tests.endurance.growth import judge
from tests.endurance.person import HOME, SIZES, Person
from tests.terminal.conftest import Terminal

STUMBLES = 20
"""One act in so many may go elsewhere: on a busy machine keys run together. The program has to be there after it."""


def soak(path: Path, minutes: float, seed: int) -> list[dict[str, Any]]:
    """What was counted, one row a minute, whenever it was; goes on with what `path` holds."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    folder = path.with_suffix("")
    home = Home(folder / "home")
    folder.mkdir(parents=True, exist_ok=True)
    if not home.ids():
        seeds.plant(home, folder / "images")
    process = rows[-1]["process"] + 1 if rows else 0
    before = rows[-1]["minute"] if rows else 0.0
    if before >= minutes:
        return rows
    terminal = open_program(home, folder)
    try:
        person = Person(terminal, home, folder, random.Random(f"{seed} {process}"))
        terminal.wait_for(HOME)
        began = time.monotonic()
        while before + (time.monotonic() - began) / 60 < minutes:
            minute = time.monotonic() + 60
            acts, stumbles = [], []
            while time.monotonic() < minute:
                try:
                    acts.append(person.act())
                except AssertionError as stumble:
                    stumbles.append(str(stumble))
                    person.collect()
            now = before + (time.monotonic() - began) / 60
            rows.append(
                {"minute": round(now, 3), "process": process, **person.figures(), "acts": acts, "stumbles": stumbles}
            )
            _write(path, rows, seed)
            print(_line(rows[-1]), flush=True)
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    finally:
        terminal.close()
    return rows


def open_program(home: Home, folder: Path) -> Terminal:
    """The program in a terminal, telling its figures in `folder`."""
    for name in ("ask", "figures.json"):
        (folder / name).unlink(missing_ok=True)
    return Terminal(home.path, *SIZES[0], program=("-m", "tests.endurance.inside", str(folder)))


def _write(path: Path, rows: list[dict[str, Any]], seed: int) -> None:
    whole = path.with_suffix(".writing")
    whole.write_text(json.dumps({"seed": seed, "rows": rows}, indent=1))
    os.replace(whole, path)


def _line(row: dict[str, Any]) -> str:
    counts = " ".join(f"{name} {row[name]:,}" for name in ("threads", "descriptors", "queued", "widgets", "objects"))
    return f"{row['minute']:7.1f} min  {row['rss'] / 1e6:7.1f} MB  {counts}  {len(row['acts'])} acts"


def main() -> int:
    """Soak, then judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=Path("build/soak.json"))
    options = parser.parse_args()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    rows = soak(options.json.absolute(), options.minutes, options.seed)
    lines, flat = judge(rows)
    acts, stumbles = (sum(len(row[name]) for row in rows) for name in ("acts", "stumbles"))
    print("\n".join(lines))
    print(f"{acts:,} acts, {stumbles:,} stumbles (their screens are in {options.json}; at most one in {STUMBLES} acts)")
    return 0 if flat and stumbles * STUMBLES <= acts else 1


if __name__ == "__main__":
    sys.exit(main())
