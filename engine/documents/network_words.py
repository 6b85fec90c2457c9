"""The layers of a network in words, for the table beside its drawing."""

from engine.network.architecture import Layer, Plan
from engine.specs.base import Spec
from engine.text import counted


def network_sentence(plan: Plan) -> str:
    """What it comes to, in a sentence."""
    size = plan.latent / plan.pixels
    latent = (
        f"{size:.2g} times the"
        if size > 1
        else f"{1 / size:.1f} times fewer than the"
        if size < 1
        else "as many as the"
    )
    return (
        f"{counted(len(plan.layers), 'layer')} with {counted(plan.parameters, 'parameter')} and "
        f"{counted(plan.macs, 'multiply-add')} for an image. The latent has {counted(plan.latent, 'number')}: {latent} "
        f"{plan.pixels:,} of an image."
    )


def layer_rows(plan: Plan, spec: Spec, encoder: Spec | None) -> list[list[str]]:
    """Name, what it does, output, parameters and multiply-adds of each layer, and of all together.

    Args:
        plan: what is told.
        spec: that it was planned from.
        encoder: that of the autoencoder whose encoder it has, where it was built on one.
    """
    rows = []
    for place, layer in enumerate(plan.layers):
        of = encoder if encoder is not None and place < len(plan.encoder) else spec
        activation = getattr(of, "activation", "")
        height, width, channels = layer.shape
        shape = f"{channels:,}" if height == width == 1 else f"{height}×{width}×{channels}"
        rows.append([layer.name, _does(layer, activation), shape, f"{layer.parameters:,}", f"{layer.macs:,}"])
    return [*rows, ["all", "", "", f"{plan.parameters:,}", f"{plan.macs:,}"]]


def _does(layer: Layer, activation: str) -> str:
    if layer.kind == "dense":
        words = [f"dense, {layer.inputs:,} → {layer.outputs:,}"]
    else:
        name = "transposed convolution" if layer.kind == "transposed" else "convolution"
        stride = f", stride {layer.stride}" if layer.stride > 1 else ""
        words = [f"{name} {layer.kernel}×{layer.kernel}{stride}"]
    if layer.upsample:
        words.insert(0, "up-sampling ×2")
    words += ["batch norm"] * layer.normalised
    words += [activation] * (layer.activated and bool(activation))
    words += ["max-pooling /2"] * layer.pool + ["sub-pixel ×2"] * layer.shuffle + ["residual"] * layer.residual
    return ", ".join(words)
