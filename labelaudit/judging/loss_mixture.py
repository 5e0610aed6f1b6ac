"""Two Gaussians fitted to the log odds of per-sample losses: those of right and of wrong labels.

In log odds both sides come out straight: low losses by their logarithm, high losses as they are.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN
from labelaudit.judging.beta_mixture import MIN_SAMPLES, MIN_SPREAD, WEIGHT_FLOOR

Pair = tuple[float, float]  # component 0 = clean (low loss), component 1 = noisy

LEAST_LOSS = 1e-7  # nats; a float32 softmax cannot tell smaller ones apart
_BINS = 2048
_BLOCK = 65_536  # samples at a time
_ITERATIONS, _TOLERANCE = 500, 1e-7  # nats per sample
_NARROWEST = 0.05  # of the deviation of all: a component must not shrink onto losses that are exactly alike
_TOP = 0.9  # quantile at which one of the starts parts the losses


@dataclass(frozen=True, slots=True)
class GaussianLosses:
    """A fitted mixture; component 0 is clean (smaller mean), component 1 noisy."""

    mean: Pair  # log odds of the label being wrong
    deviation: Pair
    weight: Pair  # shares of the samples; sum to 1
    log_likelihood: float  # nats; mean over the samples, of the density of the log odds
    iterations: int  # EM steps taken

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class _Bins:
    centre: FloatN  # (B,) ascending
    size: FloatN  # (B,) samples


def log_odds(losses: NDArray[np.floating]) -> FloatN:
    """Return (N,) log((1 - p) / p) of the probability p = exp(-loss) of the given label."""
    values = np.maximum(np.asarray(losses, dtype=np.float64), LEAST_LOSS)
    return np.asarray(values + np.log(-np.expm1(-values)))


def fit_gaussian_losses(losses: NDArray[np.floating]) -> GaussianLosses | None:
    """Return the two Gaussians that describe the losses, None where they hold no evidence.

    EM runs from several partings of the losses in two, and the best end counts; nothing is drawn.

    Args:
        losses: (N,) nats, finite.

    Returns:
        None for fewer than 10 losses, or where they are all alike.
    """
    if len(losses) < MIN_SAMPLES or float(np.ptp(losses)) < MIN_SPREAD:
        return None
    bins = _binned(losses)
    whole = float(bins.size.sum())
    mean = float(bins.size @ bins.centre) / whole
    floor = _NARROWEST * float(np.sqrt(bins.size @ (bins.centre - mean) ** 2 / whole))
    as_likely = float(log_odds(np.array([np.log(2.0)]))[0])
    top = bins.centre[min(int(np.searchsorted(bins.size.cumsum(), _TOP * whole)), len(bins.centre) - 1)]
    starts = {as_likely, (bins.centre[0] + bins.centre[-1]) / 2, mean, float(top)}
    found = [fit for at in sorted(starts) if (fit := _fit_from(bins, at, floor)) is not None]
    return max(found, key=lambda fit: fit.log_likelihood, default=None)


def gaussian_posterior(mixture: GaussianLosses, losses: NDArray[np.floating]) -> FloatN:
    """Return (N,) P(noisy | loss), made non-decreasing in the loss.

    The log odds are a parabola; the side of its turn where they would go the wrong way is held at their value there.
    """
    x = log_odds(losses)
    precision = [1.0 / deviation**2 for deviation in mixture.deviation]
    bend = precision[0] - precision[1]  # twice the coefficient of x squared
    if abs(bend) > 1e-12 * max(precision):
        turn = (mixture.mean[0] * precision[0] - mixture.mean[1] * precision[1]) / bend
        x = np.maximum(x, turn) if bend > 0 else np.minimum(x, turn)
    joint = _log_joint(x, *(np.array(pair) for pair in (mixture.mean, mixture.deviation, mixture.weight)))
    return np.asarray(scipy.special.expit(joint[1] - joint[0]), dtype=np.float64)


def gaussian_share_below(mixture: GaussianLosses, losses: FloatN) -> FloatN:
    """Return (N,) the share of samples that the mixture expects below each loss."""
    x = log_odds(losses)
    below = [scipy.special.ndtr((x - m) / s) for m, s in zip(mixture.mean, mixture.deviation, strict=True)]
    return np.asarray(mixture.weight[0] * below[0] + mixture.weight[1] * below[1])


def _binned(losses: NDArray[np.floating]) -> _Bins:
    low, high = (float(log_odds(np.array([end]))[0]) for end in (losses.min(), losses.max()))
    width = max((high - low) / _BINS, 1e-12)
    size = np.zeros(_BINS)
    for start in range(0, len(losses), _BLOCK):
        cell = ((log_odds(losses[start : start + _BLOCK]) - low) / width).astype(np.int64)
        size += np.bincount(np.clip(cell, 0, _BINS - 1), minlength=_BINS)
    kept = size > 0
    centre = np.asarray(low + width * (np.arange(_BINS) + 0.5), dtype=np.float64)
    return _Bins(centre[kept], size[kept])


def _fit_from(bins: _Bins, at: float, floor: float) -> GaussianLosses | None:
    """Return where EM ends that starts from the losses below and above a value; None where a side has no weight."""
    upper = (bins.centre > at).astype(np.float64)
    share = np.stack([1.0 - upper, upper]) * bins.size  # (2, B)
    whole, before = float(bins.size.sum()), -np.inf
    found = None
    for iteration in range(1, _ITERATIONS + 1):
        total = share.sum(axis=1)
        if total.min() < WEIGHT_FLOOR * whole:
            break
        mean = share @ bins.centre / total
        square = (bins.centre - mean[:, None]) ** 2
        deviation = np.maximum(np.sqrt((share * square).sum(axis=1) / total), floor)
        joint = _log_joint(bins.centre, mean, deviation, total / whole)
        log_density = np.logaddexp(joint[0], joint[1])
        log_likelihood = float(bins.size @ log_density) / whole
        pairs = [_ordered(values, by=mean) for values in (mean, deviation, total / whole)]
        found = GaussianLosses(pairs[0], pairs[1], pairs[2], log_likelihood, iteration)
        if log_likelihood - before < _TOLERANCE:
            break
        before, share = log_likelihood, np.exp(joint - log_density) * bins.size
    return found


def _ordered(values: FloatN, *, by: FloatN) -> Pair:
    low, high = values[np.argsort(by)]
    return float(low), float(high)


def _log_joint(x: FloatN, mean: FloatN, deviation: FloatN, weight: FloatN) -> NDArray[np.float64]:
    """Return (2, N) log(weight_k N(x | mean_k, deviation_k))."""
    distance = (x - mean[:, None]) / deviation[:, None]
    return np.asarray(np.log(weight / deviation / np.sqrt(2 * np.pi))[:, None] - 0.5 * distance**2)
