"""Feature vectors on one scale, and their principal components."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST_SPREAD = 1e-6  # of a column's deviation by its largest value: what is smaller is rounding
_BLOCK = 65_536  # samples at a time


def standardised(features: Tensor) -> Tensor:
    """Return (N, D) float32 features of mean 0 and deviation 1 in every column; a constant column becomes 0."""
    values = features.float()
    means, deviations = values.mean(0), values.std(0, correction=0)
    varies = deviations > _LEAST_SPREAD * torch.maximum(values.amax(0), -values.amin(0))
    found = torch.empty_like(values)
    for part, scaled in zip(torch.split(values, _BLOCK), torch.split(found, _BLOCK), strict=True):
        torch.sub(part, means, out=scaled)
        scaled.div_(torch.where(varies, deviations, 1.0)).masked_fill_(~varies, 0.0)
    return found


def principal_components(features: Tensor, count: int) -> Tensor:
    """Return (N, count) projections on the directions of largest variance, largest first; all if there are no more.

    They keep their own scale: a direction in which nothing varies stays without weight.

    Args:
        features: (N, D) of mean 0.
        count: how many; 0 = leave the features as they are.
    """
    d = features.shape[1]
    if not count or count >= d:
        return features
    covariance = features.new_zeros(d, d, dtype=torch.float64)
    for part in torch.split(features, _BLOCK):
        covariance += (part.T @ part).double()
    directions = torch.linalg.eigh(covariance / len(features)).eigenvectors.flip(1)[:, :count]
    signs = directions.gather(
        0, directions.abs().argmax(0, keepdim=True)
    ).sign()  # eigenvectors have no sign of their own
    found: Tensor = features @ (directions * signs).float()
    return found
