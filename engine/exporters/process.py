"""Work in a process of its own, that can be given up at any moment and disturbs no training in this one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from engine.errors import ExportError
from engine.exporters.exporter import Told
from engine.text import shortened

_LOOK_SECONDS = 0.1
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""A training beside it needs the cores more."""
_MOST_TOLD = 300


def answer_of(module: str, arguments: Sequence[str], told: Told, given: bytes = b"") -> bytes:
    """What the module, run as a program, writes to standard output when it is given `given` on standard input.

    Raises:
        ExportError: it ended with an error.
    """
    with tempfile.TemporaryFile() as asked:  # a pipe would be waited for at both ends
        asked.write(given)
        asked.seek(0)
        process = _started(module, arguments, asked)
    try:
        while True:
            told(0, 1)
            with suppress(subprocess.TimeoutExpired):
                answer, error = process.communicate(timeout=_LOOK_SECONDS)
                break
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        last = (error.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise ExportError(
            f"A process that was started for it ended with an error: {shortened(last, _MOST_TOLD)} "
            "Try again; if it stays so, report that line."
        )
    told(1, 1)
    return answer


def _started(module: str, arguments: Sequence[str], asked: IO[bytes]) -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    return subprocess.Popen(  # noqa: S603 - our own program
        # -P: a file in the current folder that is called as a module must not be run for it; -B: nothing is left of it.
        [sys.executable, "-P", "-B", "-m", module, *arguments],
        stdin=asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt is for us to answer
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join([package, known] if known else [package])},
    )
