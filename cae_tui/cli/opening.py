"""Opening the app from the command line: whether it can be drawn here, on which page, what is told when it is left."""

import codecs
import gc
import sys
from typing import TYPE_CHECKING

from cae_tui.cli.parser import BAD_USAGE
from cae_tui.printing import complain, keeping_title
from engine.errors import RunError
from engine.runs.directory import Home

if TYPE_CHECKING:
    from cae_tui.app.cae_app import CaeApp
    from cae_tui.messages import ForApp


def _no_place_to_draw() -> str:
    """Why the app could not be seen or used here, and what to do; empty where it can. It is drawn on stderr."""
    streams = {"input": sys.__stdin__, "output": sys.__stdout__, "error output": sys.__stderr__}
    missing = [name for name, stream in streams.items() if stream is None or not stream.isatty()]
    if missing:
        *most, last = missing
        which = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        return f"the app needs a terminal, but its {which} not one. Open it in a terminal"
    encoding = getattr(sys.__stderr__, "encoding", None) or "unknown"
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        known = ""
    if known != "utf-8":
        return (
            f"the app draws with characters of UTF-8, and the encoding of this terminal is given as {encoding}. "
            "Set LC_ALL=C.UTF-8 and unset PYTHONIOENCODING"
        )
    return ""


def first_page(home: Home, prefix: str) -> "ForApp":
    """What opens the run or the study whose id begins with `prefix`.

    Raises:
        RunError: none does, or several do.
    """
    from cae_tui.messages import OpenRun, OpenStudy
    from engine.studies.records import Studies

    studies = Studies(home)
    of_run, of_study = (
        bool(prefix) and any(name.startswith(prefix.lower()) for name in ids) for ids in (home.ids(), studies.ids())
    )
    if of_run and of_study:
        raise RunError(f"The ids of a run and of a study begin with “{prefix[:40]}”: write more of the one you mean.")
    if not of_run and not of_study:
        raise RunError(
            f"No run and no study begins with “{prefix[:40]}” in {home.path}: `cae-tui runs` and `cae-tui study list` "
            "list them all."
        )
    return OpenRun(home.find(prefix).id) if of_run else OpenStudy(studies.find(prefix).id)


def open_app(home: Home, first: "ForApp | None" = None, *, tour: bool = False) -> int:
    """Open the app, on the page that `first` opens or with the tour; gives back the exit code once it is left."""
    if refused := _no_place_to_draw():
        complain(f"{refused}, or use a command: `cae-tui --help` lists them.")
        return BAD_USAGE
    # Nothing of what is loaded until the first screen stands is garbage: to look for it costs a twentieth of the time.
    gc.disable()
    from cae_tui.app.base import run_to_the_end
    from cae_tui.app.cae_app import CaeApp
    from cae_tui.cli.logs import log_start

    log_start()
    app = CaeApp(home, open_first=first, tour=tour)
    app.farewell = lambda: _say_farewell(app)
    with keeping_title():
        return run_to_the_end(app)


def _say_farewell(app: "CaeApp") -> None:
    """What is left training, and how it is followed."""
    left = app.hand_over
    if left is None:
        return
    from cae_tui.cli.next_steps import tell_after_detach, tell_after_queue_detach, tell_after_study_detach

    if not left.over:
        complain("cae-tui was ended before another process went on with the run: `cae-tui runs` lists it.")
    elif left.problem:
        told = f"It does not go on in the background: {left.problem}"
        complain(
            f"{told} Nothing is lost: `cae-tui {left.again or 'runs'}` {'continues' if left.again else 'lists'} it."
        )
    elif left.process and left.study:
        tell_after_study_detach(app.home, left.study, left.process)
    elif left.runs:
        tell_after_detach(app.home, left.runs, left.process, left.waiting)
    elif left.process:
        tell_after_queue_detach(app.home, left.process)
