"""What `cae-tui doubts` is asked, and the asking of it."""

import argparse
from collections.abc import Callable

from cae_tui.cli.spec_flags import add_field
from engine.errors import DatasetError, SpecError
from engine.runs.directory import Home
from engine.specs.data_files import LABELS_FROM, names_mnist, refuse_blank
from engine.specs.listed import KINDS
from engine.storage.paths import path_of

PARTS = ("training", "validation", "test")
MOST = 1_000_000


def add_positionals(add: Callable[..., object]) -> None:
    """The set."""
    words = "the name or the path of a set; with --with it may be left out: the images of that run"
    add("data", nargs="?", default=None, metavar="DATA", help=words)


def add_flags(parser: argparse.ArgumentParser, add: Callable[..., object]) -> None:
    """What else may be said, the treatment of images as everywhere."""
    from engine.specs.base import Spec, spec_fields
    from engine.specs.preprocessing import PREPROCESSING

    words = (
        "ask a finished classifier, a run or a model file, in place of quick ones that are trained for it; or ask an "
        "anomaly detector which images do not belong"
    )
    add("--with", dest="model", default=None, metavar="RUN", help=words)
    words = (
        "the images that are looked at: training, validation or test (default: training; of a run's own images those "
        "that it has not learned from, by an anomaly detector all)"
    )
    add("--of", default=None, metavar="PART", help=words)
    words = "how many are shown, and written (default: 20 are shown, all are written)"
    add("--top", default=None, metavar="N", help=words)
    words = "write them as a new file of labels: fill in its decisions, then train with --labels-from FILE"
    add("--csv", default=None, metavar="FILE", help=words)
    add("--seed", default="0", metavar="N", help="of the quick classifiers and their folds (default: 0)")
    group = parser.add_argument_group("Images")
    for field in spec_fields(Spec):
        if field.name == "test_data":
            words = (
                "Its test images, where they lie elsewhere, in any form that a set may have; --of test looks at them."
            )
            add_field(group.add_argument, field, words, field.default, field.name)
        if field.name in PREPROCESSING:
            add_field(group.add_argument, field, field.description, field.default, field.name)
        if field.name == LABELS_FROM:
            words = "A file of labels: its decisions stand in what is written with --csv."
            add_field(group.add_argument, field, words, field.default, field.name)


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    from cae_tui.cli.doubts_console import doubts
    from engine.specs.base import parse
    from engine.specs.kinds import SPECS
    from engine.specs.preprocessing import PREPROCESSING
    from engine.text import either, excerpt

    if options.of is not None and options.of not in PARTS:
        raise SpecError({"of": f"“{excerpt(options.of)}” is not known: choose {either(PARTS)}."})
    top = None if options.top is None else _number("top", options.top, 1, MOST)
    seed = _number("seed", options.seed, 0, 2**31 - 1)
    csv = None if options.csv is None else path_of(options.csv)
    if csv is not None and not options.csv.strip():
        raise SpecError({"csv": "This names no file: give a path."})
    given = {name: getattr(options, name) for name in ("data", "test_data", LABELS_FROM, *PREPROCESSING)}
    refuse_blank(given)
    if options.data is None and options.model is None:
        raise DatasetError("`doubts` needs the name or the path of a set, or --with RUN.")
    if options.data is None and (named := [name for name in given if given[name] is not None]):
        raise SpecError({named[0]: "This is for a set that is named; the images of a run are as it has them."})
    names_mnist(given)
    spec = parse(SPECS[next(iter(KINDS))], {name: value for name, value in given.items() if value is not None})
    try:
        return doubts(
            home, None if options.data is None else spec.files, options.model, options.of, seed, top, csv,
            as_json=options.json,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted: nothing was written.") from None


def _number(flag: str, text: str, least: int, most: int) -> int:
    from engine.text import excerpt

    if text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most:
        return int(text)
    raise SpecError({flag: f"“{excerpt(text)}” does not fit: write a whole number from {least} to {most:,}."})
