"""docs/python.ipynb, cell by cell in a fresh process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "python.ipynb"

RUN = """
import contextlib, io, json, sys

names, told = {}, []
for source in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "cell", "exec"), names)
    told.append(out.getvalue())
print(json.dumps(told))
"""


def cells() -> list[dict[str, Any]]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def text(lines: str | list[str]) -> str:
    """As a notebook has text: whole, or a line each."""
    return lines if isinstance(lines, str) else "".join(lines)


def test_the_cells_of_the_notebook_run_in_order_and_print_as_many_lines_as_it_shows(tmp_path: Path) -> None:
    environment = {**os.environ, "CAE_TUI_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    sources = [text(cell["source"]) for cell in cells()]
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(sources), cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = [
        "".join(text(one["text"]) for one in cell["outputs"] if one["output_type"] == "stream") for cell in cells()
    ]
    told = json.loads(done.stdout.splitlines()[-1])
    assert [one.count("\n") for one in told] == [one.count("\n") for one in shown]
    assert told[0] == shown[0]  # the shape of the images


def test_the_notebook_was_run_to_its_end_and_shows_its_pictures() -> None:
    assert [cell["execution_count"] for cell in cells()] == list(range(1, len(cells()) + 1))
    for cell in cells():
        kinds = {kind for one in cell["outputs"] for kind in one.get("data", ())}
        assert ("image/png" in kinds) is ("plt.show()" in text(cell["source"]))
        assert not any(one["output_type"] == "error" for one in cell["outputs"])


def test_the_notebook_names_no_place_of_the_machine_it_was_run_on() -> None:
    for cell in cells():
        for one in cell["outputs"]:
            shown = text(one.get("text", "")) + text(one.get("data", {}).get("text/plain", ""))
            assert not re.search(r"(?<![\w.])/\w+/", shown), shown
