"""A run for TensorBoard: a folder with its curves, its sample reconstructions and its spec."""

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ExportError, RunError, StorageError
from engine.exporters.events_file import EventsWriter, Scalar, float_bytes, read_records, scalar_in
from engine.exporters.exporter import NOT_READ_BACK, Told
from engine.runs.directory import Home, RunDirectory
from engine.text import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.protocol.events import Event, SamplesSaved

GAP = 2
"""Pixels between two images of a picture."""
ZOOM_TO = 28
"""Images smaller than that are shown larger, for TensorBoard draws each pixel as it is."""


class TensorBoardExporter:
    """See `engine.exporters.exporter.Exporter`."""

    takes_many = False
    folder = True
    suffix = ""
    title = "Write for TensorBoard"
    asks = "Write {runs} for TensorBoard to the new folder"
    tells = "The events for TensorBoard were written to {path}."

    def missing(self) -> str:
        """Nothing: TensorBoard is only needed to look at it."""
        return ""

    def write(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> None:  # noqa: ARG002 - as for all
        """See `Exporter`."""
        from engine.protocol.events import EpochEnded, SamplesSaved

        (run,) = runs
        events, _ = run.read_events()
        epochs = [event for event in events if isinstance(event, EpochEnded)]
        if not epochs:
            raise RunError(f"Run {run.id} has no epoch that is over, so there is nothing to show: choose another run.")
        path.mkdir()
        began = events[0].time
        # The name that TensorBoard looks for. What its own have besides names the machine.
        with (path / f"events.out.tfevents.{int(began)}.{run.id}").open("wb") as file:
            writer = EventsWriter(file, began)
            writer.text("spec", _spec_as_markdown(run), 0, began)
            for scalar, at in _scalars(events):
                writer.scalar(scalar.tag, scalar.value, scalar.step, at)
            saved = [event for event in events if isinstance(event, SamplesSaved)]
            for number, sample in enumerate(saved):
                told(number, len(saved))
                with suppress(RunError):  # one that is gone is left out: the curves do not need it
                    png, shape = _picture(run.samples / Path(sample.file).name)
                    writer.image("reconstructions", png, shape, _step(events, sample), sample.time)

    def check(self, home: Home, runs: Sequence[RunDirectory], path: Path, told: Told) -> str:  # noqa: ARG002 - as for all
        """Every record is read back with its checksums, and every number compared."""
        (run,) = runs
        expected = [scalar for scalar, _ in _scalars(run.read_events()[0])]
        (file,) = path.iterdir()
        found, records = [], 0
        try:
            with file.open("rb") as opened:
                for record in read_records(opened):
                    records += 1
                    found += [scalar] if (scalar := scalar_in(record)) is not None else []
        except ValueError:
            raise StorageError(NOT_READ_BACK) from None
        if list(map(_as_bytes, found)) != list(map(_as_bytes, expected)):
            raise ExportError("The numbers that were written are not those of the run. Nothing was kept of them.")
        return f"read back, {counted(records, 'record')} with their checksums, {counted(len(found), 'number')} compared"


def _as_bytes(scalar: Scalar) -> tuple[str, int, bytes]:
    """As it is written: numbers of 32 bits, of which some are no numbers and so equal to none."""
    return scalar.tag, scalar.step, float_bytes(scalar.value)


def _scalars(events: "Sequence[Event]") -> Iterator[tuple[Scalar, float]]:
    """The curves of a run, each with its time; steps are epochs, counted through its stages."""
    from engine.protocol.events import EpochEnded

    for step, event in enumerate((event for event in events if isinstance(event, EpochEnded)), 1):
        values = {f"{name}/{part}": value
                  for part, metrics in (("train", event.train), ("validation", event.validation))
                  for name, value in metrics.items()}  # fmt: skip
        values |= {"learning_rate": event.learning_rate, "seconds": event.seconds,
                   "images_per_second": event.images_per_second}  # fmt: skip
        for tag, value in values.items():
            yield Scalar(tag, value, step), event.time


def _step(events: "Sequence[Event]", sample: "SamplesSaved") -> int:
    """The step of the epoch whose samples these are."""
    from engine.protocol.events import EpochEnded

    ended = [event for event in events if isinstance(event, EpochEnded)]
    places = [place for place, event in enumerate(ended, 1)
              if (event.stage, event.epoch) == (sample.stage, sample.epoch)]  # fmt: skip
    return places[-1] if places else sample.epoch


def _picture(path: Path) -> tuple[bytes, tuple[int, int, int]]:
    """Validation images above, and below each what the network made of it, as PNG; with height, width and channels."""
    import numpy as np
    from PIL import Image

    from engine.evaluation.results import read_samples

    picture = np.concatenate([_row(images) for images in read_samples(path).rows])
    out = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(out, "PNG")
    height, width, channels = picture.shape
    return out.getvalue(), (height, width, channels)


def _row(images: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Images side by side, a gap to the right of and below each."""
    import numpy as np

    zoom = max(ZOOM_TO // max(images.shape[1:3]), 1)
    large = images.repeat(zoom, 1).repeat(zoom, 2)
    padded = np.pad(large, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=128)
    return np.concatenate(list(padded), axis=1)


def _spec_as_markdown(run: RunDirectory) -> str:
    """A table of what was asked for, without where anything lies on this machine."""
    from engine.exporters.comparison import without_places
    from engine.specs.fields import write_value

    values = without_places(run.read_spec()["spec"])
    rows = "".join(f"| {name} | {write_value(value)} |\n" for name, value in values.items() if value not in (None, ""))
    return f"| field | value |\n|---|---|\n{rows}"


EXPORTER = TensorBoardExporter()
