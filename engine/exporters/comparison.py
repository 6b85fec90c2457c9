"""What an exported model is held against: the run's own answers on some of its images.

Every export that is a model answers under the same names, so that one comparison serves them all.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.by_hand import NOTHING
from engine.data.cache import load
from engine.errors import EngineError, ExportError
from engine.evaluation.model import Images, Model, load_model
from engine.evaluation.results import read_predictions
from engine.exporters.exporter import Told
from engine.runs.directory import Home, RunDirectory
from engine.runs.moved import known_of_run, load_known
from engine.specs.data_files import LABELS_FROM, PATHS
from engine.specs.kinds import spec_from_json
from engine.specs.listed import listed

Answers = Mapping[str, NDArray[np.float32]]
"""What a model makes of n images, by the names of `output_names`: each of shape (n, …)."""
Answer = Callable[[NDArray[np.float32]], Answers]
"""Asks an exported model: images float32 in [0, 1], shape (n, channels, height, width)."""
COMPARED = 200
"""Images of a comparison."""
TOLERANCE = 1e-4
"""The largest difference of two answers that are called equal, of the largest number among them, at least of 1."""


def model_of(home: Home, run: RunDirectory, form: str) -> Model:
    """The model of a run that is to be written in a form, ONNX for instance.

    Raises:
        EngineError: there is none, or one of a kind of which no other program could know what it answers.
    """
    model = load_model(home, str(run.find_model()))
    kind = listed(model.spec.kind)
    if not kind.gives_encoder and not kind.takes_encoder:
        raise ExportError(f"Run {run.id} is of kind {model.spec.kind}, which cannot be written as {form}.")
    return model


def output_names(model: Model) -> tuple[str, ...]:
    """What it answers: each image's reconstruction or the probabilities and logits of its classes, and its latent."""
    return ("probabilities", "logits", "latent") if model.classes else ("reconstructions", "latent")


def without_places(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as JSON, without where anything lies on this machine."""
    return {name: value for name, value in spec.items() if name not in (*PATHS, LABELS_FROM, "encoder")}


def compare(run: RunDirectory, model: Model, answer: Answer, told: Told) -> str:
    """Ask both models about the same images, and say how that was done, as a clause.

    Raises:
        ExportError: they do not answer alike.
    """
    sample = _sample(run, model, told)
    images = torch.from_numpy(sample.images).permute(0, 3, 1, 2).float().div_(255).contiguous()
    theirs = answer(images.numpy())
    worst = 0.0
    for name, ours in _own_answers(model, sample.images, images).items():
        found = theirs.get(name)
        if found is None or found.shape != ours.shape:
            raise ExportError(f"The model that was written has no {name} as the run has them. {_NOT_KEPT}")
        difference = float(np.abs(found - ours).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(ours).max())):  # also where it is no number
            raise ExportError(
                f"The model that was written answers otherwise than the run: its {name} differ by up to "
                f"{difference:.1e}. {_NOT_KEPT}"
            )
        worst = max(worst, difference)
    return f"compared with the run's own answers on {sample.words}: largest difference {worst:.1e}"


_NOT_KEPT = "Nothing was kept of it. This is a mistake in cae-tui, not yours."


@dataclass(frozen=True)
class _Sample:
    images: Images
    words: str


def _sample(run: RunDirectory, model: Model, told: Told) -> _Sample:
    """Some images that the run was measured on; where these are gone, noise, on which equal models are equal too."""
    with suppress(EngineError):
        written = run.read_spec()
        spec = spec_from_json(written["spec"])
        load(spec.files.as_given, told, NOTHING)  # says how far it is; what follows finds it read
        data = load_known(known_of_run(run.id, spec, written), spec.files)
        if run.predictions.exists():
            found = read_predictions(run)
            images, words = found.images(data).take(found.indices[:COMPARED]), f"{found.of} images"
        else:
            images, words = data.train.take(np.arange(min(COMPARED, len(data.train)))), "training images"
        if images.shape[1:] == model.image:
            return _Sample(images, f"{len(images)} {words}")
    noise = np.random.default_rng(0).integers(0, 256, (COMPARED, *model.image), dtype=np.uint8)
    return _Sample(noise, f"{COMPARED} images of noise, for its own cannot be read")


def _own_answers(model: Model, pixels: Images, images: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    with torch.inference_mode():
        answers: NDArray[np.float32] = model.network(images).float().numpy()
    if not model.classes:
        return {"reconstructions": answers, "latent": model.latent(pixels)}
    return {"probabilities": model.probabilities(pixels), "logits": answers, "latent": model.latent(pixels)}
