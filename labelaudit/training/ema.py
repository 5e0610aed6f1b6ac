"""Running averages of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


def start_average(average: nn.Module, model: nn.Module) -> nn.Module:
    """Make a fresh network of the same shape the average of `model` so far, and return it; it gets no gradients."""
    average.load_state_dict(model.state_dict())
    return average.requires_grad_(requires_grad=False)


@torch.no_grad()
def move_average_(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    """Replace every parameter a of the average by decay a + (1 - decay) w, w being the model's.

    Buffers stay the average's own: its batch norms learn their statistics from the samples that it sees in train mode.

    Args:
        average: what `start_average` returned; changed in place.
        model: the network that learns.
        decay: share that stays, in [0, 1].

    Source:
        Weight averaging of ELR+, Liu et al. 2020, arXiv:2007.00151 (S0), published code, where buffers are left alone.
    """
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1.0 - decay)
