"""The house: what stands where, as docs/architecture.md has it."""

import ast
import re
from pathlib import Path

import pytest

from engine.specs.listed import KINDS

ROOT = Path(__file__).parents[1]
FILES = sorted(path for package in ("engine", "cae_tui") for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 400
ENTRIES = {"engine": 20, "cae_tui": 15}
NO_ENTRY = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
OF_A_KIND = re.compile(r"(engine/(specs|network|results|kinds)|cae_tui/kinds)/")
NAMING_KINDS = {
    "engine/text.py",  # the stages of runs that earlier versions made
    "cae_tui/api/estimators.py",  # one of scikit-learn's estimators for each
    "cae_tui/cli/mistakes.py",  # what other programs call a command
    "cae_tui/screens/runs.py",  # the key that opens a form from the list
    "cae_tui/screens/data.py",  # the keys that open forms, and a form that names files and a split alone
    "cae_tui/screens/encoder_form.py",  # the name of the action that opens the form of an encoder
}
"""Where else a kind is named."""


@pytest.mark.parametrize("package", ENTRIES)
def test_a_package_has_a_room_for_each_thing_and_not_for_each_file(package: str) -> None:
    found = {path.name for path in (ROOT / package).iterdir()} - NO_ENTRY
    assert len(found) <= ENTRIES[package], sorted(found)


def test_a_file_that_is_long_says_why_in_its_head() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MOST_LINES:
            assert f"Over {MOST_LINES} lines:" in (ast.get_docstring(ast.parse(text)) or ""), path
        elif f"Over {MOST_LINES} lines:" in text:
            raise AssertionError(f"{path} is no longer long")


def test_a_kind_of_run_is_named_where_it_stands_and_hardly_anywhere_else() -> None:
    named = re.compile(
        rf"[\"']({'|'.join(KINDS)})[\"']|\bisinstance\([^()]*, \(?(Autoencoder|Classifier|Conv|Encoder)\w+"
    )
    found = set()
    for path in FILES:
        place = path.relative_to(ROOT).as_posix()
        if not OF_A_KIND.match(place) and named.search(path.read_text(encoding="utf-8")):
            found.add(place)
    assert found == NAMING_KINDS
