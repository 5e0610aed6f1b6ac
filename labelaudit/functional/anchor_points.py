"""The transition matrix of the noise, read off the samples that are surest of their class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import Table


def anchor_transitions(probs: NDArray[np.floating], *, percentile: float) -> Table:
    """Return (C, C) T[i, j] = p(given = j | true = i), read off one sample per class.

    A network that has learnt the noisy labels says p(given | x). The sample that is surest of class i is taken to be
    of class i for certain, so what it says of the other labels is row i.

    Args:
        probs: (N, C) predictions of a network trained on the given labels.
        percentile: of p(given = i) at which the sample of class i is taken; 100 is the surest of all. Less leaves out
            the top, where outliers are.

    Source:
        Patrini et al. 2017, arXiv:1609.03683, the estimator with anchor points; percentile as in the published code,
        where the samples at and above it are left out: here the sample at it is taken.
    """
    if not 0 < percentile <= 100 or probs.ndim != 2 or not len(probs):
        raise ValueError(f"need probs (N, C) and a percentile in (0, 100], not {probs.shape} and {percentile}")
    rank = max(0, int(np.ceil(percentile / 100 * len(probs))) - 1)
    anchors = [int(np.argsort(column, kind="stable")[rank]) for column in probs.T]
    rows = np.asarray(probs[anchors], dtype=np.float64)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))
