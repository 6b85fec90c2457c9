"""The run directory: what is in it, who writes it, and how it is read again."""
