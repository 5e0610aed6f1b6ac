"""What the verdicts on all samples add up to: noise per class and per pair of classes, and what a review would find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from labelaudit.core.arrays import FloatN, IntN, Table
from labelaudit.core.shares import TAILS_90, Share

LOOKS = (50, 100, 500)  # of a reviewer who begins with the most suspicious sample
CATCHES = (0.5, 0.8, 0.9, 0.95)  # shares of the errors that a reviewer may want to catch

_PSEUDO_SAMPLES = 50.0  # with the rate of the whole dataset, that every class is mixed with
_PAIRS = 10


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """A class whose samples carry the label of another one."""

    true: int
    given: int
    expected: float  # labels
    rate: Share  # share of the samples of the true class that are labelled so


@dataclass(frozen=True, slots=True)
class Review:
    """What looking at the samples in order of suspicion would bring, if p(wrong) is right."""

    errors: float  # expected in all
    found: dict[int, float]  # looks -> expected errors among them; not more looks than samples
    looks: dict[float, int]  # share of the errors -> looks that catch it; empty without errors


def class_rates(wrong: FloatN, given: IntN, n_classes: int, *, overall: Share) -> list[Share | None]:
    """Return the noise rate of each class, None for classes without a sample.

    A rate is the mean p(wrong) of the class, mixed with 50 samples' worth of the overall rate: a class of ten says
    little by itself. Its interval joins the doubt in the overall rate with that of counting in a class of its size.

    Args:
        wrong: (N,) p(wrong).
        given: (N,) labels.
        n_classes: C.
        overall: rate of all N; the classes add up to it.
    """
    sizes = np.bincount(given, minlength=n_classes).astype(np.float64)
    mean = float(wrong.mean()) if len(wrong) else 0.0
    scale = overall.rate / mean if mean > 0 else 0.0
    sums = np.bincount(given, wrong, minlength=n_classes) * scale
    weights = sizes + _PSEUDO_SAMPLES
    rates = np.clip((sums + _PSEUDO_SAMPLES * overall.rate) / weights, 0.0, 1.0)
    return [
        _with_doubt(rate, weight, overall) if size else None
        for rate, weight, size in zip(rates.tolist(), weights.tolist(), sizes.tolist(), strict=True)
    ]


def confused_pairs(confusions: Table, given: IntN, *, overall: Share) -> list[ConfusedPair]:
    """Return the pairs of classes with the most wrong labels, at least one expected, the largest first.

    Args:
        confusions: (C, C) share of all labels, true class by given one; the diagonal is not read.
        given: (N,) labels.
        overall: noise rate of all N.
    """
    n, n_classes = len(given), len(confusions)
    wrong = confusions * (1.0 - np.eye(n_classes)) * n
    right = np.maximum(np.bincount(given, minlength=n_classes) - wrong.sum(axis=0), 0.0)
    of_class = right + wrong.sum(axis=1)  # expected samples of each true class
    pairs = []
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]:
        true, label = divmod(int(flat), n_classes)
        expected = float(wrong[true, label])
        if expected < 1.0:
            break
        size = float(of_class[true])
        pairs.append(ConfusedPair(true, label, expected, _with_doubt(expected / size, size, overall)))
    return pairs


def review_effort(clean_prob: FloatN, *, wrong: FloatN | None = None) -> Review:
    """Return what a review in order of suspicion would bring.

    Args:
        clean_prob: (N,) of the samples that would be looked at; the lowest first.
        wrong: (N,) p(wrong) before ties were broken; None = 1 - clean_prob.
    """
    order = np.argsort(clean_prob, kind="stable")
    errors_within = np.cumsum((1.0 - clean_prob if wrong is None else wrong)[order])
    errors = float(errors_within[-1]) if len(errors_within) else 0.0
    looks = {}
    if errors >= 1.0:
        places = np.searchsorted(errors_within, [share * errors for share in CATCHES], side="left")
        looks = {share: min(int(place) + 1, len(errors_within)) for share, place in zip(CATCHES, places, strict=True)}
    return Review(errors, {at: float(errors_within[at - 1]) for at in LOOKS if at <= len(errors_within)}, looks)


def _with_doubt(rate: float, size: float, overall: Share) -> Share:
    """Return a part's rate with an interval; independent doubts add up in squares."""
    low, high = scipy.stats.beta.ppf(np.array(TAILS_90), rate * size + 0.5, (1.0 - rate) * size + 0.5)  # Jeffreys
    share = rate / overall.rate if overall.rate > 0 else 1.0
    below = np.hypot(max(0.0, rate - low), (overall.rate - overall.low) * share)
    above = np.hypot(max(0.0, high - rate), (overall.high - overall.rate) * share)
    return Share(rate, low=max(0.0, rate - float(below)), high=min(1.0, rate + float(above)))
