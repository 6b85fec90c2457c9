"""The real command with a first screen that has an error, at the first call of its list or at every one.

python -m tests.endurance.broken once|always [words of cae-tui …]
"""

import sys
from pathlib import Path
from typing import Any

from cae_tui.cli import main as cli
from cae_tui.widgets.last_runs import LastRuns


def main() -> int:
    """Open the app as the command does; it breaks once `<home>/break` is there."""
    how, words = sys.argv[1], sys.argv[2:]
    switch = Path(words[words.index("--home") + 1]) / "break"
    show = LastRuns.show

    def broken(self: LastRuns, *arguments: Any) -> None:
        if switch.exists():
            if how == "once":
                switch.unlink()
            raise ZeroDivisionError("a bug of the first screen")
        show(self, *arguments)

    LastRuns.show = broken  # type: ignore[assignment]  # a stand-in
    return cli.main(words)


if __name__ == "__main__":
    sys.exit(main())
