"""`cae-tui probe`: the latent of a run in numbers, beside PCA of the same size and the pixels."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from cae_tui.cli.data_console import progress
from cae_tui.cli.output_console import OutputConsole
from cae_tui.printing import put
from engine.errors import SpecError
from engine.runs.directory import Home, RunDirectory
from engine.storage.files import FORMAT
from engine.text import either, excerpt

if TYPE_CHECKING:
    from engine.evaluation.probing import Probe

PARTS = ("validation", "test", "training")


def probe(home: Home, run: RunDirectory, of: str | None, *, as_json: bool) -> int:
    """Measure the latent of a run's encoder, and print what came of it.

    Args:
        home: where the run is.
        run: its directory.
        of: which images, one of `PARTS`; the validation images where it is None.
        as_json: print one JSON object.

    Raises:
        EngineError: it has no model yet, no such images, or they are gone.
    """
    if of is not None and of not in PARTS:
        raise SpecError({"of": f"“{excerpt(of)}” is not known: choose {either(PARTS)}."})
    from cae_tui.bridge.latent_numbers import numbers_view
    from engine.evaluation.model import load_model
    from engine.evaluation.parts import parts_of
    from engine.evaluation.probing import probe as measure
    from engine.preparation import images_of

    model = load_model(home, run.id)
    parts = parts_of(*images_of(run))
    with progress("Measuring the latent") as told:
        found = measure(model, parts, of or "validation", told)
    if as_json:
        put(json.dumps({"format": FORMAT, "run": run.id, "kind": model.spec.kind, **_as_json(found)}))
        return 0
    view = numbers_view(found)
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(view.heads):
        table.add_column(head, justify="right" if place else "left")
    for row in view.rows:
        table.add_row(*row)
    OutputConsole().print(table)
    for sentence in view.sentences:
        put(sentence)
    return 0


def _as_json(found: "Probe") -> dict[str, object]:
    names = {"space": "space", "numbers": "numbers", "neighbours": "knn_accuracy", "linear": "linear_accuracy",
             "silhouette": "silhouette", "participation": "effective_dimensions",
             "explaining": "dimensions_for_95_percent", "note": "note"}  # fmt: skip
    return {
        "of": found.of, "fitted": found.fitted, "measured": found.measured,
        "spaces": [{names[name]: value for name, value in asdict(one).items()} for one in found.spaces],
        "confused": [{"classes": [one, other], "images": many} for one, other, many in found.confused],
        "remarks": list(found.remarks),
    }  # fmt: skip
