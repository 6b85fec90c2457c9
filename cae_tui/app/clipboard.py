"""Copying text: asking the terminal for its clipboard, through tmux and screen too, and keeping the text in a file.

Whether a terminal did as asked (OSC 52), it does not say; many are set up not to, and Apple's cannot. So the text is
always in a file as well, and a person is told what was tried and where that is.
"""

import os
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from cae_tui.printing import passed_on
from engine.storage.files import make_folder_of, write_bytes

COPIED = "copied.txt"
TMUX_SECONDS = 2.0


def clipboard_sequence(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What asks the terminal to put `text` on its clipboard, as it has to be written where we are.

    tmux takes it by itself where `set-clipboard` is `on`, and passes it on, wrapped, where `allow-passthrough` is.
    """
    ask = f"\x1b]52;c;{b64encode(text.encode(errors='replace')).decode()}\a"
    around = passed_on(ask, environment)
    return ask + around if around.startswith("\x1bPtmux;") else around


def in_tmux(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether we are in a window of a tmux that can be asked."""
    return bool(environment.get("TMUX"))


def keep_copy(home: Path, text: str) -> Path:
    """Write `text` into the home folder; gives back where.

    Raises:
        StorageError: it cannot be written.
    """
    path = home / COPIED
    make_folder_of(path)
    write_bytes(path, text.encode(errors="replace") + b"\n")
    return path


def give_to_tmux(text: str) -> bool:
    """Put `text` into tmux's own buffer, and have it tell its terminal, which its defaults allow; whether it could."""
    if not in_tmux():
        return False
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],  # noqa: S607 - of whichever tmux we are in
            input=text.encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TMUX_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
