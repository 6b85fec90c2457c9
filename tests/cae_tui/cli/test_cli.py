"""The command line: what it takes, what it prints, and where to."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae_tui.cli.main import main
from cae_tui.cli.output_console import OutputConsole
from cae_tui.cli.parser import COMMANDS, make_parser
from cae_tui.cli.teller import RunTeller
from engine.runs.directory import Home
from engine.specs.base import preset_changes, spec_fields
from engine.specs.fields import GROUPS
from engine.specs.kinds import SPECS
from engine.storage.files import read_json, write_json
from tests.cae_tui.cli.test_cli_signals import BUFFERED, SMALL, spawn
from tests.cae_tui.cli.test_cli_signals import flags as flags
from tests.cae_tui.script import scripted_events, scripted_report, write_run
from tests.engine.conftest import files as files  # the same slice of MNIST

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], shared: Path) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--home", str(shared), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(scope="module")
def trained(flags: list[str], shared: Path) -> str:
    """The id of a small autoencoder."""
    assert main(["--home", str(shared), "autoencoder", "--epochs", "2", *SMALL, *flags]) == 0
    return Home(shared).list_runs()[0].id


@pytest.mark.parametrize("kind", SPECS)
def test_every_field_of_a_spec_is_a_flag_with_its_description(kind: str, run: Run) -> None:
    code, out, _ = run(kind, "--help")
    assert code == 0
    text = " ".join(out.split())
    for field in spec_fields(SPECS[kind]):
        assert field.flag in out
        assert " ".join(field.description.split()) in text.replace("- ", "-") or field.description[:20] in text


@pytest.mark.parametrize("command", ["autoencoder", "classifier", "study"])
def test_the_flags_of_a_spec_are_in_the_groups_of_its_form_and_the_others_after_them(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    usage, _, page = out.partition("\n\n")
    assert "\n" not in usage
    first = ["Study", "Baseline"] if command == "study" else ["Preset"]
    titles = re.findall(r"^(\w.*):$", page[page.index(f"\n{first[0]}:") :], re.MULTILINE)
    fields = spec_fields(SPECS["classifier" if command == "classifier" else "autoencoder"])
    groups = [group for group in GROUPS if any(field.group == group for field in fields)]
    assert titles == [*first, *groups, "other flags", "presets"]
    for field in fields:
        group = page.partition(f"\n{field.group}:\n")[2].partition("\n\n")[0]
        assert re.search(rf"^  {field.flag}\b", group, re.MULTILINE), field.flag


def test_a_parser_knows_its_flags_in_whatever_groups_they_are() -> None:
    """Where this fails, `cae_tui.cli.parser.arguments_of` has to follow a new version of Python."""
    parser = make_parser("report")
    assert parser.flags == {"--home", "--version", "-h", "--help"}
    assert parser.by_command["report"].flags == {"--to", "--text", "--json", "--home", "-h", "--help"}


def test_help_and_version_answer_without_torch_numpy_or_textual() -> None:
    for words in (["--version"], ["--help"], ["autoencoder", "--help"]):
        program = (
            "import sys\nfrom cae_tui.cli.main import main\n"
            f"code = main({words!r})\n"
            "heavy = {'torch', 'numpy', 'sklearn', 'textual', 'plotext'} & set(sys.modules)\n"
            "sys.exit(f'imported {heavy}' if heavy else code)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "cae-tui" in done.stdout


def test_a_classifier_s_report_is_a_table_and_with_a_flag_scikit_learn_s_own_text(
    run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(shared)
    write_run(home, scripted_events("classifier", "c01b000000"))
    write_run(home, scripted_events(run="a7f3000000"))
    own = scripted_report()["text"].rstrip("\n")
    monkeypatch.setenv("COLUMNS", "80")
    code, table, _ = run("report", "c01b")
    assert code == 0
    assert own not in table
    assert "\nClass 4           0.9939   0.9908     0.9924       982   ━╸" in table
    assert "weakest: 4 (recall 0.9908)" in table
    assert "\x1b" not in table
    code, text, _ = run("report", "c01b", "--text")
    assert code == 0
    assert own in text
    assert "weakest" not in text
    for out in (table, text):
        assert "Test accuracy 99.61 % · 9,961 correct · 39 incorrect · test loss 0.0142" in out
        assert "\npreset      Recommended, unchanged\n" in out
    assert run("report", "c01b", "--text", "--json")[0] == 2
    assert run("report", "a7f3", "--text")[1] == run("report", "a7f3")[1]
    for made in ("c01b000000", "a7f3000000"):
        home.delete(home.find(made))


@pytest.mark.parametrize("command", ["autoencoder", "classifier", "study"])
def test_the_help_of_a_command_says_what_each_preset_is_for_and_which_flags_it_changes(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    told = " ".join(out.partition("\npresets:\n")[2].split())
    kind = SPECS["classifier" if command == "classifier" else "autoencoder"]
    for name, purpose in kind.preset_purposes.items():
        changes = ", ".join(field.asks(value) for field, value in preset_changes(kind, name).items())
        assert f"{name} {purpose} Changes: {changes}" in told
    assert ("cae-tui study guided" in out) == (command == "study")


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["report"], 2)])
def test_the_command_has_written_and_cleaned_up_everything_and_is_gone_before_the_interpreter_is_taken_apart(
    words: list[str], code: int
) -> None:
    program = (
        "import atexit, sys\nfrom cae_tui.cli.main import command\natexit.register(print, 'cleaned')\n"
        "class Part:\n    def __del__(self): sys.stderr.write('apart')\npart = Part()\n"
        f"sys.argv = {['cae-tui', *words]!r}\ncommand()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=BUFFERED, check=False)
    assert done.returncode == code
    assert "cleaned" in done.stdout
    assert "apart" not in done.stderr
    assert "cae-tui" in done.stdout + done.stderr


def test_an_autoencoder_and_its_classifier_train_and_report(run: Run, flags: list[str], trained: str) -> None:
    words = ("--encoder", trained[:5], "--frozen-epochs", "1", "--finetune-epochs", "1", "--batch-size", "64")
    code, out, err = run("classifier", *words, *flags, "--json")
    assert code == 0
    result = json.loads(out)
    keys = {
        "id", "state", "best_validation_loss", "test_loss", "test_accuracy", "correct", "incorrect", "seconds",
        "images_per_second", "ms_per_step",
    }  # fmt: skip
    assert keys <= result.keys()
    assert result["correct"] + result["incorrect"] == 200
    assert "val_accuracy" in err
    code, out, _ = run("report", result["id"])
    assert code == 0
    assert "weighted avg" in out
    assert f"{result['correct']} correct" in out


def test_the_json_of_a_report_is_the_result_file_and_how_the_run_came_about(
    run: Run, trained: str, shared: Path
) -> None:
    _, out, _ = run("report", trained, "--json")
    told = json.loads(out)
    about = told.pop("about")
    assert told == json.loads((shared / "runs" / trained / "result.json").read_text())
    assert about["preset"] == "Recommended"
    assert {"field": "epochs", "title": "Epochs", "value": "2", "preset": "20"} in about["differences"]
    assert about["seed"] == 0
    assert about["peers"]["count"] >= 1
    assert json.loads(out)["test_accuracy"] is None


def test_the_list_of_runs_has_one_line_a_run(run: Run, trained: str) -> None:
    code, out, _ = run("runs")
    assert code == 0
    assert any(line.startswith(trained[:4]) and "4 × 4, 3×3, b64" in line for line in out.splitlines())
    assert trained in [found["id"] for found in json.loads(run("runs", "--json")[1])["runs"]]


def test_an_empty_list_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["runs", "--home", str(tmp_path)]) == 0
    assert f"`cae-tui --home {tmp_path} autoencoder` trains one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["autoencoder", "--layers", "9"], "--layers: “9” is odd"),
        (["autoencoder", "--preset", "fast"], "--preset: “fast” is not known"),
        (["autoencoder", "--images", "/nowhere"], "/nowhere does not exist"),
        (["autoencoder", "--labels", "/x"], "--labels: A file is named here but no training images"),
        (["autoencoder", "--device", "cuda"], "--device: No CUDA device was found here"),
        (["autoencoder", "--learning", "1"], "--learning is not a flag of `autoencoder`"),
        (["autoencoder", "--learning-rate", "-1e-3"], "--learning-rate: “-1e-3” is too small: more than 0."),
        (["autoencoder", "--dropout", "-.5E+2"], "--dropout: “-.5E+2” is too small: at least 0."),
        (["autoencoder", "--dropout", "-inf"], "--dropout: “-inf” is not a number."),
        (["autoencoder", "--epochs"], "--epochs needs a value."),
        (["classifier"], "`classifier` needs --encoder."),
        (["classifier", "--encoder", "zzzz"], "No run begins with “zzzz”"),
        (["classifier", "--encoder", "/no/model.safetensors"], "/no/model.safetensors does not exist"),
        (["report", "zzzz"], "No run begins with “zzzz”"),
        (["resume", "../../etc"], "No run begins with"),
        (["unheard"], "“unheard” is not a command."),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(run: Run, words: list[str], sentence: str) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert sentence in err
    assert out == ""
    assert "Traceback" not in err


def test_a_complete_run_cannot_be_resumed(run: Run, trained: str) -> None:
    code, _, err = run("resume", trained)
    assert code == 2
    assert "is finished: there is nothing left to resume" in err


def test_a_home_that_cannot_be_written_is_told_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, flags: list[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["--home", str(tmp_path / "file"), "autoencoder", *SMALL, *flags]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err


def test_the_app_without_a_terminal_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cae_tui"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_the_doctor_tells_what_a_bug_report_needs(run: Run, shared: Path) -> None:
    code, out, _ = run("doctor")
    assert code == 0
    names = ("cae-tui", "python", "torch", "device", "threads", "terminal", "home", "log", "MNIST")
    libraries = ("optuna", "matplotlib", "textual-plotext", "platformdirs", "filelock", "pydantic", "safetensors")
    for name in (*names, *libraries):
        assert any(line.split()[0] == name for line in out.splitlines())
    assert "not found" not in out
    assert str(shared / "cae-tui.log") in out
    assert "60,000 training and 10,000 test images" in out


def test_the_log_holds_what_ended_and_how(run: Run, trained: str, shared: Path) -> None:
    log = (shared / "cae-tui.log").read_text()
    assert f"run {trained} begun: autoencoder on cpu" in log
    assert f"run {trained} ended: finished" in log


def test_every_command_has_a_help(run: Run) -> None:
    for command in COMMANDS:
        code, out, _ = run(command, "--help")
        assert code == 0
        assert out.startswith(f"usage: cae-tui {command}")
    assert make_parser().parse_args([]).command is None


# -- where the output goes ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_that_is_not_utf_8_is_printed_all_the_same(trained: str, shared: Path, encoding: str) -> None:
    for words in (["report", trained], ["runs"], ["doctor"], ["report", "“zzzz”"], ["study", "list"]):
        with spawn("--home", str(shared), *words, encoding=encoding, PYTHONIOENCODING=encoding) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == (2 if "“zzzz”" in words else 0), err
        assert "nexpected error" not in err
        if words[0] == "report" and encoding == "ascii":
            assert "4 x 4, 3x3, b64" in out or '"' in err


def test_a_run_whose_output_nobody_reads_any_more_ends_by_what_it_came_to(flags: list[str], tmp_path: Path) -> None:
    words = ["--home", str(tmp_path), "autoencoder", "--epochs", "2", *SMALL, *flags]
    with spawn(*words, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("run ")
        process.stdout.close()  # as `head -1` does
        assert process.wait(timeout=60) == 0
    assert Home(tmp_path).list_runs()[0].state == "finished"


class FullOutput(io.RawIOBase):
    """Takes nothing, as /dev/full or a full disk does."""

    full = True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return len(data)


def test_an_output_that_is_full_is_told_in_a_sentence(
    flags: list[str], tmp_path: Path, trained: str, shared: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def said(*words: str) -> str:
        output = FullOutput()
        with monkeypatch.context() as patch, io.TextIOWrapper(io.BufferedWriter(output)) as stdout:
            patch.setattr(sys, "stdout", stdout)
            assert main(words) == 1
            output.full = False
        return capsys.readouterr().err

    full = "cae-tui: The output could not be written: No space left on device; make room, or send it elsewhere."
    for words in (["--version"], ["runs"], ["runs", "--json"], ["runs", "--csv", "-"], ["report", trained]):
        assert said("--home", str(shared), *words).strip() == full
    err = said("--home", str(tmp_path), "autoencoder", "--epochs", "1", *SMALL, *flags)
    name = Home(tmp_path).list_runs()[0].id
    assert err.strip().endswith(
        f"{full} Run {name} is finished: `cae-tui --home {tmp_path} report {name}` prints its result."
    )


def test_a_result_in_a_pipe_is_broken_by_nothing_but_its_own_lines(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert main(["--home", str(tmp_path), "autoencoder", "--epochs", "1", *SMALL, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("validation loss ") and "for 1 epoch" in line for line in lines)


def test_the_bar_names_no_epoch_before_a_stage_has_begun() -> None:
    events = iter(scripted_events())
    with RunTeller(OutputConsole(file=io.StringIO(), force_terminal=True), None) as teller:
        assert teller.bar is not None
        teller.emit(next(events))
        assert teller.bar.tasks[0].description == "loading PyTorch and the images"
        teller.emit(next(events))
        assert teller.bar.tasks[0].description == "autoencoder epoch 1/3"


def test_a_home_that_is_called_as_a_command_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--home", "runs", "autoencoder", "--epochs", "0"]) == 2
    assert main(["--home", "~nobody-of-that-name", "runs"]) == 2


EVERY_COMMAND = [
    [], ["runs"], ["doctor"], ["keys"], ["report", "a7f3"], ["resume", "a7f3"], ["stop", "a7f3"], ["delete", "a7f3"],
    ["watch", "a7f3"], ["autoencoder", "--epochs", "0"], ["classifier", "--encoder", "a7f3"], ["study", "list"],
]  # fmt: skip


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_a_home_that_is_blank_or_a_file_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.chdir(tmp_path)
    for blank in (["--home", ""], ["--home="], ["--home", " "]):
        assert main([*blank, *words]) == 2
        assert capsys.readouterr().err == "cae-tui: --home: This names no folder: give a path, or leave it out.\n"
    sentence = f"{file} is a file, not a folder: name a folder for the runs and settings.\n"
    for named in (file, file / "deeper"):
        assert main([*words, "--home", str(named)]) == 2
        assert capsys.readouterr().err == f"cae-tui: --home: {sentence}"
    monkeypatch.setenv("CAE_TUI_HOME", str(file))
    assert main(words) == 2
    assert capsys.readouterr().err == f"cae-tui: CAE_TUI_HOME: {sentence}"
    assert list(tmp_path.iterdir()) == [file]
    for asked in (["--help"], ["--version"], [*words[:1], "--help"]):
        assert main(asked) == 0


# -- the list of runs -------------------------------------------------------------------------------


def test_the_list_takes_a_filter(run: Run, trained: str) -> None:
    assert [found["id"] for found in json.loads(run("runs", "--json", "kernels=4", "state:finished")[1])["runs"]] == [
        trained
    ]
    code, out, _ = run("runs", "kernels>=32")
    assert code == 0
    assert "No run in" in out
    assert trained[:4] not in out
    kinds = {found["kind"] for found in json.loads(run("runs", "--json", "--", "-kind:autoencoder")[1])["runs"]}
    assert "autoencoder" not in kinds


def test_a_filter_that_cannot_be_read_is_bad_usage(run: Run, trained: str) -> None:
    code, out, err = run("runs", "kernls>=32")
    assert (code, out) == (2, "")
    assert "did you mean kernels?" in err


def test_a_term_that_leaves_runs_out_is_told_from_a_flag(run: Run, trained: str) -> None:
    code, _, err = run("runs", "-state:finished")
    assert code == 2
    assert "runs -- -state:finished`" in err
    code, _, err = run("runs", "-failed")
    assert (code, "runs -- -failed" in err) == (2, True)
    code, out, _ = run("runs", "--", "-state:finished")
    assert code == 0
    assert trained[:4] not in out


def test_the_list_is_written_as_csv(run: Run, trained: str, tmp_path: Path) -> None:
    code, out, _ = run("runs", "--csv", "-")
    assert code == 0
    assert trained in out
    code, written, _ = run("runs", "--csv", str(tmp_path / "runs.csv"))
    assert code == 0
    assert Path(written.strip()).read_text() == out.replace("\r\n", "\n")


@pytest.mark.parametrize("name", ["[red]x[/]", "[/]", "\x1b]0;owned\x07", ":smile:", "a\nb", "\ud800"])
def test_names_are_printed_as_text_wherever_they_stand(name: str, tmp_path: Path, run: Run) -> None:
    home = Home(tmp_path / name.replace("\ud800", "home").replace("/", ""))
    written = write_run(home, scripted_events())
    values = read_json(written.status)
    for field in ("title", "state", "kind", "encoder"):
        values[field] = name
    write_json(written.status, name, values)
    shown = "a b" if name == "a\nb" else name if name.isprintable() else "�"
    lines = [["runs"], ["runs", "nothing-like-it"], ["report", "zzzz"], ["runs", "--csv", str(home.path / "x")]]
    for words in lines:
        code, out, err = run("--home", str(home.path), *words)
        assert code == (2 if words[0] == "report" else 0)
        assert "nexpected error" not in err
        assert (out + err).replace("\n", "").isprintable()
        if words == ["runs"]:
            assert shown in out
