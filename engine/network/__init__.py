"""Layers on paper, and the models built from them."""
