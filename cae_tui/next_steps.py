"""What can be done next with a run, as commands that can be typed: told on stderr, for stdout is for results."""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console

from engine.runs import Home, default_home
from engine.words import plain


def command_for(home: Home, *words: str) -> str:
    """A command as it is typed, with `--home` where these runs are not in the usual place."""
    elsewhere = [] if home.path == default_home() else ["--home", str(home.path)]
    return plain(" ".join(shlex.quote(word) for word in ("cae-tui", *elsewhere, *words)))


def at_home(home: Home, sentence: str) -> str:
    """`sentence` with the commands in it as they are typed for these runs: the engine knows nothing of `--home`."""
    return re.sub("`cae-tui (?=[a-z])", lambda _: f"`{command_for(home)} ", sentence)


def tell_after_stop(home: Home, run: str, *, finish: bool, study: str = "") -> None:
    """What can be done with a run that was stopped.

    Args:
        finish: whether it has a best epoch to evaluate.
        study: that it is a trial of, which goes on with it.
    """
    steps = [(command_for(home, *(("study", "resume", study) if study else ("resume", run))), "continues from there")]
    if finish and not study:
        steps.append((command_for(home, "finish", run), "evaluates the best weights, which ends the run"))
    _tell(steps)


def tell_after_detach(home: Home, run: str, process: int) -> None:
    """How a run that trains in a process of its own is watched and stopped."""
    steps = [("watch", "shows it"), ("stop", "stops it with a checkpoint")]
    first = f"Run {run} trains in the background, in process {process}:"
    _tell([(command_for(home, command, run), what) for command, what in steps], first)


def _tell(steps: Sequence[tuple[str, str]], first: str = "") -> None:
    width = max(len(command) for command, _ in steps)
    lines = [first] * bool(first) + [f"  {command:<{width}}   {what}" for command, what in steps]
    with suppress(OSError):
        Console(stderr=True, markup=False, emoji=False, highlight=False).print("\n".join(lines), soft_wrap=True)
