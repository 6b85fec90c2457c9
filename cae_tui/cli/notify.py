"""`--notify COMMAND`: a command of a person's own, for the shell, once what was trained has ended."""

import os
import subprocess
from collections.abc import Mapping

from cae_tui.printing import complain
from engine.text import one_line, plain

MOST_SECONDS = 30.0
HELP = (
    "run COMMAND in the shell once it has ended; it finds what ended in CAE_TUI_NAME, CAE_TUI_STATE and CAE_TUI_MESSAGE"
)

_command = ""


def notify_by(command: str | None) -> None:
    """From now on, run this command of the shell for what ends; none where it is empty."""
    global _command
    _command = (command or "").strip()


def flags() -> list[str]:
    """What another process of ours is given to do the same."""
    return ["--notify", _command] if _command else []


def ended(name: str, state: str, message: str) -> None:
    """Tell the person's command that something has ended: `run a7f3`, `finished`, and why, where not all went well.

    What it prints goes where our own words go; one that fails or hangs is told, and changes nothing else.
    """
    if not _command:
        return
    told = _environment(name, state, message)
    try:
        done = subprocess.run(  # noqa: S602 - it is the person's own command
            _command, shell=True, env={**os.environ, **told}, stdin=subprocess.DEVNULL, timeout=MOST_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        complain(f"--notify: the command was ended after {MOST_SECONDS:.0f} seconds.")
    except (OSError, ValueError) as error:
        complain(f"--notify: the command could not be run: {error}.")
    else:
        if done.returncode:
            complain(f"--notify: the command ended with exit code {done.returncode}.")


def _environment(name: str, state: str, message: str) -> Mapping[str, str]:
    sentence = plain(one_line(f"{name} {state}. {message}".strip()))
    return {"CAE_TUI_NAME": name, "CAE_TUI_STATE": state, "CAE_TUI_MESSAGE": sentence}
