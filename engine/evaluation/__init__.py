"""Predictions, and what they are measured by."""
