"""Torch's generators for the named random streams of `core.seeds`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from labelaudit.core.seeds import stream_seed


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator for a named stream, e.g. `torch_generator(seed, "shuffle", epoch)`.

    Always on the CPU, so that a run draws the same numbers on every device.
    """
    return torch.Generator().manual_seed(stream_seed(seed, *names))


@contextmanager
def global_stream(device: torch.device, seed: int, *names: str | int) -> Iterator[None]:
    """Seed torch's global generators for a named stream, and put them back afterwards.

    Only for what cannot be handed a generator: weight initialisation, dropout, stochastic depth.
    """
    number = stream_seed(seed, *names)
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(number)  # torch.manual_seed would reseed every other device as well
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(number)
        yield
