"""From known-wrong labels to a verdict on every sample: the noise rate, who is confused with whom, p(wrong).

Two kinds of evidence, because a network that was taught a label speaks differently of it from one that was not:

- Judges that were taught the given label. Their known-wrong labels are those that the scan planted, and taught.
- Judges that were not (cross-validated probabilities; samples whose label was replaced by a planted one). Any other
  label of the same sample is then a known-wrong one, at no cost. Where mistakes have a direction the evidence names
  those labels, and how much each counts (judging/other_labels.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.evidence import Evidence, Judges
from labelaudit.judging.calibration import (
    BoolN,
    FloatN,
    IntN,
    NoiseRate,
    Scores,
    binned,
    contrast_of,
    noise_rate,
    wrong_posterior,
)
from labelaudit.judging.unlearnt import FloatC, credible_shares, learnt_shares

Table = NDArray[np.float64]  # (C, C), true label by given label

_ROUNDS = 6  # of weighting known-wrong labels by the confusions that they help to find
_OPEN = 0.1  # share of the confusions found that is kept for others, when a wrong label is put down to a class
_FEWEST = 10.0  # labels' worth of doubt in the confusions that were found
_WEIGHT_RANGE = (0.02, 20.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What known-wrong labels say of the others."""

    wrong: FloatN  # (N,) p(given label is wrong)
    rate: NoiseRate
    confusions: Table  # (C, C) share of all labels whose true class is the row and whose given one the column


def calibrate(evidence: Evidence, given: IntN, n_classes: int, *, counted: BoolN) -> Calibrated | None:
    """Return p(wrong) of every sample, None where there are too few known-wrong labels.

    Args:
        evidence: its judges say what they were taught.
        given: (N,) labels.
        n_classes: C.
        counted: (N,) samples that the noise rate is about; others are judged but not learnt from.
    """
    every = np.ones(n_classes)
    found = _by_evidence(evidence, given, every, counted=counted)
    if found is None:
        return None
    learnt = learnt_shares(found.wrong[counted], given[counted], evidence.top_labels[counted, 0], n_classes)
    if (learnt == 1.0).all():
        return found
    # Once more without classes that are not learnt: their hard labels would be read as noise everywhere.
    found = _by_evidence(evidence, given, learnt, counted=counted) or found
    share = credible_shares(found.wrong[counted], given[counted], learnt)
    wrong = found.wrong * share[given]
    scale = float(wrong[counted].mean()) / max(found.rate.rate, _TINY)
    high = min(found.rate.high * max(scale, 1.0), 1.0)
    return Calibrated(wrong, NoiseRate(found.rate.rate * scale, found.rate.low * scale, high), found.confusions * share)


def _by_evidence(evidence: Evidence, given: IntN, learnt: FloatC, *, counted: BoolN) -> Calibrated | None:
    """Return what the evidence says.

    Args:
        evidence: of N samples.
        given: (N,) labels.
        learnt: (C,) how much labels of each class count.
        counted: (N,) samples that count.
    """
    judges, n_classes = evidence.judges, len(learnt)
    if judges is None:
        return None
    asked = _weighed(_asked(judges, given), learnt, given)
    if judges.weights is not None:
        return _by_rounds(asked, evidence, given, n_classes, counted=counted, known=_Known.EXPECTED)
    seen = (judges.labels == given).any(axis=0)
    found = None
    if seen.any():
        found = _by_rounds(asked, evidence, given, n_classes, counted=counted & seen, known=_Known.PLANTED)
        if found is None or seen.all():
            return found
    rest = _by_rounds(
        _weighed(_untaught(evidence, given, n_classes), learnt, given),
        evidence,
        given,
        n_classes,
        counted=counted & ~seen,
        known=_Known.OTHERS,
        rate=None if found is None else found.rate,
    )
    if found is None:
        return rest
    wrong = np.where(seen, found.wrong, found.rate.rate if rest is None else rest.wrong)
    return replace(found, wrong=wrong)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Labels in question beside known-wrong ones."""

    others: Scores
    wrong: Scores
    source: IntN  # (R,) label that a known-wrong one replaces
    label: IntN  # (R,) the known-wrong label


class _Known(Enum):
    """Where known-wrong labels come from."""

    PLANTED = auto()  # and taught
    OTHERS = auto()  # of the same samples, all alike
    EXPECTED = auto()  # of the same samples, as often as such mistakes are made


def _asked(judges: Judges, given: IntN) -> _Compared:
    """Return the given labels that judges were asked about, beside the known-wrong ones."""
    is_wrong = judges.labels != given  # (J, N)
    _, sample = np.nonzero(is_wrong)
    _, asked = np.nonzero(~is_wrong)
    weights = np.ones(len(sample)) if judges.weights is None else judges.weights[is_wrong].astype(np.float64)
    return _Compared(
        Scores(judges.scores[~is_wrong].astype(np.float64), asked, np.ones(len(asked))),
        Scores(judges.scores[is_wrong].astype(np.float64), sample, weights),
        given[sample],
        judges.labels[is_wrong].astype(np.int64),
    )


def _untaught(evidence: Evidence, given: IntN, n_classes: int) -> _Compared:
    """Return the given labels beside the other labels of the same samples, where nobody was taught either.

    Of the labels that are not among the most probable ones one stands for all, with the mean of what is left.
    """
    top, probs = evidence.top_labels, evidence.top_probs  # (N, K)
    N, K = top.shape
    seen = np.zeros(N, dtype=bool) if evidence.judges is None else (evidence.judges.labels == given).any(axis=0)
    rows = np.flatnonzero(~seen)
    loss = -np.log(np.maximum(probs[rows], _TINY))
    best = np.where(np.arange(K) == 0, loss[:, [min(1, K - 1)]], loss[:, [0]])  # of the best other label
    is_other = top[rows] != given[rows, None]
    n_listed = np.count_nonzero(is_other, axis=1)
    wrong = (loss - best)[is_other]
    sample, label = np.repeat(rows, n_listed), top[rows][is_other]
    n_rest = n_classes - 1 - n_listed
    rest = np.maximum(1.0 - probs[rows].sum(axis=1), _TINY) / np.maximum(n_classes - K, 1)
    has_rest = n_rest > 0
    own = -evidence.scores["margin"][rows]
    weights = np.concatenate([np.ones(len(wrong)), n_rest[has_rest].astype(float)])
    return _Compared(
        Scores(own, rows, np.ones(len(rows))),
        Scores(
            np.concatenate([wrong, (-np.log(rest) - loss[:, 0])[has_rest]]),
            np.concatenate([sample, rows[has_rest]]),
            weights / max(n_classes - 1, 1),
        ),
        given[np.concatenate([sample, rows[has_rest]])],
        np.concatenate([label, np.full(int(has_rest.sum()), -1)]),
    )


def _weighed(compared: _Compared, learnt: FloatC, given: IntN) -> _Compared:
    """Return evidence that counts as far as the classes of its labels are learnt."""
    of_wrong = np.where(compared.label < 0, 1.0, learnt[compared.label])
    return replace(
        compared,
        others=replace(compared.others, weights=compared.others.weights * learnt[given[compared.others.sample]]),
        wrong=replace(compared.wrong, weights=compared.wrong.weights * of_wrong),
    )


def _by_rounds(
    compared: _Compared,
    evidence: Evidence,
    given: IntN,
    n_classes: int,
    *,
    counted: BoolN,
    known: _Known,
    rate: NoiseRate | None = None,
) -> Calibrated | None:
    """Judge, find who is confused with whom, give known-wrong labels weights to match, and judge again."""
    sides_found = binned(compared.wrong, _part(compared.others, counted[compared.others.sample]))
    if sides_found is None:
        return None
    n_judges = np.maximum(np.bincount(compared.others.sample, minlength=len(given)), 1)
    suspicion = _suspicion(evidence, given, n_classes)
    planted_as = _planted_as(compared, given, n_classes)
    weights = compared.wrong.weights
    found, likely = None, planted_as.even
    luck = 0.0 if known is _Known.EXPECTED else 1.0 / max(n_classes - 1, 1)
    for _ in range(_ROUNDS):
        sides = contrast_of(sides_found, weights, luck=luck)
        if sides is None:
            return found
        found_rate = noise_rate(sides) if rate is None else rate
        of_judges = wrong_posterior(sides, found_rate.rate, at=compared.others.values)
        wrong = np.bincount(compared.others.sample, of_judges, minlength=len(given)) / n_judges
        confusions = _confusions(suspicion, wrong * counted, likely) / max(int(counted.sum()), 1)
        likely = (1.0 - _OPEN) * confusions / max(float(confusions.sum()), _TINY) + _OPEN * planted_as.even
        found = Calibrated(wrong, found_rate, confusions)
        if known is _Known.EXPECTED:
            continue  # they have their weights
        weights = compared.wrong.weights * _weights(planted_as, confusions, len(given))
        if known is _Known.PLANTED:
            # A planted label is right by accident where the label that it replaced was a mistake of just that kind.
            chance = confusions * len(given) / np.maximum(np.bincount(given, minlength=n_classes), 1)
            lucky = float((weights * chance.T.ravel()[planted_as.pairs]).sum() / max(float(weights.sum()), _TINY))
            luck = min(lucky / max(found_rate.rate, 1e-6), 1.0)
    return found


def _part(scores: Scores, keep: BoolN) -> Scores:
    return Scores(scores.values[keep], scores.sample[keep], scores.weights[keep])


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Which other classes the predictions name."""

    pairs: IntN  # (N K) C times the class named, plus the given label
    shares: NDArray[np.float64]  # (N, K) of what the others hold; 0 for the given label


def _suspicion(evidence: Evidence, given: IntN, n_classes: int) -> _Suspicion:
    shares = evidence.top_probs * (evidence.top_labels != given[:, None])
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), _TINY)
    return _Suspicion((evidence.top_labels * n_classes + given[:, None]).ravel(), shares)


def _confusions(suspicion: _Suspicion, wrong: FloatN, likely: Table) -> Table:
    """Return (C, C) expected numbers of wrong labels, true label by given label.

    Args:
        suspicion: what the predictions name.
        wrong: (N,) p(wrong).
        likely: (C, C) how likely each confusion is before a sample is looked at.
    """
    shares = suspicion.shares * likely.ravel()[suspicion.pairs].reshape(suspicion.shares.shape)
    shares *= (wrong / np.maximum(shares.sum(axis=1), _TINY))[:, None]
    found: Table = np.bincount(suspicion.pairs, shares.ravel(), minlength=likely.size).astype(np.float64)
    return found.reshape(likely.shape)


@dataclass(frozen=True, slots=True)
class _PlantedAs:
    """Which kinds of mistake the known-wrong labels are."""

    pairs: IntN  # (R,) C times the label that one replaces, plus the label; the diagonal holds "any of the rest"
    density: Table  # (C, C) share of the known-wrong labels, the rest left out
    even: Table  # (C, C) share if every other label were as likely


def _planted_as(compared: _Compared, given: IntN, n_classes: int) -> _PlantedAs:
    even = np.bincount(given, minlength=n_classes)[:, None] * (1.0 - np.eye(n_classes))
    even /= max(float(even.sum()), _TINY)
    pairs = compared.source * n_classes + np.where(compared.label < 0, compared.source, compared.label)
    planted = np.bincount(pairs, compared.wrong.weights, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(planted, 0.0)
    density = (planted + _FEWEST / 2 * even) / (float(planted.sum()) + _FEWEST / 2)
    return _PlantedAs(pairs, density, even)


def _weights(planted_as: _PlantedAs, confusions: Table, n: int) -> FloatN:
    """Return (R,) how much more often each known-wrong label's kind of mistake is made than it was planted."""
    density = planted_as.density
    n_wrong = float(confusions.sum()) * n
    doubt = max(_FEWEST, 0.1 * n_wrong, 0.01 * n)
    made = (confusions * n + doubt * planted_as.even) / max(n_wrong + doubt, _TINY)
    ratio = made / np.maximum(density, _TINY)
    # One label that stands for all of the rest has the mean weight of its row.
    row_mean = (made.sum(axis=1) - made.max(axis=1)) / np.maximum(density.sum(axis=1) - density.max(axis=1), _TINY)
    np.fill_diagonal(ratio, row_mean)
    return np.asarray(np.clip(ratio, *_WEIGHT_RANGE).ravel()[planted_as.pairs])
