"""What networks are built of, layer by layer from a plan: an encoder, a decoder, and what is in them.

Images are float32 in [0, 1], shape (n, channels, height, width).
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.network.architecture import Layer, Plan
from engine.specs.autoencoder import AutoencoderSpec

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),  # nothing needs what it overwrites: its own gradient looks at the result
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
_RISING = ("relu", "leaky-relu", "elu")
"""Activations under which the larger of two numbers stays the larger."""
_GAINS = {"relu": 1.414, "leaky-relu": 1.414, "elu": 1.245, "silu": 1.677, "gelu": 1.534}
"""What keeps the mean square of a normally distributed signal as it is, through each activation."""


class UpsamplingConv2d(nn.Conv2d):
    """Nearest up-sampling by two and a convolution after it, without ever making the four times larger input.

    Each of the four pixels that an input pixel becomes sees sums of the kernel's weights. It is the same function, but
    for the order in which numbers are added, and its gradient takes a fraction of the time where channels are few.

    Args:
        inputs: channels before.
        outputs: channels after.
        kernel: odd; the result is twice as high and as wide as the input.
    """

    phases: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel, padding=(kernel - 1) // 2, bias=bias)
        self.register_buffer("phases", _phases(kernel), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, 2 h, 2 w)."""
        weight = torch.einsum("aut,bvs,oits->oabiuv", self.phases, self.phases, self.weight).flatten(0, 2)
        weight = weight.contiguous(memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        images = functional.conv2d(images, weight, bias, padding=self.phases.shape[1] // 2)
        return functional.pixel_shuffle(images, 2)


def _phases(kernel: int) -> Tensor:
    """Which weights of an odd kernel fall on which pixel before nearest up-sampling by two: (2, taps, kernel).

    Of output rows 2i and 2i + 1, weight t looks at row 2i + a + t - (kernel - 1) / 2, which is input row
    i + (a + t - (kernel - 1) / 2) // 2.
    """
    half = (kernel - 1) // 2
    reach = (half + 1) // 2
    # Also where a model is made on the meta device: it is no weight, which a file would bring.
    phases = torch.zeros(2, 2 * reach + 1, kernel, device="cpu")
    for place in range(2):
        for weight in range(kernel):
            phases[place, reach + (place + weight - half) // 2, weight] = 1
    return phases


class PointConv2d(nn.Conv2d):
    """A kernel of one pixel at stride 2, which sees one pixel of four: those are taken first, and the stride left out.

    It is the same function. oneDNN, by which torch computes on processors, writes outside of its memory in the gradient
    of the other, and so ends the process (torch 2.13, few channels).
    """

    def forward(self, images: Tensor) -> Tensor:
        """(n, inputs, h, w), h and w even, to (n, outputs, h / 2, w / 2)."""
        return functional.conv2d(images[:, :, ::2, ::2], self.weight, self.bias)


class PointConvTranspose2d(nn.ConvTranspose2d):
    """The mirror image of `PointConv2d`: of each four pixels it fills one, and leaves the others at the bias."""

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002 - as torch has it
        """(n, inputs, h, w) to (n, outputs, 2 h, 2 w)."""
        filled = functional.conv_transpose2d(images, self.weight)
        count, channels, height, width = filled.shape
        spread = filled.new_zeros(count, channels, 2 * height, 2 * width).to(memory_format=torch.channels_last)
        spread[:, :, ::2, ::2] = filled
        return spread if self.bias is None else spread + self.bias[:, None, None]


class ConvLayer(nn.Module):
    """One convolutional layer of a plan: resampling, convolution, normalisation, activation, dropout, sum."""

    def __init__(self, layer: Layer, activation: str, dropout: float, branch_scale: float | None) -> None:
        super().__init__()
        self.layer = layer
        size, bias = layer.kernel, not layer.normalised
        self.convolution: nn.Conv2d | nn.ConvTranspose2d
        if layer.kind == "transposed":
            # Both choices double height and width exactly: odd kernels need one more row and column.
            padding, extra = ((size - 1) // 2, 1) if size % 2 else ((size - 2) // 2, 0)
            transposed = nn.ConvTranspose2d if size > 1 else PointConvTranspose2d
            self.convolution = transposed(
                layer.inputs, layer.outputs, size, 2, padding, output_padding=extra, bias=bias
            )
        elif layer.upsample and size % 2 and not layer.residual:
            self.convolution = UpsamplingConv2d(layer.inputs, layer.outputs, size, bias=bias)
        else:
            padding = (size - 1) // 2 if size % 2 else 0
            kind = PointConv2d if size == 1 and layer.stride == 2 else nn.Conv2d
            self.convolution = kind(layer.inputs, layer.outputs, size, layer.stride, padding, bias=bias)
        self.normalisation = nn.BatchNorm2d(layer.outputs) if layer.normalised else None
        self.activation = ACTIVATIONS[activation]() if layer.activated else None
        self.dropout = nn.Dropout(dropout) if dropout and layer.activated else None
        # The maximum of rising values is the value of the maximum, and of a quarter as many: bit for bit the same.
        self.pools_first = layer.pool and activation in _RISING and not (dropout or layer.residual)
        if branch_scale is not None:
            gain = _GAINS[activation] if layer.activated else 1.0
            _initialise(self.convolution, layer, gain * (branch_scale if layer.residual else 1.0))

    def forward(self, images: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, channels, h', w') as the plan says."""
        if self.layer.upsample and not isinstance(self.convolution, UpsamplingConv2d):
            images = functional.interpolate(images, scale_factor=2.0, mode="nearest")
        kept = images
        if self.layer.kernel % 2 == 0 and self.layer.kind == "conv":
            low, high = (self.layer.kernel - 1) // 2, self.layer.kernel // 2
            images = functional.pad(images, (low, high, low, high))
        images = self.convolution(images)
        if self.normalisation is not None:
            images = self.normalisation(images)
        if self.pools_first:
            images = functional.max_pool2d(images, 2)
        if self.activation is not None:
            images = self.activation(images)
        if self.dropout is not None:
            images = self.dropout(images)
        if self.layer.residual:
            images = images + kept
        if self.layer.pool and not self.pools_first:
            images = functional.max_pool2d(images, 2)
        return functional.pixel_shuffle(images, 2) if self.layer.shuffle else images


class Encoder(nn.Module):
    """Images to latent: (n, channels, h, w), or (n, units) with a dense bottleneck."""

    def __init__(self, spec: AutoencoderSpec, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.layers = _convolutions(plan.encoder, spec, plan)
        dense = [layer for layer in plan.encoder if layer.kind == "dense"]
        self.latent = dense_layer(dense[0]) if dense else None

    @property
    def layer_modules(self) -> list[nn.Module]:
        """See `engine.network.network.Network`."""
        return [*self.layers] if self.latent is None else [*self.layers, self.latent]

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) in [0, 1] to the latent."""
        latent = self.convolved(images)
        return latent if self.latent is None else self.latent(latent.flatten(1))

    def convolved(self, images: Tensor) -> Tensor:
        """What the convolutions give, before a dense bottleneck: (n, channels, h, w)."""
        height, width, _ = self.plan.image
        below, right = self.plan.padded[0] - height, self.plan.padded[1] - width
        if below or right:
            images = functional.pad(images, (0, right, 0, below))
        found: Tensor = self.layers(images)
        return found


class Decoder(nn.Module):
    """Latents to images (n, channels, height, width), by the layers of `plan.decoder`."""

    def __init__(self, spec: AutoencoderSpec, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        dense = [layer for layer in plan.decoder if layer.kind == "dense"]
        self.latent = dense_layer(dense[0]) if dense else None
        self.activation = ACTIVATIONS[spec.activation]() if dense else None
        self.unflattened = dense[0].shape if dense else (0, 0, 0)
        self.layers = _convolutions(plan.decoder, spec, plan)
        self.sigmoid = spec.output == "sigmoid"

    @property
    def layer_modules(self) -> list[nn.Module]:
        """See `engine.network.network.Network`."""
        return [*self.layers] if self.activation is None else [self.activation, *self.layers]

    def forward(self, latent: Tensor) -> Tensor:
        """The latent to (n, channels, height, width)."""
        if self.latent is not None and self.activation is not None:
            height, width, channels = self.unflattened
            latent = self.activation(self.latent(latent)).unflatten(1, (channels, height, width))
        images: Tensor = self.layers(latent)
        height, width, _ = self.plan.image
        if self.plan.padded != self.plan.image:
            images = images[:, :, :height, :width]
        return images.sigmoid() if self.sigmoid else images


def _convolutions(layers: tuple[Layer, ...], spec: AutoencoderSpec, plan: Plan) -> nn.Sequential:
    """The convolutional ones among `layers`, one after the other."""
    built = (ConvLayer(layer, spec.activation, spec.dropout, _scale(plan)) for layer in layers if layer.kind != "dense")
    return nn.Sequential(*built)


def dense_layer(layer: Layer) -> nn.Linear:
    """A fully connected layer as the plan says, its first weights as its activation asks for."""
    linear = nn.Linear(layer.inputs, layer.outputs)
    if layer.activated:
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
    return linear


def _scale(plan: Plan) -> float | None:
    """What each of r residual branches is scaled by where nothing is normalised, so that their sum does not grow.

    None where normalisation holds the variance: torch's own initialisation is kept then, which starts the
    last layer small and so ends at a lower loss than He's.
    """
    if any(layer.normalised for layer in plan.layers):
        return None
    return 1 / math.sqrt(max(sum(layer.residual for layer in plan.layers), 1))


def _initialise(convolution: nn.Conv2d | nn.ConvTranspose2d, layer: Layer, gain: float) -> None:
    """He's normal initialisation from the inputs that one output pixel really sees.

    torch's default shrinks the signal layer by layer; ten layers without normalisation then never leave
    the error of a black image.
    """
    seen = layer.inputs * layer.kernel**2 / (4 if layer.kind == "transposed" else 1)
    nn.init.normal_(convolution.weight, std=gain / math.sqrt(max(seen, layer.inputs)))
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
