"""Two beta distributions fitted to per-sample losses: low-loss (clean) and high-loss (noisy) samples.

A mixture of two always splits, a clean dataset included; whether there is anything to split is decided by the caller.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN

Pair = tuple[float, float]  # component 0 = clean (low loss), component 1 = noisy

MIN_SAMPLES = 10  # ours: five parameters cannot be told from fewer
MIN_SPREAD = 1e-4  # nats, ours: below it every label is fitted alike, so the losses say nothing
EDGE = 1e-4  # S4, arXiv:1904.11238: x is kept in [EDGE, 1 - EDGE]
_LOGIT_LIMIT = float(np.log((1 - EDGE) / EDGE))
_BLOCK = 65_536  # samples at a time: what does not fit the cache costs more than the arithmetic
WEIGHT_FLOOR = 1e-3  # ours: a lighter component has no data to be fitted to
SHAPE_MIN, SHAPE_MAX = 0.05, 1e3  # ours: range of alpha and beta
VARIANCE_FLOOR, VARIANCE_CAP = 1e-6, 0.999  # ours: absolute, and as a share of mean (1 - mean)

# Published code of S4 and S2, arXiv:1904.11238 and arXiv:1912.08741.
PUBLISHED_ITERATIONS, PUBLISHED_PERCENTILES = 10, (5.0, 95.0)
PUBLISHED_FLOOR, PUBLISHED_TABLE = 1e-12, 100  # of a weighted likelihood; points of the look-up table

# Ours, chosen on synthetic losses (separated, early, memorised, broad noisy part; 0 to 90 % noise). Losses are
# winsorised, never dropped: with 5 % noise or less the dropped tail is the noisy component itself. Normalised by their
# maximum, one far sample moves the whole fit; cut at the percentile itself, the pile-up there flattens the noisy side.
ROBUST_PERCENTILE = 99.5
ROBUST_HEADROOM = 1.2  # losses count up to 1.2 times the range below the percentile; worth up to 7 points there
ROBUST_MARGIN = 0.01  # of the range, left free at both ends: log x of a few samples must not outvote the rest
ROBUST_BINS = 2048  # 0.009 in logit(x) each
ROBUST_ITERATIONS, ROBUST_TOLERANCE = 500, 1e-7  # a stop for slow cases (10 to 300 in practice); nats per sample


@dataclass(frozen=True, slots=True)
class BetaMixture:
    """A fitted mixture; component 0 is clean (smaller mean loss), component 1 noisy.

    Fits with different `low` and `high` compare by log_likelihood - log(high - low).
    """

    alpha: Pair  # first shape parameters
    beta: Pair  # second shape parameters
    weight: Pair  # shares of the samples; sum to 1
    low: float  # nats; the loss that becomes x = 0
    high: float  # nats; the loss that becomes x = 1
    log_likelihood: float  # nats; mean over the fitted samples, of the density of x
    iterations: int  # EM steps taken

    def __post_init__(self) -> None:
        if min(*self.alpha, *self.beta) <= 0 or min(self.weight) < 0 or not self.high > self.low:
            raise ValueError(f"not a mixture of two betas: {self}")
        if self.alpha[0] * self.beta[1] > self.alpha[1] * self.beta[0] * (1 + 1e-9):
            raise ValueError(f"component 1 must have the larger mean: {self}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, ready for JSON."""
        return dataclasses.asdict(self)


class LogSample(NamedTuple):
    """What the likelihood needs of x: K points in (0, 1), each standing for `size` samples."""

    log_x: FloatN  # (K,)
    log_rest: FloatN  # (K,) log(1 - x)
    size: FloatN  # (K,)


class Components(NamedTuple):
    """The parameters of both components."""

    alpha: FloatN  # (2,)
    beta: FloatN  # (2,)
    weight: FloatN  # (2,)


# S4, arXiv:1904.11238, published code: where EM starts.
START = Components(np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([0.5, 0.5]))


def fit_beta_mixture(
    losses: NDArray[np.floating], *, method: Literal["robust", "published"] = "robust"
) -> BetaMixture | None:
    """Return the mixture of two betas that describes the losses, or None where they hold no evidence.

    Args:
        losses: (N,) nats; values that are not finite are left out.
        method: "robust" (ours) winsorises and maximises the likelihood; "published" drops both 5 % tails and takes ten
            moment-matching steps. It deviates in the bounds of `beta_from_moments` and in ordering the components.

    Returns:
        None for fewer than `MIN_SAMPLES` finite losses, or a range (after trimming or winsorising) below `MIN_SPREAD`.

    Source:
        "published": S4 = Arazo et al. 2019, arXiv:1904.11238; S2 = Ortego et al. 2020, arXiv:1912.08741.
    """
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or method not in ("robust", "published"):
        raise ValueError(f"need losses (N,) and 'robust' or 'published', not {values.shape} and {method!r}")
    is_finite = np.isfinite(values)
    if not is_finite.all():
        values = values[is_finite]
    if values.size < MIN_SAMPLES:
        return None
    return _fit_robust(values) if method == "robust" else _fit_published(values)


def noisy_posterior(mixture: BetaMixture, losses: NDArray[np.floating]) -> FloatN:
    """Return P(noisy | loss) of each sample, made non-decreasing in the loss.

    The log odds are da ln x + db ln(1 - x) + const with da = alpha1 - alpha0 and db = beta1 - beta0. Where da and db
    have the same sign they turn at x* = da / (da + db); the wrong-way side is held at its value in x*.
    `losses` are (N,) nats, the result (N,) in [0, 1]. An infinite loss counts as the end of the range; NaN stays NaN.
    """
    x = _normalise(losses, mixture.low, mixture.high)
    da, db = mixture.alpha[1] - mixture.alpha[0], mixture.beta[1] - mixture.beta[0]
    if da * db > 0:
        turn = da / (da + db)
        x = np.minimum(x, turn) if da > 0 else np.maximum(x, turn)
        x = np.clip(x, EDGE, 1 - EDGE)
    constant = _log_joint(_components(mixture), np.zeros(1), np.zeros(1))  # (2, 1)
    log_odds = da * np.log(x) + db * np.log1p(-x) + (constant[1] - constant[0])
    return np.asarray(scipy.special.expit(log_odds), dtype=np.float64)


def published_posterior(mixture: BetaMixture, losses: NDArray[np.floating]) -> FloatN:
    """Return P(noisy | loss) by the published 100-point table; for comparison with published numbers only.

    Everything right of the table's maximum is raised to it. Where the noisy component is the broader one, its maximum
    may be the left end: then the whole table is near 1 and every sample is called noisy.

    `losses` are (N,) finite nats, the result (N,) in [0, 1]; `mixture` is a fit by method="published".

    Source:
        S4, arXiv:1904.11238, published code (the same in S2, arXiv:1912.08741).
    """
    grid = np.linspace(1e-12, 1 - 1e-12, PUBLISHED_TABLE)
    joint = np.exp(_log_joint(_components(mixture), np.log(grid), np.log1p(-grid)))  # (2, 100)
    table = joint[1] / (joint.sum(axis=0) + PUBLISHED_FLOOR)
    peak = int(table.argmax())
    table[peak:] = table[peak]
    x = _normalise(losses, mixture.low, mixture.high)
    # 100 cells looked up in a grid of 99 intervals: off by up to 1 %, as published.
    return np.asarray(table[np.minimum((x * PUBLISHED_TABLE).astype(np.int64), PUBLISHED_TABLE - 1)])


def beta_from_moments(mean: float, variance: float) -> tuple[float, float]:
    """Return (alpha, beta) of the beta distribution with this mean and variance.

    The variance is floored at 1e-6 and capped at 0.999 mean (1 - mean), the bound of every beta distribution; both
    results are clamped to [0.05, 1e3]. Raises ValueError for a mean outside (0, 1).

    Source:
        S4, arXiv:1904.11238 (method of moments); floor, cap and clamp are ours.
    """
    if not 0.0 < mean < 1.0:
        raise ValueError(f"the mean of a beta distribution lies in (0, 1), not at {mean}")
    bound = mean * (1.0 - mean)
    concentration = bound / min(max(variance, VARIANCE_FLOOR), VARIANCE_CAP * bound) - 1.0
    alpha, beta = np.clip([mean * concentration, (1.0 - mean) * concentration], SHAPE_MIN, SHAPE_MAX)
    return float(alpha), float(beta)


def bin_by_logit(x: FloatN, *, bins: int = ROBUST_BINS) -> LogSample:
    """Return x as counts of bins of equal width in logit(x), the empty bins left out.

    x (N,) lies in [EDGE, 1 - EDGE], which the bins span. Equal steps of the logit bound the error of log x and of
    log(1 - x) alike, at both ends: half a bin, 0.0045.
    """
    return _as_sample(_count_logits(x, bins))


def _count_logits(x: FloatN, bins: int) -> NDArray[np.int64]:
    """Return (bins,) how many x are in each bin of the logit."""
    cell = ((np.log(x / (1 - x)) + _LOGIT_LIMIT) / (2 * _LOGIT_LIMIT / bins)).astype(np.int64)
    return np.bincount(np.clip(cell, 0, bins - 1), minlength=bins)


def _as_sample(counts: NDArray[np.int64]) -> LogSample:
    bins = len(counts)
    centre = -_LOGIT_LIMIT + 2 * _LOGIT_LIMIT / bins * (np.arange(bins) + 0.5)
    kept = counts > 0
    log_x, log_rest = scipy.special.log_expit(centre[kept]), scipy.special.log_expit(-centre[kept])
    return LogSample(log_x, log_rest, counts[kept].astype(np.float64))


def maximise_likelihood(sample: LogSample, *, max_iterations: int = ROBUST_ITERATIONS) -> tuple[Components, float, int]:
    """Return the maximum-likelihood components, their mean log-likelihood (nats), and the EM steps taken.

    No step lowers the likelihood. EM stops when a step gains less than `ROBUST_TOLERANCE`, or, keeping the previous
    components, when a weight falls below `WEIGHT_FLOOR`.
    """
    current = START
    log_likelihood, responsibility = _expect(current, sample)
    for iteration in range(max_iterations):
        proposal = _maximise(current, responsibility, sample)
        if proposal is None:
            return current, log_likelihood, iteration
        before, current = log_likelihood, proposal
        log_likelihood, responsibility = _expect(current, sample)
        if log_likelihood - before < ROBUST_TOLERANCE:
            return current, log_likelihood, iteration + 1
    return current, log_likelihood, max_iterations


def _fit_robust(losses: FloatN) -> BetaMixture | None:
    lowest, highest = float(losses.min()), float(np.percentile(losses, ROBUST_PERCENTILE))
    if highest - lowest < MIN_SPREAD:
        return None
    ceiling = min(float(losses.max()), lowest + (highest - lowest) * ROBUST_HEADROOM)
    room = (ceiling - lowest) * ROBUST_MARGIN
    low, high = lowest - room, ceiling + room
    counts = np.zeros(ROBUST_BINS, dtype=np.int64)
    for start in range(0, len(losses), _BLOCK):
        x = _normalise(np.minimum(losses[start : start + _BLOCK], ceiling), low, high)
        counts += _count_logits(x, ROBUST_BINS)
    return _mixture(low, high, *maximise_likelihood(_as_sample(counts)))


def _fit_published(losses: FloatN) -> BetaMixture | None:
    lowest, highest = (float(value) for value in np.percentile(losses, PUBLISHED_PERCENTILES))
    if highest - lowest < MIN_SPREAD:
        return None
    low, high = lowest + 1e-5, highest + 1e-6
    x = (losses[(losses >= lowest) & (losses <= highest)] - low) / (high - low)
    x = np.clip(np.where(x >= 1, 1 - 1e-3, np.where(x <= 0, 1e-3, x)), EDGE, 1 - EDGE)
    log_x, log_rest = np.log(x), np.log1p(-x)
    current = START
    for _ in range(PUBLISHED_ITERATIONS):
        joint = np.maximum(np.exp(_log_joint(current, log_x, log_rest)), PUBLISHED_FLOOR)  # (2, N)
        current = _match_moments(x, joint / joint.sum(axis=0))
    log_likelihood, _ = _expect(current, LogSample(log_x, log_rest, np.ones_like(x)))
    return _mixture(low, high, current, log_likelihood, PUBLISHED_ITERATIONS)


def _match_moments(x: FloatN, share: FloatN) -> Components:
    """Return the components with the moments of x weighted by `share` (2, K); weights add up to the mean share."""
    total = share.sum(axis=1)
    mean = share @ x / total
    variance = [row @ (x - centre) ** 2 / size for row, centre, size in zip(share, mean, total, strict=True)]
    shapes = [beta_from_moments(float(m), float(v)) for m, v in zip(mean, variance, strict=True)]
    return Components(np.array([a for a, _ in shapes]), np.array([b for _, b in shapes]), total / total.sum())


def _expect(components: Components, sample: LogSample) -> tuple[float, FloatN]:
    """Return the mean log-likelihood and the responsibilities (2, K)."""
    joint = _log_joint(components, sample.log_x, sample.log_rest)
    log_density = np.logaddexp(joint[0], joint[1])
    return float(sample.size @ log_density / sample.size.sum()), np.exp(joint - log_density)


def _maximise(current: Components, responsibility: FloatN, sample: LogSample) -> Components | None:
    """Return the components that maximise the expected log-likelihood, or None where one has no weight."""
    share = responsibility * sample.size  # (2, K)
    total = share.sum(axis=1)
    if total.min() < WEIGHT_FLOOR * total.sum():
        return None
    moments = _match_moments(np.exp(sample.log_x), share)
    statistics = np.stack([share @ sample.log_x, share @ sample.log_rest], axis=1) / total[:, None]  # (2, 2)
    guesses = np.array([[guess.alpha, guess.beta] for guess in (moments, current)])  # (guess, parameter, component)
    shapes = np.array([_newton(statistics[k], guesses[:, :, k]) for k in range(2)])
    return Components(shapes[:, 0], shapes[:, 1], moments.weight)


def _newton(statistics: FloatN, guesses: FloatN) -> FloatN:
    """Return (alpha, beta) that maximise alpha s0 + beta s1 - ln B(alpha, beta), never worse than any guess.

    `statistics` (2,) are the weighted means of log x and log(1 - x); guesses (G, 2). The function is concave.
    """

    def value(shape: FloatN) -> float:
        return float(shape @ statistics - scipy.special.betaln(shape[0], shape[1]))

    shape: FloatN = max(guesses, key=value)
    for _ in range(50):  # quadratic convergence: 3 to 6 in practice
        gradient = statistics - scipy.special.psi(shape) + scipy.special.psi(shape.sum())
        # zeta(2, x) is the trigamma function
        hessian = scipy.special.zeta(2, shape.sum()) - np.diag(scipy.special.zeta(2, shape))
        step = -np.linalg.solve(hessian, gradient)
        while value(moved := np.clip(shape + step, SHAPE_MIN, SHAPE_MAX)) < value(shape):
            step = step / 2
        converged = np.abs(moved - shape).max() <= 1e-9 * shape.max()
        shape = moved
        if converged:
            break
    return shape


def _log_joint(components: Components, log_x: FloatN, log_rest: FloatN) -> FloatN:
    """Return log(weight_k Beta(x | alpha_k, beta_k)), (2, K)."""
    alpha, beta, weight = (values[:, None] for values in components)
    with np.errstate(divide="ignore"):  # a weight of 0 is a posterior of exactly 0 or 1
        log_weight = np.log(weight)
    return np.asarray(log_weight - scipy.special.betaln(alpha, beta) + (alpha - 1) * log_x + (beta - 1) * log_rest)


def _normalise(losses: NDArray[np.floating], low: float, high: float) -> FloatN:
    x = (np.asarray(losses, dtype=np.float64) - low) / (high - low)
    return np.clip(x, EDGE, 1 - EDGE, out=x)


def _components(mixture: BetaMixture) -> Components:
    return Components(np.array(mixture.alpha), np.array(mixture.beta), np.array(mixture.weight))


def _mixture(low: float, high: float, fit: Components, log_likelihood: float, iterations: int) -> BetaMixture:
    order = np.argsort(fit.alpha / (fit.alpha + fit.beta))
    alpha, beta, weight = ((float(v[order[0]]), float(v[order[1]])) for v in fit)
    return BetaMixture(alpha, beta, weight, low, high, log_likelihood, iterations)
