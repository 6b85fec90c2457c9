"""How long training will take here, before it begins: from the latest run, or from a few steps taken for it."""

import tempfile
import time
from pathlib import Path

from engine.control import Asked, Flag
from engine.events import BatchEnded, Event
from engine.runs import Home, RunStatus
from engine.spec import Spec

MEASURED_SECONDS = 2.0


def seconds_per_work(runs: list[RunStatus], kind: str) -> float | None:
    """Seconds for one image's training step per unit of `Plan.work`, from the latest run of that kind here.

    A classifier's, where there is none yet, is told from an autoencoder's.
    """
    for wanted in dict.fromkeys((kind, "autoencoder")):
        for run in runs:
            if run.work and run.images_per_second and run.epoch and run.kind == wanted:
                return 1 / run.images_per_second / run.work
    return None


def measure(spec: Spec, home: Home) -> float | None:
    """The same from a few steps of `spec`, whose encoder, if it has one, is looked up in `home`; a few seconds.

    The run is made in a folder of its own that is taken away again; None where no step was taken.

    Raises:
        EngineError: it cannot be run.
    """
    from engine import encoders, jobs, preparation

    flag, latest, begun = Flag(), None, 0.0

    def emit(event: Event) -> None:
        nonlocal latest, begun
        if isinstance(event, BatchEnded):
            begun = begun or time.monotonic()
            latest = event
            if time.monotonic() - begun >= MEASURED_SECONDS:
                flag.ask(Asked.STOP)

    if spec.kind == "classifier":
        named = getattr(spec, "encoder", "")
        spec = spec.model_copy(update={"encoder": str(encoders.find_encoder(home, named)[0].absolute())})
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Home(Path(folder))
        work = preparation.create(elsewhere, spec)
        jobs.begin(work, emit, flag)
        return None if latest is None else 1 / latest.images_per_second / work.plan.work
