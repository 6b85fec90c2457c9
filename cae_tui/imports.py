"""Whose modules are imported: our own `engine`, and nothing of a folder that we only happen to be started in.

Python looks first into the current folder, with `python -m`, and into those of PYTHONPATH. There is an `engine.py`
among the reference scripts of torchvision, and any project may have a `random.py`. This is done before anything else
is imported, so it needs nothing that Python has not loaded by itself.
"""

import os
import sys

OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where our packages lie side by side: a checkout, or the folder they were installed into."""


def keep_to_our_own() -> None:
    """Import our engine, whatever lies in the way; as the program, not as a library, look elsewhere last."""
    if sys.argv[:1] == ["-m"] or os.path.basename(sys.argv[0] if sys.argv else "") in ("cae-tui", "cae-tui.exe"):
        sys.path[:] = _in_order(sys.path)
    _import_engine()


def _in_order(places: list[str]) -> list[str]:
    """Python's own modules and what is installed first, then what PYTHONPATH names; not the current folder."""
    if sys.argv[0] == "-m" and not sys.flags.safe_path:
        places = places[1:]  # that of `python -m`
    named = {os.path.abspath(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    foreign = [place for place in places if os.path.abspath(place) in named]
    return [*(place for place in places if place not in foreign), *foreign]


def _import_engine() -> None:
    known = sys.modules.get("engine")
    if known is not None and os.path.abspath(known.__file__ or "") == os.path.join(OURS, "engine", "__init__.py"):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "engine"]:
        del sys.modules[name]  # another's; whoever has imported it keeps it
    sys.path.insert(0, OURS)
    try:
        import engine as engine  # its parts are looked for where it lies, and nowhere else
    finally:
        sys.path.remove(OURS)
