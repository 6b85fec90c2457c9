"""What a study takes of a machine: how many workers, and how many threads each."""

import os
from contextlib import suppress

from engine.device import Device, choose_device, cores
from engine.errors import SpecError
from engine.studies.records import StudyRecord
from engine.studies.spec import StudySpec
from engine.studies.tables import WORKER_BYTES, step_memory


def gpus() -> list[str]:
    """The GPUs that this process may use, each as `CUDA_VISIBLE_DEVICES` names it."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def workers_of(spec: StudySpec, record: StudyRecord) -> int:
    """How many workers train the trials of a study here; no more than there are trials, or GPUs have room for.

    Raises:
        SpecError: its device is not here.
    """
    most = max(record.total, 1)
    device = choose_device(spec.baseline.device, spec.baseline.precision).torch_device.type
    if device == "cuda":
        most = min(most, max(len(gpus()), 1) * spec.per_gpu)
    if spec.workers != "auto":
        return min(spec.workers, most)
    if device == "mps":  # one chip, which several processes would only share
        return 1
    if device == "cpu":
        most = min(most, cores())
    return max(min(most, free_memory() // (WORKER_BYTES + step_memory(record))), 1)


def refuse_useless(spec: StudySpec, record: StudyRecord) -> None:
    """Refuse several workers for a search that tries one point after the other.

    Raises:
        SpecError: it began with one worker, so what it tries hangs on the point before.
    """
    if spec.mode == "search" and record.window == 1 and spec.repeats < 3 and spec.workers not in (1, "auto"):
        raise SpecError(
            {
                "workers": "This search began with one worker, so each point hangs on the one before, and another "
                "worker would have nothing to do: resume it with one, or begin another search with several."
            }
        )


def threads_of(device: Device, workers: int) -> int:
    """How many threads each of several workers has, whose spec says auto; 0 where that is not divided."""
    if device.torch_device.type != "cpu" or workers == 1:
        return 0
    return max(cores() // workers, 1)


def free_memory() -> int:
    """Bytes that programs can still take."""
    with suppress(OSError, ValueError, StopIteration):
        with open("/proc/meminfo") as file:
            line = next(line for line in file if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError, AttributeError):
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE")) // 2
    return 8 << 30
