"""What is set for a run on a CPU; which device is chosen is tested with the runs."""

import ctypes
import platform
import subprocess
import sys

import pytest
import torch

from engine.device import MOST_KEPT, choose_device, keep_freed_memory
from engine.errors import SpecError

FAULTS = """
import resource, torch
from engine.device import choose_device

choose_device("cpu", "float32").settle()

def step():
    kept = [torch.ones(5_000_000) for _ in range(3)]  # 20 MB each

for _ in range(8):  # until the heap has grown to what a step takes
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(("has_it", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_computes_in_bfloat16_where_it_does_so_by_itself(
    monkeypatch: pytest.MonkeyPatch, has_it: bool, chosen: str
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return has_it or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert choose_device("auto", "auto").precision == chosen
    if has_it:
        assert choose_device("cuda", "bfloat16").precision == "bfloat16"
    else:
        with pytest.raises(SpecError, match="cannot compute in bfloat16"):
            choose_device("cuda", "bfloat16")
    assert choose_device("cpu", "bfloat16").precision == "bfloat16"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these thresholds")
def test_memory_that_a_step_frees_is_there_for_the_next() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100  # of the 73,000 pages that five steps take, were they given back in between


def test_the_c_library_is_told_once_and_one_that_knows_no_mallopt_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, parameter: int, value: int) -> int:
            told.append((parameter, value))
            return 1

    monkeypatch.setattr(sys, "platform", "linux")
    for library in (Library(), object()):
        monkeypatch.setattr(ctypes, "CDLL", lambda name, library=library: library)
        keep_freed_memory.cache_clear()
        keep_freed_memory()
        keep_freed_memory()
    assert told == [(-3, MOST_KEPT), (-1, 2**31 - 1)]
    keep_freed_memory.cache_clear()
