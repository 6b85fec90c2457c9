"""Who in the app acts on what: a part of the app says of each of its methods which message it is for."""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from cae_tui.app.base import BaseApp
from cae_tui.messages import ForApp
from engine.errors import EngineError

Act = TypeVar("Act", bound=Callable[..., Any])


def acts_on(kind: type[ForApp], *, group: str = "") -> Callable[[Act], Act]:
    """For a method of a part: it acts on that message; what it raises of the engine's errors, the person is told.

    One that waits runs as a worker of the app; in a `group`, the one before in it is given up.
    """

    def note(act: Act) -> Act:
        act.acts_on = (kind, group)  # type: ignore[attr-defined]  # functions can be given any
        return act

    return note


class Acts:
    """The parts of an app, by the messages that they act on.

    Args:
        app: tells of errors, and its workers are those methods that wait.
        parts: plain objects with methods that are noted by `acts_on`.
    """

    def __init__(self, app: BaseApp, *parts: object) -> None:
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
        """Call the method that acts on `message`; one that waits goes on as a worker of the app."""
        act, group = self._found[type(message)]
        with self._telling():
            done = act(message)
            if inspect.iscoroutine(done):
                self._app.run_worker(self._wait_for(done), group=group or "default", exclusive=bool(group))

    async def _wait_for(self, done: Coroutine[Any, Any, None]) -> None:
        with self._telling():
            await done

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except EngineError as error:
            self._app.tell(str(error), "error")
