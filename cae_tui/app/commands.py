"""The commands of the palette (Ctrl+P): what can be done on the screen that is open, and everywhere, by its name."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.actions import parse
from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from cae_tui.app.attention import NAMES
from cae_tui.app.base import BaseApp
from cae_tui.kinds import every_view
from cae_tui.messages import CallBy, ContinueRun, Export, ForApp, PauseRun, StopRun
from cae_tui.screens.run_page import KEY_OF, RunPage
from engine.protocol.states import COMPLETE, PAUSED


def commands(app: BaseApp, screen: Screen[Any]) -> Iterator[SystemCommand]:
    """What can be done now: on the screen, and everywhere."""
    everywhere = list(_everywhere(app))
    yield from everywhere
    titles = {command.title for command in everywhere}
    for node, binding in _bindings(screen):
        if binding.description and binding.description not in titles and _is_possible(app, screen, node, binding):
            about = f"{binding.tooltip or binding.description} · {shown_key(app, binding)}"
            yield SystemCommand(binding.description, about, partial(app.run_action, binding.action, node))
    if isinstance(screen, RunPage):
        yield from _exports(screen)


def _exports(page: RunPage) -> Iterator[SystemCommand]:
    """What the runs of the page can be written as that none of its keys asks for."""
    from engine.exporters import EXPORTERS, exporter_named

    keys = {binding.action for _, binding in _bindings(page)}
    for name in EXPORTERS:
        if f"ask('{KEY_OF.get(name)}')" in keys or page.subject is None:
            continue
        exporter = exporter_named(name)
        # Pages that do not tell a run's state have complete runs, or say so when there is nothing to write.
        if exporter.takes_many or page.subject.state in ("", *COMPLETE):
            runs = page.chosen("write") if exporter.takes_many else (page.subject.run,)
            yield SystemCommand(exporter.title, "Asks where to", partial(page.post_message, Export(name, runs)))


def _bindings(screen: Screen[Any]) -> Iterator[tuple[DOMNode, Binding]]:
    """Those of the screen, and what the footer shows of those of the part that has the focus; each once."""
    seen: set[tuple[str, str]] = set()
    parts = screen.focused.ancestors_with_self if screen.focused is not None else []
    for node in [screen, *(part for part in parts if part not in (screen, screen.app))]:
        for kind in type(node).mro():
            for binding in vars(kind).get("BINDINGS", ()):
                named = isinstance(binding, Binding) and binding.id is not None
                # The same words, or the same key under one title, as a part and its screen have them, are one command.
                what = {(binding.description, binding.tooltip), (binding.description, binding.key)} if named else set()
                if named and not what & seen and (node is screen or binding.show):
                    seen |= what
                    yield node, binding


def shown_key(app: BaseApp, binding: Binding) -> str:
    """The first of its keys, as the footer shows it."""
    remapped = app.changed_keys.get(binding.id or "")
    key = (remapped or binding.key).split(",")[0]
    return app.get_key_display(binding.with_key(key, None if remapped else binding.key_display))


def _is_possible(app: BaseApp, screen: Screen[Any], node: DOMNode, binding: Binding) -> bool:
    place, name, parameters = parse(binding.action)
    target = {"app": app, "screen": screen}.get(place, node)
    return bool(target.check_action(name, parameters))


def _everywhere(app: BaseApp) -> Iterator[SystemCommand]:
    def does(action: str, title: str, about: str) -> SystemCommand:
        return SystemCommand(title, about, partial(app.run_action, action))

    def posts(message: ForApp, title: str, about: str) -> SystemCommand:
        return SystemCommand(title, about, partial(app.post_message, message))

    for kind, view in every_view():
        yield does(f"configure('{kind}')", view.title, view.about)
    run = app.runner.current
    if app.runner.busy:
        yield does("go_to_run", "Go to the run that is training", "Its curves and progress")
    if app.runner.busy and run is not None:
        if run.state == PAUSED:
            yield posts(ContinueRun(run.id), "Continue the run", "It continues where it paused")
        else:
            yield posts(PauseRun(run.id), "Pause the run", "Its state is kept")
        yield posts(StopRun(run.id), "Stop or finish the run", "Asks which")
    yield does("studies", "Study hyperparameters", "Find out which ones matter and pick values")
    yield does("runs", "Runs", "Everything that was trained here")
    yield does("queue", "Queue", "The runs that wait for their turn")
    yield does("data", "Data", "The image set, its classes and splits")
    yield does("help", "Help", "What this screen is for, and its keys")
    for how, words in NAMES.items():
        now = " · as it is now" if how == app.called_by else ""
        yield posts(CallBy(how), words, f"When a run or a study ends that is not looked at{now}")
    yield does("change_theme", "Theme", "Dark, light and others")
    yield does("save_screenshot", "Save a picture of the screen", "As SVG, in the program's folder")
    yield does("quit", "Quit", "Asks first while a run is training")
