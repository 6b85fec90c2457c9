"""`make fuzz`: every property with the profile "fuzz", one module after the other, and the cases counted by reader.

The counts are written after each module: a call that was cut off, or failed, is taken up by the next, which does what
is left. They are those of one state of the program: where a source file has changed since, all of it is done again.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.fuzz.conftest import COUNTS

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent


def digest() -> str:
    """Of every source file that is tested, and of the properties."""
    found = hashlib.sha256()
    for folder in ("engine", "cae_tui", "tests/fuzz"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def run(module: Path) -> dict[str, dict[str, int]] | None:
    """The cases of a module by reader, or None where a property failed; what pytest says goes through."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(module),
            "--hypothesis-profile",
            "fuzz",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, COUNTS: str(counts)}, check=False)
        return json.loads(counts.read_text()) if done.returncode == 0 else None


def main() -> int:
    """Do what is left; gives back the exit code."""
    parser = argparse.ArgumentParser(description="Bad input by the hundred thousand.")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "fuzz.json", help="where the counts are kept")
    path: Path = parser.parse_args().json
    state = digest()
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("digest") != state:
        kept = {"digest": state, "modules": {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    failed = []
    for module in sorted(FOLDER.glob("test_*.py")):
        if module.stem in kept["modules"]:
            print(f"{module.stem}: done before")
            continue
        counts = run(module)
        if counts is None:
            failed.append(module.stem)
            continue
        kept["modules"][module.stem] = counts
        path.write_text(json.dumps(kept, indent=1) + "\n")
    total = 0
    for counts in kept["modules"].values():
        for reader, count in counts.items():
            total += count["tried"]
            print(
                f"{reader:<16} {count['tried']:>8,} cases, {100 * count['accepted'] / count['tried']:5.1f} % accepted"
            )
    print(f"{total:,} cases in all" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
