"""What capturing a step asks of CUDA, and in which order: a CPU can show no more of it."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from engine.training.steps import WARM_UP_STEPS, capture


class Cuda:
    """Stands in for `torch.cuda` and writes down, in order, what `capture` asks of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Any] = []
        self.now = "first"
        monkeypatch.setattr("engine.training.steps._side_stream", lambda device: SimpleNamespace(
            name="side", wait_stream=lambda other: self.calls.append(("side waits for", other.name))))  # fmt: skip
        first = SimpleNamespace(
            name="first", wait_stream=lambda other: self.calls.append(("first waits for", other.name))
        )
        given = SimpleNamespace(
            register_generator_state=lambda generator: self.calls.append(("register", generator.initial_seed())),
            replay=lambda: self.calls.append("replay"),
            pool=self.pool,
        )
        fakes = {
            "CUDAGraph": lambda: given, "current_stream": lambda device: first, "stream": self.stream,
            "graph": self.graph, "graph_pool_handle": lambda: (0, 7), "current_device": lambda: 3,
        }  # fmt: skip
        for name, fake in fakes.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        self.ended = False
        for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            self.offer(monkeypatch, name)

    def offer(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Have torch a function of that name, which a CPU build may lack."""

        def called(index: int, pool: tuple[int, int]) -> None:
            self.calls.append((name, index, pool))

        monkeypatch.setattr(torch._C, name, called, raising=False)

    def pool(self) -> tuple[int, int]:
        """As torch's, it refuses before a capture has ended."""
        if not self.ended:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
        return 0, 7

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.now = stream.name
        try:
            yield
        finally:
            self.now = "first"

    @contextmanager
    def graph(self, graph: Any, *, pool: object, stream: Any, capture_error_mode: str) -> Iterator[None]:
        self.calls.append(("capture", stream.name, capture_error_mode, pool))
        yield  # as torch's own, it does not end what fails
        self.calls.append("captured")

    def work(self) -> Tensor:
        self.calls.append(f"work on {self.now}")
        return torch.ones(2)


def test_a_capture_warms_up_on_a_stream_of_its_own_and_minds_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    replay, result = capture(cuda.work, torch.device("cuda"), torch.Generator().manual_seed(9))
    replay()
    assert result.tolist() == [1, 1]
    assert cuda.calls == [
        ("register", 9),  # before the capture begins, or each replay would draw the same numbers
        ("side waits for", "first"),
        *["work on side"] * WARM_UP_STEPS,
        ("capture", "side", "thread_local", (0, 7)),
        "work on side",
        "captured",
        ("first waits for", "side"),
        "replay",
    ]


def test_after_a_capture_that_failed_stream_and_memory_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    times = itertools.count()

    def work() -> Tensor:
        if next(times) == WARM_UP_STEPS:
            raise RuntimeError("operation not permitted when stream is capturing")
        return cuda.work()

    with pytest.raises(RuntimeError, match="not permitted"):
        capture(work, torch.device("cuda"), None)
    assert cuda.now == "first"
    assert cuda.calls[-3:] == [
        ("_cuda_endAllocateToPool", 3, (0, 7)), ("_cuda_releasePool", 3, (0, 7)), ("first waits for", "side"),
    ]  # fmt: skip


def fails() -> Tensor:
    raise RuntimeError("out of memory")


def test_before_torch_2_8_what_ends_a_capture_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    monkeypatch.delattr(torch._C, "_cuda_endAllocateToPool")
    cuda.offer(monkeypatch, "_cuda_endAllocateCurrentStreamToPool")
    with pytest.raises(RuntimeError, match="out of memory"):
        capture(fails, torch.device("cuda"), None)
    assert cuda.calls[-3:] == [
        ("_cuda_endAllocateCurrentStreamToPool", 3, (0, 7)), ("_cuda_releasePool", 3, (0, 7)),
        ("first waits for", "side"),
    ]  # fmt: skip


def test_where_torch_has_ended_a_capture_by_itself_its_memory_is_given_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = Cuda(monkeypatch)

    def over(*_: object) -> None:
        raise RuntimeError("not currently recording to mempool_id")

    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", over)
    with pytest.raises(RuntimeError, match="out of memory"):
        capture(fails, torch.device("cuda"), None)
    assert cuda.calls[-2:] == [("_cuda_releasePool", 3, (0, 7)), ("first waits for", "side")]


@pytest.mark.parametrize("by_itself", ["the graph", "torch"])
def test_what_a_graph_gives_back_by_itself_is_not_given_back_twice(
    monkeypatch: pytest.MonkeyPatch, by_itself: str
) -> None:
    cuda = Cuda(monkeypatch)
    if by_itself == "the graph":
        cuda.ended = True
    else:
        monkeypatch.setattr(torch, "__version__", TorchVersion("2.14.0"))
    with pytest.raises(RuntimeError, match="out of memory"):
        capture(fails, torch.device("cuda"), None)
    assert not [call for call in cuda.calls if call[0] == "_cuda_releasePool"]


def test_what_torch_lacks_after_a_capture_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        monkeypatch.delattr(torch._C, name)
    with pytest.raises(RuntimeError, match="out of memory"):
        capture(fails, torch.device("cuda"), None)
    assert cuda.calls[-1] == ("first waits for", "side")


@pytest.mark.skipif(sys.platform == "darwin", reason="torch has nothing of CUDA there")
def test_what_is_used_of_torchs_private_parts_is_there() -> None:
    """Where this fails, `engine.training.steps` has to follow a new version of torch."""
    names = ["_cuda_endAllocateToPool"]
    if TorchVersion(torch.__version__) < TorchVersion("2.14"):
        names.append("_cuda_releasePool")
    missing = [name for name in names if not hasattr(torch._C, name)]
    assert not missing, f"torch has no {', '.join(missing)} any more"
