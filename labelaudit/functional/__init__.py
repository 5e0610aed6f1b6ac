"""Pure functions on arrays and tensors: no files, no devices, no random state of their own."""
