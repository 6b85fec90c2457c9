"""The kinds of run, one file each: what tells one from another while it is prepared, trained and measured.

The list of them, and what else belongs to a kind, is `engine.specs.listed`.
"""

from importlib import import_module

from engine.kinds.kind import Kind
from engine.specs.base import Spec
from engine.specs.listed import module_of


def kind_of(spec: Spec) -> Kind:
    """The kind of run that a spec asks for; imported when it is asked for."""
    kind: Kind = import_module(module_of(spec.kind, __package__)).KIND
    return kind
