"""A network as a file of plain PyTorch: whatever its spec, it takes the same weights and answers alike."""

import random
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import safetensors.torch
import torch

from engine.errors import SpecError
from engine.evaluation.model import Model
from engine.exporters import export
from engine.exporters.pytorch_code import code_of
from engine.network.autoencoder import ConvAutoencoder
from engine.network.classifier import ConvClassifier
from engine.network.network import Network
from engine.runs.directory import Home
from engine.runs.model_facts import ModelFacts
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec
from tests.engine.training.test_training import Trained

SHAPES = ((28, 28, 1), (8, 8, 1), (13, 21, 3), (9, 6, 1))
AUTOENCODERS, CLASSIFIERS = 60, 20


def choices(kind: Any, name: str) -> list[Any]:
    """What a field may be where it is one of some words."""
    return list(get_args(kind.model_fields[name].annotation))


def random_autoencoder(draw: random.Random) -> AutoencoderSpec:
    words = ("downsampling", "upsampling", "normalisation", "activation", "output")
    while True:
        values = {name: draw.choice(choices(AutoencoderSpec, name)) for name in words}
        values |= {
            "layers": draw.choice((2, 4, 6, 8)), "kernels": draw.choice(("2", "3", "4")),
            "kernel_size": draw.choice((1, 2, 3, 4, 5)), "downsamplings": draw.choice((0, 1, 2)),
            "sub_pixel": draw.random() < 0.5, "residual": draw.random() < 0.5,
            "dropout": draw.choice((0.0, 0.2)), "latent": draw.choice((0, 0, 7)),
        }  # fmt: skip
        try:
            return preset(AutoencoderSpec, "recommended", **values)
        except SpecError:  # not all go together
            continue


def with_random_weights(network: Network) -> Network:
    """Its batch statistics are those of no training, but not those that it begins with either."""
    for name, tensor in network.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3)
    return network.eval()


def answers(network: Network, classes: int, tmp_path: Path, *, in_views: bool = False) -> tuple[str, Any, Any, Any]:
    """The code of a network, its module with the same weights loaded from a file, and the answers of both."""
    facts = ModelFacts(views=in_views)
    model = Model("0123456789", network.spec, network.plan.image, classes, facts, network)
    code = code_of(model, "0123456789")
    weights = tmp_path / "model.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(tensors, weights)
    module: Any = types.ModuleType("model")
    module.__file__ = str(tmp_path / "model.py")
    exec(compile(code, "model.py", "exec"), module.__dict__)
    height, width, channels = network.plan.image
    pixels = np.random.default_rng(0).integers(0, 256, (3, height, width, channels), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    loaded = module.load()
    with torch.inference_mode():
        ours, theirs = network(images), loaded(images)
        if classes:
            probabilities = torch.from_numpy(model.probabilities(pixels))
            torch.testing.assert_close(loaded.probabilities(images), probabilities, rtol=1e-4, atol=1e-5)
    return code, module, ours, theirs


@pytest.mark.parametrize("seed", range(AUTOENCODERS))
def test_an_autoencoder_of_any_spec_answers_as_it_does_here(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    network = with_random_weights(ConvAutoencoder(random_autoencoder(draw), draw.choice(SHAPES)))
    code, _, ours, theirs = answers(network, 0, tmp_path)
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-4 * max(1, ours.abs().max())
    assert [line for line in code.splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("seed", range(CLASSIFIERS))
def test_a_classifier_of_any_spec_answers_as_it_does_here(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    spec = preset(
        ClassifierSpec, "recommended", encoder="x", fc_layers=draw.choice((0, 1, 2)), fc_units=5,
        activation=draw.choice(choices(ClassifierSpec, "activation")), dropout=draw.choice((0.0, 0.3)),
    )  # fmt: skip
    built = ConvClassifier(spec, random_autoencoder(draw), draw.choice(SHAPES), 4)
    in_views = seed % 2 == 0
    code, module, ours, theirs = answers(with_random_weights(built), 4, tmp_path, in_views=in_views)
    assert (ours - theirs).abs().max() <= 1e-4 * max(1, ours.abs().max())
    assert module.CLASSES == ("0", "1", "2", "3")
    assert ("views(" in code) == in_views


def test_a_class_name_is_data_and_never_code(tmp_path: Path) -> None:
    spec = preset(ClassifierSpec, "recommended", encoder="x", fc_units=4)
    network = ConvClassifier(spec, preset(AutoencoderSpec, "recommended", layers=2, kernels="2"), (8, 8, 1), 2)
    names = ("'''\"\"\"); raise SystemExit  # {x}", "\\'café, ☕")
    model = Model("it", spec, (8, 8, 1), 2, ModelFacts(class_names=names), network)
    code = code_of(model, "0123456789")
    module: dict[str, Any] = {"__name__": "model", "__file__": "model.py"}
    exec(compile(code, "model.py", "exec"), module)
    assert module["CLASSES"] == names


def test_the_four_lines_at_its_head_are_what_one_does_with_it(
    trained_home: Home, classifier: Trained, tmp_path: Path
) -> None:
    folder = export(trained_home, "pytorch", [classifier[0]], tmp_path / "it").path
    assert sorted(path.name for path in folder.iterdir()) == ["model.py", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == classifier[0].model.read_bytes()
    code = (folder / "model.py").read_text()
    use = [line.removeprefix("    ") for line in code.split('"""')[1].splitlines() if line.startswith("    ")]
    assert len(use) == 4
    lines = ["import torch", "images = torch.rand(3, 1, 28, 28)", *use, "print(tuple(probabilities.shape))"]
    done = subprocess.run([sys.executable, "-B", "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "(3, 10)\n", done.stderr


def test_code_that_answers_otherwise_is_not_kept(
    trained_home: Home, autoencoder: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import ExportError
    from engine.exporters import pytorch_code

    monkeypatch.setitem(pytorch_code._ACTIVATIONS, "silu", "nn.GELU()")
    with pytest.raises(ExportError, match=r"answers otherwise than the run: its \w+ differ by up to"):
        export(trained_home, "pytorch", [autoencoder[0]], tmp_path / "it")
    assert list(tmp_path.iterdir()) == []
