"""`cae-tui inside`: what the layers of a model make of an image, and why a classifier answers as it does."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.text import Text

from cae_tui.cli.data_console import progress
from cae_tui.cli.given_console import Told, Wanted, asked_for, refuse_taken
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import put
from engine.errors import DatasetError, EngineError
from engine.runs.directory import Home
from engine.storage.files import FORMAT, absolute, written_whole
from engine.text import counted, loss, one_line, percent, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.data.datasets import ImageData
    from engine.evaluation.inside import Inside, SeenLayer
    from engine.evaluation.model import Images, Model
    from engine.evaluation.why import Occlusion

STRONGEST = 8
"""Maps or units of a layer that are told in JSON."""
PRINTED = 3
"""Maps or units of a layer that are printed."""
NEAREST = 3
SIDE = 224
"""Pixels that images are written with at least, by a whole number of times their own."""
MAP_SIDE = 56


class Shown(NamedTuple):
    """Which image is looked at."""

    path: str | None
    part: str  # of the run's images, where no path is named; nothing for those that it was measured on
    number: int
    invert: str
    centre: str


class _Image(NamedTuple):
    """That image, and where it is from."""

    name: str
    pixels: "Images"  # (height, width, channels)
    true: int | None
    data: "ImageData | None" = None  # of the run
    training: "NDArray[np.int64] | None" = None


def inside(home: Home, named: str, shown: Shown, to: Path | None, *, as_json: bool) -> int:
    """Print what the layers make of an image, and write pictures of it where `to` names a folder.

    Raises:
        EngineError: there is no such model or image, or the pictures cannot be written.
    """
    from engine.evaluation.inside import look_inside
    from engine.evaluation.model import load_model
    from engine.evaluation.why import occlusion

    target = None if to is None else absolute(to)
    if target is not None:
        refuse_taken(target)
    model = load_model(home, named)
    image = _given(model, shown) if shown.path is not None else _of_run(model, shown)
    found = look_inside(model, image.pixels)
    hidden = None
    if model.classes:
        with progress("Hiding squares") as told:
            hidden = occlusion(model, image.pixels, told)
    near = {} if hidden is None else _near(model, image, hidden)
    values = _as_json(model, image, found, hidden, near)
    if target is not None:
        _write(target, model, image, found, hidden, near)
    if as_json:
        put(json.dumps(values | ({} if target is None else {"folder": str(target)})))
        return 0
    _print(values)
    if target is not None:
        put(f"Pictures of it were written to {plain(str(target))}.")
    return 0


# -- the image ------------------------------------------------------------------------------------


def _given(model: "Model", shown: Shown) -> _Image:
    from engine.evaluation.given import made_ready

    asked = asked_for(model, Wanted(model.name, [shown.path or ""], None, shown.invert, shown.centre))
    totals = Told()
    given = next(asked.pieces(None))
    if not len(given.images):
        name, why = next(iter(given.bad.items()))
        raise DatasetError(f"{one_line(name)} {why}. Name a whole picture.")
    ready = made_ready(model, given, shown.invert, shown.centre)
    if asked.count > 1:
        tell(f"This is the first of {asked.count:,} images there.")
    totals.images, totals.inverted, totals.centred = 1, int(ready.inverted[0]), int(ready.centred[0])
    totals.tell(model, asked)
    label = None if given.labels is None else int(given.labels[0])
    data, training = _training_of(model)
    return _Image(given.names[0], ready.images[0], label, data, training)


def _training_of(model: "Model") -> "tuple[ImageData | None, NDArray[np.int64] | None]":
    """What the model learned from, where it is a run's and its images are there: an extra here."""
    from engine.preparation import images_of

    if model.run is None or not model.classes:
        return None, None
    try:
        data, training, _ = images_of(model.run)
    except EngineError as error:
        tell(f"Without the nearest training images: {error}")
        return None, None
    return data, training


def _of_run(model: "Model", shown: Shown) -> _Image:
    from engine.preparation import images_of

    if model.run is None:
        raise DatasetError(f"{model.name} is a model file, without images of its own: name a picture behind it.")
    with progress("Reading the images"):
        data, training, validation = images_of(model.run)
    part = shown.part or ("test" if data.test is not None and len(data.test) else "validation")
    number = shown.number
    if part == "test":
        if data.test is None:
            raise DatasetError(f"--test: {data.name} has no test images: take --validation N.")
        if number >= len(data.test):
            last = len(data.test) - 1
            raise DatasetError(f"--test: {number:,} is no test image of {data.name}: they are numbered 0 to {last:,}.")
        images = data.test
    else:
        if not shown.part:
            number = int(validation[0])
        if number not in validation:
            after = np.sort(validation)
            near = int(after[min(int(np.searchsorted(after, number)), len(after) - 1)])
            raise DatasetError(
                f"--validation: {number:,} is none of the {len(validation):,} validation images of the run, which are "
                f"numbered as in the training files: {near:,} is one."
            )
        images = data.train
    pixels = images.take(np.array([number], np.int64))[0]
    label = None if images.labels is None else int(images.labels[number])
    return _Image(f"{data.name} {part} {number}", pixels, label, data, training)


def _near(
    model: "Model", image: _Image, hidden: "Occlusion"
) -> "dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]":
    """For the true and the predicted class, or the next in line, rows of the nearest training images and distances."""
    from engine.evaluation.neighbours import neighbours_of

    if image.data is None or image.training is None or image.data.train.labels is None:
        return {}
    predicted, second = np.argsort(-hidden.before, kind="stable")[:2].tolist()
    other = image.true if image.true not in (None, predicted) else second
    found = {}
    latent = model.latent(image.pixels[None])[0]
    with progress("Looking through training images") as told:
        for label in (predicted, other):
            rows = image.training[image.data.train.labels[image.training] == label]
            if len(rows):
                known = neighbours_of(model, image.data.train, rows, rows[:0], told)
                found[int(label)] = known.nearest(latent, NEAREST)
    return found


# -- as numbers -----------------------------------------------------------------------------------


def _as_json(
    model: "Model", image: _Image, found: "Inside", hidden: "Occlusion | None", near: dict[int, Any]
) -> dict[str, Any]:
    """All of it: maps, units, rows and columns are counted from 1, images from 0."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "model": model.name,
        "kind": model.spec.kind,
        "image": image.name,
        "class": None if image.true is None or image.data is None else _class_of(image, image.true),
        "layers": [_layer(seen) for seen in found.layers],
        "reconstruction": None,
    }
    if found.rebuilt is not None:
        values["reconstruction"] = {"mse": found.rebuilt.error, "largest_difference": found.rebuilt.largest}
    if hidden is not None:
        values["why"] = _why(model, image, hidden, near)
        for unit in values["layers"][-1]["strongest"]:  # the last layer has a unit for each class
            unit["class"] = model.class_names[unit["number"] - 1]
        values["class"] = None if image.true is None else model.class_names[image.true]
    return values


def _class_of(image: _Image, label: int) -> str:
    from engine.text import class_name

    return class_name(() if image.data is None else image.data.class_names, label)


def _layer(seen: "SeenLayer") -> dict[str, Any]:
    strongest = []
    for number in seen.order[:STRONGEST].tolist():
        one: dict[str, Any] = {"number": number + 1, "mean": float(seen.strengths[number])}
        if seen.is_dense:
            one["value"] = float(seen.maps[number, 0, 0])
        else:
            row, column = seen.peak(number)
            one |= {"largest": float(seen.maps[number, row, column]), "row": row + 1, "column": column + 1}
        strongest.append(one)
    layer = seen.layer
    return {
        "name": layer.name,
        "part": seen.part,
        "kind": layer.kind,
        "changes": layer.symbol,
        "shape": list(layer.shape),
        "parameters": layer.parameters,
        "sees": None if seen.field is None else seen.field.side,
        "silent": seen.silent,
        "strongest": strongest,
    }


def _why(model: "Model", image: _Image, hidden: "Occlusion", near: dict[int, Any]) -> dict[str, Any]:
    names = model.class_names
    predicted = int(hidden.before.argmax())
    most = hidden.most(predicted)
    return {
        "predicted": names[predicted],
        "probability": float(hidden.before[predicted]),
        "probability_of_class": None if image.true is None else float(hidden.before[image.true]),
        "region": {"rows": [most.top + 1, most.top + most.side], "columns": [most.left + 1, most.left + most.side]},
        "without": most.probability,
        "predicted_without": names[most.predicted],
        "nearest": [
            {
                "class": names[label],
                "images": [
                    {"training_image": row, "distance": far}
                    for row, far in zip(rows.tolist(), distances.tolist(), strict=True)
                ],
            }
            for label, (rows, distances) in near.items()
        ],
    }


# -- as text --------------------------------------------------------------------------------------


def _print(values: dict[str, Any]) -> None:
    console = OutputConsole()
    known = "" if values["class"] is None else f", class {values['class']}"
    console.print(Text(f"{one_line(values['image'])}{known}"), soft_wrap=True)
    rows = [("layer", "output", "params", "sees", "silent", "strongest, and how strong")]
    for layer in values["layers"]:
        height, width, maps = layer["shape"]
        dense = layer["kind"] == "dense" and height == width == 1
        what = "value" if dense else "mean"
        strongest = [f"{one.get('class', one['number'])} {one[what]:.2g}" for one in layer["strongest"][:PRINTED]]
        rows.append(
            (
                f"{layer['name']} {layer['changes']}".rstrip(),
                f"{maps:,}" if dense else f"{height}×{width}×{maps}",
                f"{layer['parameters']:,}",
                f"{layer['sees']}×{layer['sees']}" if layer["sees"] else "",
                f"{layer['silent']:,}" if layer["silent"] else "",
                ", ".join(strongest),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for place, (name, *middle, last) in enumerate(rows):
        cells = [f"{name:<{widths[0]}}", *(f"{one:>{wide}}" for one, wide in zip(middle, widths[1:], strict=False))]
        console.print(Text("  ".join([*cells, last]), "dim" if not place else ""), soft_wrap=True)
    if (rebuilt := values["reconstruction"]) is not None:
        console.print(
            Text(
                f"Reconstruction: mean squared error {loss(rebuilt['mse'])}; the brightness differs by at most "
                f"{rebuilt['largest_difference']:.0f} of 255 grey levels."
            ),
            soft_wrap=True,
        )
    if (why := values.get("why")) is not None:
        for line in _why_lines(why, values["class"]):
            console.print(Text(line), soft_wrap=True)


def _why_lines(why: dict[str, Any], true: str | None) -> list[str]:
    name, region = why["predicted"], why["region"]
    judged = "" if true is None else ", which is right" if true == name else f"; it is {true}"
    then = why["predicted_without"]
    after = "" if then == name else f", and {then} is predicted"
    (first, last), (left, right) = region["rows"], region["columns"]
    lines = [
        f"Predicted: {name}, {percent(why['probability'], 1)}{judged}.",
        f"Most important: rows {first}–{last}, columns {left}–{right}. With these hidden {name} has "
        f"{percent(why['without'], 1)}{after}.",
    ]
    for one in why["nearest"]:
        images = ", ".join(f"{each['training_image']:,} at {each['distance']:.3g}" for each in one["images"])
        lines.append(f"Nearest of {one['class']}: {counted(len(one['images']), 'training image')}, {images}.")
    return lines


# -- as pictures ----------------------------------------------------------------------------------


def _write(
    target: Path, model: "Model", image: _Image, found: "Inside", hidden: "Occlusion | None", near: dict[int, Any]
) -> None:
    """PNG files: the image, what is rebuilt of it, each layer's maps on a sheet, and why.

    Raises:
        StorageError: they cannot be written.
    """
    from engine.evaluation.heat import alone, enlarged, laid_over, of_kernels, sheet, thumbnails
    from engine.evaluation.why import layer_cam
    from engine.exporters.reconstructions import write_png

    pictures = {"image": found.image}
    if found.rebuilt is not None:
        pictures["reconstruction"] = found.rebuilt.image
        pictures["difference"] = alone(found.rebuilt.difference)
    if hidden is not None:
        label = int(hidden.before.argmax())
        pictures["why-occlusion"] = laid_over(found.image, hidden.falls(label))
        pictures["why-layercam"] = laid_over(found.image, layer_cam(model, found.image, label))
    sheets = {}
    if found.kernels is not None:
        sheets["kernels"] = of_kernels(found.kernels)[found.layers[0].order]
    for number, seen in enumerate(found.layers, start=1):
        if not seen.is_dense:
            sheets[f"layer-{number:02}-{seen.layer.name.replace(' ', '-')}"] = thumbnails(seen.maps[seen.order])
    for label, (rows, _) in near.items():
        assert image.data is not None
        sheets[f"nearest-{label}"] = image.data.train.take(rows.astype(np.int64))
    with written_whole(target) as folder:
        folder.mkdir()
        for name, one in pictures.items():
            write_png(folder / f"{name}.png", enlarged(one[None], SIDE)[0])
        for name, some in sheets.items():
            write_png(folder / f"{name}.png", sheet(enlarged(some, MAP_SIDE)))
        refuse_taken(target)  # by somebody else, meanwhile
