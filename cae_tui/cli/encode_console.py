"""`cae-tui encode` and `cae-tui reconstruct`: what an encoder makes of images, and what a decoder makes of that."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np
from rich.text import Text

from cae_tui import formats
from cae_tui.cli.data_console import progress
from cae_tui.cli.given_console import Told, Wanted, as_they_are, asked_for, new_file, refuse_taken, worked
from cae_tui.cli.output_console import OutputConsole, tell
from cae_tui.printing import let_go, put
from engine.errors import DatasetError, ModelFileError, StorageError
from engine.runs.directory import Home
from engine.storage.csv_text import csv_of, write_rows
from engine.storage.files import FORMAT, absolute, written_whole
from engine.text import cell_len, counted, loss, one_line, padded, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.evaluation.given import Given, Readied
    from engine.evaluation.model import Images, Model


def encode(home: Home, wanted: Wanted, to: Path, *, folder: bool, as_json: bool) -> int:
    """Write the latents of what is at the paths.

    Raises:
        EngineError: there is no such model, there are no images, or the file cannot be written.
    """
    from engine.evaluation.given import made_ready
    from engine.evaluation.model import load_model
    from engine.exporters.latents import NAMES_ENDING, PROJECTOR, Rows, Shape, form_of, missing_for, writer_of

    target = absolute(to)
    form = form_of(target, folder=folder)
    beside = target.with_name(target.stem + NAMES_ENDING) if form == "npy" else None
    for path in (target, *([beside] if beside else [])):
        refuse_taken(path)
    if missing := missing_for(form):
        raise DatasetError(missing)
    model = load_model(home, wanted.model)
    asked = asked_for(model, wanted)
    shape = Shape(model.network.plan.latent, asked.count, asked.has_classes, model.image)
    totals = Told()

    with ExitStack() as stack:
        names = None if beside is None else stack.enter_context(written_whole(beside))
        writer = writer_of(form, stack.enter_context(written_whole(target)), shape, names)

        def encoded(given: "Given") -> None:
            ready = made_ready(model, given, wanted.invert, wanted.centre)
            totals.add(given, ready)
            writer.add(Rows(given.names, given.classes, model.latent(ready.images), ready.images))

        with writer:
            for _ in worked(asked, "Encoding", encoded):
                pass
        if not totals.images:
            totals.tell(model, asked)
            raise DatasetError("None of the pictures can be read, so nothing was written.")
        with progress("Reading back") as told:
            checked = writer.check(told)
        for place in filter(None, (target, beside)):
            refuse_taken(place)  # by somebody else, meanwhile
    files = [str(target / name) for name in PROJECTOR if (target / name).exists()] if form == "projector" else []
    files = files or [str(path) for path in (target, beside) if path is not None]
    size = sum(Path(file).stat().st_size for file in files)
    if as_json:
        put(json.dumps({"format": FORMAT, "model": model.name, "files": files, "bytes": size, "images": totals.images,
                        "numbers": shape.numbers, "checked": checked, "bad": totals.bad}))  # fmt: skip
        return 0
    where = f", names in {plain(beside.name)}" if beside is not None else ""
    put(
        f"The latents of {counted(totals.images, 'image')}, {counted(shape.numbers, 'number')} each, were written to "
        f"{plain(str(target))}{where} ({formats.size(size)}; {checked})."
    )
    if form == "projector":
        put(f"To look at them: `tensorboard --logdir {plain(str(target))}`, tab Projector.")
    totals.tell(model, asked)
    return 0


def reconstruct(home: Home, wanted: Wanted, to: Path, *, beside: bool, csv: str | None, as_json: bool) -> int:
    """Write the reconstructions of what is at the paths as PNG files, and print the error of each.

    Raises:
        EngineError: there is no such model, it rebuilds nothing, there are no images, or they cannot be written.
    """
    from engine.evaluation.given import made_ready
    from engine.evaluation.model import load_model
    from engine.exporters.reconstructions import naming, write_png

    target, table = absolute(to), new_file(csv)
    refuse_taken(target)
    if table is not None and (table == target or target in table.parents):
        raise StorageError(f"--csv {table} and --to {target} are in each other's way: give the CSV another place.")
    named = load_model(home, wanted.model)
    model = named.rebuilds
    if model is None:
        raise ModelFileError(
            f"{named.name} is a {named.spec.kind}, and the autoencoder that its encoder comes from is not with it: "
            "name an autoencoder, or the run, which keeps it."
        )
    if model is not named:
        tell(f"{named.name} tells classes apart: the autoencoder that its encoder comes from rebuilds the images.")
    asked = asked_for(model, wanted)
    totals = Told()
    total = 0.0
    bound = model.facts.unlike_above
    with ExitStack() as stack:
        folder = stack.enter_context(written_whole(target))
        folder.mkdir()
        out = None
        if table is not None:
            sibling = stack.enter_context(written_whole(table))
            out = stack.enter_context(sibling.open("w", encoding="utf-8", newline="", errors="backslashreplace"))
        name_of = naming(asked.files)

        def rebuilt(given: "Given") -> list[_Rebuilt]:
            ready = made_ready(model, given, wanted.invert, wanted.centre)
            totals.add(given, ready)
            images, errors = model.reconstruct(ready.images), model.errors(ready.images)
            found = []
            for row, name in enumerate(given.names):
                found.append(
                    _Rebuilt(
                        picture=name,
                        reconstruction=name_of(name),
                        mse=float(errors[row]),
                        unlike_training=None if bound is None else bool(errors[row] > bound),
                        inverted=bool(ready.inverted[row]),
                        centred=bool(ready.centred[row]),
                    )
                )
                write_png(folder / found[-1].reconstruction, _shown(ready, images, row, beside=beside))
            return found

        written = _Table(model, out, "json" if as_json else "csv" if csv is not None else "lines")
        for found in worked(asked, "Rebuilding", rebuilt):
            total += sum(one.mse for one in found)
            written.add(found)
        if not totals.images:
            totals.tell(model, asked)
            raise DatasetError("None of the pictures can be read, so nothing was written.")
        for place in filter(None, (target, table)):
            refuse_taken(place)  # by somebody else, meanwhile
        mse = total / totals.images
        written.end(totals.bad, {"folder": str(target), "images": totals.images, "mse": mse})
    if as_json:
        return 0
    told = tell if csv == "-" else put
    told(
        f"The reconstructions of {counted(totals.images, 'image')} were written to {plain(str(target))}; mean squared "
        f"error {loss(mse)}."
    )
    for remark in as_they_are(model):
        tell(remark)
    totals.tell(model, asked)
    return 0


class _Rebuilt(NamedTuple):
    """What is told of a reconstruction."""

    picture: str
    reconstruction: str  # its file in the folder
    mse: float
    unlike_training: bool | None
    inverted: bool
    centred: bool


class _Table:
    """What is printed or written of each reconstruction, as it comes.

    Args:
        model: what rebuilt them.
        file: where CSV goes; standard output where it is None.
        form: json, csv or lines.
    """

    def __init__(self, model: "Model", file: TextIO | None, form: str) -> None:
        self._file, self._form = file, form
        self._console, self._wide = OutputConsole(), 0
        self._between = json.dumps({"format": FORMAT, "model": model.name})[:-1] + ', "pictures": ['
        if form == "csv":
            self._rows([[*_Rebuilt._fields, "error"]])

    def add(self, found: list[_Rebuilt]) -> None:
        """Write some more; once nobody reads them any more, nothing, and the pictures are written all the same."""
        try:
            self._add(found)
        except BrokenPipeError:
            let_go()
            self._form = ""

    def _add(self, found: list[_Rebuilt]) -> None:
        if self._form == "csv":
            self._rows([[*map(_cell, one), ""] for one in found])
        elif self._form == "json":
            for one in found:
                put(self._between + json.dumps(one._asdict()), end="")
                self._between = ", "
        elif self._form:
            names = [plain(one_line(one.picture)) for one in found]
            self._wide = max(self._wide, *map(cell_len, names), 0)
            for name, one in zip(names, found, strict=True):
                line = Text(f"{padded(name, self._wide)}  {loss(one.mse):<8}")
                line.append("  unlike training" * bool(one.unlike_training), "yellow")
                line.rstrip()
                self._console.print(line, soft_wrap=True)

    def end(self, bad: dict[str, str], facts: dict[str, Any]) -> None:
        """Write those that could not be read, and what all came to."""
        if self._form == "csv":
            self._rows([[name, *[""] * (len(_Rebuilt._fields) - 1), why] for name, why in bad.items()])
        elif self._form == "json":
            put(f"], {json.dumps({**facts, 'bad': bad})[1:]}")

    def _rows(self, rows: list[list[Any]]) -> None:
        if self._file is None:
            put(csv_of(rows), end="")
        else:
            write_rows(self._file, rows)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.9g}" if isinstance(value, float) else value


def _shown(ready: "Readied", images: "Images", row: int, *, beside: bool) -> "NDArray[np.uint8]":
    """A reconstruction as it is written: dark and light as in the picture."""
    image = images[row]
    if beside:
        image = np.concatenate([ready.images[row], image], axis=1)
    shown: NDArray[np.uint8] = 255 - image if ready.inverted[row] else image
    return shown
