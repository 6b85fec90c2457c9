"""A run's model file: weights and spec, which alone rebuild its model."""

# ruff: noqa: ARG002 - every exporter is asked alike

from collections.abc import Sequence
from pathlib import Path

from engine.errors import ModelFileError, StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory


class ModelFileExporter:
    """See `Exporter`."""

    takes_many = False
    folder = False
    suffix = ".safetensors"
    title = "Save the model"
    asks = "Save the model of {runs} to"
    tells = "The model was saved to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`."""
        from engine.runs.checkpoint import read_tensors

        (run,) = runs
        read_tensors(run.find_model())  # what is wrong with it is said of this file, not of the new one
        path.write_bytes(run.find_model().read_bytes())

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """Its checksum says whether it is the model that was trained."""
        from engine.runs.checkpoint import read_tensors

        try:
            read_tensors(path)
        except ModelFileError:
            raise StorageError(NOT_READ_BACK) from None
        return "read back, and its checksum is right"


EXPORTER = ModelFileExporter()
