"""The layers of a network, worked out on paper: shapes, parameters and multiply-adds.

`plan_autoencoder` and `plan_classifier` decide what every layer is; `engine.network.layers` builds exactly what
they say, and the architecture table shows it as one types. Nothing is allocated and no torch is imported.

Encoder layer i halves height and width where i ≤ downsamplings; the decoder is its mirror image. Sizes
that do not divide are padded at the bottom and on the right first, and cropped at the end.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.specs.anomaly import AnomalySpec
    from engine.specs.autoencoder import AutoencoderSpec
    from engine.specs.classifier import ClassifierSpec

Shape = tuple[int, int, int]
"""Height, width and channels."""
WAYS = 8
"""An image as it is, turned by one, two or three quarters, and each of these flipped."""
SHIFTS = 3
"""Shifts to each side: to the left, not at all, to the right; upwards, not at all, downwards."""
TURNS = 32
"""Numbers by which an anomaly detector tells ways and shifts apart."""
MACS_A_NUMBER = 300  # multiply-adds that take as long as one activation; benchmarks/work.py on two CPU cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One convolution or dense layer, with the resampling, normalisation and activation around it."""

    name: str
    kind: str  # conv, transposed or dense
    inputs: int  # channels, or numbers for a dense layer
    outputs: int  # of the convolution itself: a sub-pixel layer has 4 for each output channel
    kernel: int = 0
    stride: int = 1
    upsample: bool = False  # nearest, before the convolution
    pool: bool = False  # max-pool after it
    shuffle: bool = False  # sub-pixel: four channels become a 2×2 square
    residual: bool = False
    normalised: bool = False
    activated: bool = False
    shape: Shape  # of what the next layer gets; (1, 1, n) for a dense layer
    parameters: int
    macs: int  # multiply-adds of one image, forward
    numbers: int  # activations of one image that a training step keeps

    @property
    def symbol(self) -> str:
        """How it changes height and width: `/2`, `×2` or nothing."""
        if (self.stride == 2 and self.kind == "conv") or self.pool:
            return "/2"
        return "×2" if self.upsample or self.shuffle or self.kind == "transposed" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every layer of a network, and what they come to."""

    image: Shape
    padded: Shape  # what the first layer gets
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]  # of a classifier: its head
    latent_shape: Shape  # (1, 1, n) for a dense bottleneck
    aside: tuple[Layer, ...] = ()  # behind the encoder's convolutions, beside the way from image to image

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order that an image passes them."""
        return self.encoder + self.decoder

    @property
    def every_layer(self) -> tuple[Layer, ...]:
        """The same and those aside."""
        return self.layers + self.aside

    @property
    def latent(self) -> int:
        """Numbers the encoder makes of one image."""
        return math.prod(self.latent_shape)

    @property
    def pixels(self) -> int:
        """Numbers of one image."""
        return math.prod(self.image)

    @property
    def compression(self) -> float:
        """The latent's size over the image's: above 1 the latent is overcomplete."""
        return self.latent / self.pixels

    @property
    def parameters(self) -> int:
        """Weights, biases, and the scale and shift of normalisations."""
        return sum(layer.parameters for layer in self.every_layer)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image, forward."""
        return sum(layer.macs for layer in self.every_layer)

    @property
    def work(self) -> int:
        """What a training step's time grows with, for one image: multiply-adds, and activations to write and read.

        How well it foretells the time: `benchmarks/work.py`.
        """
        return self.macs + MACS_A_NUMBER * sum(layer.numbers for layer in self.every_layer)

    def memory(self, batch_size: int) -> int:
        """Estimated bytes of a training step in float32: weights, gradients, Adam's two moments, activations."""
        activations = 3 * math.prod(self.padded) + sum(layer.numbers for layer in self.every_layer)
        return 4 * (4 * self.parameters + batch_size * activations)


def plan_autoencoder(spec: "AutoencoderSpec", image: Shape) -> Plan:
    """The layers of the autoencoder that `spec` asks for, on images of that shape."""
    halvings = spec.halvings(image)
    step = 2**halvings
    height, width, channels = image
    padded = (-(-height // step) * step, -(-width // step) * step, channels)
    widths = spec.encoder_kernels
    half = len(widths)

    encoder: list[Layer] = []
    shape = padded
    for position, kernels in enumerate(widths):
        halve = position < halvings
        layer = _convolution(
            spec,
            f"conv {position + 1}",
            shape,
            kernels,
            stride=2 if halve and spec.downsampling == "strided" else 1,
            pool=halve and spec.downsampling == "max-pool",
        )
        encoder.append(layer)
        shape = layer.shape
    convolved = shape
    if spec.latent:
        encoder.append(_dense("latent", math.prod(convolved), spec.latent))
        shape = encoder[-1].shape
    latent_shape = shape

    decoder: list[Layer] = []
    if spec.latent:
        decoder.append(_dense("dense", spec.latent, math.prod(convolved), activated=True, shape=convolved))
        shape = convolved
    for position in range(half):
        mirrored = half - 1 - position
        double = mirrored < halvings
        last = mirrored == 0
        shuffle = double and last and spec.sub_pixel
        transposed = double and not shuffle and spec.upsampling == "transposed"
        layer = _convolution(
            spec,
            f"conv {half + position + 1}",
            shape,
            channels if last else widths[mirrored - 1],
            transposed=transposed,
            upsample=double and not shuffle and not transposed,
            shuffle=shuffle,
            last=last,
        )
        decoder.append(layer)
        shape = layer.shape
    return Plan(image=image, padded=padded, encoder=tuple(encoder), decoder=tuple(decoder), latent_shape=latent_shape)


def plan_classifier(spec: "ClassifierSpec", encoder: "AutoencoderSpec", image: Shape, classes: int) -> Plan:
    """The layers of the classifier that `spec` asks for, on the encoder of an autoencoder."""
    plan = plan_autoencoder(encoder, image)
    head: list[Layer] = []
    inputs = plan.latent
    for position in range(spec.fc_layers):
        head.append(_dense(f"fc {position + 1}", inputs, spec.fc_units, activated=True))
        inputs = spec.fc_units
    head.append(_dense("classes", inputs, classes))
    return replace(plan, decoder=tuple(head))


def plan_anomaly(spec: "AnomalySpec", image: Shape) -> Plan:
    """The layers of the anomaly detector that `spec` asks for: an autoencoder's, and those that tell changes apart."""
    plan = plan_autoencoder(spec, image)
    if not spec.turns:
        return plan
    convolved = next(layer for layer in reversed(plan.encoder) if layer.kind != "dense").shape
    turns = _dense("turns", math.prod(convolved), TURNS)
    return replace(plan, aside=(turns, _dense("changes", TURNS, WAYS + 2 * SHIFTS)))


def _convolution(
    spec: "AutoencoderSpec",
    name: str,
    shape: Shape,
    kernels: int,
    *,
    stride: int = 1,
    pool: bool = False,
    transposed: bool = False,
    upsample: bool = False,
    shuffle: bool = False,
    last: bool = False,
) -> Layer:
    height, width, inputs = shape
    outputs = 4 * kernels if shuffle else kernels
    if upsample:
        height, width = 2 * height, 2 * width
    weights = spec.kernel_size**2 * inputs * outputs
    # Every output pixel of a convolution, and every input pixel of a transposed one, meets each weight once.
    macs = (height // stride) * (width // stride) * weights
    if transposed:
        height, width, stride = 2 * height, 2 * width, 2
    elif stride == 2:
        height, width = height // 2, width // 2
    normalised = spec.normalisation == "batch" and not last
    before_pool = height * width * outputs
    if shuffle:
        height, width = 2 * height, 2 * width
    if pool:
        height, width = height // 2, width // 2
    residual = spec.residual and not last and not transposed and stride == 1 and inputs == outputs
    passes = 1 + normalised + (not last) + residual
    return Layer(
        name=name,
        kind="transposed" if transposed else "conv",
        inputs=inputs,
        outputs=outputs,
        kernel=spec.kernel_size,
        stride=stride,
        upsample=upsample,
        pool=pool,
        shuffle=shuffle,
        residual=residual,
        normalised=normalised,
        activated=not last,
        shape=(height, width, kernels),
        parameters=weights + (2 * outputs if normalised else outputs),
        macs=macs,
        numbers=passes * before_pool + (height * width * kernels if pool or shuffle else 0),
    )


def _dense(name: str, inputs: int, outputs: int, *, activated: bool = False, shape: Shape | None = None) -> Layer:
    return Layer(
        name=name,
        kind="dense",
        inputs=inputs,
        outputs=outputs,
        activated=activated,
        shape=shape or (1, 1, outputs),
        parameters=(inputs + 1) * outputs,
        macs=inputs * outputs,
        numbers=(1 + activated) * outputs,
    )
