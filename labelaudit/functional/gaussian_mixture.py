"""Two Gaussians fitted to per-sample losses, as DivideMix splits a dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatN = NDArray[np.float64]  # (N,)

# Li et al. 2020, arXiv:2002.07394 (DivideMix), published code: at most ten steps, the least gain of one in nats per
# sample, and what is added to both variances.
ITERATIONS, TOLERANCE, VARIANCE_FLOOR = 10, 1e-2, 5e-4
_MEANS_ITERATIONS = 100  # of two-means in one dimension, which settles in a few


def low_loss_posterior(losses: NDArray[np.floating]) -> FloatN:
    """Return P(the component with the lower mean | loss) of each sample.

    The losses are scaled to 0..1 first. Where they are all alike, nothing tells two components apart: all ones.

    Args:
        losses: (N,) nats, finite, N at least 1.

    Source:
        Co-divide of DivideMix, arXiv:2002.07394, published code. Deviation: EM starts from two-means between the
        smallest and the largest loss instead of k-means from random places, so that nothing is drawn.
    """
    values = np.asarray(losses, dtype=np.float64)
    spread = float(np.ptp(values))
    if spread == 0.0:
        return np.ones_like(values)
    x = (values - values.min()) / spread
    share = _two_means(x)  # (2, N)
    before = -np.inf
    for _ in range(ITERATIONS):
        log_density = _log_joint(x, share)
        total = np.logaddexp(log_density[0], log_density[1])
        share = np.exp(log_density - total)
        if total.mean() - before < TOLERANCE:
            break
        before = float(total.mean())
    low = 0 if share[0] @ x / share[0].sum() <= share[1] @ x / share[1].sum() else 1
    return np.asarray(share[low])


def _two_means(x: FloatN) -> NDArray[np.float64]:
    """Return (2, N) which of two centres is nearer, 1 or 0."""
    low, high = 0.0, 1.0
    for _ in range(_MEANS_ITERATIONS):
        upper = x > (low + high) / 2
        centres = float(x[~upper].mean()), float(x[upper].mean())  # neither is empty: 0 and 1 are among x
        if centres == (low, high):
            break
        low, high = centres
    return np.stack([~upper, upper]).astype(np.float64)


def _log_joint(x: FloatN, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2, N) log(weight_k N(x | mean_k, variance_k)) of the components that the shares imply."""
    size = share.sum(axis=1) + 10 * np.finfo(np.float64).eps
    mean = share @ x / size
    variance = np.stack([share[k] @ (x - mean[k]) ** 2 for k in range(2)]) / size + VARIANCE_FLOOR
    exponent = -((x - mean[:, None]) ** 2) / (2 * variance[:, None])
    return np.asarray(exponent - 0.5 * np.log(2 * np.pi * variance[:, None]) + np.log(size / len(x))[:, None])
