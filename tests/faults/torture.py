"""`make torture`: kill runs with `kill -9` at random and at chosen moments, and see whether each comes to the same end.

Counts are written to `build/torture/kills.json` after each kill; a second call goes on where the first was stopped.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

import engine
from engine.storage.files import read_json, write_json
from tests.faults.killing import NEVER, Kill, Range

KIND = "torture"


def main() -> int:
    """Kill as often as is asked for; 1 where any run did not come to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of what is left to chance")
    parser.add_argument("--json", type=Path, default=Path("build/torture/kills.json"))
    options = parser.parse_args()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    code = digest_of_the_engine()
    kills = read_kills(options.json, options.seed, code)
    if kills:
        print(f"going on after {len(kills)} runs in {options.json}", file=sys.stderr)
    with TemporaryDirectory(prefix="cae-torture-") as folder:
        place = Range(Path(folder))
        if count(kills) < options.kills:
            place.prepare()
        while count(kills) < options.kills:
            number = len(kills)
            kills.append(place.kill(number, options.seed))
            values = {"seed": options.seed, "engine": code, "kills": [asdict(kill) for kill in kills]}
            write_json(options.json, KIND, values)
            print(f"{count(kills)}/{options.kills} kills, {len(failures(kills))} failures", file=sys.stderr)
            shutil.rmtree(Path(folder) / f"kill-{number}", ignore_errors=True)
    tell(kills)
    return 1 if failures(kills) else 0


def digest_of_the_engine() -> str:
    """What the counts are of: with other code they begin anew."""
    sha = hashlib.sha256()
    for path in sorted(Path(engine.__file__).parent.rglob("*.py")):
        sha.update(path.read_bytes())
    return sha.hexdigest()


def read_kills(path: Path, seed: int, code: str) -> list[Kill]:
    """What an earlier call counted, by the same seed and of the same code."""
    if not path.exists():
        return []
    values = read_json(path)
    same = (values["seed"], values["engine"]) == (seed, code)
    return [Kill(**kill) for kill in values["kills"]] if same else []


def count(kills: list[Kill]) -> int:
    """How many were killed: a run that came to its end before is one more to try."""
    return sum(kill.moment != NEVER for kill in kills)


def failures(kills: list[Kill]) -> list[Kill]:
    """Those after which a run did not open, did not go on, or ended with other weights."""
    return [kill for kill in kills if kill.problem or not kill.equal]


def tell(kills: list[Kill]) -> None:
    """A line for each moment that a kill came at."""
    table = Table(box=None, pad_edge=False)
    for title in ("when it was killed", "kills", "killed twice", "resumed", "equal", "failures"):
        table.add_column(title, justify="left" if title.startswith("when") else "right", no_wrap=True)
    moments: dict[str, list[Kill]] = defaultdict(list)
    for kill in kills:
        moments[kill.moment or "it could not be told"].append(kill)
    for moment, found in [*sorted(moments.items()), ("all", kills)]:
        counts = (
            len(found), sum(bool(kill.again) for kill in found), sum(kill.resumed for kill in found),
            sum(kill.equal for kill in found), len(failures(found)),
        )  # fmt: skip
        table.add_row(moment, *map(str, counts))
    Console(width=100).print(table)
    for kill in failures(kills):
        print(json.dumps(asdict(kill)))


if __name__ == "__main__":
    sys.exit(main())
