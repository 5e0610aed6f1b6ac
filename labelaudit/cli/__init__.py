"""The terminal: options in, one api call, text and exit code out."""
