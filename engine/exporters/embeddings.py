"""The latents of a run's test images: for NumPy, for a spreadsheet, and for TensorBoard's projector, in one folder."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import StorageError
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.data.datasets import ImageData, ImageSet
    from engine.evaluation.model import Model
    from engine.exporters.latents import Rows

FILES = {"npy": "latents.npy", "csv": "latents.csv", "projector": ""}
"""Where each format is written in the folder."""


class _Images(NamedTuple):
    """The images of a run whose latents are written."""

    model: "Model"
    data: "ImageData"
    of: str  # test or validation
    indices: "NDArray[np.int64]"  # into the test images, or the training files


class EmbeddingsExporter:
    """See `Exporter`."""

    takes_many = False
    folder = True
    suffix = ""
    title = "Write the embeddings"
    asks = "Write the latents of {runs} to"
    tells = "The latents were written to {path}."

    def missing(self) -> str:
        """Nothing."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:
        """See `Exporter`; of a run without test images, the latents of its validation images."""
        from engine.exporters.latents import Shape, writer_of

        images = _images(home, runs)
        data = images.data
        shape = Shape(
            numbers=images.model.network.plan.latent,
            most=len(images.indices),
            has_classes=_part(images).labels is not None,
            image=data.shape,
        )
        path.mkdir()
        with ExitStack() as stack:
            writers = [stack.enter_context(writer_of(form, path / name, shape)) for form, name in FILES.items()]
            for rows in _rows(images, told):
                for writer in writers:
                    writer.add(rows)

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:
        """The array is held against the model's latents, the tables against the array."""
        import numpy as np

        from engine.exporters.latents import read_csv, read_npy, read_tsv

        images = _images(home, runs)
        numbers = images.model.network.plan.latent
        largest = 0.0
        try:
            files = (
                read_npy(path / FILES["npy"], numbers),
                read_csv(path / FILES["csv"], numbers),
                read_tsv(path / "tensors.tsv", numbers),
            )
            for rows, array, *tables in zip(_rows(images, told), *files, strict=True):
                if not all(np.array_equal(table, array) for table in tables):
                    raise StorageError(NOT_READ_BACK)
                largest = max(largest, float(np.abs(rows.latents - array).max()))
        except (OSError, ValueError) as error:
            raise StorageError(NOT_READ_BACK) from error
        if not largest <= 1e-4:
            raise StorageError(NOT_READ_BACK)
        count = f"{len(images.indices):,} {images.of} images"
        return f"compared with the run's own latents of its {count}: largest difference {largest:.1e}"


def _images(home: Home, runs: Sequence[RunDirectory]) -> _Images:
    import numpy as np

    from engine.evaluation.model import load_model
    from engine.preparation import images_of

    (run,) = runs
    model = load_model(home, run.id)
    data, _, validation = images_of(run)
    if data.test is None:
        return _Images(model, data, "validation", validation)
    return _Images(model, data, "test", np.arange(len(data.test)))


def _part(images: _Images) -> "ImageSet":
    return images.data.train if images.data.test is None else images.data.test


def _rows(images: _Images, told: Told) -> "Iterator[Rows]":
    from engine.exporters.latents import READ_AT_ONCE, Rows

    model, data, of, indices = images
    part = _part(images)
    for start in range(0, len(indices), READ_AT_ONCE):
        told(start, len(indices))
        some = indices[start : start + READ_AT_ONCE]
        pixels = part.take(some)
        yield Rows(
            names=[f"{data.name} {of if of == 'test' else 'train'} {index}" for index in some],
            classes=None if part.labels is None else [data.class_names[label] for label in part.labels[some]],
            latents=model.latent(pixels),
            images=pixels,
        )


EXPORTER = EmbeddingsExporter()
