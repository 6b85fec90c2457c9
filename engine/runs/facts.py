"""What a report says of a run besides its numbers: how it came about, and whether its loss is good for such a run.

The runs that it is held against are those of this home that were asked for the same on the same images, but for the
seed: the lowest validation loss among them says what the spec can reach here. Test figures have no part in it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.errors import RunError, SpecError
from engine.protocol.states import COMPLETE
from engine.runs.directory import Home, RunDirectory
from engine.runs.notes import NO_NOTES, Notes
from engine.runs.status import RunStatus
from engine.specs.base import Difference, Spec, nearest_preset
from engine.specs.data_files import FIELDS
from engine.specs.kinds import spec_from_json
from engine.specs.measures import psnr

_ELSEWHERE = ("seed", "device", "threads", "encoder", *FIELDS)
"""Fields that do not decide what a spec asks for: data and encoder are told apart by what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The complete runs of this home with one spec, but for its seed, on the same images."""

    count: int  # this run among them, where it is complete
    best: str  # the id of the one with the lowest validation loss
    best_loss: float
    best_psnr: float | None  # in dB, where the loss is a mean squared error
    best_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """How a run came about."""

    preset: str = ""  # the title of the nearest preset; empty where the spec cannot be read
    differences: tuple[Difference, ...] = ()
    data: str = ""
    image_shape: tuple[int, ...] = ()
    training: int = 0  # images; 0 where it was not written down
    validation: int = 0
    test: int = 0
    corrected: str = ""  # what a file of labels changed, in words
    encoder: str = ""  # a classifier's: the run or the file
    encoder_title: str = ""  # its spec's essentials, where they are known
    seed: int | None = None
    device: str = ""
    started: float = 0.0  # seconds since 1970
    study: str = ""
    trial: int = 0
    notes: Notes = NO_NOTES
    peers: Peers | None = None  # None where it cannot be told


def facts_of(home: Home, run: RunDirectory) -> RunFacts:
    """How a run came about; what cannot be read of it is left out.

    Raises:
        RunError: `status.json` cannot be read.
    """
    status = run.read_status()
    written: Mapping[str, Any] = {}
    with suppress(RunError):
        written = run.read_spec()
    spec, encoder = _spec(written.get("spec")), _spec(written.get("encoder_spec"))
    images = run.read_data()
    preset, differences = nearest_preset(spec) if spec is not None else ("", ())
    device = written.get("device")
    return RunFacts(
        preset=spec.preset_titles[preset] if spec is not None else "",
        differences=differences,
        data=status.data,
        image_shape=status.image_shape,
        training=images.training,
        validation=images.validation,
        test=images.test,
        corrected=images.corrected,
        encoder=status.encoder or "",
        encoder_title="" if encoder is None else encoder.title,
        seed=None if spec is None else spec.seed,
        device=device if isinstance(device, str) else "",
        started=status.started,
        study=status.study,
        trial=status.trial,
        notes=run.readable_notes(),
        peers=None if spec is None else _peers(home, status, spec),
    )


def _peers(home: Home, mine: RunStatus, spec: Spec) -> Peers | None:
    """The runs that `mine` is to be held against; None where no complete one has a validation loss."""
    found = [
        (run, other)
        for run in home.list_runs()
        # Cheap comparisons first, for reading the spec of every run takes long where there are thousands.
        if run.state in COMPLETE and run.best_loss is not None
        if (run.kind, run.epochs, run.parameters) == (mine.kind, mine.epochs, mine.parameters)
        if (run.encoder, run.data_digest) == (mine.encoder, mine.data_digest)
        if (other := _same(home, run, spec)) is not None
    ]
    if not found or not mine.data_digest:
        return None
    best, its = min(found, key=lambda pair: (pair[0].best_loss, pair[0].id != mine.id, pair[0].started))
    assert best.best_loss is not None
    ratio = psnr(best.best_loss) if spec.loss_is_mse and best.best_loss >= 0 else None
    return Peers(count=len(found), best=best.id, best_loss=best.best_loss, best_psnr=ratio, best_seed=its.seed)


def _same(home: Home, run: RunStatus, spec: Spec) -> Spec | None:
    """The spec of `run`, where it asks for the same as `spec`."""
    other = _spec(home.specs([run.id])[run.id])
    return other if other is not None and _essentials(other) == _essentials(spec) else None


def _essentials(spec: Spec) -> dict[str, Any]:
    return {name: value for name, value in spec if name not in _ELSEWHERE}


def _spec(values: object) -> Spec | None:
    try:
        return spec_from_json(values)
    except SpecError:
        return None
