"""The command line: any words, and flags of every command with any values."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cae_tui.cli import main as cli
from cae_tui.cli.parser import BAD_USAGE
from engine.exporters.exporter import Exported
from engine.runs.directory import Home
from engine.specs.base import spec_fields
from engine.specs.kinds import SPECS
from engine.studies.spec import study_fields
from tests.cae_tui.script import scripted_events, write_run
from tests.cae_tui.study_script import guided, write_study
from tests.fuzz.mutations import nasty_texts
from tests.fuzz.outcome import CONTROL, Count, accepted_share, counts

READER = "flags"
FLAGS = {kind: [field.flag for field in spec_fields(SPECS[kind])] for kind in SPECS}
STUDY = [field.flag for field in study_fields()]
OTHER = [
    "--json",
    "--detach",
    "--preset",
    "--home",
    "--csv",
    "--to",
    "--yes",
    "--dry-run",
    "--baseline",
    "--help",
    "--version",
    "--",
    "-h",
    "-1",
]

# A null byte cannot be among the words of a process.
texts = nasty_texts.map(lambda text: text.replace("\0", ""))
values = st.one_of(
    texts,
    st.integers(-2, 40).map(str),
    st.sampled_from(["0.01", "yes", "adam", "report", "16-32", "auto", "a7f3", "4s6y"]),
)


def with_flags(*flags: str) -> st.SearchStrategy[list[str]]:
    """Some flags, with a value, without one, or joined to it."""
    flag = st.sampled_from([*flags, *flags, *OTHER]) | texts.map(lambda text: f"--{text}")
    one = st.one_of(
        st.tuples(flag, values).map(list),
        st.tuples(flag, values).map("=".join).map(lambda word: [word]),
        flag.map(lambda word: [word]),
        values.map(lambda word: [word]),
    )
    return st.lists(one, max_size=4).map(lambda parts: [word for part in parts for word in part])


lines = st.one_of(
    with_flags(*FLAGS["autoencoder"]).map(lambda rest: ["autoencoder", *rest]),
    with_flags(*FLAGS["classifier"]).map(lambda rest: ["classifier", "--encoder", "a7f3", *rest]),
    st.builds(
        lambda words, rest: ["study", *words, *rest],
        st.lists(
            values
            | st.sampled_from(
                ["guided", "grid", "search", "list", "show", "export", "delete", "4s6y", "layers=8,10", "kernels=4..8"]
            )
            | values.map(lambda text: f"kernels={text}"),
            max_size=3,
        ),
        with_flags(*FLAGS["autoencoder"], *STUDY),
    ),
    st.lists(values | st.sampled_from(["kernels>=8", "state:finished", "--json", "--csv", "-"]), max_size=3).map(
        lambda rest: ["runs", *rest]
    ),
    st.builds(
        lambda command, rest: [command, *rest],
        st.sampled_from(["report", "resume", "watch", "doctor", "stop", "pause", "finish", "delete"]),
        st.lists(values, max_size=2),
    ),
    st.lists(values, max_size=3),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A run, a classifier and a study."""
    home = Home(tmp_path_factory.mktemp("flags") / "home")
    write_run(home, scripted_events())
    write_run(home, scripted_events("classifier"))
    write_study(home, guided())
    return home


def nothing(*_: Any, **__: Any) -> int:
    """In place of what trains, and of what opens a screen."""
    return 0


def exported(*_: Any, **__: Any) -> Exported:
    """In place of what writes runs."""
    return Exported(path=Path("it"), size=0, checked="read back")


@contextlib.contextmanager
def idle(folder: Path) -> Iterator[None]:
    """Where every command is read and checked, but nothing is trained, deleted or exported, or written elsewhere."""
    with contextlib.ExitStack() as stack:
        for work in (
            "cae_tui.cli.console.train", "cae_tui.cli.console.resume", "cae_tui.cli.run_console.ask_all",
            "cae_tui.cli.run_console.finish", "cae_tui.cli.run_console.delete",
            "cae_tui.cli.main.open_app", "cae_tui.cli.doctor.print_doctor", "cae_tui.cli.study_console.start",
            "cae_tui.cli.study_console.resume", "cae_tui.cli.study_console.export",
            "cae_tui.cli.study_console.delete", "cae_tui.cli.study_tables.print_plan", "cae_tui.cli.logs.open_log",
            "cae_tui.cli.export_console.export",
        ):  # fmt: skip
            stack.enter_context(patch(work, nothing))
        stack.enter_context(patch("engine.exporters.export", exported))
        stack.enter_context(contextlib.chdir(folder))
        yield


def answer(words: list[str], home: Home) -> tuple[int, str]:
    """The exit code of a command, and what it complained of; what it printed is checked."""
    out, complaints = io.StringIO(), io.StringIO()
    with idle(home.path), contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        code = cli.main(["--home", str(home.path), *words])
    assert not CONTROL.search(out.getvalue().replace("\t", "").replace("\r\n", "\n")), repr(out.getvalue())
    return code, complaints.getvalue()


def check(code: int, said: str) -> bool:
    """Whether a command was taken; one that was not says why."""
    assert code in (0, BAD_USAGE), said
    assert not CONTROL.search(said), repr(said)
    assert "nexpected error" not in said
    assert "Traceback" not in said
    if code:
        assert said.startswith("cae-tui: ")
    return code == 0


@given(words=lines)
def test_any_line_is_a_command_or_a_sentence(words: list[str], home: Home) -> None:
    count = counts.setdefault(READER, Count())
    count.tried += 1
    count.accepted += check(*answer(words, home))


def test_a_good_part_of_the_lines_is_taken(home: Home) -> None:
    assert 0.05 < accepted_share(lines, lambda words: check(*answer(words, home))) < 0.8
