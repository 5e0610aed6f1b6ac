"""Mixing of pairs of samples."""

from __future__ import annotations

from torch import Tensor


def mix(values: Tensor, partner: Tensor, weight: float) -> Tensor:
    """Return weight * values + (1 - weight) * values of the partners.

    Args:
        values: (B, ...) floating point.
        partner: (B,) position in the batch of each sample's partner.
        weight: share of the sample itself, in [0, 1].

    Source:
        Zhang et al. 2018, mixup.
    """
    return values * weight + values[partner] * (1.0 - weight)


def mix_each(values: Tensor, partner: Tensor, weights: Tensor) -> Tensor:
    """Return what `mix` does with a weight for every sample.

    Args:
        values: (B, ...) floating point.
        partner: (B,) position in the batch of each sample's partner.
        weights: (B,) share of each sample itself, in [0, 1].
    """
    own = weights.to(values.dtype).view(-1, *[1] * (values.ndim - 1))
    return values * own + values[partner] * (1.0 - own)
