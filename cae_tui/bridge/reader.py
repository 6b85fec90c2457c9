"""What screens read of runs, images and networks: the half of the bridge to the engine that starts nothing.

A method that `works_in_thread` is waited for, and gives back plain values. The engine's modules are imported inside
such methods, in those threads: the first screen stands before torch, numpy or pydantic are loaded.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from cae_tui.bridge.values import DataView, ImageView, Picture, Prediction, PredictionsView, SampleStrip, SplitView
from engine.errors import EngineError
from engine.runs.directory import Home, RunDirectory
from engine.runs.notes import Notes, change, read_notes, write_notes
from engine.runs.status import RunStatus
from engine.specs.data_files import DataFiles
from engine.specs.listed import listed

if TYPE_CHECKING:
    from engine.data.datasets import ImageData
    from engine.network.architecture import Plan
    from engine.specs.base import Spec

READERS = 4
MNIST_FILES = DataFiles()

P = ParamSpec("P")
T = TypeVar("T")


class HasThreads(Protocol):
    """What has threads of its own to work in: a `Reader`, or who borrows them."""

    async def in_thread(self, read: Callable[[], T]) -> T:
        """What `read` gives, from such a thread."""


Owner = TypeVar("Owner", bound=HasThreads)


def works_in_thread(
    work: Callable[Concatenate[Owner, P], T],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, T]]:
    """Makes a method one to wait for (`await`), whose work is done in a thread of its object."""

    @wraps(work)
    async def wait(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.in_thread(lambda: work(self, *args, **kwargs))

    return wait


class Reader:
    """Reads what screens show."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._images_digests: dict[object, str] = {}  # of runs of earlier versions, by files and what they wrote down
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._reads: set[Future[Any]] = set()

    @property
    def reading(self) -> bool:
        """Whether a thread is still reading for a screen, or loading torch."""
        return bool(self._reads)

    async def in_thread(self, read: Callable[[], T]) -> T:
        """What `read` gives, from a thread of our own: the end of the event loop waits for asyncio's."""
        future = self._readers.submit(read)
        self._reads.add(future)
        future.add_done_callback(self._reads.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads end: one that waits for work keeps the app that it was made under."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    # -- runs ------------------------------------------------------------------------------------

    def list_runs(self) -> list[RunStatus]:
        """Every run, the newest first; reads one small file a run."""
        return self.home.list_runs()

    async def with_images_digests(self, runs: Sequence[RunStatus], data: DataView) -> list[RunStatus]:
        """`runs`, with the digest of the training images where one of an earlier version has none.

        It is looked for only where the run gives an encoder and may have learned from the images of `data`, and stays
        empty where its files no longer tell.
        """
        asked = {
            run.id
            for run in runs
            if listed(run.kind).gives_encoder and run.data_digest and not run.images_digest
            if run.image_shape in ((), data.shape)
        }
        if not asked:
            return list(runs)
        return await self.in_thread(
            lambda: [
                replace(run, images_digest=self._images_digest(run, data)) if run.id in asked else run for run in runs
            ]
        )

    def _images_digest(self, run: RunStatus, data: DataView) -> str:
        from engine.data.same_images import images_digest_of

        files = self.files_of(run.id)
        if files is None:
            return ""
        key = (files, run.data_digest, data.digest)
        if key not in self._images_digests:
            found = images_digest_of(files, run.data_digest, data)
            if not found and files.gone is not None:  # they may come back
                return ""
            self._images_digests[key] = found
        return self._images_digests[key]

    def data_files(self, run: str) -> dict[str, str]:
        """The files of a run's images as a form has them; nothing for what is no readable run, or where one is gone."""
        files = self.files_of(run)
        return files.text if files is not None and files.gone is None else {}

    def files_of(self, run: str) -> DataFiles | None:
        """The files of a run's images, which may be gone; None for what is no readable run. Reads one small file."""
        try:
            return DataFiles.of(self.home.find(run).read_spec()["spec"])
        except (EngineError, KeyError, TypeError, AttributeError):
            return None

    def files_gone(self, run: str) -> dict[str, Path]:
        """Those that are not where they were, by field."""
        files = self.files_of(run)
        return {} if files is None else files.all_gone

    @works_in_thread
    def relocate(self, run: str, places: Mapping[str, Path]) -> Path | None:
        """Write down where the images of a run are now, and give back where those to train on are.

        Raises:
            EngineError: they are gone, or others.
        """
        from engine.runs.moved import relocate

        files = relocate(self.home.find(run), places)
        self.home.forget(run)
        return files.images

    def delete(self, run: str) -> None:
        """Take a run away for good."""
        self.home.delete(self.home.find(run))

    @works_in_thread
    def notes(self, runs: Sequence[str]) -> list[Notes]:
        """What was noted about each of `runs`.

        Raises:
            RunError: one is gone, or its file is damaged.
        """
        return [read_notes(RunDirectory(self.home.runs / run).notes) for run in runs]

    @works_in_thread
    def note(self, runs: Sequence[str], /, **changes: Any) -> None:
        """Note something about each of `runs`: see `engine.runs.notes.change`.

        Raises:
            EngineError: one is gone, its file is damaged or cannot be written; those before it are changed.
        """
        for run in runs:
            path = RunDirectory(self.home.runs / run).notes
            write_notes(path, change(read_notes(path), **changes))

    @works_in_thread
    def specs(self, runs: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The values of the specs of `runs` as JSON, by id; of one that cannot be read there are none."""
        return self.home.specs(runs)

    @works_in_thread
    def export(self, exporter: str, runs: Sequence[str], target: str) -> Path:
        """Write `runs` by the exporter of that name to `target`, a file or a folder, and give back where it is now.

        Raises:
            EngineError: there is nothing to write yet, or it cannot be written.
        """
        from engine.exporters import export

        return export(self.home, exporter, [RunDirectory(self.home.runs / run) for run in runs], Path(target))

    @works_in_thread
    def samples(self, run: str, file: str, epoch: int) -> SampleStrip:
        """The validation images of an epoch and their reconstructions."""
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.results import read_samples

        # The name was read from a file that anybody may have changed: it leads nowhere else.
        originals, reconstructions = read_samples(self.home.find(run).samples / Path(file).name)
        return SampleStrip(epoch, pictures(originals), pictures(reconstructions))

    # -- predictions -----------------------------------------------------------------------------

    @works_in_thread
    def predictions(self, run: str) -> PredictionsView:
        """What the model of a complete run made of every image it was evaluated on."""
        from engine.evaluation import results

        found = results.read_predictions(self.home.find(run))
        data = self._load_for(run)
        labels = found.images(data).labels
        rows = []
        for place, index in enumerate(found.indices.tolist()):
            probabilities = found.probabilities[place] if found.probabilities is not None else None
            chosen = None if probabilities is None else int(probabilities.argmax())
            rows.append(
                Prediction(
                    index=index,
                    true=None if labels is None else int(labels[index]),
                    predicted=chosen,
                    confidence=None if probabilities is None else float(probabilities[chosen]),
                    error=None if found.errors is None else float(found.errors[place]),
                )
            )
        return PredictionsView(
            run=run, kind=found.kind, classes=data.classes, of=found.of, predictions=tuple(rows),
            class_names=data.class_names,
        )  # fmt: skip

    @works_in_thread
    def images(self, run: str, indices: Sequence[int]) -> tuple[Picture, ...]:
        """The images with those indices, as in `Prediction.index`."""
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.evaluation import results

        found = results.read_predictions(self.home.find(run))
        return pictures(found.images(self._load_for(run)).take(np.array(indices, dtype=np.int64)))

    @works_in_thread
    def image(self, run: str, index: int) -> ImageView:
        """One image, with its reconstruction and probabilities."""
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.evaluation import results

        directory = self.home.find(run)
        found = results.read_predictions(directory)
        original = found.images(self._load_for(run)).take(np.array([index]))
        reconstruction = results.reconstruct(directory, original)
        row = found.indices.tolist().index(index)
        return ImageView(
            picture=pictures(original)[0],
            reconstruction=None if reconstruction is None else pictures(reconstruction)[0],
            probabilities=() if found.probabilities is None else tuple(found.probabilities[row].tolist()),
        )

    # -- data, device, plans ---------------------------------------------------------------------

    def _load(self, files: DataFiles) -> "ImageData":
        from engine.data.cache import load

        return load(files)

    def _load_for(self, run: str) -> "ImageData":
        from engine.runs.moved import known_of_run, load_known
        from engine.specs.kinds import spec_from_json

        written = self.home.find(run).read_spec()
        spec = spec_from_json(written["spec"])
        return load_known(known_of_run(run, spec, written), spec.files)

    @works_in_thread
    def data(self, files: DataFiles = MNIST_FILES) -> DataView:
        """The image set that those files hold.

        Raises:
            DatasetError: it cannot be read.
        """
        from cae_tui.bridge.plain import data_view

        return data_view(self._load(files))

    @works_in_thread
    def split(self, fraction: float, seed: int, files: DataFiles = MNIST_FILES) -> SplitView:
        """The split that a fraction and a seed give."""
        from engine.data.datasets import class_counts
        from engine.data.remarks import of_split
        from engine.data.split import split

        found = self._load(files)
        training, validation = split(found.train, fraction, seed)
        labels = found.train.labels
        return SplitView(
            training=len(training),
            validation=len(validation),
            training_counts=() if labels is None else tuple(class_counts(labels[training], found.classes)),
            validation_counts=() if labels is None else tuple(class_counts(labels[validation], found.classes)),
            remarks=tuple(remark.sentence for remark in of_split(found, training, validation)),
        )

    @works_in_thread
    def class_images(
        self, label: int | None, first: int, count: int, files: DataFiles = MNIST_FILES
    ) -> tuple[Picture, ...]:
        """Training images of one class (of all, where None), `count` from the `first` on."""
        import numpy as np

        from cae_tui.bridge.plain import pictures

        found = self._load(files)
        labels = found.train.labels
        every = np.arange(len(found.train)) if label is None or labels is None else np.flatnonzero(labels == label)
        return pictures(found.train.take(every[first : first + count]))

    @works_in_thread
    def device(self) -> str:
        """The device that auto chooses, in words: `cpu · 2 threads · float32`. Loads torch."""
        from engine.device import choose_device

        return choose_device("auto", "auto").description

    @works_in_thread
    def check(self, spec: "Spec") -> dict[str, str]:
        """What of a spec does not fit its data: a sentence by field, empty where all fits."""
        from engine.errors import DatasetError
        from engine.preparation import split_for
        from engine.specs.kinds import check_against_data

        try:
            found = self._load(spec.files)
        except DatasetError as error:
            return {error.field: str(error)}
        training, _ = split_for(spec, found)
        return check_against_data(spec, found.shape, len(training))

    @works_in_thread
    def remarks(self, spec: "Spec") -> tuple[str, ...]:
        """What a look at the data of a spec and their split finds that concerns a run of it.

        Raises:
            DatasetError: they cannot be read.
        """
        from engine.data.remarks import for_run
        from engine.preparation import split_for

        found = self._load(spec.files)
        return for_run(found, *split_for(spec, found), labels=spec.needs_labels)

    @works_in_thread
    def plan(self, spec: "Spec") -> "Plan":
        """The layers of the network that a spec asks for, on the encoder that it names where it takes one.

        Raises:
            EngineError: there is no such encoder, or it is for other images.
        """
        from engine import preparation

        return preparation.plan_of(self.home, spec, self._load(spec.files))

    @works_in_thread
    def encoder_remarks(self, spec: "Spec", data: DataView) -> tuple[str, ...]:
        """What is to be known of the encoder that a classifier's spec names, on the images `data`, in sentences."""
        from engine.runs.encoders import remarks_on

        return remarks_on(self.home, spec, data)

    def seconds_an_epoch(self, spec: "Spec", work: int, training_images: int) -> float | None:
        """An estimate for `spec`, whose plan has so much `work`; None where none of similar size was trained here."""
        from engine.estimates import seconds_per_work

        steps = training_images // spec.batch_size * sum(epochs for _, epochs in spec.stages)
        each = seconds_per_work(self.list_runs(), spec.kind, work * spec.batch_size, steps)
        return None if each is None else training_images * work * each
