import re
import runpy
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_reference_of_hyperparameters_is_current() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["reference"]()
    assert (ROOT / "docs" / "hyperparameters.md").read_text(encoding="utf-8") == made, "python docs/make_reference.py"


def test_no_file_of_the_program_loads_what_could_run_code() -> None:
    forbidden = re.compile(r"import pickle|torch\.load\(|yaml\.load\(|(?<![.\w])eval\(|allow_pickle=True")
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "cae_tui").rglob("*.py")]:
        assert not forbidden.search(path.read_text(encoding="utf-8")), path


def test_the_links_of_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_shipped_images_are_the_originals() -> None:
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=ROOT / "assets" / "mnist", check=False)
    assert done.returncode == 0
