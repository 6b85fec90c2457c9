"""What screens read of image sets, of the device and of networks that are only planned; and the threads to read in.

A method that `works_in_thread` is waited for, and gives back plain values. The engine's modules are imported inside
such methods, in those threads: the first screen stands before torch, numpy or pydantic are loaded.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from threading import Event, local
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from cae_tui.bridge.values import DataView, Picture, SplitView
from engine.data.keeping import keep_in
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles

if TYPE_CHECKING:
    from engine.data.datasets import ImageData
    from engine.network.architecture import Plan
    from engine.specs.base import Spec
    from engine.specs.noise import Asked

READERS = 4
MEAN_OF = 2_000
"""Images of a class that its mean is taken of."""
SHOWN = 2
"""Sets that stay at hand as they were shown."""
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


def file_endings(*, pictures: bool) -> tuple[str, ...]:
    """How the names of files end that may be a set, or a picture; the first call loads numpy."""
    from engine.data.arrange import ENDINGS
    from engine.data.sources import endings

    return ENDINGS if pictures else endings()


class DataReader:
    """Reads image sets for screens."""

    def __init__(self, home: Home) -> None:
        self.home = home
        keep_in(home.data)
        self.progress: dict[DataFiles, tuple[int, int]] = {}  # of sets that are being read: how many of how many
        self.fetched: dict[str, tuple[int, int]] = {}  # of sets of the catalogue: bytes that have come, of how many
        self._waiting: defaultdict[DataFiles, set[Event]] = defaultdict(set)  # who reads it; set where it is given up
        self._asked = local()  # in a thread: what is set where nobody waits for its work any more
        self._shown: OrderedDict[tuple[DataFiles, str], ImageData] = OrderedDict()  # by files and digest
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._reads: set[Future[Any]] = set()

    @property
    def reading(self) -> bool:
        """Whether a thread is still reading for a screen, or loading torch."""
        return bool(self._reads)

    async def in_thread(self, read: Callable[[], T]) -> T:
        """What `read` gives, from a thread of our own: the end of the event loop waits for asyncio's."""
        given_up = Event()

        def work() -> T:
            self._asked.given_up = given_up
            return read()

        future = self._readers.submit(work)
        self._reads.add(future)
        future.add_done_callback(self._reads.discard)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            given_up.set()
            raise

    def close(self) -> None:
        """Let the threads end: one that waits for work keeps the app that it was made under."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    # -- data, device, plans ---------------------------------------------------------------------

    def _load(self, files: DataFiles) -> "ImageData":
        """The set, whose reading ends where nobody waits for it any more: pages that are left, files named anew."""
        from engine.data.cache import load
        from engine.errors import DatasetError

        given_up: Event = self._asked.given_up
        waiting = self._waiting[files]
        waiting.add(given_up)

        def told(done: int, of: int) -> None:
            if all(one.is_set() for one in tuple(waiting)):
                raise DatasetError("The reading of these images was given up.", "data")
            self.progress[files] = done, of

        try:
            return load(files, told)
        finally:
            waiting.discard(given_up)
            self.progress.pop(files, None)

    def _as_shown(self, files: DataFiles, digest: str) -> "ImageData":
        """The set as `data` gave it, whatever has become of its files: a page never shows images of two states.

        Raises:
            DatasetError: it is no longer at hand, and its files hold others by now.
        """
        from engine.errors import DatasetError

        found = self._shown.get((files, digest)) or self._load(files)
        if digest not in ("", found.digest):
            raise DatasetError("These images have changed since they were read: F5 reads them again.", "data")
        return found

    @works_in_thread
    def sets_here(self) -> dict[str, tuple[bool, int]]:
        """For each set of the catalogue whether it is here, and the bytes of it that have come."""
        from engine.data.fetching import is_here, size_here
        from engine.specs.catalogue import catalogue

        sets = self.home.sets
        return {name: (is_here(entry, sets), size_here(entry, sets)) for name, entry in catalogue().items()}

    @works_in_thread
    def fetch(self, name: str) -> None:
        """Have a set of the catalogue here; `fetched` tells how far that is. What has come by its end is kept.

        Raises:
            EngineError: it cannot be had, or cannot be written.
        """
        from engine.data.fetching import fetch
        from engine.errors import DatasetError
        from engine.specs.catalogue import catalogue

        given_up: Event = self._asked.given_up

        def told(done: int, of: int) -> None:
            if given_up.is_set():
                raise DatasetError("The fetching was given up.", "data")
            self.fetched[name] = done, of

        try:
            fetch(catalogue()[name], self.home.sets, told)
        finally:
            self.fetched.pop(name, None)

    @works_in_thread
    def look_anew(self) -> None:
        """From now on no look at files of a moment ago counts."""
        from engine.data.cache import look_anew

        look_anew()

    @works_in_thread
    def data(self, files: DataFiles = MNIST_FILES) -> DataView:
        """The image set that those files hold.

        Raises:
            DatasetError: it cannot be read.
        """
        from cae_tui.bridge.plain import data_view

        found = self._load(files)
        self._shown[files, found.digest] = found
        while len(self._shown) > SHOWN:
            with suppress(KeyError):  # another thread took it
                self._shown.popitem(last=False)
        return data_view(found)

    @works_in_thread
    def with_noise(self, shown: Sequence[Picture], noise: "Asked") -> tuple[Picture, ...]:
        """Pictures of one size with such noise, each always with the same."""
        import numpy as np

        from cae_tui.bridge.plain import pictures
        from engine.data.noise import Noise

        pixels = [np.frombuffer(one.pixels, np.uint8).reshape(one.height, one.width, one.channels) for one in shown]
        return pictures(Noise(*noise).fixed_pixels(np.stack(pixels), 0))

    @works_in_thread
    def split(self, fraction: float, seed: int, files: DataFiles = MNIST_FILES, digest: str = "") -> SplitView:
        """The split that a fraction and a seed give; of the set that `data` told this `digest` of, where there is one.

        Raises:
            DatasetError: it cannot be read, or is another by now.
        """
        from engine.data.datasets import class_counts
        from engine.data.remarks import of_split
        from engine.data.split import split_of

        found = self._as_shown(files, digest)
        training, validation = split_of(found, fraction, seed)
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
        self, label: int | None, first: int, count: int, files: DataFiles = MNIST_FILES, digest: str = ""
    ) -> tuple[Picture, ...]:
        """Training images of one class (of all, where None), `count` from the `first` on; see `split`."""
        import numpy as np

        from cae_tui.bridge.plain import pictures

        found = self._as_shown(files, digest)
        labels = found.train.labels
        every = np.arange(len(found.train)) if label is None or labels is None else np.flatnonzero(labels == label)
        return pictures(found.train.take(every[first : first + count]))

    @works_in_thread
    def class_means(
        self, labels: Sequence[int], across: int, files: DataFiles = MNIST_FILES, digest: str = ""
    ) -> tuple[Picture, ...]:
        """For each of the classes `across` pictures: the mean of its training images, then the first of these.

        A class with fewer has blank ones behind them. See `split`.
        """
        import numpy as np

        from cae_tui.bridge.plain import pictures

        found = self._as_shown(files, digest)
        rows = np.zeros((len(labels), across, *found.shape), np.uint8)
        for row, label in enumerate(labels):
            places = np.flatnonzero(found.train.labels == label)
            some = found.train.take(places[:MEAN_OF])
            if len(some):
                rows[row, 0] = np.rint(some.mean(0, dtype=np.float64))
            rows[row, 1 : 1 + len(some)] = some[: across - 1]
        return pictures(rows.reshape(-1, *found.shape))

    @works_in_thread
    def device(self) -> str:
        """The device that auto chooses, in words: `cpu · 2 cores · float32`. Loads torch."""
        from engine.device import choose_device

        return choose_device("auto", "auto").offer

    @works_in_thread
    def check(self, spec: "Spec") -> dict[str, str]:
        """What of a spec does not fit its data: a sentence by field, empty where all fits."""
        from engine.errors import DatasetError
        from engine.preparation import split_for
        from engine.specs.kinds import check_against_data

        try:
            found = self._load(spec.files)
            training, _ = split_for(spec, found)
        except DatasetError as error:
            return {error.field: str(error)}
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
        return for_run(found, *split_for(spec, found), spec)

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
