"""What can be done next with a run, as commands that can be typed: told on stderr, for stdout is for results."""

from collections.abc import Sequence

from cae_tui.cli.output_console import tell
from cae_tui.printing import command_for
from engine.runs.directory import Home


def tell_after_stop(
    home: Home, run: str, *, finish: bool, study: str = "", others: bool = False, failed: bool = False
) -> None:
    """What can be done with a run that was stopped.

    Args:
        finish: whether it has a best epoch to evaluate.
        study: that it is a trial of, which goes on with it.
        others: whether the study goes on with other trials meanwhile.
        failed: whether it was an error that stopped it, which may come again.
    """
    what = "tries to continue from there" if failed else "continues from there"
    what += ", once the study has ended" if others else ""
    steps = [(command_for(home, *(("study", "resume", study) if study else ("resume", run))), what)]
    if finish and not study:
        steps.append((command_for(home, "finish", run), "evaluates the best weights, which ends the run"))
    _tell(steps)


def tell_after_detach(home: Home, run: str, process: int) -> None:
    """How a run that trains in a process of its own is watched and stopped."""
    steps = [("watch", "shows it"), ("stop", "stops it with a checkpoint")]
    first = f"Run {run} trains in the background, in process {process}:"
    _tell([(command_for(home, command, run), what) for command, what in steps], first)


def tell_after_study_detach(home: Home, study: str, process: int) -> None:
    """How a study that goes on in a process of its own is followed."""
    steps = [
        (command_for(home, "study", "show", study), "prints how far it is"),
        (command_for(home, "study", "stop", study), "stops it, each trial with a checkpoint"),
    ]
    _tell(steps, f"Study {study} goes on in the background, in process {process}:")


def tell_after_queue_detach(home: Home, process: int) -> None:
    """How a queue that is worked off in a process of its own is followed."""
    steps = [(command_for(home, "queue"), "lists what trains and what waits")]
    _tell(steps, f"The queue is worked off in the background, in process {process}:")


def tell_after_queueing(home: Home, run: str, place: int, *, worked_off: bool) -> None:
    """What becomes of a run that was queued.

    Args:
        place: its place in the queue, from 1.
        worked_off: whether a process works the queue off.
    """
    steps = [(command_for(home, "queue"), "lists what trains and what waits")]
    if not worked_off:
        steps.insert(0, (command_for(home, "queue", "start"), "trains what is queued, one run after the other"))
    _tell(steps, f"Run {run} is queued, as number {place:,}:")


def _tell(steps: Sequence[tuple[str, str]], first: str = "") -> None:
    width = max(len(command) for command, _ in steps)
    lines = [first] * bool(first) + [f"  {command:<{width}}   {what}" for command, what in steps]
    tell("\n".join(lines))
