import re
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_reference_of_hyperparameters_is_current() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["reference"]()
    assert (ROOT / "docs" / "hyperparameters.md").read_text(encoding="utf-8") == made, "python docs/make_reference.py"


RUNS_CODE = re.compile(
    r"\b(?:import|from)\s+(?:pickle|_pickle|marshal|shelve|dill|cloudpickle|joblib|yaml|runpy)\b|pickle_module"
    r"|(?<![.\w])torch\.(?:load|jit|hub|package|serialization)\b|\bnp\.(?:load|save|savez)\((?!.*allow_pickle=False)"
    r"|allow_pickle=True|(?<![.\w])(?:eval|exec|compile|__import__)\(|\bos\.(?:system|popen)\(|shell=True"
)
"""What would run code that a file or a person brought along: pickles in any dress, `eval`, a shell."""


def test_no_file_of_the_program_loads_what_could_run_code() -> None:
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "cae_tui").rglob("*.py")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert not RUNS_CODE.search(line), f"{path}:{number}: {line.strip()}"


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "    import joblib", "from yaml import load", "import dill as d",
        "torch.load(path)", "weights = torch.load(path, weights_only=True)", "torch.jit.load(path)", "np.load(path)",
        "np.load(path, allow_pickle=True)", "eval(text)", "exec(text)", "os.system(line)", "run(line, shell=True)",
    ],
)  # fmt: skip
def test_a_line_that_could_run_code_is_seen(line: str) -> None:
    assert RUNS_CODE.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "model.eval()",
        "np.load(path, allow_pickle=False)",
        "re.compile(text)",
        "safetensors.torch.load(data)",
        "nn.Module",
    ],
)
def test_a_line_that_runs_nothing_is_let_through(line: str) -> None:
    assert not RUNS_CODE.search(line)


def test_the_links_of_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_shipped_images_are_the_originals() -> None:
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=ROOT / "assets" / "mnist", check=False)
    assert done.returncode == 0
