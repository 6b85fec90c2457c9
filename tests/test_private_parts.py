"""Names with an underscore that are not ours: only where this says so, for they may change with any new version."""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cae_tui
import engine

OURS = ("cae_tui", "engine")
USED = {
    # Each of these has a test that says what a new version has changed: `tests/cae_tui/test_textual_private.py`,
    "cae_tui.textual_private": {
        "_character_to_key", "_clipboard", "_context", "_driver", "_exit", "_footer", "_is_mounted", "_pruning",
        "_push_result_callback", "_result_callbacks", "_return_code",
    },
    "cae_tui.app.base": {"_dispatch_message", "_fatal_error", "_handle_exception"},
    # `tests/cae_tui/app/test_terminal_input.py`,
    "cae_tui.app.terminal_input": {
        "_app", "_awaiting", "_debug", "_gen", "_loop", "_sigtstp_application", "_time", "_timeout_time", "_tokens",
        "_xterm_parser",
    },
    # `tests/cae_tui/widgets/test_chart.py`,
    "cae_tui.widgets.chart": {"_set_size"},
    # `tests/cae_tui/cli/test_cli.py`,
    "cae_tui.cli.main": {"_run_exitfuncs"},
    "cae_tui.cli.parser": {"_actions"},
    # and `tests/engine/training/test_capturing.py`.
    "engine.training.steps": {"_C", "_cuda_releasePool"},
}  # fmt: skip
PUBLIC = {"_asdict", "_replace", "_fields", "os._exit"}
"""Names with an underscore that Python's documents offer."""
_PRIVATE = re.compile(r"_[A-Za-z]\w*")


def modules() -> Iterator[ModuleType]:
    for package in (cae_tui, engine):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def on_others(tree: ast.AST) -> Iterator[str]:
    """Private names that are asked of something else than `self`, and those that are imported from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _PRIVATE.fullmatch(node.attr):
            whose = node.value.id if isinstance(node.value, ast.Name) else ""
            if whose not in ("self", "cls") and not {node.attr, f"{whose}.{node.attr}"} & PUBLIC:
                yield node.attr
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(OURS):
            parts = [*node.module.split("."), *(name.name for name in node.names)]
            yield from (part for part in parts if _PRIVATE.fullmatch(part) and part != "__future__")


@functools.cache  # Textual's widget is a base of a hundred classes
def own_names(kind: type) -> set[str]:
    """Private names that a class of another library has, or sets of itself."""
    names = {name for name in vars(kind) if _PRIVATE.fullmatch(name)}
    try:
        return names | set(re.findall(r"\bself\.(_[A-Za-z]\w*)", inspect.getsource(kind)))
    except (OSError, TypeError):  # it is built in
        return names


def inherited(module: ModuleType, tree: ast.AST) -> Iterator[str]:
    """Private names that a class of ours uses or sets, and that a class of another library which it extends has too."""
    for node in ast.walk(tree):
        kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            foreign = [base for base in kind.__mro__ if not base.__module__.startswith((*OURS, "builtins"))]
            theirs = set().union(*map(own_names, foreign))
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute):
                    mine = isinstance(part.value, ast.Name) and part.value.id in ("self", "cls")
                    name = part.attr if mine else ""
                else:
                    name = part.name if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) else ""
                if name in theirs:
                    yield name


def test_private_parts_of_libraries_are_used_only_where_a_test_says_what_has_changed() -> None:
    found = {}
    for module in modules():
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        if names := {*on_others(tree), *inherited(module, tree)}:
            found[module.__name__] = names
    assert found == USED
