"""The samples as points of a plane: the two directions in which their vectors differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatN, IntN

MOST_POINTS = 3000


@dataclass(frozen=True, slots=True)
class Plane:
    """M samples as points."""

    rows: IntN  # (M,) which of the N samples
    x: FloatN  # (M,) 0 to 1
    y: FloatN  # (M,)
    explained: float  # share of the spread of the vectors that the plane shows
    of: str  # whose vectors, in words


def plane_of(vectors: NDArray[np.floating[Any]], rows: IntN, of: str) -> Plane | None:
    """Return samples as points by principal components; None where the vectors do not differ.

    Args:
        vectors: (M, D) of the samples that are shown.
        rows: (M,) which these are.
        of: whose vectors.
    """
    if len(rows) < 3 or vectors.shape[1] < 2:
        return None
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    points, values = principal_components(centred)
    spread = float((centred**2).sum())
    if spread <= 0 or values[1] <= 0:
        return None
    x, y = (_to_unit(points[:, k]) for k in range(2))
    return Plane(rows, x, y, float(values.sum() / spread), of)


def principal_components(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], FloatN]:
    """Return (M, 2) coordinates along the two directions of the largest spread, and (2,) their sums of squares.

    Each direction points so that the farthest sample has a positive coordinate.

    Args:
        centred: (M, D) with columns that add up to 0.
    """
    is_tall = centred.shape[0] >= centred.shape[1]
    values, axes = np.linalg.eigh(centred.T @ centred if is_tall else centred @ centred.T)
    top = np.argsort(values)[::-1][:2]
    largest = np.maximum(values[top], 0.0)
    points = centred @ axes[:, top] if is_tall else axes[:, top] * np.sqrt(largest)
    farthest = points[np.argmax(np.abs(points), axis=0), np.arange(points.shape[1])]
    return np.asarray(points * np.where(farthest < 0, -1.0, 1.0)), largest


def chosen_rows(is_suspect: BoolN, rank: IntN, *, most_suspects: int, seed: int = 0) -> IntN:
    """Return (M,) the samples to show, ascending: the worst suspects, and others drawn by lot.

    Args:
        is_suspect: (N,).
        rank: (N,) 1 = the most suspicious.
        most_suspects: of the suspects, so many at most.
        seed: of the lot.
    """
    suspects = np.flatnonzero(is_suspect)
    worst = suspects[np.argsort(rank[suspects], kind="stable")][:most_suspects]
    others = np.flatnonzero(~is_suspect)
    room = min(len(others), max(MOST_POINTS - len(worst), 0))
    drawn = np.random.default_rng(seed).choice(others, size=room, replace=False)
    return np.sort(np.concatenate([worst, drawn])).astype(np.int64)


def spread_out(top_labels: IntN, top_probs: NDArray[np.floating[Any]], *, most: int = 200) -> NDArray[np.float64]:
    """Return (M, C') probabilities by class, 0 where they were not kept; C' = the classes that occur most, at most 200.

    Args:
        top_labels: (M, K) positions of classes.
        top_probs: (M, K) their probabilities.
        most: of the classes, so many at most.
    """
    names, sizes = np.unique(top_labels, return_counts=True)
    kept = np.sort(names[np.argsort(-sizes, kind="stable")][:most])
    column = np.searchsorted(kept, top_labels).clip(max=max(len(kept) - 1, 0))
    is_kept = kept[column] == top_labels
    table = np.zeros((len(top_labels), len(kept)))
    np.add.at(table, (np.nonzero(is_kept)[0], column[is_kept]), top_probs[is_kept])
    return table


def _to_unit(values: FloatN) -> FloatN:
    return np.asarray((values - values.min()) / max(float(np.ptp(values)), 1e-12))
