"""`python -m cae_tui` is `cae-tui`."""

from cae_tui.cli.main import command

if __name__ == "__main__":
    command()
