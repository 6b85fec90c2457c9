"""What `cae-tui data` is asked, and the asking of it."""

import argparse
import os

from cae_tui.cli.spec_flags import add_field
from engine.errors import DatasetError
from engine.runs.directory import Home
from engine.specs.data_files import names_mnist, refuse_blank
from engine.specs.listed import KINDS
from engine.storage.paths import place_of

ACTIONS = ("list", "get", "forget", "show", "check", "export")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What `data` is asked: a set that is named as everywhere, and what is done to its images."""
    from engine.specs.base import Spec, spec_fields
    from engine.specs.preprocessing import PREPROCESSING

    parser.usage = (
        "%(prog)s [list | get NAME | forget NAME | show DATA | check DATA | export DATA --to PATH] [FLAG ...]"
    )
    group = parser.add_argument_group("arguments")
    words = "list the catalogue and what is kept, get or forget a set, show, check or export one (default: list)"
    group.add_argument("action", nargs="?", default="list", metavar="ACTION", help=words)
    words = "the name or the path of a set; for forget also an id, or all"
    group.add_argument("data", nargs="?", default=None, metavar="DATA", help=words)
    group = parser.add_argument_group("for export and check")
    group.add_argument(
        "--to", default=None, metavar="PATH", help="a new folder, or a file ending in .npz; of a check a new .html"
    )
    words = "folder of PNG files, npz, or idx (default: npz where --to ends so, else folder)"
    group.add_argument("--as", dest="form", default=None, metavar="FORMAT", help=words)
    group = parser.add_argument_group("for check")
    words = "leave out what is spare of a finding, as copies, or `none` to take all back; can be given several times"
    group.add_argument("--leave-out", action="append", default=[], metavar="FINDING", help=words)
    group = parser.add_argument_group("Images")
    for field in spec_fields(Spec):
        if field.name == "test_data":
            words = "Its test images, where they lie elsewhere, in any form that a set may have."
            add_field(group.add_argument, field, words, field.default, field.name)
        if field.name in PREPROCESSING:
            add_field(group.add_argument, field, field.description, field.default, field.name)


def work(options: argparse.Namespace, home: Home) -> int:
    """Do what is asked, and give back the exit code.

    Raises:
        EngineError: it is refused.
    """
    from cae_tui.cli import data_console
    from engine.specs.base import parse
    from engine.specs.kinds import SPECS
    from engine.specs.preprocessing import PREPROCESSING
    from engine.text import either, excerpt

    action = options.action
    if action == "list":
        return data_console.list_sets(home, as_json=options.json)
    if action not in ACTIONS:
        hint = f" To look at a set: `cae-tui data show {excerpt(action)}`." if os.path.exists(action) else ""
        raise DatasetError(f"`data` does not know “{excerpt(action)}”: choose {either(ACTIONS)}.{hint}")
    if options.leave_out and action != "check":
        raise DatasetError(f"--leave-out is for `data check`, and `data {action}` does not look for findings.")
    if options.data is None or not options.data.strip():
        raise DatasetError(f"`data {action}` needs the name or the path of a set.")
    if action == "get":
        from cae_tui.cli import get_console

        return get_console.get(home, options.data, as_json=options.json)
    if action == "forget":
        return data_console.forget(home, options.data, as_json=options.json)
    given = {name: getattr(options, name) for name in ("data", "test_data", *PREPROCESSING)}
    refuse_blank(given)
    names_mnist(given)
    spec = parse(SPECS[next(iter(KINDS))], {name: value for name, value in given.items() if value is not None})
    files = spec.files
    if action == "export" and options.to is None:
        raise DatasetError("`data export` needs --to PATH: a new folder, or a file ending in .npz.")
    try:
        if action == "check":
            from cae_tui.cli import check_console

            page = None if options.to is None else place_of(options.to)
            return check_console.check(files, page, options.leave_out, as_json=options.json)
        if action == "show":
            return data_console.show(files, as_json=options.json)
        to = place_of(options.to)
        form = options.form or ("npz" if to.suffix == ".npz" else "folder")
        return data_console.export(files, to, form, as_json=options.json)
    except KeyboardInterrupt:
        done = {"export": "written", "show": "kept"}.get(action, "changed")
        raise KeyboardInterrupt(f"Interrupted: nothing was {done}.") from None
