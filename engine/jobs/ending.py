"""How a run ends: evaluated whole, early with its best weights, or failed; what it came to is written, then told."""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.data.batches import DeviceImages
from engine.data.sketch import sketch_of
from engine.device import is_out_of_memory
from engine.errors import EngineError, RunError, StorageError
from engine.evaluation import results
from engine.kinds import kind_of
from engine.network.network import Network
from engine.protocol.control import AskedToEndError, Control, Flag, RunControl
from engine.protocol.events import Emit, EvaluationStarted, RunEnded
from engine.protocol.states import (
    ENDED_FOR_GOOD,
    FAILED,
    PRUNED,
    SKIPPED,
    STOPPED,
)
from engine.results import result_type
from engine.results.result import Result
from engine.runs.checkpoint import read_tensors, write_model
from engine.runs.directory import Home
from engine.runs.model_facts import ModelFacts
from engine.runs.prepared import Prepared
from engine.runs.recorder import Recorder, best_file
from engine.runs.status import REPORT, TEST, key_of
from engine.storage.files import write_json
from engine.storage.typed_json import Lines
from engine.text import counted, epoch_words, excerpt
from engine.training.baseline import steadier
from engine.training.stage import ENDS, Progress

log = logging.getLogger("cae_tui.engine")


def best_weights(prepared: Prepared, progress: Progress) -> Path:
    """The file of the best weights so far: of the stage at `progress`, or of the first where that has none yet."""
    stage = progress.stage if progress.best_epoch else prepared.spec.stages[0][0]
    return best_file(prepared.run, stage)


def finish_whole(
    prepared: Prepared,
    recorder: Recorder,
    model: Network,
    progress: Progress,
    images: DeviceImages,
    control: Control,
) -> Result:
    """Evaluate the best weights and write everything that a complete run has; `result.json` comes last."""
    of, count = results.evaluated_on(prepared)
    recorder.emit(EvaluationStarted(what=counted(count, f"{of} image")))
    try:
        stage = progress.stage if progress.best_epoch else ""  # else the weights are those of the previous stage
        kind = kind_of(prepared.spec)
        facts = kind.facts(prepared, recorder, model, images, stage)
        measured = kind.measure(prepared, recorder, model, images, stage, facts)
    except AskedToEndError:  # a resume evaluates, where its checkpoint says that training is over
        progress.ended = ENDS[control.asked()]
        return end_early(prepared, recorder, model, progress, "while it was evaluated")
    measured["remarks"] = [*measured["remarks"], *prepared.remarks]
    message = _finished_early(prepared, progress) if progress.cut_short else ""
    result = _result(prepared, recorder, progress, progress.ended, message, measured)
    _keep_model(prepared, recorder, model, facts)
    return _close(prepared, recorder, result)


def _keep_model(prepared: Prepared, recorder: Recorder, model: Network, facts: ModelFacts) -> None:
    known = replace(facts, learned_from=sketch_of(prepared.data.train.images))
    recorder.with_room(
        lambda: write_model(prepared.run.model, model, dict(model.state_dict()), known, prepared.run.put)
    )


def _facts_early(prepared: Prepared) -> ModelFacts:
    """What is known of a model that was not evaluated."""
    labelled = prepared.spec.needs_labels
    return ModelFacts(class_names=prepared.data.class_names if labelled else ())


def _finished_early(prepared: Prepared, progress: Progress) -> str:
    """That a person ended the run, and where."""
    names = [name for name, _ in prepared.spec.stages]
    done, planned = progress.epoch - 1, dict(prepared.spec.stages)[progress.stage]
    if len(names) == 1:
        return f"Finished early at epoch {done:,} of {planned:,}, as asked."
    if not done:
        return (
            f"Finished early, as asked, before the first epoch of {progress.stage} was complete. The weights are those "
            f"of the {names[0]} stage."
        )
    later = names[names.index(progress.stage) + 1 :]
    left_out = f" There was no {later[0]}." if later else ""
    return f"Finished early at epoch {done:,} of {planned:,} of the {progress.stage} stage, as asked.{left_out}"


def end_early(
    prepared: Prepared,
    recorder: Recorder,
    model: Network,
    progress: Progress,
    trained: str = "",
) -> Result:
    """Keep the best weights of a run that was stopped, skipped or pruned, or diverged.

    Args:
        trained: when it was, in words, where training was over.
    """
    best = best_weights(prepared, progress)
    if best.exists():
        model.load_state_dict(read_tensors(best)[0])
        _keep_model(prepared, recorder, model, _facts_early(prepared))
    kept = "The weights of the previous stage are kept." if best.exists() else ""
    if progress.best_epoch:
        kept = f"The weights of {epoch_words(progress.stage, progress.best_epoch)}, the best, are kept."
    reached = min(progress.epoch, dict(prepared.spec.stages)[progress.stage])
    when = trained or f"in {epoch_words(progress.stage, reached)}"
    if progress.ended in (SKIPPED, PRUNED):
        why = " its losses so far were worse than most." if progress.ended == PRUNED else ""
        message = f"{progress.ended.capitalize()} {when}{':' if why else '.'}{why} {kept}".strip()
    elif progress.ended == STOPPED:
        evaluates = trained and not progress.cut_short  # of a run that was to finish early, training can go on
        told = ("Resume it to evaluate it.", kept) if evaluates else (kept, "Resume it to continue.")
        # Why it was stopped comes first: what to do next ends the message.
        message = " ".join(filter(None, ("Stopped", f"{when}.", recorder.control.why, *told)))
    else:
        rate = prepared.spec.rate_of(progress.stage)
        where = f"{epoch_words(progress.stage, progress.epoch)}, step {progress.step}"
        message = (
            f"The loss was no longer a finite number in {where}: {steadier(prepared.spec, rate)}. "
            f"{kept or 'No epoch was completed, so no model is kept.'}"
        )
    recorder.warn(recorder.doubt())
    return _close(prepared, recorder, _result(prepared, recorder, progress, progress.ended, message))


def fail(prepared: Prepared, recorder: Recorder, error: Exception) -> Result:
    """Say how a run failed, as far as its files can still be written."""
    message = _sentence(prepared, error, recorder.status.study)
    progress = Progress(stage=recorder.status.stage, step_seconds=recorder.under_way)
    result = _result(prepared, recorder, progress, FAILED, message)
    if not isinstance(error, EngineError):
        result = replace(result, details=Lines("".join(traceback.format_exception(error))))
    try:
        return _close(prepared, recorder, result)
    except EngineError:  # the disk is full, say: the last checkpoint stands, and the run is told as failed
        _tell_end(recorder, RunEnded(state=FAILED, message=message, result=result.to_json()))
        return result


def give_up(prepared: Prepared, emit: Emit, flag: Flag, why: str) -> None:
    """Write that a run has failed which could not be trained elsewhere; whoever calls holds its lock.

    Raises:
        EngineError: its files cannot be read.
    """
    run = prepared.run
    _, end = run.read_events()
    control = RunControl(flag, run.control)
    recorder = Recorder(run, emit, run.read_status(), end, prepared.spec.model_dump(mode="json"), control)
    try:
        fail(prepared, recorder, RunError(why))
    finally:
        recorder.close()


def _sentence(prepared: Prepared, error: Exception, study: str) -> str:
    if is_out_of_memory(error):
        size = prepared.spec.batch_size
        smaller = f"try {size // 2}, or fewer kernels or layers" if size > 1 else "try fewer kernels or layers"
        return f"The {prepared.device.torch_device.type} is out of memory at batch size {size}: {smaller}."
    if isinstance(error, StorageError):
        return f"{error} Resume {'the study' if study else 'it'} to continue from the last checkpoint."
    if isinstance(error, EngineError):
        return str(error)
    log_file = Home(prepared.run.at_home(prepared.run.path).parents[1]).log
    return f"Unexpected error: {type(error).__name__}: {excerpt(error)}. {log_file} has the details."


def _result(
    prepared: Prepared,
    recorder: Recorder,
    progress: Progress,
    state: str,
    message: str,
    measured: Mapping[str, Any] | None = None,
) -> Result:
    """What the run came to; `measured` are the fields of its kind's own, where it was evaluated."""
    status, plan = recorder.status, prepared.plan
    steps = progress.total_steps
    each = progress.total_step_seconds / steps if steps else None
    own: dict[str, Any] = {"remarks": [*filter(None, [recorder.doubt()]), *prepared.remarks]}
    if status.best_loss is not None and recorder.baseline is not None:
        own |= kind_of(prepared.spec).so_far(status.best_loss, recorder.baseline)
    own |= measured or {}
    return result_type(prepared.spec.kind)(
        id=prepared.run.id,
        kind=prepared.spec.kind,
        state=state,
        title=prepared.spec.title,
        message=Lines(message),
        data=prepared.data.name,
        data_digest=prepared.data.digest,
        best_validation_loss=status.best_loss,
        best_epoch=status.best_epoch,
        best_stage=status.best_stage,
        epochs=status.epoch,
        seconds=status.seconds + progress.step_seconds,  # of all stages, the epoch under way among it
        images_per_second=prepared.spec.batch_size / each if each else None,
        ms_per_step=1000 * each if each else None,
        parameters=plan.parameters,
        macs=plan.macs,
        latent=plan.latent,
        pixels=plan.pixels,
        device=prepared.device.description,
        stages=results.stages(recorder.read_events()),
        **own,
    )


def _close(prepared: Prepared, recorder: Recorder, result: Result) -> Result:
    """Write the end of a run, then tell it."""
    values = result.to_json()
    ended = RunEnded(state=result.state, message=result.message, result=values)
    if result.state in ENDED_FOR_GOOD:
        recorder.with_room(lambda: write_json(prepared.run.result, prepared.spec.kind, values, prepared.run.put))
    speed = {name: values[name] for name in ("images_per_second", "ms_per_step") if values[name]}
    told_of = (REPORT, TEST) if result.evaluated_on == "test" else (REPORT,)
    measures = {key_of(of, name): value for name, value in result.measures.items() for of in told_of}
    recorder.write_status(
        state=result.state,
        message=result.message,
        seconds=result.seconds,
        test_loss=result.test_loss,
        measures={**recorder.status.measures, **measures},
        **speed,  # of all its steps, where the latest epoch's stood until now
    )
    try:
        recorder.store(ended)
    except StorageError as error:  # the status and the result say the same: the run has ended all the same
        log.warning("run %s: %s", prepared.run.id, error)
    _tell_end(recorder, ended)
    return result


def _tell_end(recorder: Recorder, ended: RunEnded) -> None:
    """Log the end, then tell it: who hears of it may end the process at once."""
    log.info("run %s ended: %s", recorder.run.id, f"{ended.state}. {ended.message}".strip())
    recorder.tell(ended)
