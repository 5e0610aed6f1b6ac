"""From known-wrong labels to p(wrong) of every label: the noise rate, who is confused with whom, calibrated scores.

A network that was taught a label speaks differently of it from one that was not, so there are three makers of labels
that are known to be wrong:

- `planted_labels`: the scan planted them, and taught them as it taught the given ones.
- `expected_labels`: nobody was taught any label (cross-validated probabilities). Any other label of the same sample is
  known to be wrong wherever the given one is right, and counts as often as such a mistake is made: the evidence has
  those weights where mistakes have a direction (judging/out_of_sample.py).
- `other_labels`: the same without a direction, and of samples whose own label was replaced by a planted one.

What mistakes are made is only known once labels are judged, and labels are judged by mistakes like theirs: `alternate`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import BoolN, FloatC, FloatN, IntN, Table
from labelaudit.core.evidence import Evidence, Judges
from labelaudit.core.shares import Share
from labelaudit.judging.calibration import Calibrated, Scores, binned, contrast_of, noise_rate, wrong_posterior
from labelaudit.judging.doubts import credible_shares, learnt_shares

_ROUNDS = 6  # of weighting known-wrong labels by the confusions that they help to find
_OPEN = 0.1  # share of the confusions that is kept for others, when a wrong label is put down to a class
_FEWEST = 10.0  # labels' worth of doubt in the confusions
_WEIGHT_RANGE = (0.02, 20.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class KnownWrong:
    """Labels that are known to be wrong, beside the given labels that are in question."""

    questioned: Scores
    wrong: Scores
    replaced: IntN  # (R,) the given label that a known-wrong one stands in place of
    label: IntN  # (R,) the known-wrong label; -1 = all that are improbable
    luck: float  # share of them that would be right by accident if all labels were wrong; a first guess if `may_hit`
    is_weighed: bool  # they already count as often as such mistakes are made
    may_hit: bool  # where a given label was wrong, the one that replaced it may be the right one


def calibrate(evidence: Evidence, given: IntN, n_classes: int, *, counted: BoolN) -> Calibrated | None:
    """Return p(wrong) of every sample, None where there are too few known-wrong labels.

    Args:
        evidence: its judges say what they were taught.
        given: (N,) labels.
        n_classes: C.
        counted: (N,) samples that the noise rate is about; others are judged but not learnt from.
    """
    every = np.ones(n_classes)
    first = _calibrated(evidence, given, every, counted=counted)
    if first is None:
        return None
    learnt = learnt_shares(first.wrong[counted], given[counted], evidence.top_labels[counted, 0], n_classes)
    if (learnt == 1.0).all():
        return first
    # Once more without classes that are not learnt: their hard labels would be read as noise everywhere.
    second = _calibrated(evidence, given, learnt, counted=counted) or first
    return _believed(second, credible_shares(second.wrong[counted], given[counted], learnt), given, counted=counted)


def planted_labels(judges: Judges, given: IntN, n_classes: int) -> KnownWrong:
    """Return labels that were planted and taught, beside given ones that were taught."""
    luck = 1.0 / max(n_classes - 1, 1)
    return _asked_about(judges, given, luck=luck, is_weighed=False, may_hit=True)


def expected_labels(judges: Judges, given: IntN) -> KnownWrong:
    """Return labels that nobody was taught, each as often as it is expected to be given by mistake."""
    return _asked_about(judges, given, luck=0.0, is_weighed=True, may_hit=False)


def other_labels(evidence: Evidence, given: IntN, n_classes: int) -> KnownWrong:
    """Return all other labels of the samples whose given label nobody was taught either.

    Of the labels that are not among the most probable ones one stands for all, with the mean of what is left.
    """
    top, probs = evidence.top_labels, evidence.top_probs  # (N, K)
    N, K = top.shape
    taught = np.zeros(N, dtype=bool) if evidence.judges is None else (evidence.judges.labels == given).any(axis=0)
    rows = np.flatnonzero(~taught)
    loss = -np.log(np.maximum(probs[rows], _TINY))
    best = np.where(np.arange(K) == 0, loss[:, [min(1, K - 1)]], loss[:, [0]])  # of the best other label
    is_other = top[rows] != given[rows, None]
    n_listed = np.count_nonzero(is_other, axis=1)
    n_rest = n_classes - 1 - n_listed
    rest = np.maximum(1.0 - probs[rows].sum(axis=1), _TINY) / np.maximum(n_classes - K, 1)
    has_rest = n_rest > 0
    sample = np.concatenate([np.repeat(rows, n_listed), rows[has_rest]])
    scores = np.concatenate([(loss - best)[is_other], (-np.log(rest) - loss[:, 0])[has_rest]])
    weights = np.concatenate([np.ones(n_listed.sum()), n_rest[has_rest].astype(float)]) / max(n_classes - 1, 1)
    return KnownWrong(
        questioned=Scores(-evidence.scores["margin"][rows], rows, np.ones(len(rows))),
        wrong=Scores(scores, sample, weights),
        replaced=given[sample],
        label=np.concatenate([top[rows][is_other], np.full(int(has_rest.sum()), -1)]),
        luck=1.0 / max(n_classes - 1, 1),
        is_weighed=False,
        may_hit=False,
    )


def alternate(
    known: KnownWrong,
    evidence: Evidence,
    given: IntN,
    n_classes: int,
    *,
    counted: BoolN,
    noise: Share | None = None,
) -> Calibrated | None:
    """Judge, find who is confused with whom, let known-wrong labels count to match, and judge again.

    Args:
        known: known-wrong labels beside those in question.
        evidence: of N samples; what its predictions name tells whose label a wrong one should be.
        given: (N,) labels.
        n_classes: C.
        counted: (N,) samples that the noise rate is about.
        noise: their noise rate where it is known; None = it is estimated.
    """
    scores = binned(known.wrong, _part(known.questioned, counted[known.questioned.sample]))
    if scores is None:
        return None
    against = evidence_against(evidence)
    named, kinds = _named_by_predictions(evidence, given, n_classes), _kinds_of(known, given, n_classes)
    calibrated, likely, weights, luck = None, kinds.even, known.wrong.weights, known.luck
    for _ in range(_ROUNDS):
        sides = contrast_of(scores, weights, luck=luck)
        if sides is None:
            break
        rate = noise_rate(sides) if noise is None else noise
        wrong = _mean_of_judges(known.questioned, wrong_posterior(sides, rate.rate, at=known.questioned.values), given)
        confusions = _confusions(named, wrong * counted, likely) / max(int(counted.sum()), 1)
        calibrated = Calibrated(wrong, against, rate, confusions)
        likely = (1.0 - _OPEN) * confusions / max(float(confusions.sum()), _TINY) + _OPEN * kinds.even
        if not known.is_weighed:
            weights = known.wrong.weights * _weights(kinds, confusions, len(given))
        if known.may_hit:
            luck = _luck(kinds, weights, confusions, given, rate)
    return calibrated


def evidence_against(evidence: Evidence) -> FloatN:
    """Return (N,) what ranks the given labels, higher is worse: the log odds of being wrong, else the margin."""
    log_odds = evidence.scores.get("evidence")
    return -evidence.scores["margin"] if log_odds is None else log_odds


def _calibrated(evidence: Evidence, given: IntN, learnt: FloatC, *, counted: BoolN) -> Calibrated | None:
    """Return what the evidence says.

    Args:
        evidence: of N samples.
        given: (N,) labels.
        learnt: (C,) how much labels of each class count.
        counted: (N,) samples that count.
    """
    judges = evidence.judges
    if judges is None:
        return None

    def judged(known: KnownWrong, of: BoolN, noise: Share | None = None) -> Calibrated | None:
        return alternate(_weighed(known, learnt, given), evidence, given, len(learnt), counted=of, noise=noise)

    if judges.weights is not None:
        return judged(expected_labels(judges, given), counted)
    taught = (judges.labels == given).any(axis=0)
    if not taught.any():
        return judged(other_labels(evidence, given, len(learnt)), counted)
    of_taught = judged(planted_labels(judges, given, len(learnt)), counted & taught)
    if of_taught is None or taught.all():
        return of_taught
    of_rest = judged(other_labels(evidence, given, len(learnt)), counted & ~taught, of_taught.noise)
    return replace(
        of_taught, wrong=np.where(taught, of_taught.wrong, of_taught.noise.rate if of_rest is None else of_rest.wrong)
    )


def _believed(calibrated: Calibrated, share: FloatC, given: IntN, *, counted: BoolN) -> Calibrated:
    """Return what is left where each class's p(wrong) is believed to a share only."""
    wrong, noise = calibrated.wrong * share[given], calibrated.noise
    scale = float(wrong[counted].mean()) / max(noise.rate, _TINY)
    high = min(noise.high * max(scale, 1.0), 1.0)
    confusions = None if calibrated.confusions is None else calibrated.confusions * share
    return replace(
        calibrated, wrong=wrong, noise=Share(noise.rate * scale, noise.low * scale, high), confusions=confusions
    )


def _asked_about(judges: Judges, given: IntN, *, luck: float, is_weighed: bool, may_hit: bool) -> KnownWrong:
    """Return the labels that judges were asked about: the given ones, and the known-wrong ones beside them."""
    is_wrong = judges.labels != given  # (J, N)
    _, sample = np.nonzero(is_wrong)
    _, questioned = np.nonzero(~is_wrong)
    weights = np.ones(len(sample)) if judges.weights is None else judges.weights[is_wrong].astype(np.float64)
    return KnownWrong(
        questioned=Scores(judges.scores[~is_wrong].astype(np.float64), questioned, np.ones(len(questioned))),
        wrong=Scores(judges.scores[is_wrong].astype(np.float64), sample, weights),
        replaced=given[sample],
        label=judges.labels[is_wrong].astype(np.int64),
        luck=luck,
        is_weighed=is_weighed,
        may_hit=may_hit,
    )


def _weighed(known: KnownWrong, learnt: FloatC, given: IntN) -> KnownWrong:
    """Return the same labels, each counting as far as its class is learnt."""
    of_wrong = np.where(known.label < 0, 1.0, learnt[known.label])
    questioned, wrong = known.questioned, known.wrong
    return replace(
        known,
        questioned=replace(questioned, weights=questioned.weights * learnt[given[questioned.sample]]),
        wrong=replace(wrong, weights=wrong.weights * of_wrong),
    )


def _part(scores: Scores, keep: BoolN) -> Scores:
    return Scores(scores.values[keep], scores.sample[keep], scores.weights[keep])


def _mean_of_judges(questioned: Scores, wrong: FloatN, given: IntN) -> FloatN:
    """Return (N,) the mean p(wrong) of the judges that a sample had; 0 where it had none."""
    n_judges = np.maximum(np.bincount(questioned.sample, minlength=len(given)), 1)
    return np.asarray(np.bincount(questioned.sample, wrong, minlength=len(given)) / n_judges)


@dataclass(frozen=True, slots=True)
class _Named:
    """Which other classes the predictions name."""

    pairs: IntN  # (N K) C times the class named, plus the given label
    shares: NDArray[np.float64]  # (N, K) of what the others hold; 0 for the given label


def _named_by_predictions(evidence: Evidence, given: IntN, n_classes: int) -> _Named:
    shares = evidence.top_probs * (evidence.top_labels != given[:, None])
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), _TINY)
    return _Named((evidence.top_labels * n_classes + given[:, None]).ravel(), shares)


def _confusions(named: _Named, wrong: FloatN, likely: Table) -> Table:
    """Return (C, C) expected numbers of wrong labels, true label by given label.

    Args:
        named: what the predictions name.
        wrong: (N,) p(wrong).
        likely: (C, C) how likely each confusion is before a sample is looked at.
    """
    shares = named.shares * likely.ravel()[named.pairs].reshape(named.shares.shape)
    shares *= (wrong / np.maximum(shares.sum(axis=1), _TINY))[:, None]
    expected: Table = np.bincount(named.pairs, shares.ravel(), minlength=likely.size).astype(np.float64)
    return expected.reshape(likely.shape)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Which kinds of mistake the known-wrong labels are."""

    pairs: IntN  # (R,) C times the label that one replaces, plus the label; the diagonal holds "any of the rest"
    density: Table  # (C, C) share of the known-wrong labels, the rest left out
    even: Table  # (C, C) share if every other label were as likely


def _kinds_of(known: KnownWrong, given: IntN, n_classes: int) -> _Kinds:
    even = np.bincount(given, minlength=n_classes)[:, None] * (1.0 - np.eye(n_classes))
    even /= max(float(even.sum()), _TINY)
    pairs = known.replaced * n_classes + np.where(known.label < 0, known.replaced, known.label)
    planted = np.bincount(pairs, known.wrong.weights, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(planted, 0.0)
    density = (planted + _FEWEST / 2 * even) / (float(planted.sum()) + _FEWEST / 2)
    return _Kinds(pairs, density, even)


def _weights(kinds: _Kinds, confusions: Table, n: int) -> FloatN:
    """Return (R,) how much more often each known-wrong label's kind of mistake is made than it was planted."""
    density = kinds.density
    n_wrong = float(confusions.sum()) * n
    doubt = max(_FEWEST, 0.1 * n_wrong, 0.01 * n)
    made = (confusions * n + doubt * kinds.even) / max(n_wrong + doubt, _TINY)
    ratio = made / np.maximum(density, _TINY)
    # One label that stands for all of the rest has the mean weight of its row.
    row_mean = (made.sum(axis=1) - made.max(axis=1)) / np.maximum(density.sum(axis=1) - density.max(axis=1), _TINY)
    np.fill_diagonal(ratio, row_mean)
    return np.asarray(np.clip(ratio, *_WEIGHT_RANGE).ravel()[kinds.pairs])


def _luck(kinds: _Kinds, weights: FloatN, confusions: Table, given: IntN, noise: Share) -> float:
    """Return the share of planted labels that would be right by accident if all labels were wrong.

    One is right where the label that it replaced was a mistake of just that kind.
    """
    sizes = np.bincount(given, minlength=len(confusions))
    chance = confusions * len(given) / np.maximum(sizes, 1)
    right = float((weights * chance.T.ravel()[kinds.pairs]).sum() / max(float(weights.sum()), _TINY))
    return min(right / max(noise.rate, 1e-6), 1.0)
