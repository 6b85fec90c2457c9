"""Training from a program: what `train` gives is iterated over, and what comes is what happens.

The engine tells events, a loop asks for them; so a run trains in a thread of its own and hands them over. It waits
where many are not taken, and it is stopped with a checkpoint where nobody takes any more: the loop is left by `break`,
by an error, by Ctrl+C, or with the program.
"""

import atexit
import os
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event as Told
from threading import Lock, Thread
from typing import Any

import torch

from cae_tui.api.arrays import ARRAYS, as_field, is_places, write_set
from cae_tui.api.model import Model, home_of, load
from cae_tui.api.progress import Bar
from engine import jobs
from engine.data.cache import load as load_set
from engine.data.keeping import keep_in, kept_in
from engine.errors import EngineError, RunError, SpecError
from engine.kinds import kind_of
from engine.preparation import misfits, split_for
from engine.protocol.control import Asked, Flag
from engine.protocol.events import Emit, Event, RunStarted, Warned
from engine.protocol.states import DIVERGED, FAILED
from engine.results.result import Result
from engine.runs.checkpoint import read_autoencoder
from engine.runs.directory import Home
from engine.runs.encoders import find_encoder, with_data_of_encoder
from engine.specs.base import Spec
from engine.specs.base import preset as preset_of
from engine.specs.data_files import DataFiles, names_mnist, refuse_blank
from engine.specs.kinds import SPECS
from engine.specs.listed import listed
from engine.text import either, excerpt

WAITING = 256
"""Events that wait to be taken before the training waits too: half a minute of them."""
LOOK_SECONDS = 0.1
"""Between two looks at whether anybody still waits."""

Begin = Callable[[Emit, Flag], Result]
_one = Lock()
"""Held by what trains: torch's random numbers are one row, and two that draw of it in turns can not be repeated."""
_iterated = Told()
"""Whether a `Training` holds it, whose loop may be where another is asked for."""


UNDER_WAY = "Another training is under way in this program: take its events to the end, or leave its loop first."


class _GivenUpError(Exception):
    """Nobody waits for the images any more."""


class Training:
    """A run that is asked for. It begins when it is iterated over, and gives its events (`engine.protocol.events`).

    It can be iterated over once. A loop that is left before its end stops the run with a checkpoint: `resume` trains on
    from there.
    """

    def __init__(
        self, begin: Begin, home: Home, *, progress: bool, files: DataFiles | None = None, run: str = "",
        begun: RunStarted | None = None,
    ) -> None:  # fmt: skip
        self._begin, self._home, self._progress = begin, home, progress
        self._files = files  # that may take long to read, so that they are read beforehand, and kept in the home
        self._run, self._begun = run, begun  # of one that is resumed
        self._result: Result | None = None
        self._failed: EngineError | None = None  # why it did not begin, or broke off without a result
        self._taken = False

    @property
    def run(self) -> str:
        """The id of the run, which `runs`, `load`, `resume` and every command of `cae-tui` know it by.

        Raises:
            RunError: it has not begun, or could not.
        """
        if not self._run:
            self._say_why()
            raise RunError("The training has not begun: iterate over it, or call wait().")
        return self._run

    @property
    def result(self) -> Result:
        """What the run came to, as its `result.json` has it.

        Raises:
            RunError: it has not ended, or could not begin.
        """
        if self._result is None:
            self._say_why()
            raise RunError("The training has not ended: iterate over it to its end, or call wait().")
        return self._result

    @property
    def model(self) -> Model:
        """The model with the weights of its best epoch.

        Raises:
            RunError: it has not ended, or no epoch of it was completed.
        """
        return load(self.result.id, self._home.path)

    def __iter__(self) -> Iterator[Event]:
        if self._taken:
            self._say_why()
            raise RunError("This training was iterated over before: train() again, or resume() its run.")
        self._taken = True
        return self._events()

    def _say_why(self) -> None:
        """Say again what was wrong, where the training did not begin or broke off.

        Raises:
            RunError: it did.
        """
        if self._failed is not None:
            raise RunError(f"The training {'broke off' if self._run else 'could not begin'}. {self._failed}")

    def wait(self) -> Result:
        """Train to the end, and give back what the run came to. What a person should know of comes as a warning.

        Raises:
            RunError: the run failed.
            EngineError: it cannot begin.
        """
        for event in self if self._result is None else ():
            if isinstance(event, Warned):
                warnings.warn(event.message, stacklevel=2)
        if self.result.state == FAILED:
            raise RunError(f"Run {self.result.id} failed. {self.result.message}")
        if self.result.state == DIVERGED:
            warnings.warn(self.result.message, stacklevel=2)
        return self.result

    def _events(self) -> Generator[Event, None, None]:
        waiting: Queue[Event | tuple[int, int] | Result | BaseException] = Queue(WAITING)
        flag, given_up = Flag(), Told()

        def put(what: Event | tuple[int, int] | Result | BaseException) -> None:
            while not given_up.is_set():
                try:
                    waiting.put(what, timeout=LOOK_SECONDS)
                    return
                except Full:
                    continue

        def emit(event: Event) -> None:
            if isinstance(event, RunStarted):
                self._run = event.run
            put(event)

        def told(done: int, of: int) -> None:
            if given_up.is_set():
                raise _GivenUpError
            if waiting.empty():
                put((done, of))

        def work() -> None:
            try:
                with alone(None if self._files is None else self._home):
                    if self._files is not None:
                        load_set(self._files, told)
                    if not given_up.is_set():
                        self._result = self._begin(emit, flag)
                        put(self._result)
            except BaseException as error:  # it is raised where somebody waits
                put(error)

        thread = Thread(target=work, name="cae-tui training", daemon=True)

        def give_up() -> None:
            flag.ask(Asked.STOP)
            given_up.set()
            if thread.ident is not None:  # else it was not begun
                thread.join()

        if not _one.acquire(blocking=False):
            raise RunError(UNDER_WAY)
        bar = Bar(self._progress, self._begun)
        try:
            _iterated.set()
            atexit.register(give_up)  # a program that ends leaves a checkpoint too
            thread.start()
            while True:
                try:
                    what = waiting.get(timeout=LOOK_SECONDS)
                except Empty:
                    if thread.is_alive():
                        continue
                    what = waiting.get_nowait()
                match what:
                    case Event():
                        bar.hear(what)
                        yield what
                    case (done, of):
                        bar.reading(done, of)
                    case Result():
                        return
                    case BaseException():
                        if isinstance(what, EngineError):
                            self._failed = what
                        raise what
        finally:
            atexit.unregister(give_up)
            try:
                give_up()
            finally:  # where a second Ctrl+C does not wait for the checkpoint too
                _iterated.clear()
                _one.release()
                bar.close()


@contextmanager
def alone(home: Home | None) -> Iterator[None]:
    """Train without a trace in the program that asks for it: its random numbers of torch are as they were.

    Args:
        home: where what is decoded of image sets is kept meanwhile; nowhere where it is None.
    """
    before = kept_in()
    keep_in(None if home is None else home.data)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        keep_in(before)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other training of this program is under way.

    Raises:
        RunError: one that is iterated over is: its loop may be where we are.
    """
    while not _one.acquire(timeout=LOOK_SECONDS):
        if _iterated.is_set():
            raise RunError(UNDER_WAY)
    try:
        yield
    finally:
        _one.release()


def train(
    kind: str, *, data: Any = None, test_data: Any = None, preset: str = "recommended",
    home: str | os.PathLike[str] | None = None, progress: bool = True, **fields: Any,
) -> Training:  # fmt: skip
    """Ask for a run, which begins when it is iterated over, or when `wait` is called.

    Args:
        kind: autoencoder or classifier.
        data: a path or a name, as `cae-tui` takes it; or images as an array, or a pair of images and labels. Arrays
            are written into the home, so that the run can be repeated and resumed. Without it MNIST, or what the
            encoder of a classifier learned from.
        test_data: the same of test images, used once, after training.
        preset: where the other fields come from.
        home: where the run is kept; without it the program's own home.
        progress: whether tqdm shows how far it is.
        fields: of the spec, by name: `epochs=5`, `kernels="16-32"`, `encoder=run`; see docs/hyperparameters.md.

    Raises:
        ValueError: the arrays are no images or labels.
        EngineError: a field is wrong or does not fit the arrays, or the encoder is not there.
    """
    if kind not in SPECS:
        raise SpecError({"kind": f"“{excerpt(kind)}” is not known: choose {either(SPECS)}."})
    place = home_of(home)
    values: dict[str, Any] = {name: as_field(value) for name, value in fields.items()}
    for name, given in (("data", data), ("test_data", test_data)):
        if given is not None:
            values[name] = os.fspath(given) if isinstance(given, os.PathLike) else given
    arrays = [name for name in ("data", "test_data") if name in values and not is_places(values[name])]
    if arrays == ["test_data"]:  # their labels would be counted apart
        raise ValueError("The test data are arrays and the data are not: give both as arrays, or both as paths.")
    if arrays:
        tests = values.pop("test_data") if "test_data" in arrays else None
        values["data"] = str(write_set(place.path / ARRAYS, values["data"], tests))
    refuse_blank(values)
    if not names_mnist(values) and listed(kind).takes_encoder:
        values = with_data_of_encoder(place, values)
    spec = preset_of(SPECS[kind], preset, **values)
    files = None if arrays else spec.files
    if arrays:  # they are at hand: what does not fit them is told here, and not where it begins
        _check(place, spec)
    return Training(lambda emit, flag: jobs.start(place, spec, emit, flag), place, progress=progress, files=files)


def _check(home: Home, spec: Spec) -> None:
    """Look whether a run of `spec` could begin on its images.

    Raises:
        EngineError: it could not; in a sentence for each field that does not fit.
    """
    data = load_set(spec.files)
    kind_of(spec).check_data(data)
    spec = spec.settled(data.shape)
    training, _ = split_for(spec, data)
    encoder = read_autoencoder(find_encoder(home, spec.built_on)[0], data.shape) if spec.built_on else None
    if problems := misfits(spec, data, len(training), None if encoder is None else encoder.encoder_spec):
        raise SpecError(problems)


def resume(run: str, home: str | os.PathLike[str] | None = None, *, progress: bool = True) -> Training:
    """Ask for the rest of a run that was stopped, failed or was cut off; it goes on from its last checkpoint.

    Args:
        run: its id, or enough of its beginning.
        home: where it is; without it the program's own home.
        progress: whether tqdm shows how far it is.

    Raises:
        EngineError: there is no such run, or it has nothing left to do.
    """
    place = home_of(home)
    found = place.find(run)
    jobs.check_resumable(found)
    begun = next((event for event in found.read_events()[0] if isinstance(event, RunStarted)), None)
    return Training(
        lambda emit, flag: jobs.resume(found, emit, flag), place, progress=progress, run=found.id, begun=begun
    )
