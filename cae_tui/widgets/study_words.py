"""What a study would do, how far it is, and why it picks what it picks, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from cae_tui import formats
from cae_tui.bridge.run_state import RunState
from cae_tui.bridge.run_titles import cut
from cae_tui.widgets.frame import state_content
from engine.studies import worth
from engine.studies.records import StageRecord, StudyRecord
from engine.studies.tables import epoch_of, planned_memory
from engine.text import counted, numbers

if TYPE_CHECKING:
    from cae_tui.bridge.study_runner import Lane


def progress(record: StudyRecord, run: RunState | None, *, wide: bool) -> Content:
    """A bar and its words: `━━━───────  ● running  trial 3 of 6  epoch 2/20  ETA 4:10 for all`.

    Args:
        record: the study.
        run: what this process trains, whose steps are told where it is the trial under way.
        wide: whether there is room for a long bar and for steps.
    """
    on = record.under_way
    trial = on[0] if len(on) == 1 else None
    parts = [state_content(record.state)]
    if record.live and len(on) > 1:
        parts.append(Content(f"{record.done} of {counted(record.total, 'trial')}, {len(on)} at once"))
    elif record.live:
        parts.append(Content(f"trial {min(record.done + 1, record.total)} of {record.total}"))
    else:
        parts.append(Content(f"{record.done} of {counted(record.total, 'trial')} · {formats.duration(record.seconds)}"))
    if trial is not None:
        epoch = epoch_of(record, trial)
        if run is not None and run.id == trial.run and run.stage_epochs:
            epoch = formats.epoch_label(run.stage, run.epoch, run.stage_epochs)
            if wide and run.batch is not None:
                epoch += f" step {run.batch.step}/{run.batch.steps}"
        parts.append(Content(epoch))
    if record.state == "running" and record.eta is not None:
        parts.append(Content(f"ETA {formats.duration(record.eta)} for all"))
    if record.message and record.state not in ("failed", "finished"):  # those are told beneath the table
        parts.append(Content(record.message))
    done = record.done + sum(trial.epochs / max(trial.planned, 1) for trial in on)
    length = 20 if wide else 10
    filled = round(length * min(done / max(record.total, 1), 1.0))
    bar = Content.styled("━" * filled, "$primary") + Content.styled("─" * (length - filled), "$foreground-muted")
    return Content("  ").join([bar, *parts])


def lanes_words(record: StudyRecord, lanes: Sequence["Lane"], width: int, most: int) -> Content:
    """What each worker is doing, a line each: worker, trial, what it tries, epoch, loss, ms a step.

    Args:
        record: the study.
        lanes: of the trials under way.
        width: cells of a line.
        most: lines there is room for; the last tells how many have none.
    """
    from engine.studies.spec import brief

    points = {trial.number: point for point in record.points for trial in point.trials}
    shown = lanes if len(lanes) <= most else lanes[: most - 1]
    rows = []
    for lane in shown:
        waits = lane.state != "running"
        speed = "" if lane.ms_per_step is None else f"{formats.seconds(lane.ms_per_step)} ms/step"
        loss = "" if lane.loss is None else f"loss {formats.loss(lane.loss)}"
        rows.append(
            (
                f"worker {lane.worker}",
                f"trial {lane.trial.number}",
                brief(points[lane.trial.number].values),
                f"{formats.state_symbol(lane.state)[0]} {lane.state}" if waits else lane.epoch or "preparing",
                "" if waits else loss,
                "" if waits else speed,
            )
        )
    sizes = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    room = width - sum(sizes) + sizes[2] - 2 * (len(sizes) - 1)
    sizes[2] = max(min(sizes[2], room), 0)
    lines = []
    for row in rows:
        cells = [cut(cell, size).ljust(size) if size else "" for cell, size in zip(row, sizes, strict=True)]
        lines.append("  ".join(cell for cell, size in zip(cells, sizes, strict=True) if size).rstrip())
    if len(shown) < len(lanes):
        lines.append(f"… and {len(lanes) - len(shown)} more")
    return Content("\n".join(lines))


def reason(record: StudyRecord, stage: StageRecord, *, mine: bool, labels: str = "") -> tuple[str, bool]:
    """Why a stage picks what it picks, or why it has not picked yet; and whether it waits for a person.

    Args:
        record: the study.
        stage: one of its stages.
        mine: whether this process works on the study, and so takes a person's pick.
        labels: of a study of an encoder's worth, those that the row under the cursor has.
    """
    here, state = stage is record.stages[record.stage_under_way], record.state
    if here and state == "failed" and record.message:
        return f"✗ {record.message}", False
    if here and state == "waiting":
        how = "t picks the row under the cursor." if mine else "Answer it in the process that runs the study."
        return f"The rule would pick: {stage.reason} {how}", True
    if record.spec.get("mode") == "worth":
        found = worth.sentences(stage, worth.OF[0], record.data.get("each_class", 0.0))
        return found.get(labels) or "What the encoder is worth is told once the first seeds have ended.", False
    if stage.settled:
        told = f"★ {stage.reason}" if stage.reason else f"No pick: {stage.problem}"
        return f"{told} {record.message}".strip() if state == "finished" and stage is record.stages[-1] else told, False
    if stage.base or any(trial.run for point in stage.points for trial in point.trials):
        return "The pick is made once all trials have ended.", False
    return "This stage has not started: its baseline is what the previous stages pick.", False


def plan_words(plan: StudyRecord, seconds: float | None) -> str:
    """The plan in lines: stages, their points, and what all of it takes."""
    from engine.studies.spec import describe, study_from_json

    lines = [f"{counted(plan.total, 'trial')} on {plan.machine}", ""]
    for number, stage in enumerate(plan.stages, start=1):
        names = ", ".join(name.replace("_", " ") for name in stage.names)
        lines.append(f"{number}  {names}" if len(plan.stages) > 1 else names)
        listed = stage.points[:12]
        room = max((len(describe(point.values)) for point in listed), default=0)
        lines += [f"   {describe(point.values):<{room}}  {formats.big(point.parameters):>6} params" for point in listed]
        if stage.names == ["epochs"] and study_from_json(plan.spec).is_long_run("epochs"):
            lines.append("   one run, read off at each of its epochs")
        if len(stage.points) > len(listed):
            lines.append(f"   … {len(stage.points) - len(listed):,} more")
        if not stage.points:
            spec: dict[str, list[str]] = plan.spec["values"]
            lines += [f"   {name}: {', '.join(numbers(values))}" for name, values in spec.items()]
    if plan.data.get("left_out"):
        lines += ["", str(plan.data["left_out"])]
    size = formats.size(planned_memory(plan))
    lines += ["", f"{f'At most {size}' if plan.points else f'The baseline takes {size}'} of memory at a time."]
    if seconds is None:
        lines.append("How long it takes is known once a run of similar size has been trained here.")
    else:
        lines.append(f"About {formats.duration(seconds)} in all, estimated from a run of similar size here.")
    if len(plan.stages) > 1:
        lines.append("Later stages are shown for the baseline.")
    return "\n".join(lines)
