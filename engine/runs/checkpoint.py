"""Reading and writing tensors: training states and the portable model file. Never a pickle.

Both are safetensors files whose one metadata key, `cae-tui`, holds JSON with `format` and `kind`. A model
file alone rebuilds its model: it carries the spec. What is damaged, unknown, or of other shapes than its
spec says is a `ModelFileError`. safetensors has no checksum, and a weight with one flipped bit is a weight: so the
JSON ends with the CRC-32 of all that the file means.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from engine.data.recognise import START, Found, Sort, recognise
from engine.errors import ModelFileError, SpecError
from engine.network.architecture import Shape
from engine.network.network import Network, network_of
from engine.runs.model_facts import ModelFacts, facts_names, given_facts
from engine.specs.base import Spec
from engine.specs.data_files import shape_words
from engine.specs.kinds import spec_from_json
from engine.specs.listed import listed
from engine.specs.problems import UNKNOWN_FIELD
from engine.storage.files import FORMAT, Put, format_problem, write_bytes
from engine.storage.typed_json import record_of
from engine.text import excerpt

KEY = "cae-tui"
CHECKSUM = "crc32"
_ANOTHER = "Choose another model file, or train that model again."
_KNOWN = ("format", "kind", "spec", "image", "encoder_spec", "classes", "images_digest", *facts_names())
"""What the metadata of a model file may hold."""
_INNER = {"checkpoint": "a checkpoint of a run", "weights": "the weights of a stage alone"}


def write_tensors(
    path: Path, kind: str, tensors: dict[str, Tensor], values: dict[str, Any], put: Put = write_bytes
) -> None:
    """Put tensors and a JSON object at `path`, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    # safetensors refuses what is not contiguous, and channels_last weights are not.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    values = {"format": FORMAT, "kind": kind, **values}
    text = json.dumps({**values, CHECKSUM: _checksum(plain, values)})
    put(path, safetensors.torch.save(plain, {KEY: text}))


def _checksum(tensors: dict[str, Tensor], values: dict[str, Any]) -> int:
    """CRC-32 of the JSON object, and of name, type, shape and bytes of each tensor."""
    crc = zlib.crc32(json.dumps(values).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file holds. Its tensors are not read before they are looked at, so check their shapes first."""

    path: Path
    tensors: dict[str, Tensor]
    values: dict[str, Any]
    checksum: object  # None in files of earlier builds

    def verify(self) -> None:
        """Read all of it.

        Raises:
            ModelFileError: it is not what was written.
        """
        if self.checksum not in (None, _checksum(self.tensors, self.values)):
            raise ModelFileError(f"{self.path} is damaged: its checksum is not that of its content. {_ANOTHER}")


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and JSON object of a file that `write_tensors` made.

    Raises:
        ModelFileError: it is missing, damaged, or not one.
    """
    content = _read(path)
    content.verify()
    return content.tensors, content.values


def _read(path: Path) -> _Content:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ModelFileError(f"{path} is not a regular file: name a model.safetensors.")
        with path.open("rb") as beginning:
            start = beginning.read(START)
        found = recognise(start)
        if found is None or found.sort not in (Sort.OWN_MODEL, Sort.SAFETENSORS):
            raise ModelFileError(f"{path} {_something_else(found, start)}.")
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise ModelFileError(
                    f"{path} is a safetensors file that cae-tui did not write: choose a model.safetensors of cae-tui."
                )
            values = json.loads(text)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}. {_ANOTHER}") from None
    except (safetensors.SafetensorError, ValueError, RuntimeError):  # RecursionError among them
        raise ModelFileError(f"{path} is damaged or cut short: copy it again, or choose another model file.") from None
    if problem := format_problem(values.get("format") if isinstance(values, dict) else None):
        advice = "" if "newer" in problem else f". {_ANOTHER[:-1]}"
        raise ModelFileError(f"{path} {problem}{advice}.")
    checksum = values.pop(CHECKSUM, None)
    return _Content(path, tensors, values, checksum)


def _something_else(found: Found | None, start: bytes) -> str:
    """What stands where a model file should, and what to do."""
    if found is None:
        return (
            f"is not a model file: it starts with the bytes {start[:4].hex(' ')}. Name a run, or a model.safetensors "
            "that cae-tui wrote"
        )
    match found.sort:
        case Sort.IDX:
            advice = "images and labels have fields and flags of their own; name a run, or its model.safetensors, here"
        case Sort.PACKED:
            advice = "unpack it, and name the model.safetensors that comes out"
        case Sort.NOT_IT:
            advice = "download or copy the file itself again"
        case Sort.MODEL | Sort.ARRAYS:
            advice = "models of other programs cannot be used here; name a run, or its model.safetensors"
        case _:
            advice = "name a run, or its model.safetensors"
    return f"is {found.what}; a model file of cae-tui was expected: {advice}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk, checked."""

    path: Path
    spec: Spec
    encoder_spec: Spec  # that of the run whose encoder it is built on; else its own
    image: Shape
    classes: int  # 0 where it knows none
    content: _Content
    facts: ModelFacts  # what else is known of it; less in files of before

    def build(self) -> Network:
        """The model with its weights, on the CPU, in eval mode.

        Raises:
            ModelFileError: the tensors are not the ones that its spec asks for.
        """
        # On the meta device nothing is allocated and no random number drawn: a model may be opened
        # while another thread trains, and must not disturb what that one draws.
        with torch.device("meta"):
            model = network_of(self.spec, self.encoder_spec, self.image, self.classes)
        types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
        tensors = self.content.tensors
        for name, tensor in tensors.items():
            if types.get(name, tensor.dtype) != tensor.dtype:
                raise ModelFileError(f"{self.path} is damaged: {name} is {tensor.dtype}, not {types[name]}. {_ANOTHER}")
        try:
            model.load_state_dict(tensors, assign=True)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise ModelFileError(
                f"{self.path} is damaged: its tensors do not fit its spec ({first}). {_ANOTHER}"
            ) from None
        self.content.verify()
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise ModelFileError(
                    f"{self.path} is damaged: {name} holds values that are not finite numbers. {_ANOTHER}"
                )
        return model.eval()


def write_model(
    path: Path,
    model: Network,
    tensors: dict[str, Tensor],
    facts: ModelFacts = ModelFacts(),  # noqa: B008 - immutable
    put: Put = write_bytes,
) -> None:
    """Put the portable model file of `model`, with `tensors` for weights and what is known of it, at `path`.

    Raises:
        StorageError: it cannot be written.
    """
    values = {
        "spec": model.spec.model_dump(mode="json"),
        "image": list(model.plan.image),
        **model.about,
        **facts.to_json(),
    }
    write_tensors(path, model.spec.kind, tensors, values, put)


def read_model(path: Path) -> ModelFile:
    """The model file at `path`, its header checked; `build` checks the weights.

    Raises:
        ModelFileError: it is missing, damaged, unknown, or holds no model.
    """
    if path.is_dir():
        if not (path / "model.safetensors").exists():
            raise ModelFileError(f"{path} is a folder without a model: name a run, or its model.safetensors.")
        raise ModelFileError(f"{path} is a folder: name the model.safetensors in it, or the run by its id.")
    content = _read(path)
    values = content.values
    kind = values.get("kind")
    if kind in ("checkpoint", "weights"):
        raise ModelFileError(f"{path} holds no model, but {_INNER[kind]}: name the run's model.safetensors.")
    unknown = [excerpt(name) for name in values if name not in _KNOWN]
    try:
        if unknown:
            raise SpecError(dict.fromkeys(unknown, UNKNOWN_FIELD))
        spec = spec_from_json(values.get("spec"))
        if kind != spec.kind:
            raise SpecError({"kind": f"“{excerpt(kind)}” is not that of its spec, {spec.kind}."})
        takes = listed(spec.kind).takes_encoder
        encoder_spec = spec_from_json(values.get("encoder_spec")) if takes else spec
    except SpecError as error:
        found = "; ".join(
            f"{name}: {'not known to this version.' if sentence == UNKNOWN_FIELD else sentence}"
            for name, sentence in error.problems.items()
        )
        raise ModelFileError(
            f"{path} holds no model that this version knows ({found.rstrip('.')}). Choose another model file, or use "
            "the version of cae-tui that wrote it."
        ) from None
    image = values.get("image")
    classes = values.get("classes", 0)
    if (
        (takes and not listed(encoder_spec.kind).gives_encoder)
        or not isinstance(image, list)
        or len(image) != 3
        or not all(type(size) is int and 0 < size <= 256 for size in image)  # `true` of JSON would be one
        or type(classes) is not int
        or not 0 <= classes <= 256
    ):
        raise ModelFileError(f"{path} is damaged: the shape of its images or its classes are not valid. {_ANOTHER}")
    height, width, channels = image
    try:
        facts = record_of(ModelFacts, given_facts(values))
    except TypeError as error:
        raise ModelFileError(f"{path} is damaged: {error}. {_ANOTHER}") from None
    if facts.class_names and len(facts.class_names) != classes:
        raise ModelFileError(
            f"{path} is damaged: it names {len(facts.class_names)} of its {classes} classes. {_ANOTHER}"
        )
    if facts.temperature is not None and facts.temperature <= 0:
        raise ModelFileError(f"{path} is damaged: its temperature is {facts.temperature:g}, not above 0. {_ANOTHER}")
    return ModelFile(path, spec, encoder_spec, (height, width, channels), classes, content, facts)


def read_autoencoder(path: Path, image: Shape | None = None) -> ModelFile:
    """The model file of an autoencoder, for images of the shape `image` where that is given.

    Raises:
        ModelFileError: as `read_model`, or it has no encoder to build on, or is for other images.
    """
    found = read_model(path)
    if not listed(found.spec.kind).gives_encoder:
        raise ModelFileError(f"{path} is a model of kind {found.spec.kind}: an autoencoder is needed, for its encoder.")
    if image is not None and found.image != image:
        raise ModelFileError(
            f"{path} was trained on images of {shape_words(found.image)} pixels, but these are {shape_words(image)} "
            "pixels: choose an autoencoder trained on images like these."
        )
    return found


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a model, as they are now, copied."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
