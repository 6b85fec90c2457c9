"""What pages and commands show of each kind of run, one file a kind; the list of them is `engine.specs.listed`."""

from collections.abc import Iterator
from importlib import import_module

from cae_tui.kinds.view import KindView
from engine.specs.listed import KINDS, module_of


def view_of(kind: str) -> KindView:
    """What is shown of that kind; imported when it is asked for."""
    view: KindView = import_module(module_of(kind, __package__)).VIEW
    return view


def every_view() -> Iterator[tuple[str, KindView]]:
    """Each kind with what is shown of it, as menus have them."""
    return ((kind, view_of(kind)) for kind in KINDS)
