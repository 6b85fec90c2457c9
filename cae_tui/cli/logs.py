"""`<home>/cae-tui.log`: what a bug report needs."""

import logging
import os
import platform
import shutil
import threading
from contextlib import suppress
from logging.handlers import RotatingFileHandler

from engine import __version__
from engine.runs.directory import Home

LOG_BYTES = 1_000_000


def open_log(home: Home) -> None:
    """Write the log of this process into the home folder; where that cannot be written, go without."""
    logger = logging.getLogger("cae_tui")
    logger.setLevel(logging.INFO)
    logger.propagate = False  # nothing may be written over the screen
    logger.handlers = [logging.NullHandler()]  # without any, Python prints tracebacks over the screen
    logging.raiseExceptions = False  # and so it does when the log cannot be written
    with suppress(OSError):
        home.path.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"))
        logger.handlers = [handler]


def log_start() -> None:
    """Write down what the app runs on, and from now on errors that Python would print over the screen."""
    threading.excepthook = _log_thread_error
    logging.getLogger("asyncio").handlers = logging.getLogger("cae_tui").handlers
    logging.getLogger("asyncio").propagate = False
    columns, rows = shutil.get_terminal_size()
    terminal = f"{columns}×{rows} TERM={os.environ.get('TERM', '')}"
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    logging.getLogger("cae_tui").info("cae-tui %s begun: Python %s, %s, %s", __version__, python, system, terminal)


def _log_thread_error(hook: threading.ExceptHookArgs) -> None:
    name = hook.thread.name if hook.thread else "that has gone"
    logging.getLogger("cae_tui").error("The thread %s ended with an error.", name, exc_info=hook.exc_value)
