"""Our own yardsticks and the published settings: benches, rivals, planting, reproduction; no other room needs it."""
