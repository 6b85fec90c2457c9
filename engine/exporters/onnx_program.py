"""A program that makes an ONNX file of a model file, and one that asks such a file: `write MODEL` and `ask FILE`.

A process of its own, for torch's exporter changes what a training in another thread of the same process uses. What it
is given and what it answers goes through standard input and output: the metadata and then the file, images and then
answers.
"""

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

BATCHES = (1, 7)
"""How many images the first questions are about; the last has all others."""


def write(model_path: str, given: IO[bytes], out: IO[bytes]) -> None:
    """Export the model; its metadata, and the names of its outputs, are JSON on `given`."""
    import logging
    import warnings

    import onnx
    import torch

    from engine.exporters.onnx_module import OnnxModule
    from engine.runs.checkpoint import read_model

    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    asked = json.load(given)
    file = read_model(Path(model_path))
    height, width, channels = file.image
    program = torch.onnx.export(
        OnnxModule(file.build(), classes=file.classes, in_views=file.facts.views).eval(),
        (torch.zeros(2, channels, height, width),),
        input_names=["images"],
        output_names=asked["outputs"],
        dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    forget_origins(proto)
    proto.producer_name, proto.producer_version = "cae-tui", asked["version"]
    onnx.helper.set_model_props(proto, asked["metadata"])
    out.write(proto.SerializeToString())


def forget_origins(message: Any) -> None:
    """Clear what the exporter says of where each part comes from, in all parts: paths and lines of this machine."""
    for field, value in list(message.ListFields()):
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                forget_origins(part)


def ask(path: str, given: IO[bytes], out: IO[bytes]) -> None:
    """Check a file as ONNX does, and answer images by it with onnxruntime where there are any."""
    import onnx

    onnx.checker.check_model(path, full_check=True)
    images_given = given.read()
    if not images_given:
        return
    import onnxruntime

    images = np.load(io.BytesIO(images_given), allow_pickle=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    parts = [part for part in np.split(images, np.cumsum(BATCHES)) if len(part)]
    found = zip(names, *(session.run(names, {"images": part}) for part in parts), strict=True)
    answers = {name: np.concatenate(some) for name, *some in found}
    np.savez(out, allow_pickle=False, **answers)


def main(arguments: Sequence[str]) -> None:
    """Do what is asked."""
    does, path = arguments
    kept = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no part of the answer
    out = io.BytesIO()
    {"write": write, "ask": ask}[does](path, io.BytesIO(sys.stdin.buffer.read()), out)
    with open(kept, "wb") as file:
        file.write(out.getvalue())


if __name__ == "__main__":
    main(sys.argv[1:])
