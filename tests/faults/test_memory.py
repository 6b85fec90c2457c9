"""Too little memory, for real: the process may have no more than so many bytes of addresses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.runs.directory import Home
from tests.idx import write_idx

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 images of 64 × 64 pixels: what 256 kernels make of a batch of 256 takes a gigabyte."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 64, 64), dtype=np.uint8)
    return write_idx(tmp_path_factory.mktemp("large") / "images", pixels)


def run(program: list[str], home: Home) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_command_line_without_enough_memory_names_the_batch_size_to_try(home: Home, large: Path) -> None:
    words = ["--layers", "2", "--downsamplings", "1", "--epochs", "1", "--device", "cpu", "--images", str(large)]
    program = (
        "import sys; import engine.jobs; from cae_tui.cli.main import main\n"
        "from tests.faults.starved import limit_memory\n"
        "limit_memory(); sys.exit(main(sys.argv[1:]))"
    )
    command = ["-c", program, "--home", str(home.path), "autoencoder", *words]
    done = run([*command, "--kernels", "256", "--batch-size", "256"], home)
    assert done.returncode == 1, done.stderr
    assert "The cpu is out of memory at batch size 256: try 128, or fewer kernels or layers." in done.stderr
    assert "Traceback" not in done.stderr
    status = home.list_runs()[0]
    assert (status.state, status.resumable) == ("failed", True)
    done = run([*command, "--kernels", "2", "--batch-size", "8"], home)
    assert done.returncode == 0, done.stderr


def test_the_app_outlives_a_run_without_enough_memory_and_trains_a_smaller_one(home: Home, large: Path) -> None:
    done = run(["-m", "tests.faults.starved", str(home.path), str(large)], home)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout.splitlines()[-1])
    assert first == ["failed", "The cpu is out of memory at batch size 256: try 128, or fewer kernels or layers."]
    assert second[0] == "finished"
