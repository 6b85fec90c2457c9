"""The list of runs as plain records."""

import os
import warnings
from typing import Any

from cae_tui.api.model import home_of
from engine.runs.filter import parse_filter


def runs(filter: str = "", home: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:  # noqa: A002 - what it is
    """The runs of a home, the newest first: of each what `cae-tui runs --json` has, plain numbers and text.

    `pandas.DataFrame(runs())` is a table of them. A run that cannot be read is left out, with a warning.

    Args:
        filter: terms that all must hold, as the command takes them: `"kind:classifier val_loss<0.1"`.
        home: where the runs are; without it the program's own home.

    Raises:
        EngineError: the filter cannot be read.
    """
    place = home_of(home)
    wanted = parse_filter(filter)
    every = place.list_runs()
    for sentence in place.unreadable:
        warnings.warn(sentence, stacklevel=2)
    specs = place.specs(run.id for run in every) if wanted.needs_spec else {}
    return [run.to_json() for run in every if wanted.matches(run, specs.get(run.id))]
