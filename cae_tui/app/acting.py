"""Who in the app acts on what: a part of the app says of each of its methods which message it is for."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from textual.app import App

from cae_tui.messages import ForApp

Act = TypeVar("Act", bound=Callable[..., Any])


def acts_on(kind: type[ForApp], *, group: str = "") -> Callable[[Act], Act]:
    """For a method of a part: it acts on that message.

    One that waits runs as a worker of the app; in a `group`, the one before in it is given up.
    """

    def note(act: Act) -> Act:
        act.acts_on = (kind, group)  # type: ignore[attr-defined]  # functions can be given any
        return act

    return note


class Acts:
    """The parts of an app, by the messages that they act on.

    Args:
        app: whose workers those methods are that wait.
        parts: plain objects with methods that are noted by `acts_on`.
    """

    def __init__(self, app: App[None], *parts: object) -> None:
        self._app = app
        self._found: dict[type[ForApp], tuple[Callable[[Any], Any], str]] = {}
        for part in parts:
            for name, method in vars(type(part)).items():
                if noted := getattr(method, "acts_on", None):
                    kind, group = noted
                    assert kind not in self._found, f"Two parts act on {kind.__name__}."
                    self._found[kind] = (getattr(part, name), group)

    def __contains__(self, kind: type[ForApp]) -> bool:
        return kind in self._found

    def act_on(self, message: ForApp) -> None:
        """Have it done."""
        act, group = self._found[type(message)]
        done = act(message)
        if inspect.iscoroutine(done):
            self._app.run_worker(done, name=act.__name__, group=group or "default", exclusive=bool(group))
