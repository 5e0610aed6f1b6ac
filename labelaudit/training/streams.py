"""Torch's generators for the named random streams of `core.seeds`."""

from __future__ import annotations

import torch

from labelaudit.core.seeds import stream_seed


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator for a named stream, e.g. `torch_generator(seed, "shuffle", epoch)`.

    Always on the CPU, so that a run draws the same numbers on every device.
    """
    return torch.Generator().manual_seed(stream_seed(seed, *names))
