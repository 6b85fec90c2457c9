"""Every key of the app by its id, and the keys that a person puts in their place in `settings.json`.

Looking at every screen imports them all: `cae-tui keys` does, and the app where there is something to check.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import combinations
from typing import Any

from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical
from textual.keys import Keys
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Collapsible

from cae_tui.textual_private import key_name

PLACES = {
    "app": "everywhere", "page": "every screen", "table": "tables", "home": "first screen",
    "menu": "first screen, menu", "last-runs": "first screen, last runs", "form": "form of a run",
    "choice": "form, a choice", "group": "form, a group", "encoders": "form, table of encoders", "training": "training",
    "report": "report", "confusion": "report, confusion", "gallery": "sample predictions",
    "cards": "sample predictions, cards", "runs": "runs", "run-table": "runs, table", "queue": "queue",
    "compare": "compare", "try": "trying a model", "canvas": "trying a model, canvas",
    "inside": "look inside", "layers": "look inside, layers",
    "latent": "latent space", "scatter": "latent space, map", "sliders": "latent space, sliders",
    "studies": "studies", "study": "study", "points": "study, table", "study_form": "form of a study", "data": "data",
    "classes": "data, classes", "data_sets": "data, last used", "catalogue": "data, catalogue",
    "odd": "odd ones", "scores": "odd ones, scores", "sure": "how sure", "both": "same images through two runs",
    "doubts": "doubtful labels", "classes_of": "doubtful labels, another class",
    "check": "data, check", "groups": "data, check, pictures",
    "open": "data, open", "left_out": "data, left out", "confirm": "question",
    "export": "question of an export", "writing": "while an export is written",
    "text": "question with a text", "help": "help", "stop": "stopping a run", "leave": "quitting",
    "error": "after an error",
}  # fmt: skip
"""Where the keys of an id work, by what it begins with."""
AROUND = (Container, Vertical, Horizontal, Collapsible)
"""What others can lie in."""
MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")


@dataclass(frozen=True, slots=True)
class Key:
    """What can be done by a key."""

    id: str
    keys: str  # by their names, with commas between
    title: str
    about: str
    where: str


def every_key(keymap: Mapping[str, str] | None = None) -> list[Key]:
    """All that can be remapped, sorted by place; with the keys of `keymap` where that has others."""
    found: dict[str, list[Binding]] = {}
    for binding in (binding for kind in _classes() for binding in _own(kind)):
        if binding.id is not None:
            found.setdefault(binding.id, []).append(binding)
    every = []
    for name, bindings in found.items():
        keys = (keymap or {}).get(name) or ",".join(dict.fromkeys(binding.key for binding in bindings))
        titles = dict.fromkeys(binding.description for binding in bindings)
        where = PLACES.get(name.partition(".")[0], "elsewhere")
        every.append(Key(name, keys, " / ".join(titles), bindings[0].tooltip, where))
    order = [*PLACES.values(), "elsewhere"]
    return sorted(every, key=lambda key: order.index(key.where))


def check_keymap(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What of a keymap can be used, as Textual takes it, and a sentence for each part that cannot."""
    ids = {key.id: key for key in every_key()}
    keymap, problems = {}, []
    for name, text in wanted.items():
        keys = [key.strip() for key in text.split(",")]
        wrong = [key for key in keys if not _is_key(key)]
        if name not in ids:
            near = get_close_matches(name, ids, 1, 0.75)
            hint = f"Did you mean “{near[0]}”?" if near else "`cae-tui keys` lists them."
            problems.append(f"“{name}” is not the id of a key. {hint}")
        elif wrong:
            hint = "Write it as r, R, f9, ctrl+s or question_mark, or several with commas between them."
            problems.append(f"“{wrong[0]}” for “{name}” is not a key. {hint}")
        else:
            keymap[name] = ",".join(dict.fromkeys(each for key in keys for each in _as_sent(key)))
    while clash := next(_clashes(keymap), None):
        mine, other, key = clash
        del keymap[mine.id or ""]
        kept = f"It keeps {ids[mine.id or ''].keys}"
        problems.append(f"“{mine.id}” cannot have the key {key}, which belongs to {_called(other)}. {kept}.")
    return keymap, problems


def _clashes(keymap: Mapping[str, str]) -> Iterator[tuple[Binding, Binding, str]]:
    """A binding with a new key, another that has the same one where it works, and the key."""
    defaults = {key.id: set(_keys(key.keys)) for key in every_key()}
    for scope in _scopes():
        having: dict[str, list[Binding]] = {}
        for binding in (binding for kind in scope for binding in _own(kind)):
            for key in _keys(keymap.get(binding.id or "", binding.key)):
                having.setdefault(key, []).append(binding)
        for key, sharing in having.items():
            for one, other in combinations(sharing, 2):
                before = [defaults.get(each.id or "", set(_keys(each.key))) for each in (one, other)]
                mine = next((each for each in (one, other) if each.id in keymap), None)
                if mine is not None and one.id != other.id and not before[0] & before[1]:
                    yield mine, other if mine is one else one, key


def _called(binding: Binding) -> str:
    if binding.id is not None:
        return f"“{binding.id}” ({binding.description})"
    return f"a part of the screen ({binding.description or binding.action})"


def _keys(text: str) -> list[str]:
    """The names of keys as Textual compares them."""
    keys = (key.strip() for key in text.split(","))
    return [key_name(key) if len(key) == 1 else key for key in keys]


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+")
    if not all(modifier in MODIFIERS for modifier in modifiers):
        return False
    return (len(last) == 1 and last.isprintable()) or last in _names()


def _as_sent(key: str) -> Iterable[str]:
    """A capital letter is sent as itself, or as the letter with Shift: terminals differ."""
    if len(key) == 1 and key.isascii() and key.isupper():
        return (key, f"shift+{key.lower()}")
    return _keys(key)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    signs = (key_name(chr(code)) for code in range(32, 127))
    return frozenset([*(key.value for key in Keys if "<" not in key.value and "+" not in key.value), *signs])


@lru_cache(maxsize=1)
def _classes() -> tuple[type[Any], ...]:
    """Every class of the app that has keys of its own, screens before what lies on them."""
    from cae_tui import screens, widgets
    from cae_tui.app.base import BaseApp

    found: list[type[Any]] = [BaseApp]
    for package in (screens, widgets):
        for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(each.name)
            found += [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == each.name]
    return tuple(kind for kind in found if "BINDINGS" in vars(kind))


def _own(kind: type[Any]) -> list[Binding]:
    bindings = vars(kind).get("BINDINGS", ())
    return [binding if isinstance(binding, Binding) else Binding(*binding) for binding in bindings]


@lru_cache(maxsize=1)
def _scopes() -> tuple[tuple[type[Any], ...], ...]:
    """Classes whose keys work together: of a part with the focus, of those around it, of its screen, of the app."""
    from cae_tui.app.base import BaseApp

    scopes = set()
    for screen in [kind for kind in _classes() if issubclass(kind, Screen)]:
        pages = {base.__module__ for base in screen.mro() if base.__module__.startswith("cae_tui.")}
        parts: list[type[Any]] = [Widget, *(part for page in sorted(pages) for part in _parts(page, set()))]
        around: list[type[Any]] = [kind for kind in parts if issubclass(kind, AROUND)]
        for part in parts:
            kinds: list[type[Any]] = [part, *around, screen, BaseApp]
            scopes.add(tuple(dict.fromkeys(base for kind in kinds for base in kind.mro() if _own(base))))
    return tuple(scopes)


def _parts(module: str, seen: set[str]) -> Iterator[type[Any]]:
    """The widgets that a module knows, and theirs."""
    seen.add(module)
    for kind in vars(importlib.import_module(module)).values():
        if inspect.isclass(kind) and issubclass(kind, Widget) and not issubclass(kind, Screen):
            yield kind
            if kind.__module__.startswith("cae_tui.") and kind.__module__ not in seen:
                yield from _parts(kind.__module__, seen)
