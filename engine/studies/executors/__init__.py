"""The ways to train the trials of a study, one file each."""

from collections.abc import Mapping
from importlib import import_module

from engine.studies.executors.executor import Executor, Wanted

HERE, WORKERS = "here", "workers"
EXECUTORS: Mapping[str, str] = {
    HERE: "engine.studies.executors.here",
    WORKERS: "engine.studies.executors.workers",
}
"""Where each is: imported when it is asked for."""


def executor_of(wanted: Wanted, name: str = "") -> Executor:
    """A new executor, for one study or for the queue: the one of that name, else by how many runs it trains at once."""
    name = name or (HERE if wanted.workers == 1 else WORKERS)
    made: Executor = import_module(EXECUTORS[name]).EXECUTOR(wanted)
    return made
