"""`--notify COMMAND`: a command of a person's own, once what was trained has ended."""

import os
import shlex
import shutil
import subprocess

from cae_tui.printing import complain
from engine.errors import RunError
from engine.text import excerpt, one_line, plain

MOST_SECONDS = 30.0
HELP = (
    "once it has ended, run COMMAND with a sentence about it as the last word, as 'notify-send cae-tui'; "
    "CAE_TUI_NAME and CAE_TUI_STATE say which and how"
)

_command: list[str] = []


def notify_by(command: str | None) -> None:
    """From now on, run this command for what ends; none where it is None.

    Raises:
        RunError: it cannot be run.
    """
    global _command
    try:
        words = shlex.split(command or "")
    except ValueError:
        raise RunError(f"--notify: “{excerpt(command)}” has a quotation mark that is not closed.") from None
    if command is not None and not words:
        raise RunError("--notify names no command: write one, as --notify 'notify-send cae-tui'.")
    if words and shutil.which(words[0]) is None:
        raise RunError(f"--notify: there is no command “{excerpt(words[0])}” here: check its name, or give its path.")
    _command = words


def flags() -> list[str]:
    """What another process of ours is given to do the same."""
    return ["--notify", shlex.join(_command)] if _command else []


def ended(name: str, state: str, message: str) -> None:
    """Tell the person's command that something has ended: `run a7f3`, `finished`, and why, where not all went well.

    What it prints goes where our own words go; one that fails or hangs is told, and changes nothing else.
    """
    if not _command:
        return
    sentence = plain(one_line(f"{name} {state}. {message}".strip()))
    environment = {**os.environ, "CAE_TUI_NAME": name, "CAE_TUI_STATE": state}
    try:
        done = subprocess.run(  # noqa: S603 - it is the person's own command, and what it is given is one word
            [*_command, sentence], env=environment, stdin=subprocess.DEVNULL, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        complain(f"--notify: the command was ended after {MOST_SECONDS:.0f} seconds.")
    except OSError as error:
        complain(f"--notify: the command could not be run: {error.strerror or error}.")
    else:
        if done.returncode:
            complain(f"--notify: the command ended with exit code {done.returncode}.")
