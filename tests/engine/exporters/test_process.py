"""Work in a process of its own: its answer, its error, and its end where it is given up."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.errors import ExportError
from engine.exporters.exporter import told_nobody
from engine.exporters.process import answer_of


def test_what_a_program_is_given_and_what_it_answers_may_be_large() -> None:
    given = b"[" + b"1," * 300_000 + b"2]"
    answer = answer_of("json.tool", ["--compact"], told_nobody, given)
    assert answer.strip().replace(b" ", b"") == given


def test_an_error_of_a_program_is_told_by_its_last_line() -> None:
    with pytest.raises(ExportError, match="ended with an error: Expecting value: line 1 column 2"):
        answer_of("json.tool", [], told_nobody, b"[")


def test_a_program_that_is_given_up_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def popen(*args: object, **values: object) -> subprocess.Popen[bytes]:
        started.append(real(*args, **values))  # type: ignore[call-overload]  # as it was called
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)

    def told(done: int, total: int) -> None:
        if started and len(looks) > 1:
            raise KeyboardInterrupt
        looks.append(done)

    looks: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        answer_of("timeit", ["-n", "1", "-r", "1", "import time; time.sleep(600)"], told)
    (process,) = started
    assert process.returncode == -9
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_file_in_the_current_folder_is_not_run_for_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert answer_of("json.tool", ["--compact"], told_nobody, b"[]").strip() == b"[]"
