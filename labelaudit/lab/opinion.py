"""What one method says of every sample, whoever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.dataset import BoolN, IntN
from labelaudit.core.evidence import FloatN
from labelaudit.functional.metrics import (
    auroc,
    average_precision,
    brier,
    expected_calibration_error,
    f1,
    precision_at_k,
    relabel_accuracy,
    true_false_positive_rates,
)

Probs = NDArray[np.floating[Any]]  # (N, C)

_IMBALANCED = 10  # times the smallest class


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one method says of every sample."""

    score: FloatN  # (N,) higher = more likely wrong
    flagged: BoolN  # (N,) by the method's own rule
    suggested: IntN  # (N,) the best label other than the given one
    noise_rate: float  # its estimate of the share of wrong labels
    clean_prob: FloatN | None = None  # (N,) its P(given label is right); None where it has none
    interval: tuple[float, float] | None = None  # of the share of wrong labels; None where it has none


def best_other(probs: Probs, given: IntN) -> IntN:
    """Return (N,) the most probable label other than the given one."""
    others = np.array(probs, dtype=np.float64)
    others[np.arange(len(given)), given] = -1.0
    return np.asarray(others.argmax(axis=1), dtype=np.int64)


def figures(opinion: Opinion, given: IntN, true: IntN) -> dict[str, float]:
    """Return every measure of an opinion against the truth; NaN where the truth leaves one undefined.

    Args:
        opinion: of N samples.
        given: (N,) labels that were judged.
        true: (N,) right labels; -1 where none is right.
    """
    wrong: BoolN = given != true
    tpr, fpr = true_false_positive_rates(opinion.flagged, wrong)
    fpr_common, fpr_rare = _rates_by_size(opinion.flagged, given, true)
    clean = opinion.clean_prob
    return {
        "auroc": auroc(opinion.score, wrong),
        "ap": average_precision(opinion.score, wrong),
        "p_at_k": precision_at_k(opinion.score, wrong),
        "f1": f1(opinion.flagged, wrong),
        "tpr": tpr,
        "fpr": fpr,
        "fpr_common": fpr_common,
        "fpr_rare": fpr_rare,
        "flagged": float(opinion.flagged.mean()),
        "relabel_accuracy": relabel_accuracy(opinion.suggested, true, wrong),
        "noise_rate_error": opinion.noise_rate - float(wrong.mean()),
        **_interval_figures(opinion.interval, float(wrong.mean())),
        "brier": float("nan") if clean is None else brier(clean, ~wrong),
        "ece": float("nan") if clean is None else expected_calibration_error(clean, ~wrong),
    }


def _interval_figures(interval: tuple[float, float] | None, rate: float) -> dict[str, float]:
    """Return 1 or 0 each: whether the interval holds the rate, and whether it claims more noise than there is."""
    if interval is None:
        return {"covered": float("nan"), "overclaims": float("nan")}
    low, high = interval
    return {"covered": float(low <= rate <= high), "overclaims": float(low > rate)}


def _rates_by_size(flagged: BoolN, given: IntN, true: IntN) -> tuple[float, float]:
    """Return the flagged share of right labels in the larger and in the smaller half of the classes.

    NaN unless the largest class has ten times the samples of the smallest.
    """
    sizes = np.bincount(true[true >= 0])
    if not len(sizes) or sizes.max() < _IMBALANCED * max(int(sizes.min()), 1):
        return float("nan"), float("nan")
    is_rare = np.empty(len(sizes), dtype=bool)
    is_rare[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) >= len(sizes) / 2
    rows = np.flatnonzero(given == true)
    shares = [flagged[rows[is_rare[true[rows]] == side]] for side in (False, True)]
    common, rare = (float(part.mean()) if len(part) else float("nan") for part in shares)
    return common, rare
