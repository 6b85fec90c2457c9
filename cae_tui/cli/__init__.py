"""The command `cae-tui` and its sub-commands."""
