import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine.network.architecture import plan_autoencoder, plan_classifier
from engine.network.autoencoder import ConvAutoencoder
from engine.network.classifier import ConvClassifier
from engine.network.layers import ConvLayer, UpsamplingConv2d
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse, preset
from engine.specs.classifier import ClassifierSpec


def parameters(model: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in model.parameters())


@st.composite
def specs(draw: st.DrawFn) -> AutoencoderSpec:
    half = draw(st.integers(1, 5))
    kernels = draw(st.lists(st.integers(1, 5), min_size=half, max_size=half) | st.integers(1, 5))
    return parse(
        AutoencoderSpec,
        {
            "layers": 2 * half,
            "kernels": kernels if isinstance(kernels, int) else "-".join(map(str, kernels)),
            "kernel_size": draw(st.integers(1, 11)),
            "downsampling": draw(st.sampled_from(["strided", "max-pool"])),
            "downsamplings": draw(st.integers(0, min((half + 1) // 2, 3))),
            "upsampling": draw(st.sampled_from(["transposed", "nearest"])),
            "sub_pixel": draw(st.booleans()),
            "residual": draw(st.booleans()),
            "normalisation": draw(st.sampled_from(["batch", "none"])),
            "activation": draw(st.sampled_from(["relu", "leaky-relu", "elu", "silu", "gelu"])),
            "output": draw(st.sampled_from(["linear", "sigmoid"])),
            "dropout": draw(st.sampled_from([0.0, 0.5])),
            "latent": draw(st.integers(0, 6)),
        },
    )


@settings(max_examples=120, deadline=None)
@given(spec=specs(), height=st.integers(8, 40), width=st.integers(8, 40), channels=st.sampled_from([1, 3]))
def test_every_valid_spec_and_size_rebuilds_the_shape_of_its_input(
    spec: AutoencoderSpec, height: int, width: int, channels: int
) -> None:
    model = ConvAutoencoder(spec, (height, width, channels))
    images = torch.rand(2, channels, height, width)
    latent = model.encoder(images)
    assert model.decoder(latent).shape == images.shape
    assert latent[0].numel() == model.plan.latent
    assert parameters(model) == model.plan.parameters


@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("bias", [True, False])
def test_up_sampling_in_phases_is_nearest_up_sampling_and_a_convolution(kernel: int, bias: bool) -> None:
    layer = UpsamplingConv2d(3, 2, kernel, bias=bias).double()
    images = torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)
    larger = functional.interpolate(images, scale_factor=2.0, mode="nearest")
    direct = functional.conv2d(larger, layer.weight, layer.bias, padding="same")
    torch.testing.assert_close(layer(images), direct)
    wanted = [images, *layer.parameters()]
    upstream = torch.randn_like(direct)
    expected = torch.autograd.grad(direct, wanted, upstream)
    for gradient, other in zip(torch.autograd.grad(layer(images), wanted, upstream), expected, strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "elu"])
def test_pooling_before_a_rising_activation_changes_no_bit(activation: str) -> None:
    spec = preset(AutoencoderSpec, "report", kernels="4", activation=activation)
    images = torch.rand(4, 1, 28, 28)
    results = []
    for first in (True, False):
        torch.manual_seed(0)
        model = ConvAutoencoder(spec, (28, 28, 1))
        pooling = [module for module in model.modules() if isinstance(module, ConvLayer) and module.layer.pool]
        assert len(pooling) == 2
        for layer in pooling:
            assert layer.pools_first
            layer.pools_first = first
        output = model(images)
        (output - images).square().mean().backward()
        results.append([output, *(weights.grad for weights in model.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (8, 256)])
def test_the_smallest_and_the_largest_images_keep_their_shape(size: tuple[int, int]) -> None:
    spec = AutoencoderSpec(kernels=(2,), downsamplings=3, kernel_size=4)
    images = torch.rand(2, 3, *size)
    assert ConvAutoencoder(spec, (*size, 3))(images).shape == images.shape


def test_the_parameters_of_the_presets_are_those_counted_by_hand() -> None:
    # conv 1: 9·1·32 weights + 2·32 of the norm = 352; eight layers of 9·32·32 + 2·32 = 9,280 each; the
    # sub-pixel layer 9·32·4 + 4 = 1,156.
    assert plan_autoencoder(preset(AutoencoderSpec, "recommended"), (28, 28, 1)).parameters == 352 + 8 * 9280 + 1156
    # The report's last layer has one kernel and a bias: 9·32 + 1 = 289.
    assert plan_autoencoder(preset(AutoencoderSpec, "report"), (28, 28, 1)).parameters == 352 + 8 * 9280 + 289
    bottleneck = plan_autoencoder(preset(AutoencoderSpec, "bottleneck"), (28, 28, 1))
    assert bottleneck.latent == 64
    assert bottleneck.parameters == 352 + 8 * 9280 + 1156 + (1568 + 1) * 64 + (64 + 1) * 1568


@pytest.mark.parametrize("name", ["recommended", "report", "bottleneck"])
def test_the_plan_tells_the_shapes_and_multiply_adds_that_the_model_has(name: str) -> None:
    model = ConvAutoencoder(preset(AutoencoderSpec, name), (28, 28, 1)).eval()
    seen: list[tuple[tuple[int, ...], int]] = []

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(module, torch.nn.Linear):
            seen.append(((1, 1, output.shape[1]), module.in_features * module.out_features))
        elif isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            positions = inputs[0] if isinstance(module, torch.nn.ConvTranspose2d) else output
            seen.append(((), positions.shape[2] * positions.shape[3] * module.weight.numel()))

    for module in model.modules():
        module.register_forward_hook(look)
    with torch.no_grad():
        model(torch.rand(1, 1, 28, 28))
    assert [macs for _, macs in seen] == [layer.macs for layer in model.plan.layers]
    images = torch.rand(1, 1, 28, 28)
    for module, layer in zip(
        [*model.encoder.layers], [layer for layer in model.plan.encoder if layer.kind != "dense"], strict=True
    ):
        images = module(images)
        height, width, channels = layer.shape
        assert images.shape[1:] == (channels, height, width)


def test_a_plan_allocates_nothing_however_large_the_network() -> None:
    plan = plan_autoencoder(AutoencoderSpec(layers=40, kernels=(1024,), kernel_size=11), (256, 256, 3))
    assert plan.parameters > 4_000_000_000
    assert plan.memory(65_536) > 10**12


def test_the_recommended_latent_is_overcomplete_and_the_bottleneck_is_not() -> None:
    assert plan_autoencoder(preset(AutoencoderSpec, "recommended"), (28, 28, 1)).compression == 2.0
    assert plan_autoencoder(preset(AutoencoderSpec, "bottleneck"), (28, 28, 1)).compression == 64 / 784


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_without_normalisation_the_first_signal_neither_dies_nor_explodes(residual: bool, activation: str) -> None:
    torch.manual_seed(0)
    spec = AutoencoderSpec(normalisation="none", residual=residual, activation=activation, layers=20)
    output = ConvAutoencoder(spec, (28, 28, 1))(torch.rand(8, 1, 28, 28))
    assert 0.003 < output.std().item() < 10


def classifier(**values: object) -> ConvClassifier:
    spec = parse(ClassifierSpec, {"encoder": "x", **values})
    return ConvClassifier(spec, AutoencoderSpec(kernels=(4,)), (28, 28, 1), 10)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_classifier_has_as_many_hidden_layers_as_asked(layers: int) -> None:
    model = classifier(fc_layers=layers, fc_units=7)
    assert sum(isinstance(module, torch.nn.Linear) for module in model.head) == layers + 1
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert isinstance(model.spec, ClassifierSpec)
    plan = plan_classifier(model.spec, model.encoder_spec, (28, 28, 1), 10)
    assert parameters(model) == plan.parameters


def test_a_classifier_takes_the_encoder_with_equal_weights_and_statistics() -> None:
    autoencoder = ConvAutoencoder(AutoencoderSpec(kernels=(4,)), (28, 28, 1))
    autoencoder(torch.rand(16, 1, 28, 28))  # moves the batch statistics away from where they begin
    model = classifier()
    model.encoder.load_state_dict(autoencoder.encoder.state_dict())
    own, taken = autoencoder.encoder.state_dict(), model.encoder.state_dict()
    assert own.keys() == taken.keys()
    assert all(torch.equal(own[name], taken[name]) for name in own)
    assert all(own[name].data_ptr() != taken[name].data_ptr() for name in own)


def test_a_frozen_encoder_keeps_weights_and_batch_statistics_in_training() -> None:
    model = classifier()
    model.freeze(True)
    model.train()
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    model(torch.rand(16, 1, 28, 28)).sum().backward()
    assert all(weights.grad is None for weights in model.encoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.encoder.state_dict().items())
    model.freeze(False)
    model(torch.rand(16, 1, 28, 28)).sum().backward()
    assert all(weights.grad is not None for weights in model.encoder.parameters())
    assert model.encoder.training
