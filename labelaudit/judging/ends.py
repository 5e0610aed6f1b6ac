"""P(given label is right) if as few labels were wrong as is certain, and if as many were as is possible."""

from __future__ import annotations

import numpy as np
import scipy

from labelaudit.core.arrays import BoolN, FloatN

_REACH = 60.0  # log odds within which the shift lies
_LEAST = 1e-9


def clean_prob_ends(clean_prob: FloatN, *, counted: BoolN, low: float, high: float) -> tuple[FloatN, FloatN]:
    """Return the clean probability of every sample under both ends of the noise rate.

    All log odds are moved by the same number, such that the mean p(wrong) is the rate at that end.

    Args:
        clean_prob: (N,) under the likely rate.
        counted: (N,) the samples that the rate is about; the others are moved alike.
        low: the least noise rate, 0 to 1.
        high: the largest.

    Returns:
        (N,) under the largest rate, and (N,) under the least: `clean_prob` lies between them.
    """
    odds = scipy.special.logit(np.clip(1.0 - clean_prob.astype(np.float64), _LEAST, 1.0 - _LEAST))
    lower, upper = (1.0 - _moved(odds, counted, rate) for rate in (high, low))
    return np.minimum(lower, clean_prob), np.maximum(upper, clean_prob)


def _moved(odds: FloatN, counted: BoolN, rate: float) -> FloatN:
    """Return p(wrong) whose mean over the counted samples is the rate."""
    if not counted.any() or not 0.0 < rate < 1.0:
        return np.full(len(odds), float(rate >= 1.0))

    def excess(shift: float) -> float:
        return float(scipy.special.expit(odds[counted] + shift).mean()) - rate

    shift = scipy.optimize.brentq(excess, -_REACH, _REACH)
    return np.asarray(scipy.special.expit(odds + shift), dtype=np.float64)
