"""Findings for other labelling tools, and what people decided there back again; no torch."""
