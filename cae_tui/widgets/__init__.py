"""The reusable pieces of the screens."""
