"""The kinds of run, one file each: what tells one from another while it is prepared, trained and measured.

What a kind asks for, and what of that needs no torch, is its spec's (`engine.specs`); both lists name the same kinds.
"""

from collections.abc import Mapping
from importlib import import_module

from engine.kinds.kind import Kind
from engine.specs.base import Spec

KINDS: Mapping[str, str] = {"autoencoder": "engine.kinds.autoencoder", "classifier": "engine.kinds.classifier"}
"""Where each kind is: imported when it is asked for."""


def kind_of(spec: Spec) -> Kind:
    """The kind of run that a spec asks for."""
    kind: Kind = import_module(KINDS[spec.kind]).KIND
    return kind
