"""The App: how it begins, ends and recovers, where one is in it, and what it does for its pages."""
