"""What Python programs use beside us: Jupyter runs the notebook, and pandas makes a table of runs."""

from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

from cae_tui.api import AutoencoderTransformer, runs, train

ROOT = Path(__file__).parents[2]


def test_jupyter_runs_the_notebook_with_a_bar_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAE_TUI_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "docs" / "python.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("finetune_epochs=10, progress=False", "finetune_epochs=10")
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources={}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("fine-tuning 10/10: 100%" in output.get("text", "") for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert not any("Warning" in output.get("text", "") for output in outputs)


@pytest.mark.filterwarnings("ignore:The validation")
def test_pandas_makes_a_table_of_runs_and_gives_images_as_one(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    small = {"epochs": 1, "layers": 2, "kernels": 2, "latent": 3, "batch_size": 8, "progress": False, "home": tmp_path}
    for seed in (0, 1):
        train("autoencoder", data=images, seed=seed, **small).wait()  # type: ignore[arg-type]  # values of several types
    table = pd.DataFrame(runs(home=tmp_path))
    assert len(table) == 2
    assert table["best_loss"].dtype == float
    assert table.loc[0, "kind"] == "autoencoder"
    flat = pd.DataFrame(images.reshape(40, 64), columns=[f"pixel {at}" for at in range(64)])
    transformer = AutoencoderTransformer(epochs=1, layers=2, kernels=2, latent=3, batch_size=8)
    found = transformer.set_output(transform="pandas").fit_transform(flat)
    assert list(found.columns) == [f"autoencodertransformer{at}" for at in range(3)]
    assert list(transformer.feature_names_in_) == list(flat.columns)
