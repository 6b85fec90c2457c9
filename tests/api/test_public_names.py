"""What a program may rely on: the names of `cae_tui.api`, their signatures, and that they are written down."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cae_tui import api

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SIGNATURES = {
    "load": "(path_or_run, home=None)",
    "resume": "(run, home=None, *, progress=True)",
    "runs": "(filter='', home=None)",
    "train": "(kind, *, data=None, test_data=None, preset='recommended', home=None, progress=True, **fields)",
    "Model.predict": "(self, images)",
    "Model.predict_proba": "(self, images)",
    "Model.encode": "(self, images)",
    "Model.decode": "(self, latents)",
    "Model.reconstruct": "(self, images)",
    "Model.errors": "(self, images)",
    "Model.odd_scores": "(self, images)",
    "Model.read": "(self, paths)",
    "Training.wait": "(self)",
    "AutoencoderTransformer.fit": "(self, X, y=None)",
    "AutoencoderTransformer.transform": "(self, X)",
    "AutoencoderTransformer.inverse_transform": "(self, X)",
    "AutoencoderTransformer.score": "(self, X, y=None)",
    "AutoencoderTransformer.get_feature_names_out": "(self, input_features=None)",
    "EncoderClassifier.fit": "(self, X, y)",
    "EncoderClassifier.predict": "(self, X)",
    "EncoderClassifier.predict_proba": "(self, X)",
}
PROPERTIES = {
    "Model": {
        "autoencoder",
        "class_names",
        "image_shape",
        "kind",
        "latent_shape",
        "name",
        "odd_above",
        "spec",
        "temperature",
    },
    "Training": {"model", "result", "run"},
}


def plain(signature: inspect.Signature) -> str:
    """Without annotations."""
    parameters = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(parameters))


def test_the_public_names_are_these() -> None:
    assert api.__all__ == [
        "AutoencoderTransformer", "EncoderClassifier", "EngineError", "Model", "Pictures", "Training", "load", "resume",
        "runs", "train",
    ]  # fmt: skip
    public = {name for name in vars(api) if not name.startswith("_") and not inspect.ismodule(getattr(api, name))}
    assert public == set(api.__all__)


def test_their_signatures_are_these() -> None:
    found = {}
    for name in api.__all__:
        what = getattr(api, name)
        if inspect.isfunction(what):
            found[name] = plain(inspect.signature(what))
        elif name != "EngineError":
            own = {key: value for key, value in vars(what).items() if not key.startswith("_")}
            methods = {key: value for key, value in own.items() if inspect.isfunction(value)}
            found |= {f"{name}.{key}": plain(inspect.signature(value)) for key, value in methods.items()}
    assert found == SIGNATURES


def test_their_attributes_are_these() -> None:
    for name, wanted in PROPERTIES.items():
        assert {key for key, value in vars(getattr(api, name)).items() if isinstance(value, property)} == wanted
    assert list(inspect.signature(api.Pictures).parameters) == ["names", "images", "labels"]


def test_everything_public_has_types_and_is_written_down() -> None:
    names = {part for name in (*SIGNATURES, *api.__all__) for part in name.split(".")}
    names |= {attribute for wanted in PROPERTIES.values() for attribute in wanted}
    names |= {"names", "images", "labels", "classes_", "model_", "image_shape_"}
    told = set(re.findall(r"\w+", PAGE))
    assert names <= told
    for name in SIGNATURES:
        what: Any = api
        for part in name.split("."):
            what = getattr(what, part)
        hints = inspect.get_annotations(what)
        assert set(inspect.signature(what).parameters) - {"self"} <= hints.keys(), name
        assert "return" in hints, name


def test_importing_it_loads_no_screen(tmp_path: Path) -> None:
    code = "import sys, cae_tui.api; print([name for name in ('textual', 'rich', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_importing_the_package_alone_stays_light() -> None:
    code = "import sys, cae_tui; print([name for name in ('torch', 'numpy', 'sklearn', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_examples_of_the_page_run_in_their_order(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    blocks = [block for block in blocks if "cae_tui.api" in block or page == "docs/python.md"]
    assert blocks
    pictures = "from tests.api.digit_pictures import write; write('scans')\n"
    environment = {**os.environ, "CAE_TUI_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore:The validation", "-c", pictures + "\n".join(blocks)], cwd=tmp_path,
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout) is ("print(" in "".join(blocks))
    assert "Traceback" not in done.stderr
