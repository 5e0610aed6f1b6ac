"""Findings written out for other tools; no torch."""
