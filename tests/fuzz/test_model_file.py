"""The portable model file: data of somebody else, of which nothing is believed."""

import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelFileError
from engine.network.autoencoder import ConvAutoencoder
from engine.network.classifier import ConvClassifier
from engine.runs.checkpoint import KEY, read_model, read_tensors, write_model
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import parse
from engine.specs.classifier import ClassifierSpec
from tests.fuzz.mutations import as_json, damaged, mutated, nasty_values
from tests.fuzz.outcome import accepted_share, value_or_sentence

READER = "model file"
IMAGE = (8, 8, 1)
DTYPES = (torch.float16, torch.float64, torch.int64, torch.bool, torch.complex64, torch.bfloat16, torch.float8_e4m3fn)


def _models() -> dict[str, bytes]:
    small = {"layers": 4, "kernels": 2, "downsamplings": 1, "latent": 5}
    encoder = parse(AutoencoderSpec, small)
    classifier = parse(ClassifierSpec, {"encoder": "x", "fc_units": 4})
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        torch.manual_seed(0)
        path = Path(folder) / "model"
        for model in (ConvAutoencoder(encoder, IMAGE), ConvClassifier(classifier, encoder, IMAGE, 3)):
            write_model(path, model, dict(model.state_dict()))
            found[model.spec.kind] = path.read_bytes()
    return found


FILES = _models()


def header(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the bytes behind it."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(head: bytes, body: bytes) -> bytes:
    """A safetensors file, whatever its header says."""
    return struct.pack("<Q", len(head)) + head + body


@st.composite
def other_metadata(draw: st.DrawFn) -> bytes:
    """A good file whose JSON was changed."""
    head, body = header(FILES[draw(st.sampled_from(sorted(FILES)))])
    values = draw(mutated(json.loads(head["__metadata__"][KEY])))
    head["__metadata__"][KEY] = as_json(values).decode("utf-8", "replace")
    return with_header(as_json(head), body)


@st.composite
def other_header(draw: st.DrawFn) -> bytes:
    """A good file whose header lies about its tensors."""
    head, body = header(FILES[draw(st.sampled_from(sorted(FILES)))])
    return with_header(as_json(draw(mutated(head))), body)


@st.composite
def other_tensors(draw: st.DrawFn) -> bytes:
    """A good file with a tensor of another type, shape, value or name."""
    data = FILES[draw(st.sampled_from(sorted(FILES)))]
    metadata = header(data)[0]["__metadata__"]
    tensors = safetensors.torch.load(data)
    name = draw(st.sampled_from(sorted(tensors)))
    match draw(st.sampled_from(["type", "shape", "value", "name", "drop", "more", "nothing"])):
        case "type":
            tensors[name] = tensors[name].float().to(draw(st.sampled_from(DTYPES)))
        case "shape":
            shape = draw(st.lists(st.integers(0, 4), max_size=5))
            tensors[name] = torch.zeros(shape, dtype=tensors[name].dtype)
        case "value" if tensors[name].is_floating_point():
            tensors[name].view(-1)[0] = draw(st.floats(width=32))
        case "name":
            tensors[draw(st.text(max_size=8))] = tensors.pop(name)
        case "drop":
            del tensors[name]
        case "more":
            tensors[draw(st.text(max_size=8))] = torch.zeros(1)
    return safetensors.torch.save(tensors, metadata)


files = st.one_of(
    other_metadata(),
    other_header(),
    other_tensors(),
    st.sampled_from(sorted(FILES)).flatmap(lambda kind: damaged(FILES[kind], 4000)),
    st.builds(with_header, nasty_values.map(as_json), st.binary(max_size=16)),
    st.binary(max_size=40),
)


def run_model(path: Path) -> bool:
    """Whether a file holds a model that gives what its spec says for an image."""
    found = read_model(path)
    height, width, channels = found.image
    # A spec may ask for a network that is too large to be run here; it is built all the same.
    model = found.build()
    if sum(parameter.numel() for parameter in model.parameters()) < 100_000:
        with torch.inference_mode():
            out = model(torch.zeros(1, channels, height, width))
        assert out.shape == ((1, channels, height, width) if found.spec.kind == "autoencoder" else (1, found.classes))
    return True


@given(data=files)
def test_any_file_is_a_model_that_works_or_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "model.safetensors"
    path.write_bytes(data)
    value_or_sentence(READER, lambda: run_model(path), ModelFileError)


@given(data=files)
def test_any_file_holds_tensors_with_their_values_or_is_refused_in_a_sentence(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "tensors.safetensors"
    path.write_bytes(data)
    found = value_or_sentence(READER, lambda: read_tensors(path), ModelFileError)
    assert found is None or isinstance(found[1], dict)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_a_file_without_a_change_works(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(FILES[kind])
    assert run_model(path)


def test_a_good_part_of_the_files_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"

    def takes(data: bytes) -> bool:
        path.write_bytes(data)
        try:
            return run_model(path)
        except ModelFileError:
            return False

    assert 0.02 < accepted_share(files, takes) < 0.8
