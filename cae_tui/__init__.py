"""The terminal application: screens, widgets, and the command line."""

from cae_tui.imports import keep_to_our_own

keep_to_our_own()
