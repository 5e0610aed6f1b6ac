"""How well scores, flags and probabilities agree with a known truth.

"Positive" is what is looked for: a wrong label. A value that the truth leaves undefined (no positives, say) is NaN,
never an exception and never a made-up 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from labelaudit.core.arrays import BoolN, FloatN

NAN = float("nan")


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the probability that a positive outscores a negative, a tie counting one half.

    Args:
        scores: (N,) higher = more suspicious; infinite values are fine, NaN is not.
        positive: (N,) bool.

    Returns:
        In [0, 1]; NaN without a positive or without a negative.
    """
    score, truth = _scores(scores), _flags("positive", positive)
    _require_equal_size(score, truth)
    if truth.all() or not truth.any():
        return NAN
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, _finite(score)))


def average_precision(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the sum over distinct scores of (recall gained there) times (precision there).

    Samples with equal scores enter together, and nothing is interpolated: the definition of scikit-learn.

    Args:
        scores: (N,) higher = more suspicious; infinite values are fine, NaN is not.
        positive: (N,) bool.

    Returns:
        In [0, 1]; NaN without a positive.
    """
    score, truth = _scores(scores), _flags("positive", positive)
    _require_equal_size(score, truth)
    if not truth.any():
        return NAN
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, _finite(score)))


def precision_at_k(scores: ArrayLike, positive: ArrayLike, k: int | None = None) -> float:
    """Return the share of positives among the k highest scores.

    Where the k-th score is tied, this is the expected value over random orders of the tie.

    Args:
        scores: (N,) higher = more suspicious; infinite values are fine, NaN is not.
        positive: (N,) bool.
        k: how many to take, 1..N; by default the number of positives (then recall is the same number).

    Returns:
        In [0, 1]; NaN where k is left out and there is no positive.
    """
    score, truth = _scores(scores), _flags("positive", positive)
    _require_equal_size(score, truth)
    if k is None and not truth.any():
        return NAN
    size = int(truth.sum()) if k is None else k
    if not 1 <= size <= score.size:
        raise ValueError(f"k must lie in 1..{score.size}, not at {size}")
    threshold = np.partition(score, score.size - size)[score.size - size]
    above, tied = score > threshold, score == threshold
    expected = truth[above].sum() + (size - above.sum()) * truth[tied].mean()
    return float(expected / size)


def f1(flags: ArrayLike, positive: ArrayLike) -> float:
    """Return the harmonic mean of precision and recall of (N,) bool flags; NaN without a positive."""
    flagged, truth = _flags("flags", flags), _flags("positive", positive)
    _require_equal_size(flagged, truth)
    if not truth.any():
        return NAN
    return float(2 * (flagged & truth).sum() / (flagged.sum() + truth.sum()))


def true_false_positive_rates(flags: ArrayLike, positive: ArrayLike) -> tuple[float, float]:
    """Return the flagged shares of the positives and of the negatives; NaN for the one that has no samples.

    Args:
        flags: (N,) bool.
        positive: (N,) bool.
    """
    flagged, truth = _flags("flags", flags), _flags("positive", positive)
    _require_equal_size(flagged, truth)
    return _share(flagged[truth]), _share(flagged[~truth])


def relabel_accuracy(suggested: ArrayLike, true: ArrayLike, positive: ArrayLike) -> float:
    """Return the share of the positives whose suggested label is the true one; NaN without a positive that has one.

    Args:
        suggested: (N,) labels.
        true: (N,) labels; below 0 where none of the labels is right, and such samples do not count.
        positive: (N,) bool, labels that are wrong.
    """
    labels, truth, wrong = np.asarray(suggested), np.asarray(true), _flags("positive", positive)
    if labels.shape != truth.shape or labels.shape != wrong.shape:
        raise ValueError(f"one value per sample each; got {labels.shape}, {truth.shape} and {wrong.shape}")
    return _share((labels == truth)[wrong & (truth >= 0)])


def brier(prob: ArrayLike, outcome: ArrayLike) -> float:
    """Return the mean squared difference between probability and outcome; NaN for no samples.

    Args:
        prob: (N,) in [0, 1], the probability of the outcome.
        outcome: (N,) bool, whether it came true.
    """
    probability, truth = _probabilities(prob), _flags("outcome", outcome)
    _require_equal_size(probability, truth)
    return float(((probability - truth) ** 2).mean()) if truth.size else NAN


def expected_calibration_error(prob: ArrayLike, outcome: ArrayLike, bins: int = 15) -> float:
    """Return the mean over samples of |mean probability - share that came true| in the sample's bin.

    Args:
        prob: (N,) in [0, 1], the probability of the outcome.
        outcome: (N,) bool, whether it came true.
        bins: number of equal-width bins ((b - 1) / bins, b / bins]; 0 belongs to the first.

    Returns:
        In [0, 1]; NaN for no samples.

    Source:
        Guo et al. 2017, arXiv:1706.04599, applied to the probability of one outcome instead of the top class.
    """
    probability, truth = _probabilities(prob), _flags("outcome", outcome)
    _require_equal_size(probability, truth)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    if not truth.size:
        return NAN
    cell = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], probability, side="left")
    # A bin's share of the samples cancels against the two means: sums are enough.
    gap = np.bincount(cell, weights=probability - truth, minlength=bins)
    return float(np.abs(gap).sum() / truth.size)


def _share(flags: BoolN) -> float:
    return float(flags.mean()) if flags.size else NAN


def _scores(values: ArrayLike) -> FloatN:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        raise ValueError(f"scores must have shape (N,) and no NaN; got shape {array.shape}")
    return array


def _finite(scores: FloatN) -> FloatN:
    """Return scores of the same order, ties as they are, without infinite ones."""
    return np.unique(scores, return_inverse=True)[1].astype(np.float64)


def _probabilities(values: ArrayLike) -> FloatN:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"probabilities must have shape (N,) and lie in [0, 1]; got shape {array.shape}")
    return array


def _flags(name: str, values: ArrayLike) -> BoolN:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} must have shape (N,) and hold only true and false; got shape {array.shape}")
    return array.astype(np.bool_)


def _require_equal_size(first: FloatN | BoolN, second: BoolN) -> None:
    if first.size != second.size:
        raise ValueError(f"both arrays need one value per sample; got {first.size} and {second.size}")
