"""Counting the cases, and telling them."""

import json
import os
from pathlib import Path

import pytest

from tests.fuzz.outcome import counts

COUNTS = "CAE_TUI_FUZZ_COUNTS"
"""Names the file that `make fuzz` reads the counts of a module from."""


def pytest_sessionfinish() -> None:
    """Leave the counts for who asked for them."""
    if path := os.environ.get(COUNTS):
        Path(path).write_text(json.dumps({name: vars(count) for name, count in counts.items()}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each reader; beside other processes each has its own, and none is told."""
    for name, count in sorted(counts.items()):
        share = 100 * count.accepted / max(count.tried, 1)
        terminalreporter.write_line(f"{name:<16} {count.tried:>8,} cases, {share:5.1f} % of them accepted")
