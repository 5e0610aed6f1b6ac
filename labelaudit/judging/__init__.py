"""From evidence to verdicts: noise rate, clean probability, suggestion, issue and action; no training."""
