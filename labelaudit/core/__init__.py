"""Data types and rules; numpy, pandas and pyarrow, no torch."""
