"""From findings and decisions to corrected data, in the format that it came in; no torch."""
