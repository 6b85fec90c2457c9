"""`cae-tui doubts`: the labels of a set that a classifier doubts, the most doubtful first."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import table_console
from cae_tui.printing import put
from engine.runs.directory import Home
from engine.specs.data_files import DataFiles
from engine.storage.files import FORMAT, absolute, refuse_taken
from engine.text import aligned, class_name, counted, percent, plain

if TYPE_CHECKING:
    from engine.data.label_file import LabelFile
    from engine.evaluation.doubts import Doubts
    from engine.runs.directory import RunDirectory

SHOWN = 20
UNSEEN = 160


def doubts(
    home: Home, files: DataFiles | None, model: str | None, of: str | None, seed: int, top: int | None,
    csv: Path | None, *, as_json: bool,
) -> int:  # fmt: skip
    """Rank the labels of a set by how doubtful they are, print the first and write them.

    Args:
        home: where runs are.
        files: the set; None for the images of the run that `model` names.
        model: a run or a model file that is asked; None where quick classifiers are trained for it.
        of: which images; the usual ones where it is None.
        seed: of the quick classifiers.
        top: how many are shown and written; None for `SHOWN`, and all.
        csv: a new file for them; none where it is None.
        as_json: print one JSON object.

    Raises:
        EngineError: it is refused, or cannot be written.
    """
    from engine.data.file_names import file_names
    from engine.data.label_file import NO_LABELS, read_labels, write_labels

    if csv is not None:
        csv = absolute(csv)
        refuse_taken(csv)
    found, labels_from = _found(home, files, model, of, seed)
    known = NO_LABELS
    if labels_from is not None:
        known = read_labels(absolute(labels_from), found.whole)
    names = dict(zip(("training", "test"), file_names(found.whole), strict=True))
    if csv is not None:
        _write(csv, found, known, top, write_labels)
    if as_json:
        put(json.dumps(_as_json(found, known, names, top) | ({"file": str(csv)} if csv else {})))
        return 0
    _print(found, known, names, top or SHOWN, written=csv is not None)
    if csv is not None:
        written = len(found) if top is None else min(top, len(found))
        put(f"{counted(written, 'line')} {'was' if written == 1 else 'were'} written to {plain(str(csv))}.")
        put(f"Fill in its decisions (keep, leave out, or a class), then train with --labels-from {plain(str(csv))}.")
    return 0


def _found(
    home: Home, files: DataFiles | None, named: str | None, of: str | None, seed: int
) -> tuple["Doubts", Path | None]:
    """What is doubted, and the file of labels whose decisions stand."""
    from engine.data.by_hand import NOTHING
    from engine.data.cache import load
    from engine.data.label_file import read_labels
    from engine.errors import MovedError
    from engine.evaluation import doubts as engine
    from engine.evaluation import odd_images
    from engine.evaluation.model import load_model
    from engine.preparation import images_of
    from engine.protocol.control import Flag

    flag = Flag()
    if files is not None and files.labels_from is not None:  # what is wrong with it is said before the work
        with progress("Reading the images") as reading:
            read_labels(absolute(files.labels_from), load(files.as_given, reading, NOTHING))
    model = None if named is None else load_model(home, named)
    if model is None:
        assert files is not None
        with progress("Reading the images") as reading, progress("Training quick classifiers") as told:
            return engine.doubts_of_set(files, of or "training", seed, flag, told, reading), files.labels_from
    tells_odd = model.network.odd_threshold is not None
    if not tells_odd:
        engine.refuse_what_tells_none(model)
    with progress("Reading the images") as reading, progress("Looking at the labels") as told:
        if model.run is not None:
            own = None
            try:
                own = images_of(model.run, files)
            except MovedError:
                if files is None:
                    raise
            if own is not None:  # else these are other images than its own
                data, training, validation = own
                decided = files.labels_from if files is not None else _own_labels(model.run)
                if tells_odd:
                    return odd_images.odd_of_run(model, data, training, validation, of, flag, told), decided
                return engine.doubts_of_run(model, data, validation, of, flag, told), decided
        if files is None:
            from engine.errors import DatasetError

            raise DatasetError(f"{plain(model.name)} is a model file: name the set that it is asked about.")
        if tells_odd:
            return odd_images.odd_of_others(model, files, of, flag, told, reading), files.labels_from
        return engine.doubts_of_others(model, files, of, flag, told, reading), files.labels_from


def _own_labels(run: "RunDirectory") -> Path | None:
    """The run's copy of the file of labels that it began with."""
    return run.labels if run.labels.exists() else None


def _write(path: Path, found: "Doubts", known: "LabelFile", top: int | None, write: Any) -> None:
    """Write the first, with the decisions that are known; those about others of the set come last."""
    lines = [found.line(at) for at in range(len(found) if top is None else min(top, len(found)))]
    left = dict(known.decisions)
    rows = [line._replace(decision=left.pop((line.part, line.place), None)) for line in lines]
    rows += [found.bare(part, place)._replace(decision=decision) for (part, place), decision in left.items()]
    write(path, found.whole, rows)


def _print(found: "Doubts", known: "LabelFile", names: dict[str, tuple[str, ...]], top: int, *, written: bool) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("image", overflow="fold")
    table.add_column("given", overflow="ellipsis", max_width=30)
    if found.probabilities is not None:
        table.add_column("", justify="right")
        table.add_column("suggested", overflow="ellipsis", max_width=30)
        table.add_column("", justify="right")
    table.add_column("score", justify="right")
    if known.decisions:
        table.add_column("decision", overflow="ellipsis", max_width=30)
    for at in range(min(top, len(found))):
        line = found.line(at)
        cells = [f"{at + 1:,}", _called(line.part, line.place, names), _class(found, line.given)]
        if found.probabilities is not None:
            given, suggested = (percent(float(value), 1) for value in found.probabilities[at])
            cells += [given, _class(found, line.suggested), suggested]
        cells.append(f"{line.score:.2f}" if found.odd_above is None else aligned(line.score or 0, found.scores[0]))
        if known.decisions:
            cells.append(found.decision_words(known.decisions.get((line.part, line.place))))
        table.add_row(*map(Text, cells))
    what = "label" if found.odd_above is None else "image"
    put(f"{found.whole.name}: {counted(len(found), what)}. {found.how}")
    table_console(UNSEEN).print(table)
    put(found.likely_words)
    for remark in found.remarks:
        put(remark)
    if top < len(found):
        writes = "" if written else ", --csv FILE writes all to decide about"
        put(f"{len(found) - top:,} more: --top N shows more{writes}.")


def _class(found: "Doubts", label: int) -> str:
    return "" if label < 0 else class_name(found.whole.class_names, label)


def _called(part: str, place: int, names: dict[str, tuple[str, ...]]) -> str:
    return names[part][place] if names[part] else f"{part} {place}"


def _as_json(found: "Doubts", known: "LabelFile", names: dict[str, tuple[str, ...]], top: int | None) -> dict[str, Any]:
    whole = found.whole

    def one(at: int) -> dict[str, Any]:
        line = found.line(at)
        pair = [math.nan, math.nan] if found.probabilities is None else found.probabilities[at].tolist()
        given, suggested = (None if math.isnan(each) else round(each, 6) for each in pair)
        decision = known.decisions.get((line.part, line.place))
        return {
            "part": line.part, "index": line.place, "file": names[line.part][line.place] if names[line.part] else None,
            "given": _class(found, line.given) or None, "given_probability": given,
            "suggested": _class(found, line.suggested) or None, "suggested_probability": suggested,
            "score": round(float(found.scores[at]), 4),
            "decision": None if decision is None else found.decision_words(decision),
        }  # fmt: skip

    return {
        "format": FORMAT, "name": whole.name, "digest": whole.digest, "how": found.how, "labels": len(found),
        **({"likely_wrong": found.likely} if found.odd_above is None else
           {"odd": found.likely, "threshold": found.odd_above}),
        "remarks": list(found.remarks),
        "doubts": [one(at) for at in range(min(top or SHOWN, len(found)))],
    }  # fmt: skip
