"""`benchmarks/gpu.py` where there is no GPU: it runs on a CPU in small, and says what it lacks otherwise."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.gpu import SCALES, Bench, covered, measure
from engine.training.steps import Step

ROOT = Path(__file__).parents[1]
COUNTED = ("epoch_steps_seconds", "epoch_seconds", "epoch_to_epoch_seconds", "steps", "not_recorded")
"""What is told of a run besides its time and that of a step."""


def gpu(*words: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(path), str(ROOT)]))}
    command = [sys.executable, "benchmarks/gpu.py", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


def test_its_parts_that_a_cpu_can_do_run_and_are_written(tmp_path: Path) -> None:
    done = gpu("--device", "cpu", "--rounds", "1", "--json", str(tmp_path / "gpu.json"))
    assert done.returncode == 0, done.stderr
    assert "They agree" in done.stdout
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["agreement"].keys() == found["runs"].keys() == {"recommended", "report"}
    assert {(line["kind"], line["precision"], line["layout"]) for line in found["steps"]} == {
        ("eager", "bfloat16", "channels last"), ("eager", "float32", "channels last"),
        ("eager", "bfloat16", "contiguous"), ("eager", "float32", "contiguous"),
        ("compiled", "bfloat16", "channels last"),
    }  # fmt: skip
    assert all(line["ms"] > 0 and line["busy"] is None for line in found["steps"])
    assert all(0 < share["flop_share"] < 2 and 0 < share["byte_share"] < 2 for share in found["shares"])
    assert all(run["epoch_seconds"] > 0 and run["not_recorded"] == 0 for run in found["runs"].values())
    assert found["targets"]["seconds for 60,000 images"] == 0.25
    assert found["machine"]["torch"]


def test_a_way_to_take_a_step_that_is_not_to_be_had_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench("cpu", SCALES["cpu"])
    bench.kinds = ("captured", "eager", "compiled")  # as on a GPU, and there is none
    taken = Bench.taken

    def without_compiler(self: Bench, step: Step, kind: str) -> Callable[[Tensor], Tensor]:
        if kind == "compiled":
            raise RuntimeError("Failed to find C compiler.\nPlease specify one.")
        return taken(self, step, kind)

    monkeypatch.setattr(Bench, "taken", without_compiler)
    # The runs are other processes, which hear of none of this, and one network is like the other.
    monkeypatch.setattr("benchmarks.gpu.PRESETS", ("recommended",))
    monkeypatch.setattr("benchmarks.gpu.run", lambda *_: {"seconds": 1.0, "ms": 1.0, **dict.fromkeys(COUNTED, 1)})
    found = measure(bench, 1)
    assert "compiled left out (Failed to find C compiler.)" in capsys.readouterr().out
    assert found["agree"]
    assert not found["recorded"]
    assert {line["kind"] for line in found["steps"]} == {"eager"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_cuda_device_it_says_so_and_ends_with_2() -> None:
    done = gpu()
    assert done.returncode == 2
    assert "finds no CUDA device here" in done.stderr
    assert "--device cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_library_it_says_what_to_install_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise ImportError('No module named pydantic')\n")
    done = gpu("--device", "cpu", path=tmp_path)
    assert done.returncode == 2
    assert "No module named pydantic" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


def test_time_in_which_kernels_overlap_counts_once() -> None:
    assert covered([]) == 0
    assert covered([(5, 6), (0, 2), (1, 3)]) == 4
    assert covered([(0, 10), (2, 3), (9, 11)]) == 11
