"""Two Gaussians fitted to per-sample losses, as DivideMix splits a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN

# Li et al. 2020, arXiv:2002.07394 (DivideMix), published code: at most ten steps, the least gain of one in nats per
# sample, and what is added to both variances.
ITERATIONS, TOLERANCE, VARIANCE_FLOOR = 10, 1e-2, 5e-4


@dataclass(frozen=True, slots=True)
class TwoGaussians:
    """Two Gaussians over losses that were scaled to 0..1; the second has the higher mean."""

    lowest: float  # nats, what is scaled to 0
    spread: float  # nats, from there to what is scaled to 1
    means: tuple[float, float]
    variances: tuple[float, float]
    weights: tuple[float, float]


def fit_two_gaussians(losses: NDArray[np.floating]) -> TwoGaussians | None:
    """Return the mixture of the losses, None where they are all alike.

    Args:
        losses: (N,) nats, finite, N at least 2.

    Source:
        What S4, arXiv:1904.11238, compares its beta mixture with; steps and floor as in DivideMix, arXiv:2002.07394.
    """
    values = np.asarray(losses, dtype=np.float64)
    lowest, spread = float(values.min()), float(np.ptp(values))
    if spread == 0.0:
        return None
    mixture = _fitted((values - lowest) / spread)
    order = np.argsort(mixture.means_.ravel())
    means, variances, weights = (
        (float(column[order[0]]), float(column[order[1]]))
        for column in (mixture.means_.ravel(), mixture.covariances_.ravel(), mixture.weights_)
    )
    return TwoGaussians(lowest, spread, means, variances, weights)


def high_loss_posterior(mixture: TwoGaussians, losses: NDArray[np.floating]) -> FloatN:
    """Return (M,) P(the component with the higher mean | loss) of any losses in nats."""
    x = (np.asarray(losses, dtype=np.float64) - mixture.lowest) / mixture.spread
    low, high = (
        np.log(weight) - 0.5 * np.log(variance) - (x - mean) ** 2 / (2 * variance)
        for mean, variance, weight in zip(mixture.means, mixture.variances, mixture.weights, strict=True)
    )
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(low - high, -700.0, 700.0))), dtype=np.float64)


def low_loss_posterior(losses: NDArray[np.floating]) -> FloatN:
    """Return (N,) P(the component with the lower mean | loss).

    The losses are scaled to 0..1 first. Where they are all alike, nothing tells two components apart: all ones.

    Args:
        losses: (N,) nats, finite, N at least 1.

    Source:
        Co-divide of DivideMix, arXiv:2002.07394, published code. Deviation: the places that k-means starts from are
        the same at every call.
    """
    values = np.asarray(losses, dtype=np.float64)
    spread = float(np.ptp(values))
    if spread == 0.0:
        return np.ones_like(values)
    scaled = ((values - values.min()) / spread)[:, None]  # (N, 1)
    mixture = _fitted(scaled[:, 0])
    posterior = mixture.predict_proba(scaled)  # (N, 2)
    return np.asarray(posterior[:, mixture.means_.ravel().argmin()], dtype=np.float64)


def _fitted(scaled: FloatN) -> Any:
    from sklearn.mixture import GaussianMixture  # 0.6 s that only these methods wait for

    mixture = GaussianMixture(2, max_iter=ITERATIONS, tol=TOLERANCE, reg_covar=VARIANCE_FLOOR, random_state=0)
    return mixture.fit(scaled[:, None])
