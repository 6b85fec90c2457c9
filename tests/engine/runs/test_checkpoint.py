import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import jobs
from engine.errors import ModelFileError, RunError
from engine.protocol.control import Flag
from engine.runs.checkpoint import CHECKSUM, KEY, read_autoencoder, read_model, read_tensors, write_tensors
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from tests.engine.conftest import small_classifier
from tests.engine.training.test_training import Trained


def test_tensors_of_any_layout_come_back_equal(tmp_path: Path) -> None:
    tensor = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    write_tensors(tmp_path / "t", "weights", {"a": tensor}, {"stage": "x"})
    tensors, values = read_tensors(tmp_path / "t")
    assert torch.equal(tensors["a"], tensor)
    assert values == {"format": 1, "kind": "weights", "stage": "x"}


def test_a_model_file_has_one_metadata_key_and_rebuilds_the_model_alone(autoencoder: Trained, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere.safetensors"
    alone.write_bytes(autoencoder[0].model.read_bytes())
    header = alone.read_bytes()
    length = struct.unpack("<Q", header[:8])[0]
    assert list(json.loads(header[8 : 8 + length])["__metadata__"]) == [KEY]
    found = read_model(alone)
    assert (found.spec.kind, found.image) == ("autoencoder", (28, 28, 1))
    assert found.build()(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_a_classifier_file_knows_its_encoder_and_classes(classifier: Trained) -> None:
    found = read_model(classifier[0].model)
    assert found.classes == 10
    assert isinstance(found.encoder_spec, AutoencoderSpec)
    assert found.encoder_spec.layers == 6
    assert found.build()(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def damaged(original: bytes) -> dict[str, tuple[bytes, str]]:
    length = struct.unpack("<Q", original[:8])[0]
    other = safetensors.torch.save({"a": torch.zeros(1)})
    values = json.loads(json.loads(original[8 : 8 + length])["__metadata__"][KEY])
    checksum = {
        CHECKSUM: values.pop(CHECKSUM)
    }  # what is changed on purpose goes without one, as earlier builds wrote it

    def again(**changes: Any) -> bytes:
        tensors = safetensors.torch.load(original)
        return safetensors.torch.save(tensors, {KEY: json.dumps({**values, **changes})})

    def with_one(number: float, **more: Any) -> bytes:
        tensors = safetensors.torch.load(original)
        next(tensor for tensor in tensors.values() if tensor.is_floating_point()).view(-1)[0] = number
        return safetensors.torch.save(tensors, {KEY: json.dumps({**values, **more})})

    return {
        "empty": (b"", "is an empty file; a model file of cae-tui was expected: download or copy"),
        "text": (b"this is no model at all", "is a text file; a model file of cae-tui was expected: name a run"),
        "truncated": (original[: len(original) // 2], "is damaged or cut short: copy it again, or choose another"),
        "a header that promises more than there is": (
            struct.pack("<Q", 2**62) + original[8:],
            "is not a model file: it starts with the bytes 00 00 00 00. Name a run",
        ),
        "of another program": (other, "that cae-tui did not write"),
        "of a newer format": (again(format=2), "use a newer cae-tui"),
        "without a format": (again(format=None), r"has no format number, .*\. Choose another model file"),
        "of another kind than its spec": (again(kind="classifier"), "kind: “classifier” is not that of its spec"),
        "with an unknown key beside the spec": (again(colour=1), "colour: not known to this version"),
        "a checkpoint": (again(kind="checkpoint"), "holds no model, but a checkpoint of a run: name the run's model"),
        "with a weight that is not a number": (with_one(float("nan")), "holds values that are not finite numbers. Cho"),
        "with another weight": (with_one(1.0, **checksum), "its checksum is not that of its content. Choose another"),
        "with an infinite weight": (with_one(float("inf")), "holds values that are not finite numbers. Choose"),
        "of an unknown kind": (again(spec={"kind": "transformer"}), "holds no model that this version knows"),
        "with a wrong spec": (again(spec={**values["spec"], "layers": 9}), "holds no model"),
        "with an unknown key": (again(spec={**values["spec"], "x": 1}), "x: not known to this version"),
        "with tensors of other shapes": (
            again(spec={**values["spec"], "kernels": "16"}),
            r"do not fit its spec .* Choose another",
        ),
        "with a damaged image shape": (again(image=[28, "x", 1]), "is damaged.* Choose another model file"),
        "with a yes for a number of classes": (again(classes=True), "its classes are not valid"),
        "with a yes for a side of the image": (again(image=[28, 28, True]), "the shape of its images"),
        "with no image shape": (again(image=None), "is damaged"),
    }


CASES = (
    "empty", "text", "truncated", "a header that promises more than there is", "of another program",
    "of a newer format", "without a format", "of another kind than its spec", "with an unknown key beside the spec",
    "a checkpoint", "with a weight that is not a number", "with an infinite weight", "with another weight",
    "of an unknown kind", "with a wrong spec", "with an unknown key",
    "with tensors of other shapes", "with a damaged image shape", "with no image shape",
    "with a yes for a number of classes", "with a yes for a side of the image",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_model_file_is_refused_in_words(case: str, autoencoder: Trained, tmp_path: Path) -> None:
    content, words = damaged(autoencoder[0].model.read_bytes())[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=words) as refused:
        read_model(path).build()
    assert str(path) in str(refused.value)


def test_an_encoder_with_weights_that_are_no_numbers_is_refused_before_a_run_is_made(
    home: Home, files: dict[str, Path], autoencoder: Trained, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(damaged(autoencoder[0].model.read_bytes())["with a weight that is not a number"][0])
    with pytest.raises(ModelFileError, match="not finite numbers"):
        jobs.start(home, small_classifier(files, str(path)), lambda event: None, Flag())
    assert home.ids() == []


def test_a_missing_model_file_and_a_folder_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        read_model(tmp_path / "none.safetensors")
    with pytest.raises(ModelFileError, match="is a folder"):
        read_model(tmp_path)


@pytest.mark.parametrize("kind", [torch.float16, torch.float64, torch.int64, torch.float8_e4m3fn, torch.complex64])
def test_weights_of_another_type_are_refused_in_words(kind: torch.dtype, autoencoder: Trained, tmp_path: Path) -> None:
    original = autoencoder[0].model.read_bytes()
    length = struct.unpack("<Q", original[:8])[0]
    tensors = safetensors.torch.load(original)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = tensors[name].to(kind)
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.torch.save(tensors, json.loads(original[8 : 8 + length])["__metadata__"]))
    with pytest.raises(ModelFileError, match=rf"{name} is {kind}, not torch\.float32\. Choose another model file"):
        read_model(path).build()


def test_a_refusal_quotes_no_more_than_a_line_of_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    head = json.dumps({"x" * 10_000: "x" * 10_000}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(ModelFileError) as refused:
        read_model(path)
    assert len(str(refused.value)) < 500


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="is not a regular file"):
        read_model(tmp_path / "pipe")


MEMORY = """
import resource, sys
from pathlib import Path
from engine.runs.checkpoint import read_model
from engine.errors import ModelFileError

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_model(Path(sys.argv[1])).build()
except ModelFileError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_memory_is_taken_for_tensors_that_the_spec_does_not_ask_for(autoencoder: Trained, tmp_path: Path) -> None:
    original = autoencoder[0].model.read_bytes()
    length = struct.unpack("<Q", original[:8])[0]
    head = json.loads(original[8 : 8 + length])
    name = next(name for name in head if name.endswith("convolution.weight"))
    end, size = len(original) - 8 - length, 1 << 30
    head[name] = {"dtype": "F32", "shape": [size // 4], "data_offsets": [end, end + size]}
    # What lay there before is given another name, for a file must be without holes.
    old = json.loads(original[8 : 8 + length])[name]
    head["spare"] = old
    text = json.dumps(head).encode()
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + original[8 + length :])
        file.truncate(8 + len(text) + end + size)  # a gigabyte of nothing, which takes no place on the disk
    done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    sentence, taken = done.stdout.splitlines()
    assert "do not fit its spec" in sentence
    assert int(taken) < 200 << 10  # KiB


@given(position=st.floats(0, 0.999), byte=st.integers(0, 255))
def test_a_file_with_one_wrong_byte_gives_a_model_or_a_sentence(
    position: float, byte: int, autoencoder: Trained, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(autoencoder[0].model.read_bytes())
    content[int(position * min(len(content), 4000))] = byte
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    path.write_bytes(content)
    try:
        read_model(path).build()
    except ModelFileError as error:
        assert str(path) in str(error)  # noqa: PT017 - both ends are right


def test_a_classifier_on_a_classifier_or_on_other_images_is_refused(classifier: Trained, autoencoder: Trained) -> None:
    with pytest.raises(ModelFileError, match="is a model of kind classifier: an autoencoder is needed"):
        read_autoencoder(classifier[0].model)
    with pytest.raises(ModelFileError, match="28×28 grey pixels, but these are 32×32 colour pixels"):
        read_autoencoder(autoencoder[0].model, (32, 32, 3))


def test_a_classifier_on_an_unknown_run_is_refused_and_leaves_nothing_behind(
    home: Home, files: dict[str, Path], autoencoder: Trained
) -> None:
    with pytest.raises(RunError, match="No run begins with “zzzz”"):
        jobs.start(home, small_classifier(files, "zzzz"), lambda event: None, Flag())
    del files["test_labels"], files["labels"]
    try:
        with pytest.raises(Exception, match="needs them"):
            jobs.start(home, small_classifier(files, str(autoencoder[0].model)), lambda event: None, Flag())
    finally:
        files["labels"] = files["images"].parent / "labels"
        files["test_labels"] = files["images"].parent / "test-labels"
    assert home.ids() == []
