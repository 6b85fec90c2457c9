"""Studies that are written by hand, and a `StudyTrainer` that plays one without training. Every number is fixed."""

import threading
from collections.abc import Mapping

from engine.protocol.control import Asked, Flag
from engine.runs.directory import Home
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import preset
from engine.specs.classifier import ClassifierSpec
from engine.studies import worth
from engine.studies.records import PointRecord, StageRecord, Studies, StudyDirectory, StudyRecord, Trial
from engine.studies.scheduler import Observer
from engine.studies.spec import StudySpec, make_study
from tests.cae_tui.script import AUTOENCODER, BEGAN

STUDY = "4s6y000000"


def trial(number: int, best: float, ms: float, *, seed: int = 0, epochs: int = 6, state: str = "finished") -> Trial:
    """A trial whose losses fall to `best`; one that runs is halfway."""
    done = {"finished": epochs, "running": epochs // 2, "diverged": 2}.get(state, 0)
    validation = [best * (1 + 1.5 * 0.5**epoch) for epoch in range(1, done)] + ([best] if done else [])
    train = [0.9 * loss for loss in validation]
    return Trial(
        number=number, seed=seed, run=f"{number:04x}000000" if done else "", state=state, planned=epochs, epochs=done,
        best_epoch=done, best_loss=validation[-1] if done else None, last_loss=validation[-1] if done else None,
        train_loss=train[-1] if done else None, test_loss=best * 1.01 if state == "finished" else None,
        ms_per_step=ms if done else None, epoch_seconds=0.18 * ms if done else None, seconds=0.18 * ms * done,
        train=train, validation=validation,
    )  # fmt: skip


def guided(*, state: str = "finished") -> StudyRecord:
    """The 2020 report's kernels and batch sizes; while it runs, or waits, the second stage is not settled."""
    spec = make_study(
        "guided",
        preset(AutoencoderSpec, "report", epochs=6, batch_size=256),
        {"kernels": "16,32,50,64", "batch_size": "128,256"},
        ask=state == "waiting",
    )
    kernels = StageRecord(
        names=["kernels"],
        points=[
            PointRecord(values={"kernels": value}, trials=[trial(number, loss, ms)], parameters=1172 * int(value),
                        latent=49 * int(value), weight=int(value))
            for number, (value, loss, ms) in enumerate(
                (("16", 0.0040, 18.0), ("32", 0.0027, 33.0), ("50", 0.0023, 60.0), ("64", 0.0019, 74.0)), start=1
            )
        ],
        pick=1, proposed=1, picked={"kernels": "32"},
        reason="32 kernels: val_loss 0.0027, 33 ms a step. 64 lowers the loss by 30 % for 2.2 × the time: not worth it "
               "at 0.64.",
    )  # fmt: skip
    second = {"finished": "finished", "waiting": "finished"}.get(state, "running")
    batch = StageRecord(
        names=["batch_size"],
        points=[
            PointRecord(values={"batch_size": "128"}, trials=[trial(5, 0.0011, 18.0)], parameters=37_504, latent=1568,
                        weight=32),
            PointRecord(values={"batch_size": "256"}, trials=[trial(6, 0.0018, 34.0, state=second)], parameters=37_504,
                        latent=1568, weight=32),
        ],
        base={"kernels": "32"},
    )  # fmt: skip
    if state in ("finished", "waiting"):
        batch.proposed, batch.picked = 0, {"batch_size": "128"}
        batch.reason = "batch 128: val_loss 0.0011, 3.2 s an epoch. No slower value has a lower loss."
    if state == "finished":
        batch.pick = 0
    return _record(spec, [kernels, batch], state)


def long_run() -> StudyRecord:
    """A guided study that waits: how many epochs of one long run are carried on?"""
    spec = make_study("guided", preset(AutoencoderSpec, "report", epochs=6), {"epochs": "6"}, ask=True)
    point = PointRecord(values={"epochs": "6"}, trials=[trial(1, 0.001, 18.0)], weight=1)
    stage = StageRecord(names=["epochs"], points=[point], proposed=0, picked={"epochs": "4"})
    stage.reason = "4 epochs: best val_loss 0.0012."
    return _record(spec, [stage], "waiting")


def grid(*, points: int = 12, epochs: int = 6) -> StudyRecord:
    """Kernels by learning rate, one of the points diverged."""
    kernels = [str(8 * (at + 1)) for at in range(points // 4)]
    rates = ["0.001", "0.003", "0.01", "0.03"]
    spec = make_study(
        "grid", AutoencoderSpec(epochs=epochs), {"kernels": ",".join(kernels), "learning_rate": ",".join(rates)}
    )
    made = []
    for number, values in enumerate(spec.combinations(("kernels", "learning_rate")), start=1):
        loss = 0.02 / int(values["kernels"]) * (1 + abs(rates.index(values["learning_rate"]) - 2))
        state = "diverged" if number == points else "finished"
        made.append(
            PointRecord(
                values=values, trials=[trial(number, loss, 2.0 * int(values["kernels"]), epochs=epochs, state=state)],
                parameters=1172 * int(values["kernels"]), latent=49 * int(values["kernels"]), weight=1,
            )
        )  # fmt: skip
    stage = StageRecord(names=["kernels", "learning_rate"], points=made, pick=2, proposed=2, picked=made[2].values)
    stage.reason = "8 kernels, learning_rate 0.01: val_loss 0.0025, 16 ms a step."
    return _record(spec, [stage], "finished")


def repeated() -> StudyRecord:
    """A classifier's fully connected units, each with two seeds."""
    spec = make_study("one", ClassifierSpec(encoder=AUTOENCODER), {"fc_units": "64,128"}, repeats=2)
    points = []
    for place, (value, loss, accuracy) in enumerate((("64", 0.0645, 0.9901), ("128", 0.0782, 0.9899))):
        trials = [trial(2 * place + seed + 1, loss * (1 + 0.02 * seed), 40.0, seed=seed) for seed in (0, 1)]
        for one in trials:
            one.measures = {"validation_accuracy": accuracy, "test_accuracy": accuracy - 0.0005}
        points.append(PointRecord(values={"fc_units": value}, trials=trials, parameters=100_000, latent=1568, weight=1))
    stage = StageRecord(names=["fc_units"], points=points, pick=0, proposed=0, picked={"fc_units": "64"})
    stage.reason = "64 fully connected units: val_loss 0.0651, 0:43 a run. No slower value has a lower loss."
    return _record(spec, [stage], "finished")


def _record(spec: StudySpec, stages: list[StageRecord], state: str) -> StudyRecord:
    for point in (point for stage in stages for point in stage.points):
        point.step_work = 1
    return StudyRecord(
        id=STUDY, title=spec.title, spec=spec.model_dump(mode="json"), state=state, created=BEGAN, updated=BEGAN,
        seconds=125.0, device="cpu · 2 threads · float32", versions={"cae-tui": "0", "torch": "0"},
        data={"name": "MNIST", "training": 60_000, "test": 10_000, "shape": [28, 28, 1], "digest": "0",
              "baseline_weight": 32, "baseline_step_work": 1, "baseline_memory": 52_000_000}, stages=stages,
    )  # fmt: skip


def worth_study() -> StudyRecord:
    """What an encoder is worth: at 1 label a class nothing that is seen, at 10 five points."""
    baseline = preset(ClassifierSpec, "recommended", encoder=AUTOENCODER, **worth.BASELINE)
    spec = make_study("worth", baseline, {"labels_per_class": "1,10,100"}, repeats=2)
    made, number = [], 0
    base = {worth.FINE_TUNED: 0.05, worth.FROZEN: 0.02, worth.LINEAR: 0.0, worth.SCRATCH: 0.0}
    for values in spec.combinations(()):
        labels = values["labels_per_class"]
        trials = []
        for seed in range(2):
            number += 1
            share = {"1": 0.5, "10": 0.8, "100": 0.9}[labels] + base[worth.way_of(values)]
            share += (0.1 if labels == "1" else 0.01) * seed
            one = trial(number, 1.0 - share, 9.0, epochs=6)
            one.measures = {"validation_accuracy": share, "test_accuracy": share, "validation_nearest": share - 0.1}
            trials.append(one)
        made.append(PointRecord(values=values, trials=trials, parameters=36_714, weight=1))
    record = _record(spec, [StageRecord(names=list(worth.NAMES), points=made, over=True)], "finished")
    record.data["each_class"] = 500.0
    return record


def write_study(home: Home, record: StudyRecord) -> StudyDirectory:
    directory = StudyDirectory(Studies(home).folder / record.id)
    directory.path.mkdir(parents=True)
    updated = record.updated
    directory.write(record)
    record.updated = updated
    return directory


class ScriptedStudy:
    """Plays `record`: tells of it as it stands, then waits until it is told to stop or to finish."""

    def __init__(self, record: StudyRecord) -> None:
        self.record = record
        self.asked: list[Asked] = []
        self.chosen: Mapping[str, str] | None = None
        self.finish = threading.Event()
        self.specs: list[StudySpec] = []

    def create(self, home: Home, spec: StudySpec) -> StudyDirectory:
        self.specs.append(spec)
        return write_study(home, self.record)

    def work_on(self, home: Home, directory: StudyDirectory, observer: Observer, flag: Flag) -> StudyRecord:
        with directory.locked():
            observer.changed(self.record)
            if self.record.state == "waiting":
                self.chosen = observer.choose(self.record, self.record.stages[-1])
                self.record.state = "running" if self.chosen is not None else "stopped"
                observer.changed(self.record)
            while not self.finish.wait(0.01) and flag.asked() is not Asked.STOP:
                if flag.asked() is not Asked.RUN and flag.asked() not in self.asked:
                    self.asked.append(flag.asked())
            self.record.state = "finished" if self.finish.is_set() else "stopped"
            directory.write(self.record)
            observer.changed(self.record)
        return self.record
