"""Two Gaussians fitted to per-sample losses, as DivideMix splits a dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN

# Li et al. 2020, arXiv:2002.07394 (DivideMix), published code: at most ten steps, the least gain of one in nats per
# sample, and what is added to both variances.
ITERATIONS, TOLERANCE, VARIANCE_FLOOR = 10, 1e-2, 5e-4


def low_loss_posterior(losses: NDArray[np.floating]) -> FloatN:
    """Return (N,) P(the component with the lower mean | loss).

    The losses are scaled to 0..1 first. Where they are all alike, nothing tells two components apart: all ones.

    Args:
        losses: (N,) nats, finite, N at least 1.

    Source:
        Co-divide of DivideMix, arXiv:2002.07394, published code. Deviation: the places that k-means starts from are
        the same at every call.
    """
    from sklearn.mixture import GaussianMixture  # 0.6 s that only this method waits for

    values = np.asarray(losses, dtype=np.float64)
    spread = float(np.ptp(values))
    if spread == 0.0:
        return np.ones_like(values)
    scaled = ((values - values.min()) / spread)[:, None]  # (N, 1)
    mixture = GaussianMixture(2, max_iter=ITERATIONS, tol=TOLERANCE, reg_covar=VARIANCE_FLOOR, random_state=0)
    posterior = mixture.fit(scaled).predict_proba(scaled)  # (N, 2)
    return np.asarray(posterior[:, mixture.means_.ravel().argmin()], dtype=np.float64)
