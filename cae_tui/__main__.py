"""`python -m cae_tui` is `cae-tui`."""

import sys

from cae_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
