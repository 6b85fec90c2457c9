"""What the trials of a study are made of, and which of them are one and the same."""

from collections.abc import Collection
from contextlib import suppress

from engine.device import choose_device
from engine.errors import SpecError
from engine.protocol.states import ENDED_FOR_GOOD
from engine.specs.base import Spec
from engine.studies.records import PointRecord, StageRecord, StudyRecord, Trial
from engine.studies.spec import StudySpec, spec_of


class TrialSpecs:
    """The specs of the trials of a study, on images of a shape (h, w, c)."""

    def __init__(self, record: StudyRecord, study: StudySpec, shape: tuple[int, int, int]) -> None:
        self._record, self._study, self._shape = record, study, shape
        self._auto = _auto_precision(record, study.baseline)

    def of(self, stage: StageRecord, point: PointRecord, repeat: int) -> Spec:
        """What a trial's run is made of, and writes down.

        Raises:
            SpecError: there is no such run.
        """
        spec = spec_of(self._study.baseline, {**stage.base, **point.values}, repeat).settled(self._shape)
        if spec.threads == "auto" and self._record.threads:
            spec = spec.model_copy(update={"threads": self._record.threads})
        # A long run is read off afterwards at any epoch: it must not end before the last.
        return spec.model_copy(update={"patience": 0}) if self._study.is_long_run(stage.names[0]) else spec

    def twin(self, spec: Spec, trial: Trial, under_way: Collection[int]) -> Trial | None:
        """An earlier trial that did just this, or does, for instance with what `auto` comes to: it is not done twice.

        However it ended: what was pruned, skipped or diverged would not come to more, only a failure may be mended.

        Args:
            under_way: the numbers of those that are trained now.
        """
        for stage in self._record.stages:
            for point in stage.points:
                for repeat, other in enumerate(point.trials):
                    if other is trial:
                        return None
                    if other.state not in ENDED_FOR_GOOD and other.number not in under_way:
                        continue
                    if self._computed(self.of(stage, point, repeat)) == self._computed(spec):
                        return other
        return None

    def _computed(self, spec: Spec) -> Spec:
        """The spec with the precision that `auto` comes to: a run writes down `auto`, so that it may go elsewhere."""
        return spec.model_copy(update={"precision": self._auto}) if spec.precision == "auto" else spec


def _auto_precision(record: StudyRecord, baseline: Spec) -> str:
    """What the precision `auto` comes to, where the study is still on the device that it began on; else `auto`.

    Of what was trained elsewhere it is not known, and is not to be taken for what this device would compute.
    """
    with suppress(SpecError):  # a device that is not here
        if choose_device(baseline.device, baseline.precision).is_of(record.device):
            return choose_device(baseline.device, "auto").precision
    return "auto"
