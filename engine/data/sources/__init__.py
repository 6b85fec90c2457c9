"""The ways in for images: one file a format."""
