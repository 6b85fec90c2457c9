"""Files that are something else than they were named for: told for what they are, whichever reader meets them."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from cae_tui.cli.study_cli import read_baseline
from engine.data.recognise import START, recognise
from engine.errors import DatasetError, EngineError, ModelFileError, RunError
from engine.runs.checkpoint import read_model
from engine.runs.directory import Home
from tests.engine.tiny import write_encoder, write_files
from tests.idx import idx_bytes, load_idx, numbers, pictures, write_idx


def saved(write: Callable[[Any], object]) -> bytes:
    """What `write` writes to a file."""
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def zipped(**members: bytes) -> bytes:
    def write(out: Any) -> None:
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return saved(write)


def tarred() -> bytes:
    def write(out: Any) -> None:
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("images"), io.BytesIO())

    return saved(write)


IDX = idx_bytes(pictures())
FILES: dict[str, tuple[bytes, str]] = {
    "page": (b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>", "a web page"),
    "page-with-a-comment": (b"\xef\xbb\xbf<!-- saved -->\n<HTML lang='en'>", "a web page"),
    "error-of-a-store": (b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>Denied</Code>', "an XML file, as"),
    "zip": (zipped(images=IDX), "a zip archive"),
    "tar": (tarred(), "a tar archive"),
    "bzip2": (b"BZh91AY&SY" + bytes(20), "a bzip2 file"),
    "xz": (b"\xfd7zXZ\0\0\4", "an xz file"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\0", "a zstd file"),
    "npy": (saved(lambda out: np.save(out, pictures())), "a NumPy file (.npy)"),
    "npz": (saved(lambda out: np.savez(out, x_train=pictures())), "a NumPy file (.npz)"),
    "npz-packed": (saved(lambda out: np.savez_compressed(out, pictures())), "a NumPy file (.npz)"),
    "kaggle": (f"label,{','.join(f'pixel{place}' for place in range(784))}\n5,0".encode(), "a table of text (CSV)"),
    "numbers": (b"5,0,4,1\r\n9,2,1,3\r\n", "a table of text (CSV)"),
    "semicolons": ("name;größe\nä;1\n".encode("latin-1"), "a table of text (CSV)"),
    "tabs": ("a\tb\n1\t2\n".encode("utf-16"), "a table of text (CSV)"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "torch": (saved(lambda out: torch.save({"a": torch.zeros(2)}, out)), "a PyTorch file"),
    "torch-before-1.6": (
        saved(lambda out: torch.save(torch.zeros(2), out, _use_new_zipfile_serialization=False)),
        "a PyTorch file",
    ),
    "script": (saved(lambda out: torch.jit.save(torch.jit.script(nn.Linear(2, 2)), out)), "a PyTorch file"),
    "keras": (zipped(**{"metadata.json": b"{}", "config.json": b"{}"}), "a Keras model"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.9.0:\x80\x04", "an ONNX model"),
    "pickle": (pickle.dumps([1, 2]), "a Python pickle"),
    "cifar": (b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U", "a Python pickle"),
    "old-pickle": (pickle.dumps({"a": [1]}, protocol=0), "a Python pickle"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture (PNG)"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a picture (JPEG)"),
    "gif": (b"GIF89a\x10\0\x10\0", "a picture (GIF)"),
    "bmp": (b"BM\x36\x03\0\0\0\0\0\0\x36\0\0\0", "a picture (BMP)"),
    "tiff": (b"II*\0\x08\0\0\0", "a picture (TIFF)"),
    "tiff-big-endian": (b"MM\0*\0\0\0\x08", "a picture (TIFF)"),
    "webp": (b"RIFF\x24\0\0\0WEBPVP8 ", "a picture (WebP)"),
    "avif": (b"\0\0\0\x20ftypavif\0\0\0\0", "a picture (AVIF)"),
    "pgm": (b"P5\n# made by hand\n28 28\n255\n\x07\x90", "a picture (PNM)"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a picture (SVG)"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document"),
    "parquet": (b"PAR1\x15\x04\x15", "a Parquet file"),
    "excel": (zipped(**{"[Content_Types].xml": b"<Types/>"}), "an Office document"),
    "json": (b'  {"images": [1, 2]}', "a JSON file"),
    "notebook": (b'{\n "cells": [],\n "nbformat": 4}', "a Jupyter notebook"),
    "text": (b"Dear reader, the images are on the other disk.\n", "a text file"),
    "text-with-accents": ("Où sont les images de l'été ?".encode("latin-1"), "a text file"),
    "broken-download": (bytes(2000), "a file that begins with zeros only"),
    "safetensors": (save({"a": torch.zeros(1)}), "a safetensors file"),
    "program": (b"\x7fELF\x02\x01\x01" + bytes(9), "a program"),
}  # fmt: skip


def refusal(read: Callable[[], object], kind: type[EngineError]) -> str:
    with pytest.raises(kind) as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_told_for_what_it_is_by_whoever_reads_it(name: str, tmp_path: Path) -> None:
    content, what = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    images = write_idx(tmp_path / "images", pictures())

    as_images = refusal(lambda: load_idx(path), DatasetError)
    assert f"{path} is {what}" in as_images
    assert "; an IDX file of training images was expected: " in as_images
    assert f"is {what}" in refusal(lambda: load_idx(images, path), DatasetError)
    within = refusal(lambda: load_idx(tmp_path / f"{name}.gz"), DatasetError)
    assert f"{name}.gz is {what}" in within
    assert "inside a gzip file; an IDX file" in within

    as_model = refusal(lambda: read_model(path), ModelFileError)
    assert f"{path} is {what}" in as_model
    for sentence in (as_images, within, as_model):
        assert "bytes" not in sentence
        assert sentence.endswith(".")
        assert "header" not in sentence
    if not what.startswith(("a JSON", "a Jup")):
        assert f"{path} is {what}" in refusal(lambda: read_baseline(Home(tmp_path), str(path)), RunError)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("page", "download the file itself again."),
        ("lfs", "download the file itself again."),
        ("zip", "unpack it, and name the IDX file that comes out."),
        ("npy", "write the images in it as IDX; the README says how."),
        ("kaggle", "write the images in it as IDX; the README says how."),
        ("png", "all images go into one IDX file; the README says how."),
        ("torch", "it holds weights, so name the file of the images."),
    ],
)
def test_what_to_do_is_said(name: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name][0])
    assert refusal(lambda: load_idx(tmp_path / name), DatasetError).endswith(advice)


def test_a_gzip_file_in_a_gzip_file_is_to_be_unpacked_once(tmp_path: Path) -> None:
    path = tmp_path / "twice.gz"
    path.write_bytes(gzip.compress(gzip.compress(IDX)))
    assert refusal(lambda: load_idx(path), DatasetError) == (
        f"{path} is a gzip file inside a gzip file; an IDX file of training images was expected: "
        "unpack it, and name the IDX file that comes out."
    )


def test_data_given_as_a_model_and_a_model_given_as_data_are_told_apart(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images", pictures())
    model = write_encoder(tmp_path / "model.safetensors", write_files(tmp_path))
    assert "is an IDX file; a model file of cae-tui was expected: images and labels have fields" in refusal(
        lambda: read_model(images), ModelFileError
    )
    assert "is a model file of cae-tui; an IDX file of training images was expected: it holds weights" in refusal(
        lambda: load_idx(model), DatasetError
    )
    packed = tmp_path / "model.gz"
    packed.write_bytes(gzip.compress(model.read_bytes()))
    assert "is a gzip file; a model file of cae-tui was expected: unpack it" in refusal(
        lambda: read_model(packed), ModelFileError
    )


def test_a_model_of_another_program_is_told_without_the_library_s_words(tmp_path: Path) -> None:
    for name in ("onnx", "torch", "hdf5", "keras"):
        (tmp_path / name).write_bytes(FILES[name][0])
        words = refusal(partial(read_model, tmp_path / name), ModelFileError)
        assert words.endswith("models of other programs cannot be used here; name a run, or its model.safetensors.")


def test_a_folder_given_as_a_model_says_what_to_name(tmp_path: Path) -> None:
    assert "is a folder without a model: name a run, or" in refusal(lambda: read_model(tmp_path), ModelFileError)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "is a folder: name the model.safetensors in it, or the run by its id." in refusal(
        lambda: read_model(tmp_path), ModelFileError
    )


def test_a_baseline_that_is_no_json_is_told_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"kind": "autoencoder"})[:-3])
    assert "cannot be read" in refusal(lambda: read_baseline(Home(tmp_path), str(path)), RunError)
    path.write_bytes(IDX)
    assert "is an IDX file: name a run, or a JSON file like a run's spec.json." in refusal(
        lambda: read_baseline(Home(tmp_path), str(path)), RunError
    )


@pytest.mark.parametrize("shape", [(6, 8, 9), (6, 8, 9, 1), (6, 1, 8, 9)])
def test_grey_images_may_have_an_axis_of_one_colour(shape: tuple[int, ...], tmp_path: Path) -> None:
    grey = pictures(6, 8, 9)
    found = load_idx(write_idx(tmp_path / "images", grey.reshape(shape)))
    assert found.shape == (8, 9, 1)
    assert np.array_equal(found.train.images[..., 0], grey)
    assert found.digest == load_idx(write_idx(tmp_path / "plain", grey)).digest


def test_colours_may_stand_before_height_and_width(tmp_path: Path) -> None:
    colour = pictures(6, 8, 9, 3)
    found = load_idx(write_idx(tmp_path / "images", np.moveaxis(colour, 3, 1)))
    assert found.shape == (8, 9, 3)
    assert np.array_equal(found.train.images, colour)


def test_labels_may_have_an_axis_of_one(tmp_path: Path) -> None:
    images = write_idx(tmp_path / "images", pictures(3))
    found = load_idx(images, write_idx(tmp_path / "labels", numbers(0, 2, 1).reshape(3, 1)))
    assert found.train.labels is not None
    assert found.train.labels.tolist() == [0, 2, 1]


def test_noise_is_not_taken_for_anything() -> None:
    generator = np.random.default_rng(0)
    found = [recognise(generator.integers(0, 256, START, dtype=np.uint8).tobytes()) for _ in range(2000)]
    assert sum(one is not None for one in found) < 5
