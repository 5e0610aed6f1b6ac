"""Nearest neighbours by cosine, exact, in blocks of bounded memory; and what their labels say."""

from __future__ import annotations

from collections.abc import Mapping

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
        (N, k) int32 positions, nearest first, and (N, k) cosines.
    """
    pool = torch.arange(len(features), device=features.device) if among is None else among
    if not 1 <= k < len(pool):
        raise ValueError(f"{k} neighbours cannot be chosen among {len(pool)} samples")
    chosen = F.normalize(features[pool].float(), dim=1)  # (M, D)
    place = torch.full((len(features),), -1, dtype=torch.long, device=features.device)
    place[pool] = torch.arange(len(pool), device=features.device)  # where a sample stands in the pool
    positions = torch.empty(len(features), k, dtype=torch.int32, device=features.device)
    values = torch.empty(len(features), k, device=features.device)
    for rows in torch.split(torch.arange(len(features), device=features.device), max(1, _BLOCK_VALUES // len(pool))):
        cosines = F.normalize(features[rows].float(), dim=1) @ chosen.T  # (B, M)
        own = place[rows]
        there = own >= 0
        cosines[there, own[there]] = -torch.inf
        best = cosines.topk(k, dim=1)
        positions[rows], values[rows] = pool[best.indices].int(), best.values
    return positions, values


def neighbour_log_probs(neighbours: Tensor, cosines: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return (N, C) log shares of the classes among the neighbours' labels, and one more vote by the class sizes.

    Args:
        neighbours: (N, k) positions, integers of any size.
        cosines: (N, k); a neighbour's vote is its cosine, or nothing below 0. All votes together count k.
        labels: (N,) given labels.
        n_classes: C.
    """
    k = neighbours.shape[1]
    sizes = torch.bincount(labels, minlength=n_classes).to(cosines) / len(labels)
    found = cosines.new_empty(len(neighbours), n_classes)
    for rows in torch.split(torch.arange(len(neighbours), device=cosines.device), _BLOCK):
        votes = cosines.new_zeros(len(rows), n_classes)
        votes.scatter_add_(1, labels[neighbours[rows].long()], cosines[rows].clamp_min(0))
        shares = votes * (k / votes.sum(1, keepdim=True).clamp_min(1e-12)) + sizes
        found[rows] = torch.log(shares / shares.sum(1, keepdim=True)).clamp_min(_LEAST)
    return found


_BLOCK = 65_536  # samples at a time
_LEAST = -27.0  # log of 1e-12: a class that nobody has


def nearest_of_class(
    features: Tensor, asked: Tensor, classes: Tensor, pools: Mapping[int, Tensor], *, count: int
) -> Tensor:
    """Return, for each sample that is asked about, the samples of a class whose vectors point most nearly its way.

    Args:
        features: (N, D).
        asked: (S,) positions; none is its own neighbour.
        classes: (S,) the class of which neighbours are wanted; below 0 = none is.
        pools: positions to choose from, by class.
        count: how many at most.

    Returns:
        (S, count) positions, nearest first; -1 where there are no more.
    """
    found = torch.full((len(asked), count), -1, dtype=torch.long, device=features.device)
    for label, pool in pools.items():
        rows = torch.nonzero(classes == label).ravel()
        if not len(rows) or not len(pool):
            continue
        chosen = F.normalize(features[pool].float(), dim=1)  # (M, D)
        for some in torch.split(rows, max(1, _BLOCK_VALUES // len(pool))):
            cosines = F.normalize(features[asked[some]].float(), dim=1) @ chosen.T  # (B, M)
            cosines[pool[None, :] == asked[some][:, None]] = -torch.inf
            best = cosines.topk(min(count, len(pool)), dim=1)
            found[some, : best.indices.shape[1]] = torch.where(best.values.isfinite(), pool[best.indices], -1)
    return found
