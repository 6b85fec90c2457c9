"""The document of a study."""
