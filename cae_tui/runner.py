"""The app's only bridge to the engine.

One worker thread trains; it emits events, which become messages to the app, at most ten of a batch a
second and every other one. Runs that another process trains are followed by reading their events file.
Everything else a screen needs from the engine is an `async` method here that works in a thread and
gives back plain values. The engine's modules are imported inside the functions, in those threads: the
first screen stands before torch, numpy or pydantic are loaded.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cae_tui.run_state import RunState, replay
from cae_tui.views import (
    DataView,
    ImageView,
    Picture,
    Prediction,
    PredictionsView,
    RunView,
    SampleStrip,
    SplitView,
)
from engine.control import Asked, Flag
from engine.errors import EngineError, RunError
from engine.events import BatchEnded, Event
from engine.marks import Marks, change, read_marks, write_marks
from engine.runs import Home, RunDirectory, RunStatus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.architecture import Plan as Plan  # screens import it from here
    from engine.datasets import ImageData, ImageSet
    from engine.spec import AutoencoderSpec, Spec

log = logging.getLogger("cae_tui")

BATCH_SECONDS = 0.25
FOLLOW_SECONDS = 0.25
READERS = 4
DATA_SETS = 2  # that are kept in memory

T = TypeVar("T")


class Work(Protocol):
    """What trains: the engine's `jobs`, or a script of events in a test."""

    def start(self, home: Home, spec: "Spec", emit: Callable[[Event], None], flag: Flag) -> Any:
        """Run `spec` from the beginning; the first event is `RunStarted`, the last is `RunEnded`."""

    def resume(self, home: Home, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> Any:
        """Take up a run; the first event is `Resumed`, the last is `RunEnded`."""


class EngineWork:
    """The real engine, imported when it is first asked for."""

    def start(self, home: Home, spec: "Spec", emit: Callable[[Event], None], flag: Flag) -> Any:
        """See `Work`."""
        from engine import jobs

        return jobs.start(home, spec, emit, flag)

    def resume(self, home: Home, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> Any:  # noqa: ARG002 - as `Work` has it
        """See `Work`; a run knows its own directory."""
        from engine import jobs

        return jobs.resume(run, emit, flag)


class Listener(Protocol):
    """What the runner tells; called from its threads, so the app's side only posts messages."""

    def run_changed(self, run: RunState, *, epoch: bool) -> None:
        """Something of the run is new: a step, or (`epoch`) more than that."""

    def run_refused(self, error: str, problems: dict[str, str]) -> None:
        """A run could not begin, or ended by an error that is nobody's spec; `problems` by field."""


class Runner:
    """Starts, follows and controls runs, and reads what screens show."""

    def __init__(self, home: Home, listener: Listener, work: Work | None = None) -> None:
        self.home = home
        self.current: RunState | None = None  # the run this process trains, or trained last
        self._listener = listener
        self._work = work or EngineWork()
        self.flag = Flag()
        self._thread: threading.Thread | None = None
        self._followed: dict[str, threading.Event] = {}
        self._data: dict[object, ImageData] = {}
        self._loading = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._reads: set[Future[Any]] = set()

    # -- training --------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether this process is training."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, spec: "Spec") -> None:
        """Train `spec` in the worker thread.

        Raises:
            RunError: a run is on already.
        """
        self._begin(lambda emit: self._work.start(self.home, spec, emit, self.flag))

    def resume(self, run: str) -> None:
        """Take up a run in the worker thread.

        Raises:
            RunError: a run is on already, or there is no such run.
        """
        directory = self.home.find(run)
        self._begin(lambda emit: self._work.resume(self.home, directory, emit, self.flag), directory)

    def _begin(self, work: Callable[[Callable[[Event], None]], Any], directory: RunDirectory | None = None) -> None:
        self.occupy(lambda: work(self.emitter(directory)))

    def occupy(self, work: Callable[[], Any]) -> None:
        """Do `work`, which trains, in the worker thread; `flag` is fresh.

        Raises:
            RunError: a run is on already.
        """
        if self.busy:
            raise RunError("A run is on already: stop it, or wait for its end, before another begins.")
        self.flag = Flag()
        self.current = None
        self._thread = threading.Thread(target=self._train, args=(work,), name="training", daemon=True)
        self._thread.start()

    def emitter(self, directory: RunDirectory | None = None) -> Callable[[Event], None]:
        """What takes in the events of one run and tells of them; `directory` is that of a run which is taken up."""
        told = 0.0
        self.current = None

        def emit(event: Event) -> None:
            nonlocal told
            if self.current is None:
                # The events of a run that is taken up were cut back to its checkpoint before this first one.
                before = directory.read_events()[0] if directory else []
                self.current = replay(directory.id if directory else getattr(event, "run", ""), before)
            self.current.apply(event)
            is_batch = isinstance(event, BatchEnded)
            now = time.monotonic()
            if not is_batch or now - told >= BATCH_SECONDS:
                told = now
                self._listener.run_changed(self.current, epoch=not is_batch)

        return emit

    def _train(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except EngineError as error:
            self._listener.run_refused(str(error), getattr(error, "problems", {}))
        except Exception as error:  # a bug: without a word the screen would wait for ever
            log.exception("a run could not begin")
            self._listener.run_refused(
                f"An error that should not happen: {type(error).__name__}. {self.home.log} has the details.", {}
            )

    def ask(self, run: str, what: Asked) -> None:
        """Ask a run to pause, go on or stop, whoever trains it.

        Raises:
            RunError: nobody trains it.
        """
        if self.busy and self.current is not None and self.current.id == run:
            self.flag.ask(what)
            return
        directory = self.home.find(run)
        if not directory.is_held():
            raise RunError(f"Run {run} is not being trained: resume it to go on.")
        directory.ask(what)

    def stop_at_once(self) -> None:
        """Ask the run of this process to stop; what it has is kept."""
        self.flag.ask(Asked.STOP)

    async def wait_for_end(self) -> None:
        """Until this process trains no more."""
        while self.busy:
            await asyncio.sleep(0.05)

    # -- reading ---------------------------------------------------------------------------------

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

    # -- runs that are looked at -----------------------------------------------------------------

    def follow(self, run: str) -> None:
        """Tell of a run that another process trains, until it ends or `unfollow`."""
        if run in self._followed or (self.busy and self.current is not None and self.current.id == run):
            return
        stop = self._followed[run] = threading.Event()
        threading.Thread(target=self._follow, args=(run, stop), name=f"follow {run}", daemon=True).start()

    def unfollow(self, run: str) -> None:
        """Tell no more of it."""
        if stop := self._followed.pop(run, None):
            stop.set()

    def _follow(self, run: str, stop: threading.Event) -> None:
        try:
            self._follow_events(self.home.find(run), stop)
        except EngineError as error:
            self._listener.run_refused(str(error), {})
        if self._followed.get(run) is stop:
            del self._followed[run]

    def _follow_events(self, directory: RunDirectory, stop: threading.Event) -> None:
        run = directory.id
        state, offset = RunState(run), 0
        while not stop.is_set():
            try:
                size = directory.events.stat().st_size
            except OSError:
                size = 0
            if size < offset:  # cut back to a checkpoint by a resume
                state, offset = RunState(run), 0
            events, offset = directory.read_events(offset)
            for event in events:
                state.apply(event)
            if events:
                self._listener.run_changed(state, epoch=any(not isinstance(event, BatchEnded) for event in events))
            if state.ended is not None:
                break
            if not events and not directory.is_held():  # it was killed: its status says so
                status = directory.read_status()
                state.state, state.message = status.state, status.message
                self._listener.run_changed(state, epoch=True)
                break
            stop.wait(FOLLOW_SECONDS)

    def list_runs(self) -> list[RunStatus]:
        """Every run, the newest first; reads one small file a run."""
        return self.home.list_runs()

    async def open_run(self, run: str) -> RunView:
        """A run with its events replayed.

        Raises:
            RunError: there is no such run, or it is damaged.
        """
        return await self.in_thread(lambda: self._open_run(run))

    def _open_run(self, run: str) -> RunView:
        directory = self.home.find(run)
        mine = self.busy and self.current is not None and self.current.id == directory.id
        status = directory.read_status()
        state = self.current if mine and self.current else replay(directory.id, directory.read_events()[0])
        if not mine and state.ended is None:
            state.state, state.message = status.state, status.message
        return RunView(
            status=status, state=state, spec=directory.read_spec(), result=directory.read_result() or {}, mine=mine
        )

    def data_files(self, run: str) -> dict[str, str]:
        """The files that a run's spec names, by field; nothing for MNIST, and for what is no readable run."""
        try:
            spec = self.home.find(run).read_spec()["spec"]
            names = ("images", "labels", "test_images", "test_labels")
            return {name: str(spec[name]) for name in names if spec.get(name)}
        except (EngineError, KeyError, TypeError, AttributeError):
            return {}

    def delete(self, run: str) -> None:
        """Take a run away for good."""
        self.home.delete(self.home.find(run))

    def marks(self, runs: Sequence[str]) -> list[Marks]:
        """What was noted about each of `runs`.

        Raises:
            RunError: one is gone, or its file is damaged.
        """
        return [read_marks(RunDirectory(self.home.runs / run).marks) for run in runs]

    def mark(self, runs: Sequence[str], **changes: Any) -> None:
        """Note something about each of `runs`: see `engine.marks.change`.

        Raises:
            EngineError: one is gone, its file is damaged or cannot be written; those before it are changed.
        """
        for run in runs:
            path = RunDirectory(self.home.runs / run).marks
            write_marks(path, change(read_marks(path), **changes))

    async def specs(self, runs: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The values of the specs of `runs` as JSON, by id; of one that cannot be read there are none."""
        return await self.in_thread(lambda: self.home.specs(runs))

    async def export_runs(self, runs: Sequence[str], target: str) -> Path:
        """Write `runs` as CSV to `target`, a file, and give back where it is.

        Raises:
            StorageError: it cannot be written.
        """

        def write() -> Path:
            from engine.run_csv import write_csv

            asked = set(runs)
            return write_csv(self.home, [run for run in self.list_runs() if run.id in asked], Path(target))

        return await self.in_thread(write)

    async def save_model(self, run: str, target: str) -> Path:
        """Copy the model file of a run to `target`, a file or a folder, and give back where it is now.

        Raises:
            EngineError: there is none yet, or it cannot be written.
        """

        def save() -> Path:
            from engine import jobs

            return jobs.save_model(self.home.find(run), Path(target))

        return await asyncio.to_thread(save)

    async def samples(self, run: str, file: str, epoch: int) -> SampleStrip:
        """The validation images of an epoch and their reconstructions."""

        def read() -> SampleStrip:
            import numpy as np

            with np.load(self.home.find(run).path / file, allow_pickle=False) as arrays:
                return SampleStrip(epoch, pictures(arrays["originals"]), pictures(arrays["reconstructions"]))

        return await self.in_thread(read)

    # -- predictions -----------------------------------------------------------------------------

    async def predictions(self, run: str) -> PredictionsView:
        """What the model of a complete run made of every image it was evaluated on."""

        def read() -> PredictionsView:
            from engine import results

            found = results.read_predictions(self.home.find(run))
            data = self._load_for(run)
            labels = self._evaluated(run, found.of).labels
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
            return PredictionsView(run=run, kind=found.kind, classes=data.classes, of=found.of, predictions=tuple(rows))

        return await self.in_thread(read)

    async def images(self, run: str, indices: Sequence[int]) -> tuple[Picture, ...]:
        """The images with those indices, as in `Prediction.index`."""

        def read() -> tuple[Picture, ...]:
            import numpy as np

            from engine import results

            of = results.read_predictions(self.home.find(run)).of
            return pictures(self._evaluated(run, of).take(np.array(indices, dtype=np.int64)))

        return await self.in_thread(read)

    async def image(self, run: str, index: int) -> ImageView:
        """One image, with its reconstruction and probabilities."""

        def read() -> ImageView:
            import numpy as np

            from engine import jobs, results

            directory = self.home.find(run)
            found = results.read_predictions(directory)
            original = self._evaluated(run, found.of).take(np.array([index]))
            reconstruction = jobs.reconstruct(directory, original)
            row = found.indices.tolist().index(index)
            return ImageView(
                picture=pictures(original)[0],
                reconstruction=None if reconstruction is None else pictures(reconstruction)[0],
                probabilities=() if found.probabilities is None else tuple(found.probabilities[row].tolist()),
            )

        return await self.in_thread(read)

    def _evaluated(self, run: str, of: str) -> "ImageSet":
        data = self._load_for(run)
        return data.test if of == "test" and data.test is not None else data.train

    # -- data, device, plans ---------------------------------------------------------------------

    def _load(self, spec: "Spec | None") -> "ImageData":
        from engine import datasets

        key = None if spec is None else (spec.images, spec.labels, spec.test_images, spec.test_labels)
        key = None if key == (None, None, None, None) else key
        with self._loading:
            if key not in self._data:
                files = key or ()
                found = datasets.load_dataset(*files)
                while len(self._data) >= DATA_SETS:
                    del self._data[next(iter(self._data))]
                self._data[key] = found
            return self._data[key]

    def _load_for(self, run: str) -> "ImageData":
        from engine.preparation import check_digest
        from engine.spec import spec_from_json

        written = self.home.find(run).read_spec()
        data = self._load(spec_from_json(written["spec"]))
        check_digest(run, written, data)
        return data

    async def data(self, spec: "Spec | None" = None) -> DataView:
        """The data set that `spec` names; MNIST without one.

        Raises:
            DatasetError: it cannot be read.
        """

        def read() -> DataView:
            import numpy as np

            from engine.datasets import class_counts

            found = self._load(spec)
            labels = found.train.labels
            test = None if found.test is None else found.test.labels
            firsts = list(range(min(10, len(found.train))))
            if labels is not None:
                firsts = [int((labels == name).argmax()) for name in range(found.classes) if (labels == name).any()]
            return DataView(
                name=found.name,
                shape=found.shape,
                classes=found.classes,
                training=len(found.train),
                test=0 if found.test is None else len(found.test),
                training_counts=() if labels is None else tuple(class_counts(labels, found.classes)),
                test_counts=() if test is None else tuple(class_counts(test, found.classes)),
                examples=pictures(found.train.take(np.array(firsts))),
            )

        return await self.in_thread(read)

    async def split(self, fraction: float, seed: int, spec: "Spec | None" = None) -> SplitView:
        """The split that a fraction and a seed give."""

        def read() -> SplitView:
            from engine.datasets import class_counts, split

            found = self._load(spec)
            training, validation = split(found.train, fraction, seed)
            labels = found.train.labels
            return SplitView(
                training=len(training),
                validation=len(validation),
                training_counts=() if labels is None else tuple(class_counts(labels[training], found.classes)),
                validation_counts=() if labels is None else tuple(class_counts(labels[validation], found.classes)),
            )

        return await self.in_thread(read)

    async def class_images(
        self, name: int | None, first: int, count: int, spec: "Spec | None" = None
    ) -> tuple[Picture, ...]:
        """Training images of one class (of all, where None), `count` from the `first` on."""

        def read() -> tuple[Picture, ...]:
            import numpy as np

            found = self._load(spec)
            labels = found.train.labels
            every = np.arange(len(found.train)) if name is None or labels is None else np.flatnonzero(labels == name)
            return pictures(found.train.take(every[first : first + count]))

        return await self.in_thread(read)

    async def device(self) -> str:
        """The device that auto chooses, in words: `cpu · 2 threads · float32`. Loads torch."""

        def read() -> str:
            from engine.device import choose_device

            return choose_device("auto", "auto").words

        return await self.in_thread(read)

    async def check(self, spec: "Spec") -> dict[str, str]:
        """What of a spec does not fit its data: a sentence by field, empty where all fits."""

        def read() -> dict[str, str]:
            from engine.errors import DatasetError
            from engine.preparation import split_for
            from engine.spec import check_against_data

            try:
                found = self._load(spec)
            except DatasetError as error:
                return {error.field: str(error)}
            training, _ = split_for(spec, found)
            return check_against_data(spec, found.shape, len(training))

        return await self.in_thread(read)

    def plan(self, spec: "AutoencoderSpec", shape: tuple[int, int, int]) -> "Plan":
        """The layers of an autoencoder, at once."""
        from engine.architecture import plan_autoencoder

        return plan_autoencoder(spec, shape)

    async def classifier_plan(self, spec: "Spec") -> "Plan":
        """The layers of a classifier on the encoder that its spec names.

        Raises:
            EngineError: there is no such encoder, or it is for other images.
        """

        def read() -> "Plan":
            from engine import jobs

            return jobs.summarise_classifier(self.home, spec, self._load(spec))

        return await self.in_thread(read)

    def seconds_an_epoch(self, work: int, training_images: int) -> float | None:
        """An estimate for a network whose plan has so much `work`; None where no autoencoder was trained here yet.

        It is scaled from the latest one that completed an epoch.
        """
        from engine.estimates import seconds_per_work

        each = seconds_per_work(self.list_runs(), "autoencoder")
        return None if each is None else training_images * work * each


def pictures(images: "NDArray[np.uint8]") -> tuple[Picture, ...]:
    """uint8 arrays (n, height, width, channels) as pictures."""
    _, height, width, channels = images.shape
    return tuple(Picture(height, width, channels, image.tobytes()) for image in images)
