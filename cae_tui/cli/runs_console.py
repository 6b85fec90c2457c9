"""`cae-tui runs`: the runs that are here, or those of one spec as one line, beside the run that is pinned."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from cae_tui import formats
from cae_tui.bridge.run_titles import cut, shared_by_kind, shorten, spec_words
from cae_tui.cli.output_console import table_console
from cae_tui.printing import complain, put
from cae_tui.widgets.run_lines import BASELINE, DELTA, from_baseline, several_states, spread_cells
from engine.errors import RunError
from engine.runs.by_spec import OneSpec, line_as_json, of_one_spec
from engine.runs.directory import Home, RunDirectory
from engine.runs.status import TEST, RunStatus
from engine.specs.listed import every_measure
from engine.specs.measures import Measure
from engine.storage.paths import path_of
from engine.text import fitting, plain


def print_runs(home: Home, terms: str = "", *, as_json: bool, csv: str | None = None, by_spec: bool = False) -> int:
    """Print the runs that fulfil all `terms`, the newest first, or write them as CSV to the file of that name.

    Args:
        by_spec: runs that differ in nothing but the seed are one line.

    Raises:
        EngineError: a term cannot be read, or nothing can be written.
    """
    from cae_tui.settings import read_settings
    from engine.runs.filter import parse_filter

    if csv is not None and by_spec:
        raise RunError("--csv writes every run with its own numbers: leave --by-spec out, or take --json.")
    every = home.list_runs()
    for sentence in home.unreadable:
        complain(sentence)
    wanted = parse_filter(terms)
    pinned = read_settings(home.path)[0].baseline
    baseline = next((run for run in every if run.id == pinned), None)
    needs_spec = wanted.needs_spec or by_spec or baseline is not None
    specs = home.specs(run.id for run in every) if needs_spec else {}
    runs = [run for run in every if wanted.matches(run, specs.get(run.id))]
    lines: Sequence[RunStatus | OneSpec] = of_one_spec(runs, specs) if by_spec else runs
    if csv is not None:
        return _write_csv(home, runs, csv)
    if as_json:
        told = {"specs": list(map(line_as_json, lines))} if by_spec else {"runs": [run.to_json() for run in runs]}
        put(json.dumps({**told, "baseline": None if baseline is None else baseline.id}))
        return 0
    console = table_console(1000)
    if not runs:
        none = f"No run in {home.runs} matches that filter ({len(every):,} in all)."
        console.say(none if every else f"No runs yet in {home.runs}. `cae-tui autoencoder` trains one.")
        return 0
    console.print(_runs_table(lines, Beside(baseline, specs), console.width if console.is_terminal else None))
    return 0


_LEFT = ("run", "kind", "spec", "data", "state")
_GIVE_WAY = ("kind", "time", "epochs", "age")
"""Columns that are left out where the specs would have less than `_LEAST_SPEC` cells, in this order."""
_LEAST_SPEC, _MOST_DATA = 16, 16


@dataclass(frozen=True)
class Beside:
    """What runs are held against, and what each was asked for."""

    baseline: RunStatus | None
    specs: Mapping[str, Mapping[str, Any]]

    def differences(self, line: RunStatus | OneSpec) -> dict[str, str]:
        """By column; none where no run is pinned."""
        return {} if self.baseline is None else from_baseline(line, self.baseline, self.specs)

    def mark(self, line: RunStatus | OneSpec) -> str:
        """A sign where it is the baseline, or has that among its runs."""
        ids = line.ids if isinstance(line, OneSpec) else (line.id,)
        return f"{BASELINE} " if self.baseline is not None and self.baseline.id in ids else ""


def _runs_table(lines: Sequence[RunStatus | OneSpec], beside: Beside, width: int | None) -> Table:
    """A row for each of `lines`; in a terminal, which is `width` cells wide, what is needed least gives way."""
    runs = [each.line if isinstance(each, OneSpec) else each for each in lines]
    prefixes = {run.id: run.prefix for run in runs}
    shared = shared_by_kind(runs, prefixes)
    measures = [m for m in every_measure() if any(run.measure(TEST, m.name) is not None for run in runs)]
    every = [beside.differences(line) for line in lines]
    held = [name for name in ("val loss", *(f"test {m.short}" for m in measures)) if any(name in one for one in every)]
    rows = [
        _run_cells(line, measures) | {f"{DELTA}{name}": one.get(name, formats.NOTHING) for name in held}
        for line, one in zip(lines, every, strict=True)
    ]
    sizes = {name: max(len(name), *(len(cells[name]) for cells in rows)) + 2 for name in rows[0]}
    specs = [spec_words(run, prefixes) for run in runs]
    tags = ["".join(f" #{tag}" for tag in run.notes.tags) for run in runs]
    signs = [beside.mark(line) + "★ " * run.notes.star for line, run in zip(lines, runs, strict=True)]
    room = max(map(len, specs)) + max(map(len, tags)) + max(map(len, signs))
    if width is not None:
        sizes = fitting(sizes, _GIVE_WAY, width - min(_LEAST_SPEC, room))
        room = max(width - sum(sizes.values()), 1)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown = [name for name in ("run", "kind", "spec", *rows[0]) if name == "spec" or name in sizes]
    shown = list(dict.fromkeys(shown))
    for name in shown:
        table.add_column(name, justify="left" if name in _LEFT else "right", no_wrap=True)
    for run, cells, spec, tag, sign in zip(runs, rows, specs, tags, signs, strict=True):
        words = sign + shorten(spec, max(room - len(sign) - len(tag), min(len(spec), 8)), shared[run.kind]) + tag
        table.add_row(*(Text({**cells, "spec": words}[name], overflow="ellipsis") for name in shown))
    return table


def _run_cells(line: RunStatus | OneSpec, measures: Sequence[Measure]) -> dict[str, str]:
    """What the list says of a run, or of several, besides the spec, by column; of measures those."""
    told: Mapping[str, str] = {}
    if isinstance(line, OneSpec):
        run, name, told = line.line, f"×{len(line.runs)}", spread_cells(line)
    else:
        run, name = line, line.prefix
    symbol, _ = formats.state_symbol(run.state)
    state = several_states(line) if isinstance(line, OneSpec) and not run.state else f"{symbol} {run.state}"
    return {
        "run": name,
        "kind": run.kind,
        "data": cut(run.data or formats.NOTHING, _MOST_DATA),
        "state": state,
        "epochs": f"{run.epoch}/{run.epochs}",
        "val loss": formats.loss(run.best_loss),
        **{f"test {m.short}": m.write(run.measure(TEST, m.name)) for m in measures},
        "time": formats.duration(run.seconds),
        "age": formats.ago(run.started, time.time()),
    } | {name: words for name, words in told.items() if name != "last"}


def _write_csv(home: Home, runs: Sequence[RunStatus], target: str) -> int:
    from engine.exporters import export
    from engine.exporters.runs_csv import runs_csv

    if target == "-":
        put(runs_csv(runs, home.specs(run.id for run in runs)), end="")
    else:
        put(plain(str(export(home, "csv", [RunDirectory(home.runs / run.id) for run in runs], path_of(target)).path)))
    return 0
