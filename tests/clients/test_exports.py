"""What runs are written as, opened in the programs that it is for: onnxruntime, TensorBoard, and torch alone."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from packaging.requirements import Requirement
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine import jobs
from engine.data import cache
from engine.errors import ExportError
from engine.evaluation.model import load_model
from engine.exporters import export, export_all, onnx_file
from engine.exporters.exporter import told_nobody
from engine.exporters.process import answer_of
from engine.network.network import network_of
from engine.protocol.control import Flag
from engine.protocol.events import EpochEnded, Event
from engine.results.result import Result
from engine.runs.checkpoint import model_tensors, read_tensors, write_model
from engine.runs.directory import Home, RunDirectory
from engine.specs.base import Spec, preset
from engine.specs.kinds import SPECS
from engine.specs.listed import kinds_that_give_encoders, kinds_that_take_encoders

ROOT = Path(__file__).parents[2]
SMALL = {"data": "digits", "epochs": 2, "layers": 6, "kernels": "8", "batch_size": 64}
HEAD = {"frozen_epochs": 1, "finetune_epochs": 1, "batch_size": 64, "fc_units": 16, "data": "digits"}
Runs = dict[str, RunDirectory]


def trained(home: Home, kind: str, **values: Any) -> RunDirectory:
    result: Result = jobs.start(home, preset(SPECS[kind], "recommended", **values), lambda event: None, Flag())
    return home.find(result.id)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    yield Home(tmp_path_factory.mktemp("home"))
    cache.forget()


@pytest.fixture(scope="module")
def runs(home: Home) -> Runs:
    """A small run of each kind; the classifier averages over views."""
    autoencoder = trained(home, "autoencoder", **SMALL)
    classifier = trained(home, "classifier", encoder=autoencoder.id, **HEAD)
    assert load_model(home, str(classifier.model)).facts.views
    return {"autoencoder": autoencoder, "classifier": classifier}


def pixels(count: int, shape: tuple[int, int, int]) -> Any:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


# -- onnxruntime -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_onnxruntime_answers_as_the_run_at_every_batch_size(kind: str, home: Home, runs: Runs, tmp_path: Path) -> None:
    done = export(home, "onnx", [runs[kind]], tmp_path)
    assert done.checked.startswith("run by onnxruntime, compared with the run's own answers on 180 validation images: ")
    session = onnxruntime.InferenceSession(done.path.read_bytes())
    model = load_model(home, str(runs[kind].model))
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("images", "tensor(float)", [1, 8, 8])
    assert isinstance(given.shape[0], str)  # any number of images
    names = [output.name for output in session.get_outputs()]
    wanted = ["reconstructions", "latent"] if kind == "autoencoder" else ["probabilities", "logits", "latent"]
    assert names == wanted
    for count in (1, 7, 64):
        images = pixels(count, (8, 8, 1))
        batch = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
        found = dict(zip(names, session.run(None, {"images": batch}), strict=True))
        with torch.inference_mode():
            answers = model.network(torch.from_numpy(batch)).numpy()
        assert np.allclose(found["latent"], model.latent(images), atol=1e-4)
        assert np.allclose(found[wanted[0] if kind == "autoencoder" else "logits"], answers, atol=1e-4)
        if kind == "classifier":
            assert np.allclose(found["probabilities"], model.probabilities(images), atol=1e-5)


def test_what_one_must_know_to_use_the_file_is_in_it_and_nothing_of_this_machine(
    home: Home, runs: Runs, tmp_path: Path
) -> None:
    path = export(home, "onnx", [runs["classifier"]], tmp_path / "it.onnx").path
    known = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(known["classes"]) == list("0123456789")
    assert json.loads(known["image"]) == {"height": 8, "width": 8, "channels": 1}
    assert "float32" in known["input"]
    assert "divided by 255" in known["input"]
    assert "averaged over the image and four views" in json.loads(known["outputs"])["probabilities"]
    assert json.loads(known["spec"])["fc_units"] == 16
    assert known["run"] == runs["classifier"].id
    content = path.read_bytes()
    places = [ROOT, home.path, tmp_path, sys.prefix, Path(torch.__file__).parent, Path.home(), Path.cwd()]
    for word in (*map(str, places), "site-packages", ".py", "engine/", os.uname().nodename):
        assert word.encode() not in content, word


WRITTEN = sorted({*kinds_that_give_encoders(), *kinds_that_take_encoders()})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in WRITTEN for name in SPECS[kind].presets])
def test_every_preset_becomes_a_file_that_onnx_and_onnxruntime_take(kind: str, name: str, tmp_path: Path) -> None:
    encoder_spec: Spec = preset(SPECS["autoencoder"], name if kind == "autoencoder" else "recommended")
    spec = encoder_spec if kind == "autoencoder" else preset(SPECS[kind], name, encoder="x")
    torch.manual_seed(0)
    network = network_of(spec, encoder_spec, (28, 28, 1), 0 if kind == "autoencoder" else 10).eval()
    write_model(tmp_path / "model.safetensors", network, model_tensors(network))
    names = ["reconstructions", "latent"] if kind == "autoencoder" else ["probabilities", "logits", "latent"]
    asked = json.dumps({"outputs": names, "version": "0", "metadata": {}}).encode()
    program = "engine.exporters.onnx_program"
    data = answer_of(program, ["write", str(tmp_path / "model.safetensors")], told_nobody, asked)
    (tmp_path / "it.onnx").write_bytes(data)
    batch = pixels(9, (28, 28, 1)).transpose(0, 3, 1, 2).astype(np.float32) / 255
    given = io.BytesIO()
    np.save(given, batch, allow_pickle=False)
    answer = answer_of(program, ["ask", str(tmp_path / "it.onnx")], told_nobody, given.getvalue())
    found = np.load(io.BytesIO(answer), allow_pickle=False)
    with torch.inference_mode():
        answers = network(torch.from_numpy(batch)).numpy()
    theirs = found["reconstructions" if kind == "autoencoder" else "logits"]
    assert np.abs(theirs - answers).max() <= 1e-4 * max(1, np.abs(answers).max())


def test_a_model_that_others_could_not_read_the_answers_of_is_refused(home: Home, tmp_path: Path) -> None:
    run = trained(home, "anomaly", **{**SMALL, "layers": 4}, latent=8, normal="1")
    with pytest.raises(ExportError, match="of kind anomaly, which cannot be written as ONNX"):
        export(home, "onnx", [run], tmp_path / "it.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_onnxruntime_the_checker_alone_is_told(
    home: Home, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else real(name))
    done = export(home, "onnx", [runs["autoencoder"]], tmp_path / "it.onnx")
    assert done.checked == "checked by ONNX's own checker alone, for onnxruntime is not installed"


def test_a_file_that_answers_otherwise_is_not_kept(
    home: Home, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = trained(home, "autoencoder", **{**SMALL, "seed": 3})
    real = answer_of

    def swapped(module: str, words: Any, told: Any, given: bytes = b"") -> bytes:
        return real(module, [word.replace(runs["autoencoder"].id, other.id) for word in words], told, given)

    monkeypatch.setattr(onnx_file, "answer_of", swapped)
    with pytest.raises(ExportError, match="answers otherwise than the run"):
        export(home, "onnx", [runs["autoencoder"]], tmp_path / "it.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_training_beside_it_learns_what_it_learns_alone(home: Home, runs: Runs, tmp_path: Path) -> None:
    values = {**SMALL, "epochs": 12, "seed": 5}
    alone = trained(home, "autoencoder", **values)
    begun, ended = threading.Event(), threading.Event()
    beside: list[RunDirectory] = []

    def hear(event: Event) -> None:
        if isinstance(event, EpochEnded):
            begun.set()
            if event.epoch == 11:  # there is an epoch yet, which is trained while the export is at work or after it
                ended.wait()

    def train() -> None:
        spec = preset(SPECS["autoencoder"], "recommended", **values)
        beside.append(home.find(jobs.start(home, spec, hear, Flag()).id))

    thread = threading.Thread(target=train)
    thread.start()
    begun.wait()
    export(home, "onnx", [runs["classifier"]], tmp_path / "it.onnx")
    ended.set()
    thread.join()
    ours, others = (read_tensors(run.model)[0] for run in (alone, beside[0]))
    assert all(torch.equal(tensor, others[name]) for name, tensor in ours.items())


# -- TensorBoard -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_tensorboard_reads_the_curves_the_pictures_and_the_spec(
    kind: str, home: Home, runs: Runs, tmp_path: Path
) -> None:
    folder = export(home, "tensorboard", [runs[kind]], tmp_path / "it").path
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    read.Reload()
    epochs = [event for event in runs[kind].read_events()[0] if isinstance(event, EpochEnded)]
    for tag, values in {
        "loss/train": [epoch.train["loss"] for epoch in epochs],
        "loss/validation": [epoch.validation["loss"] for epoch in epochs],
        "learning_rate": [epoch.learning_rate for epoch in epochs],
    }.items():
        found = read.Scalars(tag)
        assert [one.value for one in found] == pytest.approx(values)
        assert [one.step for one in found] == list(range(1, len(epochs) + 1))
        assert [one.wall_time for one in found] == [epoch.time for epoch in epochs]
    assert ("accuracy/validation" in read.Tags()["scalars"]) == (kind == "classifier")
    (text,) = read.Tensors("spec")
    assert b"| batch_size | 64 |" in text.tensor_proto.string_val[0]
    assert read.summary_metadata["spec"].plugin_data.plugin_name == "text"
    if kind == "autoencoder":
        pictures = read.Images("reconstructions")
        assert [one.step for one in pictures] == [1, 2]
        for one in pictures:
            with Image.open(io.BytesIO(one.encoded_image_string)) as picture:
                assert (picture.width, picture.height) == (one.width, one.height)
                assert len(set(picture.get_flattened_data())) > 10


# -- torch alone -----------------------------------------------------------------------------------


def needed_by(*names: str) -> list[metadata.Distribution]:
    """What is installed of these packages and of all that they need, extras left out."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another platform
            continue
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return list(found.values())


@pytest.fixture(scope="module")
def torch_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with torch, safetensors and what those need, and nothing else.

    Nothing is installed: the environment is a new one, and its packages are links to those that are here.
    """
    place = tmp_path_factory.mktemp("alone")
    venv.create(place, with_pip=False)
    (packages,) = place.glob("lib/python*/site-packages")
    for distribution in needed_by("torch", "safetensors"):
        for first in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (packages / first).exists():
                (packages / first).symlink_to(Path(str(distribution.locate_file(first))).resolve())
    return place / "bin" / "python"


@pytest.mark.parametrize("kind", ["autoencoder", "classifier"])
def test_the_plain_model_runs_where_there_is_torch_alone(
    kind: str, home: Home, runs: Runs, tmp_path: Path, torch_alone: Path
) -> None:
    folder = export(home, "pytorch", [runs[kind]], tmp_path / "it").path
    images = pixels(7, (8, 8, 1))
    batch = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    lines = [
        "import importlib.util, json, sys, warnings",
        "warnings.simplefilter('ignore')",  # torch misses numpy aloud
        "others = [name for name in ('numpy', 'engine', 'cae_tui', 'textual', 'onnx')",
        "          if importlib.util.find_spec(name)]",
        "import torch",
        "from model import load",
        "images = torch.tensor(json.load(sys.stdin))",
        "model = load()",
        "with torch.inference_mode():",
        f"    answers = model{'.probabilities' if kind == 'classifier' else ''}(images)",
        "print(json.dumps({'others': others, 'answers': answers.tolist()}))",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [torch_alone, "-B", "-c", "\n".join(lines)],
        input=json.dumps(batch.tolist()), cwd=folder, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["others"] == []
    model = load_model(home, str(runs[kind].model))
    if kind == "classifier":
        ours = model.probabilities(images)
    else:
        with torch.inference_mode():
            ours = model.network(torch.from_numpy(batch)).numpy()
    assert np.allclose(np.array(told["answers"], dtype=np.float32), ours, atol=1e-5)


# -- all of it -------------------------------------------------------------------------------------


def test_where_all_is_installed_nothing_is_left_out(home: Home, runs: Runs, tmp_path: Path) -> None:
    done = export_all(home, runs["classifier"], tmp_path / "all")
    assert done.left_out == {}
    assert len(list(done.folder.iterdir())) == len(done.written)
