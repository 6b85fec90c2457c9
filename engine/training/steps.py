"""One training step, and the same step captured once as a CUDA graph and replayed.

Everything a step reads and writes is on the device and has a fixed shape: it is given the indices of a batch and
gives back the batch's metrics. A GPU computes a step of these networks faster than Python can launch its some hundred
kernels one by one, so there they are captured once a stage and launched as one from then on. What is computed is the
same; where capture fails, the step is launched kernel by kernel, as on every other device.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial

import torch
from torch import Tensor, nn, optim
from torch.torch_version import TorchVersion

from engine.data.augmentation import augment
from engine.data.batches import DeviceImages
from engine.device import Device, is_out_of_memory
from engine.protocol.events import Emit, Warned
from engine.training.tasks import Task

WARM_UP_STEPS = 3
"""Steps before one is captured: libraries choose their algorithms, the optimizer makes its moments."""

log = logging.getLogger("cae_tui.engine")


class Step:
    """Gather a batch, augment it, forward, backward, and the optimizer's step.

    Args:
        model: in the mode it is trained in.
        task: how the batch becomes a loss.
        optimizer: of one parameter group.
        images: what indices point into.
        device: where all of it is, and the precision of the forward pass.
        augmentation: where random changes of the images come from; none are made without.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: optim.Optimizer,
        images: DeviceImages,
        device: Device,
        augmentation: torch.Generator | None,
    ) -> None:
        self.model, self.task, self.optimizer = model, task, optimizer
        self.images, self.device, self.augmentation = images, device, augmentation
        self.names: tuple[str, ...] = ()  # of the metrics, once a step was taken

    def __call__(self, indices: Tensor) -> Tensor:
        """Take the step on the images of those indices, shape (batch,), and give back their metrics as `names` says."""
        images, labels = self.images.batch(indices)
        if self.augmentation is not None:
            images = augment(images, self.augmentation)
        with self.device.autocast():
            outcome = self.task(self.model, images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        outcome.objective.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        self.optimizer.step()
        self.names = tuple(outcome.metrics)
        return torch.stack(tuple(outcome.metrics.values()))


class CapturedStep:
    """A step as one CUDA graph: the same numbers, one launch.

    Making one changes nothing: weights, batch statistics, moments and random states are afterwards what they were.

    Args:
        step: what is captured. Its tensors are read and written at their addresses from then on, so that a
            checkpoint must be restored before.
        indices: of a batch, shape (batch,); every batch has as many.

    Raises:
        RuntimeError: the driver, the device or an operation does not allow it. `step` can be taken all the same.
    """

    def __init__(self, step: Step, indices: Tensor) -> None:
        self._group = step.optimizer.param_groups[0]
        self._indices = indices.clone()
        # A rate that is a number would be captured as it is now. Outside of this class it stays one, so that schedules
        # and checkpoints need not know of tensors, and nobody waits for the device to read it.
        rate = self._group["lr"]
        self._rate = torch.full((), rate, dtype=torch.float32, device=indices.device)
        self._group["lr"] = self._rate
        try:
            with undone(step):
                self._replay, self._metrics = capture(partial(step, self._indices), indices.device, step.augmentation)
        except RuntimeError:
            for generator in _generators(step):
                if generator.device.type == "cuda":
                    _renew(generator)
            raise
        finally:
            self._group["lr"] = rate

    def __call__(self, indices: Tensor) -> Tensor:
        """As `Step`."""
        self._indices.copy_(indices)
        self._rate.fill_(self._group["lr"])
        self._replay()
        return self._metrics.clone()  # the next replay writes to the same place


def fastest(step: Step, indices: Tensor, emit: Emit) -> Callable[[Tensor], Tensor]:
    """`step`, captured where Python launches its parts more slowly than the device computes them.

    Where that fails it is told, and the step is as it was.

    Args:
        indices: of a batch, shape (batch,); every batch has as many.
    """
    if not step.device.runs_ahead:
        return step
    try:
        return CapturedStep(step, indices)
    except RuntimeError as error:
        log.warning("the training step is not recorded", exc_info=True)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].strip().rstrip(".")
        no_memory = is_out_of_memory(error)
    if no_memory:
        torch.cuda.empty_cache()  # of what the capture took, so that the step has it
    may_help = "A smaller batch or fewer kernels" if no_memory else "A newer driver or PyTorch"
    emit(
        Warned(
            message=f"The training step could not be recorded as one CUDA graph ({first}), so its parts are "
            f"launched one by one: it computes the same, only slower. {may_help} may allow it; the log "
            "(cae-tui doctor says where) has the details."
        )
    )
    return step


@contextmanager
def undone(step: Step) -> Iterator[None]:
    """Put back what the steps taken inside have changed, in place: a captured step keeps the addresses.

    Moments that the optimizer makes inside stay, as zeros: that is where each of them begins.
    """
    tensors = [*step.model.parameters(), *step.model.buffers(), *_moments(step.optimizer)]
    kept = [(tensor, tensor.detach().clone()) for tensor in tensors]
    states = [(generator, generator.get_state()) for generator in _generators(step)]
    try:
        yield
    finally:
        known = {tensor.data_ptr() for tensor, _ in kept}
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
            for moment in _moments(step.optimizer):
                if moment.data_ptr() not in known:
                    moment.zero_()
        step.optimizer.zero_grad(set_to_none=True)
        for generator, state in states:
            generator.set_state(state)


def capture(
    launch: Callable[[], Tensor], device: torch.device, generator: torch.Generator | None
) -> tuple[Callable[[], None], Tensor]:
    """Capture what `launch` does; it is called some times before, for real.

    Args:
        launch: computes on the device and waits for nothing.
        generator: whose random numbers it draws, beside the device's default ones.

    Returns:
        What launches it again, and the tensor that it then writes to.

    Raises:
        RuntimeError: it cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    if generator is not None:
        graph.register_generator_state(generator)
    current, stream = torch.cuda.current_stream(device), _side_stream(device)
    stream.wait_stream(current)
    pool = torch.cuda.graph_pool_handle()
    try:
        # This block leaves the stream also where `torch.cuda.graph`, having failed to end, does not.
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                launch()
            # Other threads of this process may use CUDA meanwhile: that is no fault of the capture.
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                result = launch()
    except RuntimeError:
        _end_capture(graph, pool, torch.cuda.current_device() if device.index is None else device.index)
        raise
    finally:
        current.wait_stream(stream)
    return graph.replay, result


def _end_capture(graph: torch.cuda.CUDAGraph, pool: tuple[int, int], device: int) -> None:
    """Put torch's memory right after a capture that failed: it may believe that it is still on, and keep all it has.

    Versions of torch do more or less of this by themselves; what they have done already, they refuse.
    """
    for name in ("_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool"):  # the latter before 2.8
        with suppress(RuntimeError, AttributeError):
            getattr(torch._C, name)(device, pool)
    if TorchVersion(torch.__version__) >= TorchVersion("2.14"):  # from then on the graph gives its memory back itself
        return
    try:
        graph.pool()  # refused where the capture did not end: a graph that ended gives its memory back itself
    except RuntimeError:
        with suppress(RuntimeError, AttributeError):
            torch._C._cuda_releasePool(device, pool)


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all captures: libraries keep a workspace of some megabytes for each stream that they have seen."""
    stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has no types for it
    return stream


def _moments(optimizer: optim.Optimizer) -> list[Tensor]:
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


def _generators(step: Step) -> list[torch.Generator]:
    """What a step may draw from: torch's own, on the CPU and on the device, and the augmentation's."""
    found = [torch.default_generator]
    device = step.device.torch_device
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        found.append(torch.cuda.default_generators[index])
    if step.augmentation is not None:
        found.append(step.augmentation)
    return found


def _renew(generator: torch.Generator) -> None:
    """Give it a state of its own again: after a capture that failed it takes that one to be still on, and refuses."""
    state = generator.get_state()
    generator.graphsafe_set_state(torch.Generator(generator.device))
    generator.set_state(state)
