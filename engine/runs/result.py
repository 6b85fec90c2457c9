"""`result.json` of a run: what it holds, and whether it can be shown.

`engine.jobs` writes it and views take it as the mapping that it is; here it is only held against the types of its
fields, for the file may have been changed since. What a newer version adds is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.protocol.states import EARLY_STOPPED, FINISHED
from engine.storage.typed_json import cleaned, record_of
from engine.text import names_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    stage: str
    state: str
    epochs: int
    best_epoch: int
    best_loss: float | None
    best_accuracy: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    precision: float
    recall: float
    f1: float
    support: int
    label: int | None = None  # of a class; version 0.1.0 wrote none


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    rows: list[_Row]
    macro: _Row
    weighted: _Row
    accuracy: float
    correct: int
    incorrect: int
    text: str
    confusion: list[list[int]]

    @property
    def square(self) -> bool:
        """Whether there is a row for each class that is counted, and a number for each two."""
        classes = len(self.rows)
        return classes > 0 and len(self.confusion) == classes and {len(row) for row in self.confusion} == {classes}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pca:
    components: int
    mse: float | None
    note: str
    psnr: float | None
    validation_mse: float | None = None
    validation_psnr: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConstantImage:
    """See `engine.evaluation.baselines.constant_figures`."""

    mse: float
    psnr: float | None
    validation_mse: float
    validation_psnr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _LargestClass:
    """See `engine.evaluation.baselines.largest_class`."""

    label: int
    accuracy: float
    name: str = ""  # an earlier version wrote none


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    id: str
    kind: str
    state: str
    title: str
    message: str
    device: str
    data: str = ""
    data_digest: str = ""
    best_validation_loss: float | None
    best_epoch: int
    best_stage: str = ""  # version 0.1.0 wrote none
    epochs: int
    seconds: float
    images_per_second: float | None
    ms_per_step: float | None
    parameters: int
    macs: int
    latent: int
    pixels: int
    stages: list[_Stage]
    test_loss: float | None
    # Of a run that was measured: one that ended early has none of these.
    evaluated_on: str = ""
    # Of an autoencoder.
    validation_mse: float | None = None
    validation_psnr: float | None = None
    test_mse: float | None = None
    test_psnr: float | None = None
    pca: _Pca | None = None
    constant_image: _ConstantImage | None = None
    # Of a classifier.
    test_accuracy: float | None = None
    accuracy: float | None = None
    correct: int | None = None
    incorrect: int | None = None
    views: int = 1
    one_view_accuracy: float | None = None
    report: _Report | None = None
    largest_class: _LargestClass | None = None
    # Sentences on its images, its split and what it came to.
    remarks: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all is there that a run which has ended so must have."""
        if self.kind != "classifier":
            return self.kind == "autoencoder" and (self.pca is None or bool(self.evaluated_on))
        if self.state not in (FINISHED, EARLY_STOPPED):
            return self.report is None
        if self.report is None or not self.report.square or not self.evaluated_on or self.views < 1:
            return False
        shares = (self.accuracy, self.accuracy if self.views == 1 else self.one_view_accuracy)
        return None not in (self.correct, self.incorrect) and all(
            share is not None and 0 <= share <= 1 for share in shares
        )


def check_result(values: object) -> Mapping[str, Any]:
    """What a `result.json` holds, as it can be shown; what version 0.1.0 did not write is filled in.

    Raises:
        TypeError: it is no result; the message says which value is not what it can be.
    """
    values = cleaned(values)
    if not record_of(_Result, values).whole:
        raise TypeError("its measure is missing")
    assert isinstance(values, dict)
    values.setdefault("remarks", [])
    having = [stage["stage"] for stage in values["stages"] if stage["best_epoch"]]
    values.setdefault("best_stage", having[-1] if having else "")
    if values.get("report") is not None:
        _fill_in(values["report"], values["remarks"])
    return values


def _fill_in(report: dict[str, Any], remarks: list[str]) -> None:
    """The classes of a report that version 0.1.0 wrote: it had a row for every one, and averaged over all of them."""
    rows = report["rows"]
    if all(row.get("label") is not None for row in rows):
        return
    taken = [sum(column) for column in zip(*report["confusion"], strict=True)]
    empty = [place for place, row in enumerate(rows) if not row["support"] and not taken[place]]
    for place, row in enumerate(rows):
        row["label"] = place
    if empty:
        words, have = names_of(empty)
        counted = "counts it" if len(empty) == 1 else "counts them"
        remarks.append(
            f"{words} {have} no image here, and the macro average {counted} with 0, as version 0.1.0 did: it is too "
            "low."
        )
