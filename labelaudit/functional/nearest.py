"""Nearest neighbours by cosine, exact, in blocks of bounded memory; and what their labels say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_BLOCK_VALUES = 2**25  # similarities at a time: 128 MiB


def nearest(features: Tensor, k: int, *, among: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the k samples whose vectors point most nearly the same way, without the sample itself.

    Args:
        features: (N, D).
        k: how many; fewer than there are to choose from.
        among: (M,) positions of those to choose from; None = all. Time and memory grow with N x M.

    Returns:
        (N, k) positions, nearest first, and (N, k) cosines.
    """
    pool = torch.arange(len(features), device=features.device) if among is None else among
    if not 1 <= k < len(pool):
        raise ValueError(f"{k} neighbours cannot be chosen among {len(pool)} samples")
    unit = F.normalize(features.float(), dim=1)
    chosen = unit if among is None else unit[pool]
    place = torch.full((len(features),), -1, dtype=torch.long, device=features.device)
    place[pool] = torch.arange(len(pool), device=features.device)  # where a sample stands in the pool
    found = []
    for rows in torch.split(torch.arange(len(features), device=features.device), max(1, _BLOCK_VALUES // len(pool))):
        cosines = unit[rows] @ chosen.T  # (B, M)
        own = place[rows]
        there = own >= 0
        cosines[there, own[there]] = -torch.inf
        found.append(cosines.topk(k, dim=1))
    return pool[torch.cat([part.indices for part in found])], torch.cat([part.values for part in found])


def neighbour_log_probs(neighbours: Tensor, cosines: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return (N, C) log shares of the classes among the neighbours' labels, and one more vote by the class sizes.

    Args:
        neighbours: (N, k) positions.
        cosines: (N, k); a neighbour's vote is its cosine, or nothing below 0. All votes together count k.
        labels: (N,) given labels.
        n_classes: C.
    """
    k = neighbours.shape[1]
    votes = cosines.new_zeros(len(neighbours), n_classes)
    votes.scatter_add_(1, labels[neighbours], cosines.clamp_min(0))
    sizes = torch.bincount(labels, minlength=n_classes).to(votes) / len(labels)
    shares = votes * (k / votes.sum(1, keepdim=True).clamp_min(1e-12))
    return torch.log((shares + sizes) / (shares + sizes).sum(1, keepdim=True)).clamp_min(_LEAST)


_LEAST = -27.0  # log of 1e-12: a class that nobody has


def probably_right_neighbours(
    neighbours: Tensor, labels: Tensor, clean_probs: Tensor, asked: Tensor, *, least: float = 0.5, count: int = 4
) -> Tensor:
    """Return each sample's nearest neighbours that carry a certain label, and probably rightly.

    Args:
        neighbours: (S, k) positions, nearest first, of the samples that are asked about.
        labels: (N,) given labels.
        clean_probs: (N,) P(given label is right).
        asked: (S,) the label that the neighbours must carry: the given one, or the suggested one.
        least: the least clean probability.
        count: how many at most.

    Returns:
        (S, count) positions, nearest first; -1 where there are no more.
    """
    fits = (labels[neighbours] == asked[:, None]) & (clean_probs[neighbours] >= least)
    order = torch.argsort((~fits).to(torch.int8), dim=1, stable=True)[:, :count]
    found = torch.where(fits.gather(1, order), neighbours.gather(1, order), -1)
    return F.pad(found, (0, count - found.shape[1]), value=-1)
