"""Runs that are written by hand: events, run directories, and a `Trainer` that plays a script without training.

Nothing here sleeps or imports torch. Every number is fixed, so that a picture of a screen is the same each time.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cae_tui.bridge.values import DataView, Picture
from engine.errors import EngineError
from engine.protocol.control import Asked, Flag
from engine.protocol.events import (
    BatchEnded,
    Continued,
    EpochEnded,
    EvaluationStarted,
    Event,
    EventFormat,
    MistakesCounted,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SamplesSaved,
    StageEnded,
    StageStarted,
)
from engine.results import result_of
from engine.results.result import Result
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import RunStatus
from engine.specs.anomaly import AnomalySpec
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec
from engine.specs.classifier import ClassifierSpec
from engine.storage.files import write_json

AUTOENCODER = "a7f3000000"
CLASSIFIER = "c01b000000"
BEGAN = 1_700_000_000.0
"""When the scripted runs began, seconds since 1970."""

STAGES: dict[str, tuple[str, ...]] = {
    "autoencoder": ("autoencoder",),
    "classifier": ("frozen", "fine-tuning"),
    "anomaly": ("training",),
}


def scripted_events(
    kind: str = "autoencoder",
    run: str = "",
    *,
    epochs: int = 3,
    steps: int = 4,
    samples: bool = False,
    state: str = "finished",
    message: str = "",
    classes: int = 10,
) -> list[Event]:
    """A plausible run from `RunStarted` to `RunEnded`; each stage has `epochs` epochs.

    Args:
        kind: autoencoder or classifier (frozen, then fine-tuning).
        samples: whether reconstructions are told of after each epoch (their files are not written).
        classes: of a classifier, whose validation counts what was taken for what.
        state: how it ends; other than finished, the last epoch is only begun.
    """
    run = run or (AUTOENCODER if kind == "autoencoder" else CLASSIFIER)
    stages = STAGES[kind]
    clock = iter(range(1, 1_000_000))
    started = RunStarted(
        time=BEGAN, run=run, kind=kind, title=_spec(kind).title, stages=stages, epochs=(epochs,) * len(stages),
        batch_size=128, patience=10, training_images=54_000, validation_images=6_000, test_images=10_000,
        image_shape=(28, 28, 1), parameters=75_748, latent=1568, device="cpu · 2 threads · float32",
        encoder=AUTOENCODER if kind == "classifier" else None,
    )  # fmt: skip
    events: list[Event] = [started]
    best_epoch, best_loss = 0, None
    for number, stage in enumerate(stages):
        cut = state != "finished" and stage == stages[-1]
        events.append(StageStarted(time=BEGAN + next(clock), stage=stage, epochs=epochs, steps=steps, trainable=75_748))
        for epoch in range(1, epochs + 1):
            for step in range(1, steps + 1):
                events.append(_batch(stage, epoch, step, steps, number * epochs + epoch - 1, kind, BEGAN + next(clock)))
                if cut and epoch == epochs and step == steps // 2:
                    break
            else:
                ended = _epoch(stage, epoch, number * epochs + epoch, kind, BEGAN + next(clock))
                best_epoch, best_loss = ended.best_epoch, ended.best_loss
                events.append(ended)
                if kind == "classifier":
                    counted = scripted_counts(classes, number * epochs + epoch)
                    events.append(MistakesCounted(time=BEGAN + next(clock), stage=stage, epoch=epoch, counts=counted))
                if samples and kind == "autoencoder":
                    file = f"samples/epoch-{epoch:04}.npz"
                    events.append(SamplesSaved(time=BEGAN + next(clock), stage=stage, epoch=epoch, file=file))
        how, done = (state, epochs - 1) if cut else ("finished", epochs)
        events.append(
            StageEnded(
                time=BEGAN + next(clock),
                stage=stage,
                state=how,
                epochs=done,
                best_epoch=best_epoch,
                best_loss=best_loss,
                seconds=21.0 * done,
            )
        )
    if state == "finished":
        events.append(EvaluationStarted(time=BEGAN + next(clock), what="10,000 test images"))
    result = scripted_result(kind, run, epochs=epochs, state=state, message=message)
    events.append(RunEnded(time=BEGAN + next(clock), state=state, message=message, result=result))
    return events


def scripted_counts(classes: int, at_epoch: int) -> tuple[tuple[int, ...], ...]:
    """What validation images were taken for after so many epochs: 6,000 of ten classes, fewer and fewer mistakes."""
    counts = [[0] * classes for _ in range(classes)]
    for name in range(classes):
        counts[name][name] = 590 + name
    for place, (true, predicted) in enumerate(((4, 9), (9, 4), (7, 2), (5, 3), (3, 5), (8, 3), (2, 7))):
        if max(true, predicted) < classes:
            counts[true][predicted] = max((14 - place) // at_epoch, 1)
    return tuple(tuple(row) for row in counts)


def _loss(kind: str, at: float) -> float:
    return (0.09 if kind == "classifier" else 0.002) / (1 + at)


def _batch(stage: str, epoch: int, step: int, steps: int, before: int, kind: str, at: float) -> BatchEnded:
    metrics = {"loss": 1.1 * _loss(kind, before + step / steps)}
    if kind == "classifier":
        metrics["accuracy"] = 0.97 + 0.001 * before
    return BatchEnded(
        time=at, stage=stage, epoch=epoch, step=step, steps=steps, metrics=metrics, learning_rate=0.004,
        ms_per_step=50.0, images_per_second=2560.0, memory=300_000_000,
    )  # fmt: skip


def _epoch(stage: str, epoch: int, at_epoch: int, kind: str, at: float) -> EpochEnded:
    train, validation = {"loss": _loss(kind, at_epoch)}, {"loss": 1.05 * _loss(kind, at_epoch)}
    if kind == "classifier":
        train["accuracy"], validation["accuracy"] = 0.975 + 0.002 * at_epoch, 0.98 + 0.002 * at_epoch
    return EpochEnded(
        time=at, stage=stage, epoch=epoch, train=train, validation=validation, seconds=21.0, ms_per_step=50.0,
        images_per_second=2560.0, learning_rate=0.004, best=True, best_epoch=epoch, best_loss=validation["loss"],
        patience_left=10,
    )  # fmt: skip


def _spec(kind: str) -> Spec:
    if kind == "classifier":
        return ClassifierSpec(encoder=AUTOENCODER)
    return AutoencoderSpec() if kind == "autoencoder" else AnomalySpec(normal="3")


def scripted_result(
    kind: str = "autoencoder", run: str = "", *, epochs: int = 3, state: str = "finished", message: str = ""
) -> dict[str, Any]:
    """What `result.json` holds of a run of `scripted_events`."""
    run = run or (AUTOENCODER if kind == "autoencoder" else CLASSIFIER)
    complete = state in ("finished", "early-stopped")
    total = epochs * len(STAGES[kind])
    best = 1.05 * _loss(kind, total if complete else total - 1)
    result: dict[str, Any] = {
        "id": run, "kind": kind, "state": state, "title": _spec(kind).title, "best_validation_loss": best,
        "best_epoch": epochs, "epochs": total if complete else total - 1, "test_loss": None, "test_accuracy": None,
        "correct": None, "incorrect": None, "seconds": 21.0 * total, "images_per_second": 2560.0, "ms_per_step": 50.0,
        "parameters": 75_748, "macs": 5_200_000, "latent": 1568, "pixels": 784,
        "device": "cpu · 2 threads · float32", "message": message,
        "stages": [
            {
                "stage": stage, "state": "finished", "epochs": epochs, "best_epoch": epochs, "best_loss": best,
                "best_accuracy": 0.992 if kind == "classifier" else None, "seconds": 21.0 * epochs,
            }
            for stage in STAGES[kind]
        ],
    }  # fmt: skip
    if not complete:
        return result
    result["evaluated_on"] = "test"
    if kind == "anomaly":
        names = ("nearest", "error", "both", "pixels", "pixel density")
        scored = [
            {"name": name, "auroc": 0.97 - place / 50, "average_precision": 0.99 - place / 50}
            for place, name in enumerate(names)
        ]
        sides = {"normal": ["3"], "normal_images": 1010, "odd_images": 8990, "known": 5518, "threshold": 5.213}
        line = {
            "precision": 0.9832,
            "recall": 0.9456,
            "f1": 0.9641,
            "false_alarms": 0.1436,
            "threshold_by": "where it is",
        }
        areas = {"auroc": 0.97, "average_precision": 0.99, "scored": scored, "test_loss": 0.0092, "test_mse": 0.0092}
        return {**result, **sides, **line, **areas, "validation_mse": best}
    if kind == "autoencoder":
        measured = {"test_loss": 5.1e-4, "test_mse": 5.1e-4, "test_psnr": 32.92}
        pca = {"components": 784, "mse": None, "note": "The latent is as large as an image.", "psnr": None}
        return {**result, **measured, "validation_mse": best, "validation_psnr": 32.8, "pca": pca}
    report = scripted_report()
    right = {name: report[name] for name in ("accuracy", "correct", "incorrect")}
    views = {"views": 5, "one_view_accuracy": 0.9957}
    return {**result, **right, **views, "test_loss": 0.0142, "test_accuracy": report["accuracy"], "report": report}


def result_with(kind: str = "autoencoder", **changes: Any) -> Result:
    """The same as the record that it is read into, with `changes` in the file."""
    return result_of({**scripted_result(kind), **changes})


def scripted_report() -> dict[str, Any]:
    """A classification report of 10,000 images, 39 of them wrong, as JSON has it."""
    support = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    confusion = [[0] * 10 for _ in range(10)]
    wrong = {(4, 9): 9, (9, 4): 6, (7, 2): 6, (5, 3): 5, (3, 5): 4, (8, 3): 3, (2, 7): 3, (6, 0): 2, (1, 7): 1}
    for (true, predicted), count in wrong.items():
        confusion[true][predicted] = count
    for name, count in enumerate(support):
        confusion[name][name] = count - sum(confusion[name])
    rows: list[dict[str, Any]] = []
    for name, count in enumerate(support):
        told = sum(row[name] for row in confusion)
        precision, recall = confusion[name][name] / told, confusion[name][name] / count
        f1 = 2 * precision * recall / (precision + recall)
        rows.append(
            {
                "name": f"Class {name}",
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "support": count,
                "label": name,
            }
        )
    total, correct = sum(support), sum(confusion[name][name] for name in range(10))

    def mean(name: str, weights: Sequence[float]) -> dict[str, Any]:
        scores = {
            score: sum(row[score] * weight for row, weight in zip(rows, weights, strict=True)) / sum(weights)
            for score in ("precision", "recall", "f1")
        }
        return {"name": name, **scores, "support": total}

    macro, weighted = mean("macro avg", [1.0] * 10), mean("weighted avg", [float(count) for count in support])
    lines = [f"{'':>12} {'precision':>9} {'recall':>9} {'f1-score':>9} {'support':>9}", ""]
    lines += [_report_line(row) for row in rows]
    lines += ["", f"{'accuracy':>12} {'':>9} {'':>9} {correct / total:>9.4f} {total:>9}"]
    lines += [_report_line(macro), _report_line(weighted), ""]
    return {
        "rows": rows, "accuracy": correct / total, "macro": macro, "weighted": weighted, "text": "\n".join(lines),
        "correct": correct, "incorrect": total - correct, "confusion": confusion,
    }  # fmt: skip


def _report_line(row: dict[str, Any]) -> str:
    scores = " ".join(f"{row[score]:>9.4f}" for score in ("precision", "recall", "f1"))
    return f"{row['name']:>12} {scores} {row['support']:>9}"


def _measures(last: EpochEnded | None, result: Mapping[str, Any]) -> dict[str, float]:
    found = {"validation_accuracy": last.validation.get("accuracy") if last else None}
    found |= {"test_accuracy": result.get("test_accuracy"), "report_accuracy": result.get("accuracy")}
    return {name: value for name, value in found.items() if value is not None}


def scripted_status(events: Sequence[Event], *, state: str = "") -> RunStatus:
    """What `status.json` says after `events`."""
    started = next(event for event in events if isinstance(event, RunStarted))
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    ended = next((event for event in events if isinstance(event, RunEnded)), None)
    result = ended.result if ended else {}
    last = epochs[-1] if epochs else None
    return RunStatus(
        id=started.run, kind=started.kind, title=started.title, encoder=started.encoder,
        state=state or (ended.state if ended else "running"), message=ended.message if ended else "",
        stage=last.stage if last else "", epoch=len(epochs), epochs=sum(started.epochs),
        best_loss=last.best_loss if last else None, best_epoch=last.best_epoch if last else 0,
        last_loss=last.validation["loss"] if last else None, last_train_loss=last.train["loss"] if last else None,
        test_loss=result.get("test_loss"), measures=_measures(last, result),
        seconds=21.0 * len(epochs), started=started.time, updated=events[-1].time, image_shape=(28, 28, 1),
        work=14_000_000, images_per_second=2560.0, ms_per_step=50.0, host="here", process=1,
    )  # fmt: skip


def write_run(
    home: Home,
    events: Sequence[Event],
    *,
    status: RunStatus | None = None,
    result: dict[str, Any] | None = None,
    spec: Spec | None = None,
) -> RunDirectory:
    """A run's directory as it lies after `events`; its id is that of their `RunStarted`.

    `status` and `result` follow from the events where they are not given; `result.json` is written for
    runs that ended finished, early-stopped or diverged, as the engine does. A run without `RunEnded` is cut off.
    """
    status = status or scripted_status(events)
    run = RunDirectory(home.runs / status.id)
    for folder in (run.checkpoints, run.best, run.samples):
        folder.mkdir(parents=True, exist_ok=True)
    asked = spec or _spec(status.kind)
    about = {
        "spec": asked.model_dump(mode="json"), "seed": asked.seed, "threads": 2, "device": "cpu · 2 threads · float32",
        "versions": {"cae-tui": "1", "torch": "2"}, "data": {"name": "MNIST", "digest": "0" * 16},
    }  # fmt: skip
    write_json(run.spec, status.kind, about)
    run.write_status(status)
    run.events.write_text("".join(EventFormat.write(event) + "\n" for event in events))
    ended = next((event for event in events if isinstance(event, RunEnded)), None)
    if result is None and ended is not None and ended.state in ("finished", "early-stopped", "diverged"):
        result = dict(ended.result)
    if result is not None:
        write_json(run.result, status.kind, json.loads(json.dumps(result)))
    return run


class ScriptedTrainer:
    """A `Trainer` that plays events into the app, and waits at each `threading.Event` of the script.

    While it waits, what is asked of the run is done: a pause is told, a stop ends it. The run's directory
    is written and locked as the engine does, so that lists show it as running.

    Args:
        script: events and gates, in order; `until` makes one of `scripted_events`.
        refusal: raised in place of a beginning.
    """

    def __init__(
        self, script: Iterable[Event | threading.Event] | None = None, *, refusal: EngineError | None = None
    ) -> None:
        self.script = list(scripted_events() if script is None else script)
        self.refusal = refusal
        self.specs: list[Spec] = []  # that were started
        self.resumed: list[str] = []  # runs that were resumed
        self.finished: list[str] = []  # runs that were finished early

    def start(self, home: Home, spec: Spec, emit: Callable[[Event], None], flag: Flag) -> None:
        """Play the script from its beginning."""
        self.specs.append(spec)
        if self.refusal is not None:
            raise self.refusal
        started = next(event for event in self.script if isinstance(event, RunStarted))
        self._play(write_run(home, [started]), self.script, emit, flag)

    def resume(self, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> None:
        """Say that the run goes on, then play the script without its `RunStarted`."""
        self.resumed.append(run.id)
        if self.refusal is not None:
            raise self.refusal
        resumed = Resumed(time=BEGAN, stage="autoencoder", epoch=1, step=0, device="cpu · 2 threads · float32")
        rest = [event for event in self.script if not isinstance(event, RunStarted)]
        self._play(run, [resumed, *rest], emit, flag)

    def finish(self, run: RunDirectory, emit: Callable[[Event], None], flag: Flag) -> None:
        """Say that the run goes on, and that it is evaluated."""
        self.finished.append(run.id)
        resumed = Resumed(time=BEGAN, stage="autoencoder", epoch=3, step=2, device="cpu · 2 threads · float32")
        evaluated = EvaluationStarted(time=BEGAN, what="10,000 test images")
        events = [resumed, evaluated, finished_early(run.id)]
        with run.events.open(
            "a"
        ) as file:  # as the engine does before it tells: a screen may read them once all is over
            file.writelines(f"{EventFormat.write(event)}\n" for event in events)
        self._play(run, events, emit, flag)

    def _play(
        self,
        run: RunDirectory,
        script: Sequence[Event | threading.Event],
        emit: Callable[[Event], None],
        flag: Flag,
    ) -> None:
        with run.locked():
            for item in script:
                if isinstance(item, threading.Event):
                    asked = _wait(item, emit, flag)
                    if asked is not Asked.RUN:
                        stopped = RunEnded(time=BEGAN, state="stopped", message="Stopped.", result={})
                        self._end(run, finished_early(run.id) if asked is Asked.FINISH else stopped, emit)
                        return
                elif isinstance(item, RunEnded):
                    self._end(run, item, emit)
                else:
                    if isinstance(item, EpochEnded):
                        status = run.read_status()
                        run.write_status(replace(status, best_epoch=item.best_epoch, best_loss=item.best_loss))
                    emit(item)

    def _end(self, run: RunDirectory, ended: RunEnded, emit: Callable[[Event], None]) -> None:
        run.write_status(replace(run.read_status(), state=ended.state, message=ended.message))
        if ended.state in ("finished", "early-stopped", "diverged"):
            write_json(run.result, "autoencoder", dict(ended.result))
        emit(ended)


def finished_early(run: str) -> RunEnded:
    """The end of a run that a person had finish."""
    message = "Finished early at epoch 2 of 3, as asked."
    result = scripted_result(run=run, state="early-stopped", message=message)
    return RunEnded(time=BEGAN, state="early-stopped", message=message, result=result)


def _wait(gate: threading.Event, emit: Callable[[Event], None], flag: Flag) -> Asked:
    """Until the gate opens, or the run is asked to end, which is given back."""
    paused = False
    while not gate.wait(0.005) or paused:
        asked = flag.asked()
        if asked in (Asked.STOP, Asked.FINISH):
            return asked
        if (asked is Asked.PAUSE) is not paused:
            paused = not paused
            emit(Paused(time=BEGAN) if paused else Continued(time=BEGAN))
    return Asked.RUN


def until(events: Sequence[Event], kind: type[Event], number: int = 1) -> tuple[list[Event], list[Event]]:
    """`events` up to and with the `number`-th of a kind, and the rest: put a gate between the two."""
    places = [place for place, event in enumerate(events) if isinstance(event, kind)]
    cut = places[number - 1] + 1
    return list(events[:cut]), list(events[cut:])


def halfway(kind: str = "autoencoder", number: int = 2) -> list[Event]:
    """A run in the second epoch, half of its steps taken."""
    return until(scripted_events(kind, epochs=20), BatchEnded, 4 * (number - 1) + 2)[0]


def held(events: Sequence[Event], kind: type[Event], number: int = 1) -> tuple[ScriptedTrainer, threading.Event]:
    """A trainer that waits after the `number`-th event of a kind, and the gate that lets it go on."""
    gate = threading.Event()
    before, after = until(events, kind, number)
    return ScriptedTrainer([*before, gate, *after]), gate


def picture(name: int = 0, size: int = 28) -> Picture:
    """An image that differs from class to class: a bright bar whose place and slope depend on `name`."""
    pixels = bytearray(size * size)
    for row in range(4, size - 4):
        column = 4 + (name * 2 + row * (name % 3)) % (size - 10)
        for wide in range(4):
            pixels[row * size + column + wide] = 255 - 40 * wide
    return Picture(size, size, 1, bytes(pixels))


def data_view() -> DataView:
    """MNIST's numbers, with images drawn by `picture`."""
    training = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    test = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    return DataView(
        name="MNIST", shape=(28, 28, 1), classes=10, training=60_000, test=10_000, training_counts=training,
        test_counts=test, examples=tuple(picture(name) for name in range(10)), example_classes=tuple(range(10)),
        digest="0" * 16, images_digest="1" * 16,
    )  # fmt: skip
