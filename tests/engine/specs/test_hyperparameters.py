"""The report's five hyperparameters: whatever is valid by itself trains with everything else at its default."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.network.architecture import Shape, plan_autoencoder
from engine.network.autoencoder import ConvAutoencoder
from engine.network.layers import PointConv2d, PointConvTranspose2d
from engine.protocol.control import Flag
from engine.runs.checkpoint import read_autoencoder
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import nearest_preset, parse, preset
from engine.specs.kinds import check_against_data, spec_from_json
from tests.engine.tiny import CPU, tiny, write_files
from tests.idx import pictures, write_idx

LAYERS = range(2, 41, 2)
KERNEL_SIZES = range(1, 12)
SIDES = range(8, 257)
ODD_SHAPES: list[Shape] = [(8, 8, 1), (9, 9, 1), (27, 31, 3), (8, 256, 1), (255, 8, 3), (256, 256, 3)]


def asked(name: str, **values: object) -> AutoencoderSpec:
    return preset(AutoencoderSpec, name, **values)


def fits(spec: AutoencoderSpec, image: Shape) -> None:
    """Its plan leads from images of that shape to such ones, and nothing about it is refused."""
    assert check_against_data(spec, image, 1_000_000) == {}
    plan = plan_autoencoder(spec, image)
    assert plan.decoder[-1].shape == plan.padded
    assert all(0 <= padded - side < 4 for padded, side in zip(plan.padded[:2], image[:2], strict=True))
    assert sum(layer.symbol == "/2" for layer in plan.encoder) == spec.halvings(image)


@pytest.mark.parametrize("name", AutoencoderSpec.presets)
def test_every_number_of_layers_and_every_kernel_size_fits_images_of_every_kind(name: str) -> None:
    for image in ODD_SHAPES:
        for layers in LAYERS:
            fits(asked(name, layers=layers), image)
        for kernel_size in KERNEL_SIZES:
            fits(asked(name, kernel_size=kernel_size), image)
        for kernels in ("1", "1024"):
            fits(asked(name, kernels=kernels), image)
        for batch_size in (1, 65_536):
            fits(asked(name, batch_size=batch_size), image)
        for epochs in (1, 100_000):
            fits(asked(name, epochs=epochs), image)


@pytest.mark.parametrize("layers", [2, 4, 6, 10])
def test_images_of_every_side_fit(layers: int) -> None:
    spec = asked("recommended", layers=layers)
    for side in SIDES:
        fits(spec, (side, side, 1))
        fits(spec, (side, 264 - side, 3))


def test_auto_halves_twice_or_as_often_as_the_layers_and_the_image_allow() -> None:
    halvings = {layers: asked("recommended", layers=layers).halvings((28, 28, 1)) for layers in (2, 4, 6, 10, 40)}
    assert halvings == {2: 1, 4: 1, 6: 2, 10: 2, 40: 2}
    assert [AutoencoderSpec().halvings((side, 28, 1)) for side in (1, 2, 3, 4)] == [0, 1, 1, 2]


@pytest.mark.parametrize("typed", ["auto", " auto ", "0", "2", "02", 2, 2.0])
def test_downsamplings_are_a_number_or_auto_however_they_are_typed(typed: object) -> None:
    expected = "auto" if "auto" in str(typed) else int(float(str(typed)))
    spec = parse(AutoencoderSpec, {"downsamplings": typed})
    assert (spec.downsamplings, type(spec.downsamplings)) == (expected, type(expected))
    assert spec_from_json(spec.model_dump(mode="json")) == spec


def test_a_run_that_halves_as_often_as_auto_does_is_asked_again_with_auto() -> None:
    image = (28, 28, 1)
    assert asked("recommended").settled(image).downsamplings == 2
    for layers in (2, 4, 10):
        spec = asked("recommended", layers=layers)
        assert spec.settled(image).asked_again() == spec
        assert spec.settled(image).title == spec.title
        assert [one.field for one in nearest_preset(spec.settled(image))[1]] == ([] if layers == 10 else ["layers"])
    assert asked("recommended", downsamplings=1).asked_again().downsamplings == 1


@pytest.mark.parametrize("image", [(8, 8, 1), (9, 9, 1), (13, 22, 3)], ids=lambda image: "×".join(map(str, image)))
@pytest.mark.parametrize("name", AutoencoderSpec.presets)
@pytest.mark.parametrize(
    "values",
    [
        {"layers": 2},
        {"layers": 4},
        {"layers": 40, "kernels": 2},
        {"kernel_size": 1},
        {"kernel_size": 2},
        {"kernel_size": 11},
        {"kernels": 1},
        {"batch_size": 1},
    ],
    ids=lambda values: "-".join(map(str, values)) + str(next(iter(values.values()))),
)
def test_a_step_of_training_is_done_with_a_value_at_the_edge(
    name: str, values: dict[str, object], image: Shape
) -> None:
    torch.manual_seed(0)
    spec = asked(name, **{"kernels": 8, **values})
    model = CPU.place(ConvAutoencoder(spec, image))
    height, width, channels = image
    images = torch.rand(min(spec.batch_size, 3), height, width, channels).permute(0, 3, 1, 2)
    loss = (model(images) - images).square().mean()
    loss.backward()
    assert loss.isfinite()
    assert all(weights.grad is not None and weights.grad.isfinite().all() for weights in model.parameters())


def test_a_run_of_four_layers_and_batches_of_one_says_how_often_it_halves(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images", pictures(6, 9, 11))
    home = Home(tmp_path / "home")
    spec = parse(
        AutoencoderSpec, {"layers": 4, "kernels": 2, "epochs": 1, "batch_size": 1, "images": images, "device": "cpu"}
    )
    result = jobs.start(home, spec, lambda event: None, Flag())
    assert result.state == "finished"
    run = home.find(result.id)
    assert run.read_spec()["spec"]["downsamplings"] == 1
    assert getattr(read_autoencoder(run.model).encoder_spec, "downsamplings", 0) == 1


def test_a_stage_of_a_single_step_is_trained(tmp_path: Path) -> None:
    spec = tiny(write_files(tmp_path), epochs=1, batch_size=54)
    assert jobs.start(Home(tmp_path / "home"), spec, lambda event: None, Flag()).state == "finished"


@pytest.mark.parametrize("bias", [True, False])
def test_a_kernel_of_one_pixel_at_stride_two_is_the_convolution_that_torch_has(bias: bool) -> None:
    images = torch.randn(2, 3, 6, 4, dtype=torch.double, requires_grad=True)
    down = PointConv2d(3, 5, 1, 2, 0, bias=bias).double()
    up = PointConvTranspose2d(3, 5, 1, 2, 0, output_padding=1, bias=bias).double()
    for layer, direct in (
        (down, torch.nn.functional.conv2d(images, down.weight, down.bias, stride=2)),
        (up, torch.nn.functional.conv_transpose2d(images, up.weight, up.bias, stride=2, output_padding=1)),
    ):
        torch.testing.assert_close(layer(images), direct)
        wanted = [images, *layer.parameters()]
        upstream = torch.randn_like(direct)
        expected = torch.autograd.grad(direct, wanted, upstream)
        for gradient, other in zip(torch.autograd.grad(layer(images), wanted, upstream), expected, strict=True):
            torch.testing.assert_close(gradient, other)


def test_a_kernel_of_one_pixel_does_not_end_the_process() -> None:
    """In a process of its own: what it was ended by is damage of its memory, which no test would survive."""
    steps = """
import torch
from engine.network.autoencoder import ConvAutoencoder
from engine.specs.autoencoder import AutoencoderSpec
for channels in (1, 3):
    for size in (8, 9, 28):
        model = ConvAutoencoder(AutoencoderSpec(kernel_size=1, layers=4), (size, size, channels))
        model = model.to(memory_format=torch.channels_last)
        for count in (1, 2, 64):
            images = torch.rand(count, size, size, channels).permute(0, 3, 1, 2)
            model(images).square().mean().backward()
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", steps], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr
