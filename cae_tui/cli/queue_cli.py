"""What `cae-tui queue` is asked; `queue_console` does it."""

import argparse

ACTIONS = ("list", "start", "stop", "move", "remove")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What is done with the queue, and how many of its runs are trained at once."""
    parser.usage = "%(prog)s [list | start | stop | move RUN up|down|first|last | remove RUN ...] [FLAG ...]"
    group = parser.add_argument_group("arguments")
    words = (
        "list what trains and what waits, train what waits, stop what trains it (what waits stays queued), move a run, "
        "or take runs out (default: list)"
    )
    group.add_argument("queue_words", nargs="*", default=[], metavar="ACTION", help=words)
    group = parser.add_argument_group("for start")
    words = "how many runs to train at once (default: `workers` of the settings, else 1)"
    group.add_argument("--workers", default=None, metavar="N", help=words)
