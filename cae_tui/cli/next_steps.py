"""What can be done next with a run, as commands that can be typed: told on stderr, for stdout is for results."""

from collections.abc import Sequence

from cae_tui.cli.output_console import tell
from cae_tui.printing import command_for
from engine.runs.directory import Home
from engine.text import counted


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


def tell_after_detach(home: Home, runs: Sequence[str], process: int, waiting: int = 0) -> None:
    """How runs that train in a process of their own are watched and stopped; `process` is 0 where each has its own.

    Args:
        waiting: how many queued runs follow them.
    """
    steps = [(command_for(home, "watch", run), "shows it") for run in runs]
    several = len(runs) > 1
    steps.append((command_for(home, "stop", *runs), f"stops {'them' if several else 'it'} with a checkpoint"))
    if waiting:
        steps.append((command_for(home, "queue", "stop"), "stops what trains; what waits stays queued"))
    first = f"{'Runs' if several else 'Run'} {_all_of(runs)} {'train' if several else 'trains'} in the background"
    follow = f"; {counted(waiting, 'queued run')} {'follows' if waiting == 1 else 'follow'}" if waiting else ""
    _tell(steps, f"{first}{f', in process {process}' if process else ''}{follow}:")


def tell_after_study_detach(home: Home, study: str, process: int) -> None:
    """How a study that goes on in a process of its own is followed."""
    steps = [
        (command_for(home, "watch", study), "shows it"),
        (command_for(home, "study", "show", study), "prints how far it is"),
        (command_for(home, "study", "stop", study), "stops it, each trial with a checkpoint"),
    ]
    _tell(steps, f"Study {study} goes on in the background, in process {process}:")


def tell_after_queue_detach(home: Home, process: int) -> None:
    """How a queue that is worked off in a process of its own is followed."""
    steps = [
        (command_for(home, "queue"), "lists what trains and what waits"),
        (command_for(home, "queue", "stop"), "stops what trains with a checkpoint; what waits stays queued"),
    ]
    _tell(steps, f"The queue is worked off in the background, in process {process}:")


def tell_after_queueing(home: Home, run: str, place: int, *, worked_off: bool) -> None:
    """What becomes of a run that was queued.

    Args:
        place: its place in the queue, from 1; 0 where its turn has come.
        worked_off: whether a process works the queue off.
    """
    steps = [(command_for(home, "queue"), "lists what trains and what waits")]
    if not place:
        _tell(steps, f"Run {run} begins now:")
        return
    if not worked_off:
        steps.insert(0, (command_for(home, "queue", "start"), "trains what is queued, one run after the other"))
    _tell(steps, f"Run {run} is queued, as number {place:,}:")


def _all_of(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])


def _tell(steps: Sequence[tuple[str, str]], first: str = "") -> None:
    width = max(len(command) for command, _ in steps)
    lines = [first] * bool(first) + [f"  {command:<{width}}   {what}" for command, what in steps]
    tell("\n".join(lines))
