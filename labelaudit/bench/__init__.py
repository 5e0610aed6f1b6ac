"""Planted noise, rivals and side-by-side tables."""
