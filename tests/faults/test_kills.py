"""`kill -9` at random and at chosen moments: the short form of `make torture`, and what it relies on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.storage.files import read_json
from tests.faults.killing import BETWEEN_EPOCHS, NEVER, PHASES

KILLS = 16
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Runs that were killed, by a program of its own: it forks, which a process with threads must not."""
    path = tmp_path_factory.mktemp("torture") / "kills.json"
    words = ["-m", "tests.faults.torture", "--kills", str(KILLS), "--seed", "1", "--json", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert path.exists(), done.stderr
    kills: list[dict[str, object]] = read_json(path)["kills"]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "equal" in done.stdout
    return kills


def test_every_run_that_was_killed_opens_goes_on_and_ends_with_the_same_weights_bit_for_bit(
    counts: list[dict[str, object]],
) -> None:
    assert sum(kill["moment"] != NEVER for kill in counts) == KILLS
    assert any(kill["resumed"] for kill in counts)
    for kill in counts:
        assert kill["equal"], kill
        assert not kill["problem"], kill


def test_stages_that_draw_random_numbers_are_taken_up_between_their_epochs(counts: list[dict[str, object]]) -> None:
    for kill, (kind, aim) in zip(counts, BETWEEN_EPOCHS, strict=False):
        assert (kill["kind"], kill["aim"], kill["moment"]) == (kind, str(aim), "training")
        assert kill["resumed"]


def test_a_kill_that_is_aimed_at_a_file_comes_while_that_file_is_written(counts: list[dict[str, object]]) -> None:
    aimed = 0
    for kill in counts:
        target, _, phase = str(kill["aim"]).partition(", ")
        if phase in PHASES[:3] and kill["moment"] != NEVER and not kill["again"]:
            early = kill["moment"] == "before there was a run"
            assert early or kill["moment"] == f"writing {target}" or (target, phase) == ("events.jsonl", PHASES[1])
            aimed += 1
    assert aimed
