"""What a score means, learnt from labels that are known to be wrong because we planted them.

The scores of labels in question are a mixture of those of right and of wrong ones: f = (1 - pi) f_right + pi f_wrong.
Planted labels show f_wrong on this data, with this network, at this budget. That leaves one unknown, the noise rate pi,
and gives p(wrong | score) = pi f_wrong / f without a shape for either component.

Source:
    Noise rate: best bin estimation of Garg et al. 2021, "Mixture Proportion Estimation and PU Learning: A Modern
    Approach", arXiv:2111.00980 (algorithm 1), with the wrong labels as the known component. Density ratio: isotonic
    regression of planted against not planted, by pool adjacent violators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)
BoolN = NDArray[np.bool_]  # (N,)

_DELTA, _GAMMA = 0.1, 0.01  # the constants of best bin estimation, as in its paper
_NORMAL_90 = 1.645  # standard deviations that hold 90 % of a normal distribution
FEWEST_PLANTED = 20  # below, an estimate says nothing


@dataclass(frozen=True, slots=True)
class NoiseRate:
    """A share of wrong labels with its 90 % interval."""

    rate: float  # 0 to 1
    low: float
    high: float


def estimate_noise_rate(scores: FloatN, planted: BoolN) -> NoiseRate | None:
    """Return the share of wrong labels among those that were not planted, None where too few were.

    Where planted labels score highest, so do other wrong ones, and hardly a right one: the share of all labels that
    score as high, over the share of the planted ones that do, is the rate, and too high by the right ones that score as
    high. The threshold is where the bound of that ratio is lowest.

    Args:
        scores: (N,) evidence against each label, higher is worse.
        planted: (N,) which labels are known to be wrong.

    Returns:
        The rate; its interval has the sampling errors of both shares at the threshold, not the choice of it.
    """
    n_planted, n_others = int(planted.sum()), int((~planted).sum())
    if n_planted < FEWEST_PLANTED or not n_others:
        return None
    thresholds = np.sort(scores[planted])[::-1]  # (P,)
    of_planted = np.arange(1, n_planted + 1) / n_planted
    of_others = 1.0 - np.searchsorted(np.sort(scores[~planted]), thresholds, side="left") / n_others
    spread = math.log(4.0 / _DELTA)
    error = math.sqrt(spread / (2 * n_others)) + (1.0 + _GAMMA) * math.sqrt(spread / (2 * n_planted))
    best = int(np.argmin((of_others + error) / of_planted))
    above, share = float(of_others[best]), float(of_planted[best])
    rate = min(above / share, 1.0)
    # Variance of a ratio of two independent shares, on the logarithm; half a sample where none was seen.
    seen = max(above, 0.5 / n_others)
    deviation = math.sqrt((1.0 - seen) / (seen * n_others) + (1.0 - share) / (share * n_planted))
    wide = math.exp(_NORMAL_90 * deviation)
    return NoiseRate(rate, low=rate / wide, high=min(max(rate, seen / share) * wide, 1.0))


def wrong_posterior(scores: FloatN, planted: BoolN, noise_rate: float, *, at: FloatN) -> FloatN:
    """Return (M,) p(wrong | score), never falling as the score rises.

    Args:
        scores: (N,) evidence against each label, higher is worse.
        planted: (N,) which labels are known to be wrong.
        noise_rate: share of wrong labels among the others.
        at: (M,) scores to judge.
    """
    ordered, groups = np.unique(scores, return_inverse=True)  # equal scores get equal answers
    sizes = np.bincount(groups, minlength=len(ordered)).astype(np.float64)
    share = np.bincount(groups, weights=planted.astype(np.float64), minlength=len(ordered)) / sizes
    share = scipy.optimize.isotonic_regression(share, weights=sizes).x
    odds = share / np.maximum(1.0 - share, 1e-12)
    ratio = odds * (~planted).sum() / max(int(planted.sum()), 1)  # f_wrong / f
    found: FloatN = np.interp(at, ordered, np.clip(noise_rate * ratio, 0.0, 1.0))
    return found
