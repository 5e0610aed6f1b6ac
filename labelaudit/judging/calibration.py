"""What a score means, learnt from labels that are known to be wrong because we planted them.

The scores of labels in question are a mixture of those of right and of wrong ones: f = (1 - pi) f_right + pi f_wrong.
Known-wrong labels show f_wrong on this data, with this network, at this budget. That leaves one unknown, the noise rate
pi, and gives p(wrong | score) = pi f_wrong / f without a shape for either component.

A planted label can be right by accident, where the label that it replaced was wrong. With C classes that happens to a
share rho = pi / (C - 1) of uniformly planted ones, so that what they show is g = (1 - rho) f_wrong + rho f_right; both
the rate and the posterior are solved for that.

Source:
    Noise rate: best bin estimation of Garg et al. 2021, "Mixture Proportion Estimation and PU Learning: A Modern
    Approach", arXiv:2111.00980 (algorithm 1), with the wrong labels as the known component. Density ratio: isotonic
    regression of planted against not planted, by pool adjacent violators.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatN, IntN, Table
from labelaudit.core.shares import NORMAL_90, Share

_DELTA, _GAMMA = 0.1, 0.01  # the constants of best bin estimation, as in its paper
_CAUTION, _SHALLOW, _DEEP = 0.5, 1.0, 0.12  # of that paper's bound: for the rate, for its upper and its lower end
_BINS = 1024  # of the scores, half of them by each side's quantiles
_GROUPS = 40  # that the jackknife leaves out one after the other
FEWEST_PLANTED = 20  # below, an estimate says nothing
_TIE_WIDTH = 1e-3  # far below what a reviewer or the calibration could see


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration makes of the evidence, whichever it is."""

    wrong: FloatN  # (N,) p(given label is wrong)
    against: FloatN  # (N,) the evidence that ranks equal ones; higher is worse
    noise: Share  # of wrong labels among those that count; a point where nothing is known to be wrong
    confusions: Table | None = None  # (C, C) share of all labels, true class by given one; None = it cannot tell
    mixture: Mapping[str, Any] | None = None  # the mixture that it fitted and its null gate, ready for JSON


@dataclass(frozen=True, slots=True)
class Scores:
    """Some scores, higher is worse."""

    values: FloatN  # (M,)
    sample: IntN  # (M,) whose; a sample with several scores is not several samples
    weights: FloatN  # (M,) how much each counts


@dataclass(frozen=True, slots=True)
class Contrast:
    """Known-wrong labels beside labels in question, by bins of the score."""

    centres: FloatN  # (B,) ascending
    wrong: NDArray[np.float64]  # (G, B) weight of known-wrong labels, by group of samples
    others: NDArray[np.float64]  # (G, B)
    n_wrong: float  # effective number
    n_others: float  # of samples
    luck: float  # share of known-wrong labels that would be right by accident if all labels were wrong; 0 = none could


def contrast(wrong: Scores, others: Scores, *, luck: float) -> Contrast | None:
    """Return the two sides by bins of the score, None where there are too few to say anything.

    Args:
        wrong: of labels that are known to be wrong.
        others: of labels in question.
        luck: 1 / (C - 1) where wrong labels were planted uniformly, whatever the label they replaced.
    """
    scores = binned(wrong, others)
    return None if scores is None else contrast_of(scores, wrong.weights, luck=luck)


@dataclass(frozen=True, slots=True)
class Binned:
    """Where the scores of two sides fall, whatever the weights of the known-wrong ones."""

    edges: FloatN  # (B,) ascending
    wrong: IntN  # (R,) place in a (G, B) table
    others: NDArray[np.float64]  # (G, B)
    n_others: int  # samples


def binned(wrong: Scores, others: Scores) -> Binned | None:
    """Return what `contrast` needs of the scores, so that other weights cost little; None where there are none."""
    if not len(wrong.values) or not len(others.values):
        return None
    share = np.linspace(0, 1, _BINS // 2)
    quantiles = [np.quantile(part.values, share, method="lower") for part in (wrong, others)]
    edges = np.unique(np.concatenate(quantiles))
    places = [_place_in_table(part, edges) for part in (wrong, others)]
    n_samples = int(np.count_nonzero(np.bincount(others.sample)))
    return Binned(edges, places[0], _table_of(places[1], others.weights, len(edges)), n_samples)


def contrast_of(scores: Binned, weights: FloatN, *, luck: float) -> Contrast | None:
    """Return the two sides with (R,) weights of the known-wrong labels; see `contrast`."""
    total = float(weights.sum())
    n_wrong = total**2 / max(float((weights**2).sum()), 1e-300)
    if n_wrong < FEWEST_PLANTED:
        return None
    wrong = _table_of(scores.wrong, weights, len(scores.edges)) * (n_wrong / total)
    return Contrast(scores.edges, wrong, scores.others, n_wrong, float(scores.n_others), luck)


def noise_rate(sides: Contrast, *, caution: float = _CAUTION) -> Share:
    """Return the share of wrong labels among those in question.

    Where known-wrong labels score highest, so do other wrong ones, and hardly a right one: the share of all labels that
    score as high, over the share of the known-wrong ones that do, is the rate, and too high by the right ones that
    score as high. The threshold is where the bound of that ratio is lowest.

    The lower end of the interval is taken further up the scores, where fewer right labels are, and the upper end
    further down, where the counts are larger; each with the sampling error that a jackknife over groups of samples
    gives it there.

    Args:
        sides: known-wrong labels beside those in question.
        caution: 0 to 1; more takes the rate where the counts are larger, but right labels score as high too.
    """
    rate = _rate_at(sides, _threshold(sides, caution))
    deep, shallow = _threshold(sides, _DEEP), _threshold(sides, _SHALLOW)
    low = _rate_at(sides, deep) - NORMAL_90 * _deviation(sides, deep)
    high = _rate_at(sides, shallow) + NORMAL_90 * _deviation(sides, shallow)
    return Share(rate, low=float(np.clip(low, 0.0, rate)), high=float(np.clip(high, rate, 1.0)))


def wrong_posterior(sides: Contrast, rate: float, *, at: FloatN) -> FloatN:
    """Return (M,) p(wrong | score), never falling as the score rises.

    Args:
        sides: known-wrong labels beside those in question.
        rate: share of wrong labels among the latter.
        at: (M,) scores to judge.
    """
    wrong, others = sides.wrong.sum(axis=0), sides.others.sum(axis=0)
    sizes = wrong + others
    filled = sizes > 0
    share = scipy.optimize.isotonic_regression(wrong[filled] / sizes[filled], weights=sizes[filled]).x
    odds = share / np.maximum(1.0 - share, 1e-12)
    ratio = odds * (others.sum() / wrong.sum())  # g / f, as in the head of this module
    rho = min(rate * sides.luck, 0.5)
    lucky = min(rho / max(1.0 - rate, 1e-6), 0.95)
    posterior = np.clip(rate * (ratio - lucky) / (1.0 - lucky), 0.0, 1.0)
    of_scores: FloatN = np.interp(at, sides.centres[filled], posterior)
    return of_scores


def break_ties(clean_prob: FloatN, against: FloatN) -> FloatN:
    """Return clean_prob moved by less than 0.001 so that more evidence against a label always means a lower one.

    The two-sided monotone posterior is flat where the mixture's own would turn back; among equals the evidence
    still counts, and a reviewer wants the worst first.
    """
    order = np.argsort(against, kind="stable")
    place = np.empty(len(against))
    place[order] = np.arange(len(against)) / max(1, len(against))  # share of samples with less against them
    _, group = np.unique(against, return_inverse=True)
    first = np.full(int(group.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first, group, place)
    return np.asarray(clean_prob * (1.0 - _TIE_WIDTH) + _TIE_WIDTH * (1.0 - first[group]))


def _place_in_table(scores: Scores, edges: FloatN) -> IntN:
    """Return (M,) the place of each score in a (G, B) table; a bin holds the scores from its edge up to the next."""
    bins = np.maximum(np.searchsorted(edges, scores.values, side="right") - 1, 0)
    return np.asarray((scores.sample % _GROUPS) * len(edges) + bins)


def _table_of(places: IntN, weights: FloatN, n_bins: int) -> NDArray[np.float64]:
    """Return (G, B) the weight in each place."""
    counts = np.bincount(places, weights, minlength=_GROUPS * n_bins).astype(np.float64)
    return counts.reshape(_GROUPS, n_bins)


def _shares_above(counts: FloatN) -> FloatN:
    """Return (B,) the share of the weight that is in each bin or above."""
    above = np.cumsum(counts[::-1])[::-1]
    return np.asarray(above / max(float(above[0]), 1e-300))


def _threshold(sides: Contrast, caution: float) -> int:
    """Return the bin from which the bound of the ratio is lowest; less caution looks at fewer, higher scores."""
    wrong, others = _shares_above(sides.wrong.sum(axis=0)), _shares_above(sides.others.sum(axis=0))
    spread = math.log(4.0 / _DELTA)
    error = math.sqrt(spread / (2 * sides.n_others)) + (1.0 + _GAMMA) * math.sqrt(spread / (2 * sides.n_wrong))
    bound = np.full(len(wrong), np.inf)
    np.divide(others + caution * error, wrong, out=bound, where=wrong > 0)
    return int(np.argmin(bound))


def _rate_at(sides: Contrast, threshold: int, without: int | None = None) -> float:
    """Return the rate at a threshold, corrected for planted labels that are right; maybe without a group of samples."""
    keep = np.arange(_GROUPS) != (-1 if without is None else without)
    wrong, others = (_shares_above(side[keep].sum(axis=0))[threshold] for side in (sides.wrong, sides.others))
    ratio = float(others) / max(float(wrong), 1e-12)
    return min(ratio / (1.0 + ratio * sides.luck), 1.0)


def _deviation(sides: Contrast, threshold: int) -> float:
    """Return the standard error of the rate at a threshold; never less than one sample's worth."""
    left_out = np.array([_rate_at(sides, threshold, group) for group in range(_GROUPS)])
    jackknife = math.sqrt((_GROUPS - 1) / _GROUPS * float(((left_out - left_out.mean()) ** 2).sum()))
    share = float(_shares_above(sides.wrong.sum(axis=0))[threshold])
    return max(jackknife, 1.0 / (sides.n_others * max(share, 1e-12)))
