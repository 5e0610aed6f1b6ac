"""Rules over the findings of an audit, the baseline, what changed since, and what they are written as; no torch."""
