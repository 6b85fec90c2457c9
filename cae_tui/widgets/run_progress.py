"""What a run's numbers say, in words and bars: the status beside the chart and the log of epochs.

Pure functions of a `RunState`, so that what a person reads can be tested without a screen.
"""

import math

from textual.content import Content

from cae_tui import formats
from cae_tui.bridge.run_state import RunState
from engine.protocol.events import EpochEnded
from engine.protocol.states import PAUSED, RUNNING
from engine.specs.listed import every_measure, listed
from engine.text import byte_size

BAR_LABEL = 14
"""Columns of `epoch  7/20` before a bar."""
AFTER_A_FAILURE = "Resume it to continue from the last checkpoint."
"""How the message of a run ends that could not be written; the key that does it is told instead."""


def bar(share: float, width: int) -> tuple[str, str]:
    """The filled and the empty part of a progress bar of `width` cells."""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    full, half = divmod(halves, 2)
    return "━" * full + ("╸" if half else ""), "━" * (width - full - half)


def progress_line(label: str, share: float, width: int) -> Content:
    """`epoch  7/20  ━━━━━╸━━━━━━━━━━━━  32 %` in `width` cells."""
    share = min(max(share, 0.0), 1.0)
    percent = f"{math.floor(share * 100 + 1e-9):>3} %"  # 100 % only once it is all done
    label = label.ljust(BAR_LABEL)
    filled, empty = bar(share, max(width - len(label) - len(percent) - 2, 4))
    return Content.assemble(label, " ", (filled, "$cae-training"), (empty, "$border-blurred"), " ", percent)


def reading_line(done: int, of: int, words: str = "Reading the pictures ") -> Content:
    """`Reading the pictures ━━━━╸━━━━━━━━━ 12,000 of 60,000`."""
    filled, empty = bar(done / of, 20)
    parts = (words, (filled, "$cae-training"), (empty, "$border-blurred"))
    return Content.assemble(*parts, f" {done:,} of {of:,}")


def bytes_line(words: str, done: int, of: int, speed: float, keys: str) -> Content:
    """`Fetching ━━━━╸━━━━━━━━━ 12.3 MB of 30.9 MB, 2.1 MB/s. Esc ends it.`; without a bar where `of` is not known."""
    if not of:
        return Content(f"{words} … {keys}")
    filled, empty = bar(done / of, 20)
    parts = (f"{words} ", (filled, "$cae-training"), (empty, "$border-blurred"))
    rate = f", {byte_size(int(speed))}/s" if speed >= 1 else ""
    return Content.assemble(*parts, f" {byte_size(done)} of {byte_size(of)}{rate}. {keys}")


def progress_lines(run: RunState, width: int) -> list[Content]:
    """The bars of epoch and step, once a stage has begun."""
    if not run.stage_epochs:
        return []
    done = len(run.stage_log) + run.done_epochs - len(run.epochs)
    bars = [(run.epoch_label, done / run.stage_epochs)]
    if run.started and len(run.started.stages) > 1 and run.live:
        bars.append(("whole run", run.share))
    if run.live and not run.evaluating:
        step = run.batch.step if run.batch else 0
        steps = run.batch.steps if run.batch else run.steps
        bars.append((f"step {step:>{len(str(steps))}}/{steps}", step / steps if steps else 0.0))
    room = max(BAR_LABEL, *(len(label) for label, _ in bars))
    return [progress_line(label.ljust(room), share, width) for label, share in bars]


def speed_line(run: RunState) -> str:
    """`ETA 4:44 · 50 ms/step · 2,560 images/s`, as far as it is known."""
    parts = []
    if run.live and not run.evaluating:
        eta = run.eta
        parts.append(f"ETA {formats.duration(eta)}" if eta is not None else "ETA after the first steps")
    told = run.batch or (run.epochs[-1] if run.epochs else None)
    # A run that has ended has the speed of all its steps, as its report and the list have it.
    step, images = (run.result.ms_per_step, run.result.images_per_second) if run.result is not None else (None, None)
    if told and not (step and images):
        step, images = told.ms_per_step, told.images_per_second
    if step and images:
        parts += [f"{step:.0f} ms/step", f"{images:,.0f} images/s"]
    return " · ".join(parts)


def rate_line(run: RunState) -> str:
    """`learning rate 3.2e-03 · memory 0.3 GB`."""
    if run.batch:
        return f"learning rate {run.batch.learning_rate:.1e} · memory {formats.size(run.batch.memory)}"
    return f"learning rate {run.epochs[-1].learning_rate:.1e}" if run.epochs and run.live else ""


def best_line(run: RunState) -> str:
    """`best 3.6e-04 at epoch 6 · patience 4 of 5`."""
    best = run.best
    if best is None:
        return ""
    line = f"best {formats.loss(best.validation['loss'])} at {formats.epoch_words(best.stage, best.epoch)}"
    for measure in listed(run.kind).measures:
        if measure.name in best.validation:
            line += f" · {measure.name} {measure.write(best.validation[measure.name])}"
    latest = run.stage_log[-1]
    if run.live and latest.patience_left is not None and run.started:
        line += f" · patience {latest.patience_left} of {run.started.patience}"
    return line


def state_line(run: RunState) -> Content:
    """The state with its mark, the stage and what the run is."""
    symbol, colour = formats.state_symbol(run.state)
    word = {RUNNING: "training", PAUSED: "paused"}.get(run.state, run.state)
    if run.evaluating and run.live:
        word = f"measuring {run.evaluating}"
    elif run.live and run.started and len(run.started.stages) > 1 and run.stage:
        place = run.started.stages.index(run.stage) + 1 if run.stage in run.started.stages else 0
        word += f" · {run.stage}, stage {place} of {len(run.started.stages)}"
    return Content.assemble((f"{symbol} {word}", f"bold ${colour}"))


def attention_lines(run: RunState) -> list[str]:
    """What a person should know: the sign of overfitting first, then warnings, the latest first."""
    signs = [run.overfitting.message] if run.overfitting else []
    return signs + [notice for notice in reversed(run.notices) if notice not in signs]


def status(run: RunState, width: int) -> Content:
    """All of it, in lines of at most `width` cells where they are not sentences."""
    lines: list[Content] = [state_line(run)]
    if run.title:
        what = Content.assemble((f"{run.kind} {run.title}".strip(), "$foreground-muted"))
        room = width - lines[0].cell_length - what.cell_length
        lines = [lines[0] + Content(" " * room) + what] if room >= 2 else [lines[0], what]
    lines += progress_lines(run, width)
    for line in (speed_line(run), rate_line(run), best_line(run)):
        if line and lines and lines[-1].plain.startswith("ETA") and len(lines[-1]) + 3 + len(line) <= width:
            lines[-1] = Content(f"{lines[-1].plain} · {line}")
        elif line:
            lines.append(Content(line))
    if run.state == PAUSED and run.message:
        lines.append(Content.assemble((run.message, "$cae-attention")))
    for place, sentence in enumerate(attention_lines(run)):
        mark = "▲ " if place == 0 and run.overfitting else "! "
        lines.append(Content.assemble((mark + sentence, "$cae-attention")))
    return Content("\n").join(lines)


# -- the log of epochs ---------------------------------------------------------------------------


def log_line(epoch: EpochEnded, digits: int, width: int) -> Content:
    """`6  loss 4.3e-04  val_loss 3.7e-04  21s  50ms/step`; what does not fit is left out from the right."""
    blue, orange = "$cae-training", "$cae-validation"
    number = f"{epoch.epoch:>{digits}}"
    own = [measure for measure in every_measure() if measure.name in epoch.validation]
    trained = [(f"{m.short} {epoch.train[m.name]:.4f}", blue) for m in own if m.name in epoch.train]
    checked = [(f"val_loss {formats.loss(epoch.validation['loss']):<8}", orange)]
    checked += [(f"val_{m.short} {epoch.validation[m.name]:.4f}", orange) for m in own]
    time = f"{epoch.seconds:.0f}s" if epoch.seconds >= 1 else f"{epoch.seconds:.1f}s"
    times = [(f"{time:>4}", ""), (f"{epoch.ms_per_step:.0f}ms/step", "")]
    lost = (f"loss {formats.loss(epoch.train['loss']):<8}", blue)
    pieces = [(number, ""), lost, *trained, *checked, *times]
    # What is missed least goes first: the times, then what training itself came to.
    for given_up in ((), times[1:], times, [*times, *trained], [*times, *trained, *([lost] if trained else ())]):
        kept = [piece for piece in pieces if piece not in given_up]
        fitting = [gap for gap in ("  ", " ") if sum(len(text) + len(gap) for text, _ in kept) - len(gap) + 2 <= width]
        if fitting:  # with the star
            break
    parts = [Content.assemble((text, style)) if style else Content(text) for text, style in kept]
    return Content((fitting or [" "])[0]).join(parts) + Content(f" {'★' if epoch.best else ''}".rstrip())


def stage_line(stage: str) -> Content:
    """What parts the stages in the log."""
    return Content.assemble((f"── {stage} ──", "$foreground-muted"))


# -- what to do next -----------------------------------------------------------------------------


def advice(run: RunState) -> tuple[str, str]:
    """One line on what happened and what to do next, and the theme variable that colours it; empty while it is on."""
    best = run.best
    told = ""
    if best is not None:
        told = f": validation loss {formats.loss(best.validation['loss'])} at the best epoch, "
        told += formats.epoch_words(best.stage, best.epoch)
    finish = ", F to finish it with its best weights" if run.epochs else ""
    match run.state:
        case "finished" | "early-stopped":
            after = " early, because the validation loss stalled" if run.state == "early-stopped" else ""
            said = run.message or f"Finished{after}."  # a message says that a person ended it
            classify = (
                ", n to build a classifier on its encoder"
                if listed(run.kind).gives_encoder
                else ", g for its predictions"
            )
            return f"✓ {said} Press o for the report{classify}.", "success"
        case "stopped" | "cut off":
            word = "Stopped" if run.state == "stopped" else "Cut off"
            message = (run.message or f"{word}{told}.").removesuffix("Resume it to continue.").rstrip()
            return f"■ {message} Press R to continue from there{finish}.", "cae-attention"
        case "diverged":
            message = run.message or "The loss is no longer a number: try a smaller learning rate."
            return f"✗ Diverged. {message} Press e to change the spec and try again.", "error"
        case "failed":
            message = (run.message or "The log names the cause.").removesuffix(AFTER_A_FAILURE).rstrip()
            return f"✗ Failed. {message} Press R to try to continue{finish}.", "error"
        case "gone":
            return f"✗ Gone. {run.message}", "error"
        case "queued":
            return f"○ {run.message or 'Queued.'} It begins when its turn comes. Press Q for the queue.", "cae-training"
        case "paused" if run.message:
            return "‖ Paused, for the reason above. It continues by itself; s ends it with its last checkpoint.", (
                "cae-attention"
            )
        case "paused":
            return "‖ Paused. Press space to continue, s to finish or stop it.", "cae-attention"
    return "", ""
