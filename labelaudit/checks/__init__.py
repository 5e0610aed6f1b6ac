"""Rules over the findings of an audit, the baseline, and what they are written as; no torch, no pandas."""
