"""The terminal application: screens, widgets, and the command line."""
