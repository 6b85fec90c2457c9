"""What the app remembers between two uses: `settings.json` in its home. People write into it too.

Each part is read by itself: a damaged one is a notice and its default, and the others hold. Only the parts that change
are written; everything else in the file stays as it is, what a newer version or another window of the app wrote too.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cae_tui.data_sets import REMEMBERED, DataSet
from engine.specs.data_files import FIELDS, DataFiles
from engine.storage.files import make_folder_of, read_json, write_json
from engine.text import plain

DEFAULT_THEME = "cae-dark"
ASIDE = "settings-damaged.json"
NOTIFY = ("off", "bell", "both")
"""Not at all, by the terminal's bell, by that and a notification of the desktop."""
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted."""

    column: str
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What is remembered. A new part is a field here and its reader in `_READERS`."""

    theme: str = DEFAULT_THEME
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys by the id of what they do: `{"runs.sort": "ctrl+s"}`. `cae-tui keys` lists the ids."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    """How each list was last sorted, by the list's name."""
    data: DataSet = field(default_factory=DataSet)
    """The image set that forms begin with."""
    last_data: tuple[DataSet, ...] = ()
    """The image sets that were used last, the latest first; MNIST is not among them."""
    notify: str = "bell"
    """How a person is called who looks elsewhere when a run or a study ends: one of `NOTIFY`."""
    baseline: str = ""
    """The id of the run that lists and comparisons tell differences to; empty where none is pinned."""
    workers: int = 1
    """How many single runs are trained at once, 1 to `MOST_WORKERS`; others wait in the queue."""


def settings_path(home: Path) -> Path:
    """Where they are kept."""
    return home / "settings.json"


def read_settings(home: Path) -> tuple[Settings, list[str]]:
    """The settings, and a sentence for each part that could not be read."""
    path = settings_path(home)
    try:
        found = read_json(path)
    except FileNotFoundError:
        return Settings(), []
    except (OSError, ValueError) as error:
        kept = f"The defaults are used, and the file is kept as {ASIDE} when settings are next saved."
        return Settings(), [f"{path} cannot be read ({plain(str(error))}). {kept}"]
    parts: dict[str, Any] = {}
    problems: list[str] = []
    for name, read in _READERS.items():
        if name in found:
            with suppress(_WrongTypeError):
                parts[name] = read(_Part(name, found[name], problems))
    return Settings(**parts), [f"{path}: {problem}" for problem in problems]


def change_settings(home: Path, **changes: Any) -> None:
    """Remember those parts; whatever else is in the file stays.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = settings_path(home)
    make_folder_of(path)
    try:
        known = read_json(path)
    except FileNotFoundError:
        known = {}
    except (OSError, ValueError):
        known = {}
        with suppress(OSError):  # a comma too many must not cost a person all that they wrote
            path.replace(home / ASIDE)
    values = asdict(replace(Settings(), **changes), dict_factory=_flat)
    write_json(path, "settings", {**known, **{name: values[name] for name in changes}})


def _flat(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """A value as it is written; what names the files of an image set stands beside its name, as in a form."""
    values = dict(fields)
    files: DataFiles | None = values.pop("files", None)
    return values if files is None else values | files.text


# -- reading a part --------------------------------------------------------------------------------


class _WrongTypeError(Exception):
    """A part is not what it should be, and a sentence says so."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part as it was found, by its name."""

    name: str
    value: object
    problems: list[str]

    def wrong(self, wanted: str) -> _WrongTypeError:
        """What is raised where it should be something else, after the sentence is noted."""
        shown = json.dumps(self.value, ensure_ascii=False)
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        self.problems.append(plain(f"“{self.name}” should be {wanted} but is {shown}: it is ignored."))
        return _WrongTypeError()

    def text(self, wanted: str) -> str:
        if not isinstance(self.value, str):
            raise self.wrong(wanted)
        return self.value

    def items(self, wanted: str) -> "list[_Part]":
        if not isinstance(self.value, dict):
            raise self.wrong(wanted)
        return [_Part(name, value, self.problems) for name, value in self.value.items()]

    def list(self, wanted: str) -> "list[_Part]":
        if not isinstance(self.value, list):
            raise self.wrong(wanted)
        return [_Part(self.name, value, self.problems) for value in self.value]


def _each(parts: list[_Part], read: Callable[[_Part], Any]) -> list[tuple[str, Any]]:
    """Every entry with its name; one that is damaged is left out."""
    values = []
    for part in parts:
        with suppress(_WrongTypeError):
            values.append((part.name, read(part)))
    return values


def _read_keys(part: _Part) -> dict[str, str]:
    ids = part.items('ids and their keys, as {"runs.sort": "ctrl+s"},')
    return dict(_each(ids, lambda key: key.text("a key's name")))


def _read_orders(part: _Part) -> dict[str, Order]:
    return dict(_each(part.items("lists and their columns"), _read_order))


def _read_order(part: _Part) -> Order:
    wanted = 'a column, as {"column": "age", "backwards": false},'
    values = {entry.name: entry.value for entry in part.items(wanted)}
    column, backwards = values.get("column"), values.get("backwards", False)
    if not isinstance(column, str) or not isinstance(backwards, bool):
        raise part.wrong(wanted)
    return Order(column, backwards)


def _read_data_set(part: _Part) -> DataSet:
    wanted = 'an image set, as {"name": "plankton", "shape": [64, 64, 1], "data": "/data/plankton"},'
    values = {entry.name: entry.value for entry in part.items(wanted)}
    shape = values.get("shape", [])
    texts = {name: text for name in ("name", *FIELDS) if isinstance(text := values.get(name, ""), str)}
    if not isinstance(shape, list) or len(shape) not in (0, 3) or len(texts) <= len(FIELDS):
        raise part.wrong(wanted)
    if not all(type(side) is int and side > 0 for side in shape) or any(plain(text) != text for text in texts.values()):
        raise part.wrong(wanted)
    files = DataFiles.of(texts)
    return DataSet() if files.is_mnist else DataSet.of(files, texts["name"] or files.name, tuple(shape))


def _read_data_sets(part: _Part) -> tuple[DataSet, ...]:
    found = _each(part.list("a list of image sets"), _read_data_set)
    return tuple(one for _, one in found if not one.files.is_mnist)[:REMEMBERED]


def _read_notify(part: _Part) -> str:
    wanted = "off, bell or both"
    how = part.text(wanted)
    if how not in NOTIFY:
        raise part.wrong(wanted)
    return how


def _read_workers(part: _Part) -> int:
    wanted = f"how many runs are trained at once, 1 to {MOST_WORKERS},"
    if type(part.value) is not int or not 1 <= part.value <= MOST_WORKERS:
        raise part.wrong(wanted)
    return part.value


_READERS: dict[str, Callable[[_Part], Any]] = {
    "theme": lambda part: part.text("a theme's name"),
    "keys": _read_keys,
    "orders": _read_orders,
    "data": _read_data_set,
    "last_data": _read_data_sets,
    "notify": _read_notify,
    "baseline": lambda part: part.text("the id of a run"),
    "workers": _read_workers,
}
