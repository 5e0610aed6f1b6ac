"""Everything that touches torch and is not a method: device, pixels, batches, models, the step loop."""
