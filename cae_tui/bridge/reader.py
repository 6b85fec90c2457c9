"""What screens read of runs, images and networks: the half of the bridge to the engine that starts nothing.

Of image sets and networks, `data_reader` has the rest, and how a method works in a thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from cae_tui.bridge.data_reader import DataReader, works_in_thread
from cae_tui.bridge.values import (
    DataView,
    ImageView,
    Picture,
    Prediction,
    PredictionsView,
    Progress,
    SampleStrip,
    SureView,
)
from engine.errors import EngineError, RunError
from engine.runs.directory import Home, RunDirectory
from engine.runs.notes import Notes, change, read_notes, write_notes
from engine.runs.status import RunStatus
from engine.specs.data_files import DataFiles
from engine.specs.listed import listed

if TYPE_CHECKING:
    from cae_tui.bridge.both import BothView
    from cae_tui.bridge.latent import Latent
    from cae_tui.bridge.looking import Looking
    from cae_tui.bridge.oddity import Oddity
    from cae_tui.bridge.trying import Trying
    from engine.data.datasets import ImageData
    from engine.exporters import ExportedAll
    from engine.exporters.exporter import Exported
    from engine.protocol.events import SamplesSaved
    from engine.specs.base import Spec


class _GivenUpError(Exception):
    """Nobody waits for this any more."""


class Reader(DataReader):
    """Reads what screens show."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._images_digests: dict[object, str] = {}  # of runs of earlier versions, by files and what they wrote down

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
            directory = self.home.find(run)
            return directory.files_of(directory.read_spec()["spec"])
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
        return files.whole

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
    def export(self, exporter: str, runs: Sequence[str], target: str, progress: Progress) -> "Exported":
        """Write `runs` by the exporter of that name to `target`, a new name or a folder that is there.

        It ends where nobody waits for it any more.

        Raises:
            EngineError: see `engine.exporters.export`.
        """
        from engine.exporters import export

        directories = [RunDirectory(self.home.runs / run) for run in runs]
        return export(self.home, exporter, directories, Path(target), self._told(progress))

    @works_in_thread
    def export_all(self, run: str, target: str, progress: Progress) -> "ExportedAll":
        """Write a run in every form into `target`, a new folder or one in a folder that is there.

        It ends where nobody waits for it any more.

        Raises:
            EngineError: see `engine.exporters.export_all`.
        """
        from engine.exporters import export_all

        return export_all(self.home, self.home.find(run), Path(target), self._told(progress))

    def _told(self, progress: Progress) -> Callable[[int, int], None]:
        """Writes down how far a thread's work is, and ends it where it was given up."""
        given_up: Event = self._asked.given_up

        def told(done: int, total: int) -> None:
            if given_up.is_set():
                raise _GivenUpError
            progress.done, progress.total = done, total

        return told

    @works_in_thread
    def samples(self, run: str, saved: Sequence["SamplesSaved"]) -> SampleStrip:
        """The validation images and their reconstructions of the first of some epochs whose file is there.

        Raises:
            EngineError: it cannot be read, or none is there.
        """
        from cae_tui.bridge.plain import pictures
        from engine.evaluation.results import read_samples

        # The names were read from a file that anybody may have changed: they lead nowhere else.
        folder = self.home.find(run).samples
        files = [(folder / Path(one.file).name, one.epoch) for one in saved]
        file, epoch = next((found for found in files if found[0].exists()), files[0])
        found = read_samples(file)
        noisy = () if found.noisy is None else pictures(found.noisy)
        return SampleStrip(epoch, pictures(found.originals), pictures(found.reconstructions), noisy)

    # -- predictions -----------------------------------------------------------------------------

    @works_in_thread
    def predictions(self, run: str) -> PredictionsView:
        """What the model of a complete run made of every image it was evaluated on."""
        return self._predictions(run)

    def _predictions(self, run: str) -> PredictionsView:
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
    def side_by_side(self, first: str, second: str) -> "BothView":
        """What two complete runs made of the images that both were measured on.

        Raises:
            EngineError: there are none, or what they were measured by cannot be held against each other.
        """
        from cae_tui.bridge.both import side_by_side
        from engine.runs.baseline import same_noise

        runs = (first, second)
        one, other = (self.home.find(run).read_status() for run in runs)
        if not one.data_digest or one.data_digest != other.data_digest:
            raise RunError(
                f"The two runs were trained on different images, {one.data or 'unknown ones'} and "
                f"{other.data or 'unknown ones'}: there are none that both were measured on."
            )
        found = side_by_side(self._predictions(first), self._predictions(second))
        specs = self.home.specs(runs)
        if not same_noise(specs[first], specs[second]):
            raise RunError(
                "The two runs were measured with different noise on the images, so their errors differ in kind."
            )
        return found

    @works_in_thread
    def how_sure(self, run: str) -> SureView:
        """How sure a complete run is of its answers; of one of an earlier version, what its predictions tell.

        Raises:
            EngineError: it tells no classes apart, its predictions are gone, or its images are.
        """
        from engine.evaluation import results
        from engine.evaluation.calibration import calibration

        directory = self.home.find(run)
        result = directory.read_result()
        if result is not None and result.calibration is not None:
            images = sum(each.images for each in result.calibration.raw.bins)
            return SureView(of=result.evaluated_on, images=images, calibration=result.calibration, earlier=False)
        found = results.read_predictions(directory)
        if found.probabilities is None:
            raise RunError(f"Run {run} tells no classes apart, so it is sure of none.")
        labels = found.images(self._load_for(run)).labels
        assert labels is not None, "nothing is evaluated without"
        told = calibration(found.probabilities, labels[found.indices])
        return SureView(of=found.of, images=len(found.indices), calibration=told, earlier=True)

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
        rebuilt = results.reconstruct(directory, original)
        row = found.indices.tolist().index(index)
        return ImageView(
            picture=pictures(original)[0],
            reconstruction=None if rebuilt is None else pictures(rebuilt.reconstructions)[0],
            noisy=None if rebuilt is None or rebuilt.noisy is None else pictures(rebuilt.noisy)[0],
            probabilities=() if found.probabilities is None else tuple(found.probabilities[row].tolist()),
        )

    def trying(self, run: str) -> "Trying":
        """The model of a run, ready to be tried out."""
        from cae_tui.bridge.trying import Trying

        return Trying(self.home, run)

    def looking(self, run: str, *, colours: bool = True) -> "Looking":
        """The model of a run, to be looked into; see `Looking`."""
        from cae_tui.bridge.looking import Looking

        return Looking(self.home, run, colours=colours)

    def oddity(self, run: str, *, colours: bool = True) -> "Oddity":
        """The scores of a run that tells odd images from normal ones, to look at; see `Oddity`."""
        from cae_tui.bridge.oddity import Oddity

        return Oddity(self, self.home, run, self._load_for, colours=colours)

    def latent(self, run: str) -> "Latent":
        """The latent space of a run, to look at."""
        from cae_tui.bridge.latent import Latent

        return Latent(self.home, run)

    def _load_for(self, run: str) -> "ImageData":
        from engine.runs.moved import known_of_run, load_known
        from engine.specs.kinds import spec_from_json

        written = self.home.find(run).read_spec()
        spec = spec_from_json(written["spec"])
        return load_known(known_of_run(run, spec, written), spec.files)

    def seconds_an_epoch(self, spec: "Spec", work: int, training_images: int) -> float | None:
        """An estimate for `spec`, whose plan has so much `work`; None where none of similar size was trained here."""
        from engine.estimates import seconds_per_work

        steps = spec.steps_of(training_images) * sum(epochs for _, epochs in spec.stages)
        each = seconds_per_work(self.list_runs(), spec.kind, work * spec.batch_size, steps)
        return None if each is None else spec.images_of(training_images) * work * each
