"""A model as one ONNX file, which other programs, languages and devices run."""

import importlib.util
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import __version__
from engine.exporters.exporter import Told
from engine.exporters.process import answer_of
from engine.runs.directory import Home, RunDirectory

if TYPE_CHECKING:
    from engine.evaluation.model import Model

_PROGRAM = "engine.exporters.onnx_program"
_NEEDED = ("onnx", "onnxscript")
_WHAT = {
    "probabilities": "of each class, shape (n, classes), rows sum to 1",
    "logits": "of the image itself, shape (n, classes)",
    "reconstructions": "images of the same shape as those that go in",
    "latent": "what the encoder makes of an image, shape (n, numbers)",
}


class OnnxExporter:
    """See `engine.exporters.exporter.Exporter`."""

    takes_many = False
    folder = False
    suffix = ".onnx"
    title = "Write the model as ONNX"
    asks = "Write the model of {runs} as ONNX to"
    tells = "The model was written as ONNX to {path}."

    def missing(self) -> str:
        """The packages that torch's exporter needs."""
        if all(importlib.util.find_spec(name) is not None for name in _NEEDED):
            return ""
        return "ONNX needs the packages onnx and onnxscript: pip install 'cae-tui[onnx]'."

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`."""
        from engine.exporters.comparison import model_of, output_names

        (run,) = runs
        model = model_of(home, run, "ONNX")
        asked = {"outputs": output_names(model), "version": __version__, "metadata": _metadata(model, run.id)}
        path.write_bytes(answer_of(_PROGRAM, ["write", str(run.find_model())], told, json.dumps(asked).encode()))

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """By ONNX's own checker, and by what it answers where onnxruntime is installed."""
        import numpy as np
        from numpy.typing import NDArray

        from engine.exporters.comparison import Answers, compare, model_of

        (run,) = runs

        def answer(images: NDArray[np.float32]) -> Answers:
            given = io.BytesIO()
            np.save(given, images, allow_pickle=False)
            found = answer_of(_PROGRAM, ["ask", str(path)], told, given.getvalue())
            return dict(np.load(io.BytesIO(found), allow_pickle=False))

        if importlib.util.find_spec("onnxruntime") is None:
            answer_of(_PROGRAM, ["ask", str(path)], told)
            return "checked by ONNX's own checker alone, for onnxruntime is not installed"
        return "run by onnxruntime, " + compare(run, model_of(home, run, "ONNX"), answer, told)


def _metadata(model: "Model", run: str) -> dict[str, str]:
    """What who has nothing but the file must know to use it."""
    from engine.exporters.comparison import output_names, without_places

    height, width, channels = model.image
    outputs = {name: _WHAT[name] for name in output_names(model)}
    if model.facts.views:
        outputs["probabilities"] += ", averaged over the image and four views of it that are shifted a little"
    about = {
        "written_by": f"cae-tui {__version__}",
        "run": run,
        "image": json.dumps({"height": height, "width": width, "channels": channels}),
        "input": f"images: float32, shape (n, {channels}, {height}, {width}), pixels divided by 255, from 0 to 1",
        "outputs": json.dumps(outputs),
        "spec": json.dumps(without_places(model.spec.model_dump(mode="json"))),
    }
    if model.facts.light_on_dark is not None:
        about["shows"] = "light on dark" if model.facts.light_on_dark else "dark on light"
    if model.classes:
        if model.facts.temperature is not None:  # what is written has none: it is held against the run's own answers
            about["temperature"] = f"{model.facts.temperature:.6g}"
        about["classes"] = json.dumps(list(model.class_names), ensure_ascii=False)
    return about


EXPORTER = OnnxExporter()
