"""Orchestration: one function for each command."""
