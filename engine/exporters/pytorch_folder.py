"""A model as plain PyTorch: `model.py`, which says every layer, and the weights beside it."""

import io
from collections.abc import Sequence
from pathlib import Path

from engine.exporters.exporter import Told
from engine.exporters.process import answer_of
from engine.runs.directory import Home, RunDirectory

CODE, WEIGHTS = "model.py", "model.safetensors"
_PROGRAM = "engine.exporters.pytorch_program"


class PyTorchExporter:
    """See `engine.exporters.exporter.Exporter`."""

    takes_many = False
    folder = True
    suffix = ""
    title = "Write the model as plain PyTorch"
    asks = "Write the model of {runs} as plain PyTorch to the new folder"
    tells = "The model was written as plain PyTorch to {path}."

    def missing(self) -> str:
        """Nothing: it was trained by torch."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:  # noqa: ARG002 - it is quick
        """See `Exporter`."""
        from engine.exporters.comparison import model_of
        from engine.exporters.pytorch_code import code_of

        (run,) = runs
        code = code_of(model_of(home, run, "plain PyTorch"), run.id)
        path.mkdir()
        (path / CODE).write_text(code, encoding="utf-8")
        (path / WEIGHTS).write_bytes(run.find_model().read_bytes())

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """By what `model.py` answers in a process that has nothing else of ours."""
        import numpy as np
        from numpy.typing import NDArray

        from engine.exporters.comparison import Answers, compare, model_of

        (run,) = runs

        def answer(images: NDArray[np.float32]) -> Answers:
            given = io.BytesIO()
            np.save(given, images, allow_pickle=False)
            found = answer_of(_PROGRAM, [str(path / CODE)], told, given.getvalue())
            return dict(np.load(io.BytesIO(found), allow_pickle=False))

        return "run on its own, " + compare(run, model_of(home, run, "plain PyTorch"), answer, told)


EXPORTER = PyTorchExporter()
