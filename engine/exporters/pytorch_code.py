"""A network as Python that needs nothing of ours: plain `torch.nn`, layer by layer, as its plan says.

The names of its parts are those of `engine.network`, so that it takes the tensors of a model file unchanged. What only
some networks have, residual sums for instance, stands in the code of those alone.
"""

import textwrap
from collections.abc import Iterable
from typing import Any

from engine import __version__
from engine.evaluation.model import Model
from engine.network.architecture import Layer, Plan
from engine.network.views import SHIFT
from engine.specs.listed import listed

_ACTIVATIONS = {
    "relu": "nn.ReLU()",
    "leaky-relu": "nn.LeakyReLU()",
    "elu": "nn.ELU()",
    "silu": "nn.SiLU()",
    "gelu": "nn.GELU()",
}


_WIDEST = 118


def code_of(model: Model, run: str) -> str:
    """The content of `model.py`, for the model of that run."""
    plan: Plan = model.network.plan
    on: Any = getattr(model.network, "encoder_spec", model.spec)  # the autoencoder that it is, or whose encoder it has
    tells = listed(model.spec.kind).takes_encoder
    name = "Classifier" if tells else "Autoencoder"
    parts = [_layer_class(plan, on.dropout), _encoder(plan, on)]
    parts += [_classifier(model, plan)] if tells else [_decoder(plan, on), _AUTOENCODER]
    if model.facts.views:
        parts.append(_views(model))
    body = "\n\n".join(parts)
    imports = ["import torch"] if model.facts.views else []
    imports += ["from safetensors.torch import load_file", "from torch import nn"]
    if "functional." in body:
        imports.append("from torch.nn import functional")
    names = f"CLASSES = {_names(model)}\n\n\n" if tells else "\n"
    return (
        f"{_head(model, run)}\n\nfrom pathlib import Path\n\n{chr(10).join(imports)}\n\n{names}{body}\n\n"
        f"{_LOAD.format(name=name)}"
    )


def _head(model: Model, run: str) -> str:
    height, width, channels = model.image
    what = "logits = model(images)" if model.classes else "reconstructions = model(images)"
    shape = f"float32 in [0, 1], shape (n, {channels}, {height}, {width})"
    about = [model.spec.title + "."]
    if model.facts.views:
        about.append("`model(images)` looks at each image as it is.")
        about.append("`probabilities` averages over four shifted views too, as the run was measured.")
    elif model.classes:
        about.append("`probabilities` is the softmax of the logits, as the run was measured.")
    about.append("Pixels are divided by 255 before; nothing else is done to them here.")
    about += [_shown(model)] if _shown(model) else []
    about.append(f"It needs torch and safetensors. Written by cae-tui {__version__}.")
    lines = [
        f'"""The {model.spec.kind} of run {run}.',
        "",
        "    from model import load",
        "",
        "    model = load()  # the weights of model.safetensors, which lies beside this file",
        f"    {what}  # images: {shape}",
        "    " + ("probabilities = model.probabilities(images)" if model.classes else "latent = model.encoder(images)"),
        "",
        *textwrap.wrap(" ".join(about), _WIDEST),
    ]
    return "\n".join(lines) + '\n"""'


def _shown(model: Model) -> str:
    match model.facts.light_on_dark:
        case True:
            return "It learned from images that are light on dark."
        case False:
            return "It learned from images that are dark on light."
    return ""


def _names(model: Model) -> str:
    """The class names as a tuple, a line each where they are many."""
    names = [repr(name) for name in model.class_names]
    short = f"({', '.join(names)})"
    return short if len(short) < 100 else "(\n" + "".join(f"    {name},\n" for name in names) + ")"


def _layer_class(plan: Plan, dropout: float) -> str:
    """The module of a convolution, with what these layers have around it."""
    has = {word for layer in plan.layers if layer.kind != "dense" for word in _around(layer, dropout)}
    order = [word for word in ("before", "pad", "normalisation", "activation", "dropout", "after") if word in has]
    given = [f"{word}=None" for word in order] + ["residual=False"] * ("residual" in has)
    signature = f"    def __init__({', '.join(['self', 'convolution', *given])}):"
    if len(signature) > _WIDEST:
        signature = f"    def __init__(\n        {', '.join(['self', 'convolution', *given])}\n    ):"
    lines = [
        "class Layer(nn.Module):",
        '    """A convolution with what stands around it."""',
        "",
        signature,
        "        super().__init__()",
        *(f"        self.{word} = {word} or nn.Identity()" for word in order if word in ("before", "pad")),
        "        self.convolution = convolution",
        *(f"        self.{word} = {word} or nn.Identity()" for word in order if word not in ("before", "pad")),
    ]
    if "residual" in has:
        lines.append("        self.residual = residual  # whether what goes in is added to what comes out")
    lines += ["", "    def forward(self, images):"]
    if "before" in has:
        lines.append("        images = self.before(images)")
    result = "self.convolution(self.pad(images))" if "pad" in has else "self.convolution(images)"
    for word in order:
        if word in ("normalisation", "activation", "dropout"):
            result = f"self.{word}({result})"
    lines.append(f"        result = {result}")
    if "residual" in has:
        lines += ["        if self.residual:", "            result = result + images"]
    lines.append("        return self.after(result)" if "after" in has else "        return result")
    return "\n".join(lines) + "\n"


def _around(layer: Layer, dropout: float) -> dict[str, str]:
    """What stands around a convolution: arguments of `Layer`, by name."""
    found: dict[str, str] = {}
    if layer.upsample:
        found["before"] = "nn.Upsample(scale_factor=2)"
    if layer.kernel % 2 == 0 and layer.kind == "conv":
        low, high = (layer.kernel - 1) // 2, layer.kernel // 2
        found["pad"] = f"nn.ZeroPad2d(({low}, {high}, {low}, {high}))"
    if layer.normalised:
        found["normalisation"] = f"nn.BatchNorm2d({layer.outputs})"
    if layer.activated:
        found["activation"] = ""
        if dropout:
            found["dropout"] = f"nn.Dropout({dropout!r})"
    if layer.residual:
        found["residual"] = "True"
    after = ["nn.MaxPool2d(2)"] * layer.pool + ["nn.PixelShuffle(2)"] * layer.shuffle
    if after:
        found["after"] = after[0] if len(after) == 1 else f"nn.Sequential({', '.join(after)})"
    return found


def _layer(layer: Layer, activation: str, dropout: float) -> str:
    """One layer as code."""
    size, even = layer.kernel, layer.kernel % 2 == 0
    words = [f"{layer.inputs}, {layer.outputs}, {size}"]
    if layer.kind == "transposed":
        padding, extra = ((size - 2) // 2, 0) if even else ((size - 1) // 2, 1)
        words += ["stride=2"] + [f"padding={padding}"] * (padding > 0) + [f"output_padding={extra}"] * extra
        kind = "ConvTranspose2d"
    else:
        padding = 0 if even else (size - 1) // 2
        words += [f"stride={layer.stride}"] * (layer.stride > 1) + [f"padding={padding}"] * (padding > 0)
        kind = "Conv2d"
    if layer.normalised:
        words.append("bias=False")
    around = {**_around(layer, dropout)}
    if "activation" in around:
        around["activation"] = _ACTIVATIONS[activation]
    given = [f"nn.{kind}({', '.join(words)})", *(f"{word}={code}" for word, code in around.items())]
    height, width, channels = layer.shape
    code = f"            Layer({', '.join(given)}),"
    if len(code) > _WIDEST:
        code = "            Layer(\n" + "".join(f"                {word},\n" for word in given) + "            ),"
    return f"            # {layer.name}: to {height}×{width}×{channels}\n{code}\n"


def _layers(layers: Iterable[Layer], spec: Any) -> str:
    inner = "".join(_layer(layer, spec.activation, spec.dropout) for layer in layers if layer.kind != "dense")
    return f"        self.layers = nn.Sequential(\n{inner}        )\n"


def _encoder(plan: Plan, spec: Any) -> str:
    (height, width, _), (higher, wider, _) = plan.image, plan.padded
    dense = [layer for layer in plan.encoder if layer.kind == "dense"]
    lines = ["class Encoder(nn.Module):", f'    """Images to the latent, {_latent(plan)}."""', "",
             "    def __init__(self):", "        super().__init__()"]  # fmt: skip
    code = "\n".join(lines) + "\n" + _layers(plan.encoder, spec)
    if dense:
        code += f"        self.latent = nn.Linear({dense[0].inputs}, {dense[0].outputs})\n"
    code += "\n    def forward(self, images):\n"
    if plan.padded != plan.image:
        code += f"        images = functional.pad(images, (0, {wider - width}, 0, {higher - height}))\n"
    result = "self.layers(images)"
    return code + f"        return {f'self.latent({result}.flatten(1))' if dense else result}\n"


def _latent(plan: Plan) -> str:
    height, width, channels = plan.latent_shape
    return f"{channels} numbers" if height == width == 1 else f"{channels} channels of {height}×{width}"


def _decoder(plan: Plan, spec: Any) -> str:
    height, width, _ = plan.image
    dense = [layer for layer in plan.decoder if layer.kind == "dense"]
    lines = ["class Decoder(nn.Module):", '    """The latent to images."""', "", "    def __init__(self):",
             "        super().__init__()"]  # fmt: skip
    code = "\n".join(lines) + "\n"
    if dense:
        code += f"        self.latent = nn.Linear({dense[0].inputs}, {dense[0].outputs})\n"
        code += f"        self.activation = {_ACTIVATIONS[spec.activation]}\n"
    code += _layers(plan.decoder, spec) + "\n    def forward(self, latent):\n"
    if dense:
        high, wide, channels = dense[0].shape
        code += f"        latent = self.activation(self.latent(latent)).unflatten(1, ({channels}, {high}, {wide}))\n"
    crop = f"[:, :, :{height}, :{width}]" if plan.padded != plan.image else ""
    return code + f"        return self.layers(latent){crop}{'.sigmoid()' if spec.output == 'sigmoid' else ''}\n"


_AUTOENCODER = '''class Autoencoder(nn.Module):
    """Images to images of the same shape."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, images):
        return self.decoder(self.encoder(images))
'''


def _classifier(model: Model, plan: Plan) -> str:
    spec: Any = model.spec
    modules = [f"nn.Sequential(nn.Flatten(), nn.Dropout({spec.dropout!r}))"]
    for layer in plan.decoder:
        modules.append(f"nn.Linear({layer.inputs}, {layer.outputs})")
        if layer.activated:
            modules += [_ACTIVATIONS[spec.activation], f"nn.Dropout({spec.dropout!r})"]
    head = "".join(f"            {module},\n" for module in modules)
    if model.facts.views:
        shares = "torch.stack([self(view).softmax(1) for view in views(images)]).mean(0)"
    else:
        shares = "self(images).softmax(1)"
    return f'''class Classifier(nn.Module):
    """Images to a logit of each of {model.classes} classes."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Sequential(
{head}        )

    def forward(self, images):
        return self.head(self.encoder(images))

    def probabilities(self, images):
        """Of each class, in the order of CLASSES; rows sum to 1."""
        return {shares}
'''


def _views(model: Model) -> str:
    height, width, _ = model.image
    across, down = (max(round(side * SHIFT / 2), 1) for side in (width, height))
    return f'''def views(images):
    """Each image as it is, then shifted to the left, to the right, up and down; what comes in is black."""
    shifts = ((0, 0), (-{across}, 0), ({across}, 0), (0, -{down}), (0, {down}))
    return [functional.pad(images, (right, -right, down, -down)) for right, down in shifts]
'''


_LOAD = '''def load(path=Path(__file__).with_name("model.safetensors")):
    """The model with its weights, ready to answer."""
    model = {name}()
    model.load_state_dict(load_file(path))
    return model.eval()
'''
