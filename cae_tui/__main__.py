"""`python -m cae_tui` is `cae-tui`."""

from cae_tui.cli import command

if __name__ == "__main__":
    command()
