"""The wheel, built as pip builds it: what is in it, and that it does without the checkout."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cae_tui", "engine")

BUILD = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"

# The unpacked wheel comes before the checkout, which an editable install leaves on the path as well.
LOOK = """
import sys
from pathlib import Path

wheel = Path(sys.argv[1])
sys.path.insert(0, str(wheel))

import engine.data.datasets
import cae_tui.cli.main

assert Path(engine.__file__) == wheel / "engine" / "__init__.py", engine.__file__
assert Path(cae_tui.cli.main.__file__) == wheel / "cae_tui" / "cli" / "main.py", cae_tui.cli.main.__file__
print(engine.data.datasets.assets_folder())
print(callable(cae_tui.cli.main.command))
"""


def python(*arguments: str, folder: Path) -> list[str]:
    """The lines that a fresh interpreter prints, one that looks neither at its folder nor at PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, "-I", "-B", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    name = python("-c", BUILD, str(folder), folder=ROOT)[-1]
    unpacked = folder / "unpacked"
    with ZipFile(folder / name) as file:
        file.extractall(unpacked)
    return unpacked


def test_the_wheel_holds_the_two_packages_whole_the_images_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".tcss", ".toml") or path.name == "py.typed"
    }
    mnist = ROOT / "assets" / "mnist"
    expected |= {Path("engine/assets/mnist", path.name): path for path in mnist.iterdir()}
    names = {str(path) for path in expected}
    assert {"cae_tui/app/app.tcss", "cae_tui/screens/home.tcss", "engine/py.typed"} <= names
    assert {f"engine/assets/mnist/{name}" for name in ("CREDITS.md", "train-images-idx3-ubyte.gz")} <= names
    packed = {path.relative_to(wheel): path for path in wheel.rglob("*") if path.is_file()}
    metadata = {path for path in packed if path.parts[0].endswith(".dist-info")}
    assert packed.keys() - metadata == expected.keys()
    for name, path in expected.items():
        assert packed[name].read_bytes() == path.read_bytes(), name


def test_the_wheel_makes_the_command_and_carries_the_licence(wheel: Path) -> None:
    (metadata,) = wheel.glob("*.dist-info")
    entries = ConfigParser()
    entries.read_string((metadata / "entry_points.txt").read_text(encoding="utf-8"))
    assert dict(entries["console_scripts"]) == {"cae-tui": "cae_tui.cli.main:command"}
    assert (metadata / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_an_installed_wheel_finds_its_own_images_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    assets, callable_command = python("-c", LOOK, str(wheel), folder=tmp_path)
    assert Path(assets) == wheel / "engine" / "assets"
    assert callable_command == "True"


def test_an_installed_wheel_imports_its_own_engine_where_another_lies_in_the_way(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("raise SystemExit('executed')")
    look = "import sys; sys.path[:0] = sys.argv[1:]; import cae_tui, engine; print(cae_tui.__file__, engine.__file__)"
    ours = " ".join(str(wheel / package / "__init__.py") for package in PACKAGES)
    assert python("-c", look, str(tmp_path), str(wheel), folder=tmp_path) == [ours]
