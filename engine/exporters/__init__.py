"""The ways out: one file a format."""
