"""Which device, precision, memory layout and threads a run gets, decided in one place.

App and command line both come through `choose_device`, so the same spec computes the same on both.
"""

import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from threading import Thread

import torch
from torch import nn

from engine.errors import SpecError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, as malloc.h names them
MOST_KEPT = 32 << 20
"""Bytes of the largest allocation that is kept when it is freed: glibc takes no larger number."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a run computes, and how."""

    torch_device: torch.device
    precision: str  # float32 or bfloat16
    threads: int  # of the CPU

    @property
    def description(self) -> str:
        """As in `cpu · 2 threads · float32`, or with the name of the GPU."""
        if self.torch_device.type == "cpu":
            return f"cpu · {self.threads} thread{'s' if self.threads > 1 else ''} · {self.precision}"
        name = torch.cuda.get_device_name(self.torch_device) if self.torch_device.type == "cuda" else "Apple GPU"
        return f"{self.torch_device.type} · {name} · {self.precision}"

    @property
    def offer(self) -> str:
        """The same of a run that is yet to choose its threads: `cpu · 2 cores · float32`."""
        if self.torch_device.type != "cpu":
            return self.description
        return f"cpu · {cores()} core{'s' if cores() > 1 else ''} · {self.precision}"

    def is_of(self, words: str) -> bool:
        """Whether `words`, a description or an offer, are of this device, whatever they say of threads and cores."""

        def rest(words: str) -> list[str]:
            return [part for part in words.split(" · ") if not part.endswith(("thread", "threads", "core", "cores"))]

        return rest(words) == rest(self.description)

    @property
    def runs_ahead(self) -> bool:
        """Whether Python is far ahead of what is computed: steps are then captured, and their numbers read late."""
        return self.torch_device.type == "cuda"

    def autocast(self) -> AbstractContextManager[object]:
        """What the forward pass runs under.

        A pass uses each weight once, so that nothing is gained by keeping what it was cast to; and a step that is
        captured must not look at a cast that was made before it.
        """
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.torch_device.type, torch.bfloat16, cache_enabled=False)

    def place(self, model: nn.Module) -> nn.Module:
        """The model on the device, in the layout that its convolutions are fastest in."""
        return model.to(self.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's types miss it

    def settle(self) -> None:
        """Set what torch keeps per thread; called in the thread that trains."""
        torch.set_num_threads(self.threads)
        if self.torch_device.type == "cpu":
            keep_freed_memory()
        if self.torch_device.type == "cuda":
            torch.backends.cudnn.benchmark = True

    def memory(self) -> int:
        """Bytes in use: the device's own memory, or on a CPU what the process has resident.

        On CUDA all that torch holds: what a captured step needs stays its own between two steps, uncounted elsewhere.
        """
        if self.torch_device.type == "cuda":
            return torch.cuda.memory_reserved(self.torch_device)
        if self.torch_device.type == "mps":
            return torch.mps.current_allocated_memory()
        return resident_memory()


def choose_device(device: str, precision: str, threads: int | None = None) -> Device:
    """The device for what a spec asks.

    Args:
        device: auto, cuda, mps or cpu; auto takes the first of these that there is.
        precision: auto, float32 or bfloat16; auto is bfloat16 on CUDA that computes in it, else float32.
        threads: of the CPU; as many as torch chooses where None. A run that is taken up gives its own.

    Raises:
        SpecError: the device is not there, or does not compute in that precision.
    """
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps else "cpu"
    if device == "cuda" and not cuda:
        raise SpecError({"device": "No CUDA device was found here: choose auto or cpu, or check the GPU's driver."})
    if device == "mps" and not mps:
        raise SpecError({"device": "Apple's MPS is not available here: choose auto or cpu."})
    # Older cards can emulate bfloat16, slowly, and cuDNN has no convolutions in it for them.
    of_device = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "auto":
        precision = "bfloat16" if of_device else "float32"
    if precision == "bfloat16" and device == "mps":
        raise SpecError({"precision": "bfloat16 is not available on MPS: choose auto or float32."})
    if precision == "bfloat16" and device == "cuda" and not of_device:
        raise SpecError({"precision": "This GPU cannot compute in bfloat16: choose auto or float32."})
    return Device(torch.device(device), precision, threads or torch.get_num_threads())


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def compute_alone() -> None:
    """Have torch compute with one thread in the thread that calls: what is small is done sooner, and holds up nobody.

    torch takes the number that was set last for every thread to come: they have the number of before.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for_others = Thread(target=torch.set_num_threads, args=(before,))
    for_others.start()
    for_others.join()


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what a step frees for the next, which asks for the same: Linux with glibc only.

    By itself it gives large tensors back to the system at once, and takes them again page by page, each page cleared:
    that is up to a quarter of a step.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, MOST_KEPT)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on a device or on the CPU: torch has a class of its own for the former only."""
    # cuDNN, where no algorithm has room, says that it found none.
    words = (
        "can't allocate memory",
        "Cannot allocate memory",
        "out of memory",
        "ALLOC_FAILED",
        "unable to find an engine",
    )
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error) for word in words)


def resident_memory() -> int:
    """Bytes of this process in memory; its peak where the system tells no more."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
