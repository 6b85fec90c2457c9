"""Finishing a run early, as a person asks: its best weights so far are evaluated, and it is over.

Nothing of that is written down before the result is: a run that is killed meanwhile can be trained on, or finished
again. Neither torch nor pydantic is imported here, for the command line asks a run of another process to finish.
"""

from collections.abc import Callable

from engine.errors import RunError
from engine.protocol.control import Asked, Control
from engine.protocol.states import ENDED_FOR_GOOD
from engine.runs.directory import RunDirectory


def check_can_finish(run: RunDirectory, study: str = "") -> None:
    """Refuse to finish a run that has nothing to evaluate, or that a study holds against others.

    Args:
        study: the study that still does so, by its id; none by default.

    Raises:
        RunError: it is over, has no complete epoch, is a trial, or cannot be read.
    """
    status = run.read_status()
    if status.state in ENDED_FOR_GOOD:
        raise RunError(f"Run {run.id} is {status.state}: there is nothing left to finish.")
    if study:
        raise RunError(
            f"Run {run.id} is a trial of study {study}, which compares runs that were trained to the end: it cannot "
            "be finished early. Let the study continue, or skip the trial in the app."
        )
    if not status.best_epoch:
        what_then = (
            f"`cae-tui resume {run.id}` continues it." if status.resumable else "Wait for its first epoch, or stop it."
        )
        raise RunError(f"Run {run.id} has not completed an epoch, so there is nothing to evaluate. {what_then}")


class FinishesWhole:
    """Control of a run that hears of a finish once the best weights on disk are those of an epoch that it has done.

    Before the first epoch there are none. A run that is taken up may have weights that are newer than its checkpoint,
    where it was killed between the two: it trains to the end of their epoch, and knows their loss.

    Args:
        control: what is asked of the run.
        epochs: how many the run has completed.
        known: how many it must have completed.
    """

    def __init__(self, control: Control, epochs: Callable[[], int], known: int) -> None:
        self._control, self._epochs, self._known = control, epochs, max(known, 1)

    def asked(self) -> Asked:
        """See `Control`."""
        asked = self._control.asked()
        return Asked.RUN if asked is Asked.FINISH and self._epochs() < self._known else asked
