"""Predictions, of the images that a run is measured by and of new ones, and what they are measured by."""
