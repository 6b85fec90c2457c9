"""Training on a GPU: do its ways of taking a step agree, and how fast is each. Under 5 minutes.

    .venv/bin/python benchmarks/gpu.py [--rounds 3] [--json FILE]
    .venv/bin/python benchmarks/gpu.py --device cpu    # what of it a CPU can do, in small: is the program itself whole?

**Agreement**: losses of the same twelve steps taken eagerly, compiled (`torch.compile`) and recorded as one CUDA graph,
in float32, from the same weights; the largest relative difference. A way that is not to be had here (to compile takes a
C compiler) is told, and left out.
**Steps**: milliseconds of a step at batch 128 with all of MNIST on the device, both presets, by kind of step, precision
and memory layout; the share of the time in which the device computes (kernels' time, by torch's profiler, over the time
of steps without it, which are timed before it has looked at any, as it slows down what comes after); the most memory
held. In the contiguous layout the weights that up-sampling makes stay channels
last.
**Limits**: a step's operations, forward once and backward twice, over those of a large matrix product; and the bytes
it moves at least (what is kept for the backward pass, written and read; weights, gradients and moments) over those of
a large copy. A share of 1 is as fast as the device can be. Convolutions in float32 are computed in TF32 where the
device has it, as is torch's default; so is the product that they are held against.
**Runs**: 20 epochs by the command line, from command to result; seconds for 60,000 images, from the steps of its later
epochs; and the share of that time, and of all the time from epoch to epoch, in which the kernels of steps run.

Exit codes: 0 measured, 1 steps do not agree or cannot be recorded, 2 there is no such device or a library is missing.
"""

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

try:
    import torch
    from torch import Tensor

    from benchmarks.common import asked, parser_of, write
    from benchmarks.slices import first_images
    from engine.data.batches import DeviceImages
    from engine.data.datasets import load_dataset
    from engine.device import Device
    from engine.network.autoencoder import ConvAutoencoder
    from engine.specs.autoencoder import AutoencoderSpec
    from engine.specs.base import preset
    from engine.training.optimisation import make_optimizer
    from engine.training.steps import CapturedStep, Step
    from engine.training.tasks import Reconstruction
except ImportError as missing:
    print(f"{missing}. This program needs what cae-tui needs: pip install -c constraints.txt .", file=sys.stderr)
    sys.exit(2)

PRESETS = ("recommended", "report")
LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
TOLERANCE = 0.02
EPOCH_IMAGES = 60_000
TARGETS = {
    "seconds for 60,000 images": 0.25,
    "20 epochs, command to result, s": 12.0,
    "device busy in a run's steps": 0.9,
}


@dataclass(frozen=True)
class Scale:
    """How large everything is."""

    images: int
    batch: int
    steps: int  # of a measurement
    epochs: int  # of a run
    product: int  # side of the matrices
    copy: int  # bytes
    backend: str  # of torch.compile
    network: Mapping[str, str]  # what is changed of the presets


SCALES = {
    "cuda": Scale(60_000, 128, 200, 20, 8192, 1 << 30, "inductor", {}),
    "cpu": Scale(320, 32, 3, 2, 256, 1 << 22, "aot_eager", {"layers": "6", "kernels": "4"}),
}


class Contiguous(DeviceImages):
    """Batches in the layout of plain tensors: one channel after the other."""

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """As in `DeviceImages`."""
        images, labels = super().batch(indices)
        return images.contiguous(), labels


class Bench:
    """Steps of one kind on one device.

    Args:
        device: `cuda` or `cpu`.
        scale: how large everything is.
    """

    def __init__(self, device: str, scale: Scale) -> None:
        self.device, self.scale = torch.device(device), scale
        self.on_gpu = device == "cuda"
        self.data = load_dataset().train
        # Those that are measured, a run's first.
        self.kinds: tuple[str, ...] = ("captured", "eager", "compiled") if self.on_gpu else ("eager", "compiled")

    def step(self, name: str, precision: str, layout: str = "channels last") -> Step:
        """A step of that preset's network from its first weights; the images are on the device."""
        torch.manual_seed(0)
        model = ConvAutoencoder(preset(AutoencoderSpec, name, **self.scale.network), (28, 28, 1))
        model.to(self.device, memory_format=LAYOUTS[layout]).train()  # type: ignore[call-overload]  # torch's types miss it
        images = (DeviceImages if layout == "channels last" else Contiguous)(self.data, self.device)
        optimizer = make_optimizer("adam", list(model.parameters()), 1e-3, 0.0)
        return Step(model, Reconstruction(), optimizer, images, Device(self.device, precision, 1), None)

    def taken(self, step: Step, kind: str) -> Callable[[Tensor], Tensor]:
        """How a step of that kind is taken."""
        if kind == "compiled":
            torch.compiler.reset()
            step.model.compile(dynamic=False, backend=self.scale.backend)
        return CapturedStep(step, next(self.batches(1))) if kind == "captured" else step

    def batches(self, count: int) -> Iterator[Tensor]:
        """Indices of so many batches."""
        order = torch.randperm(self.scale.images, generator=torch.Generator().manual_seed(0)).to(self.device)
        per_epoch = self.scale.images // self.scale.batch
        for number in range(count):
            at = number % per_epoch * self.scale.batch
            yield order[at : at + self.scale.batch]

    def wait(self) -> None:
        """Until the device has done all that was launched."""
        if self.on_gpu:
            torch.cuda.synchronize()

    def milliseconds(self, take: Callable[[Tensor], Tensor]) -> float:
        """Of a step, launched one after the other."""
        todo = list(self.batches(self.scale.steps))
        self.wait()
        begun = time.perf_counter()
        for batch in todo:
            take(batch)
        self.wait()
        return 1000 * (time.perf_counter() - begun) / len(todo)

    def kernel_milliseconds(self, take: Callable[[Tensor], Tensor]) -> float:
        """What a GPU computes in a step."""
        todo = list(self.batches(min(self.scale.steps, 50)))
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            for batch in todo:
                take(batch)
            self.wait()
        spans = [
            (event.time_range.start, event.time_range.end)
            for event in profile.events()
            if event.device_type == torch.autograd.DeviceType.CUDA and not getattr(event, "is_user_annotation", False)
        ]
        return covered(spans) / 1000 / len(todo)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length that spans cover together; where some overlap, it counts once."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(stop - max(start, end), 0.0)
        end = max(end, stop)
    return total


# -- agreement ------------------------------------------------------------------------------------


def agreement(bench: Bench, name: str) -> dict[str, float | str]:
    """The largest relative difference of each kind's losses from the eager ones, over twelve steps; or why none."""
    losses: dict[str, Tensor] = {}
    missing: dict[str, float | str] = {}
    with exact(bench.on_gpu):
        for kind in bench.kinds:
            try:
                take = bench.taken(bench.step(name, "float32"), kind)
                losses[kind] = torch.stack([take(batch)[0] for batch in bench.batches(12)]).double().cpu()
            except RuntimeError as error:
                if kind == "eager":
                    raise
                missing[kind] = reason(error)
    eager = losses.pop("eager")
    return missing | {kind: float(((found - eager).abs() / eager).max()) for kind, found in losses.items()}


def reason(error: RuntimeError) -> str:
    """The first line of what torch says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


@contextmanager
def exact(on_gpu: bool) -> Iterator[None]:
    """The same algorithms each time; otherwise those that were measured to be fastest, as in a run."""
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = on_gpu, False
    yield
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, on_gpu


# -- steps ----------------------------------------------------------------------------------------


def combinations(bench: Bench) -> list[tuple[str, str, str]]:
    """Kind, precision and layout of each measurement: those of a run first."""
    grid = [(bench.kinds[0], precision, layout) for layout in LAYOUTS for precision in ("bfloat16", "float32")]
    return grid + [(kind, "bfloat16", "channels last") for kind in bench.kinds[1:]]


def warmed_up(bench: Bench, name: str, kind: str, precision: str, layout: str) -> Callable[[Tensor], Tensor]:
    """A step of that kind, after as many as a measurement has: algorithms are chosen, code is compiled."""
    torch.compiler.reset()
    gc.collect()  # a model that was compiled holds itself
    if bench.on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    take = bench.taken(bench.step(name, precision, layout), kind)
    bench.milliseconds(take)
    return take


def measure_steps(bench: Bench, rounds: int) -> list[dict[str, Any]]:
    """The lines of the table: first all times, then, for the profiler slows down what follows it, what is computed."""
    rows = []
    for name in PRESETS:
        for kind, precision, layout in combinations(bench):
            line: dict[str, Any] = {"preset": name, "kind": kind, "precision": precision, "layout": layout}
            take = warmed_up(bench, name, kind, precision, layout)
            line["ms"] = statistics.median(bench.milliseconds(take) for _ in range(rounds))
            line["peak_bytes"] = torch.cuda.max_memory_reserved() if bench.on_gpu else None
            print(f"  {name}, {kind}, {precision}, {layout}: {line['ms']:.3f} ms", file=sys.stderr, flush=True)
            rows.append(line)
    for line in rows:
        line["kernel_ms"] = line["busy"] = None
        if bench.on_gpu:
            take = warmed_up(bench, line["preset"], line["kind"], line["precision"], line["layout"])
            line["kernel_ms"] = bench.kernel_milliseconds(take)
            line["busy"] = line["kernel_ms"] / line["ms"]
    return rows


# -- limits ---------------------------------------------------------------------------------------


def fastest_of(bench: Bench, work: Callable[[], object], times: int = 12) -> float:
    """Seconds."""
    found = []
    for _ in range(times):
        bench.wait()
        begun = time.perf_counter()
        work()
        bench.wait()
        found.append(time.perf_counter() - begun)
    return min(found)


def device_limits(bench: Bench) -> dict[str, float]:
    """FLOP/s of a matrix product in each precision, and bytes a second of a copy."""
    found = {}
    side = bench.scale.product
    for precision in ("bfloat16", "float32"):
        one, other = torch.rand(2, side, side, device=bench.device).to(getattr(torch, precision))
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as convolutions are computed
        found[precision] = 2 * side**3 / fastest_of(bench, partial(torch.matmul, one, other))
        torch.backends.cuda.matmul.allow_tf32 = False  # torch's default
    source = torch.zeros(bench.scale.copy, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    found["bytes"] = 2 * bench.scale.copy / fastest_of(bench, lambda: target.copy_(source))
    return found


def step_work(bench: Bench, name: str, precision: str) -> dict[str, float]:
    """Operations of a step, and the bytes it moves at least."""
    step = bench.step(name, precision)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step(next(bench.batches(1)))
    assert isinstance(step.model, ConvAutoencoder)
    plan = step.model.plan
    weights = sum(weight.nbytes for weight in step.model.parameters())
    return {
        "flop": 2 * bench.scale.batch * (3 * plan.macs - plan.layers[0].macs),
        "bytes": 2 * sum(kept.values())
        + 9 * weights,  # the gradient's writing, then four read and three written, and one
    }


# -- runs -----------------------------------------------------------------------------------------


def run(bench: Bench, name: str, folder: Path) -> dict[str, Any]:
    """The preset's run by the command line."""
    words = ["-m", "cae_tui", "--home", str(folder), "autoencoder", "--json", "--preset", name]
    words += [
        "--epochs",
        str(bench.scale.epochs),
        "--batch-size",
        str(bench.scale.batch),
        "--device",
        bench.device.type,
    ]
    words += [word for name, value in bench.scale.network.items() for word in (f"--{name}", value)]
    if bench.scale.images < EPOCH_IMAGES:
        words += ["--images", str(first_images(folder / "images", bench.scale.images))]
    begun = time.perf_counter()
    result = asked(sys.executable, words)
    seconds = time.perf_counter() - begun
    lines = (folder / "runs" / result["id"] / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    epochs = [event for event in events if event["event"] == "EpochEnded"]
    each = statistics.median(event["ms_per_step"] for event in epochs[1:])
    apart = (epochs[-1]["time"] - epochs[0]["time"]) / (len(epochs) - 1)
    return {
        "seconds": seconds,
        "ms": each,
        "epoch_steps_seconds": each / 1000 * EPOCH_IMAGES / bench.scale.batch,
        "epoch_seconds": statistics.median(event["seconds"] for event in epochs[1:]),
        "epoch_to_epoch_seconds": apart,
        "steps": next(event["steps"] for event in events if event["event"] == "StageStarted"),
        "not_recorded": sum("could not be recorded" in event.get("message", "") for event in events),
    }


# -- all of it ------------------------------------------------------------------------------------


def told(value: float | None, form: str = ".2f") -> str:
    """A number, or that there is none."""
    return "–" if value is None else format(value, form)


def of_agreement(value: float | str) -> str:
    """A difference, or why there is none."""
    return f"left out ({value})" if isinstance(value, str) else f"{value:.1e}"


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Measure everything, and print it as it comes."""
    found: dict[str, Any] = {"device": str(bench.device), "batch": bench.scale.batch}
    if bench.on_gpu:
        found["gpu"] = torch.cuda.get_device_name()
        torch.backends.cudnn.benchmark = True
        print(f"{found['gpu']}, torch {torch.__version__}, CUDA {torch.version.cuda}\n")

    print("Largest relative difference of losses from eager ones, twelve steps in float32")
    found["agreement"] = {name: agreement(bench, name) for name in PRESETS}
    for name, kinds in found["agreement"].items():
        print(f"  {name:<12} " + "   ".join(f"{kind} {of_agreement(value)}" for kind, value in kinds.items()))
    values = [value for kinds in found["agreement"].values() for value in kinds.values()]
    found["agree"] = all(value <= TOLERANCE for value in values if isinstance(value, float))
    print(f"  {'They agree' if found['agree'] else 'THEY DO NOT AGREE'}: {TOLERANCE:g} is allowed.\n")
    lacks = {kind for kinds in found["agreement"].values() for kind, value in kinds.items() if isinstance(value, str)}
    found["recorded"] = "captured" not in lacks
    bench.kinds = tuple(kind for kind in bench.kinds if kind not in lacks)
    found["steps"] = measure_steps(bench, rounds)
    print(f"{'preset':<12} {'kind':<9} {'precision':<9} {'layout':<13} {'ms/step':>8} {'busy':>5} {'peak MB':>8}")
    for line in found["steps"]:
        peak = None if line["peak_bytes"] is None else line["peak_bytes"] / 1e6
        print(
            f"{line['preset']:<12} {line['kind']:<9} {line['precision']:<9} {line['layout']:<13} {line['ms']:8.3f} "
            f"{told(line['busy']):>5} {told(peak, '.0f'):>8}"
        )

    found["limits"] = device_limits(bench)
    print("\nShares of what the device can do: operations over a matrix product's, bytes over a copy's")
    found["shares"] = []
    for line in (
        line for line in found["steps"] if line["kind"] == bench.kinds[0] and line["layout"] == "channels last"
    ):
        work = step_work(bench, line["preset"], line["precision"])
        seconds = line["ms"] / 1000
        share = {
            "preset": line["preset"], "precision": line["precision"], **work,
            "flop_share": work["flop"] / seconds / found["limits"][line["precision"]],
            "byte_share": work["bytes"] / seconds / found["limits"]["bytes"],
        }  # fmt: skip
        found["shares"].append(share)
        print(
            f"  {share['preset']:<12} {share['precision']:<9} {share['flop_share']:.2f} of "
            f"{found['limits'][line['precision']] / 1e12:.1f} TFLOP/s   {share['byte_share']:.2f} of "
            f"{found['limits']['bytes'] / 1e9:.0f} GB/s",
        )
    if bench.on_gpu:
        torch.cuda.empty_cache()  # what the runs train on is the same device
    found["runs"] = {}
    for name in PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            line = run(bench, name, Path(folder))
        kernels = next(step["kernel_ms"] for step in found["steps"] if step["preset"] == name)
        line["busy_in_steps"] = None if kernels is None else kernels / line["ms"]
        line["busy_from_epoch_to_epoch"] = (
            None if kernels is None else kernels / 1000 * line["steps"] / line["epoch_to_epoch_seconds"]
        )
        found["runs"][name] = line
    print_targets(bench, found["runs"])
    return found


def print_targets(bench: Bench, runs: dict[str, dict[str, Any]]) -> None:
    """What the runs came to, beside the targets for a card of the H100's class."""
    print(
        f"\n{'runs of ' + str(bench.scale.epochs) + ' epochs':<38} {'target':>7}"
        + "".join(f"{name:>14}" for name in runs)
    )
    keys = ("epoch_steps_seconds", "seconds", "busy_in_steps")
    rows: list[tuple[str, str, str]] = [
        (what, told(target), key) for (what, target), key in zip(TARGETS.items(), keys, strict=True)
    ]
    rows += [
        ("an epoch with its validation, s", "", "epoch_seconds"),
        ("from epoch to epoch, writing too, s", "", "epoch_to_epoch_seconds"),
        ("steps' kernels over that", "", "busy_from_epoch_to_epoch"),
        ("steps that could not be recorded", "0", "not_recorded"),
    ]
    for what, target, key in rows:
        values = "".join(f"{told(line[key], 'd' if key == 'not_recorded' else '.2f'):>14}" for line in runs.values())
        print(f"{what:<38} {target:>7}{values}")


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(
            f"torch {torch.__version__} finds no CUDA device here, and there is nothing to measure without one: check "
            "`nvidia-smi` and that torch was built for CUDA, or try the program itself with --device cpu.",
            file=sys.stderr,
        )
        return 2
    begun = time.perf_counter()
    found = measure(Bench(options.device, SCALES[options.device]), options.rounds)
    if options.device == "cpu":
        print("\nOn a CPU nothing is recorded, there are no kernels to be busy with, and the targets do not apply.")
    print(f"\n{time.perf_counter() - begun:.0f} s in all")
    write(options.json, {**found, "targets": TARGETS})
    return 0 if found["agree"] and found["recorded"] else 1


if __name__ == "__main__":
    sys.exit(main())
