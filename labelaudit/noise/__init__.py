"""Noise models: what is planted, and where."""
