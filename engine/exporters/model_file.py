"""A run's model file: weights and spec, which alone rebuild its model."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import ModelFileError
from engine.runs.directory import Home, RunDirectory


class ModelFileExporter:
    """See `Exporter`."""

    takes_many = False
    suffix = ".safetensors"
    title = "Save the model"
    asks = "Save the model of {runs} to"
    tells = "The model was saved to {path}."

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path) -> None:  # noqa: ARG002 - as every exporter
        """See `Exporter`."""
        from engine.runs.checkpoint import read_tensors

        (run,) = runs
        read_tensors(run.find_model())  # what is wrong with it is said of this file, not of the new one
        path.write_bytes(run.find_model().read_bytes())

    def check(self, path: Path) -> bool:
        """Its checksum says whether it is the model that was trained."""
        from engine.runs.checkpoint import read_tensors

        try:
            read_tensors(path)
        except ModelFileError:
            return False
        return True


EXPORTER = ModelFileExporter()
