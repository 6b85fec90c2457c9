"""The real command, with a thread beside it that tells how large the process has become.

    python -m tests.endurance.inside FOLDER [words of cae-tui …]

Whoever writes a number into FOLDER/ask finds the figures of that moment in FOLDER/figures.json, beside the same
number. They are taken on the screen's own thread, after a search for garbage: what is left then is held by somebody.
The program itself is not changed by any of this.
"""

import functools
import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from textual.cache import FIFOCache, LRUCache
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarCorner
from textual.widget import Widget

from cae_tui.app import base
from cae_tui.cli import main as cli

POOLS = ("asyncio_", "reader_")
"""How threads of a pool begin: it adds one only where all are at work, up to a bound, and keeps it. A second pool of
the same kind would have threads of the same names."""

SCROLL_BARS = (ScrollBar, ScrollBarCorner)
"""Made when something scrolls for the first time, which a window that is dragged about decides, and kept with it."""


def figures(app: base.BaseApp) -> dict[str, Any]:
    """What the process holds now, beside what only makes it quicker: caches are bounded, but fill for an hour."""
    gc.unfreeze()  # the caches of modules are among what the app has frozen
    for each in gc.get_objects():  # by their types: to ask a weak proxy what it is, when that is gone, is an error
        if issubclass(type(each), functools._lru_cache_wrapper):
            if each.cache_parameters()["maxsize"] is not None:
                each.cache_clear()
        elif issubclass(type(each), LRUCache | FIFOCache):
            each.clear()
    gc.collect()
    objects = gc.get_objects()
    gc.freeze()
    pumps: list[MessagePump] = [app, *app.screen_stack, *app._registry]
    names = [thread.name for thread in threading.enumerate()]
    lasting = sorted((Counter(names) - Counter({name for name in names if name.startswith(POOLS)})).elements())
    mounted = [type(each).__name__ for each in app._registry if not isinstance(each, SCROLL_BARS)]
    return {
        "rss": _resident(),
        "threads": len(os.listdir("/proc/self/task")) - len(names) + len(lasting),
        "python_threads": lasting,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "queued": sum(pump._message_queue.qsize() for pump in set(pumps)),
        "stack": [type(screen).__name__ for screen in app.screen_stack],
        "screens": sum(issubclass(type(each), Screen) for each in objects),
        "widgets": sum(issubclass(type(each), Widget) and not issubclass(type(each), SCROLL_BARS) for each in objects),
        "mounted": len(mounted),
        "mounted_kinds": dict(sorted(Counter(mounted).items())),
        "workers": len(list(app.workers)),
        "timers": sum(len(pump._timers) for pump in set(pumps)),
        "objects": len(objects),
        "kinds": dict(Counter(f"{type(each).__module__}.{type(each).__name__}" for each in objects).most_common(20)),
    }


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def answer(app: base.BaseApp, folder: Path) -> None:
    """Answer whoever asks, for as long as the app runs."""
    answered = ""
    while True:
        time.sleep(0.05)
        asked = (folder / "ask").read_text() if (folder / "ask").exists() else ""
        if asked and asked != answered and app.is_running:
            found = app.call_from_thread(figures, app)
            (folder / "writing").write_text(json.dumps({"asked": asked, **found}))
            os.replace(folder / "writing", folder / "figures.json")
            answered = asked


def main() -> int:
    """Open the app as the command does."""
    folder = Path(sys.argv[1])
    run_to_the_end = base.run_to_the_end

    def observed(app: base.BaseApp) -> int:
        threading.Thread(target=answer, args=(app, folder), name="figures", daemon=True).start()
        return run_to_the_end(app)

    base.run_to_the_end = observed
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
