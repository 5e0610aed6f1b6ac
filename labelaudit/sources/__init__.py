"""From what is on disk to a `Dataset`; no torch."""
