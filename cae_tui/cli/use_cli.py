"""What the commands are asked that put a model to work, and the asking of it."""

import argparse
from collections.abc import Callable

from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.storage.paths import place_of

USES = {
    "predict": "tell what pictures show, with a classifier, or which are odd; labelled folders give its report",
    "encode": "write the latents of pictures or of a set: NumPy, CSV, Parquet, TensorBoard's projector",
    "reconstruct": "write what an autoencoder gives back of pictures, and tell the error of each",
    "evaluate": "measure a model on other data: the whole report",
    "inside": "follow an image through the layers of a model, and tell why it is answered so",
}
"""The commands that put a model to work."""
WHENS = ("auto", "yes", "no")
PARTS = ("all", "train", "validation", "test")
TO = {
    "encode": (
        "FILE",
        "a new file that ends in .npy (names in FILE.names.csv beside it), .csv or .parquet, or a new folder for "
        "TensorBoard's projector (projector/)",
    ),
    "reconstruct": ("FOLDER", "a new folder for the reconstructions, a PNG each under the name of its picture"),
}


def add_positionals(add: Callable[..., object], command: str) -> None:
    """A model, and what it is asked about."""
    add("model", metavar="MODEL", help="a run's id, or enough of its beginning, or a model file")
    if command == "inside":
        words = "a picture, or what has some; without one, an image that the run was measured on"
        add("path", nargs="?", metavar="PATH", help=words)
    elif command != "evaluate":
        words = "pictures, folders of them, or one image set of any other format, which may be mnist or digits"
        add("paths", nargs="+", metavar="PATH", help=words)


def add_flags(add: Callable[..., object], command: str) -> None:
    """What else may be said."""
    if command in TO:
        metavar, words = TO[command]
        add("--to", default=None, metavar=metavar, help=words)
    if command == "evaluate":
        add("--data", default=None, metavar="DATA", help="the image set to measure it on, as for training; needed")
        add("--test-data", default=None, metavar="PATH", help="its test images, where they are a set of their own")
    if command == "predict":
        words = (
            "mark answers of less probability than this (default: the model's own, so that 99 %% of the others were "
            "right on its validation images)"
        )
        add("--unsure", default=None, metavar="P", help=words)
        words = "of an anomaly detector: tell pictures of a higher score as odd (default: the model's own threshold)"
        add("--above", default=None, metavar="SCORE", help=words)
    if command == "inside":
        _add_inside_flags(add)
        return
    words = "the images of a set that are meant: all, train, validation or test (default: test where it has such)"
    add("--part", default=None, metavar="PART", help=words)
    if command == "evaluate":
        return
    _add_ways(add)
    if command == "reconstruct":
        add("--beside", action="store_true", help="put each image beside its reconstruction, to the left")
    if command != "encode":
        add("--csv", default=None, metavar="FILE", help="write a row for each picture as CSV; - is standard output")


def _add_inside_flags(add: Callable[..., object]) -> None:
    for part in ("test", "validation"):
        words = f"the {part} image of that number of the run, as its sample predictions count them"
        add(f"--{part}", default=None, metavar="N", help=words)
    add("--to", default=None, metavar="FOLDER", help="write pictures of all of it into a new folder")
    _add_ways(add)


def _add_ways(add: Callable[..., object]) -> None:
    """What is done to pictures."""
    words = (
        "exchange dark and light in grey images that are the other way round than those the model learned from: "
        "auto, yes or no (default: auto, which is no for an anomaly detector)"
    )
    add("--invert", default="auto", metavar="WHEN", help=words)
    words = (
        "place drawings as MNIST does, and take away paper and shadows: auto is for pictures that are not centred, and "
        "models of images that are; yes is for all, no for none (default: auto, which is no for an anomaly detector)"
    )
    add("--centre", default="auto", metavar="WHEN", help=words)


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    from engine.text import either, excerpt

    for flag, known in (("invert", WHENS), ("centre", WHENS), ("part", PARTS)):
        value = getattr(options, flag, None)
        if value is not None and value not in known:
            raise DatasetError(f"--{flag}: “{excerpt(value)}” is not known: choose {either(known)}.")
    if getattr(options, "csv", None) is not None and options.json:
        raise DatasetError("--csv and --json cannot be used together.")
    if options.command == "evaluate":
        return _evaluate(options, home)
    if options.command == "inside":
        return _inside(options, home)
    from cae_tui.cli.given_console import Wanted

    wanted = Wanted(options.model, options.paths, options.part, options.invert, options.centre)
    if options.command == "predict":
        from cae_tui.cli import use_console

        unsure = None if options.unsure is None else _probability(options.unsure)
        above = None if options.above is None else _score(options.above)
        return use_console.predict(home, wanted, unsure=unsure, above=above, csv=options.csv, as_json=options.json)
    if options.to is None:
        metavar, words = TO[options.command]
        raise DatasetError(f"`{options.command}` needs --to {metavar}: {words}.")
    from cae_tui.cli import encode_console

    to = place_of(options.to)
    if options.command == "encode":
        # A folder that is yet to be made is known by the stroke at its end, which a path does not keep.
        return encode_console.encode(home, wanted, to, folder=options.to.endswith("/"), as_json=options.json)
    return encode_console.reconstruct(home, wanted, to, beside=options.beside, csv=options.csv, as_json=options.json)


def _probability(text: str) -> float:
    from engine.text import excerpt

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise DatasetError(f"--unsure: “{excerpt(text)}” is no probability: write one from 0 to 1, as 0.9.")
    return value


def _score(text: str) -> float:
    import math

    from engine.text import excerpt

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"--above: “{excerpt(text)}” is no score: write a number, as 6.5.")
    return value


def _inside(options: argparse.Namespace, home: Home) -> int:
    from cae_tui.cli.inside_console import Shown, inside

    if sum(value is not None for value in (options.path, options.test, options.validation)) > 1:
        raise DatasetError("One image is looked at: name a picture, --test N or --validation N.")
    part = "test" if options.test is not None else "validation" if options.validation is not None else ""
    number = _number(part, getattr(options, part)) if part else 0
    shown = Shown(options.path, part, number, options.invert, options.centre)
    to = None if options.to is None else place_of(options.to)
    return inside(home, options.model, shown, to, as_json=options.json)


def _number(part: str, text: str) -> int:
    from engine.text import excerpt

    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DatasetError(f"--{part}: “{excerpt(text)}” is not the number of an image: write one from 0 on.")
    return int(text)


def _evaluate(options: argparse.Namespace, home: Home) -> int:
    from cae_tui.cli.evaluate_console import evaluate
    from engine.specs.data_files import refuse_blank

    given = {"data": options.data, "test_data": options.test_data}
    refuse_blank(given)
    if options.data is None:
        raise DatasetError("`evaluate` needs --data DATA: a folder of pictures, or any other image set.")
    return evaluate(home, options.model, given, options.part, as_json=options.json)
