"""How long training will take here, before it begins: from a run of similar size, or from a few steps taken for it."""

import math
import tempfile
import time
from pathlib import Path

from engine.protocol.control import Asked, Flag
from engine.protocol.events import BatchEnded, Event
from engine.runs.directory import Home
from engine.runs.status import RunStatus
from engine.specs.base import Spec
from engine.specs.listed import kinds_that_give_encoders

MEASURED_SECONDS = 2.0
ALIKE = 4.0
"""How many times as large a step may be, or as many steps, for one run to tell of another."""
STEADY_STEPS = 200
"""After that many, more no longer change the mean."""


def seconds_per_work(runs: list[RunStatus], kind: str, step_work: int, steps: int) -> float | None:
    """Seconds for one image's training step per unit of `Plan.work`, from the run here whose steps are most alike.

    Where none of its kind is of similar size, it is told from one whose encoder others are built on.

    Args:
        runs: all of them, the newest first; where two are equally like, the newer one counts.
        step_work: `Plan.work` of what is to be trained, times the images of a step.
        steps: how many of them there will be.
    """
    for wanted in dict.fromkeys((kind, *kinds_that_give_encoders())):
        near = [
            (round(abs(math.log(size / step_work)), 1), run.work * speed)  # to a tenth: the newest of those counts
            for run in runs
            if run.kind == wanted and (speed := run.images_per_second) and run.ms_per_step
            if (size := run.work * speed * run.ms_per_step / 1000) and _took_as_many(run, steps)
        ]
        distance, done = min(near, key=lambda found: found[0], default=(math.inf, 0.0))
        if distance <= math.log(ALIKE):
            return 1 / done
    return None


def _took_as_many(run: RunStatus, steps: int) -> bool:
    """Whether a run took enough steps to foretell so many: the first ones are slow, and of a few they are all."""
    return 1000 * run.seconds / (run.ms_per_step or math.inf) * ALIKE >= min(steps, STEADY_STEPS)


def measure(spec: Spec, home: Home) -> float | None:
    """The same from a few steps of `spec`, whose encoder, if it has one, is looked up in `home`; a few seconds.

    The run is made in a folder of its own that is taken away again; None where no step was taken.

    Raises:
        EngineError: it cannot be run.
    """
    from engine import jobs, preparation
    from engine.runs import encoders

    flag, latest, begun = Flag(), None, 0.0

    def emit(event: Event) -> None:
        nonlocal latest, begun
        if isinstance(event, BatchEnded):
            begun = begun or time.monotonic()
            latest = event
            if time.monotonic() - begun >= MEASURED_SECONDS:
                flag.ask(Asked.STOP)

    if spec.built_on:
        encoder, _ = encoders.find_encoder(home, spec.built_on)
        spec = spec.model_copy(update={"encoder": str(encoder)})
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Home(Path(folder))
        prepared = preparation.create(elsewhere, spec)
        jobs.begin(prepared, emit, flag)
        return None if latest is None else 1 / latest.images_per_second / prepared.plan.work
