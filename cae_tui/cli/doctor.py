"""`cae-tui doctor`: what a bug report needs, on one page."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator

from cae_tui.cli.output_console import OutputConsole
from engine import __version__
from engine.errors import EngineError
from engine.runs.directory import Home

LIBRARIES = (
    "torch", "numpy", "scikit-learn", "optuna", "textual", "rich", "plotext", "textual-plotext", "matplotlib",
    "pydantic", "safetensors", "filelock", "platformdirs",
)  # fmt: skip


def facts(home: Home) -> Iterator[tuple[str, str]]:
    """What there is to know, by name."""
    yield "cae-tui", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    for name in LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not found: install the program again"
    yield "device", _device()
    yield "threads", _threads()
    yield "processors", str(os.cpu_count())
    size = shutil.get_terminal_size()
    names = ("TERM", "COLORTERM", "TERM_PROGRAM", "TMUX", "SSH_CONNECTION", "NO_COLOR")
    said = " ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ and "CONNECTION" not in name)
    remote = " over SSH" if "SSH_CONNECTION" in os.environ else ""
    yield "terminal", f"{size.columns}×{size.lines}{remote} {said or 'TERM is not set'}"
    yield "encoding", f"{getattr(sys.stdout, 'encoding', None)}, LANG={os.environ.get('LANG', '')}"
    yield "home", f"{home.path} ({_writable(home)})"
    yield "log", str(home.log)
    yield "runs", str(len(home.ids()))
    yield "MNIST", _mnist()


def _device() -> str:
    try:
        from engine.device import choose_device

        return choose_device("auto", "auto").description
    except Exception as error:  # a broken installation of torch is what this command is to find
        return f"torch cannot be loaded: {type(error).__name__}: {error}"


def _threads() -> str:
    """How many a run on the CPU is given: they are part of what it repeats by."""
    try:
        import torch

        return str(torch.get_num_threads())
    except Exception:  # why torch cannot be loaded is told with the device
        return "unknown: torch cannot be loaded"


def _writable(home: Home) -> str:
    folder = home.path
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
    except OSError:
        return "cannot be read: choose another with --home"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return "cannot be written: choose another with --home"
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB free"


def _mnist() -> str:
    try:
        from engine.data.cache import load

        data = load()
    except EngineError as error:
        return str(error)
    return f"{len(data.train):,} training and {0 if data.test is None else len(data.test):,} test images"


def print_doctor(home: Home) -> int:
    """Print every fact, one a line."""
    console = OutputConsole()
    for name, value in facts(home):
        console.say(f"{name:<17}{value}")
    return 0
