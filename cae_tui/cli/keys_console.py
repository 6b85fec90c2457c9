"""The list of keys on the command line: what can be remapped, and what the settings have made of it."""

import json
from dataclasses import asdict
from itertools import groupby

from rich.table import Table
from rich.text import Text

from cae_tui.app.keys import check_keymap, every_key
from cae_tui.cli.output_console import table_console
from cae_tui.printing import complain, put
from cae_tui.settings import read_settings, settings_path
from engine.runs.directory import Home

HOW = """You can change keys: write the id and the new key into
{path}
as in {{"keys": {{"runs.sort": "f9", "table.up": "up,ctrl+k"}}}}; several keys have commas between them."""


def print_keys(home: Home, *, as_json: bool) -> int:
    """Print every key by its id, as the settings have it."""
    settings, problems = read_settings(home.path)
    keymap, refused = check_keymap(settings.keys)
    problems += [f"{settings_path(home.path)}: {problem}" for problem in refused]
    defaults = {key.id: key.keys for key in every_key()}
    keys = every_key(keymap)
    if as_json:
        rows = [{**asdict(key), "default": defaults[key.id]} for key in keys]
        put(json.dumps({"keys": rows, "problems": problems}))
        return 0
    for problem in problems:
        complain(problem)
    console = table_console(160)
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for where, group in groupby(keys, key=lambda key: key.where):
        if table.row_count:
            table.add_row()
        table.add_row(Text(where[0].upper() + where[1:], "bold"))
        for key in group:
            changed = f" (by default {defaults[key.id]})" if key.keys != defaults[key.id] else ""
            table.add_row(f"  {key.id}", key.keys, key.title, f"{key.about}{changed}")
    console.print(table)
    console.say(f"\n{HOW.format(path=settings_path(home.path))}")
    return 0
